"""What an answer that could not be read counts as, where it has to count."""

from collections import Counter
from collections.abc import Mapping, Sequence

from blpo_inspect.judging.labels import LabelScale


def with_unread(human: Sequence[str], judge: Sequence[str | None], scale: LabelScale) -> list[str]:
    """The judge's labels, with a wrong label for each answer that could not be read (see `non_inferiority`)."""
    used = Counter(human)
    return [
        wrong_label(truth, scale, used) if label is None else label for truth, label in zip(human, judge, strict=True)
    ]


def wrong_label(human: str, scale: LabelScale, used: Mapping[str, int]) -> str:
    """The label that an unread answer counts as.

    Args:
        human: What people say of the sample.
        scale: Of the labels.
        used: How often people use each label.

    Returns:
        The label farthest from people's (the lower end if both ends are as far); on an unordered scale the other
        label that people use most, the first of the scale if several do.
    """
    if not scale.ordered:
        return max((label for label in scale.labels if label != human), key=lambda label: used.get(label, 0))
    if scale.kind == "ordinal":
        ends = [scale.labels[0], scale.labels[-1]]
    else:
        ends = [scale.canonical(scale.low), scale.canonical(scale.high)]
    return max(ends, key=lambda label: scale.loss(label, human))
