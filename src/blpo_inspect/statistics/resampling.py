"""How far chance in the sample may have moved a figure: the seeded bootstrap over samples, or over clusters of them.

Samples that belong together (texts of SeeTRUE, prompts of ImageReward, epochs of one sample) are drawn together, since
they say less than as many independent ones. Does not know which interval suits which figure (`named_statistics`).
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

from blpo_inspect.statistics.interval import Comparison, Interval, Statistic, check_level, no_interval

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["percentile", "bca"]

_AT_ONCE = 2_000_000
_ENOUGH = 0.5
_TIE = 1e-12
_SAME = "every resample gives the same figure, so the interval says nothing about other samples"
_PSEUDO = 2.0
_MOST_PAIRS = 1_000


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
    interval = bootstrap(
        units,
        figure(human, judge),
        lambda units, weights: units.statistic_values(figure, weights),
        method=method,
        seed=seed,
        resamples=resamples,
        level=level,
    )
    return _doubted(interval, units, figure, seed, resamples) if _SAME in (interval.reason or "") else interval


def _doubted(interval: Interval, units: "Units", figure: Statistic, seed: int, resamples: int) -> Interval:
    """The interval of a figure that is the same on every resample, with two pseudo samples (clusters) of chance.

    Six samples that agree are not certainty: a pseudo sample has any of people's values and any of the judge's, as
    often as they occur, and is drawn as often as a real one. With two, kappa's interval on two labels that are as
    frequent reaches about as far down as Wilson's of the accuracy says that it may.
    """
    import numpy as np

    held = units.weights(np.array(units.times, dtype=float)[None, :])[0].tolist()
    sides: list[defaultdict[Any, float]] = [defaultdict(float), defaultdict(float)]
    for row, weight in zip(units.rows, held, strict=True):
        for side, value in zip(sides, row, strict=True):
            side[value] += weight
    pairs = list(product(*sides))
    if len(pairs) > _MOST_PAIRS:
        pairs = random.Random(seed).sample(pairs, _MOST_PAIRS)
    chances = [sides[0][human] * sides[1][judge] for human, judge in pairs]
    pseudo = [(pair, _PSEUDO * chance / sum(chances)) for pair, chance in zip(pairs, chances, strict=True)]
    values = np.concatenate(
        [pool.statistic_values(figure, weights) for pool, weights in smoothed_draws(units, pseudo, seed, resamples)]
    )
    low, high = (float(end) for end in np.quantile(values[~np.isnan(values)], _ends(units, interval.level)))
    reason = "every resample gives the same figure, so two pseudo samples of chance stand for what others may show"
    return replace(
        interval,
        low=min(low, interval.value),
        high=max(high, interval.value),
        reason=(interval.reason or "").replace(_SAME, reason),
    )


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
        permutation more. It holds its level in small samples, which the bootstrap interval does less well, so the two
        may disagree near 0.05.

    Raises:
        ValueError: As `resampled`.
    """
    units = Units.of(list(zip(human, first, second, strict=True)), clusters)

    def difference(units: Units, weights: "Floats") -> "Floats":
        return units.statistic_values(figure, weights, judge=2) - units.statistic_values(figure, weights, judge=1)

    value = figure(human, second) - figure(human, first)
    interval = bootstrap(units, value, difference, method=method, seed=seed, resamples=resamples, level=level)
    p = math.nan if math.isnan(value) else _swapped(units, value, difference, seed, resamples)
    return Comparison(interval.value, interval.low, interval.high, interval.n, interval.level, interval.reason, p)


