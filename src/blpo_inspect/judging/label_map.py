"""Label maps: what a judge's label means on people's scale.

Fitted by `statistics.label_map`, kept in a `PromptPair`, applied to an answer after it was given (`outputs.mapped`).
The request stays as it is, so recorded calls do too.
"""

from collections.abc import Mapping

from blpo_inspect.judging.label_text import plain_number
from blpo_inspect.judging.labels import LabelScale

LabelMap = Mapping[str, str]
"""Ordinal scale: each label → a label. Numeric scale: said → meant; lines run between these points, and beyond the
first and the last their values hold. Unordered scale: each label → the weight of its probability, above 0."""

METADATA = "label_map"
"""Where a task's metadata have the map of its prompt pair, if that has one."""


def checked(given: LabelMap, scale: LabelScale) -> dict[str, str]:
    """A map in the order of the scale, its labels as the scale spells them.

    Raises:
        ValueError: Labels that lack or are not on the scale, a higher label that means less, or a weight that is none.
    """
    named = {scale.canonical(said): meant for said, meant in given.items()}
    known = scale.labels or tuple(sorted(named, key=float))
    if not named or len(named) < len(given) or set(named) != set(known):
        wanted = f"each of {', '.join(scale.labels)}" if scale.labels else "numbers of the scale, each"
        raise ValueError(f"must have {wanted} once, not {', '.join(given) or 'nothing'}")
    if not scale.ordered:
        for label, weight in named.items():
            if not _is_weight(weight):
                raise ValueError(f"the weight of {label} must be a number above 0, not {weight!r:.60}")
        return {label: named[label] for label in known}
    found = {label: scale.canonical(named[label]) for label in known}
    values = [float(meant) if scale.kind == "numeric" else scale.labels.index(meant) for meant in found.values()]
    if values != sorted(values):
        raise ValueError(f"must rise with the labels and never fall: {shown(found)}")
    return found


def meant(map: LabelMap, scale: LabelScale, label: str, probabilities: Mapping[str, float] | None) -> str:
    """What a label of the judge means.

    Args:
        map: A checked map.
        scale: Its scale.
        label: What the judge said.
        probabilities: Those of the labels, which an unordered scale's map weighs; without them the label stays.
    """
    if scale.kind == "ordinal":
        return map[label]
    if scale.kind == "numeric":
        import numpy as np  # takes long to import, and few maps are numeric

        value = np.interp(float(label), [float(said) for said in map], [float(value) for value in map.values()])
        return within(scale, value)
    if probabilities is None:
        return label
    return max(probabilities, key=lambda one: (float(map[one]) * probabilities[one], one == label))


def within(scale: LabelScale, value: float) -> str:
    """A number as a label of a numeric scale, to six decimals."""
    low, high = scale.low or 0.0, scale.high or 0.0  # a numeric scale has both
    return plain_number(min(max(round(float(value), 6), low), high))


def shown(map: LabelMap) -> str:
    """A map in one line, for people."""
    return ", ".join(f"{said} → {meant}" for said, meant in map.items())


def _is_weight(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False
