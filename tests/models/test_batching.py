"""The queue with fake runners: no model, no clock."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.models.batching import Batcher, Load, Ticket, padded_tokens
from blpo_inspect.models.memory import is_out_of_memory

WAIT = 10.0


def load(length: int = 1, *, group: object = "g", size: int = 100, tokens: int = 10**6) -> Load:
    return Load(group=group, length=length, room=1, max_size=size, max_tokens=tokens)


class Runner:
    """Doubles its payloads and keeps the batches; can be held at its first batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def __call__(self, payloads: Sequence[int]) -> list[int]:
        self.batches.append(list(payloads))
        self.started.set()
        assert self.go.wait(WAIT)
        return [2 * payload for payload in payloads]

    @contextmanager
    def busy(self, batcher: "Batcher[int, int]") -> Iterator[None]:
        """A batch of one is running inside the block."""
        self.started.clear()
        self.go.clear()
        ticket = put(batcher, 0)
        assert self.started.wait(WAIT)
        yield
        self.go.set()
        assert ticket.future.result(WAIT) == 0


def put(batcher: "Batcher[Any, Any]", payload: int, weight: Load | None = None) -> Ticket[Any, Any]:
    ticket = batcher.announce()
    ticket.submit(payload, weight or load())
    return ticket


def test_what_arrives_during_a_batch_leaves_as_one() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        tickets = [put(batcher, number) for number in range(1, 6)]
    assert [ticket.future.result(WAIT) for ticket in tickets] == [2, 4, 6, 8, 10]
    assert runner.batches == [[0], [1, 2, 3, 4, 5]]


def test_a_batch_waits_for_announced_requests_and_not_for_those_given_up() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    first, second, third = (batcher.announce() for _ in range(3))
    first.submit(1, load())
    assert not runner.started.wait(0.05)
    third.cancel()
    second.submit(2, load())
    assert (first.future.result(WAIT), second.future.result(WAIT)) == (2, 4)
    assert runner.batches == [[1, 2]]


def test_a_full_batch_does_not_wait_for_announced_requests() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    late = batcher.announce()
    tickets = [put(batcher, number, load(size=2)) for number in (1, 2)]
    assert [ticket.future.result(WAIT) for ticket in tickets] == [2, 4]
    late.cancel()


def test_batches_are_bounded_in_size_and_tokens() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        sized = [put(batcher, number, load(size=2)) for number in range(1, 6)]
    for ticket in sized:
        ticket.future.result(WAIT)
    assert [len(batch) for batch in runner.batches] == [1, 2, 2, 1]
    # rows of 4 + 1 tokens: two make 10, three would make 15
    with runner.busy(batcher):
        heavy = [put(batcher, number, load(4, tokens=12)) for number in range(1, 4)]
    for ticket in heavy:
        ticket.future.result(WAIT)
    assert [len(batch) for batch in runner.batches[5:]] == [2, 1]


def test_a_request_over_the_token_limit_runs_alone() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    assert put(batcher, 3, load(50, tokens=10)).future.result(WAIT) == 6


def test_only_equal_groups_share_a_batch_and_the_oldest_goes_first() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        tickets = [put(batcher, number, load(group=number % 2)) for number in range(1, 6)]
    for ticket in tickets:
        ticket.future.result(WAIT)
    assert runner.batches == [[0], [1, 3, 5], [2, 4]]


def test_when_not_all_fit_those_of_like_length_go_together() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        tickets = [put(batcher, n, load(length, size=2)) for n, length in enumerate([10, 90, 11, 80])]
    for ticket in tickets:
        ticket.future.result(WAIT)
    assert runner.batches[1:] == [[0, 2], [1, 3]]


def test_a_cancelled_request_leaves_the_queue() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        kept, dropped = put(batcher, 1), put(batcher, 2)
        dropped.cancel()
    assert kept.future.result(WAIT) == 2
    with pytest.raises(CancelledError):
        dropped.future.result(WAIT)
    assert runner.batches == [[0], [1]]


def test_cancelling_a_running_request_leaves_its_batch_alone() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    with runner.busy(batcher):
        pass
    runner.started.clear()
    runner.go.clear()
    both = [batcher.announce(), batcher.announce()]
    for number, ticket in enumerate(both, 1):
        ticket.submit(number, load())
    assert runner.started.wait(WAIT)
    both[0].cancel()
    runner.go.set()
    assert both[1].future.result(WAIT) == 4
    assert put(batcher, 7).future.result(WAIT) == 14