@dataclass(frozen=True)
class Units:
    """What is drawn: samples or clusters of them, equal ones counted.

    Attributes:
        rows: Distinct rows of values, sorted; the first value is people's.
        kinds: Distinct units, each as how much of each row it holds: (row, weight) pairs.
        times: How often each kind occurs.
        n: Number of samples.
    """

    rows: Sequence[tuple[Any, ...]]
    kinds: Sequence[tuple[tuple[int, float], ...]]
    times: Sequence[int]
    n: int

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[Any, ...]],
        clusters: Sequence[Hashable] | None = None,
        weights: Sequence[float] | None = None,
    ) -> "Units":
        """Rows of values and the cluster of each, as units.

        Raises:
            ValueError: Lengths differ.
        """
        distinct = sorted(set(rows))
        if clusters is None and weights is None:
            counts = Counter(rows)
            return cls(
                distinct, [((k, 1),) for k in range(len(distinct))], [counts[row] for row in distinct], len(rows)
            )
        place = {row: k for k, row in enumerate(distinct)}
        held: defaultdict[Hashable, dict[int, float]] = defaultdict(dict)
        for row, cluster, weight in zip(
            rows,
            range(len(rows)) if clusters is None else clusters,
            [1] * len(rows) if weights is None else weights,
            strict=True,
        ):
            unit = held[cluster]
            unit[place[row]] = unit.get(place[row], 0) + weight
        kinds = Counter(tuple(sorted(unit.items())) for unit in held.values())
        ordered = sorted(kinds)
        return cls(distinct, ordered, [kinds[kind] for kind in ordered], len(rows))

    def statistic_values(self, figure: Statistic, weights: "Floats", *, judge: int = 1) -> "Floats":
        """The figure of each resample (resamples × rows), between people and the column `judge`."""
        from blpo_inspect.statistics import vectorized

        return vectorized.statistic_values(
            figure, [row[0] for row in self.rows], [row[judge] for row in self.rows], weights
        )

    def weights(self, drawn: "Floats") -> "Floats":
        """The weight of each row where each kind of unit was drawn so often (resamples × kinds)."""
        import numpy as np

        if all(kind == ((k, 1),) for k, kind in enumerate(self.kinds)):
            return drawn
        held = np.zeros((len(self.kinds), len(self.rows)))
        for k, kind in enumerate(self.kinds):
            for row, weight in kind:
                held[k, row] = weight
        return drawn @ held

    def draws(self, seed: int, resamples: int) -> "Iterator[Floats]":
        """Resamples with replacement, as weights of rows, in batches that fit into memory.

        Drawing units and counting equal ones is drawing the counts from a multinomial distribution, which takes no
        longer for more units.
        """
        import numpy as np

        total = sum(self.times)
        shares = np.array(self.times) / total
        rng = np.random.default_rng(seed)
        batch = max(1, _AT_ONCE // max(len(self.kinds), len(self.rows)))
        for start in range(0, resamples, batch):
            yield self.weights(rng.multinomial(total, shares, size=min(batch, resamples - start)).astype(float))

    def left_out(self) -> "Floats":
        """The weight of each row where one unit of each kind is left out (kinds × rows)."""
        import numpy as np

        times = np.array(self.times, dtype=float)
        return self.weights(times[None, :] - np.eye(len(times)))


def smoothed_draws(
    units: Units, pseudo: Sequence[tuple[tuple[Any, ...], float]], seed: int, resamples: int
) -> "Iterator[tuple[Units, Floats]]":
    """Resamples of as many units as there are, from these and pseudo units of their mean size: units, weights of rows.

    Args:
        units: What there is.
        pseudo: The row of each pseudo unit, and how many of it there are, which may be a part of one.
        seed: Of the resampling.
        resamples: How many.
    """
    import numpy as np

    rows = sorted({*units.rows, *(row for row, _ in pseudo)})
    place = {row: k for k, row in enumerate(rows)}
    count = sum(units.times)
    size = units.n / count
    kinds = [tuple((place[units.rows[k]], weight) for k, weight in kind) for kind in units.kinds]
    kinds += [((place[row], size),) for row, _ in pseudo]
    shares = np.array([*units.times, *(share for _, share in pseudo)], dtype=float)
    pool = Units(rows, kinds, [1] * len(kinds), units.n)
    rng = np.random.default_rng(seed)
    batch = max(1, _AT_ONCE // max(len(kinds), len(rows)))
    for start in range(0, resamples, batch):
        drawn = rng.multinomial(count, shares / shares.sum(), size=min(batch, resamples - start))
        yield pool, pool.weights(drawn.astype(float))


WeightedStatistic = Callable[[Units, "Floats"], "Floats"]
"""(units, weight of each row in each resample) → the figure of each resample."""


def bootstrap(
    units: Units,
    value: float,
    statistic: WeightedStatistic,
    *,
    method: Method = "percentile",
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """The interval of any statistic of units; the arguments are those of `resampled`."""
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

    return interval_of(units, value, values, level, corrected if method == "bca" else None)


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
    """The share of permutations of the two judges whose difference is at least as large; NaN for none."""
    import numpy as np

    turned = [(human, second, first) for human, first, second in units.rows]
    both = Units([*units.rows, *turned], units.kinds, units.times, units.n)
    rng = np.random.default_rng(seed)
    times = np.array(units.times)
    batch = max(1, _AT_ONCE // max(1, len(times), len(units.rows)))
    as_large = count = 0
    for start in range(0, permutations, batch):
        swapped = rng.binomial(times, 0.5, size=(min(batch, permutations - start), len(times)))
        weights = [units.weights(part.astype(float)) for part in (times - swapped, swapped)]
        differences = difference(both, np.concatenate(weights, axis=1))
        as_large += int((np.abs(differences) >= abs(value) - _TIE).sum())
        count += int((~np.isnan(differences)).sum())
    return (1 + as_large) / (1 + count) if units.n else math.nan


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
