"""The task that a benchmark's name or ``FILE.py@task`` stands for, and which arguments it takes.

Loads a user's file, runs nothing. Which arguments are needed for what is up to who asks.
"""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.util import registry_info

from blpo_inspect._util.inspect_internals import PrerequisiteError, make_task, register_file_tasks, registered_task


class NoBenchmarkError(PrerequisiteError):
    """There is no such task; says what to name."""


class NoFileError(NoBenchmarkError):
    """There is no such file."""


@dataclass(frozen=True)
class BenchmarkTask:
    """A task that exists, but is not made yet.

    Attributes:
        spec: What Inspect makes it by, from any folder.
        parameters: Its arguments.
    """

    spec: str
    parameters: Mapping[str, Parameter]

    def unknown(self, args: Collection[str]) -> list[str]:
        """Arguments that it does not take: Inspect itself only warns of them."""
        return [] if self._takes_any else sorted(set(args) - set(self.parameters))

    def lacking(self, args: Collection[str]) -> list[str]:
        """Arguments that it needs besides these."""
        needed = [name for name, one in self.parameters.items() if one.default is one.empty]
        return [] if self._takes_any else [name for name in needed if name not in args]

    def make(self, args: Mapping[str, Any]) -> Task:
        """The task itself; may raise whatever a user's task raises."""
        return make_task(self.spec, args)

    @property
    def _takes_any(self) -> bool:
        return any(parameter.kind is parameter.VAR_KEYWORD for parameter in self.parameters.values())


def find(benchmark: str) -> BenchmarkTask:
    """The task of a name (``shapes_safety``, ``blpo_inspect/folder``) or of ``FILE.py@task``.

    Raises:
        NoFileError: No such file.
        NoBenchmarkError: No such task.
    """
    factory = _registered(benchmark)
    if factory is not None:
        return _task(registry_info(factory).name, factory)
    file, _, name = benchmark.rpartition("@")
    if not name or not file.endswith(".py"):
        raise NoBenchmarkError(
            f"no benchmark {benchmark!r}; name a task (inspect list tasks), such as shapes_safety, or FILE.py@task"
        )
    path = Path(file).absolute()
    if not path.is_file():
        raise NoFileError(f"{benchmark}: no such file {file}")
    register_file_tasks(path)
    factory = registered_task(name)
    if factory is None:
        raise NoBenchmarkError(f"{benchmark}: the file has no such task")
    return _task(f"{path}@{name}", factory)


def _registered(name: str) -> Callable[..., Task] | None:
    return registered_task(name) or registered_task(f"blpo_inspect/{name}")


def _task(spec: str, factory: Callable[..., Task]) -> BenchmarkTask:
    # the task's own parameters, without what a checked one (`task_arguments`) shows Inspect
    return BenchmarkTask(spec, inspect.signature(inspect.unwrap(factory)).parameters)
