"""Cascades of judges: by hand, and how often the guarantee fails on simulated ones."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from blpo_inspect.statistics.cascade import Stage, cascade
from blpo_inspect.statistics.selective import decides_alone


def test_by_hand() -> None:
    # the first is sure and right of 100; of the other 150 the second is sure and right of 100
    first = Stage([True] * 100 + [True, False] * 75, [0.9] * 100 + [0.5] * 150)
    second = Stage([False] * 100 + [True] * 100 + [True, False] * 25, [0.9] * 200 + [0.4] * 50)
    found = cascade([first, second])
    assert [(one.threshold, one.decided, one.right, one.n) for one in found.stages] == [
        (0.9, 100, 100, 250), (0.9, 100, 100, 150)
    ]  # fmt: skip
    assert found.decided == (*[0] * 100, *[1] * 100, *[None] * 50)
    # each has half of delta
    assert found.stages[1].delta == 0.025 and found.stages[1].level == 0.9


def test_a_judge_that_may_decide_nothing_passes_all_on() -> None:
    poor, good = Stage([True, False] * 50, [0.9] * 100), Stage([True] * 100, [0.8] * 100)
    found = cascade([poor, good])
    assert found.stages[0].threshold is None and found.stages[1].n == 100
    assert found.decided == (1,) * 100
    assert cascade([poor]).stages == (decides_alone(poor.right, poor.confidence),)


Right = Callable[[np.ndarray, np.ndarray, np.random.Generator], tuple[np.ndarray, np.ndarray]]


def calibrated(one: np.ndarray, two: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.random(len(one)) < one, rng.random(len(one)) < two


def opposed(one: np.ndarray, two: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """The second is right where the first is wrong, as its threshold selects, and just below the level all in all."""
    first = rng.random(len(one)) < np.where(one > 0.8, 0.97, 0.8)
    return first, rng.random(len(one)) < np.where(first, 0.87, 0.99)


@pytest.mark.parametrize("right", [calibrated, opposed])
def test_the_guarantee_fails_seldom(right: Right) -> None:
    """For each judge on what it decides, and so for all that is answered."""
    rng = np.random.default_rng(0)

    def drawn(n: int) -> tuple[np.ndarray, ...]:
        one, two = 0.5 + 0.5 * rng.beta(2, 1, n), 0.5 + 0.5 * rng.beta(3, 1, n)
        return one, two, *right(one, two, rng)

    sure_one, sure_two, right_one, right_two = drawn(100_000)
    broken, answered, replications = 0, 0, 100
    for _ in range(replications):
        one, two, first, second = (column.tolist() for column in drawn(300))
        found = cascade([Stage(first, one), Stage(second, two)])
        first_from, second_from = (2.0 if alone.threshold is None else alone.threshold for alone in found.stages)
        by_first = sure_one >= first_from
        by_second = ~by_first & (sure_two >= second_from)
        hits = [right_one[by_first], right_two[by_second]]
        answered += any(len(one) > 0 for one in hits)
        broken += any(len(one) > 0 and one.mean() < 0.9 for one in hits)
    assert answered > replications / 2
    assert broken / replications <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / replications)
