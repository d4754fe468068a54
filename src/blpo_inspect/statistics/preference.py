"""Which of two images is better: pairwise accuracy within a group, such as the images made from one prompt.

For data where people ranked the images of a group, and where values of different groups cannot be compared.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, cast

from blpo_inspect.statistics.interval import Interval, no_interval
from blpo_inspect.statistics.resampling import bootstrap
from blpo_inspect.statistics.units import Units

if TYPE_CHECKING:
    from blpo_inspect.statistics.units import Floats


@dataclass(frozen=True, order=True)
class Pairs:
    """The pairs of samples of one or more groups.

    Attributes:
        right: People prefer one sample, and the judge prefers the same.
        wrong: People prefer one sample, the judge the other.
        judge_ties: People prefer one sample, the judge neither.
        human_ties: People prefer neither; whatever the judge says, it is neither right nor wrong.
    """

    right: int = 0
    wrong: int = 0
    judge_ties: int = 0
    human_ties: int = 0

    def __add__(self, other: "Pairs") -> "Pairs":
        return Pairs(
            self.right + other.right,
            self.wrong + other.wrong,
            self.judge_ties + other.judge_ties,
            self.human_ties + other.human_ties,
        )


def count_pairs(human: Sequence[float], judge: Sequence[float], groups: Sequence[Hashable]) -> dict[Hashable, Pairs]:
    """The pairs within each group, in the order of the groups' first samples; on both sides more is better.

    Raises:
        ValueError: Lengths differ.
    """
    members: defaultdict[Hashable, list[tuple[float, float]]] = defaultdict(list)
    for theirs, verdict, group in zip(human, judge, groups, strict=True):
        members[group].append((theirs, verdict))
    return {
        group: sum((_pair(sample, other) for sample, other in combinations(rows, 2)), Pairs())
        for group, rows in members.items()
    }


def preferences(
    human: Sequence[float],
    judge: Sequence[float],
    groups: Sequence[Hashable],
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Pairwise accuracy within groups, with percentile bootstrap intervals over groups.

    Args:
        human: Values of people, one per sample; more is better.
        judge: The judge's values.
        groups: The group of each sample.
        clusters: What is resampled, for each sample; a group lies within one cluster. None: the groups.
        seed: Of the resampling, at least 0.
        resamples: How many, at least 1.
        level: Of the intervals.

    Returns:
        ``preference``: the judge's share of pairs in people's order, its ties counting half, 0 to 1, by chance 0.5.
        ``preference_decided``: the same over the pairs that the judge does not tie.
        ``judge_ties``: share of the pairs that people order and the judge does not.
        ``human_ties``: share of all pairs that people do not order, which count for nothing else.
        Each interval's `n` is its number of pairs; the values are NaN where there are none.

    Raises:
        ValueError: As `resampled`.
    """
    counted = count_pairs(human, judge, groups)
    cluster = dict(zip(groups, groups if clusters is None else clusters, strict=True))
    total = sum(counted.values(), Pairs())
    units = Units.of([_row(pairs) for pairs in counted.values()], [cluster[group] for group in counted])
    # groups are clusters of samples, which `bootstrap` sees by their number
    units = replace(units, n=len(human))
    intervals = {}
    for name, (over, under) in _SHARES.items():
        n = sum(part * count for part, count in zip(under, _row(total), strict=True))
        if not n:
            intervals[name] = no_interval(math.nan, 0, level, _NO_PAIRS[name])
            continue
        value = sum(part * count for part, count in zip(over, _row(total), strict=True)) / n

        def share(
            units: Units, weights: "Floats", over: Sequence[float] = over, under: Sequence[int] = under
        ) -> "Floats":
            import numpy as np

            sums = weights @ np.array(units.rows, dtype=float)
            with np.errstate(invalid="ignore"):
                return cast("Floats", sums @ np.array(over) / (sums @ np.array(under)))

        interval = bootstrap(units, value, share, seed=seed, resamples=resamples, level=level)
        intervals[name] = Interval(interval.value, interval.low, interval.high, n, level, interval.reason)
    return intervals


# parts of (right, wrong, judge_ties, human_ties) over parts of the same
_SHARES: dict[str, tuple[tuple[float, ...], tuple[int, ...]]] = {
    "preference": ((1, 0, 0.5, 0), (1, 1, 1, 0)),
    "preference_decided": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "judge_ties": ((0, 0, 1, 0), (1, 1, 1, 0)),
    "human_ties": ((0, 0, 0, 1), (1, 1, 1, 1)),
}
_NO_PAIRS = {
    "preference": "people order no pair of samples within a group",
    "preference_decided": "no pair within a group is ordered by both people and the judge",
    "judge_ties": "people order no pair of samples within a group",
    "human_ties": "no group has two samples",
}


def _row(pairs: Pairs) -> tuple[int, int, int, int]:
    return pairs.right, pairs.wrong, pairs.judge_ties, pairs.human_ties


def _pair(sample: tuple[float, float], other: tuple[float, float]) -> Pairs:
    human, judge = sample[0] - other[0], sample[1] - other[1]
    if not human:
        return Pairs(human_ties=1)
    if not judge:
        return Pairs(judge_ties=1)
    return Pairs(right=1) if (human > 0) == (judge > 0) else Pairs(wrong=1)
