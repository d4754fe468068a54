"""Evidence that may be looked at after every sample."""

import math
import random

import pytest

from blpo_inspect.statistics.sequential import evidence


def test_the_wealth_of_a_bet_by_hand() -> None:
    # five bets: the mean of (1 + b) and of (1 + b)(1 - b) over b = .1, .3, .5, .7, .9
    assert evidence([1.0]) == pytest.approx(1.5)
    assert evidence([1.0, -1.0]) == pytest.approx((0.99 + 0.91 + 0.75 + 0.51 + 0.19) / 5)
    assert evidence([]) == 1
    assert evidence([0.0] * 9) == 1


def test_in_a_finite_set_what_is_left_bounds_the_mean() -> None:
    # two of three gained 1: the last can lose 1 at most, so that the sum is above 0 whatever comes
    assert evidence([1.0, 1.0, -1.0], of=3) == math.inf
    # the second is bet on against the mean -1/2 of the rest, with room for a loss of 1/2
    bets = (0.1, 0.3, 0.5, 0.7, 0.9)
    assert evidence([1.0, 0.0], of=3) == pytest.approx(sum((1 + b) * (1 + b * 0.5 / 0.5) for b in bets) / 5)


@pytest.mark.parametrize("of", [None, 60])
def test_without_a_gain_it_is_seldom_high_at_any_moment(of: int | None) -> None:
    rng = random.Random(1)
    fooled = 0
    for _ in range(600):
        gains = [rng.choice((-1.0, 0.0, 0.0, 1.0)) for _ in range(60)]
        if of is not None:  # a whole whose sum is exactly 0
            gains = [1.0] * 15 + [-1.0] * 15 + [0.0] * 30
            rng.shuffle(gains)
        fooled += any(evidence(gains[:n], of=of) >= 20 for n in range(1, 60))
    assert fooled / 600 <= 0.05


def test_a_real_gain_shows_early() -> None:
    rng = random.Random(2)
    needed = []
    for _ in range(50):
        gains = [1.0] * 40 + [-1.0] * 4 + [0.0] * 56
        rng.shuffle(gains)
        needed.append(next(n for n in range(1, 101) if evidence(gains[:n], of=100) >= 20))
    assert sorted(needed)[25] < 40


def test_a_gain_below_the_least_is_refused() -> None:
    with pytest.raises(ValueError, match="at least -1"):
        evidence([-1.5])
    with pytest.raises(ValueError, match="below 0"):
        evidence([0.5], least=0.0)
