"""The result type of every figure, and the two intervals that need no resampling: Wilson's and Fisher's.

Does not draw samples (`resampling`) and does not choose an interval for a figure (`named_statistics`).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Statistic = Callable[[Sequence[Any], Sequence[Any]], float]
"""A figure of (human, judge) values, such as `accuracy`; the order of the samples must not matter to it."""

MOST = 1 - 1e-12
"""A correlation beyond this is ±1: rounding keeps it from being exactly that."""

PSEUDO = 0.5
"""Pseudo clusters of either kind in the design effect of a share."""


@dataclass(frozen=True)
class Interval:
    """A figure with its interval.

    Attributes:
        value: The figure on the samples as they are; NaN where it is not defined.
        low: Lower end of the interval; NaN where there is none.
        high: Upper end.
        n: Samples that it rests on.
        level: How often such intervals cover the true figure, about; 0 to 1.
        reason: Why a number is NaN, or what the interval does not tell; None where there is nothing to say.
    """

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95
    reason: str | None = None


@dataclass(frozen=True)
class Comparison(Interval):
    """The difference between two judges on the same samples: second minus first.

    Attributes:
        p: Two-sided p-value of no difference; NaN where there is none.
    """

    p: float = math.nan


def no_interval(value: float, n: int, level: float, reason: str) -> Interval:
    """A figure without an interval."""
    return Interval(value, math.nan, math.nan, n, level, reason)


def check_level(level: float) -> None:
    """Refuse a level that is none.

    Raises:
        ValueError: Not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, not {level}")


def proportion(hits: Sequence[bool], *, clusters: Sequence[Hashable] | None = None, level: float = 0.95) -> Interval:
    """A share with Wilson's score interval (statsmodels ``proportion_confint``), 0 to 1.

    Where samples come in clusters, the interval is Wilson's for the effective number of samples: n over the design
    effect of the share, but no more than n (Dean and Pagano, 2015, doi 10.1093/jssam/smv024). The design effect is
    that of the clusters and of half a pseudo cluster each in which all and none count: few clusters tell little of how
    different clusters can be, and where whole clusters are rare there may be none among them. The price is a wider
    interval where clusters do not matter and are few (benchmarks/interval_coverage.py).

    Args:
        hits: Whether each sample counts.
        clusters: The cluster of each sample; none: every sample is its own.
        level: Of the interval.

    Returns:
        The interval; NaN for no samples. With one cluster of several samples there is a share but no interval.

    Raises:
        ValueError: Lengths differ, or `level` is out of range.
    """
    check_level(level)
    n = len(hits)
    if not n:
        return no_interval(math.nan, 0, level, "no samples")
    share = sum(map(bool, hits)) / n
    sizes: Counter[Hashable] = Counter(clusters if clusters is not None else range(n))
    if sizes.total() != n:
        raise ValueError(f"{n} samples, but the cluster of {sizes.total()}")
    if len(sizes) == 1 and n > 1:
        return no_interval(share, n, level, "all samples are of one cluster")
    effective: float = n
    reason = None
    if len(sizes) < n and clusters is not None:
        effective = n / share_effect(hits, clusters)
        reason = f"{n} samples in {len(sizes)} clusters count as {effective:.0f} independent ones"
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(share * effective, effective, alpha=1 - level, method="wilson")
    # rounding may leave the share out of the interval at 0 and 1
    return Interval(share, min(share, max(0.0, float(low))), max(share, min(1.0, float(high))), n, level, reason)


def share_effect(hits: Sequence[bool], clusters: Sequence[Hashable] | None) -> float:
    """The design effect of a share for `proportion`, 1 or more; 1 where each sample is its own, or all are one."""
    if clusters is None or not 1 < len(set(clusters)) < len(hits):
        return 1.0
    return max(1.0, design_effect(list(map(bool, hits)), clusters, ends=(0, 1), pseudo=PSEUDO))


def design_effect(
    values: Sequence[float], clusters: Sequence[Hashable], *, ends: tuple[float, float], pseudo: float
) -> float:
    """How many times the variance of a mean of clustered values is that of independent ones.

    Args:
        values: Of each sample.
        clusters: The cluster of each; at least two.
        ends: The least and the largest value there can be.
        pseudo: So many pseudo clusters of the mean size have the one in every sample, and as many the other. With none
            the effect may be 0/0: then it is the mean size.
    """
    sums: defaultdict[Hashable, float] = defaultdict(float)
    sizes = Counter(clusters)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value
    count, size = len(sizes), len(values) / len(sizes)
    middle = (sum(values) + pseudo * size * sum(ends)) / (len(values) + 2 * pseudo * size)
    apart = pseudo * sum((end - middle) ** 2 for end in ends)
    between = sum((sums[each] - sizes[each] * middle) ** 2 for each in sizes) + size**2 * apart
    within = sum((value - middle) ** 2 for value in values) + size * apart
    many = count + 2 * pseudo
    return many / (many - 1) * between / within if within else size


def fisher_z(
    value: float, n: int, *, kind: Literal["pearson", "spearman"] = "pearson", level: float = 0.95
) -> Interval:
    """A correlation with the interval of Fisher's z, -1 to 1.

    The standard error of z is 1/√(n-3) for Pearson's and √((1+r²/2)/(n-3)) for Spearman's (Bonett and Wright, 2000,
    doi 10.1007/BF02294183). It supposes independent samples and, for Pearson's, roughly normal values.

    Returns:
        The interval; none below 4 samples and none at ±1, where z is infinite.
    """
    check_level(level)
    if math.isnan(value):
        return no_interval(value, n, level, "the correlation is not defined on these values")
    if n < 4:
        return no_interval(value, n, level, "Fisher's z needs at least 4 samples")
    if abs(value) >= MOST:
        return no_interval(value, n, level, "Fisher's z has no interval at a correlation of ±1")
    from scipy.special import ndtri

    error = math.sqrt((1 + value**2 / 2 if kind == "spearman" else 1) / (n - 3))
    reach = float(ndtri((1 + level) / 2)) * error
    z = math.atanh(value)
    return Interval(value, math.tanh(z - reach), math.tanh(z + reach), n, level)
