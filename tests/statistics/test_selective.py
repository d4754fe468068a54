"""What a judge may decide alone: by hand, and how often the guarantee fails on simulated judges."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from blpo_inspect.statistics.selective import STARTS, THRESHOLDS, decides_alone

N = 400


def test_by_hand() -> None:
    # 100 that are sure and right, 50 that are not sure and half right; level .9, a third of delta = .05 for each start
    right, sure = [True] * 100 + [True, False] * 25, [0.9] * 100 + [0.6] * 50
    found = decides_alone(right, sure, level=0.9)
    # P(at most 0 of 100 wrong | .1) is tiny; of 150 with 25 wrong .99
    assert binom.cdf(25, 150, 0.1) > 0.05 / 3
    assert (found.threshold, found.decided, found.right, found.reason) == (0.9, 100, 100, None)


def test_too_few_or_not_good_enough() -> None:
    # a third of .05 takes log(.01667)/log(.9) = 38.9 right ones
    few = decides_alone([True] * 38, [1.0] * 38)
    assert few.threshold is None and few.reason is not None and "39 that are all right" in few.reason
    assert decides_alone([True] * 39, [1.0] * 39).decided == 39
    poor = decides_alone([True, False] * 100, [0.9] * 200)
    assert poor.threshold is None and poor.decided == 0
    assert decides_alone([], []).reason is not None


def test_a_wrong_answer_among_the_surest_is_not_the_end() -> None:
    right = [False, *[True] * 199]
    sure = [1 - k / 250 for k in range(200)]
    assert decides_alone(right, sure).decided > 150


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60), st.floats(0.5, 0.95), st.floats(0.01, 0.5))
@settings(max_examples=60, deadline=None)
def test_what_is_decided_passes_the_exact_test(rows: list[tuple[bool, float]], level: float, delta: float) -> None:
    found = decides_alone([row[0] for row in rows], [row[1] for row in rows], level=level, delta=delta)
    if found.threshold is None:
        assert (found.decided, found.right) == (0, 0) and found.reason
        return
    chosen = [hit for hit, sure in rows if sure >= found.threshold]
    assert (found.decided, found.right, found.n) == (len(chosen), sum(chosen), len(rows))
    assert found.threshold in THRESHOLDS
    assert binom.cdf(len(chosen) - sum(chosen), len(chosen), 1 - level) <= delta / len(STARTS) + 1e-9


JUDGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "calibrated": lambda sure: sure,
    "just below the level": lambda sure: np.full_like(sure, 0.895),
    "good where it is sure": lambda sure: np.where(sure > 0.8, 0.95, 0.7),
}


@pytest.mark.parametrize("name", JUDGES)
@pytest.mark.parametrize("size", [1, 5])
def test_the_guarantee_fails_seldom(name: str, size: int) -> None:
    """In clusters, all samples of one are right or wrong together."""
    rng = np.random.default_rng(0)
    grid = 0.5 + 0.5 * rng.beta(2, 1, 100_000)
    true = {threshold: JUDGES[name](grid[grid >= threshold]).mean() for threshold in THRESHOLDS if threshold < 1}
    broken, replications, n = 0, 200, 200
    for _ in range(replications):
        sure = np.repeat(0.5 + 0.5 * rng.beta(2, 1, n // size), size)
        right = np.repeat(rng.random(n // size) < JUDGES[name](sure[::size]), size)
        clusters = [k // size for k in range(n)] if size > 1 else None
        found = decides_alone(right.tolist(), sure.tolist(), clusters=clusters)
        broken += found.threshold is not None and found.threshold < 1 and true[found.threshold] < 0.9
    assert broken / replications <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / replications)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="level"):
        decides_alone([True], [1.0], level=1)
    with pytest.raises(ValueError, match="delta"):
        decides_alone([True], [1.0], delta=0)
    with pytest.raises(ValueError, match="1 and 2"):
        decides_alone([True], [1.0, 0.5])
