"""Agreement figures and their intervals: against hand-derived values, scikit-learn and SciPy."""

import math
import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import (
    Statistic,
    accuracy,
    cohens_kappa,
    consensus,
    kendall_tau,
    macro_f1,
    paired_difference,
    pearson,
    resampled,
    spearman,
)
from tests.statistics.oracles import ORACLES

FIGURES = [accuracy, macro_f1, cohens_kappa]
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


def judged(n: int, share: float, seed: int, names: str = "abc") -> tuple[list[str], list[str]]:
    """Human labels, and a judge that has about this share right for certain and the others by chance."""
    rng = random.Random(seed)
    human = rng.choices(names, k=n)
    return human, [label if rng.random() < share else rng.choice(names) for label in human]


def slow(figure: Statistic) -> Statistic:
    """The same figure by a library, which is not known as one with a fast form."""
    return partial(ORACLES.get(figure, figure))


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.sampled_from("abcd")), max_size=12),
    st.sampled_from(FIGURES),
    st.integers(0, 9),
)
@settings(max_examples=20)
def test_the_fast_forms_equal_scikit_learn(rows: list[tuple[str, str, str]], figure: Statistic, seed: int) -> None:
    human, first, second = ([row[k] for row in rows] for k in range(3))
    # with a level near 1 the ends are the smallest and the largest of the resamples
    for level in (0.5, 1 - 1e-12):
        fast = resampled(human, first, figure, seed=seed, resamples=15, level=level)
        assert fast.n == len(rows)
        plain = resampled(human, first, slow(figure), seed=seed, resamples=15, level=level)
        paired = paired_difference(human, first, second, figure, seed=seed, resamples=15, level=level)
        paired_plain = paired_difference(human, first, second, slow(figure), seed=seed, resamples=15, level=level)
        for one, other in ((fast, plain), (paired, paired_plain)):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), nan_ok=True)
            # rounding may decide whether all resamples are exactly equal, nothing else
            if one.low != pytest.approx(one.high):
                assert one.reason == other.reason


def test_an_interval_by_hand() -> None:
    # one of two right: a resample has 0, 1 or 2 right with probabilities 1/4, 1/2, 1/4
    half = resampled(["a", "a"], ["a", "b"], accuracy, level=0.4)  # ends at 30% and 70%: both in the middle half
    assert (half.value, half.low, half.high, half.n, half.level, half.reason) == (0.5, 0.5, 0.5, 2, 0.4, None)
    wide = resampled(["a", "a"], ["a", "b"], accuracy, level=0.6)  # ends at 20% and 80%
    assert (wide.low, wide.high) == (0.0, 1.0)
    # the second is right where the first is wrong and the other way round: the differences -1, 0, 1 pair by pair
    swap = paired_difference(["a", "a"], ["a", "b"], ["b", "a"], accuracy, level=0.6)
    assert (swap.value, swap.low, swap.high) == (0.0, -1.0, 1.0)


@pytest.mark.parametrize("figure", FIGURES)
def test_intervals_are_those_of_scipy(figure: Statistic) -> None:
    human, first = judged(80, 0.4, 1)
    second = judged(80, 0.7, 1)[1]
    labels = np.array([human, first, second])

    def difference(indices: "Sequence[int]") -> float:
        human, first, second = labels[:, indices].tolist()
        return figure(human, second) - figure(human, first)

    theirs = bootstrap(
        (np.arange(80),),
        difference,
        vectorized=False,
        method="percentile",
        n_resamples=600,
        rng=np.random.default_rng(3),
    ).confidence_interval
    ours = paired_difference(human, first, second, figure)
    width = theirs.high - theirs.low
    assert ours.value == difference(range(80))
    # other random numbers: the ends differ by their Monte Carlo errors
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.12 * width)


def test_intervals_are_those_of_a_plain_loop() -> None:
    human, first = judged(60, 0.5, 2)
    second = judged(60, 0.8, 2)[1]
    rng = np.random.default_rng(5)
    gain = np.array([(h == s) - (h == f) for h, f, s in zip(human, first, second, strict=True)], dtype=float)
    loop = [gain[rng.integers(0, 60, 60)].mean() for _ in range(20_000)]
    ours = paired_difference(human, first, second, accuracy, resamples=20_000)
    assert ours.value == pytest.approx(gain.mean())
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(loop, [0.025, 0.975])), abs=1 / 60)
    unpaired = resampled(human, second, accuracy).high - resampled(human, first, accuracy).low
    assert ours.high - ours.low < unpaired  # it is the pairs that are drawn


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    truth = 0.5 + 0.5 / 2
    held = 0
    for seed in range(300):
        human, judge = judged(60, 0.5, seed, "ab")
        found = resampled(human, judge, accuracy, seed=seed, resamples=400)
        held += found.low <= truth <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_the_same_seed_gives_the_same_interval_in_any_order() -> None:
    human, first = judged(100, 0.5, 3)
    second = judged(100, 0.7, 3)[1]
    found = paired_difference(human, first, second, macro_f1, seed=4)
    assert paired_difference(human, first, second, macro_f1, seed=4) == found
    turned = paired_difference(human[::-1], first[::-1], second[::-1], macro_f1, seed=4)
    assert (turned.low, turned.high) == (found.low, found.high)
    assert paired_difference(human, first, second, macro_f1, seed=5) != found
    other_way = paired_difference(human, second, first, macro_f1, seed=4)
    assert other_way.value == -found.value


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    human, judge = judged(50, 0.5, 6)
    whole = resampled(human, judge, cohens_kappa, resamples=100)
    for room in ("units", "resampling"):
        monkeypatch.setattr(f"blpo_inspect.statistics.{room}.AT_ONCE", 64)
    assert resampled(human, judge, cohens_kappa, resamples=100) == whole


