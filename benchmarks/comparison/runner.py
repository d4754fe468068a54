"""Carries out the runs of a comparison as one Inspect eval set, several at a time, in this process.

The eval set finds the runs that have a finished log in its folder, and does not repeat them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from inspect_ai import Task, eval_set
from inspect_ai.hooks import Hooks, RunStart, TaskEnd, hooks
from inspect_ai.log import EvalLog, read_eval_log

from comparison.plan import Run


@hooks("comparison", "Shows the runs of a comparison when they begin and end.")
class _Watch(Hooks):
    """Calls back while an eval set of this module runs."""

    begin: ClassVar[Callable[[int], None] | None] = None
    end: ClassVar[Callable[[EvalLog], None] | None] = None

    async def on_run_start(self, data: RunStart) -> None:
        if _Watch.begin is not None:
            _Watch.begin(len(data.task_names))

    async def on_task_end(self, data: TaskEnd) -> None:
        if _Watch.end is not None:
            _Watch.end(data.log)


def set_aside_broken(log_dir: Path) -> list[Path]:
    """Rename the logs that cannot be read, so that the eval set passes over them.

    Returns:
        Their new paths, which end in ``.broken``.
    """
    broken = []
    for path in sorted(log_dir.glob("*.eval")):
        try:
            read_eval_log(str(path), header_only=True)
        except Exception:
            # a process that was killed, or a full disk, may leave anything
            broken.append(path.rename(path.with_suffix(".broken")))
    return broken


def carry_out(
    runs: Sequence[Run],
    tasks: Sequence[Task],
    log_dir: Path,
    jobs: int,
    begin: Callable[[int], None],
    end: Callable[[Run, EvalLog, bool], None],
) -> None:
    """Carry out the runs that have no finished log.

    Args:
        runs: At least one run; all have the same setting.
        tasks: Their tasks, in the same order.
        log_dir: Folder of the logs; may also hold logs of other settings.
        jobs: The most runs at a time.
        begin: Called before the first run with the number of runs to carry out; also if there are none.
        end: Called with every run, the header of its log and whether it was carried out now: as soon as it has ended,
            or last if it was finished before.

    Raises:
        PrerequisiteError: A model cannot be used.
        KeyboardInterrupt: Somebody interrupted.
    """
    setting = runs[0].setting
    run_of = {task.version: run for run, task in zip(runs, tasks, strict=True)}
    ended: set[str] = set()

    def on_end(log: EvalLog) -> None:
        ended.add(log.eval.eval_id)
        end(run_of[log.eval.task_version], log, True)

    _Watch.begin, _Watch.end = begin, on_end
    connections: dict[str, Any] = {"max_connections": setting.max_connections} if setting.max_connections else {}
    try:
        _, logs = eval_set(
            list(tasks),
            log_dir=str(log_dir),
            log_dir_allow_dirty=True,
            model=setting.model,
            model_args=dict(setting.model_args),
            max_tasks=jobs,
            retry_attempts=1,
            retry_immediate=False,
            display="none",
            log_realtime=False,
            log_images=False,
            **connections,
        )
    finally:
        _Watch.begin = _Watch.end = None
    # an interrupted eval set returns no log, or cancelled ones
    if len(logs) < len(tasks) or any(log.status == "cancelled" for log in logs):
        raise KeyboardInterrupt
    if not ended:
        begin(0)
    for log in logs:
        if log.eval.eval_id not in ended:
            end(run_of[log.eval.task_version], log, False)
