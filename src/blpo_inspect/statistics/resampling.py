"""How far chance in the sample may have moved a figure: the seeded bootstrap over samples, or over clusters of them.

Samples that belong together (texts of SeeTRUE, prompts of ImageReward, epochs of one sample) are drawn together, since
they say less than as many independent ones. Does not know which interval suits which figure (`named_statistics`).
"""

import math
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

from blpo_inspect.statistics import numbers
from blpo_inspect.statistics.interval import Comparison, Interval, Statistic, check_level, no_interval
from blpo_inspect.statistics.units import AT_ONCE, Units, smoothed_draws

if TYPE_CHECKING:
    from blpo_inspect.statistics.units import Floats

Method = Literal["percentile", "bca"]

_ENOUGH = 0.5
_TIE = 1e-12
_SAME = "every resample gives the same figure, so the interval says nothing about other samples"
_DOUBTED = "every resample gives the same figure, so two pseudo samples of chance stand for what others may show"
_PSEUDO = 2.0
_MOST_PAIRS = 1_000
_COUNTED = 10
"""Permutations that are enough to count."""


def resampled(
    human: Sequence[Any],
    judge: Sequence[Any],
    figure: Statistic,
    *,
    clusters: Sequence[Hashable] | None = None,
    method: Method = "percentile",
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """A figure with its bootstrap interval over samples, or over clusters of samples.

    The interval is for other images from where these come from; it says nothing about another run of a judge that does
    not always answer the same. Below 20 samples or clusters, or with a figure near the end of its range, do not rely
    on it. It depends on the seed and the samples, not on their order.

    Args:
        human: Values of people, one per sample.
        judge: The judge's values of the same samples.
        figure: A figure of `blpo_inspect.statistics` (fast), or any other (called once per resample).
        clusters: The cluster of each sample, drawn as a whole; none: every sample by itself. The few clusters that
            there often are vary too little under resampling, so the interval's ends are moved out as for a t
            distribution (expanded percentiles; Hesterberg, 2015, doi 10.1080/00031305.2015.1089789).
        method: ``percentile``, or ``bca`` (bias-corrected and accelerated; Efron, 1987, doi
            10.1080/01621459.1987.10478410), which gives way to ``percentile``, with the reason, where its corrections
            are not finite.
        seed: Of the resampling, at least 0.
        resamples: How many, at least 1.
        level: Of the interval, between 0 and 1.

    Returns:
        The interval. A resample on which the figure is not defined is left out, and the reason states the share of the
        others; where they are fewer than half, or there are fewer than two samples or clusters, there is no interval.

    Raises:
        ValueError: Lengths differ, or `resamples`, `level` or `method` is out of range.
    """
    units = Units.of(list(zip(human, judge, strict=True)), clusters)
    return bootstrap(
        units,
        figure(human, judge),
        lambda units, weights: units.statistic_values(figure, weights),
        method=method,
        pseudo=lambda: _by_chance(units, [1], seed),
        seed=seed,
        resamples=resamples,
        level=level,
    )


Pseudo = Sequence[tuple[tuple[Any, ...], float]]
"""The row of each pseudo sample, and how many of it there are."""


def _by_chance(units: Units, columns: Sequence[int], seed: int) -> Pseudo:
    """For each of these columns two pseudo samples in which it says nothing of the others.

    Six samples that agree are not certainty. A pseudo sample has any of the values of the column, as often as they
    occur, and else is as a real row. With two, kappa's interval on two labels that are as frequent reaches about as far
    down as Wilson's of the accuracy says that it may.

    Args:
        units: What there is.
        columns: Those of judges.
        seed: Of the choice among too many.
    """
    held = units.whole[0].tolist()
    pseudo: list[tuple[tuple[Any, ...], float]] = []
    for column in columns:
        values: defaultdict[Any, float] = defaultdict(float)
        others: defaultdict[tuple[Any, ...], float] = defaultdict(float)
        for row, weight in zip(units.rows, held, strict=True):
            values[row[column]] += weight
            others[row[:column] + row[column + 1 :]] += weight
        pairs = list(product(others, values))
        if len(pairs) > _MOST_PAIRS:
            pairs = random.Random(seed).sample(pairs, _MOST_PAIRS)
        chances = [others[rest] * values[value] for rest, value in pairs]
        total = sum(chances)
        pseudo += [
            ((*rest[:column], value, *rest[column:]), _PSEUDO * chance / total)
            for (rest, value), chance in zip(pairs, chances, strict=True)
        ]
    return pseudo


def paired_difference(
    human: Sequence[Any],
    first: Sequence[Any],
    second: Sequence[Any],
    figure: Statistic,
    *,
    clusters: Sequence[Hashable] | None = None,
    method: Method = "percentile",
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Comparison:
    """figure(second) - figure(first) on the same samples, with its paired bootstrap interval and p-value.

    Samples that one of the two judges did not answer readably cannot be passed: leave them out on both sides, and say
    how many they are. Otherwise as `resampled`.

    Args:
        human: Values of people, one per sample.
        first: Values of one judge.
        second: Values of the other.
        figure: As in `resampled`.
        clusters: As in `resampled`.
        method: As in `resampled`.
        seed: Of the resampling, at least 0.
        resamples: How many, at least 1.
        level: Of the interval, between 0 and 1.

    Returns:
        The difference. Its p-value is that of the permutation test which swaps the two judges' values on random samples
        (clusters): how often the difference is then at least as large, the samples as they are counted as one
        permutation more; where fewer than 10 permutations are, the tail of a t distribution with their spread. For a
        correlation ranks (Pearson: standard scores) are swapped, as judges may use other parts of a scale. The test
        holds its level in small samples, which the bootstrap interval does less well, so the two
        may disagree near 0.05.

    Raises:
        ValueError: As `resampled`.
    """
    first, second = (_alike(side, figure) for side in (first, second))
    units = Units.of(list(zip(human, first, second, strict=True)), clusters)

    def difference(units: Units, weights: "Floats") -> "Floats":
        return units.statistic_values(figure, weights, judge=2) - units.statistic_values(figure, weights, judge=1)

    value = figure(human, second) - figure(human, first)
    interval = bootstrap(
        units,
        value,
        difference,
        method=method,
        pseudo=lambda: _by_chance(units, [1, 2], seed),
        seed=seed,
        resamples=resamples,
        level=level,
    )
    p = math.nan if math.isnan(value) else _swapped(units, value, difference, seed, resamples)
    return Comparison(interval.value, interval.low, interval.high, interval.n, interval.level, interval.reason, p)


def _alike(values: Sequence[Any], figure: Statistic) -> Sequence[Any]:
    """Values of a judge as they can be swapped with another's: a correlation does not mind how they are spread.

    Two judges that order samples as well, one from 0 to 1 and one from 0.4 to 0.6, would else not be alike to the
    permutation test, whose p would be too large. Correlations themselves stay as they are.
    """
    if figure is numbers.pearson and len(set(values)) > 1:
        import numpy as np

        array = np.asarray(values, dtype=float)
        standard: list[float] = ((array - array.mean()) / array.std()).tolist()
        return standard
    if figure in (numbers.spearman, numbers.kendall_tau):
        from scipy.stats import rankdata

        ranks: list[float] = rankdata(values).tolist()
        return ranks
    return values


WeightedStatistic = Callable[[Units, "Floats"], "Floats"]
"""(units, weight of each row in each resample) → the figure of each resample."""


def bootstrap(
    units: Units,
    value: float,
    statistic: WeightedStatistic,
    *,
    method: Method = "percentile",
    pseudo: Callable[[], Pseudo] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The interval of any statistic of units; the other arguments are those of `resampled`.

    Args:
        units: What is drawn.
        value: The statistic on all of it.
        statistic: Gives that of each resample.
        method: See `resampled`.
        pseudo: Gives what is drawn too where every resample gives the same figure.
        seed: See `resampled`.
        resamples: See `resampled`.
        level: See `resampled`.
    """
    import numpy as np

    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(get_args(Method))}, not {method!r}")
    check_level(level)
    drawn = units.draws(seed, resamples) if sum(units.times) > 1 and not math.isnan(value) else ()
    values = np.concatenate([np.empty(0), *(statistic(units, weights) for weights in drawn)])

    def corrected(ends: tuple[float, float], defined: "Floats") -> tuple[float, float] | str:
        return _corrected(ends, units, value, statistic, defined)

    interval = interval_of(units, value, values, level, corrected if method == "bca" else None)
    if pseudo is None or _SAME not in (interval.reason or ""):
        return interval
    smoothed = smoothed_draws(units, pseudo(), seed, resamples)
    doubted = interval_of(units, value, np.concatenate([statistic(pool, weights) for pool, weights in smoothed]), level)
    return replace(
        interval,
        low=min(doubted.low, value),
        high=max(doubted.high, value),
        reason=(interval.reason or "").replace(_SAME, _DOUBTED),
    )


def interval_of(
    units: Units,
    value: float,
    values: "Floats",
    level: float,
    corrected: "Callable[[tuple[float, float], Floats], tuple[float, float] | str] | None" = None,
) -> Interval:
    """The interval of a figure from its values on resamples of the units, NaN where it is not defined."""
    import numpy as np

    def none(reason: str) -> Interval:
        return no_interval(value, units.n, level, reason)

    if units.n == 0:
        return none("no samples")
    if math.isnan(value):
        return none("the figure is not defined on these samples")
    if sum(units.times) == 1:
        return none(f"one {'sample' if units.n == 1 else 'cluster'} cannot be resampled")
    defined = values[~np.isnan(values)]
    share = len(defined) / len(values)
    if share < _ENOUGH:
        return none(f"the figure is defined on {share:.1%} of the resamples only")
    ends = _ends(units, level)
    reasons = []
    if share < 1:
        reasons.append(f"over the {share:.1%} of the resamples on which the figure is defined")
    if defined.max() - defined.min() <= _TIE:
        reasons.append(_SAME)
    elif corrected is not None:
        moved = corrected(ends, defined)
        if isinstance(moved, str):
            reasons.append(f"percentile interval: {moved}")
        else:
            ends = moved
    low, high = (float(end) for end in np.quantile(defined, ends))
    return Interval(value, low, high, units.n, level, "; ".join(reasons) or None)


def _swapped(units: Units, value: float, difference: WeightedStatistic, seed: int, permutations: int) -> float:
    """The share of permutations of the two judges whose difference is at least as large; NaN for none.

    A share that few permutations reach is that of a t distribution with their spread: by counting alone, no p of 2,000
    permutations could be small enough to stand among hundreds of tests (Holm), or runs.
    """
    import numpy as np
    from scipy.special import stdtr

    turned = [(human, second, first) for human, first, second in units.rows]
    both = Units([*units.rows, *turned], units.kinds, units.times, units.n)
    rng = np.random.default_rng(seed)
    times = np.array(units.times)
    batch = max(1, AT_ONCE // max(1, len(times), len(units.rows)))
    drawn = []
    for start in range(0, permutations, batch):
        swapped = rng.binomial(times, 0.5, size=(min(batch, permutations - start), len(times)))
        weights = [units.weights(part.astype(float)) for part in (times - swapped, swapped)]
        differences = difference(both, np.concatenate(weights, axis=1))
        drawn.append(differences[~np.isnan(differences)])
    if not units.n:
        return math.nan
    values = np.concatenate(drawn)
    as_large = int((np.abs(values) >= abs(value) - _TIE).sum())
    if as_large >= _COUNTED or len(values) < permutations / 2 or not (spread := float(np.sqrt((values**2).mean()))):
        return (1 + as_large) / (1 + len(values))
    tail = 2 * float(stdtr(sum(units.times) - 1, -abs(value) / spread))
    return min(tail, (1 + _COUNTED) / (1 + len(values)))


def _ends(units: Units, level: float) -> tuple[float, float]:
    """The shares of resamples below the ends of a percentile interval, further out for clusters."""
    count = sum(units.times)
    if count >= units.n:
        return (1 - level) / 2, (1 + level) / 2
    from scipy.special import ndtr, stdtrit

    reach = float(stdtrit(count - 1, (1 + level) / 2)) * math.sqrt(count / (count - 1))
    return float(ndtr(-reach)), float(ndtr(reach))


def _corrected(
    ends: tuple[float, float], units: Units, value: float, statistic: WeightedStatistic, values: "Floats"
) -> tuple[float, float] | str:
    """The shares between which BCa takes the resamples, or why it cannot."""
    import numpy as np
    from scipy.special import ndtr, ndtri

    below = float(((values < value - _TIE).sum() + (values <= value + _TIE).sum()) / (2 * len(values)))
    if not 0 < below < 1:
        return "all resamples lie on one side of the figure"
    left_out = statistic(units, units.left_out())
    if np.isnan(left_out).any():
        return "the figure is not defined without one of the samples"
    times = np.array(units.times, dtype=float)
    away = float(times @ left_out / times.sum()) - left_out
    spread = float(times @ away**2)
    if spread < 1e-24:
        return "no single sample moves the figure"
    acceleration = float(times @ away**3) / (6 * spread**1.5)
    bias = ndtri(below)
    shifted = [bias + ndtri(end) for end in ends]
    if not np.isfinite(shifted).all():
        return "with so few clusters its ends lie beyond all resamples"
    if any(1 - acceleration * z <= 0 for z in shifted):
        return "the acceleration is too large"
    low, high = (float(ndtr(bias + z / (1 - acceleration * z))) for z in shifted)
    return low, high
