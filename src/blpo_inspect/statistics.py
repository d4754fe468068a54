"""Agreement between labels, thin over scikit-learn.

Every function takes two equally long sequences of labels. Where a figure is not defined it is NaN, never an exception
and never a number that looks like one.
"""

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import cast

from blpo_inspect.labels import LabelScale


def accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    """Share of equal labels, 0 to 1; NaN for no labels."""
    return float(_metrics().accuracy_score(human, judge)) if len(human) else math.nan


def macro_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean F1 over the labels that people or the judge used, 0 to 1; NaN for no labels.

    A label that only one side used has an F1 of 0 (scikit-learn's ``average="macro"``).
    """
    return float(_metrics().f1_score(human, judge, average="macro", zero_division=0.0)) if len(human) else math.nan


def cohens_kappa(human: Sequence[str], judge: Sequence[str], weights: Sequence[float] | None = None) -> float:
    """Unweighted Cohen's kappa, -1 to 1; NaN for no labels or where both sides used one and the same label only."""
    if not len(human):
        return math.nan
    if len({*human, *judge}) == 1:
        return math.nan  # agreement expected by chance is 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(_metrics().cohen_kappa_score(human, judge, sample_weight=weights))


@dataclass(frozen=True)
class Ceiling:
    """How well one person agrees with the consensus of the others.

    Attributes:
        accuracy: Share of equal labels.
        kappa: Cohen's kappa.
        comparisons: Number of (image, rater) pairs compared.
    """

    accuracy: float
    kappa: float
    comparisons: int


def human_ceiling(ratings: Sequence[Sequence[str]], scale: LabelScale) -> Ceiling:
    """Leave-one-out agreement of each rater with the consensus of the other raters.

    Args:
        ratings: For each image its raters' labels (at least two to count).
        scale: Their scale; decides the kind of consensus, see `consensus`.

    Returns:
        The ceiling; where the others tie, each tied label counts in equal parts.
    """
    one: list[str] = []
    others: list[str] = []
    weights: list[float] = []
    comparisons = 0
    for labels in ratings:
        if len(labels) < 2:
            continue
        for k, label in enumerate(labels):
            tied = consensus([*labels[:k], *labels[k + 1 :]], scale)
            comparisons += 1
            for other in tied:
                one.append(label)
                others.append(other)
                weights.append(1 / len(tied))
    if not comparisons:
        return Ceiling(math.nan, math.nan, 0)
    agreement = float(_metrics().accuracy_score(one, others, sample_weight=weights))
    return Ceiling(agreement, cohens_kappa(one, others, weights), comparisons)


def consensus(labels: Sequence[str], scale: LabelScale) -> list[str]:
    """The label that a group of raters agrees on, or the tied ones in the scale's order.

    The most frequent label of an unordered scale; the median of an ordinal or numeric one (the two middle ones where
    they differ).

    Raises:
        ValueError: No labels.
    """
    if not labels:
        raise ValueError("no labels, no consensus")
    if scale.kind == "unordered":
        counts = Counter(labels)
        top = max(counts.values())
        return [label for label in scale.labels if counts[label] == top]
    ordered = sorted(labels, key=scale.value)
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    return list(dict.fromkeys(middle))


def _metrics() -> ModuleType:
    # takes a second to import, and Inspect loads this package at every start
    from sklearn import metrics

    return cast(ModuleType, metrics)
