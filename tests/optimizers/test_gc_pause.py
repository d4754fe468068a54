"""Python's garbage collector during a run."""

import gc
from collections.abc import Iterator

import pytest

from blpo_inspect.optimizers.gc_pause import EVERY, seldom_collected


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before, frozen = gc.get_threshold(), gc.get_freeze_count() > 0
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    if frozen:
        gc.freeze()


def test_collected_seldom_until_the_last_of_several_runs_ends() -> None:
    gc.set_threshold(700, 10, 10)
    with seldom_collected():
        with pytest.raises(ValueError, match="failed"), seldom_collected():
            raise ValueError("failed")
        assert gc.get_threshold() == (EVERY, 10, 10)
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (700, 10, 10)
    assert gc.get_freeze_count() == 0


def test_what_others_set_aside_stays_there() -> None:
    gc.set_threshold(700, 10, 10)
    gc.freeze()
    frozen = gc.get_freeze_count()
    with seldom_collected():
        assert gc.get_threshold() == (EVERY, 10, 10)
    assert gc.get_freeze_count() >= frozen * 0.9  # some may have been let go of meanwhile


@pytest.mark.parametrize("threshold", [(0, 10, 10), (100_000, 5, 5)])
def test_a_collector_that_is_off_or_seldom_anyway_stays(threshold: tuple[int, int, int]) -> None:
    gc.set_threshold(*threshold)
    with seldom_collected():
        assert gc.get_threshold() == threshold
        assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == threshold
