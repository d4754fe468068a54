"""The share corrected by sensitivity and specificity: by hand, against textbook intervals, and where there is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from blpo_inspect.statistics.rogan_gladen import Errors, Share, rogan_gladen, rogan_gladen_difference

SURE = Errors(Share(1e12, 1e12), Share(1e12, 1e12), 1000)
"""A judge without errors, known exactly."""


def errors(hits: int, positives: int, rejected: int, negatives: int) -> Errors:
    human = [True] * positives + [False] * negatives
    judge = [k < hits for k in range(positives)] + [k >= rejected for k in range(negatives)]
    return Errors.of(human, judge)


def test_the_share_by_hand() -> None:
    # (0.3 + 0.9 - 1) / (0.8 + 0.9 - 1)
    assert rogan_gladen(Share(300, 1000), errors(40, 50, 90, 100)).value == pytest.approx(2 / 7)
    assert rogan_gladen(Share(50, 1000), errors(40, 50, 90, 100)).value == 0.0
    assert rogan_gladen(Share(950, 1000), errors(40, 50, 90, 100)).value == 1.0


def test_the_interval_is_lang_and_reiczigels() -> None:
    z = norm.ppf(0.975)
    n, nse, nsp = 200 + z**2, 32.0, 102.0
    p, se, sp = (60 + z**2 / 2) / n, 25 / nse, 92 / nsp  # of 60/200, 24/30 and 91/100
    share = (p + sp - 1) / (se + sp - 1)
    shift = 2 * z**2 * (share * se * (1 - se) / nse - (1 - share) * sp * (1 - sp) / nsp)
    spread = p * (1 - p) / n + share**2 * se * (1 - se) / nse + (1 - share) ** 2 * sp * (1 - sp) / nsp
    reach = z * math.sqrt(spread) / (se + sp - 1)
    found = rogan_gladen(Share(60, 200), errors(24, 30, 91, 100))
    assert (found.low, found.high) == pytest.approx((share + shift - reach, share + shift + reach))


def test_with_a_judge_without_errors_it_is_agresti_and_coulls() -> None:
    found = rogan_gladen(Share(60, 200), SURE)
    assert (found.low, found.high) == pytest.approx(proportion_confint(60, 200, method="agresti_coull"))


def test_a_difference_with_a_judge_without_errors_is_agresti_and_caffos() -> None:
    p, q = 61 / 202, 31 / 302
    reach = norm.ppf(0.975) * math.sqrt(p * (1 - p) / 202 + q * (1 - q) / 302)
    found = rogan_gladen_difference(Share(60, 200), Share(30, 300), SURE)
    assert (found.value, found.low, found.high) == pytest.approx((0.2, p - q - reach, p - q + reach))


def test_a_worse_judge_makes_a_difference_larger_and_less_sure() -> None:
    sure = rogan_gladen_difference(Share(60, 200), Share(30, 300), SURE)
    found = rogan_gladen_difference(Share(60, 200), Share(30, 300), errors(40, 50, 90, 100))
    assert found.value == pytest.approx(0.2 / 0.7)
    assert found.high - found.low > sure.high - sure.low


@pytest.mark.parametrize(
    ("given", "reason"),
    [((2, 4, 90, 100), "only 4 labelled"), ((20, 40, 50, 100), "add up to 1"), ((10, 50, 10, 50), "add up to 1")],
)
def test_where_there_is_no_figure(given: tuple[int, int, int, int], reason: str) -> None:
    for found in (
        rogan_gladen(Share(60, 200), errors(*given)),
        rogan_gladen_difference(Share(60, 200), Share(30, 300), errors(*given)),
    ):
        assert math.isnan(found.value)
        assert reason in (found.reason or "")


def test_clusters_count_as_fewer() -> None:
    human = [k % 10 < 3 for k in range(100) for _ in range(4)]
    judge = [said != (k % 7 == 0) for k, said in enumerate([k % 10 < 3 for k in range(100)]) for _ in range(4)]
    groups = [k // 4 for k in range(400)]
    alone, clustered = Errors.of(human, judge), Errors.of(human, judge, groups)
    assert clustered.sensitivity.value == pytest.approx(alone.sensitivity.value)
    assert clustered.sensitivity.n == pytest.approx(alone.sensitivity.n / 4, rel=0.1)


@given(st.integers(0, 200), st.integers(5, 60), st.integers(5, 60), st.data())
def test_an_interval_holds_its_value(said: int, positives: int, negatives: int, data: st.DataObject) -> None:
    hits, rejected = data.draw(st.integers(0, positives)), data.draw(st.integers(0, negatives))
    found = rogan_gladen(Share(said, 200), errors(hits, positives, rejected, negatives))
    if hits / positives + rejected / negatives <= 1:
        assert math.isnan(found.value)
    elif not math.isnan(found.low):
        assert 0 <= found.low <= found.value <= found.high <= 1
