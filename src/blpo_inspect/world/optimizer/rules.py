"""Induces rules of the kind "label L if the image contains a or b or c" from misjudged images.

Revises the rules in force as little as needed: every hypothesis is weighed by how well it explains people's labels, how
much it would be a coincidence if it were wrong, and how far it is from what is stated.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from blpo_inspect.world.optimizer.evidence import Evidence
from blpo_inspect.world.optimizer.language import CaptionFeature, Description

MOST = 3
"""Features in one rule."""

_NOISE = 0.05
"""How often people's label or the caption is wrong."""

_ADD, _DROP, _NARROW = 4.0, 8.0, 2.5
"""What a change of the rules must be worth, as the logarithm of odds."""

_POOL = 18


@dataclass(frozen=True)
class LabelledCaption:
    """One image: its caption, whether people give it the label in question, and whether the judge is right."""

    description: Description
    positive: bool
    right: bool = False


@dataclass(frozen=True)
class Hypothesis:
    """Features that give an image the label, how plausible they are, and how many cases they explain."""

    features: tuple[CaptionFeature, ...]
    score: float
    explained: int


def induce(cases: Sequence[LabelledCaption], stated: Sequence[CaptionFeature]) -> list[Hypothesis]:
    """Other rules than those stated that explain more cases than the judge gets right, the most plausible first.

    Stated features that the captions cannot tell are kept: nothing is known about them. Empty where there is nothing
    to go by.
    """
    if not any(case.description.number is not None for case in cases):
        return []
    weighing = _Weighing(cases, tuple(stated))
    seen: dict[frozenset[CaptionFeature], Hypothesis] = {}
    for features in weighing.hypotheses():
        key = frozenset(features)
        if features and key != frozenset(stated) and key not in seen:
            seen[key] = weighing.weigh(features)
    right = sum(case.right for case in cases)
    useful = [hypothesis for hypothesis in seen.values() if hypothesis.explained > right]
    return sorted(useful, key=lambda rule: (-rule.score, [feature.phrase() for feature in rule.features]))


class _Weighing:
    def __init__(self, cases: Sequence[LabelledCaption], stated: tuple[CaptionFeature, ...]) -> None:
        self.cases = cases
        self.stated = stated
        self.evidence = Evidence.of([case.description for case in cases])
        self.positive = sum(1 << place for place, case in enumerate(cases) if case.positive)
        self.negative = (1 << len(cases)) - 1 - self.positive
        self.masks = {feature: self.evidence.mask(feature) for feature in (*self.evidence.candidates, *stated)}

    def hypotheses(self) -> Iterator[tuple[CaptionFeature, ...]]:
        """Rules that can be reached from those stated: one changed or dropped at a time, others added."""
        pool = self._pool()
        for base, room in self._bases():
            for size in range(min(MOST, room) + 1):
                for extra in combinations(pool, size):
                    features = self._united(base, extra)
                    if len(features) <= MOST:
                        yield features

    def weigh(self, features: tuple[CaptionFeature, ...]) -> Hypothesis:
        added = [feature for feature in features if feature not in self.stated]
        dropped = [old for old in self.stated if old not in features and not any(f.covers(old) for f in features)]
        narrowed = [old for old in dropped if any(old.covers(f) for f in added)]
        score = -_DROP * (len(dropped) - len(narrowed)) - _NARROW * len(narrowed)
        score -= _ADD * len([new for new in added if not any(old.covers(new) for old in narrowed)])
        fires = 0
        for feature in features:
            fires |= self.masks[feature]
        wrong = (fires & self.negative) | (~fires & self.positive)
        explained = len(self.cases) - wrong.bit_count()
        score += wrong.bit_count() * math.log(_NOISE) + explained * math.log(1 - _NOISE)
        for place in range(len(self.cases)):
            bit = 1 << place
            if fires & self.positive & bit and added:
                # what is rare elsewhere is hardly there by chance
                share = sum(1 / self.evidence.likelihood(new) for new in added if self.masks[new] & bit) / len(added)
                score += math.log(share) if share else 0.0
            elif ~fires & self.negative & bit:
                # all false alarms of a feature lack its narrower form: the less likely by chance, the wider that is
                score += sum(
                    self.evidence.surprise(new, old)
                    for old in narrowed
                    if self.masks[old] & bit
                    for new in added
                    if old.covers(new)
                )
        return Hypothesis(features, score, explained)

    def _pool(self) -> list[CaptionFeature]:
        """The candidates that explain most by themselves."""

        def worth(feature: CaptionFeature) -> tuple[float, str]:
            mask = self.masks[feature]
            right, wrong = (mask & self.positive).bit_count(), (mask & self.negative).bit_count()
            rarity = -math.log(self.evidence.likelihood(feature))
            return -(right * (rarity - math.log(_NOISE)) + wrong * math.log(_NOISE)), feature.phrase()

        able = [
            candidate
            for candidate in self.evidence.candidates
            if self.masks[candidate] & self.positive and candidate not in self.stated
        ]
        return sorted(able, key=worth)[:_POOL]

    def _bases(self) -> Iterator[tuple[tuple[CaptionFeature, ...], int]]:
        """What may stay of the stated rules, and how many features may be added to it."""
        yield self.stated, MOST if not self.stated else 2
        for place, old in enumerate(self.stated):
            others = self.stated[:place] + self.stated[place + 1 :]
            if not self.evidence.tells(old):
                continue
            yield others, 2
            for new in self.evidence.candidates:
                if old.covers(new) and new != old:
                    yield (*others, new), 1
        for pair in combinations([old for old in self.stated if self.evidence.tells(old)], 2):
            yield tuple(old for old in self.stated if old not in pair), 2

    def _united(
        self, base: tuple[CaptionFeature, ...], extra: tuple[CaptionFeature, ...]
    ) -> tuple[CaptionFeature, ...]:
        """Both together, without what another feature covers."""
        features = tuple(dict.fromkeys((*base, *extra)))
        return tuple(
            feature for feature in features if not any(other != feature and other.covers(feature) for other in features)
        )
