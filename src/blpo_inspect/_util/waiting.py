"""Waiting in an event loop, asyncio's or trio's, for what another thread does."""

import asyncio
import contextlib
import importlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

T = TypeVar("T")


async def wait_for(future: Future[T]) -> T:
    """The future's result, without blocking the loop and without polling.

    The future may belong to any thread and outlive this loop. If the waiting task is cancelled the
    future is left alone: whether anybody else wants it is the caller's knowledge.
    """
    if future.done():
        await anyio.lowlevel.checkpoint()
        return future.result()
    done = anyio.Event()
    call_soon = _threadsafe_call()

    def wake(_: Future[T]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, so nobody waits
            call_soon(done.set)

    future.add_done_callback(wake)
    await done.wait()
    return future.result()


def _threadsafe_call() -> Callable[[Callable[[], object]], Any]:
    try:
        return asyncio.get_running_loop().call_soon_threadsafe
    except RuntimeError:
        # trio, the only other backend of anyio; by name, as it need not be installed
        trio_lowlevel: Any = importlib.import_module("trio.lowlevel")
        call: Callable[[Callable[[], object]], Any]
        call = trio_lowlevel.current_trio_token().run_sync_soon
        return call
