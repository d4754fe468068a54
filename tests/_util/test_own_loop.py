"""Async work of callers with and without a loop runs on one loop, whose thread does not outlive a fork unnoticed."""

import asyncio
import subprocess
import sys
import threading
import time
from contextvars import ContextVar

import pytest

from blpo_inspect._util import own_loop

_setting: ContextVar[str] = ContextVar("setting", default="none")


async def _where() -> tuple[asyncio.AbstractEventLoop, threading.Thread, str]:
    await asyncio.sleep(0)
    return asyncio.get_running_loop(), threading.current_thread(), _setting.get()


def test_one_loop_for_all_callers_in_a_context_of_its_own() -> None:
    _setting.set("the caller's")

    async def inside() -> list[object]:
        return [own_loop.run(_where), await own_loop.run_from_loop(_where)]

    found = [own_loop.run(_where), *asyncio.run(inside()), *asyncio.run(inside())]
    assert len(set(found)) == 1
    loop, thread, setting = own_loop.run(_where)
    assert loop.is_running() and thread is not threading.current_thread() and setting == "none"


def test_errors_come_as_they_are() -> None:
    async def fails() -> None:
        raise KeyError("what")

    with pytest.raises(KeyError, match="what"):
        own_loop.run(fails)
    with pytest.raises(KeyError, match="what"):
        asyncio.run(own_loop.run_from_loop(fails))


def test_a_caller_that_goes_on_meanwhile() -> None:
    async def both() -> float:
        began = time.perf_counter()
        await asyncio.gather(own_loop.run_from_loop(lambda: asyncio.sleep(0.2)), asyncio.sleep(0.2))
        return time.perf_counter() - began

    assert asyncio.run(both()) < 0.39


FORK = """
import os
from blpo_inspect._util import own_loop
async def work():
    return os.getpid()
own_loop.run(work)
child = os.fork()
if child == 0:
    os._exit(0 if own_loop.run(work) == os.getpid() else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def test_after_a_fork() -> None:
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=60)


INTERRUPTED = """
import asyncio, signal, threading, os
from blpo_inspect._util import own_loop
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell runs the tests in the background
ended = threading.Event()
async def work():
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        await asyncio.sleep(60)
    finally:
        ended.set()
try:
    own_loop.run(work)
except KeyboardInterrupt:
    assert ended.wait(5)
    print("ended")
"""


def test_an_interrupt_ends_the_work_too() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], check=True, timeout=60, capture_output=True, text=True)
    assert done.stdout == "ended\n"