def test_those_just_answered_may_come_back_together() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    # as if a batch of two that took long had just ended
    batcher._last_size, batcher._last_end, batcher._last_duration = 2, time.monotonic(), 10 * WAIT
    first = put(batcher, 1)
    assert not runner.started.wait(0.05)
    second = put(batcher, 2)
    assert (first.future.result(WAIT), second.future.result(WAIT)) == (2, 4)
    assert runner.batches == [[1, 2]]


def test_nobody_waits_longer_than_a_share_of_the_last_batch() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test")
    batcher._last_size, batcher._last_end, batcher._last_duration = 2, time.monotonic(), 0.2
    assert put(batcher, 1).future.result(WAIT) == 2
    assert runner.batches == [[1]]


def test_out_of_memory_halves_the_batch_and_remembers() -> None:
    sizes: list[int] = []
    freed: list[bool] = []

    def run(payloads: Sequence[int]) -> list[int]:
        sizes.append(len(payloads))
        if len(payloads) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [2 * payload for payload in payloads]

    def recover(error: Exception) -> bool:
        freed.append(is_out_of_memory(error))
        return freed[-1]

    batcher = Batcher(run, name="test", recover=recover)
    tickets = [batcher.announce() for _ in range(8)]
    for number, ticket in enumerate(tickets):
        ticket.submit(number, load())
    assert [ticket.future.result(WAIT) for ticket in tickets] == [2 * n for n in range(8)]
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert freed == [True] * 3
    # rows of 2 tokens: 4 failed, so no batch has more than 4 tokens from now on
    sizes.clear()
    tickets = [batcher.announce() for _ in range(4)]
    for number, ticket in enumerate(tickets):
        ticket.submit(number, load())
    for ticket in tickets:
        ticket.future.result(WAIT)
    assert sizes == [2, 2]


def test_what_fails_alone_fails_alone() -> None:
    def run(payloads: Sequence[int]) -> list[int]:
        if 3 in payloads:
            raise KeyError("three")
        return list(payloads)

    batcher = Batcher(run, name="test")
    tickets = [batcher.announce() for _ in range(6)]
    for number, ticket in enumerate(tickets):
        ticket.submit(number, load())
    for number, ticket in enumerate(tickets):
        if number == 3:
            with pytest.raises(KeyError):
                ticket.future.result(WAIT)
        else:
            assert ticket.future.result(WAIT) == number
    assert put(batcher, 9).future.result(WAIT) == 9


def kept(prefix: object) -> bool:
    """Which prefixes count as done in the tests below: those with a capital letter."""
    return isinstance(prefix, str) and prefix.isupper()


def prefixed(prefix: str | None, length: int = 10, prefix_length: int = 8, **more: Any) -> Load:
    return Load(
        group=more.get("group", "g"),
        length=length,
        room=1,
        max_size=more.get("size", 100),
        max_tokens=more.get("tokens", 10**6),
        prefix=prefix,
        prefix_length=prefix_length if prefix is not None else 0,
    )


def queued(loads: Sequence[Load]) -> "tuple[Batcher[int, int], list[Ticket[int, int]]]":
    """A batcher whose thread does not run, and its queue."""
    batcher: Batcher[int, int] = Batcher(Runner(), name="test", is_kept=kept)
    for weight in loads:
        ticket = Ticket(batcher)
        ticket._load = weight
        batcher._queue.append(ticket)
    return batcher, list(batcher._queue)


def chosen(loads: Sequence[Load]) -> tuple[list[int], bool]:
    """Which of a queue leave together, by their places in it."""
    batcher, queue = queued(loads)
    batch, full = batcher._choose()
    return [queue.index(ticket) for ticket in batch], full


def test_those_whose_prefix_is_kept_go_first() -> None:
    # the misses have as many tokens to run as the first; still those with work done go before them
    loads = [prefixed("A"), prefixed("b", 2, 1), prefixed("B", 60), prefixed("c", 2, 1), prefixed("C", 90)]
    assert chosen(loads)[0] == [0, 2, 4, 1, 3]
    assert chosen([replace(one, max_size=3) for one in loads]) == ([0, 2, 4], True)


def test_those_without_a_prefix_wait_for_none() -> None:
    assert chosen([prefixed("A"), prefixed("b"), prefixed(None, 50)])[0] == [0, 2, 1]


def test_after_a_miss_those_of_its_prefix_follow() -> None:
    loads = [prefixed("a"), prefixed("b"), prefixed("c"), prefixed("b"), prefixed("a"), prefixed("c")]
    assert chosen(loads)[0] == [0, 4, 1, 3, 2, 5]


