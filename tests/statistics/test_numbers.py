"""Correlations, errors, and calibration: against hand-derived values and plain loops."""

import math
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import (
    bias,
    brier,
    calibration_error,
    expected_score,
    kendall_tau,
    mae,
    pearson,
    rmse,
    spearman,
)
from blpo_inspect.statistics.probabilities import BINS, bin_of, top

VALUES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=20)


def test_by_hand() -> None:
    human, judge = [1, 2, 3, 4], [1, 3, 2, 5]
    # deviations -1.5 -.5 .5 1.5 and -1.75 .25 -.75 2.25: 5.5 / √(5 · 8.75)
    assert pearson(human, judge) == pytest.approx(5.5 / math.sqrt(5 * 8.75))
    # ranks 1 3 2 4: 1 - 6·2/(4·15)
    assert spearman(human, judge) == pytest.approx(0.8)
    # one of six pairs turned round
    assert kendall_tau(human, judge) == pytest.approx(4 / 6)
    # errors 0 1 -1 1
    assert (mae(human, judge), rmse(human, judge), bias(human, judge)) == pytest.approx(
        (3 / 4, math.sqrt(3 / 4), 1 / 4)
    )
    # ties: human 1 1 2, judge 1 2 2: of three pairs one is ordered by both, one tied by each: 1/√(2·2)
    assert kendall_tau([1, 1, 2], [1, 2, 2]) == pytest.approx(1 / 2)
    # ranks 1.5 1.5 3 and 1 2.5 2.5: deviations -.5 -.5 1 and -1 .5 .5: .75/1.5
    assert spearman([1, 1, 2], [1, 2, 2]) == pytest.approx(1 / 2)


def loop_pearson(x: list[float], y: list[float]) -> float:
    n = len(x)
    a, b = ([value - sum(one) / n for value in one] for one in (x, y))
    under = math.sqrt(sum(v * v for v in a) * sum(v * v for v in b))
    return sum(v * w for v, w in zip(a, b, strict=True)) / under if under > 1e-9 else math.nan


def loop_ranks(x: list[int]) -> list[float]:
    return [sum(other < one for other in x) + (x.count(one) + 1) / 2 for one in x]


@given(VALUES)
@settings(max_examples=80)
def test_correlations_equal_plain_loops(rows: list[tuple[int, int]]) -> None:
    human, judge = ([row[k] for row in rows] for k in (0, 1))
    assert pearson(human, judge) == pytest.approx(loop_pearson([*human], [*judge]), nan_ok=True, abs=1e-9)
    ranked = loop_pearson(loop_ranks(human), loop_ranks(judge))
    assert spearman(human, judge) == pytest.approx(ranked, nan_ok=True, abs=1e-9)
    signs = [((a > c) - (a < c), (b > d) - (b < d)) for (a, b), (c, d) in combinations(rows, 2)]
    under = math.sqrt(sum(s != 0 for s, _ in signs) * sum(s != 0 for _, s in signs))
    tau = sum(s * t for s, t in signs) / under if under else math.nan
    assert kendall_tau(human, judge) == pytest.approx(tau, nan_ok=True, abs=1e-9)


def test_calibration_by_hand() -> None:
    # bin (.8, .9]: sure .9 and .85, one of two right: |1 - 1.75| = .75; bin (.5, .6]: sure .6, right: .4
    assert calibration_error([1, 0, 1], [0.9, 0.85, 0.6]) == pytest.approx((0.75 + 0.4) / 3)
    assert calibration_error([], []) != calibration_error([], [])  # NaN
    assert [bin_of(sure) for sure in (0, 0.05, 0.1, 0.1000001, 0.7, 0.95, 1)] == [0, 0, 0, 1, 6, 9, 9]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1000)), min_size=1, max_size=30))
def test_calibration_equals_a_loop_over_bins(rows: list[tuple[bool, int]]) -> None:
    edges = [k * 1000 // BINS for k in range(BINS + 1)]
    total = 0.0
    for low, high in pairwise(edges):
        inside = [(hit, sure) for hit, sure in rows if low < sure <= high or (low == 0 and sure == 0)]
        if inside:
            accuracy = sum(hit for hit, _ in inside) / len(inside)
            total += len(inside) * abs(accuracy - sum(sure for _, sure in inside) / 1000 / len(inside))
    found = calibration_error([hit for hit, _ in rows], [sure / 1000 for _, sure in rows])
    assert found == pytest.approx(total / len(rows), abs=1e-9)


def test_brier_and_expected_score_by_hand() -> None:
    sure = (("safe", 1.0), ("unsafe", 0.0))
    half = (("safe", 0.5), ("unsafe", 0.5))
    assert brier(["safe"], [sure]) == 0
    assert brier(["unsafe"], [sure]) == 2
    assert brier(["unsafe", "safe"], [sure, half]) == pytest.approx((2 + 0.5) / 2)
    assert math.isnan(brier([], []))
    scale = LabelScale("ordinal", ("1", "2", "3"))
    assert expected_score({"1": 0.2, "2": 0.3, "3": 0.5}, scale) == pytest.approx(2.3)
    named = LabelScale("ordinal", ("bad", "fair", "good"))
    assert expected_score({"bad": 0.5, "fair": 0.0, "good": 0.5}, named) == pytest.approx(1)
    assert top({"a": 0.4, "b": 0.4, "c": 0.2}) == ("a", 0.4)
    with pytest.raises(ValueError, match="unordered"):
        expected_score({"a": 1.0}, LabelScale("unordered", ("a", "b")))


def test_lengths_must_match() -> None:
    for figure in (pearson, mae, rmse, bias):
        with pytest.raises(ValueError):  # noqa: PT011  # SciPy's words or ours
            figure([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="inconsistent"):
        brier(["a"], [])
    with pytest.raises(ValueError, match="inconsistent"):
        calibration_error([1], [])
