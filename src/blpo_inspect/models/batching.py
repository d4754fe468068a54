"""Requests that arrive one by one leave together: a queue, a worker thread, no waiting for a clock.

Knows nothing of models: payloads go in, a function that runs many at once gives results back.

When a batch leaves: as soon as the worker is free and either the batch is full or no announced
request is still on its way. Requests that arrive while a batch runs form the next batch. There is one
bounded exception: those whose answers just went out usually come back at once with their next
question, so for a tenth of the last batch's duration after its end, the next batch waits until as
many requests are there as that batch had.

When the interpreter exits, the running batch is given up and its thread waited for: Python ends a thread that it finds
inside of torch in a way that aborts the process.
"""

import atexit
import contextlib
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Generic, TypeVar

P = TypeVar("P")
R = TypeVar("R")

LINGER = 0.1
"""Share of the last batch's duration in which its requesters may come back with another request."""


@dataclass(frozen=True)
class Load:
    """What a request weighs, and with which others it may run."""

    group: Hashable
    """Only requests of equal group run in one batch."""

    length: int
    """Tokens of input; a batch is padded to its longest."""

    room: int
    """Tokens that the answer may take."""

    max_size: int
    """Most requests in its batch, at least 1."""

    max_tokens: int
    """Most tokens in its batch, padding and room included; a lone request may exceed it."""

    prefix: Hashable | None = None
    """Requests of equal prefix share the work on their first tokens, which may be done already."""

    prefix_length: int = 0
    """Tokens of it, out of `length`."""


class Ticket(Generic[P, R]):
    """One request's way through the queue: announced, then submitted or given up, then answered.

    Cancel it in the end, whatever happened: once it is answered that does nothing.
    """

    def __init__(self, batcher: "Batcher[P, R]") -> None:
        self.future: Future[R] = Future()
        """Gets the result, or the exception of this request alone."""
        self._batcher = batcher
        self._announced = True
        self._load: Load | None = None
        self._payload: P | None = None

    def is_wanted(self) -> bool:
        """Whether somebody still waits for the result."""
        return not (self.future.cancelled() or self._batcher._closed)

    def submit(self, payload: P, load: Load) -> None:
        """Queue the request. At most once."""
        self._payload, self._load = payload, load
        self._batcher._arrived(self, queue=True)

    def fail(self, error: Exception) -> None:
        """Answer the request with an error instead of submitting it."""
        _fail(self.future, error)
        self._batcher._arrived(self, queue=False)

    def cancel(self) -> None:
        """Drop the request: it leaves the queue, or its result is thrown away. Thread-safe."""
        self.future.cancel()
        self._batcher._dropped(self)


