"""The difference of two judges' accuracies on the same samples: Tango's score interval and McNemar's one-sided test."""

import math
from collections.abc import Hashable, Sequence
from typing import Any

from blpo_inspect.statistics.agreement import accuracy
from blpo_inspect.statistics.interval import Comparison, check_level, design_effect
from blpo_inspect.statistics.resampling import paired_difference

PERMUTATIONS = 4000
"""Of the test of clustered samples."""


def accuracy_difference(
    human: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    *,
    alpha: float,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> Comparison:
    """Difference of accuracies with Tango's interval at 1 - 2·alpha and a one-sided p of "no worse".

    Clusters count as in `proportion`: the interval is that of n over the design effect of the difference, but of no
    more than n samples. The design effect is that of the clusters and of two pseudo clusters of their mean size, one
    lost and one gained: without them, a drop of the margin by the loss of whole clusters passes up to 73 % of the time
    at a level of 5 % (5 clusters of 40; benchmarks/gate_characteristic.py).
    """
    level = 1 - 2 * alpha
    n = len(human)
    if not n:
        return Comparison(math.nan, math.nan, math.nan, 0, level, "no samples", math.nan)
    changes = [(new == truth) - (old == truth) for truth, old, new in zip(human, first, second, strict=True)]
    gained, lost = changes.count(1), changes.count(-1)
    value = (gained - lost) / n
    if clusters is None:
        low, high = tango(gained, lost, n, level=level)
        return Comparison(value, low, high, n, level, None, no_worse(gained, lost))
    count = len(set(clusters))
    if count == 1:
        return Comparison(value, math.nan, math.nan, n, level, "all samples are of one cluster", math.nan)
    effective = n / max(1.0, design_effect(changes, clusters, ends=(-1, 1), pseudo=1))
    low, high = tango(gained * effective / n, lost * effective / n, effective, level=level)
    both = paired_difference(human, first, second, accuracy, clusters=clusters, seed=seed, resamples=PERMUTATIONS).p
    reason = f"{n} samples in {count} clusters count as {effective:.0f} independent ones"
    return Comparison(value, low, high, n, level, reason, one_sided(value, both))


def no_worse(gained: int, lost: int) -> float:
    """p of McNemar's exact test, one-sided: how likely so many of the discordant samples are lost by a fair coin."""
    from scipy.stats import binom

    return float(binom.sf(lost - 1, gained + lost, 0.5))


def tango(gained: float, lost: float, n: float, *, level: float = 0.9) -> tuple[float, float]:
    """Tango's score interval for the difference of two paired proportions (Statistics in Medicine 17, 1998, 891-908).

    The differences that a score test at this level does not reject. It keeps its level for small samples and few
    discordant pairs, where Wald's does not (Fagerland, Lydersen and Laake, 2014, doi 10.1002/sim.6148), and without
    any discordant pair it is ± z²/(n + z²).

    Args:
        gained: Samples that only the second judge has right; need not be whole.
        lost: Samples that only the first has right.
        n: All samples, above 0.
        level: Of the interval.

    Returns:
        Lower and upper end of second minus first.
    """
    check_level(level)
    from scipy.optimize import brentq
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))

    def end(goal: float) -> float:
        # the score falls from +inf at -1 to -inf at 1; it is not defined at the ends themselves
        edge = 1 - 1e-12
        if float(tango_score(gained, lost, n, -edge)) <= goal:
            return -1.0
        if float(tango_score(gained, lost, n, edge)) >= goal:
            return 1.0
        return float(brentq(lambda delta: float(tango_score(gained, lost, n, delta)) - goal, -edge, edge, xtol=1e-12))

    return end(z), end(-z)


def tango_score(gained: Any, lost: Any, n: Any, delta: float) -> Any:
    """Tango's statistic of "the difference is delta", standard normal if it is; numbers or arrays."""
    import numpy as np

    gained, lost = np.asarray(gained, dtype=float), np.asarray(lost, dtype=float)
    middle = -gained - lost + (2 * n - gained + lost) * delta
    last = -lost * delta * (1 - delta)
    share = (np.sqrt(np.maximum(0.0, middle**2 - 8 * n * last)) - middle) / (4 * n)  # of losses, if delta holds
    return (gained - lost - n * delta) / np.sqrt(n * (2 * share + delta * (1 - delta)))


def one_sided(value: float, p: float) -> float:
    """The p of a fall, from that of a two-sided test whose distribution is symmetric; 1 where nothing fell."""
    return p / 2 if value < 0 else 1.0
