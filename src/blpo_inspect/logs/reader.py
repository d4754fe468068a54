"""An Inspect log → a `JudgedRun`: the one way in which the package reads what a judge answered.

Takes a log that is open already (`cache.logs.read_log`); one without images, events and messages will do. Does not
decide what may be compared.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.outputs import own_label, verdict_of
from blpo_inspect.judging.reask import NOTE
from blpo_inspect.logs import redaction
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.logs.run_record import prompt_file, prompts_of, run_record
from blpo_inspect.logs.usage import judge_usage

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

MAX_SAID = 2000
"""Characters of an answer that a `JudgedSample` keeps."""


def judged_run(log: "EvalLog", scale: LabelScale | None = None) -> JudgedRun:
    """What the log of a judging task says.

    Args:
        log: The log, whole or cut off.
        scale: What reads the answers; None for the scale that the log itself has.

    Raises:
        LogError: No sample was made by this package, or their scales differ or cannot be used.
    """
    spec = log.eval
    ours = [sample for sample in samples_of(log) if "scale" in sample.metadata]
    judged = [sample for sample in ours if "human" in sample.metadata]
    if ours and not judged:
        raise LogError(f"none of its {len(ours)} pictures has a label of people, with which a judge could be compared")
    if not judged:
        raise LogError(
            f"has no samples with a label scale, as tasks of blpo_inspect have; task {spec.task}, {ended(log)}"
        )
    scale = scale or _scale(judged)
    answers = tuple(_judged_sample(sample, scale) for sample in judged)
    return JudgedRun(
        # a task that was made without @task has no name of its own
        benchmark=(spec.dataset.name if spec.task == "task" else None) or spec.task.rpartition("/")[2],
        scale=scale,
        answers=answers,
        prompts=prompts_of(log),
        log=str(log.location),
        prompt_file=prompt_file(log),
        expected=max(
            len(answers), len(spec.dataset.sample_ids or []) * (spec.config.epochs or 1) - (len(ours) - len(judged))
        ),
        usage=judge_usage(judged, log),
        record=run_record(log, [sample.output for sample in judged]),
    )


def samples_of(log: "EvalLog") -> "list[EvalSample]":
    """The samples of a log by id and epoch."""
    return sorted(log.samples or [], key=lambda sample: (str(sample.id), sample.epoch))


def first_line(text: str) -> str:
    """The first line of an error."""
    return text.partition("\n")[0]


def ended(log: "EvalLog") -> str:
    """How many samples a log has and how it ended, in words."""
    count = len(log.samples or [])
    message = f": {redaction.text(first_line(log.error.message))}" if log.error else ""
    return f"{count} sample{'' if count == 1 else 's'}, status {log.status}{message}"


def _scale(judged: "list[EvalSample]") -> LabelScale:
    scales = {repr(sorted(sample.metadata["scale"].items(), key=str)) for sample in judged}
    if len(scales) > 1:
        raise LogError(f"its samples have {len(scales)} different scales")
    try:
        return LabelScale.from_dict(judged[0].metadata["scale"])
    except (ValueError, TypeError, AttributeError) as error:
        raise LogError(f"its label scale cannot be used: {error}") from error


def _judged_sample(sample: "EvalSample", scale: LabelScale) -> JudgedSample:
    said = sample.output.completion
    verdict = verdict_of(sample.output, scale)
    error = first_line(sample.error.message) if sample.error else None if sample.output.choices else ""
    failed = error is not None
    known = sample.metadata
    raters = known.get("raters")
    texts = {name: known.get(name) for name in ("text", "category", "group", "caption")}
    return JudgedSample(
        id=str(sample.id),
        epoch=sample.epoch,
        human=str(known["human"]),
        label=None if failed else verdict.label,
        unread=verdict.reason or (error or "no answer" if failed else None),
        error=error,
        said=said if len(said) <= MAX_SAID else f"{said[:MAX_SAID]} … ({len(said):,} characters)",
        image=_image(sample),
        raters={str(k): str(v) for k, v in raters.items()} if isinstance(raters, Mapping) else {},
        metadata={name: str(value) for name, value in known.items() if isinstance(value, str | int | float)},
        asked_again=NOTE in (sample.output.metadata or {}),
        raw=own_label(sample.output, scale),
        probabilities=None if failed else label_probabilities(sample.output, scale),
        **{name: None if value is None else str(value) for name, value in texts.items()},
    )


def _image(sample: "EvalSample") -> str | None:
    from blpo_inspect._util.inspect_internals import attachment_name
    from blpo_inspect.judging.samples import images_of

    names = []
    for image in images_of(sample.input):
        if image.image.startswith("attachment://"):
            names.append(image.image.removeprefix("attachment://"))
        elif image.image.startswith("data:"):
            names.append(attachment_name(image.image))
    return " ".join(names) or None
