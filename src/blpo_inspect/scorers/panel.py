"""Several judges of one picture: each one's verdict, and what they say together.

Does not ask them (`image_judge`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any, Literal, cast, get_args

from inspect_ai.model import ChatMessage, ContentImage, ContentText, ModelOutput

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.certificate import answered_by
from blpo_inspect.judging.label_text import plain_number
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import own_label, whole_verdict

Reducer = Literal["mode", "mean", "median"]


@dataclass(frozen=True)
class Opinion:
    """What one judge said.

    Attributes:
        judge: The model's name.
        verdict: With reply and probabilities.
        said: The judge's own label, where the pair has a map; else None.
        conversation: Of question and reply.
        identity: What tells the judge from others (`answered_by`).
    """

    judge: str
    verdict: Verdict
    said: str | None
    conversation: list[ChatMessage]
    identity: str

    @classmethod
    def of(cls, judge: str, conversation: list[ChatMessage], output: ModelOutput, scale: LabelScale) -> "Opinion":
        """What an output of `Question.put` says."""
        said = own_label(output, scale)
        return cls(judge, whole_verdict(output, scale), said, conversation, answered_by(judge, output))

    def facts(self) -> dict[str, Any]:
        """For the score's metadata; the pictures themselves are in the log of the call."""
        known = {
            "judge": self.judge,
            "label": self.verdict.label,
            "reason": self.verdict.reason,
            "reply": self.verdict.answer,
            "probabilities": None if self.verdict.probabilities is None else dict(self.verdict.probabilities),
            "said": self.said,
            "grading": [_without_pictures(message) for message in self.conversation],
        }
        return {name: value for name, value in known.items() if value is not None}


def checked(reducer: str, scale: LabelScale) -> Reducer:
    """How verdicts are combined, if the scale allows it.

    Raises:
        PrerequisiteError: No such way, or a mean of labels that have no order.
    """
    if reducer not in get_args(Reducer):
        raise PrerequisiteError(f"reducer={reducer!r}: one of {', '.join(get_args(Reducer))}")
    if reducer != "mode" and not scale.ordered:
        raise PrerequisiteError(
            f"reducer={reducer}: the labels {', '.join(scale.labels)} have no order; use reducer=mode"
        )
    return cast(Reducer, reducer)


def scale_of_verdicts(scale: LabelScale, reducer: Reducer) -> LabelScale:
    """The scale of what judges say together: a mean of ordinal labels is a number between them."""
    if reducer == "mode" or scale.kind == "numeric":
        return scale
    low, high = scale.ends
    return LabelScale("numeric", low=low, high=high)


def as_on(scale: LabelScale, label: str, reducer: Reducer) -> str:
    """A label of a scale on that of `scale_of_verdicts`."""
    return label if scale_of_verdicts(scale, reducer) is scale else plain_number(scale.value(label))


def combined(labels: Sequence[str | None], scale: LabelScale, reducer: Reducer) -> Verdict:
    """What judges say together; those whose reply could not be read (None) do not count.

    ``mode``: the most frequent label, and none where several are. ``mean``, ``median``: of the labels' values.
    """
    read = [label for label in labels if label is not None]
    if not read:
        return Verdict(None, "no judge's reply could be read")
    if reducer == "mode":
        (label, most), *rest = Counter(read).most_common()
        tied = [label, *(other for other, count in rest if count == most)]
        return Verdict(label) if len(tied) == 1 else Verdict(None, f"a tie of the judges between {' and '.join(tied)}")
    values = [scale.value(label) for label in read]
    return Verdict(plain_number(float(mean(values) if reducer == "mean" else median(values))))


def _without_pictures(message: ChatMessage) -> ChatMessage:
    if isinstance(message.content, str):
        return message
    content = [ContentText(text="(image)") if isinstance(part, ContentImage) else part for part in message.content]
    return message.model_copy(update={"content": content})
