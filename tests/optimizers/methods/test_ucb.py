"""The bandit: bounds by hand over several turns, the first draw, ties, and an independent calculation."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.optimizers.methods.ucb import Ucb


def test_several_turns_by_hand() -> None:
    bandit, rng = Ucb(3), random.Random(0)
    for arm, score in ((0, 0.5), (2, 0.75)):
        bandit.update(arm, score, 4)
    # ln 1 = 0: the means 0.5, 0, 0.75 alone
    assert bandit.choose(3, 1, rng) == [2, 0, 1]
    assert bandit.choose(2, 1, rng) == [2, 0]
    # ln 2 = 0.6931: 0.5 + √(0.6931 / 4.001) = 0.916; √(0.6931 / 0.001) = 26.3; 0.75 + 0.416 = 1.166
    assert bandit.choose(3, 2, rng) == [1, 2, 0]
    bandit.update(1, 0.25, 8)
    bandit.update(2, 0.35, 8)
    # of 2: (0.75 · 4 + 0.35 · 8) / 12 = 0.4833
    assert bandit.means() == [0.5, 0.25, pytest.approx(0.4833, abs=1e-4)]
    assert bandit.counts == [4, 8, 12]
    # ln 3 = 1.0986: 0.5 + √(1.0986 / 4.001) = 1.024; 0.25 + √(1.0986 / 8.001) = 0.621;
    # 0.4833 + √(1.0986 / 12.001) = 0.786
    assert bandit.choose(3, 3, rng) == [0, 2, 1]
    bandit.update(0, 0.1, 2)
    bandit.update(0, 0.1, 2)
    # of 0: (2 + 0.4) / 8 = 0.3. ln 4 = 1.3863: 0.3 + √(1.3863 / 8.001) = 0.716; 0.25 + 0.416 = 0.666;
    # 0.4833 + √(1.3863 / 12.001) = 0.823
    assert bandit.choose(3, 4, rng) == [2, 0, 1]


def test_the_weight_of_uncertainty_decides() -> None:
    """Means 0.6 of 20 and 0.4 of 5; at turn 5, ln 5 = 1.609, the roots are 0.284 and 0.567: even at c = 0.705."""
    for c, first in ((0.0, 0), (0.7, 0), (0.71, 1), (1.0, 1)):
        bandit = Ucb(2, c)
        bandit.update(0, 0.6, 20)
        bandit.update(1, 0.4, 5)
        assert bandit.choose(1, 5, random.Random(0)) == [first]


def test_an_arm_without_samples_has_the_mean_0() -> None:
    bandit = Ucb(3, c=0)
    assert bandit.means() == [0.0, 0.0, 0.0]
    bandit.update(1, 0.0, 3)
    bandit.update(2, 0.1, 3)
    assert bandit.choose(3, 9, random.Random(0)) == [2, 0, 1], "0 and 1 are equal"


@pytest.mark.parametrize("turn", [0, 1, 7])
def test_while_there_are_no_samples_arms_are_drawn(turn: int) -> None:
    bandit = Ucb(5)
    drawn = [bandit.choose(2, turn, random.Random(seed)) for seed in range(40)]
    assert drawn == [bandit.choose(2, turn, random.Random(seed)) for seed in range(40)]
    assert {arm for arms in drawn for arm in arms} == {0, 1, 2, 3, 4}
    assert all(len(set(arms)) == 2 for arms in drawn)
    assert sorted(bandit.choose(9, turn, random.Random(0))) == [0, 1, 2, 3, 4], "no more than there are"


def test_a_score_of_0_is_a_sample() -> None:
    """After it nothing is drawn at random any more: the others go first, in their order."""
    bandit = Ucb(4)
    bandit.update(1, 0.0, 1)
    for seed in range(10):
        assert bandit.choose(4, 2, random.Random(seed)) == [0, 2, 3, 1]


def test_of_equal_bounds_the_lower_number_is_first() -> None:
    bandit = Ucb(4)
    for arm in (3, 1, 0, 2):
        bandit.update(arm, 0.5, 4)
    for turn in range(4):
        assert bandit.choose(2, turn, random.Random(turn)) == [0, 1]


def test_turn_0_with_samples_goes_by_the_mean() -> None:
    bandit = Ucb(2)
    bandit.update(0, 0.25, 1)
    bandit.update(1, 0.5, 9)
    assert bandit.choose(2, 0, random.Random(0)) == [1, 0]


@given(
    st.integers(2, 7),
    st.integers(1, 7),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.lists(st.tuples(st.integers(0, 8), st.integers(1, 4)), min_size=1, max_size=12),
    st.integers(0, 3),
)
def test_it_is_what_the_formula_says(arms: int, number: int, c: float, turns: list[tuple[int, int]], seed: int) -> None:
    """Each turn the chosen arms get a score, in eighths, of so many samples."""
    bandit, rng = Ucb(arms, c), random.Random(seed)
    totals, counts = np.zeros(arms), np.zeros(arms)
    for turn, (eighths, samples) in enumerate(turns):
        chosen = bandit.choose(number, turn, rng)
        if turn:
            means = np.divide(totals, counts, out=np.zeros(arms), where=counts > 0)
            bounds = means + c * np.sqrt(np.log(turn) / (counts + 1e-3))
            assert chosen == np.argsort(-bounds, kind="stable")[:number].tolist()
        assert len(chosen) == len(set(chosen)) == min(number, arms)
        for place, arm in enumerate(chosen):
            score = ((eighths + 3 * place) % 9) / 8
            bandit.update(arm, score, samples)
            totals[arm] += score * samples
            counts[arm] += samples
        assert bandit.counts == counts.tolist()
        assert bandit.means() == pytest.approx((totals / np.maximum(counts, 1)).tolist())
