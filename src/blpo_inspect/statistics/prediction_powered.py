"""The true mean or share behind many verdicts of a judge and few labels of people: prediction-powered inference.

PPI++ (Angelopoulos, Duchi and Zrnic, 2023, arXiv 2311.01453): the mean of verdicts on unlabelled pictures, corrected by
the mean error on labelled ones, both in the weight that makes the variance smallest. It holds for every judge, a bad
one too, if labelled pictures are a random sample of those that it is asked about. Knows no labels and no files.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from blpo_inspect.statistics.interval import PSEUDO, Interval, check_level, design_effect
from blpo_inspect.statistics.search import smallest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEAST_LABELLED = 30
"""Labelled pictures below which there is no interval."""

LEAST_CLUSTERS = 10
"""Clusters of labelled pictures below which there is no interval."""

COMMON = 0.9
"""From this share of people's labels on that are the same, others are rare, and there may be some that nobody saw."""


@dataclass(frozen=True)
class Unlabelled:
    """Verdicts on pictures that nobody labelled, of one stratum or of all.

    Attributes:
        judge: The verdict on each picture as a number.
        clusters: The cluster of each; None: each is its own. Equal clusters of other parts are the same cluster.
        weight: The stratum's share; negative for what is subtracted.
    """

    judge: Sequence[float]
    clusters: Sequence[Hashable] | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Labelled(Unlabelled):
    """Verdicts on labelled pictures, with people's labels.

    Attributes:
        human: People's label of each picture as a number.
    """

    human: Sequence[float] = field(kw_only=True)

    @cached_property
    def units(self) -> int:
        """Number of clusters."""
        return len(self.human) if self.clusters is None else len(set(self.clusters))


@dataclass(frozen=True)
class Corrected(Interval):
    """A mean of people's labels with its interval.

    Attributes:
        weight: How much the verdicts count, 0 (not at all) to 1.
        more: About so many labels more would halve the interval; None where that is out of reach.
    """

    weight: float = 0.0
    more: int | None = None


def prediction_powered(
    labelled: Sequence[Labelled],
    unlabelled: Sequence[Unlabelled],
    *,
    ends: tuple[float, float],
    share: bool,
    weight: float | None = None,
    level: float = 0.95,
) -> Corrected:
    """The mean of people's labels over the pictures that the verdicts are about, or a difference of such means.

    λ · mean(verdicts on unlabelled) + mean(label - λ · verdict on labelled). Strata are parts with their shares as
    weights, a difference has parts with negative weights.

    The variance is that of sums over clusters (Liang and Zeger, 1986), the interval Student's t. Labels that happen to
    show no error are no certainty: the variance is also over pseudo labels. For a share these are 2 - λ missed pictures
    and as many false alarms, which is Agresti and Coull's interval (1998) at λ = 0 and Bonett and Price's for a paired
    difference (2012, doi 10.3102/1076998611411915) at λ = 1. For a mean they are one pair of a label and a verdict that
    go together by chance, or where nearly all labels of people are the same, 2 - λ pairs as far off as can be. In
    clusters a pseudo label weighs as many pictures as the design effect. benchmarks/estimate_coverage.py says how often
    such intervals hold.

    Args:
        labelled: The labelled pictures by stratum.
        unlabelled: The others, by stratum or all together. A picture that is in both has the same cluster there.
        ends: The least and the largest value that a label can have.
        share: Whether labels are 0 or 1.
        weight: λ; None for the one with the smallest variance, 0 for labels alone.
        level: Of the interval.

    Returns:
        The figure; without an interval (NaN, with the reason) below `LEAST_LABELLED` labels or `LEAST_CLUSTERS`
        clusters of either sign, and where a stratum has fewer than two.

    Raises:
        ValueError: A part is empty, lengths differ, or `level` is out of range.
    """
    check_level(level)
    _check(labelled, unlabelled)
    size = _Size(labelled, unlabelled, share)
    tuned = size.best(1.0) if weight is None else weight
    n = sum(len(part.human) for part in labelled)
    low, high = (sum(part.weight * ends[(part.weight > 0) != least] for part in labelled) for least in (True, False))
    value = math.fsum(part.weight * (_mean(part.human) - tuned * _mean(part.judge)) for part in labelled)
    value += tuned * math.fsum(part.weight * _mean(part.judge) for part in unlabelled)
    value = min(max(value, low), high)
    if reason := _too_few(labelled):
        return Corrected(value, math.nan, math.nan, n, level, reason, tuned)
    sums = _Sums()
    shift, parts = 0.0, []
    for part in labelled:
        moved, variance = sums.add_labelled(part, tuned, ends, share)
        shift += moved
        parts.append((variance, part.units - 1))
    for rest in unlabelled:
        sums.add_unlabelled(rest, tuned)
    variance = sums.variance
    from scipy.stats import t

    # Welch's degrees of freedom; they are those of the labels, of which there are few
    freedom = sum(one for one, _ in parts) ** 2 / sum(one**2 / units for one, units in parts)
    reach = float(t.ppf((1 + level) / 2, freedom)) * math.sqrt(variance)
    middle = value + shift
    return Corrected(
        value,
        min(value, max(low, middle - reach)),
        max(value, min(high, middle + reach)),
        n,
        level,
        None,
        tuned,
        size.more(n, fixed=weight),
    )


