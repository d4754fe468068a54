"""How strong things are that were compared in pairs: the model of Bradley and Terry with the ties of Davidson (1970).

Things i and j have strengths θ on the log scale, and ν says how often there are ties; with π = exp(θ) (doi
10.1080/01621459.1970.10481082)::

    P(i wins) = π_i / (π_i + π_j + ν √(π_i π_j))        P(tie) = ν √(π_i π_j) / (π_i + π_j + ν √(π_i π_j))

So exp(θ_i - θ_j) is how many times as often i beats j as j beats i. Without ties the model is Bradley and Terry's.

``choix``, the known library for it, has no ties, and half a win for each side is no model of them. The log-likelihood
is concave in θ and log ν, and a Newton step of at most ½ always raises it, since curvatures change by less than a
factor of e over it. SciPy's optimizers find the same in three times as long, and some stop early where rounding hides
from them that the likelihood still rises.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, cast

from blpo_inspect.statistics.interval import Interval, check_level
from blpo_inspect.statistics.resampling import interval_of
from blpo_inspect.statistics.units import Units

if TYPE_CHECKING:
    from blpo_inspect.statistics.units import Floats

Compared = tuple[str, str, float]
"""Two names, and the score of the first: 1 where it won, 0 where the second won, 0.5 for a tie."""

RIDGE = 0.01
"""Times half the squares of θ and log ν, the penalty: a normal prior with a standard deviation of 10. It keeps finite
what won or lost everything, makes 0 the mean of θ, and hardly moves a strength that comparisons settle."""

_MOST_STEPS = 100

_DIGITS = 6
"""Of θ: what is equal is equal in spite of rounding, and on every machine."""


def strengths(
    comparisons: Sequence[Compared],
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
    ridge: float = RIDGE,
) -> dict[str, Interval]:
    """The strength θ of every name, on the log scale with mean 0, and its percentile bootstrap interval.

    Neither the order of the comparisons nor that of the two names in one makes a difference.

    Args:
        comparisons: Of two different names each.
        clusters: The cluster of each comparison, such as its prompt, drawn as a whole; none: each is its own.
        seed: Of the resampling, at least 0.
        resamples: How many, at least 1.
        level: Of the intervals.
        ridge: The penalty, above 0.

    Returns:
        Name → strength, sorted by name. Resamples that do not connect all names are left out, and the interval's reason
        states the share of the others.

    Raises:
        ValueError: The comparisons do not connect all names (`parts`), or an argument is out of range.
    """
    import numpy as np

    check_level(level)
    if len(parts(comparisons)) != 1:
        raise ValueError("only comparisons that connect all names, of at least two, give strengths")
    units = Units.of([row if row[0] < row[1] else (row[1], row[0], 1 - row[2]) for row in comparisons], clusters)
    names = sorted({name for row in units.rows for name in row[:2]})
    fit = _fitting(names, units.rows, ridge)
    whole = fit(units.whole[0], np.zeros(len(names) + 1))
    draws = [fit(weights, whole) for batch in units.draws(seed, resamples) for weights in batch]
    return {
        name: interval_of(units, float(whole[place]), np.array([one[place] for one in draws]), level)
        for place, name in enumerate(names)
    }


def parts(comparisons: Sequence[Compared], *, both_ways: bool = False) -> list[list[str]]:
    """The names in parts that comparisons connect, largest first; strengths of different parts cannot be compared.

    Args:
        comparisons: Of two names each.
        both_ways: Whether to part also where all comparisons across went one way: between such parts no distance is
            finite but by the penalty (Ford, 1957, American Mathematical Monthly 64).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    names = sorted({name for row in comparisons for name in row[:2]})
    if not names:
        return []
    place = {name: k for k, name in enumerate(names)}
    beaten = [(second, first) for first, second, score in comparisons if score > 0]
    beaten += [(first, second) for first, second, score in comparisons if score < 1]
    ends = [place[loser] for loser, _ in beaten], [place[winner] for _, winner in beaten]
    graph = coo_array(([1] * len(beaten), ends), shape=(len(names), len(names)))
    count, found = connected_components(graph, connection="strong" if both_ways else "weak")
    return sorted(
        ([name for name, part in zip(names, found, strict=True) if part == k] for k in range(count)),
        key=lambda part: (-len(part), part),
    )


def _fitting(names: Sequence[str], rows: Sequence[Compared], ridge: float) -> "Callable[[Floats, Floats], Floats]":
    """A function from the weight of each row, and where to begin, to θ by name and log ν; NaN where not connected."""
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = len(names)
    pairs = sorted({row[:2] for row in rows})
    i, j = np.array([[names.index(name) for name in pair] for pair in pairs]).T
    pair = np.array([pairs.index(row[:2]) for row in rows])
    sign = np.array([2 * row[2] - 1 for row in rows])

    def by_name(values: "Floats") -> "Floats":
        """Derivatives by θ from those by half of θ_i - θ_j."""
        return (np.bincount(i, values, size) - np.bincount(j, values, size)) / 2

    def fit(weights: "Floats", start: "Floats") -> "Floats":
        count, net = (np.bincount(pair, of, len(pairs)) for of in (weights, weights * sign))
        ties = weights[sign == 0].sum()
        seen = count > 0
        if connected_components(coo_array((count[seen], (i[seen], j[seen])), shape=(size, size)))[0] > 1:
            return np.full(size + 1, np.nan)

        def newton_step(x: "Floats") -> "Floats":
            half = (x[i] - x[j]) / 2
            logs = np.stack([half, -half, np.full(len(half), x[-1])])
            odds = np.exp(logs - logs.max(axis=0))
            win, loss, tie = odds / odds.sum(axis=0)
            lead = win - loss
            slope = np.append(by_name(count * lead - net), count @ tie - ties) + ridge * x
            curvature = np.zeros((size + 1, size + 1))
            curvature[i, j] = curvature[j, i] = -count * (1 - tie - lead**2) / 4
            np.fill_diagonal(curvature, ridge - curvature.sum(axis=0))
            curvature[:-1, -1] = curvature[-1, :-1] = -by_name(count * lead * tie)
            curvature[-1, -1] += count @ (tie - tie**2)
            return cast("Floats", np.linalg.solve(curvature, slope))

        x = start
        for _ in range(_MOST_STEPS):
            step = newton_step(x)
            longest = np.abs(step).max()
            x = x - step / max(1, 2 * longest)
            if longest < 10**-_DIGITS / 10:
                break
        return np.round(x, _DIGITS) + 0.0  # no -0.0

    return fit
