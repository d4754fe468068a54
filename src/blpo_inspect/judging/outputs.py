"""What a model's output says: a verdict or a text, and nothing where it was blocked, failed or cut off.

One place for judge, describer and optimizer. A provider's filter answers with texts that hold label words (``BLOCKED:
…``, ``"severity": "safe"``), so the stop reason counts before the text.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from inspect_ai.model import ModelOutput

from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.answer_words import REFUSAL
from blpo_inspect.judging.label_map import LabelMap, meant
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.reasoning import UnfinishedReasoningError, without_reasoning

BLOCKED = "the provider blocked the answer (stop reason content_filter)"
CUT_OFF = ("max_tokens", "model_length")
"""Stop reasons of an answer that was not finished."""

ON_SCHEMA = "blpo_on_schema"
"""Where the metadata of an output that was asked for on a schema say what it is: ``{"label": …}``, or ``{"reason": …}``
why it is none, whatever its text says."""

ORDERS = "blpo_orders"
"""Where the metadata of an output about a pair say what the judge said in both orders of the pictures (`pairs`):
``{"given": label or None, "swapped": label or None, "reasons": […], "label": what counts or None, "again": metadata and
usage of the output of the other order}``, labels as of the order that was given."""

MAPPED = "blpo_map"
"""Where the metadata of an output say what the map of a prompt pair made of it (`mapped`): ``{"said": the judge's
own label, "label": what it means}``."""

JURY = "blpo_jury"
"""Where the metadata of a jury's output say what its judges said (`models.jury`): ``{"label": what counts or None,
"reason": why there is none, "judges": […]}``, for each judge that was asked its model, label, metadata and usage."""

_PROVIDER_ERROR = re.compile(
    r"\b(?:maximum context|context[ _](?:length|window)|input (?:is )?too long|prompt is too long"
    r"|too many (?:input )?tokens|exceeds? the (?:limit|maximum|model)|error code|invalid_request"
    r"|bad ?request|request too large|rate limit)\b"
    r"|\"(?:error|code|status)\"\s*:",
    re.IGNORECASE,
)
_REFUSES_WITHIN = 300
"""A refusal to describe begins the answer; a caption may say later that something cannot be seen."""


def failure(output: ModelOutput) -> str | None:
    """Why an output is no answer at all; None where it is one, also a cut one."""
    if output.error:
        return f"the call failed: {output.error[:200]}"
    if not output.choices:
        return "the model gave no answer"
    if output.stop_reason == "content_filter":
        return BLOCKED
    if output.stop_reason == "model_length" and _PROVIDER_ERROR.search(output.completion[:2000]):
        return f"the provider reported an error instead of an answer: {output.completion[:200]!r}"
    return None


def verdict_of(output: ModelOutput, scale: LabelScale, *, raw: bool = False) -> Verdict:
    """The judge's verdict, after the map of its prompt pair where that has one.

    Of an answer that was cut off, only a label alone or a complete marked verdict (``Rating: 4. Because …``) counts; of
    one that was asked for on a schema, only what is on it.

    Args:
        output: The judge's output.
        scale: Its labels.
        raw: Whether to give what the judge itself said, whatever a map made of it.
    """
    failed = failure(output)
    if failed is not None:
        return Verdict(None, failed)
    orders = (output.metadata or {}).get(ORDERS)
    if isinstance(orders, Mapping):
        return _of_orders(orders, scale)
    if (why := jury_left(output)) is not None:
        return Verdict(None, why)
    note = (output.metadata or {}).get(MAPPED)
    if isinstance(note, Mapping) and not raw:
        try:
            return Verdict(scale.canonical(note.get("label")))
        except ValueError as error:
            return Verdict(None, f"the map of its prompt pair gave no label: {error}")
    on_schema = (output.metadata or {}).get(ON_SCHEMA)
    if isinstance(on_schema, Mapping):
        label = on_schema.get("label")
        return Verdict(label) if label in scale.labels else Verdict(None, str(on_schema.get("reason")))
    return scale.read(output.completion, cut_off=output.stop_reason in CUT_OFF)


def jury_left(output: ModelOutput) -> str | None:
    """Why a jury gave no label; None where it gave one, and for the output of a single judge."""
    jury = (output.metadata or {}).get(JURY)
    return str(jury.get("reason")) if isinstance(jury, Mapping) and jury.get("label") is None else None


def own_label(output: ModelOutput, scale: LabelScale) -> str | None:
    """The judge's own label where its prompt pair has a map; None where it has none, and the verdict is its own."""
    return verdict_of(output, scale, raw=True).label if MAPPED in (output.metadata or {}) else None


def _of_orders(orders: Mapping[str, Any], scale: LabelScale) -> Verdict:
    """The verdict on a pair that was asked about in both orders."""
    if (label := orders.get("label")) in scale.labels:
        return Verdict(label)
    if reasons := orders.get("reasons"):
        return Verdict(None, str(reasons[0]))
    given, swapped = orders.get("given"), orders.get("swapped")
    return Verdict(None, f"the verdict follows the order: {given} as given, {swapped} with the pictures swapped")


def whole_verdict(output: ModelOutput, scale: LabelScale) -> Verdict:
    """The verdict with what the judge wrote and, where it gives them, the probabilities of its labels."""
    return replace(
        verdict_of(output, scale), answer=output.completion, probabilities=label_probabilities(output, scale)
    )


def mapped(output: ModelOutput, scale: LabelScale, map: LabelMap | None) -> ModelOutput:
    """The output with a note of what the judge said and what that means, which `verdict_of` reads.

    An output without a label stays as it is; the given one is not changed.
    """
    said = verdict_of(output, scale).label
    if map is None or said is None:
        return output
    probabilities = None if scale.ordered else label_probabilities(output, scale)
    note = {"said": said, "label": meant(map, scale, said, probabilities)}
    return output.model_copy(update={"metadata": {**(output.metadata or {}), MAPPED: note}})


def text_of(output: ModelOutput) -> tuple[str, str | None]:
    """The text of a describer's or an optimizer's answer without its reasoning, or the reason why there is none."""
    failed = failure(output)
    if failed is not None:
        return "", failed
    try:
        return without_reasoning(output.completion), None
    except UnfinishedReasoningError as error:
        return "", str(error)


def caption_of(output: ModelOutput) -> tuple[str, str | None]:
    """A describer's caption, or the reason why there is none: besides the reasons of `text_of`, a refusal."""
    text, reason = text_of(output)
    if reason is None and (refusal := REFUSAL.search(text[:_REFUSES_WITHIN].casefold())):
        return "", f"the model refused to describe the image ({refusal.group().strip()!r})"
    if reason is None and not text.strip():
        return "", "the model gave an empty answer"
    return text, reason