def _check(labelled: Sequence[Labelled], unlabelled: Sequence[Unlabelled]) -> None:
    if not labelled or not unlabelled or not all(len(part.judge) for part in (*labelled, *unlabelled)):
        raise ValueError("there must be labelled and unlabelled pictures, some of each stratum")
    for part in (*labelled, *unlabelled):
        if part.clusters is not None and len(part.clusters) != len(part.judge):
            raise ValueError(f"{len(part.judge)} pictures, but the cluster of {len(part.clusters)}")
    for part in labelled:
        if len(part.human) != len(part.judge):
            raise ValueError(f"{len(part.human)} labels, but {len(part.judge)} verdicts")


def _too_few(labelled: Sequence[Labelled]) -> str | None:
    for side in ([part for part in labelled if part.weight * sign > 0] for sign in (1, -1)):
        pictures, units = sum(len(part.human) for part in side), sum(part.units for part in side)
        if side and pictures < LEAST_LABELLED:
            return f"{pictures} labelled pictures are too few for an interval; label at least {LEAST_LABELLED}"
        if side and units < LEAST_CLUSTERS:
            return f"{units} clusters of labelled pictures are too few for an interval; at least {LEAST_CLUSTERS}"
    if any(part.units < 2 for part in labelled):
        return "a stratum has only one labelled picture or cluster; label at least two"
    return None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


class _Size:
    """How large the variance is by the number of labels, up to a factor: of independent pictures."""

    def __init__(self, labelled: Sequence[Labelled], unlabelled: Sequence[Unlabelled], share: bool) -> None:
        self.human = self.both = self.judge = self.rest = 0.0
        for part in labelled:
            human, both, judge = _moments(part, share)
            factor = part.weight**2 / len(part.human)
            self.human += factor * human
            self.both += factor * both
            self.judge += factor * judge
        import numpy as np

        for rest in unlabelled:
            self.rest += rest.weight**2 * float(np.var(rest.judge)) / len(rest.judge)

    def best(self, times: float) -> float:
        """The best weight of verdicts with so many times the labels."""
        apart = self.judge / times + self.rest
        return min(1.0, max(0.0, self.both / times / apart)) if apart > 0 else 0.0

    def variance(self, times: float, weight: float) -> float:
        """The variance with so many times the labels."""
        return (self.human - 2 * weight * self.both + weight**2 * self.judge) / times + weight**2 * self.rest

    def more(self, n: int, *, fixed: float | None) -> int | None:
        """So many labels more than n halve the interval."""

        def halved(more: int) -> bool:
            times = 1 + more / n
            weight = self.best(times) if fixed is None else fixed
            return self.variance(times, weight) <= aim

        now = self.best(1.0) if fixed is None else fixed
        aim = self.variance(1.0, now) / 4
        return smallest(halved) if aim > 0 else None


