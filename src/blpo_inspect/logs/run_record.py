"""How a log's run was made: prompts, models, settings, versions, and the command that makes it again."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blpo_inspect.judging.answer_mode import METADATA
from blpo_inspect.judging.label_map import METADATA as LABEL_MAP
from blpo_inspect.judging.label_map import shown
from blpo_inspect.judging.reask import METADATA as REASK
from blpo_inspect.logs import redaction

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog
    from inspect_ai.model import ModelOutput

_NO_FLAG = frozenset(
    ["attempt_timeout", "batch", "cache", "extra_body", "extra_headers", "max_connections", "max_retries", "timeout"]
)
"""Generation settings that decide nothing, or that no flag of one value can give."""


@dataclass(frozen=True)
class RunRecord:
    """What is needed to repeat a run or to doubt it, without secrets and without this machine's paths.

    Attributes:
        log: The log's file name.
        status: Inspect's: success, error, cancelled or started.
        model: The main model.
        roles: Other models by role.
        identity: What the answers say about the model: revision, dtype, digests.
        settings: Generation settings, arguments of task and solver.
        versions: Package → version.
        data: What the log says about its data: digests, revisions, split.
        command: What makes the run again.
        error: What ended it, where something did.
    """

    log: str = ""
    status: str = "success"
    model: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    error: str | None = None


def prompts_of(log: "EvalLog") -> dict[str, str]:
    """The prompts of a log by name (``judge``, ``i2t``), as far as it says them, and as ``map`` that of their pair."""
    metadata = log.eval.metadata or {}
    judge = next(
        (
            step.params["prompt"]
            for step in reversed(log.plan.steps)
            if step.solver.rpartition("/")[2] == "judge" and isinstance(step.params.get("prompt"), str)
        ),
        metadata.get("judge_prompt"),
    )
    map = metadata.get(LABEL_MAP)
    means = shown(map) if isinstance(map, Mapping) else None
    prompts = {"judge": judge, "i2t": metadata.get("i2t_prompt"), "map": means}
    return {name: str(prompt) for name, prompt in prompts.items() if prompt is not None}


def prompt_file(log: "EvalLog") -> str | None:
    """The name of the file that the prompts of a log came from."""
    file = log.eval.task_args.get("prompts")
    return redaction.text(str(file)).removeprefix("…/") if file else None


def run_record(log: "EvalLog", outputs: "Iterable[ModelOutput]" = ()) -> RunRecord:
    """How to repeat the run of a log.

    Args:
        log: The log.
        outputs: The answers, which know their model best.
    """
    spec = log.eval
    given = {
        "task": spec.task_args,
        "solver": {step.solver: step.params for step in log.plan.steps},
        "generation": {**log.plan.config.model_dump(exclude_none=True), **_generation(log)},
        "model": spec.model_args,
        "epochs": spec.config.epochs,
        "limit": spec.config.limit,
        "server": spec.model_base_url,
    }
    prompts = ("judge_prompt", "i2t_prompt", LABEL_MAP, METADATA, REASK)
    data = {k: v for k, v in (spec.metadata or {}).items() if k not in prompts}
    data["dataset"] = spec.dataset.name
    versions = dict(spec.packages)
    if spec.revision is not None:
        versions[f"{spec.revision.type} commit"] = spec.revision.commit + (
            " with changes" if getattr(spec.revision, "dirty", False) else ""
        )
    return RunRecord(
        log=redaction.file_name(log.location),
        status=log.status,
        model=redaction.model_name(spec.model),
        roles={role: _role(model) for role, model in sorted((spec.model_roles or {}).items())},
        identity=_identity(outputs),
        settings={k: v for k, v in redaction.plain(given).items() if v not in (None, {}, [])},
        versions=dict(sorted(versions.items())),
        data=dict(sorted(redaction.plain(data).items())),
        command=command(log),
        error=redaction.text(log.error.message.partition("\n")[0]) if log.error else None,
    )


def command(log: "EvalLog") -> str:
    """The command that makes the run again from recorded calls; what `redaction` removes is missing in it."""
    spec = log.eval
    file = spec.task_file
    words = ["inspect", "eval"]
    words.append(spec.task_registry_name or (f"{file}@{spec.task}" if file else spec.task))
    words += ["--model", redaction.model_name(spec.model)]
    for role, model in sorted((spec.model_roles or {}).items()):
        words += ["--model-role", f"{role}={_role(model)}"]
    passed = redaction.plain(spec.task_args_passed)
    words += _arguments("-T", passed)
    solver, solver_args = spec.solver, spec.solver_args_passed or {}
    if solver is None and spec.task_registry_name == "blpo_inspect/optimize":
        for step in log.plan.steps[:1]:  # an eval set's log has the solver of a task in its plan alone
            if (step.solver, step.params_passed) != ("blpo_inspect/blpo", {}):  # the default
                solver, solver_args = step.solver, step.params_passed
    if solver and solver != spec.task:
        words += ["--solver", solver, *_arguments("-S", redaction.plain(solver_args))]
    words += _arguments("-M", redaction.plain(spec.model_args))
    for name, value in sorted(redaction.plain(_generation(log)).items()):
        if name not in _NO_FLAG and isinstance(value, str | int | float):
            flag = f"--{name.replace('_', '-')}"
            words += [] if value is False else [flag] if value is True else [flag, str(value)]
    if (spec.config.epochs or 1) > 1:
        words += ["--epochs", str(spec.config.epochs)]
    if spec.config.limit is not None:
        limit = spec.config.limit
        words += ["--limit", "-".join(map(str, limit)) if isinstance(limit, list | tuple) else str(limit)]
    return "BLPO_CACHE=offline " + shlex.join(redaction.text(word).replace("…/", "") for word in words)


def _arguments(flag: str, values: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in sorted(values.items()):
        if value is None:
            continue
        words += [flag, f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"]
    return words


def _generation(log: "EvalLog") -> dict[str, Any]:
    return log.eval.model_generate_config.model_dump(exclude_none=True)


def _role(model: Any) -> str:
    first = model[0] if isinstance(model, list) else model
    return redaction.model_name(str(getattr(first, "model", first)))


def _identity(outputs: "Iterable[ModelOutput]") -> tuple[Mapping[str, Any], ...]:
    identities = set()
    for output in outputs:
        known = (output.metadata or {}).get("checkpoint")
        runtime = (output.metadata or {}).get("runtime")
        if isinstance(known, Mapping):
            known = {**known, "runtime": runtime} if runtime else known
        elif output.model:
            known = {"answered as": output.model}
        if known:
            identities.add(json.dumps(redaction.plain(known), sort_keys=True))
    return tuple(json.loads(identity) for identity in sorted(identities))
