"""Examples → training batches: token ids, pixels, targets of the answer and of the auxiliary heads.

Does not know the model: see `train`.
"""

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset

from blpo_inspect.world.drawing import draw
from blpo_inspect.world.scenes import ASPECTS, COLOURS, POSITIONS, SHAPES, SIZES, Claim, Scene
from training import judge_checkpoint
from training.phrasing import MARK
from training.skills import ASPECT_SETS, Example, example

VERDICT_WEIGHT = 0.95
"""Share of a judging example's loss that its verdict token carries; the end token has the rest."""

POOL = 4
"""Batches drawn together and sorted by length, so that little is padding."""

VISION_CLASSES = (len(COLOURS) + 1, len(SHAPES) + 1, len(SIZES) + 1)
"""Classes per image token: each colour, shape and size, and no figure."""

NAMED_CLASSES = (*VISION_CLASSES, 5)
"""Classes per phrase: each colour, shape, size and number, and none."""

CLAIM_TARGETS = len(ASPECT_SETS) + 12
"""Truths per text: for each set of aspects, then for each of three aspects and four quadrants."""

_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass
class Encoded:
    """One example as arrays: token ids, per-token target weight, auxiliary targets."""

    ids: list[int]
    start: int
    weights: list[float]
    pixels: np.ndarray[Any, np.dtype[np.float32]] | None
    marks: list[int]
    mark_truths: list[bool]
    claim_at: int
    claim_truths: list[bool]
    named: list[list[int]]
    aspects: list[bool]
    seen: list[tuple[int, int, int]]


class Encoder:
    """Examples → token ids, exactly as the checkpoint's tokenizer and template would (a test compares them)."""

    def __init__(self, words: list[str]) -> None:
        self.index = {word: i for i, word in enumerate(words)}

    def words(self, text: str) -> list[int]:
        """Ids of a text's words."""
        unknown = self.index["<unk>"]
        return [self.index.get(word, unknown) for word in _WORD.findall(text.lower())]

    def __call__(self, item: Example) -> Encoded:
        """Encode one example."""
        index = self.index
        ids = [index["<bos>"], index["<user>"]]
        if item.shown:
            ids += [index["<image>"]] * judge_checkpoint.IMAGE_TOKENS
        marks: list[int] = []
        claim_at = -1
        for piece_number, piece in enumerate(item.text.split(MARK)):
            if piece_number:
                marks.append(len(ids) - 1)
            if "</text>" in piece:
                head, tail = piece.split("</text>")
                ids += self.words(head + " </")
                claim_at = len(ids) - 1
                ids += self.words("text>" + tail)
            else:
                ids += self.words(piece)
        ids.append(index["<assistant>"])
        start = len(ids)
        answer = [*self.words(item.answer), index["<eos>"]]
        verdict = [VERDICT_WEIGHT, 1 - VERDICT_WEIGHT]
        weights = [1 / len(answer)] * len(answer) if item.skill == "caption" else verdict
        pixels: np.ndarray[Any, np.dtype[np.float32]] | None = None
        if item.shown:
            side = judge_checkpoint.IMAGE_SIDE
            small = draw(item.scene, item.drawing_seed).resize((side, side), resample=3)
            scaled = np.asarray(small, dtype=np.float32) / 255
            normed = (scaled - judge_checkpoint.PIXEL_MEAN) / judge_checkpoint.PIXEL_STD
            pixels = normed.transpose(2, 0, 1).astype(np.float32)
        return Encoded(
            ids + answer,
            start,
            weights,
            pixels,
            marks,
            [rule.present(item.scene) for rule in item.rules],
            claim_at,
            [] if item.claim is None else _claim_truths(item.scene, item.claim),
            [_named(r.size, r.colour, r.shape, r.more_than or 0) for r in item.rules]
            + ([_named(c.size, c.colour, c.shape, c.number)] if (c := item.claim) else []),
            [aspect in item.aspects for aspect in ASPECTS] if item.claim is not None else [],
            _seen(item.scene) if item.shown else [],
        )