def _moments(part: Labelled, share: bool) -> tuple[float, float, float]:
    """Variance of labels, covariance, variance of verdicts, with a pair of pseudo labels: few labels tune little."""
    import numpy as np

    pseudo = abs(part.weight)
    human, judge = np.asarray(part.human, dtype=float), np.asarray(part.judge, dtype=float)
    counts = np.ones(len(human))
    if share:
        human, judge = np.append(human, [1.0, 0.0]), np.append(judge, [0.0, 1.0])
        counts = np.append(counts, [pseudo, pseudo])
    matrix = np.atleast_2d(np.cov(human, judge, aweights=counts, ddof=0))
    apart = 1.0 if share else len(part.human) / (len(part.human) + 2 * pseudo)
    return float(matrix[0, 0]), apart * float(matrix[0, 1]), float(matrix[1, 1])


class _Sums:
    """What each cluster adds to the estimate, apart from the mean."""

    def __init__(self) -> None:
        self._of: dict[Hashable, float] = {}
        self._alone = 0.0

    @property
    def variance(self) -> float:
        """Of the estimate."""
        return self._alone + math.fsum(total**2 for total in self._of.values())

    def add_labelled(
        self, part: Labelled, weight: float, ends: tuple[float, float], share: bool
    ) -> tuple[float, float]:
        """Add a labelled part; how far pseudo labels move the estimate, and the variance of the part alone."""
        import numpy as np

        errors = np.asarray(part.human, dtype=float) - weight * np.asarray(part.judge, dtype=float)
        middle, n = float(errors.mean()), len(errors)
        far, times = _pseudo_errors(part, weight, ends, middle, share)
        size = 1.0
        if part.clusters is not None and part.units < n:
            effect = design_effect(errors.tolist(), part.clusters, ends=far, pseudo=PSEUDO)
            size = min(max(1.0, effect), n / part.units)
        total = n + 2 * times * size
        moved = (n * middle + times * size * sum(far)) / total
        many = part.units + 2 * times
        free = many - 1 - (abs(part.weight) if weight else 0)  # a weight that was fitted to them takes one
        factor = part.weight * math.sqrt(many / free) / total
        pseudo = sum(times * (factor * size * (one - moved)) ** 2 for one in far)
        self._alone += pseudo
        return part.weight * (moved - middle), pseudo + self._add(factor * (errors - moved), part.clusters)

    def add_unlabelled(self, part: Unlabelled, weight: float) -> None:
        """Add an unlabelled part."""
        import numpy as np

        judge = np.asarray(part.judge, dtype=float)
        units = len(judge) if part.clusters is None else len(set(part.clusters))
        factor = part.weight * weight * math.sqrt(units / max(1, units - 1)) / len(judge)
        self._add(factor * (judge - judge.mean()), part.clusters)

    def _add(self, apart: "Floats", clusters: Sequence[Hashable] | None) -> float:
        if clusters is None:
            alone = float((apart**2).sum())
            self._alone += alone
            return alone
        own: dict[Hashable, float] = {}
        for value, cluster in zip(apart.tolist(), clusters, strict=True):
            own[cluster] = own.get(cluster, 0.0) + value
        for cluster, value in own.items():
            self._of[cluster] = self._of.get(cluster, 0.0) + value
        return math.fsum(value**2 for value in own.values())


def _pseudo_errors(
    part: Labelled, weight: float, ends: tuple[float, float], middle: float, share: bool
) -> tuple[tuple[float, float], float]:
    """The errors of pseudo labels of two kinds (false alarm and missed, or to either side), and how many of each."""
    times = abs(part.weight)
    if share:
        return (-weight, 1.0), times * (2 - weight)
    import numpy as np

    [(label, count)] = Counter(part.human).most_common(1)
    if count >= COMMON * len(part.human):
        apart = max(ends[1] - label, label - ends[0])
        return (middle - apart, middle + apart), times * (2 - weight)
    apart = math.sqrt(float(np.var(part.human)) + weight**2 * float(np.var(part.judge)))
    return (middle - apart, middle + apart), times
