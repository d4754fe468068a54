"""Paired tests: against hand-derived values, the binomial distribution, a published example and statsmodels."""

import itertools
import math
import random
from math import comb
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from blpo_inspect import statistics
from blpo_inspect.statistics import correlation_difference, holm, mcnemar, paired_difference, steiger, williams
from blpo_inspect.statistics.paired import Test


def judged(gained: int, lost: int, both: int = 3) -> tuple[list[str], list[str], list[str]]:
    """People say a; the second judge gains and loses these samples."""
    n = gained + lost + both
    first = ["b"] * gained + ["a"] * (lost + both)
    second = ["a"] * gained + ["b"] * lost + ["a"] * both
    return ["a"] * n, first, second


def test_mcnemar_by_hand() -> None:
    # 6 gained, 1 lost: 2·(1 + 7)/2⁷
    found = mcnemar(*judged(6, 1))
    assert found.p == pytest.approx(16 / 128)
    assert (found.value, found.n) == (0.5, 10)
    assert math.isnan(found.low) and "no interval" in str(found.reason)
    assert mcnemar(*judged(0, 0)).p == 1
    nothing = mcnemar([], [], [])
    assert math.isnan(nothing.p) and nothing.reason == "no samples"
    with pytest.raises(ValueError, match="zip"):
        mcnemar(["a"], ["a"], [])


@given(st.integers(0, 20), st.integers(0, 20))
def test_mcnemar_is_a_fair_coin(gained: int, lost: int) -> None:
    n = gained + lost
    tail = sum(comb(n, k) for k in range(min(gained, lost) + 1)) / 2**n
    assert mcnemar(*judged(gained, lost)).p == pytest.approx(min(1, 2 * tail))


def test_williams_and_steiger_on_published_examples() -> None:
    # Steiger's data in the manual of R's psych::r.test, which prints t = 0.89 and p < 0.37
    assert williams(0.5, 0.4, 0.1, 103) == pytest.approx(0.37, abs=0.005)
    # by hand, equation 7: |R| = 1 - .25 - .16 - .01 + .04 = .62; mean .45; spread 2·(102/100)·.62 + .2025·.729
    t = 0.1 * math.sqrt(102 * 1.1 / (2 * 1.02 * 0.62 + 0.45**2 * 0.9**3))
    assert t == pytest.approx(0.89, abs=0.005)
    assert williams(0.4, 0.5, 0.1, 103) == williams(0.5, 0.4, 0.1, 103)
    # equation 14: mean .45: covariance (.1·(1 - .405) - .10125·(1 - .405 - .01)) / (1 - .2025)²
    covariance = (0.1 * 0.595 - 0.10125 * 0.585) / 0.7975**2
    z = (math.atanh(0.5) - math.atanh(0.4)) * 10 / math.sqrt(2 - 2 * covariance)
    assert steiger(0.5, 0.4, 0.1, 103) == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert math.isnan(williams(0.9, -0.9, 0.9, 50))  # cannot be
    assert math.isnan(steiger(1.0, 0.4, 0.4, 50))


def test_equal_correlations_are_no_difference() -> None:
    assert williams(0.4, 0.4, 0.3, 50) == pytest.approx(1)
    assert steiger(0.4, 0.4, 0.3, 50) == pytest.approx(1)


def test_correlation_difference_on_samples() -> None:
    rng = np.random.default_rng(0)
    human = rng.standard_normal(80)
    first, second = human + 2 * rng.standard_normal(80), human + 0.5 * rng.standard_normal(80)
    args = human.tolist(), first.tolist(), second.tolist()
    rs = statistics.pearson(args[0], args[1]), statistics.pearson(args[0], args[2])
    default = correlation_difference(*args)
    assert default == paired_difference(*args, statistics.pearson, method="bca")
    found = correlation_difference(*args, test="williams")
    assert found.value == default.value == pytest.approx(rs[1] - rs[0])
    assert found.p == pytest.approx(williams(*rs, statistics.pearson(args[1], args[2]), 80))
    assert found.p < 0.001 and found.low > 0
    # Zou's interval is near the bootstrap's
    drawn = paired_difference(*args, statistics.pearson)
    assert (found.low, found.high) == pytest.approx((drawn.low, drawn.high), abs=0.06)
    back = correlation_difference(args[0], args[2], args[1], kind="spearman", test="steiger")
    assert back.value < 0 and back.high < 0 and back.p < 0.001
    with pytest.raises(ValueError, match="inconsistent"):
        correlation_difference([1.0], [1.0, 2.0], [1.0])


