"""The figures over many weighted resamples at once: one pass of numpy instead of thousands of library calls.

A fast form takes the distinct (human, judge) rows and a weight of each row in each resample (resamples × rows), and
gives the figure of each resample, NaN where it is not defined. Every fast form equals the library's figure, which the
tests prove. numpy is imported with this module: import it where resampling begins.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from blpo_inspect.statistics import agreement, numbers, probabilities
from blpo_inspect.statistics.interval import Statistic
from blpo_inspect.statistics.of_scale import Gwet, MacroF1All, OfScale

Floats = NDArray[np.float64]
Column = Sequence[Any]
FastForm = Callable[[Column, Column, Floats], Floats]

_MANY = 1000
"""Beyond this many rows, all pairs of rows take longer than SciPy's sorting, resample by resample."""

_NOTHING = 1e-9
"""Below this share of what it is compared with, a sum is rounding only."""


def statistic_values(figure: Statistic, human: Column, judge: Column, weights: Floats) -> Floats:
    """The figure of each resample, by its fast form or else by calling it with every row as often as it was drawn.

    Raises:
        ValueError: A figure without a fast form, and weights that are not whole.
    """
    fast = fast_form(figure) if figure in FAST or isinstance(figure, OfScale) else None
    many = figure is numbers.kendall_tau and len(human) > _MANY
    if fast is not None and not many:
        with np.errstate(divide="ignore", invalid="ignore"):
            return fast(human, judge, weights)
    times = weights.astype(np.int64)
    if (times != weights).any():
        raise ValueError("only the figures of blpo_inspect.statistics take samples in parts")
    places = np.arange(len(human))
    values = []
    for row in times:
        drawn = np.repeat(places, row).tolist()
        values.append(figure([human[k] for k in drawn], [judge[k] for k in drawn]))
    return np.array(values, dtype=float)


def fast_form(figure: Statistic) -> FastForm:
    """The fast form of a figure of the package.

    Raises:
        KeyError: A figure of somebody else.
    """
    if isinstance(figure, MacroF1All):
        return _of_tallies(_macro_f1_all, figure.size)
    if isinstance(figure, Gwet):
        return _gwet(figure)
    return FAST[figure]


@dataclass(frozen=True)
class _Tallies:
    """What figures need of confusion matrices: row sums, column sums and diagonals, each resamples × labels."""

    n: Floats
    human: Floats
    judge: Floats
    hits: Floats


def _tallies(human: Column, judge: Column, weights: Floats, size: int | None = None) -> _Tallies:
    """Of the labels that were used, or of so many positions."""
    used = sorted({*human, *judge}) if size is None else range(size)
    labels = {label: code for code, label in enumerate(used)}
    left, right = (np.array([labels[label] for label in column], dtype=np.int64) for column in (human, judge))
    hits = _sums(weights * (left == right), left, len(labels))
    return _Tallies(weights.sum(1), _sums(weights, left, len(labels)), _sums(weights, right, len(labels)), hits)


