"""One row of a table of verdicts, from the sample of a log in which the judge was asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.cache_info import note
from blpo_inspect.data.tables.unlabelled import Unlabelled
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import JURY, own_label, whole_verdict

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample
    from inspect_ai.model import ModelOutput


@dataclass(frozen=True)
class VerdictRow:
    """What a judge said of a picture, or why it said nothing.

    Attributes:
        id: The picture's, unique in its table.
        path: Where the picture lies, as it was given; empty where a table holds its bytes.
        label: The verdict; None where there is none.
        probability: Of that label by the judge's own account, where it gives one (``answer=likelihood``).
        said: The judge's own label, where the map of its prompt pair changed it; else None.
        answer: What the judge wrote.
        reason: Why there is no verdict; None where there is one.
        calls: Model calls that were made for it; a replayed one counts as none.
        replayed: Calls that were answered from disk.
        input_tokens: Of the calls made.
        output_tokens: Of the calls made.
        cost: Dollars for the calls made; None where a price is not known.
        model: The judge, as it was named.
        prompts: What tells its prompt pair from others (`PromptPair.digest`).
        failed: Whether the sample ended with an error, which another try may not have.
    """

    id: str
    path: str
    label: str | None = None
    probability: float | None = None
    said: str | None = None
    answer: str = ""
    reason: str | None = None
    calls: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    model: str | None = None
    prompts: str | None = None
    failed: bool = False


COLUMNS = tuple(name for name in VerdictRow.__dataclass_fields__ if name != "failed")
"""Of the table, in order."""


def row_of(picture: Unlabelled, sample: "EvalSample | None", scale: LabelScale) -> VerdictRow:
    """The row of a picture, from its sample; where there is none, the picture's fault is the reason.

    Args:
        picture: The picture.
        sample: Of the log, with its events.
        scale: The labels.
    """
    if sample is None:
        reason = picture.fault or "it was not judged"
        return VerdictRow(picture.id, picture.path, reason=reason, failed=picture.fault is None)
    answers = [event.output for event in sample.events if event.event == "model" and not event.pending]
    answers = [output for output in answers if JURY not in (output.metadata or {})]  # its judges have their own events
    made = [output for output in answers if not note(output.metadata).hit]
    costs = [output.usage.total_cost if output.usage else None for output in made]
    took: dict[str, Any] = {
        "calls": len(made),
        "replayed": len(answers) - len(made),
        "input_tokens": sum(output.usage.input_tokens for output in made if output.usage),
        "output_tokens": sum(output.usage.output_tokens for output in made if output.usage),
        "cost": None if None in costs else sum(cost for cost in costs if cost is not None),
    }
    if sample.error is not None or sample.limit is not None:
        why = sample.error.message.strip() if sample.error else f"the limit of {sample.limit.type} was reached"  # type: ignore[union-attr]  # one of them is there
        return VerdictRow(picture.id, picture.path, reason=why.splitlines()[0] if why else "error", failed=True, **took)
    return VerdictRow(picture.id, picture.path, **_said(sample.output, scale), **took)


def _said(output: "ModelOutput", scale: LabelScale) -> Mapping[str, Any]:
    verdict = whole_verdict(output, scale)
    own = own_label(output, scale) or verdict.label
    return {
        "label": verdict.label,
        "probability": None if own is None else (verdict.probabilities or {}).get(own),
        "said": own if own != verdict.label else None,
        "answer": verdict.answer,
        "reason": verdict.reason,
    }