def test_correlation_difference_of_degenerate_samples() -> None:
    for columns, reason in (
        (([], [], []), "not defined"),
        (([1.0, 1, 1], [1, 2, 3], [3, 2, 1]), "not defined"),
        (([1.0, 2, 3], [1, 2, 4], [3, 1, 2]), "at least 5"),
        (([1.0, 2, 3, 4, 5], [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), "±1"),
    ):
        found = correlation_difference(*columns, test="williams")
        assert math.isnan(found.p) and math.isnan(found.low) and reason in str(found.reason)
    tests: tuple[Test, ...] = get_args(Test)
    for test in tests:
        same = correlation_difference([1.0, 2, 3, 4, 5], [2, 1, 4, 3, 5], [2, 1, 4, 3, 5], test=test)
        assert (same.value, same.p) == (0, 1)


def test_the_permutation_p_of_accuracy_is_mcnemars() -> None:
    # swapping the judges on one sample turns a gain into a loss: a fair coin for each sample that only one has right
    for gained, lost in ((6, 1), (9, 3), (12, 0), (5, 5)):
        columns = judged(gained, lost)
        found = paired_difference(*columns, statistics.accuracy, resamples=20_000)
        assert found.p == pytest.approx(mcnemar(*columns).p, abs=0.01)
    same = judged(5, 5)[1]
    assert paired_difference(["a"] * 13, same, same, statistics.accuracy).p == 1
    # where no permutation counts, p is not smaller than it is, and small enough to stand among hundreds of tests
    for gained, lost in ((40, 1), (20, 0), (30, 3)):
        columns = judged(gained, lost)
        assert mcnemar(*columns).p <= paired_difference(*columns, statistics.accuracy, resamples=999).p < 1e-3
    assert paired_difference(*judged(60, 1), statistics.accuracy).p < 0.05 / 400
    assert math.isnan(paired_difference([], [], [], statistics.accuracy).p)
    assert math.isnan(paired_difference(["a"], ["a"], ["a"], statistics.cohens_kappa).p)


def test_the_permutation_p_of_clusters_is_that_of_all_swaps() -> None:
    human, first, second = [1.0, 2, 3, 4, 5, 1], [2.0, 4, 1, 4, 4, 3], [1.0, 2, 4, 3, 5, 4]
    clusters = "aabbcd"
    value = statistics.mae(human, second) - statistics.mae(human, first)
    as_large = 0
    for swapped in itertools.product((False, True), repeat=4):
        turn = [dict(zip("abcd", swapped, strict=True))[name] for name in clusters]
        one = [s if t else f for f, s, t in zip(first, second, turn, strict=True)]
        other = [f if t else s for f, s, t in zip(first, second, turn, strict=True)]
        as_large += abs(statistics.mae(human, other) - statistics.mae(human, one)) >= abs(value) - 1e-12
    found = paired_difference(human, first, second, statistics.mae, clusters=clusters, resamples=20_000)
    assert found.p == pytest.approx(as_large / 16, abs=0.015)
    assert found.p == paired_difference(human, first, second, statistics.mae, clusters=clusters, resamples=20_000).p


def test_holm_by_hand() -> None:
    # .01·3, then .03·2, then .04 is no less than that
    assert holm({"a": 0.04, "b": 0.01, "c": 0.03}) == pytest.approx({"a": 0.06, "b": 0.03, "c": 0.06})
    found = holm({"a": 0.04, "b": math.nan, "c": 0.03})
    assert math.isnan(found["b"]) and found["c"] == pytest.approx(0.06)
    assert list(found) == ["a", "b", "c"]
    assert holm({}) == {}


@pytest.mark.parametrize("seed", range(20))
def test_holm_equals_statsmodels_and_a_loop(seed: int) -> None:
    rng = random.Random(seed)
    p = [rng.choice((0.0, 0.001, 0.01, 0.2, 1.0, rng.random())) for _ in range(rng.randint(1, 8))]
    found = list(holm({str(k): value for k, value in enumerate(p)}).values())
    assert found == pytest.approx(multipletests(p, method="holm")[1].tolist())
    highest, expected = 0.0, {}
    for rank, place in enumerate(sorted(range(len(p)), key=lambda k: p[k])):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        expected[place] = highest
    assert found == pytest.approx([expected[k] for k in range(len(p))])
