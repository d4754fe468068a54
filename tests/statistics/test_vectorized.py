"""The fast forms of all figures: against the libraries' own, resample by resample."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect import statistics
from blpo_inspect.statistics import Statistic, vectorized
from tests.statistics.oracles import ORACLES

NUMERIC = {
    statistics.linear_kappa,
    statistics.quadratic_kappa,
    statistics.ordinal_alpha,
    statistics.interval_alpha,
    statistics.pearson,
    statistics.spearman,
    statistics.kendall_tau,
    statistics.mae,
    statistics.rmse,
    statistics.bias,
    statistics.lower_limit,
    statistics.upper_limit,
}


def columns(figure: Statistic, rows: Sequence[tuple[int, int]]) -> tuple[list[Any], list[Any]]:
    """Rows as the figure takes them."""
    human, judge = [row[0] for row in rows], [row[1] for row in rows]
    if figure in NUMERIC:
        return human, judge
    if figure is statistics.binary_f1:
        return [one > 1 for one in human], [one > 1 for one in judge]
    if figure is statistics.calibration_error:
        return [float(one > 1) for one in human], [one / 3 for one in judge]
    if figure is statistics.brier:
        return [str(one > 1) for one in human], [(("True", one / 3), ("False", 1 - one / 3)) for one in judge]
    return [str(one) for one in human], [str(one) for one in judge]


@pytest.mark.parametrize("figure", list(vectorized.FAST), ids=lambda figure: figure.__name__)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
@settings(max_examples=12)
def test_they_equal_the_libraries(figure: Statistic, rows: list[tuple[int, int]], seed: int) -> None:
    human, judge = columns(figure, rows)
    counts = np.random.default_rng(seed).integers(0, 3, size=(3, len(rows)))
    counts[:, 0] += 1  # never empty
    found = vectorized.statistic_values(figure, human, judge, counts.astype(float))
    for value, row in zip(found, counts, strict=True):
        drawn = np.repeat(np.arange(len(rows)), row).tolist()
        oracle = ORACLES.get(figure, figure)  # the others have a plain form of their own
        expected = oracle([human[k] for k in drawn], [judge[k] for k in drawn])
        assert figure([human[k] for k in drawn], [judge[k] for k in drawn]) == pytest.approx(expected, nan_ok=True)
        assert value == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.parametrize("figure", list(vectorized.FAST), ids=lambda figure: figure.__name__)
def test_thirds_of_samples_are_as_good_as_whole_ones(figure: Statistic) -> None:
    human, judge = columns(figure, [(0, 1), (1, 1), (2, 3), (3, 2), (0, 0)])
    weights = np.array([[1.0, 2, 1, 3, 2]])
    whole, parts = (vectorized.statistic_values(figure, human, judge, one)[0] for one in (weights, weights / 3))
    if "alpha" in figure.__name__ or "upper" in figure.__name__:
        assert parts > whole  # fewer values meet themselves less often by chance; a variance divides by n - 1
    elif "lower" in figure.__name__:
        assert parts < whole
    else:
        assert parts == pytest.approx(whole)


def test_figures_of_ones_own_are_called_and_take_no_parts() -> None:
    def share(human: Sequence[str], judge: Sequence[str]) -> float:
        return len(judge) / 10

    assert vectorized.statistic_values(share, ["a", "b"], ["a", "b"], np.array([[1.0, 2.0], [0.0, 1.0]])).tolist() == [
        0.3,
        0.1,
    ]
    with pytest.raises(ValueError, match="in parts"):
        vectorized.statistic_values(share, ["a"], ["a"], np.array([[0.5]]))


def test_many_numbers_take_another_way_to_the_same_tau(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    human, judge = rng.integers(0, 9, 40).tolist(), rng.integers(0, 9, 40).tolist()
    quick = statistics.resampled(human, judge, statistics.kendall_tau, resamples=50)
    monkeypatch.setattr(vectorized, "_MANY", 10)
    slow = statistics.resampled(human, judge, statistics.kendall_tau, resamples=50)
    assert (slow.low, slow.high) == pytest.approx((quick.low, quick.high))
    assert not math.isnan(slow.low)
