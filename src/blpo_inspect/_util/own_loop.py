"""One event loop of our own, in a thread: async work for callers without a loop, or with any.

A notebook runs code inside a loop, where `asyncio.run` is refused, and a program that calls `asyncio.run` twice has two
loops, while a provider's HTTP connections live on the loop that opened them. Here all work of a process shares one.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context
from threading import Lock, Thread
from typing import Any, TypeVar

from blpo_inspect._util.waiting import wait_for

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]

_loop: asyncio.AbstractEventLoop | None = None
_starting = Lock()


def run(work: Work[T]) -> T:
    """The result of async work, for a caller that waits. An interrupt of the caller ends the work too."""
    future = _start(work)
    try:
        return future.result()
    finally:
        future.cancel()


async def run_from_loop(work: Work[T]) -> T:
    """The same for a caller on any loop, which goes on meanwhile. Cancelling the caller ends the work too."""
    future = _start(work)
    try:
        return await wait_for(future)
    finally:
        future.cancel()


def _start(work: Work[T]) -> Future[T]:
    # in an empty context: what surrounds the caller has its own loop, and settings that would change requests
    return Context().run(lambda: asyncio.run_coroutine_threadsafe(work(), _running()))


def _running() -> asyncio.AbstractEventLoop:
    global _loop
    with _starting:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            Thread(target=_loop.run_forever, name="blpo-loop", daemon=True).start()
        return _loop


def _forget() -> None:
    global _loop, _starting
    _loop, _starting = None, Lock()


os.register_at_fork(after_in_child=_forget)  # a fork takes no thread along
