"""What a log says about how it was made: prompt, models, settings, versions, and the command that makes it again."""

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from blpo_inspect.judging.answer_mode import METADATA
from blpo_inspect.reporting import redaction
from blpo_inspect.reporting.run_data import Record

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog
    from inspect_ai.model import ModelOutput

_FLAGS = {
    "attempt_timeout": None,
    "batch": None,
    "cache": None,
    "extra_body": None,
    "extra_headers": None,
    "max_connections": None,
    "max_retries": None,
    "timeout": None,
}
"""Generation settings that decide nothing, or that no flag of one value can give."""


def prompt_of(log: "EvalLog") -> tuple[str | None, str | None]:
    """The judge prompt that was used, and the name of the file that it came from."""
    prompt = next(
        (
            step.params["prompt"]
            for step in reversed(log.plan.steps)
            if step.solver.rpartition("/")[2] == "judge" and isinstance(step.params.get("prompt"), str)
        ),
        (log.eval.metadata or {}).get("judge_prompt"),
    )
    file = log.eval.task_args.get("prompts")
    return (None if prompt is None else str(prompt)), (redaction.text(str(file)).removeprefix("…/") if file else None)


def record(name: str, log: "EvalLog", outputs: "Iterable[ModelOutput]") -> Record:
    """How to repeat a run.

    Args:
        name: What the log is called.
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
    data = {k: v for k, v in (spec.metadata or {}).items() if k not in ("judge_prompt", "i2t_prompt", METADATA)}
    data["dataset"] = spec.dataset.name
    versions = dict(spec.packages)
    if spec.revision is not None:
        versions[f"{spec.revision.type} commit"] = spec.revision.commit + (
            " with changes" if getattr(spec.revision, "dirty", False) else ""
        )
    return Record(
        log=name,
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
    if spec.solver and spec.solver != spec.task:
        words += ["--solver", spec.solver, *_arguments("-S", redaction.plain(spec.solver_args_passed or {}))]
    words += _arguments("-M", redaction.plain(spec.model_args))
    for name, value in sorted(redaction.plain(_generation(log)).items()):
        if name not in _FLAGS and isinstance(value, str | int | float):
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
    one = model[0] if isinstance(model, list) else model
    return redaction.model_name(str(getattr(one, "model", one)))


def _identity(outputs: "Iterable[ModelOutput]") -> tuple[Mapping[str, Any], ...]:
    found = set()
    for output in outputs:
        known = (output.metadata or {}).get("checkpoint")
        runtime = (output.metadata or {}).get("runtime")
        if isinstance(known, Mapping):
            known = {**known, "runtime": runtime} if runtime else known
        elif output.model:
            known = {"answered as": output.model}
        if known:
            found.add(json.dumps(redaction.plain(known), sort_keys=True))
    return tuple(json.loads(one) for one in sorted(found))
