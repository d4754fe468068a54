"""Inspect logs → `Gathered`: one log at a time, without its events, messages and images.

A log that cannot be used is named with the reason and never stops the others. Does not decide what may be compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.cache_info import note
from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.prompt_files import json_ready
from blpo_inspect.judging.prompts import RESULT, PromptError, PromptPair
from blpo_inspect.reporting import log_files, redaction, run_settings
from blpo_inspect.reporting.run_data import Answer, Gathered, JudgeRun, LeftOut, OptimizeRun, Usage

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

BEGINS = "format: blpo-inspect/prompt-pair/"
"""How the output of an optimization begins."""

_UNNEEDED = {"attachments", "events", "messages", "store", "timelines"}
_MOST_SAID = 2000


def gather(given: Sequence[str], on_log: Callable[[int, int, str], None] = lambda done, total, name: None) -> Gathered:
    """Read all logs.

    Args:
        given: Files, folders, patterns; see `log_files.find`.
        on_log: Called before each log and once after the last, with how many are done, how many there are, and its
            name.

    Raises:
        LogError: None of them holds anything to report; says why of the first ones.
    """
    files, left_out = log_files.find(given)
    judges: list[JudgeRun] = []
    optimizations: list[OptimizeRun] = []
    seen: dict[tuple[str, str], str] = {}
    for done, file in enumerate(files):
        name = log_files.shown(file)
        on_log(done, len(files), name)
        try:
            log = _read(file)
            run = (log.eval.eval_id, log.eval.run_id)
            if all(run) and seen.setdefault(run, file) != file:
                why = f"the same run as {log_files.shown(seen[run])}, which is in the report"
                left_out.append(LeftOut(name, why))
                continue
            found, notes = _runs(file, log)
        except LogError as error:
            left_out.append(LeftOut(name, str(error), problem=True))
            continue
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            why = f"holds something of another form than expected: {redaction.text(str(error))[:200]}"
            left_out.append(LeftOut(name, why, problem=True))
            continue
        left_out += notes
        judges += [one for one in found if isinstance(one, JudgeRun)]
        optimizations += [one for one in found if isinstance(one, OptimizeRun)]
    on_log(len(files), len(files), "")
    if not judges and not optimizations:
        reasons = "; ".join(f"{one.what}: {one.why}" for one in sorted(left_out)[:3])
        raise LogError(f"nothing to report. {reasons or 'No log was given'}")
    return Gathered(
        tuple(sorted(judges, key=lambda judge: judge.order)),
        tuple(sorted(optimizations, key=lambda optimization: optimization.order)),
        tuple(sorted(set(left_out))),
    )


def _read(file: str) -> "EvalLog":
    from inspect_ai.log import read_eval_log

    try:
        return read_eval_log(file, exclude_fields=_UNNEEDED)
    except Exception as error:  # Inspect, and every file system, report broken logs with types of their own
        reason = redaction.text(str(error).partition("\n")[0]) or type(error).__name__
        raise LogError(f"cannot be read as an Inspect log: {reason}") from error


def _runs(file: str, log: "EvalLog") -> tuple[list[JudgeRun | OptimizeRun], list[LeftOut]]:
    name = log_files.shown(file)
    samples = sorted(log.samples or [], key=lambda sample: (str(sample.id), sample.epoch))
    judged = [sample for sample in samples if "scale" in sample.metadata and "human" in sample.metadata]
    pairs = [sample for sample in samples if sample.output.completion.lstrip().startswith(BEGINS)]
    usage = _taken(log)
    if pairs or "optimize" in log.eval.task.rpartition("/")[2]:
        runs, notes = _optimizations(name, log, samples, usage)
        if not runs and not notes:
            notes = [LeftOut(name, f"holds no optimization that got as far as a result; {_ended(log)}", problem=True)]
        return list(runs), notes
    if not judged:
        raise LogError(
            f"has no samples with a label scale, as tasks of blpo_inspect have; task {log.eval.task}, {_ended(log)}"
        )
    scales = {repr(sorted(one.metadata["scale"].items(), key=str)) for one in judged}
    if len(scales) > 1:
        raise LogError(f"its samples have {len(scales)} different scales")
    try:
        scale = LabelScale.from_dict(judged[0].metadata["scale"])
    except (ValueError, TypeError, AttributeError) as error:
        raise LogError(f"its label scale cannot be used: {error}") from error
    answers = tuple(_answer(one, scale) for one in judged)
    epochs = log.eval.config.epochs or 1
    prompt, prompt_file = run_settings.prompt_of(log)
    run = JudgeRun(
        source=file,
        # a task that was made without @task has no name of its own
        benchmark=(log.eval.dataset.name if log.eval.task == "task" else None) or log.eval.task.rpartition("/")[2],
        scale=scale,
        prompt=prompt,
        prompt_file=prompt_file,
        answers=answers,
        expected=max(len(answers), len(log.eval.dataset.sample_ids or []) * epochs),
        usage=_judged(judged, usage),
        record=run_settings.record(name, log, [one.output for one in judged]),
    )
    notes = []
    if run.failed:
        notes = [LeftOut(name, f"{run.failed} of {run.expected} samples have no answer: {_why_missing(log, judged)}")]
    return [run], notes


def _answer(sample: "EvalSample", scale: LabelScale) -> Answer:
    known = sample.metadata
    said = sample.output.completion
    failed = sample.error is not None or not sample.output.choices
    label, reason = None, None
    if failed:
        reason = redaction.text(sample.error.message.partition("\n")[0]) if sample.error else "no answer"
    else:
        verdict = scale.read(said)
        label, reason = verdict.label, verdict.reason
    raters = known.get("raters")
    caption = known.get("caption")
    return Answer(
        id=str(sample.id),
        epoch=sample.epoch,
        human=str(known["human"]),
        label=label,
        reason=reason,
        failed=failed,
        said=said if len(said) <= _MOST_SAID else f"{said[:_MOST_SAID]} … ({len(said):,} characters)",
        image=_image(sample),
        text=_optional(known.get("text")),
        category=_optional(known.get("category")),
        group=_optional(known.get("group")),
        raters={str(k): str(v) for k, v in raters.items()} if isinstance(raters, Mapping) else {},
        probabilities=None if failed else label_probabilities(sample.output, scale),
        caption=_optional(caption),
    )


def _image(sample: "EvalSample") -> str | None:
    from blpo_inspect._util.inspect_internals import attachment_name
    from blpo_inspect.judging.samples import images_of

    found = []
    for image in images_of(sample.input):
        if image.image.startswith("attachment://"):
            found.append(image.image.removeprefix("attachment://"))
        elif image.image.startswith("data:"):
            found.append(attachment_name(image.image))
    return " ".join(found) or None


def _judged(samples: "Iterable[EvalSample]", log: Usage) -> Usage:
    """The judge's calls, whose notes tell replayed ones apart; time and cost are the log's."""
    made = replayed = read = written = 0
    for output in (sample.output for sample in samples if sample.output.choices):
        noted = note(output.metadata)
        usage = noted.usage or (output.usage.model_dump() if output.usage else {})
        made, replayed = made + (not noted.hit), replayed + noted.hit
        read += int(usage.get("input_tokens") or 0)
        written += int(usage.get("output_tokens") or 0)
    return Usage(made, replayed, read, written, log.cost if made else 0.0, log.seconds)


def _taken(log: "EvalLog") -> Usage:
    usages = list(log.stats.model_usage.values())
    costs = [usage.total_cost for usage in usages]
    seconds = None
    try:
        ends = [datetime.fromisoformat(str(end)) for end in (log.stats.started_at, log.stats.completed_at)]
        seconds = (ends[1] - ends[0]).total_seconds()
    except (ValueError, TypeError):
        pass  # a log that was cut off has no end
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        cost=None if None in costs or not costs else sum(filter(None, costs)),
        seconds=seconds,
    )


def _optimizations(
    name: str, log: "EvalLog", samples: "Sequence[EvalSample]", usage: Usage
) -> tuple[list[OptimizeRun], list[LeftOut]]:
    found: list[OptimizeRun] = []
    notes: list[LeftOut] = []
    record = run_settings.record(name, log, [])
    for sample in samples:
        what = f"{name}, sample {sample.id}" + (f", epoch {sample.epoch}" if sample.epoch > 1 else "")
        if not sample.output.completion.lstrip().startswith(BEGINS):
            why = sample.error.message.partition("\n")[0] if sample.error else "it left no prompt pair"
            notes.append(LeftOut(what, f"the optimization has no result: {redaction.text(why)}", problem=True))
            continue
        try:
            pair = PromptPair.from_yaml(sample.output.completion, source="its output")
            provenance = json_ready(pair.provenance, "provenance")
        except PromptError as error:
            notes.append(LeftOut(what, str(error).partition("\n")[0], problem=True))
            continue
        told = provenance if isinstance(provenance, dict) else {}
        # prompts are shown as they are
        provenance = {k: v if k in ("start", "trajectory") else redaction.plain(v) for k, v in told.items()}
        uses = (sample.metadata.get(RESULT) or {}).get("uses") or {}
        found.append(
            OptimizeRun(
                sample=str(sample.id),
                epoch=sample.epoch,
                judge=pair.judge,
                i2t=pair.i2t,
                provenance=provenance,
                uses={str(role): _use(use) for role, use in uses.items()},
                usage=usage,
                record=record,
            )
        )
    return found, notes


def _use(use: Mapping[str, Any]) -> Usage:
    return Usage(
        int(use.get("made", 0)),
        int(use.get("replayed", 0)),
        int(use.get("input_tokens", 0)),
        int(use.get("output_tokens", 0)),
        use.get("cost_made"),
    )


def _ended(log: "EvalLog") -> str:
    count = len(log.samples or [])
    message = f": {redaction.text(log.error.message.partition(chr(10))[0])}" if log.error else ""
    return f"{count} sample{'' if count == 1 else 's'}, status {log.status}{message}"


def _why_missing(log: "EvalLog", judged: "Iterable[EvalSample]") -> str:
    errors = sorted({one.error.message.partition("\n")[0] for one in judged if one.error})
    if errors:
        return redaction.text(errors[0])[:200]
    return f"the log ended with status {log.status}" if log.status != "success" else "they are not in the log"


def _optional(value: object) -> str | None:
    return None if value is None else str(value)
