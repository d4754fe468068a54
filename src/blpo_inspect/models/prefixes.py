"""Kept beginnings of requests: the keys and values of an image and what stands before it, by content.

Does not compute them (`continuation`) and does not decide whether a model allows it (`reuse`).
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

import torch
from torch import Tensor

Groups = tuple[tuple[int, ...], ...]
"""Which of a model's states (keys and values of layer 0, of layer 1, …) are stacked in one tensor, as they have equal
shape and place. Usually all."""


@dataclass(frozen=True)
class Prefix:
    """What a model computed of the first tokens of one request."""

    states: tuple[Tensor, ...]
    """Per group: states × heads × length × head size."""

    groups: Groups
    homes: tuple[torch.device, ...]
    """Per group, where the model wants it."""

    tokens: tuple[int, ...]
    """Token ids; the tokens of images all have the same id."""

    rope_delta: Tensor | None = None
    """1×1: by how much positions after the images run ahead of token counts, in models with multi-axis positions."""

    @property
    def length(self) -> int:
        """Tokens."""
        return len(self.tokens)

    @property
    def nbytes(self) -> int:
        return sum(state.nbytes for state in self.states)

    def cut(self, length: int) -> "Prefix":
        """Its first tokens only; shares memory with it."""
        if length == self.length:
            return self
        return replace(self, states=tuple(state[:, :, :length] for state in self.states), tokens=self.tokens[:length])

    def on_host(self) -> "Prefix":
        """The same in host memory, page-locked where there is a GPU to be fed from it."""
        pin = torch.cuda.is_available()
        states = tuple(state.cpu().pin_memory() if pin else state.cpu() for state in self.states)
        return replace(self, states=states)


class PrefixStore:
    """Kept prefixes within a memory budget, least recently used out. Thread-safe.

    Who holds a prefix may go on with it after it left the store.

    Args:
        budget: Bytes of all kept prefixes together.
        offload: Keep them in host memory instead of on the model's device.
    """

    def __init__(self, budget: int = 0, *, offload: bool = False) -> None:
        self.budget = budget
        self.offload = offload
        self.hits = 0
        """Prefixes that were asked for and were there."""
        self.misses = 0
        self.evicted = 0
        self._kept: OrderedDict[str, Prefix] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._held

    def get(self, key: str) -> Prefix | None:
        """The prefix, which counts as used now."""
        with self._lock:
            prefix = self._kept.get(key)
            if prefix is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
            return prefix

    def put(self, key: str, prefix: Prefix) -> bool:
        """Keep a prefix; false where it alone is over the budget."""
        if prefix.nbytes > self.budget:
            return False
        if self.offload:
            prefix = prefix.on_host()
        with self._lock:
            former = self._kept.pop(key, None)
            self._held += prefix.nbytes - (former.nbytes if former else 0)
            self._kept[key] = prefix
            self._evict()
        return True

    def shrink(self) -> None:
        """Halve the budget: memory ran out."""
        with self._lock:
            self.budget //= 2
            self._evict()

    def clear(self) -> None:
        """Keep nothing from now on."""
        with self._lock:
            self.budget = 0
            self._evict()

    def _evict(self) -> None:
        while self._held > self.budget:
            _, dropped = self._kept.popitem(last=False)
            self._held -= dropped.nbytes
            self.evicted += 1


def grouped(states: Sequence[Tensor]) -> Groups:
    """Which states can be stacked: those of equal device, type, number of heads and head size."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for number, state in enumerate(states):
        alike.setdefault((state.device, state.dtype, state.shape[1], state.shape[3]), []).append(number)
    return tuple(tuple(numbers) for numbers in alike.values())
