"""Agreement figures: against hand-derived values."""

import math

import pytest

from blpo_inspect.labels import LabelScale
from blpo_inspect.statistics import accuracy, cohens_kappa, consensus, human_ceiling, macro_f1

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))


def labels(text: str) -> list[str]:
    return list(text)


def test_by_hand() -> None:
    # confusion (human rows, judge columns): a: 3 a, 1 b; b: 2 a, 4 b
    human, judge = labels("aaaabbbbbb"), labels("aaabaabbbb")
    assert accuracy(human, judge) == pytest.approx(7 / 10)
    # F1 a: 2·3/(2·3+2+1) = 6/9; F1 b: 2·4/(2·4+1+2) = 8/11
    assert macro_f1(human, judge) == pytest.approx((6 / 9 + 8 / 11) / 2)
    # expected: .4·.5 + .6·.5 = .5; kappa = (.7-.5)/(1-.5)
    assert cohens_kappa(human, judge) == pytest.approx(0.4)


def test_a_label_that_only_the_judge_uses_counts_as_zero() -> None:
    # F1 a: 2·1/(2·1+0+1) = 2/3; c: 0 → mean of two
    assert macro_f1(labels("aa"), labels("ac")) == pytest.approx(1 / 3)


def test_undefined_is_nan() -> None:
    assert all(math.isnan(figure([], [])) for figure in (accuracy, macro_f1, cohens_kappa))
    assert math.isnan(cohens_kappa(labels("aaa"), labels("aaa")))
    assert cohens_kappa(labels("ab"), labels("aa")) == 0.0


def test_consensus() -> None:
    assert consensus(["unsafe", "safe", "unsafe"], SAFETY) == ["unsafe"]
    assert consensus(["unsafe", "safe"], SAFETY) == ["safe", "unsafe"]
    assert consensus(["1", "5", "2"], RATING) == ["2"]
    assert consensus(["1", "5", "2", "4"], RATING) == ["2", "4"]
    assert consensus(["3", "3", "1", "5"], RATING) == ["3"]
    with pytest.raises(ValueError, match="no labels"):
        consensus([], SAFETY)


def test_ceiling_by_hand() -> None:
    # image 1: s s u. Left out s: others s,u tie → half; s again → half; u: others s,s → 0. Together 1 of 3.
    # image 2: u u u → 3 of 3.
    ceiling = human_ceiling([["safe", "safe", "unsafe"], ["unsafe"] * 3], SAFETY)
    assert ceiling.accuracy == pytest.approx(4 / 6)
    assert ceiling.comparisons == 6
    # weights: (s,s) 1/2+1/2, (s,u) 1/2+1/2, (u,s) 1, (u,u) 3; observed 4/6;
    # raters: s 2/6, u 4/6; others: s 2/6, u 4/6; expected 4/36 + 16/36 = 20/36
    assert ceiling.kappa == pytest.approx((4 / 6 - 20 / 36) / (1 - 20 / 36))


def test_ceiling_needs_two_raters() -> None:
    ceiling = human_ceiling([["safe"], []], SAFETY)
    assert ceiling.comparisons == 0
    assert math.isnan(ceiling.accuracy)
    assert math.isnan(ceiling.kappa)
