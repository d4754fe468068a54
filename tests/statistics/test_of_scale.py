"""Figures that depend on the labels of the scale: by hand, and against plain loops and scikit-learn."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import vectorized
from blpo_inspect.statistics.of_scale import Gwet, MacroF1All

# confusion (human rows, judge columns): 0: 3 1 0; 1: 1 2 1; 2: 0 0 2
HUMAN = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
JUDGE = [0, 0, 0, 1, 0, 1, 1, 2, 2, 2]


def gwet_by_loops(human: list[int], judge: list[int], size: int, *, weighted: bool) -> float:
    """Gwet (2014, Handbook of Inter-Rater Reliability, chapter 5), term by term."""
    weight = {
        (k, other): 1 - (k - other) ** 2 / (size - 1) ** 2 if weighted else float(k == other)
        for k, other in product(range(size), repeat=2)
    }
    agreed = sum(weight[pair] for pair in zip(human, judge, strict=True)) / len(human)
    used = [(human.count(k) + judge.count(k)) / (2 * len(human)) for k in range(size)]
    by_chance = sum(weight.values()) / (size * (size - 1)) * sum(share * (1 - share) for share in used)
    return (agreed - by_chance) / (1 - by_chance)


def test_by_hand() -> None:
    # agreed 7/10; shares 8 7 5 of 20: chance 1/2 · (8·12 + 7·13 + 5·15)/400
    chance = 262 / 800
    assert Gwet(3)(HUMAN, JUDGE) == pytest.approx((0.7 - chance) / (1 - chance))
    # squared distances of 1 weigh 3/4: agreed 1 - 3·(1/4)/10; all weights 3 + 4·3/4 + 0: chance 6/6 · 262/400
    chance = 262 / 400
    assert Gwet(3, weighted=True)(HUMAN, JUDGE) == pytest.approx((0.925 - chance) / (1 - chance))
    # F1s 6/8, 4/7, 4/5 and 0 of a fourth label that nobody used
    assert MacroF1All(4)(HUMAN, JUDGE) == pytest.approx((6 / 8 + 4 / 7 + 4 / 5) / 4)


def test_a_rare_label_does_not_take_gwets_coefficient_down_as_it_takes_kappa() -> None:
    human, judge = [0] * 95 + [1] * 5, [0] * 90 + [1] * 5 + [0] * 5
    assert statistics.cohens_kappa([str(k) for k in human], [str(k) for k in judge]) < 0
    # agreed .9, shares .95 and .05: chance 2/(2·1) · 2 · .95 · .05
    assert Gwet(2)(human, judge) == pytest.approx((0.9 - 0.095) / (1 - 0.095))


def test_a_stray_answer_moves_macro_f1_over_all_labels_little() -> None:
    human = ["a"] * 50 + ["b"] * 50
    stray = [*human[:-1], "c"]
    positions = [["abc".index(label) for label in side] for side in (human, stray)]
    assert statistics.macro_f1(human, human) - statistics.macro_f1(human, stray) > 0.3
    of_all = MacroF1All(3)
    assert 0 < of_all(positions[0], positions[0]) - of_all(*positions) < 0.01


@given(
    st.integers(2, 5).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), min_size=1, max_size=20),
            st.integers(0, 2**31),
        )
    )
)
@settings(max_examples=60, deadline=None)
def test_they_equal_plain_loops_on_every_resample(drawn: tuple[int, list[tuple[int, int]], int]) -> None:
    size, rows, seed = drawn
    human, judge = ([row[k] for row in rows] for k in (0, 1))
    weights = np.random.default_rng(seed).integers(0, 3, (3, len(rows))).astype(float)
    weights[:, 0] += 1  # no resample is empty
    for figure in (Gwet(size), Gwet(size, weighted=True), MacroF1All(size)):
        fast = vectorized.statistic_values(figure, human, judge, weights)
        for value, times in zip(fast, weights.astype(int), strict=True):
            left, right = np.repeat(human, times).tolist(), np.repeat(judge, times).tolist()
            if isinstance(figure, Gwet):
                expected = gwet_by_loops(left, right, size, weighted=figure.weighted)
            else:
                expected = f1_score(left, right, labels=range(size), average="macro", zero_division=0)
            assert value == pytest.approx(expected)


def test_no_samples_and_unequal_columns() -> None:
    assert math.isnan(Gwet(3)([], [])) and math.isnan(Gwet(1)([0], [0]))
    with pytest.raises(ValueError, match="2 and 1"):
        MacroF1All(2)([0, 1], [0])


def test_limits_of_agreement_hold_what_they_say() -> None:
    rng = np.random.default_rng(0)
    human = rng.normal(50, 10, 4000)
    judge = human + rng.normal(1, 2, 4000)
    low, high = (
        statistics.lower_limit(human.tolist(), judge.tolist()),
        statistics.upper_limit(human.tolist(), judge.tolist()),
    )
    errors = judge - human
    assert (low, high) == pytest.approx((1 - 1.96 * 2, 1 + 1.96 * 2), abs=0.15)
    assert ((errors > low) & (errors < high)).mean() == pytest.approx(0.95, abs=0.01)
    # errors -1, 0, 1: mean 0, standard deviation 1
    assert statistics.upper_limit([1, 1, 1], [0, 1, 2]) == pytest.approx(1.959964)
    assert math.isnan(statistics.lower_limit([1], [2]))


def test_which_scale_has_which() -> None:
    names = {kind: set(statistics.further_statistics_of(scale)) for kind, scale in SCALES.items()}
    assert names == {
        "unordered": {"macro_f1_all", "gwet_ac1"},
        "pair": {"macro_f1_all", "gwet_ac1"},
        "ordinal": {"macro_f1_all", "gwet_ac1", "gwet_ac2"},
        "numeric": {"lower_limit", "upper_limit"},
    }


SCALES = {
    "unordered": LabelScale("unordered", ("safe", "unsafe")),
    "pair": LabelScale.pair(ties=True),
    "ordinal": LabelScale("ordinal", ("1", "2", "3")),
    "numeric": LabelScale("numeric", low=0, high=10),
}