def _sums(weights: Floats, codes: NDArray[np.int64], size: int) -> Floats:
    """The sum of the weights of each code, resamples × codes."""
    order = np.argsort(codes, kind="stable")
    present, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((len(weights), size))
    sums[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return sums


def _of_tallies(formula: Callable[[_Tallies], Floats], size: int | None = None) -> FastForm:
    return lambda human, judge, weights: formula(_tallies(human, judge, weights, size))


def _ratio(over: Floats, under: Floats, scale: Floats | float = 1.0) -> Floats:
    """The quotient; NaN where the divisor is nothing beside the scale."""
    return np.where(under > _NOTHING * scale, over / under, math.nan)


def _accuracy(tallies: _Tallies) -> Floats:
    return cast(Floats, tallies.hits.sum(1) / tallies.n)


def _balanced_accuracy(tallies: _Tallies) -> Floats:
    used = tallies.human > 0
    return cast(Floats, np.where(used, tallies.hits / tallies.human, 0.0).sum(1) / used.sum(1))


def _f1s(tallies: _Tallies) -> tuple[Floats, NDArray[np.bool_]]:
    both = tallies.human + tallies.judge  # 2·tp + fp + fn
    return np.where(both > 0, 2 * tallies.hits / both, 0.0), both > 0


def _macro_f1(tallies: _Tallies) -> Floats:
    each, used = _f1s(tallies)
    return cast(Floats, each.sum(1) / used.sum(1))


def _macro_f1_all(tallies: _Tallies) -> Floats:
    return cast(Floats, _f1s(tallies)[0].mean(1))


def _weighted_f1(tallies: _Tallies) -> Floats:
    return cast(Floats, (_f1s(tallies)[0] * tallies.human).sum(1) / tallies.n)


def _kappa(tallies: _Tallies) -> Floats:
    square = tallies.n**2
    by_chance = (tallies.human * tallies.judge).sum(1)  # times n²
    return _ratio(tallies.n * tallies.hits.sum(1) - by_chance, square - by_chance, square)


def _mcc(tallies: _Tallies) -> Floats:
    square = tallies.n**2
    together = tallies.n * tallies.hits.sum(1) - (tallies.human * tallies.judge).sum(1)
    apart = (square - (tallies.human**2).sum(1)) * (square - (tallies.judge**2).sum(1))
    return _ratio(together, np.sqrt(np.maximum(apart, 0.0)), square)


def _nominal_alpha(tallies: _Tallies) -> Floats:
    values = 2 * tallies.n
    observed = 1 - tallies.hits.sum(1) / tallies.n
    expected = (values**2 - ((tallies.human + tallies.judge) ** 2).sum(1)) / (values * (values - 1))
    return 1 - _ratio(observed, expected)


def _weighted_kappa(power: int) -> FastForm:
    def fast(human: Column, judge: Column, weights: Floats) -> Floats:
        tallies = _tallies(human, judge, weights)
        codes = np.array(sorted({*human, *judge}), dtype=float)
        distances = np.abs(codes[:, None] - codes[None, :]) ** power
        rows = np.abs(np.asarray(human, dtype=float) - np.asarray(judge, dtype=float)) ** power
        observed = weights @ rows * tallies.n
        expected = ((tallies.human @ distances) * tallies.judge).sum(1)
        return 1 - _ratio(observed, expected, tallies.n**2)

    return fast


def _interval_alpha(human: Column, judge: Column, weights: Floats) -> Floats:
    left, right = np.asarray(human, dtype=float), np.asarray(judge, dtype=float)
    return _squared_alpha(weights.sum(1), weights @ (left - right) ** 2, *_moments(left, right, weights))


def _moments(left: Floats, right: Floats, weights: Floats) -> tuple[Floats, Floats]:
    middle = (left.mean() + right.mean()) / 2
    return weights @ (left + right - 2 * middle), weights @ ((left - middle) ** 2 + (right - middle) ** 2)


def _squared_alpha(n: Floats, apart: Floats, total: Floats, squares: Floats) -> Floats:
    values = 2 * n
    expected = 2 * (values * squares - total**2) / (values * (values - 1))
    return 1 - _ratio(apart / n, expected, np.maximum(squares / n, 1e-300))


def _ordinal_alpha(human: Column, judge: Column, weights: Floats) -> Floats:
    tallies = _tallies(human, judge, weights)
    used = tallies.human + tallies.judge
    # two labels are as far apart as their middle places in the order of all values
    places = np.cumsum(used, axis=1) - used / 2
    codes = {label: code for code, label in enumerate(sorted({*human, *judge}))}
    left, right = (places[:, [codes[label] for label in column]] for column in (human, judge))
    centred = places - tallies.n[:, None]
    return _squared_alpha(
        tallies.n,
        (weights * (left - right) ** 2).sum(1),
        (used * centred).sum(1),
        (used * centred**2).sum(1),
    )


def _pearson(human: Column, judge: Column, weights: Floats) -> Floats:
    left, right = (np.asarray(column, dtype=float) for column in (human, judge))
    return _correlation(weights, *(np.broadcast_to(side - side.mean(), weights.shape) for side in (left, right)))


def _spearman(human: Column, judge: Column, weights: Floats) -> Floats:
    return _correlation(weights, _ranks(human, weights), _ranks(judge, weights))


def _ranks(column: Column, weights: Floats) -> Floats:
    """Mean ranks of each row in each resample, but for a constant."""
    values, codes = np.unique(np.asarray(column, dtype=float), return_inverse=True)
    used = _sums(weights, codes, len(values))
    return (np.cumsum(used, axis=1) - used / 2)[:, codes]


def _correlation(weights: Floats, left: Floats, right: Floats) -> Floats:
    n = weights.sum(1)
    first, second = ((side - ((weights * side).sum(1) / n)[:, None]) for side in (left, right))
    together = (weights * first * second).sum(1)
    squares = [(weights * side**2).sum(1) for side in (first, second)]
    raw = [(weights * side**2).sum(1) for side in (left, right)]
    defined = (squares[0] > _NOTHING**2 * raw[0]) & (squares[1] > _NOTHING**2 * raw[1])
    return np.where(defined, np.clip(together / np.sqrt(squares[0] * squares[1]), -1.0, 1.0), math.nan)


def _kendall_tau(human: Column, judge: Column, weights: Floats) -> Floats:
    left, right = (np.asarray(column, dtype=float) for column in (human, judge))
    signs = [np.sign(side[:, None] - side[None, :]) for side in (left, right)]
    together, first, second = (
        ((weights @ matrix) * weights).sum(1) for matrix in (signs[0] * signs[1], np.abs(signs[0]), np.abs(signs[1]))
    )
    return _ratio(together, np.sqrt(first * second), weights.sum(1))


def _calibration_error(correct: Column, confidence: Column, weights: Floats) -> Floats:
    member = np.zeros((len(correct), probabilities.BINS))
    for row, (hit, sure) in enumerate(zip(correct, confidence, strict=True)):
        member[row, probabilities.bin_of(sure)] = hit - sure
    return cast(Floats, np.abs(weights @ member).sum(1) / weights.sum(1))


def _binary_f1(human: Column, judge: Column, weights: Floats) -> Floats:
    left, right = (np.asarray(column, dtype=float) for column in (human, judge))
    return _ratio(2 * weights @ (left * right), weights @ (left + right), weights.sum(1))


def _mean_of_rows(figure: Statistic) -> FastForm:
    """For a figure that is a mean over samples."""

    def fast(human: Column, judge: Column, weights: Floats) -> Floats:
        rows = np.array(
            [figure([theirs], [verdict]) for theirs, verdict in zip(human, judge, strict=True)], dtype=float
        )
        return cast(Floats, weights @ rows / weights.sum(1))

    return fast


def _rmse(human: Column, judge: Column, weights: Floats) -> Floats:
    squares = (np.asarray(judge, dtype=float) - np.asarray(human, dtype=float)) ** 2
    return cast(Floats, np.sqrt(weights @ squares / weights.sum(1)))


def _gwet(figure: Gwet) -> FastForm:
    size, places = figure.size, np.arange(figure.size)
    apart = (places[:, None] - places) ** 2 / max(1, size - 1) ** 2
    alike = 1 - apart if figure.weighted else np.eye(size)

    def fast(human: Column, judge: Column, weights: Floats) -> Floats:
        if size < 2:
            return np.full(len(weights), math.nan)
        tallies = _tallies(human, judge, weights, size)
        agreed = weights @ alike[np.asarray(human, dtype=int), np.asarray(judge, dtype=int)] / tallies.n
        used = (tallies.human + tallies.judge) / (2 * tallies.n[:, None])
        by_chance = alike.sum() / (size * (size - 1)) * (used * (1 - used)).sum(1)
        return cast(Floats, (agreed - by_chance) / (1 - by_chance))

    return fast


def _limit(side: int) -> FastForm:
    def fast(human: Column, judge: Column, weights: Floats) -> Floats:
        errors = np.asarray(judge, dtype=float) - np.asarray(human, dtype=float)
        errors_of = np.broadcast_to(errors, weights.shape)
        n = weights.sum(1)
        means = (weights * errors_of).sum(1) / n
        spread = (weights * (errors_of - means[:, None]) ** 2).sum(1) / (n - 1)
        return np.where(n > 1, means + side * numbers.TWO_SIDED * np.sqrt(np.maximum(spread, 0.0)), math.nan)

    return fast


FAST: dict[Statistic, FastForm] = {
    agreement.accuracy: _of_tallies(_accuracy),
    agreement.balanced_accuracy: _of_tallies(_balanced_accuracy),
    agreement.macro_f1: _of_tallies(_macro_f1),
    agreement.weighted_f1: _of_tallies(_weighted_f1),
    agreement.binary_f1: _binary_f1,
    agreement.cohens_kappa: _of_tallies(_kappa),
    agreement.linear_kappa: _weighted_kappa(1),
    agreement.quadratic_kappa: _weighted_kappa(2),
    agreement.mcc: _of_tallies(_mcc),
    agreement.nominal_alpha: _of_tallies(_nominal_alpha),
    agreement.ordinal_alpha: _ordinal_alpha,
    agreement.interval_alpha: _interval_alpha,
    numbers.pearson: _pearson,
    numbers.spearman: _spearman,
    numbers.kendall_tau: _kendall_tau,
    numbers.mae: _mean_of_rows(numbers.mae),
    numbers.bias: _mean_of_rows(numbers.bias),
    numbers.rmse: _rmse,
    numbers.lower_limit: _limit(-1),
    numbers.upper_limit: _limit(1),
    probabilities.calibration_error: _calibration_error,
    probabilities.brier: _mean_of_rows(probabilities.brier),
}
"""The figures that have a fast form."""
