"""A budget of memory: together within it, alone if need be, never more than is free."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from blpo_inspect._util.memory import MemoryBudget, free_memory


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    def say(available: int) -> None:
        monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=available))

    return say


def test_this_machine_has_memory() -> None:
    assert 1 << 20 < free_memory() < 1 << 50


@pytest.mark.parametrize(("wanted", "most"), [(20, 5), (60, 1), (100, 1), (110, 1), (399, 1)])
def test_what_is_in_flight_together_stays_within_the_budget(
    free: Callable[[int], None], wanted: int, most: int
) -> None:
    free(400)
    budget, held, peak = MemoryBudget(share=0.25), 0, 0
    lock = threading.Lock()
    # as many as fit meet here; one more never comes
    meeting = threading.Barrier(most + 1)

    def work() -> None:
        nonlocal held, peak
        with budget.hold(wanted):
            with lock:
                held += 1
                peak = max(peak, held)
            with pytest.raises(threading.BrokenBarrierError):
                meeting.wait(0.05)
            with lock:
                held -= 1

    threads = [threading.Thread(target=work) for _ in range(2 * most)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (held, peak) == (0, most)


def test_more_than_is_free_is_refused_and_holds_nothing(free: Callable[[int], None]) -> None:
    free(2_000_000_000)
    budget = MemoryBudget()
    with pytest.raises(MemoryError, match=r"about 3\.0 GB of memory, and 2\.0 GB are free"), budget.hold(3_000_000_000):
        pass
    free(4_000_000_000)
    with budget.hold(3_000_000_000):
        pass


def test_an_error_gives_back_what_was_held(free: Callable[[int], None]) -> None:
    free(100)
    budget = MemoryBudget()
    for _ in range(3):
        with pytest.raises(RuntimeError), budget.hold(20):
            raise RuntimeError