def test_where_there_is_no_interval() -> None:
    for found, reason in (
        (resampled([], [], accuracy), "no samples"),
        (paired_difference([], [], [], macro_f1), "no samples"),
        (resampled(["a"], ["a"], accuracy), "one sample"),
        (resampled(labels("aaa"), labels("aaa"), cohens_kappa), "not defined on these samples"),
        (paired_difference(labels("aab"), labels("aaa"), labels("aab"), lambda h, j: math.nan), "not defined on these"),
    ):
        assert math.isnan(found.low) and math.isnan(found.high)
        assert found.reason is not None and reason in found.reason
    assert resampled(["a"], ["a"], accuracy).value == 1.0


def test_resamples_without_a_figure_are_left_out_and_said() -> None:
    # kappa of "ab", "ab" is defined on the half of the resamples that draws both; there it is 1
    found = [resampled(["a", "b"], ["a", "b"], cohens_kappa, seed=seed, resamples=300) for seed in range(8)]
    assert {math.isnan(one.low) for one in found} == {True, False}
    for one in found:
        assert one.value == 1.0 and one.reason is not None
        share = float(one.reason.split("%")[0].split()[-1])
        if math.isnan(one.low):
            assert 40 < share < 50 and "of the resamples only" in one.reason
        else:
            assert one.low < one.high == 1.0 and 50 <= share < 60


def test_two_judges_that_never_differ_are_no_certainty() -> None:
    human, judge = judged(40, 0.5, 7)
    for figure in (cohens_kappa, accuracy):
        same = paired_difference(human, judge, judge, figure)
        assert same.value == 0.0 and same.reason is not None and "two pseudo samples of chance" in same.reason
        # Tango's interval of no discordant pair of 40 is ± 1.96²/(40 + 1.96²) = .088 for accuracy
        assert -0.25 < same.low < -0.04 and 0.04 < same.high < 0.25


@pytest.mark.parametrize("figure", [spearman, pearson, kendall_tau])
def test_swapping_does_not_mind_which_part_of_the_scale_a_judge_uses(figure: Any) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=120)
    good, poor = truth + 0.5 * rng.normal(size=120), truth + rng.normal(size=120)
    alike = paired_difference(truth.tolist(), poor.tolist(), good.tolist(), figure, resamples=300)
    narrow = paired_difference(truth.tolist(), poor.tolist(), (0.5 + good / 100).tolist(), figure, resamples=300)
    assert alike.p < 0.05
    assert (narrow.p, narrow.value, narrow.low) == pytest.approx((alike.p, alike.value, alike.low))


def test_an_interval_without_width_says_so() -> None:
    human = ["a", "b"] * 20
    same = paired_difference(human, ["a"] * 40, ["a"] * 40, accuracy)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)  # neither ever says b, nor does a pseudo sample


def test_wrong_use_of_intervals() -> None:
    with pytest.raises(ValueError, match=r"inconsistent|zip"):
        resampled(["a", "b"], ["a"], accuracy)
    with pytest.raises(ValueError, match=r"inconsistent|zip"):
        paired_difference(["a", "b"], ["a", "b"], ["a"], slow(lambda human, judge: 0.0))
    wrong: dict[str, Any]
    for wrong in ({"resamples": 0}, {"level": 0.0}, {"level": 1.0}):
        with pytest.raises(ValueError, match=r"at least 1|between 0 and 1"):
            resampled(["a", "b"], ["a", "b"], accuracy, **wrong)


def test_intervals_take_no_noticeable_time() -> None:
    human, first = judged(200, 0.4, 8, "12345")
    second = judged(200, 0.6, 8, "12345")[1]
    accuracy(human, first)  # numpy is imported
    began = time.process_time()
    for figure in FIGURES:
        paired_difference(human, first, second, figure)
    assert time.process_time() - began < 2
