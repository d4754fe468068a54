"""Planned runs are carried out, several at a time, each in a process that stays for the next one."""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai._cli.util import parse_model_role_cli_args

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_lookup import full_name
from blpo_inspect.tasks.optimize import optimize
from comparison.plan import Run

LOST = "a process died while it ran; is there enough memory for so many --jobs? The same command tries it again"


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        run: Which.
        log: Its log, if there is one.
        problem: Why there is no result; None if there is one.
    """

    run: Run
    log: str | None
    problem: str | None


def carry_out(runs: Iterable[Run], log_dir: Path, jobs: int) -> Iterator[Ended]:
    """Carry out runs; what ended comes as soon as it has. With one job at a time in this process, else in others.

    Inspect writes the logs to ``log_dir``. A process that dies ends the runs that were under way, not the others.

    Raises:
        KeyboardInterrupt: Somebody interrupted.
    """
    if jobs == 1:
        yield from (perform(run, log_dir) for run in runs)
        return
    waiting = list(runs)
    while waiting:
        with _pool(jobs) as pool:
            yield from _until_broken(pool, waiting, log_dir, jobs)


def perform(run: Run, log_dir: Path) -> Ended:
    """Carry out one run in this process.

    Raises:
        KeyboardInterrupt: Somebody interrupted.
    """
    setting = run.setting
    try:
        common: dict[str, Any] = {
            "model": setting.model,
            "model_args": dict(setting.model_args),
            "max_connections": setting.max_connections,
            "display": "none",
            "log_dir": str(log_dir),
            "log_realtime": False,
            "log_images": False,
        }
        if run.method.optimizes:
            typed = tuple(f"{name}={role.typed}" for name, role in setting.roles.items())
            [log] = inspect_eval(
                optimize(**run.task_args),
                model_roles=parse_model_role_cli_args(typed),
                solver=run.method.solver(setting.max_calls),
                **common,
            )
        else:
            [log] = inspect_eval(full_name(run.benchmark), task_args=run.task_args, **common)
    except PrerequisiteError as error:
        return Ended(run, None, str(error.message))
    except Exception as error:
        # whatever went wrong, the other runs go on, and this one is reported
        return Ended(run, None, f"{type(error).__name__}: {error}")
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        return Ended(run, log.location, log.error.message if log.error else log.status)
    return Ended(run, log.location, None)


def _pool(jobs: int) -> ProcessPoolExecutor:
    # a forked process would inherit the threads and locks of this one half-way
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _until_broken(pool: ProcessPoolExecutor, waiting: list[Run], log_dir: Path, jobs: int) -> Iterator[Ended]:
    """Work off what is waiting; ends when nothing is left, or when the pool cannot go on."""
    under_way: dict[Future[Ended], Run] = {}
    broken = False
    try:
        while under_way or (waiting and not broken):
            # no more than can run: only what was under way is lost with a process
            while waiting and not broken and len(under_way) < jobs:
                try:
                    under_way[pool.submit(perform, waiting[0], log_dir)] = waiting[0]
                except BrokenProcessPool:  # a process died since; this run has not begun
                    broken = True
                    break
                waiting.pop(0)
            if not under_way:
                return
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                run = under_way.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken = True
                    yield Ended(run, None, LOST)
    except BaseException:
        # leaving the pool waits for its processes, which may have minutes to go
        for process in multiprocessing.active_children():
            process.terminate()
        raise


def _end_with_parent() -> None:
    """Go when the parent process has gone, however it went: it could not take what is found any more."""
    parent = multiprocessing.parent_process()

    def watch(join: Callable[[], None]) -> None:
        join()
        os._exit(1)

    if parent is not None:
        threading.Thread(target=watch, args=(parent.join,), daemon=True).start()
