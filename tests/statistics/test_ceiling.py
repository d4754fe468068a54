"""Human ceilings and preferences within groups: by hand and by plain loops."""

import itertools
import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import (
    Statistic,
    accuracy,
    cohens_kappa,
    count_pairs,
    mae,
    preferences,
    rater_consensus,
    rater_rater,
    share_of_ceiling,
    spearman,
)

SAFETY = LabelScale("unordered", ("s", "u"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))


def test_one_rater_against_the_others_by_hand() -> None:
    # image 1: s s u. Left out s: others s,u tie → half; s again → half; u: others s,s → 0. Together 1 of 3.
    # image 2: u u u → 3 of 3.
    found = rater_consensus(["ssu", "uuu"], SAFETY, accuracy)
    assert found.value == pytest.approx(4 / 6)
    assert found.n == 2
    # resamples: twice the first, both, twice the second
    assert (found.low, found.high) == pytest.approx((1 / 3, 1))
    # median of the others: 1 5 | 2 → tie of 1 and 5, 2 and 5, 1 and 2: errors (1 + 3)/2, (1 + 4)/2, (4 + 3)/2
    spread = rater_consensus([["2", "1", "5"]], RATING, mae, value=RATING.value)
    assert spread.value == pytest.approx((2 + 2.5 + 3.5) / 3)
    assert "one sample" in str(spread.reason) or "one cluster" in str(spread.reason)


def test_kappa_of_one_rater_against_the_others_by_hand() -> None:
    # weights: (s,s) 1/2+1/2, (s,u) 1/2+1/2, (u,s) 1, (u,u) 3; observed 4/6;
    # raters: s 2/6, u 4/6; others: s 2/6, u 4/6; expected 4/36 + 16/36 = 20/36
    kappa = rater_consensus(["ssu", "uuu"], SAFETY, cohens_kappa)
    assert kappa.value == pytest.approx((4 / 6 - 20 / 36) / (1 - 20 / 36))


def test_one_rater_has_no_others() -> None:
    found = [rater_consensus([["s"], []], SAFETY, statistic) for statistic in (accuracy, cohens_kappa)]
    assert all(math.isnan(interval.value) and interval.n == 0 for interval in found)


def test_pairs_of_raters_by_a_loop() -> None:
    rng = random.Random(0)
    truth = [rng.randint(1, 5) for _ in range(60)]
    ratings = [
        {name: str(min(5, max(1, one + rng.choice((-1, 0, 0, 1))))) for name in "abcd" if rng.random() < 0.8}
        for one in truth
    ]
    cases: list[tuple[Statistic, Callable[[str], Any]]] = [(cohens_kappa, str), (spearman, float)]
    for figure, value in cases:
        total, count = 0.0, 0
        for pair in itertools.combinations("abcd", 2):
            shared = [one for one in ratings if set(pair) <= set(one)]
            left, right = ([value(one[name]) for one in shared] for name in pair)
            total += len(shared) * figure(left, right)
            count += len(shared)
        found = rater_rater(ratings, figure, value=value)
        assert found.value == pytest.approx(total / count)
        assert found.low < found.value < found.high
        assert found.n == sum(len(one) > 1 for one in ratings)


def test_pairs_that_share_too_little_are_left_out_and_said() -> None:
    ratings = [{"a": "s", "b": "s"}] * 6 + [{"a": "s", "b": "u"}] * 6 + [{"a": "s", "c": "u"}]
    found = rater_rater(ratings, accuracy)
    assert found.value == 0.5 and "1 of 2 pairs" in str(found.reason)
    nothing = rater_rater(ratings[:5], accuracy)
    assert math.isnan(nothing.value) and nothing.reason == "no two raters share 10 images"
    assert rater_rater(ratings, accuracy, least=1).value == pytest.approx(6 / 13)
    assert rater_rater([], accuracy).n == 0


