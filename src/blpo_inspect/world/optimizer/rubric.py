"""Induces a rubric from misjudged images: the best mark, less one point for each of a few faults."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blpo_inspect.world.optimizer.evidence import Evidence
from blpo_inspect.world.optimizer.language import CaptionFeature, Description

MOST = 4
"""Faults in one rubric."""

_STEP = 2.0
"""What one point of error costs, as the logarithm of odds."""

_ADD, _DROP = 3.0, 3.0
"""What a change of the rubric must be worth."""

_BEAM, _ROUNDS, _POOL = 8, 5, 100


@dataclass(frozen=True)
class Rated:
    """One image: what its caption says, people's mark, and the judge's (None if it is not known)."""

    description: Description
    human: int
    judge: int | None


@dataclass(frozen=True)
class Rubric:
    """Faults, how plausible they are, and the mean error that is left on the examples."""

    faults: tuple[CaptionFeature, ...]
    score: float
    error: float


def induce(rated: Sequence[Rated], stated: Sequence[CaptionFeature], *, worst: int, best: int) -> list[Rubric]:
    """Other rubrics than the stated one that fit people's marks better than the judge's marks do, best first.

    Stated faults that the captions cannot tell are kept. Empty where there is nothing to go by.
    """
    if not any(image.description.number is not None for image in rated):
        return []
    fitting = _Fitting(rated, tuple(stated), worst, best)
    seen: dict[frozenset[CaptionFeature], Rubric] = {frozenset(stated): fitting.weigh(tuple(stated))}
    beams: list[tuple[CaptionFeature, ...]] = [tuple(stated), ()] if stated else [()]
    for beam in beams:
        current = [beam]
        for _ in range(_ROUNDS):
            near: dict[frozenset[CaptionFeature], Rubric] = {}
            for faults in current:
                for other in fitting.neighbours(faults):
                    key = frozenset(other)
                    if key not in seen:
                        seen[key] = near[key] = fitting.weigh(other)
            current = [rubric.faults for rubric in sorted(near.values(), key=_order)[:_BEAM]]
    old = fitting.error_in_force()
    useful = [
        rubric
        for key, rubric in seen.items()
        if rubric.faults and key != frozenset(stated) and (rubric.error < old or not stated)
    ]
    return sorted(useful, key=_order)


def _order(rubric: Rubric) -> tuple[float, list[str]]:
    return -rubric.score, sorted(fault.phrase() for fault in rubric.faults)


class _Fitting:
    def __init__(self, rated: Sequence[Rated], stated: tuple[CaptionFeature, ...], worst: int, best: int) -> None:
        self.rated, self.stated, self.worst, self.best = rated, stated, worst, best
        self.evidence = Evidence.of([image.description for image in rated])
        self.masks = {feature: self.evidence.mask(feature) for feature in (*self.evidence.candidates, *stated)}
        self.fixed = tuple(fault for fault in stated if not self.evidence.tells(fault))
        # what was counted too widely may be narrower: the examples then hold only what should not have counted
        able = [
            candidate
            for candidate in self.evidence.candidates
            if self.masks[candidate] or any(old.covers(candidate) for old in stated)
        ]
        self.pool = sorted(able, key=lambda fault: (-self.masks[fault].bit_count(), fault.phrase()))[:_POOL]

    def neighbours(self, faults: tuple[CaptionFeature, ...]) -> Iterator[tuple[CaptionFeature, ...]]:
        """Rubrics with one fault more, one less, or one in place of another."""
        for place, fault in enumerate(faults):
            if fault in self.fixed:
                continue
            rest = faults[:place] + faults[place + 1 :]
            yield rest
            yield from ((*rest[:place], new, *rest[place:]) for new in self.pool if new not in faults)
        if len(faults) < MOST:
            yield from ((*faults, new) for new in (*self.pool, *self.stated) if new not in faults)

    def error_in_force(self) -> float:
        """The mean error of the judge's marks; where a mark is not known, of the mark that the stated rubric gives."""
        marks = [
            image.judge if image.judge is not None else self._mark(image, 1 << place, self.stated, [], [])
            for place, image in enumerate(self.rated)
        ]
        return sum(abs(mark - image.human) for mark, image in zip(marks, self.rated, strict=True)) / len(self.rated)

    def weigh(self, faults: tuple[CaptionFeature, ...]) -> Rubric:
        added = [fault for fault in faults if fault not in self.stated]
        dropped = [fault for fault in self.stated if fault not in faults]
        near = [fault for fault in dropped if any(fault.covers(f) or f.covers(fault) for f in added)]
        score = -_ADD * (len(added) - min(len(near), len(added))) - _DROP * len(dropped)
        error = 0
        for place, image in enumerate(self.rated):
            error += abs(self._mark(image, 1 << place, faults, dropped, added) - image.human)
        score -= _STEP * error
        # of faults that fit alike the rarer is the less likely to fit by chance
        score += sum(0.3 * -math.log(self.evidence.likelihood(fault)) for fault in added)
        for wide in dropped:
            narrower = [fault for fault in added if wide.covers(fault)]
            if len(narrower) == 1:
                lacking = (self.masks[wide] & ~self.masks[narrower[0]]).bit_count()
                score += lacking * self.evidence.surprise(narrower[0], wide)
        return Rubric(faults, score, error / len(self.rated))

    def _mark(
        self,
        image: Rated,
        bit: int,
        faults: tuple[CaptionFeature, ...],
        dropped: list[CaptionFeature],
        added: list[CaptionFeature],
    ) -> int:
        if self.fixed and image.judge is not None:
            # some faults cannot be seen in the caption, but the judge has counted them
            mark = image.judge + sum(self.masks[f] & bit > 0 for f in dropped)
            mark -= sum(self.masks[f] & bit > 0 for f in added)
        else:
            mark = self.best - sum(self.masks[f] & bit > 0 for f in faults)
        return min(max(mark, self.worst), self.best)
