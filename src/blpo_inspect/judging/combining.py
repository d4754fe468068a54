"""What several judges say of a picture → what they say together.

``blpo jury`` reports juries by these functions, and a jury file answers by them. Asks nobody.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Literal

from blpo_inspect.judging.label_map import within
from blpo_inspect.judging.labels import LabelScale

Way = Literal["majority", "mean", "median", "weighted"]
"""``majority``: the most frequent label; a tie goes to the label of the judge that is named first among those that tie.
``mean`` and ``median`` of values, on a scale with an order. ``weighted``: by `Weights`."""

Said = Sequence[str | None]
"""What each judge said; one that could not be read (None) does not count."""


@dataclass(frozen=True)
class Weights:
    """How much each judge counts.

    A judge says numbers: its value on a scale with an order, else for each label of the scale 1 or 0.

    Attributes:
        each: Of the judges, 0 or more.
        usual: The mean of each judge's numbers. Empty: weights are votes, or those of a mean.
        people: The mean of people's numbers, to which each judge adds its weight times its distance from its own mean.
    """

    each: Sequence[float]
    usual: Sequence[Sequence[float]] = ()
    people: Sequence[float] = ()


def numbers(label: str, scale: LabelScale) -> list[float]:
    """A label as `Weights` weigh it."""
    return [scale.value(label)] if scale.ordered else [float(label == other) for other in scale.labels]


def together(said: Said, scale: LabelScale, way: Way, weights: Weights | None = None) -> float | str | None:
    """A value on a scale with an order, else a label; None where no judge could be read.

    Args:
        said: By the judges.
        scale: Their scale.
        way: How; ``mean`` and ``median`` need a scale with an order.
        weights: For ``weighted``.
    """
    read = [label for label in said if label is not None]
    if not read:
        return None
    if way == "majority":
        label = Counter(read).most_common(1)[0][0]  # the first of those that tie
        return scale.value(label) if scale.ordered else label
    if way in ("mean", "median"):
        values = [scale.value(label) for label in read]
        return float(mean(values) if way == "mean" else median(values))
    assert weights is not None
    found = _weighted(said, scale, weights)
    if scale.ordered:
        return found[0]
    # of labels that tie, the one that was said first
    order = sorted(scale.labels, key=lambda label: read.index(label) if label in read else len(read))
    return max(order, key=lambda label: found[scale.labels.index(label)])


def label_of(value: float | str, scale: LabelScale, said: Said) -> str:
    """What `together` found as a label: of two that are equally near, the one nearer to what the first judge said."""
    if isinstance(value, str):
        return value
    if scale.kind == "numeric":
        return within(scale, value)
    first = next(scale.value(label) for label in said if label is not None)
    return min(scale.labels, key=lambda one: (abs(scale.value(one) - value), abs(scale.value(one) - first)))


def shares(said: Said, scale: LabelScale, way: Way, weights: Weights | None = None) -> dict[str, float] | None:
    """The share of the votes of each label; None where values were put together, or nothing could be read."""
    if scale.ordered and way != "majority":
        return None
    read = [label for label in said if label is not None]
    if not read or not scale.labels:
        return None
    if way == "majority":
        votes = [float(read.count(label)) for label in scale.labels]
    else:
        assert weights is not None
        votes = [max(0.0, vote) for vote in _weighted(said, scale, weights)]
    total = sum(votes)
    return {label: vote / total for label, vote in zip(scale.labels, votes, strict=True)} if total > 0 else None


def _weighted(said: Said, scale: LabelScale, weights: Weights) -> list[float]:
    heard = [
        (place, weight, numbers(label, scale))
        for place, (label, weight) in enumerate(zip(said, weights.each, strict=True))
        if label is not None
    ]
    if weights.usual:
        return [
            centre + sum(weight * (own[column] - weights.usual[place][column]) for place, weight, own in heard)
            for column, centre in enumerate(weights.people)
        ]
    total = sum(weight for _, weight, _ in heard)
    if total == 0:  # those that have a weight could not be read
        heard, total = [(place, 1.0, own) for place, _, own in heard], float(len(heard))
    return [sum(weight * own[column] for _, weight, own in heard) / total for column in range(len(heard[0][2]))]
