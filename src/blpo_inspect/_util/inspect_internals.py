"""The only module that touches private parts of Inspect, each with the reason.

Everything else in the package uses Inspect's public interface. ``tests/_util/test_inspect_internals.py`` holds each
part to what is needed of it: a version of Inspect that changed one fails there with a readable sentence. The bounds
of the version in ``pyproject.toml`` are there for the same reason.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar, cast

import click
from inspect_ai import Task
from inspect_ai._display.core.active import display as _display
from inspect_ai._eval.loader import load_file_tasks as _load_file_tasks
from inspect_ai._eval.loader import load_task_spec as _load_task_spec
from inspect_ai._eval.task.util import task_run_dir as _task_run_dir
from inspect_ai._util._async import tg_collect as _tg_collect
from inspect_ai._util.constants import BASE_64_DATA_REMOVED as IMAGE_REMOVED
from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.file import filesystem as _filesystem
from inspect_ai._util.hash import mm3_hash as _mm3_hash
from inspect_ai._util.registry import registry_find as _registry_find
from inspect_ai._util.registry import registry_lookup as _registry_lookup
from inspect_ai._util.registry import registry_unqualified_name as _registry_unqualified_name
from inspect_ai._util.registry import set_registry_info as _set_registry_info
from inspect_ai.log._samples import sample_active as _sample_active
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelAPI, ModelUsage
from inspect_ai.model._cache import epoch as _epoch
from inspect_ai.model._generate_config import active_generate_config as _active_generate_config
from inspect_ai.model._model import active_model as _active_model
from inspect_ai.model._model import model_usage_cost as _model_usage_cost
from inspect_ai.scorer import Metric, Scorer
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import registry_info
from inspect_ai.util._concurrency import _request_was_cache_hit

# `IMAGE_REMOVED` is what a log without images (``--no-log-images``) has in their place.
# `PrerequisiteError` is a user's mistake, which Inspect shows as its message without a traceback. Nothing public is.
__all__ = [
    "IMAGE_REMOVED",
    "PrerequisiteError",
    "SettledModel",
    "attachment_name",
    "collect",
    "copy_identity",
    "current_epoch",
    "current_run",
    "evaluating",
    "filesystem",
    "make_task",
    "mark_cache_hit",
    "prepared_input",
    "provider_package",
    "register_file_tasks",
    "registered_task",
    "resolved_config",
    "say",
    "task_folder",
    "typed_task_arguments",
    "usage_cost",
    "with_metrics",
]

T = TypeVar("T")


async def collect(functions: Iterable[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run functions side by side; results in their order, the first exception bare.

    The public `inspect_ai.util.collect` adds a span for each function, which makes a transcript of thousands of calls
    several times as long.
    """
    return await _tg_collect(functions)


def current_epoch() -> int:
    """The running sample's epoch; 1 outside of samples. Inspect passes it to solvers' state, not to providers."""
    return _epoch.get(1)


def current_run() -> tuple[str, bool] | None:
    """The id of the current sample's run, and whether an error of one sample ends that run; None outside of samples.

    Nothing public tells a provider.
    """
    sample = _sample_active()
    return None if sample is None else (sample.eval_id, sample.fails_on_error)


def evaluating() -> bool:
    """Whether an evaluation is being prepared or is running here, with a main model. A task may be made before.

    The active model outlives its evaluation where that was called from Python, so there must be an event loop too.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return _active_model() is not None


def mark_cache_hit() -> None:
    """Tell Inspect's adaptive connections that the running call asked no provider. Nothing public does."""
    _request_was_cache_hit.set(True)


def say(text: str) -> None:
    """Print a line for people in whichever display is active. A plain print would break the full one."""
    _display().print(text)
    sys.stdout.flush()  # the plain display does not, so that lines would reach a file or a pipe late