def test_among_equals_those_with_the_nearest_number_of_tokens_to_run() -> None:
    # the first has 10 - 8 = 2 to run; the others 7, 1, 3, 2; of those equally far the older
    kept_ones = [prefixed("A"), *(prefixed("B", 8 + rest) for rest in (7, 1, 3, 2))]
    assert chosen(kept_ones)[0] == [0, 4, 2, 3, 1]
    # misses run all of their tokens, so that 8 of a prefix do not bring 17 near to 9
    misses = [prefixed("a", 9), prefixed("b", 17), prefixed("c", 14), prefixed("d", 8, 1)]
    assert chosen(misses)[0] == [0, 3, 2, 1]


def test_a_batch_of_one_is_full_and_the_oldest() -> None:
    loads = [prefixed("b", 99, size=1), prefixed("A", size=1), prefixed("B", size=1)]
    assert chosen(loads) == ([0], True)


def test_batches_of_one_leave_in_order_without_waiting_for_others() -> None:
    runner = Runner()
    batcher = Batcher(runner, name="test", is_kept=kept)
    late = batcher.announce()
    tickets = [put(batcher, n, prefixed(prefix, size=1)) for n, prefix in enumerate("bAcB", 1)]
    assert [ticket.future.result(WAIT) for ticket in tickets] == [2, 4, 6, 8]
    assert runner.batches == [[1], [2], [3], [4]]
    late.cancel()


def test_whether_a_prefix_is_kept_is_asked_when_a_batch_forms() -> None:
    runner = Runner()
    there: set[object] = set()
    batcher = Batcher(runner, name="test", is_kept=there.__contains__)
    with runner.busy(batcher):
        tickets = [put(batcher, n, prefixed(prefix, size=2)) for n, prefix in enumerate(("x", "y", "z"), 1)]
        there.add("z")
    for ticket in tickets:
        ticket.future.result(WAIT)
    assert runner.batches == [[0], [1, 3], [2]]


LOADS = st.lists(
    st.builds(
        lambda prefix, before, rest, group: prefixed(
            prefix, before + rest, before, group=group, size=1 + 3 * group, tokens=40 + 60 * group
        ),
        st.sampled_from(["A", "B", "a", "b", "c", None]),
        st.integers(0, 20),
        st.integers(1, 20),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=14,
)


@given(LOADS)
@settings(deadline=None)
def test_any_queue(loads: list[Load]) -> None:
    """What is promised of a batch, whatever waits."""
    places, full = chosen(loads)
    batch = [loads[place] for place in places]
    first = loads[0]
    assert places[0] == 0, "the oldest never waits for younger ones"
    assert len(set(places)) == len(places) <= first.max_size
    assert {one.group for one in batch} == {first.group}
    assert len(batch) == 1 or padded_tokens(batch) <= first.max_tokens
    waiting = [place for place, one in enumerate(loads) if one.group == first.group and place not in places]
    assert full == (bool(waiting) or len(batch) == first.max_size)

    def done(one: Load, before: list[Load]) -> bool:
        return one.prefix is None or kept(one.prefix) or one.prefix in {other.prefix for other in before}

    def to_run(one: Load, before: list[Load]) -> int:
        return one.length - (one.prefix_length if done(one, before) else 0)

    for at in range(1, len(places)):
        before, one = batch[:at], batch[at]
        rivals = [*places[at:], *waiting]
        if any(done(loads[rival], before) for rival in rivals):
            assert done(one, before), "work that is done goes before work that is not"
            rivals = [rival for rival in rivals if done(loads[rival], before)]
        far = {rival: abs(to_run(loads[rival], before) - to_run(first, [])) for rival in rivals}
        assert places[at] == min(rivals, key=lambda rival: (far[rival], rival)), "then the nearest, then the oldest"


@given(LOADS)
@settings(deadline=None)
def test_nobody_starves(loads: list[Load]) -> None:
    """Each batch takes the oldest, so a request waits for at most as many batches as stand before it."""
    batcher, queue = queued(loads)
    left = list(queue)
    batches = 0
    while left:
        batch, _ = batcher._choose()
        assert batch[0] is left[0]
        left = [ticket for ticket in left if ticket not in batch]
        batcher._queue = list(left)
        batches += 1
    assert batches <= len(loads)


@given(LOADS, st.integers(1, 80))
@settings(deadline=None)
def test_after_memory_ran_out_batches_stay_small(loads: list[Load], affordable: int) -> None:
    batcher, _ = queued(loads)
    batcher._affordable = affordable
    batch, _ = batcher._choose()
    assert len(batch) == 1 or padded_tokens([ticket._load for ticket in batch if ticket._load]) <= affordable
