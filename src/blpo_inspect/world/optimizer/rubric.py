"""From misjudged images to a rubric: the best mark, less one point for each of a few faults."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blpo_inspect.world.optimizer.evidence import Evidence
from blpo_inspect.world.optimizer.language import Description, Feature

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

    faults: tuple[Feature, ...]
    score: float
    error: float


def induce(rated: Sequence[Rated], stated: Sequence[Feature], *, worst: int, best: int) -> list[Rubric]:
    """Other rubrics than the stated one that fit people's marks better than the judge's marks do, best first.

    Stated faults that the captions cannot tell are kept. Empty where there is nothing to go by.
    """
    if not any(one.description.number is not None for one in rated):
        return []
    fitting = _Fitting(rated, tuple(stated), worst, best)
    seen: dict[frozenset[Feature], Rubric] = {frozenset(stated): fitting.weigh(tuple(stated))}
    beams: list[tuple[Feature, ...]] = [tuple(stated), ()] if stated else [()]
    for beam in beams:
        current = [beam]
        for _ in range(_ROUNDS):
            near: dict[frozenset[Feature], Rubric] = {}
            for faults in current:
                for other in fitting.neighbours(faults):
                    key = frozenset(other)
                    if key not in seen:
                        seen[key] = near[key] = fitting.weigh(other)
            current = [one.faults for one in sorted(near.values(), key=_order)[:_BEAM]]
    old = fitting.error_in_force()
    useful = [
        one for key, one in seen.items() if one.faults and key != frozenset(stated) and (one.error < old or not stated)
    ]
    return sorted(useful, key=_order)


def _order(one: Rubric) -> tuple[float, list[str]]:
    return -one.score, sorted(feature.phrase() for feature in one.faults)


class _Fitting:
    def __init__(self, rated: Sequence[Rated], stated: tuple[Feature, ...], worst: int, best: int) -> None:
        self.rated, self.stated, self.worst, self.best = rated, stated, worst, best
        self.evidence = Evidence.of([one.description for one in rated])
        self.masks = {one: self.evidence.mask(one) for one in (*self.evidence.candidates, *stated)}
        self.fixed = tuple(one for one in stated if not self.evidence.tells(one))
        # what was counted too widely may be narrower: the examples then hold only what should not have counted
        able = [
            candidate
            for candidate in self.evidence.candidates
            if self.masks[candidate] or any(old.covers(candidate) for old in stated)
        ]
        self.pool = sorted(able, key=lambda one: (-self.masks[one].bit_count(), one.phrase()))[:_POOL]

    def neighbours(self, faults: tuple[Feature, ...]) -> Iterator[tuple[Feature, ...]]:
        """Rubrics with one fault more, one less, or one in place of another."""
        for place, one in enumerate(faults):
            if one in self.fixed:
                continue
            rest = faults[:place] + faults[place + 1 :]
            yield rest
            yield from ((*rest[:place], new, *rest[place:]) for new in self.pool if new not in faults)
        if len(faults) < MOST:
            yield from ((*faults, new) for new in (*self.pool, *self.stated) if new not in faults)

    def error_in_force(self) -> float:
        """The mean error of the judge's marks; where one is not known, of the mark that the stated rubric gives."""
        marks = [
            one.judge if one.judge is not None else self._mark(one, 1 << place, self.stated, [], [])
            for place, one in enumerate(self.rated)
        ]
        return sum(abs(mark - one.human) for mark, one in zip(marks, self.rated, strict=True)) / len(self.rated)

    def weigh(self, faults: tuple[Feature, ...]) -> Rubric:
        added = [fault for fault in faults if fault not in self.stated]
        dropped = [one for one in self.stated if one not in faults]
        near = [one for one in dropped if any(one.covers(f) or f.covers(one) for f in added)]
        score = -_ADD * (len(added) - min(len(near), len(added))) - _DROP * len(dropped)
        error = 0
        for place, one in enumerate(self.rated):
            bit = 1 << place
            error += abs(self._mark(one, bit, faults, dropped, added) - one.human)
        score -= _STEP * error
        # of faults that fit alike the rarer is the less likely to fit by chance
        score += sum(0.3 * -math.log(self.evidence.likelihood(one)) for one in added)
        for wide in dropped:
            narrower = [one for one in added if wide.covers(one)]
            if len(narrower) == 1:
                lacking = (self.masks[wide] & ~self.masks[narrower[0]]).bit_count()
                score += lacking * self.evidence.surprise(narrower[0], wide)
        return Rubric(faults, score, error / len(self.rated))

    def _mark(
        self, one: Rated, bit: int, faults: tuple[Feature, ...], dropped: list[Feature], added: list[Feature]
    ) -> int:
        if self.fixed and one.judge is not None:
            # some faults cannot be seen in the caption, but the judge has counted them
            mark = one.judge + sum(self.masks[f] & bit > 0 for f in dropped)
            mark -= sum(self.masks[f] & bit > 0 for f in added)
        else:
            mark = self.best - sum(self.masks[f] & bit > 0 for f in faults)
        return min(max(mark, self.worst), self.best)
