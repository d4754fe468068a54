"""Processed requests, remembered in two halves: up to the last image, and the text after it.

One image is asked about under many texts, and one text of many images. Whoever has seen an image's half and a text's
half can put their tokens together without tokenizing, decoding or resizing anything. That holds where a tokenizer
treats the text after an image's place alike whatever the image, which is checked whenever both are known.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock

import torch
from pydantic import JsonValue
from torch import Tensor

from blpo_inspect.models.collate import SEQUENCE_INPUTS, STACKED_INPUTS

PIXELS = 1 << 30
"""Most bytes of processed images that are remembered."""

ENTRIES = 8192
"""Most halves of either kind."""

Inputs = Mapping[str, Tensor]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Head:
    """A request up to its last image token."""

    tokens: Inputs
    """Sequence inputs, 1×length."""

    images: tuple[dict[str, JsonValue], ...]
    """As `Prepared.images`."""

    pixels: Inputs | None
    """Vision inputs, or `None` where they are no longer remembered."""

    @property
    def nbytes(self) -> int:
        return sum(value.nbytes for value in (self.pixels or {}).values())


class Halves:
    """What is remembered, oldest out. Thread-safe."""

    def __init__(self, *, pixels: int = PIXELS, entries: int = ENTRIES) -> None:
        self._heads: OrderedDict[str, Head] = OrderedDict()
        self._tails: OrderedDict[str, Inputs] = OrderedDict()
        self._most_pixels, self._most_entries = pixels, entries
        self._held = 0
        self._usable = True
        self._lock = Lock()

    def find(self, head: str, tail: str) -> tuple[Head, Inputs] | None:
        """Both halves, where both are known.

        Args:
            head: A key of images and the text before the last image's place.
            tail: The text after it.
        """
        with self._lock:
            if not self._usable or head not in self._heads or tail not in self._tails:
                return None
            self._heads.move_to_end(head)
            self._tails.move_to_end(tail)
            return self._heads[head], self._tails[tail]

    def learn(
        self, head: str, tail: str, inputs: Inputs, length: int, images: tuple[dict[str, JsonValue], ...]
    ) -> None:
        """Remember a request that was processed as a whole.

        Args:
            head: As in `find`.
            tail: As in `find`.
            inputs: All inputs.
            length: Tokens of the head.
            images: As `Prepared.images`.
        """
        if any(key not in SEQUENCE_INPUTS and key not in STACKED_INPUTS for key in inputs):
            return
        sequences = {key: value for key, value in inputs.items() if key in SEQUENCE_INPUTS}
        tokens = {key: value[:, :length] for key, value in sequences.items()}
        rest = {key: value[:, length:] for key, value in sequences.items()}
        pixels = {key: value for key, value in inputs.items() if key in STACKED_INPUTS}
        with self._lock:
            if not self._usable:
                return
            known_head, known_tail = self._heads.pop(head, None), self._tails.pop(tail, None)
            if not (_same(known_head.tokens if known_head else None, tokens) and _same(known_tail, rest)):
                self._usable = False
                self._heads.clear()
                self._tails.clear()
                self._held = 0
                logger.warning("hf-vlm: texts and images cannot be processed apart with this checkpoint's tokenizer")
                return
            self._held -= known_head.nbytes if known_head else 0
            self._heads[head] = Head(tokens, images, pixels)
            self._held += self._heads[head].nbytes
            self._tails[tail] = rest
            self._forget()

    def forget_pixels(self, head: str) -> None:
        """Let go of an image's pixels: what the model made of them is kept."""
        with self._lock:
            self._strip(head)

    def _strip(self, head: str) -> None:
        known = self._heads.get(head)
        if known is not None:
            self._held -= known.nbytes
            self._heads[head] = replace(known, pixels=None)

    def _forget(self) -> None:
        while len(self._tails) > self._most_entries:
            self._tails.popitem(last=False)
        while len(self._heads) > self._most_entries:
            _, dropped = self._heads.popitem(last=False)
            self._held -= dropped.nbytes
        if self._held > self._most_pixels:
            for head in list(self._heads):
                self._strip(head)
                if self._held <= self._most_pixels:
                    return


def _same(known: Inputs | None, now: Inputs) -> bool:
    return known is None or (
        known.keys() == now.keys() and all(torch.equal(known[key], value) for key, value in now.items())
    )
