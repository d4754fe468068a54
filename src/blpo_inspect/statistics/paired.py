"""Is one judge better than another on the same samples? Tests beside the paired bootstrap (`resampling`).

All differences are second minus first. Samples that one of the two judges did not answer readably are left out on both
sides before. The tests suppose independent samples; for clustered ones use `paired_difference` with its clusters.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from blpo_inspect.statistics.interval import MOST, Comparison, check_level, fisher_z
from blpo_inspect.statistics.numbers import pearson, spearman
from blpo_inspect.statistics.resampling import paired_difference

Kind = Literal["pearson", "spearman"]
Test = Literal["permutation", "williams", "steiger"]


def mcnemar(human: Sequence[str], first: Sequence[str], second: Sequence[str], *, level: float = 0.95) -> Comparison:
    """Difference of two judges' accuracies with McNemar's exact test (statsmodels ``mcnemar``, two-sided).

    Only samples on which one judge is right and the other wrong count; p is that of a fair coin. It is 1 where there
    are none.

    Args:
        human: Labels of people, one per sample.
        first: Labels of one judge.
        second: Labels of the other.
        level: Only passed on: the test has no interval.

    Raises:
        ValueError: Lengths differ.
    """
    check_level(level)
    table = [[0, 0], [0, 0]]
    for truth, of_first, of_second in zip(human, first, second, strict=True):
        table[of_first == truth][of_second == truth] += 1
    n = len(human)
    if not n:
        return Comparison(math.nan, math.nan, math.nan, 0, level, "no samples", math.nan)
    from statsmodels.stats.contingency_tables import mcnemar as exact

    gained, lost = table[0][1], table[1][0]
    p = float(exact(table, exact=True).pvalue) if gained + lost else 1.0
    reason = "McNemar's test has no interval; see paired_difference"
    return Comparison((gained - lost) / n, math.nan, math.nan, n, level, reason, min(1.0, p))


def correlation_difference(
    human: Sequence[float],
    first: Sequence[float],
    second: Sequence[float],
    *,
    kind: Kind = "pearson",
    test: Test = "permutation",
    seed: int = 0,
    level: float = 0.95,
) -> Comparison:
    """Difference of two judges' correlations with people, which depend on each other through people and samples.

    Args:
        human: Values of people, one per sample.
        first: Values of one judge.
        second: Values of the other.
        kind: Which correlation.
        test: ``permutation``: that of `paired_difference`, with its BCa interval. `williams` and `steiger` suppose
            normal values: of ratings they find 13 to 25 % of differences by chance where they should find 5 %; for
            Spearman's they test ranks. Their interval is Zou's (2007, doi 10.1037/1082-989X.12.4.399) from Fisher's z.
        seed: Of the permutations and the bootstrap.
        level: Of the interval.

    Returns:
        The difference. By `williams` and `steiger`, p and interval are NaN below 5 samples, or where a correlation is
        ±1 or not defined.

    Raises:
        ValueError: Lengths differ.
    """
    check_level(level)
    n = len(human)
    if not n == len(first) == len(second):
        raise ValueError(f"inconsistent numbers of samples: {n}, {len(first)} and {len(second)}")
    correlation = {"pearson": pearson, "spearman": spearman}[kind]
    if test == "permutation":
        return paired_difference(human, first, second, correlation, method="bca", seed=seed, level=level)
    of_first, of_second, between = correlation(human, first), correlation(human, second), correlation(first, second)
    value = of_second - of_first

    def none(reason: str, p: float = math.nan) -> Comparison:
        return Comparison(value, math.nan, math.nan, n, level, reason, p)

    if any(map(math.isnan, (of_first, of_second, between))):
        return none("a correlation is not defined on these values")
    if n < 5:
        return none("the test needs at least 5 samples")
    if between >= MOST:
        return none("both judges order the samples alike, so their correlations are one", 1.0)
    if max(abs(of_first), abs(of_second), abs(between)) >= MOST:
        return none("the test is not defined at a correlation of ±1")
    p = _TESTS[test](of_second, of_first, between, n)
    low, high = _zou(of_second, of_first, between, n, kind, level)
    return Comparison(value, low, high, n, level, None, p)


def williams(first: float, second: float, between: float, n: int) -> float:
    """Two-sided p of equal correlations of two variables with a third: Williams' t with n - 3 degrees of freedom.

    Williams, 1959; equation 7 of Steiger, 1980, doi 10.1037/0033-2909.87.2.245, who recommends it.

    Args:
        first: Correlation of the first variable with the third.
        second: Of the second with the third.
        between: Of the first with the second.
        n: Number of samples, more than 3.

    Returns:
        p; NaN where the three correlations cannot occur together.
    """
    from scipy.special import stdtr

    determinant = 1 - first**2 - second**2 - between**2 + 2 * first * second * between
    middle = (first + second) / 2
    spread = 2 * (n - 1) / (n - 3) * determinant + middle**2 * (1 - between) ** 3
    if n <= 3 or determinant < -1e-12 or spread <= 0:
        return math.nan
    t = (first - second) * math.sqrt((n - 1) * (1 + between) / spread)
    return float(2 * stdtr(n - 3, -abs(t)))


def steiger(first: float, second: float, between: float, n: int) -> float:
    """Two-sided p of equal correlations, by Fisher's z with the covariance at the mean correlation.

    Equation 14 of Steiger, 1980, doi 10.1037/0033-2909.87.2.245; the arguments are those of `williams`. NaN at ±1.
    """
    from scipy.special import ndtr

    if n <= 3 or max(abs(first), abs(second)) >= MOST:
        return math.nan
    square = ((first + second) / 2) ** 2
    covariance = between * (1 - 2 * square) - square * (1 - 2 * square - between**2) / 2
    left = 2 - 2 * covariance / (1 - square) ** 2
    if left <= 0:
        return math.nan
    z = (math.atanh(first) - math.atanh(second)) * math.sqrt((n - 3) / left)
    return float(2 * ndtr(-abs(z)))


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """p-values of several comparisons, adjusted so that none is wrong by more than the level in all (Holm, 1979).

    statsmodels ``multipletests(method="holm")``. A NaN stays NaN, and is not counted as a comparison.
    """
    names = [name for name, value in p.items() if not math.isnan(value)]
    adjusted = dict(p)
    if names:
        from statsmodels.stats.multitest import multipletests

        corrected = multipletests([p[name] for name in names], method="holm")[1]
        adjusted.update({name: float(value) for name, value in zip(names, corrected, strict=True)})
    return adjusted


_TESTS: dict[str, Callable[[float, float, float, int], float]] = {"williams": williams, "steiger": steiger}


def _zou(first: float, second: float, between: float, n: int, kind: Kind, level: float) -> tuple[float, float]:
    """The interval of first - second, from the intervals of both and how they go together."""
    first_interval, second_interval = (fisher_z(value, n, kind=kind, level=level) for value in (first, second))
    together = (between - first * second / 2) * (1 - first**2 - second**2 - between**2) + between**3
    together /= (1 - first**2) * (1 - second**2)

    def reach(left: float, right: float) -> float:
        return math.sqrt(max(0.0, left**2 + right**2 - 2 * together * left * right))

    return (
        first - second - reach(first - first_interval.low, second_interval.high - second),
        first - second + reach(first_interval.high - first, second - second_interval.low),
    )