class Batcher(Generic[P, R]):
    """Collects requests and runs them in batches on one thread of its own.

    Args:
        run: Gives one result per payload, in order. An exception concerns the whole batch: it is
            split in halves, and what fails alone gets the exception.
        name: Of the thread.
        recover: Called between a failed batch and its halves, e.g. to free memory. Gets the
            exception and returns whether it was for lack of memory: then the size that failed
            is remembered and later batches stay at half of it.
        is_kept: Whether the work on a prefix is done already.
    """

    def __init__(
        self,
        run: Callable[[Sequence[P]], Sequence[R]],
        *,
        name: str,
        recover: Callable[[Exception], bool] = lambda error: False,
        is_kept: Callable[[Hashable], bool] = lambda prefix: False,
    ) -> None:
        self._run = run
        self._is_kept = is_kept
        self._recover = recover
        self._name = name
        self._condition = Condition()
        self._queue: list[Ticket[P, R]] = []
        self._announced = 0
        self._closed = False
        self._thread: Thread | None = None
        self._affordable: int | None = None
        self._last_size = 0
        self._last_end = 0.0
        self._last_duration = 0.0

    def announce(self) -> Ticket[P, R]:
        """Tell that a request is on its way: the next batch waits for it unless it is full."""
        with self._condition:
            self._announced += 1
            if self._thread is None:
                self._thread = Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
                atexit.register(self._close)
        return Ticket(self)

    def _close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _arrived(self, ticket: Ticket[P, R], *, queue: bool) -> None:
        with self._condition:
            if ticket._announced:
                ticket._announced = False
                self._announced -= 1
            if queue and ticket.is_wanted():
                self._queue.append(ticket)
            self._condition.notify_all()

    def _dropped(self, ticket: Ticket[P, R]) -> None:
        with self._condition:
            if ticket in self._queue:
                self._queue.remove(ticket)
        self._arrived(ticket, queue=False)

    def _work(self) -> None:
        while batch := self._next():
            start = time.monotonic()
            self._answer(batch)
            with self._condition:
                self._last_size = len(batch)
                self._last_end = time.monotonic()
                self._last_duration = self._last_end - start
            del batch

    def _next(self) -> list[Ticket[P, R]]:
        """The next batch; empty at the end."""
        with self._condition:
            while not self._closed:
                self._queue = [ticket for ticket in self._queue if ticket.is_wanted()]
                if not self._queue:
                    self._condition.wait()
                    continue
                batch, full = self._choose()
                if not full and self._announced:
                    self._condition.wait()
                    continue
                left = self._last_end + LINGER * self._last_duration - time.monotonic()
                if not full and len(self._queue) < self._last_size and left > 0:
                    self._condition.wait(left)
                    continue
                for ticket in batch:
                    self._queue.remove(ticket)
                return batch
        return []

    def _choose(self) -> tuple[list[Ticket[P, R]], bool]:
        """The oldest request and those that cost least beside it; and whether no more would fit.

        First come those whose prefix is there, before others push it out, then those most alike in the number of tokens
        to be run, as all are padded to the longest.
        """
        first, *others = self._queue
        load = _load(first)
        limit = load.max_tokens if self._affordable is None else min(load.max_tokens, self._affordable)
        alike = [ticket for ticket in others if _load(ticket).group == load.group]
        batch = [first]

        def cost(ticket: Ticket[P, R]) -> tuple[bool, int]:
            load = _load(ticket)
            return not done(load), abs(to_run(load) - target)

        def done(load: Load) -> bool:
            return load.prefix is None or load.prefix in prefixes or kept[load.prefix]

        def to_run(load: Load) -> int:
            return load.length - load.prefix_length if done(load) else load.length

        kept = {prefix: self._is_kept(prefix) for prefix in {_load(ticket).prefix for ticket in (first, *alike)}}
        prefixes: set[Hashable] = set()
        target = to_run(load)
        prefixes.add(load.prefix)
        while alike:
            ticket = min(alike, key=cost)  # the older of equals
            grown = [*batch, ticket]
            if len(grown) > load.max_size or padded_tokens([_load(member) for member in grown]) > limit:
                return batch, True
            batch = grown
            prefixes.add(_load(ticket).prefix)
            alike.remove(ticket)
        return batch, len(batch) >= load.max_size

    def _answer(self, batch: list[Ticket[P, R]]) -> None:
        batch = [ticket for ticket in batch if ticket.is_wanted()]
        if not batch:
            return
        try:
            results = self._run([_payload(ticket) for ticket in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(batch)} requests gave {len(results)} results")
        except Exception as error:
            # the traceback holds the failed batch's tensors: let go of it before freeing memory
            failure = error.with_traceback(None)
            failure.__context__ = failure.__cause__
        else:
            for ticket, result in zip(batch, results, strict=True):
                _settle(ticket.future, result)
            return
        short_of_memory = self._recover(failure)
        if len(batch) == 1:
            _fail(batch[0].future, failure)
            return
        if short_of_memory:
            half = padded_tokens([_load(ticket) for ticket in batch]) // 2
            self._affordable = half if self._affordable is None else min(half, self._affordable)
        middle = len(batch) // 2
        self._answer(batch[:middle])
        self._answer(batch[middle:])


def padded_tokens(loads: Sequence[Load]) -> int:
    """Tokens that a batch holds in memory at its end, padding included: prefixes end in one column, and so do texts."""
    prefix = max(load.prefix_length for load in loads)
    rest = max(load.length - load.prefix_length for load in loads)
    return len(loads) * (prefix + rest + max(load.room for load in loads))


def _load(ticket: Ticket[P, R]) -> Load:
    assert ticket._load is not None, "queued tickets are submitted"
    return ticket._load


def _payload(ticket: Ticket[P, R]) -> P:
    assert ticket._payload is not None, "queued tickets are submitted"
    return ticket._payload


def _settle(future: Future[R], result: R) -> None:
    with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
        future.set_result(result)


def _fail(future: Future[R], error: Exception) -> None:
    with contextlib.suppress(InvalidStateError):  # cancelled meanwhile
        future.set_exception(error)