class SettledModel(Model):
    """A model with the last word on the settings of its calls, after the caller's, the task's and the user's."""

    def settled(self, config: GenerateConfig, evaluation: GenerateConfig) -> GenerateConfig:
        """The settings of a call.

        Args:
            config: All of them merged, a copy.
            evaluation: The task's and the user's alone; a model in a role does not inherit each of them.
        """
        raise NotImplementedError

    def _resolve_config(self, config: GenerateConfig | None) -> GenerateConfig:
        return self.settled(super()._resolve_config(config), _active_generate_config())


def resolved_config(model: Model) -> GenerateConfig:
    """The settings of a call that states none: the model's, merged with the task's and the user's."""
    return model._resolve_config(None)


async def prepared_input(
    api: ModelAPI, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
) -> tuple[list[ChatMessage], list[ToolInfo], ToolChoice]:
    """A request as Inspect arranges it for a provider. `Model.generate` does that too, but records a second event."""
    model: Model | None = vars(api).get("_blpo_preparing")
    if model is None or model.api is not api:  # made once: that looks for notebook software, longer than this takes
        model = vars(api)["_blpo_preparing"] = Model(api, GenerateConfig())
    prepared = await model._prepare_input(input, tools, tool_choice, config)
    return prepared.input, prepared.tools, prepared.tool_choice


def copy_identity(source: Model, target: Model) -> None:
    """Give a model another's role, explicit address and registration. Only `get_model` sets these otherwise."""
    _set_registry_info(cast(Any, target.api), registry_info(source.api))
    target._role = source.role
    target._explicit_base_url = source.explicit_base_url


def usage_cost(model: Model, usage: ModelUsage) -> float | None:
    """Dollars of a call by the prices that are known for a model, cached tokens included; None where none are known.

    The public `compute_model_cost` wants the prices, and only this looks them up.
    """
    return _model_usage_cost(model, usage)


def provider_package(provider: str) -> str | None:
    """The package that registered a provider (``inspect_ai``, ``blpo_inspect``); None: nobody did. Makes none."""
    registered = _registry_find(lambda info: info.type == "modelapi" and _registry_unqualified_name(info) == provider)
    return registry_info(registered[0]).name.partition("/")[0] if registered else None


def registered_task(name: str) -> Callable[..., Task] | None:
    """The function that makes a registered task; None: no such task. Nothing public looks up by name."""
    return cast("Callable[..., Task] | None", _registry_lookup("task", name))


def register_file_tasks(file: Any) -> None:
    """Import a user's Python file, so that the tasks in it are registered."""
    _load_file_tasks(file)


def make_task(spec: str, args: Mapping[str, Any]) -> Task:
    """Make a task from its name or ``FILE.py@task``, as ``inspect eval`` does."""
    return _load_task_spec(spec, dict(args))[0]


def task_folder(task: Task) -> str:
    """The folder that a task's relative paths start from."""
    return _task_run_dir(task)


def filesystem(address: str) -> Any:
    """The file system behind an address (``s3://…``), with Inspect's own settings for it."""
    return _filesystem(address)


def attachment_name(content: str) -> str:
    """The name under which a log keeps content that its samples share (``attachment://NAME``)."""
    return _mm3_hash(content)


def typed_task_arguments() -> dict[str, str]:
    """``-T name=value`` of the running ``inspect`` command as they were typed; empty outside of one.

    Inspect parses them as YAML, which drops what stands behind `` #`` without a word. The option's name is Inspect's.
    """
    context = click.get_current_context(silent=True)
    typed = context.params.get("t") if context is not None else None
    pairs = [str(argument).partition("=") for argument in typed or ()]
    return {name.replace("-", "_"): value for name, equals, value in pairs if equals}


def with_metrics(scorer: Scorer, metrics: Mapping[str, list[Metric]]) -> Scorer:
    """The scorer with other metrics than its decorator's.

    Publicly a task can only give all its scorers the same, and would give them to those that rescore its log too.
    """
    registry_info(scorer).metadata["metrics"] = dict(metrics)
    return scorer
