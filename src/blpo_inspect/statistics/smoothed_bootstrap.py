"""The difference of any figure between two judges who may differ on few samples or none.

The plain bootstrap (`resampling`) takes few differences for certainty; here two pseudo samples stand for those that
other samples might show.
"""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.interval import Comparison
from blpo_inspect.statistics.named_statistics import Named
from blpo_inspect.statistics.paired_proportions import one_sided
from blpo_inspect.statistics.resampling import paired_difference
from blpo_inspect.statistics.units import Units, smoothed_draws
from blpo_inspect.statistics.unread_as_wrong import wrong_label

RESAMPLES = 4000
"""The ends are 5 % quantiles, which 2,000 resamples leave uncertain."""


def smoothed_difference(
    named: Named,
    human: Sequence[str],
    first: Sequence[str],
    second: Sequence[str],
    scale: LabelScale,
    *,
    alpha: float,
    seed: int,
    clusters: Sequence[Hashable] | None,
) -> Comparison:
    """figure(second) - figure(first) with a bootstrap interval at 1 - 2·alpha and a one-sided p of "no worse".

    Resamples are drawn from the samples (clusters) and two pseudo ones, as Bonett and Price (2012, doi
    10.3102/1076998611411915) add them for proportions: on the first of them only the first judge is right, on
    the other only the second; each is spread over people's labels as often as they use them. The wrong answer is the
    label that an unread answer counts as: a milder label passes more than alpha of the judges that dropped by the
    margin. p is half of the permutation test's (`paired_difference`), whose distribution is symmetric.

    Args:
        named: The figure, from `statistics_of`.
        human: Labels of people, one per sample.
        first: Labels of one judge.
        second: Labels of the other.
        scale: Of the labels.
        alpha: Of each end.
        seed: Of the resampling, at least 0.
        clusters: As in `resampled`.
    """
    import numpy as np

    level = 1 - 2 * alpha
    columns = [named.columns(side, scale) for side in (human, first, second)]
    n = len(human)

    def none(value: float, reason: str, p: float = math.nan) -> Comparison:
        return Comparison(value, math.nan, math.nan, n, level, reason, p)

    if not n:
        return none(math.nan, "no samples")
    value = named.figure(columns[0], columns[2]) - named.figure(columns[0], columns[1])
    if math.isnan(value):
        return none(value, "the figure is not defined on these samples")
    units = Units.of(list(zip(*columns, strict=True)), clusters)
    count = sum(units.times)
    if count == 1:
        return none(value, f"one {'sample' if n == 1 else 'cluster'} cannot be resampled")
    drawn = list(smoothed_draws(units, _pseudo(named, human, scale), seed, RESAMPLES))
    sides = [
        np.concatenate([pool.statistic_values(named.figure, weights, judge=k) for pool, weights in drawn])
        for k in (1, 2)
    ]
    differences = sides[1] - sides[0]
    defined = differences[~np.isnan(differences)]
    of_people, of_first, of_second = columns
    swapped = paired_difference(
        of_people, of_first, of_second, named.figure, clusters=clusters, seed=seed, resamples=RESAMPLES
    )
    p = one_sided(value, swapped.p)
    if len(defined) < RESAMPLES / 2:
        return none(value, f"the figure is defined on {len(defined) / RESAMPLES:.1%} of the resamples only", p)
    reach = alpha
    if count < n:
        from scipy.special import ndtr, stdtrit

        reach = float(ndtr(stdtrit(count - 1, alpha) * math.sqrt(count / (count - 1))))
    low, high = (float(end) for end in np.quantile(defined, (reach, 1 - reach)))
    # a pseudo sample may outweigh the samples where these are few
    return Comparison(value, min(low, value), max(high, value), n, level, None, p)


def _pseudo(named: Named, human: Sequence[str], scale: LabelScale) -> list[tuple[tuple[Any, Any, Any], float]]:
    """Rows of (human, first, second) of a lost and a gained sample, spread over people's labels, with their weights."""
    used = Counter(human)
    rows: list[tuple[tuple[Any, Any, Any], float]] = []
    for label, times in sorted(used.items()):
        right, wrong = (named.value(answer, scale) for answer in (label, wrong_label(label, scale, used)))
        rows += [((right, right, wrong), times / len(human)), ((right, wrong, right), times / len(human))]
    return rows
