"""What scorers of verdicts do alike: read the answer, leave it unscored where it says nothing, note its group."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState

from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import own_label, verdict_of
from blpo_inspect.judging.samples import scale_of


def facts(state: TaskState, by: str | None) -> dict[str, Any]:
    """What metrics need to know of a sample beside its own metadata: people's label, if known, and its group.

    Where the prompt pair has a map also ``said``, the judge's own label.
    """
    known = {"human": str(state.metadata["human"])} if "human" in state.metadata else {}
    if (own := own_label(state.output, scale_of(state.metadata))) is not None:
        known["said"] = own
    return known if by is None else {**known, "by": str(state.metadata.get(by, "none"))}


def unreadable(verdict: Verdict, output: ModelOutput, metadata: dict[str, Any]) -> Score:
    """The score of an answer that says nothing: Inspect leaves it out of the figures and counts it."""
    return Score.unscored(
        reason="invalid_response_format" if output.completion.strip() else "no_response",
        explanation=f"{verdict.reason}\n\nAnswer: {output.completion}",
        metadata=metadata,
    )


def unlabelled(state: TaskState, metadata: dict[str, Any]) -> Score | None:
    """The score of a sample that nobody labelled: no figure of agreement counts it; None where there is a label."""
    if "human" in metadata:
        return None
    return Score.unscored(reason="no_label", explanation="nobody labelled this image", metadata=metadata)


def compared(state: TaskState, by: str | None, notes: Mapping[str, Any] = MappingProxyType({})) -> Score:
    """1 where the verdict equals people's label, 0 where it differs, with the label as the answer; else unscored.

    Args:
        state: The judged sample.
        by: As of `facts`.
        notes: What else the score's metadata says.
    """
    metadata = facts(state, by) | dict(notes)
    if (nobody := unlabelled(state, metadata)) is not None:
        return nobody
    verdict = verdict_of(state.output, scale_of(state.metadata))
    if verdict.label is None:
        return unreadable(verdict, state.output, metadata)
    return Score(
        value=int(verdict.label == metadata["human"]),
        answer=verdict.label,
        explanation=f"Answer: {state.output.completion}",
        metadata=metadata,
    )


def valued(state: TaskState, by: str | None) -> tuple[LabelScale, Score]:
    """The sample's scale, and the verdict's value on it as a score; unscored where there is none."""
    scale = scale_of(state.metadata)
    metadata = facts(state, by)
    if (nobody := unlabelled(state, metadata)) is not None:
        return scale, nobody
    if not scale.ordered:
        explanation = f"the labels {', '.join(scale.labels)} have no order; use the scorer agreement"
        return scale, Score.unscored(reason="scoring_failed", explanation=explanation, metadata=metadata)
    verdict = verdict_of(state.output, scale)
    if verdict.label is None:
        return scale, unreadable(verdict, state.output, metadata)
    return scale, Score(
        value=scale.value(verdict.label),
        answer=verdict.label,
        explanation=f"Answer: {state.output.completion}",
        metadata=metadata,
    )
