"""How the judge's answer is asked for: as text, a label, the probabilities of all labels, or on a schema.

One place for what the solvers and ``optimize`` add to a request for a verdict, and for what the verdict is then. A
provider that can do more than text says so by a true attribute ``answers_labels``, and finds in the request's
``extra_body`` what is wanted. Asks nobody (`solvers`) and reads no probabilities (`likelihood`).
"""

from collections.abc import Mapping
from typing import Any, Literal, cast, get_args

from inspect_ai.model import GenerateConfig, Model, ModelOutput

from blpo_inspect._util.inspect_internals import PrerequisiteError, resolved_config
from blpo_inspect.cache.patience import target_of
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.outputs import failure, verdict_of
from blpo_inspect.judging.structured import honours_schema, on_schema, verdict_schema

Answer = Literal["text", "label", "likelihood", "structured"]
"""``text``: what the judge writes, read by the scale. ``label``: the label that its answer begins with; a provider that
can ends the answer there, for the others it is ``text``. ``likelihood``: the most probable label, with the
probabilities of all; a provider that can gives them without writing, the others with the answer's tokens.
``structured``: an answer that cannot be anything but a label, as the provider holds the model to a schema or decodes
among the labels; a reply that is something else is unread."""

WITH_PROBABILITIES = GenerateConfig(logprobs=True, top_logprobs=20)
"""What tokens' probabilities are asked for with; 20 is the most that common providers give."""

REQUEST = "blpo_answer"
"""Where in a request's ``extra_body`` it says what is wanted: ``{"kind": …, "names": {name: label}}``, the kind being
an `Answer` but ``text``, and the names the scale's labels and then, unless it is ``structured``, its aliases."""

METADATA = "judge_answer"
"""Where a task's metadata say how its judge is asked, unless it is for text."""


def checked(answer: str, scale: LabelScale | None = None) -> Answer:
    """The way of asking, if there is such a one and, where a scale is given, it has the labels that this needs.

    Raises:
        PrerequisiteError: It does not; Inspect shows it without a traceback.
    """
    if answer not in get_args(Answer):
        raise PrerequisiteError(f"answer={answer!r}: one of {', '.join(get_args(Answer))}")
    if answer != "text" and scale is not None and not scale.labels:
        raise PrerequisiteError(f"answer={answer} is for labels, and a numeric scale lists none; use answer=text")
    return cast(Answer, answer)


def answer_of(metadata: Mapping[str, Any] | None) -> Answer:
    """How a task's judge is asked, from the task's or its log's metadata.

    Raises:
        PrerequisiteError: They name no such way.
    """
    return checked((metadata or {}).get(METADATA, "text"))


def answer_config(answer: Answer, scale: LabelScale, model: Model) -> GenerateConfig:
    """What a call adds to the settings that the model, the task and the user state already.

    Nothing for ``text``. A number of ``top_logprobs`` that was stated stays, as some providers give fewer than 20, and
    so do other fields of ``extra_body``.

    Args:
        answer: How the verdict is asked for.
        scale: Its scale.
        model: Who is asked, memoized or not.

    Raises:
        PrerequisiteError: As `checked`; or ``structured``, which the provider does not do, or with another schema.
    """
    if checked(answer, scale) == "text":
        return GenerateConfig()
    given = resolved_config(model)
    if getattr(model.api, "answers_labels", False):
        aliases = {} if answer == "structured" else scale.aliases
        wanted = {"kind": answer, "names": {**{label: label for label in scale.labels}, **aliases}}
        return GenerateConfig(extra_body={**(given.extra_body or {}), REQUEST: wanted})
    if answer == "label":
        return GenerateConfig()
    if answer == "structured":
        if not honours_schema(name := str(target_of(model))):
            raise PrerequisiteError(
                f"answer=structured: {name} is not known to hold answers to a schema; use answer=text"
            )
        if given.response_schema is not None:
            raise PrerequisiteError("answer=structured sets the response schema itself; leave out --response-schema")
        return GenerateConfig(response_schema=verdict_schema(scale))
    return WITH_PROBABILITIES if given.top_logprobs is None else GenerateConfig(logprobs=True)


def resolve_label(answer: Answer, output: ModelOutput, scale: LabelScale) -> ModelOutput:
    """The output whose completion is the verdict, as scorers read it.

    For ``likelihood`` the most probable label, which need not be the one that was written: different tokens may mean
    the same label (``safe``, ``Safe``). An output that has no probabilities of labels stays as it is, and so does one
    that says that label already. For ``structured`` with a note of the label, or why there is none. The given output is
    not changed.
    """
    if answer == "structured":
        return on_schema(output, scale)
    probabilities = label_probabilities(output, scale) if answer == "likelihood" else None
    if probabilities is None or failure(output) is not None:
        return output
    stated = verdict_of(output, scale).label
    best = max(probabilities, key=lambda label: (probabilities[label], label == stated))
    if stated == best:
        return output
    changed = output.model_copy(deep=True)
    changed.completion = best
    return changed