def test_the_judges_share_by_hand() -> None:
    # others' consensus: image 1 tie tie s, image 2 u u u; judge s, s: 1/2 + 1/2 + 1 of 3, 0 of 3; raters 4 of 6
    found = share_of_ceiling(["s", "s"], ["ssu", "uuu"], SAFETY, accuracy)
    assert found.value == pytest.approx((2 / 6) / (4 / 6))
    # a judge that is one of the raters reaches what raters reach
    ratings = [random.Random(k).choices("su", weights=(1 + 9 * (k % 2), 9), k=5) for k in range(400)]
    one = share_of_ceiling([labels[0] for labels in ratings], ratings, SAFETY, accuracy)
    assert one.low < one.value < one.high and one.value > 1  # it is among the others most of the time
    independent = [random.Random(k + 1000).choices("su", weights=(1 + 9 * (k % 2), 9))[0] for k in range(400)]
    other = share_of_ceiling(independent, ratings, SAFETY, accuracy)
    assert other.low < 1 < other.high


def test_no_share_of_a_ceiling_that_is_none() -> None:
    # raters at odds: kappa below 0
    found = share_of_ceiling(["s", "u"] * 10, ["su", "us"] * 10, SAFETY, cohens_kappa)
    assert math.isnan(found.value) and "not above 0" in str(found.reason)
    for nothing in (
        share_of_ceiling([], [], SAFETY, accuracy),
        share_of_ceiling(["s"], ["s"], SAFETY, accuracy),
        rater_consensus([["s"], []], SAFETY, accuracy),
    ):
        assert math.isnan(nothing.value) and nothing.reason == "no image has two raters" and nothing.n == 0
    constant = share_of_ceiling(["s"] * 5, ["sss"] * 5, SAFETY, cohens_kappa)
    assert math.isnan(constant.value) and constant.reason


def test_preferences_by_hand() -> None:
    # g: human 3 2 1 1, judge 5 5 2 1: pairs 32 tie, 31 right twice, 21 right twice, 11 people tie
    # h: human 1 2, judge 4 3: wrong
    human, judge = [3, 2, 1, 1, 1, 2], [5, 5, 2, 1, 4, 3]
    found = preferences(human, judge, "gggghh")
    assert found["preference"].value == pytest.approx(4.5 / 6)
    assert found["preference_decided"].value == pytest.approx(4 / 5)
    assert found["judge_ties"].value == pytest.approx(1 / 6)
    assert found["human_ties"].value == pytest.approx(1 / 7)
    assert [one.n for one in found.values()] == [6, 5, 6, 7]
    # resamples of two groups: twice h 0, both 4.5/6, twice g 4.5/5
    assert (found["preference"].low, found["preference"].high) == pytest.approx((0, 0.9))


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from("xyz")), max_size=12))
def test_pairs_equal_a_loop(rows: list[tuple[int, int, str]]) -> None:
    counted = count_pairs([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])
    for group in {row[2] for row in rows}:
        pairs = [
            ((one[0] > other[0]) - (one[0] < other[0]), (one[1] > other[1]) - (one[1] < other[1]))
            for k, one in enumerate(rows)
            for other in rows[:k]
            if one[2] == other[2] == group
        ]
        found = counted[group]
        assert found.right == sum(h == j != 0 for h, j in pairs)
        assert found.wrong == sum(h == -j != 0 for h, j in pairs)
        assert found.judge_ties == sum(h != 0 == j for h, j in pairs)
        assert found.human_ties == sum(h == 0 for h, _ in pairs)


@pytest.mark.parametrize(
    ("human", "judge", "groups"), [([], [], ""), ([1], [1], "a"), ([1, 2], [1, 2], "ab"), ([1, 1], [1, 2], "aa")]
)
def test_preferences_of_degenerate_samples(human: list[float], judge: list[float], groups: str) -> None:
    for name, found in preferences(human, judge, groups).items():
        if not (name == "human_ties" and groups == "aa"):
            assert math.isnan(found.value) and found.n == 0
        assert math.isnan(found.low) and found.reason
    one = preferences([1, 2], [1, 2], "aa")["preference"]
    assert one.value == 1 and math.isnan(one.low)
    assert statistics.Pairs(1) + statistics.Pairs(0, 2) == statistics.Pairs(1, 2)