def _seen(scene: Scene) -> list[tuple[int, int, int]]:
    """For each image token in reading order: colour, shape and size of its quadrant's figure (0: none)."""
    figures = {POSITIONS.index(figure.position): figure for figure in scene.figures}
    side = judge_checkpoint.IMAGE_SIDE // judge_checkpoint.PATCH
    classes = []
    for row, column in itertools.product(range(side), repeat=2):
        figure = figures.get(2 * (2 * row // side) + 2 * column // side)
        classes.append(
            (0, 0, 0)
            if figure is None
            else (
                1 + COLOURS.index(figure.colour),
                1 + SHAPES.index(figure.shape),
                1 + SIZES.index(figure.size),
            )
        )
    return classes


def _named(size: str | None, colour: str | None, shape: str | None, number: int) -> list[int]:
    """Classes of what a phrase names (0: does not name it)."""
    return [
        0 if colour is None else 1 + COLOURS.index(colour),
        0 if shape is None else 1 + SHAPES.index(shape),
        0 if size is None else 1 + SIZES.index(size),
        number,
    ]


def _claim_truths(scene: Scene, claim: Claim) -> list[bool]:
    """Whether the claim holds for each set of aspects; then, aspect by aspect, which figures agree with it."""
    by_place = {figure.position: figure for figure in scene.figures}
    agree = [
        place in by_place and getattr(by_place[place], aspect) == getattr(claim, aspect)
        for aspect in ("size", "colour", "shape")
        for place in POSITIONS
    ]
    return [claim.holds(scene, aspects) for aspects in ASPECT_SETS] + agree


Batch = dict[str, torch.Tensor]


def collate(items: list[Encoded]) -> Batch:
    """Pad on the right; targets are listed flat as (row, column) pairs."""
    length = math.ceil(max(len(item.ids) for item in items) / 8) * 8
    ids = torch.zeros(len(items), length, dtype=torch.long)
    mask = torch.zeros(len(items), length, dtype=torch.long)
    target: list[tuple[int, int, int, float]] = []
    marks: list[tuple[int, int]] = []
    mark_weights: list[float] = []
    mark_truths: list[bool] = []
    named: list[list[int]] = []
    claims: list[tuple[int, int]] = []
    verdicts: list[tuple[int, int]] = []
    aspects: list[list[bool]] = []
    claim_truths: list[list[bool]] = []
    for row, item in enumerate(items):
        ids[row, : len(item.ids)] = torch.tensor(item.ids)
        mask[row, : len(item.ids)] = 1
        for offset, weight in enumerate(item.weights):
            target.append((row, item.start + offset - 1, item.ids[item.start + offset], weight))
        for column, truths in zip(item.marks, item.mark_truths, strict=True):
            marks.append((row, column))
            mark_weights.append(1 / len(item.marks))
            mark_truths.append(truths)
        if item.claim_at >= 0:
            claims.append((row, item.claim_at))
            claim_truths.append(item.claim_truths)
            verdicts.append((row, item.start - 1))
            aspects.append(item.aspects)
    for item in items:
        named += item.named[: len(item.marks)]
    for item in items:
        named += item.named[len(item.marks) :]
    pixels = [item.pixels for item in items if item.pixels is not None]
    return {
        "ids": ids,
        "mask": mask,
        "pixels": torch.from_numpy(np.stack(pixels)),
        "target": torch.tensor(target, dtype=torch.float64),
        "marks": torch.tensor(marks, dtype=torch.long).reshape(-1, 2),
        "mark_weights": torch.tensor(mark_weights, dtype=torch.float32),
        "mark_truths": torch.tensor(mark_truths, dtype=torch.float32),
        "named": torch.tensor(named, dtype=torch.long).reshape(-1, 4),
        "seen": torch.tensor([item.seen for item in items if item.seen], dtype=torch.long),
        "verdicts": torch.tensor(verdicts, dtype=torch.long).reshape(-1, 2),
        "aspects": torch.tensor(aspects, dtype=torch.float32).reshape(-1, len(ASPECTS)),
        "claims": torch.tensor(claims, dtype=torch.long).reshape(-1, 2),
        "claim_truths": torch.tensor(claim_truths, dtype=torch.float32).reshape(-1, CLAIM_TARGETS),
    }


class Stream(IterableDataset[Batch]):
    """An endless, seeded stream of training batches.

    Args:
        words: The vocabulary.
        shares: Share of each skill; need not add up to 1.
        seed: Numbers that fix the examples; another list, other examples.
        batch: Examples per batch.
        first_step: Where to start, a multiple of `POOL`.
    """

    def __init__(
        self, words: list[str], shares: Mapping[str, float], seed: tuple[int, int], batch: int, first_step: int = 0
    ) -> None:
        self.encoder = Encoder(words)
        self.shares = dict(shares)
        self.seed = seed
        self.batch = batch
        self.first_step = first_step

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; pools of `POOL` batches are sorted by length and shuffled."""
        skills, shares = list(self.shares), np.array(list(self.shares.values()))
        for pool in itertools.count(self.first_step // POOL):
            rng = np.random.default_rng([*self.seed, pool])
            chosen = rng.choice(len(skills), size=self.batch * POOL, p=shares / shares.sum())
            base = (self.seed[0] * 1_000_003 + self.seed[1] * 100_003 + pool) * self.batch * POOL
            items = [self.encoder(example(base + i, skills[k])) for i, k in enumerate(chosen)]
            items.sort(key=lambda item: len(item.ids))
            for n in rng.permutation(POOL):
                yield collate(items[n * self.batch : (n + 1) * self.batch])
