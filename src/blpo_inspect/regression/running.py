"""Runs a case's benchmark or its probes through Inspect, or takes a log of it, and says what was answered.

Calls go through the store of recorded calls, in the mode of ``BLPO_CACHE``: with everything recorded, no model is
needed. Decides nothing (`check`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inspect_ai import Task
from inspect_ai import eval as inspect_eval

from blpo_inspect._util.plain_error import reason_of
from blpo_inspect.cache.cache_info import note
from blpo_inspect.cache.logs import LogError, read_log
from blpo_inspect.judging.answer_mode import METADATA, answer_of
from blpo_inspect.judging.label_map import METADATA as LABEL_MAP
from blpo_inspect.judging.reask import reask_of
from blpo_inspect.judging.samples import images_of
from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.regression.case_task import PreparedCase, facts_of
from blpo_inspect.regression.data_differences import BrokenError, some
from blpo_inspect.regression.judge_identity import models, settings, versions
from blpo_inspect.regression.probes import Probe, ProbeError, ProbeResult
from blpo_inspect.regression.probing import probe_results, probe_task
from blpo_inspect.regression.suite import Case

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample


def run(prepared: PreparedCase, *, log_dir: Path, display: str = "none") -> JudgedRun:
    """Judge a case's benchmark.

    Raises:
        BrokenError: The run did not end well; says what helps.
    """
    return _judged(prepared, _eval(prepared.case, prepared.task, log_dir, display))


def take(prepared: PreparedCase, file: Path) -> JudgedRun | str:
    """What a log says, if it is of this case; else why it is not.

    Raises:
        BrokenError: It cannot be read, or is of this case and did not end well.
    """
    try:
        log = read_log(file, images=True)
    except LogError as error:
        raise BrokenError(str(error)) from error
    return _why_not(prepared, log) or _judged(prepared, log)


def _why_not(prepared: PreparedCase, log: "EvalLog") -> str | None:
    """Why a log is not of a case; None where it is."""
    spec = log.eval
    if spec.task.rpartition("/")[2] != prepared.name.rpartition("/")[2]:
        return f"it is of the task {spec.task}"
    if spec.model.removeprefix("cached/") != prepared.case.model.removeprefix("cached/"):
        return f"it is of the model {spec.model}"
    for name in ("judge_prompt", "i2t_prompt", LABEL_MAP):
        if (spec.metadata or {}).get(name) != (prepared.task.metadata or {}).get(name):
            return f"its {name.replace('_', ' ')} is another one"
    asked = (spec.metadata or {}).get(METADATA, "text")
    if asked != answer_of(prepared.task.metadata):
        return f"its judge was asked with answer={asked}"
    if (again := reask_of(spec.metadata)) != reask_of(prepared.task.metadata):
        return f"its judge was asked with reask={again}"
    if (spec.config.epochs or 1) != 1:
        return f"it has {spec.config.epochs} epochs"
    ids = {str(sample.id) for sample in log.samples or []}
    if log.status == "success" and ids != set(prepared.facts):
        return f"its samples are others ({some(sorted(ids ^ set(prepared.facts)))})"
    for sample in log.samples or []:
        known = prepared.facts.get(str(sample.id))
        if known and {**known, **_facts_in_log(sample)} != dict(known):
            return f"its sample {sample.id} has another label, image or text"
    return None


def _judged(prepared: PreparedCase, log: "EvalLog") -> JudgedRun:
    """What a log of a case says; people's labels, prompts and scale are those of the case's task.

    Raises:
        BrokenError: It did not end well.
    """
    if log.status != "success":
        raise BrokenError(_failure(log))
    samples = {str(sample.id): sample for sample in log.samples or []}
    lacking = sorted(set(prepared.facts) - set(samples))
    if lacking:
        raise BrokenError(f"{len(lacking)} samples were not judged: {some(lacking)}")
    ordered = [samples[name] for name in sorted(prepared.facts)]
    for sample in ordered:
        if sample.error is not None or sample.limit is not None:
            raise BrokenError(f"sample {sample.id} was not judged to its end; see {log.location}")
    try:
        judged = judged_run(log, prepared.scale)
    except LogError as error:
        raise BrokenError(f"{log.location}: {error}") from error
    described = prepared.task.metadata or {}
    return replace(
        judged,
        benchmark=prepared.name.removeprefix("blpo_inspect/"),
        answers=tuple(replace(answer, **cast(Any, prepared.facts[answer.id])) for answer in judged.answers),
        prompts={**judged.prompts, "judge": str(described["judge_prompt"]), "i2t": str(described["i2t_prompt"])},
        model=models(log.eval, ordered),
        settings=settings(log),
        versions=versions(log.eval.model),
    )


@dataclass(frozen=True)
class Probed:
    """What a case's probes found.

    Attributes:
        results: By name.
        made: Model calls that were made.
        replayed: Calls that were answered from disk.
    """

    results: Mapping[str, ProbeResult]
    made: int = 0
    replayed: int = 0


def probe(
    prepared: PreparedCase, probes: Sequence[Probe], *, alpha: float, log_dir: Path, display: str = "none"
) -> Probed:
    """Probe a case's judge on all samples of its benchmark.

    Raises:
        BrokenError: A probe does not apply, or the run did not end well.
    """
    if not probes:
        return Probed({})
    prompt = str((prepared.task.metadata or {})["judge_prompt"])
    try:
        task = probe_task(
            prepared.task.dataset,
            prompt,
            probes,
            answer=answer_of(prepared.task.metadata),
            reask=reask_of(prepared.task.metadata),
            map=(prepared.task.metadata or {}).get(LABEL_MAP),
        )
        log = _eval(prepared.case, task, log_dir, display)
        if log.status != "success":
            raise BrokenError(f"probes: {_failure(log)}")
        results = probe_results(log, probes, alpha=alpha)
    except (ProbeError, ValueError) as error:
        if isinstance(error, BrokenError):
            raise
        raise BrokenError(f"probes: {error}") from error
    absent = [asked.name for asked in probes if asked.name not in results]
    if absent:
        raise BrokenError(f"the probe {absent[0]} does not apply to this scale and prompt; leave it out")
    hits = sum(note(sample.output.metadata).hit for sample in log.samples or [])
    return Probed(results, len(log.samples or []) - hits, hits)


def _eval(case: Case, task: Task, log_dir: Path, display: str) -> "EvalLog":
    try:
        [log] = inspect_eval(
            task,
            model=case.model,
            model_base_url=case.base_url,
            model_args=dict(case.model_args),
            model_roles=dict(case.model_roles),
            log_dir=str(log_dir.absolute()),
            log_format="eval",
            display=cast(Any, display),
            log_realtime=False,
            epochs=1,
        )
    except Exception as error:  # providers raise what they like when they are made
        raise BrokenError(f"{case.model}: {reason_of(error)}") from error
    return log


def _facts_in_log(sample: "EvalSample") -> dict[str, str | None]:
    """The facts that a log tells; logs may have been written without images."""
    uris = [sample.attachments.get(image.image.removeprefix("attachment://"), "") for image in images_of(sample.input)]
    whole = bool(uris) and all(uri.startswith("data:") for uri in uris)
    facts = facts_of(sample.metadata, uris if whole else [])
    return {name: value for name, value in facts.items() if whole or name != "shown"}


def _failure(log: "EvalLog") -> str:
    failed = [sample for sample in log.samples or [] if sample.error is not None]
    if failed:
        sample = failed[0]
        assert sample.error is not None
        message = sample.error.message.strip()
        hint = ""
        if "never recorded" in message:
            hint = "\n`blpo cache import FILE.bundle` brings recorded calls; for a closer look:"
            hint += f"\nblpo cache explain --log {log.location} --sample {sample.id}"
        return f"sample {sample.id}: {message}{hint}"
    if log.status == "cancelled":
        return "the run was interrupted"
    message = log.error.message.strip() if log.error else f"the run ended with status {log.status}"
    return f"{message}; see {log.location}"
