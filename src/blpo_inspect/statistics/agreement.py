"""Agreement between labels.

Every function takes equally long sequences. Where a figure is not defined it is NaN, never an exception and never a
number that looks like one. Weighted kappas and Krippendorff's alpha beyond nominal take positions or values instead of
labels: a label's name does not say how far it is from another. The computation is `vectorized`'s; the tests compare it
with scikit-learn and krippendorff.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect.statistics.interval import Statistic
from blpo_inspect.statistics.point import point


def accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    """Share of equal labels, 0 to 1; NaN for no labels."""
    return point(accuracy, human, judge)


def balanced_accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean recall over the labels that people used, 0 to 1; NaN for no labels.

    Not corrected for chance: a constant judge has 1/labels. Labels that only the judge used have no recall and are left
    out (scikit-learn's ``balanced_accuracy_score``).
    """
    return point(balanced_accuracy, human, judge)


def macro_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean F1 over the labels that people or the judge used, 0 to 1; NaN for no labels.

    A label that only one side used has an F1 of 0 (scikit-learn's ``average="macro"``).
    """
    return point(macro_f1, human, judge)


def weighted_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean F1 over labels, each weighted by how often people used it, 0 to 1; NaN for no labels.

    scikit-learn's ``average="weighted"``.
    """
    return point(weighted_f1, human, judge)


def cohens_kappa(human: Sequence[str], judge: Sequence[str], weights: Sequence[float] | None = None) -> float:
    """Unweighted Cohen's kappa, -1 to 1; NaN for no labels or where both sides used one and the same label only.

    Cohen, 1960, doi 10.1177/001316446002000104. A constant judge has 0.
    """
    return point(cohens_kappa, human, judge, weights)


def linear_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    """Cohen's kappa of positions on a scale, disagreement weighted by distance, -1 to 1; NaN as `cohens_kappa`.

    Cohen, 1968, doi 10.1037/h0026256. Distances are between whole-numbered positions, used or not.
    """
    return _weighted_kappa(linear_kappa, human, judge)


def quadratic_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    """Cohen's kappa of positions on a scale, disagreement weighted by squared distance; else as `linear_kappa`."""
    return _weighted_kappa(quadratic_kappa, human, judge)


def mcc(human: Sequence[str], judge: Sequence[str]) -> float:
    """Matthews' correlation for any number of labels, -1 to 1; NaN for no labels or where either side is constant.

    Gorodkin, 2004, doi 10.1016/j.compbiolchem.2004.09.006. scikit-learn gives 0 for a constant side, where the
    correlation is 0/0.
    """
    return point(mcc, human, judge)


def nominal_alpha(human: Sequence[str], judge: Sequence[str]) -> float:
    """Krippendorff's alpha of labels without order, at most 1; NaN where both sides used one and the same label only.

    People's label and the judge's are taken as two raters whose roles do not differ, unlike Cohen's kappa
    (Krippendorff, 2004, Content Analysis, chapter 11; package krippendorff).
    """
    return point(nominal_alpha, human, judge)


def ordinal_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    """Krippendorff's alpha of positions whose distances are not known: how many labels used lie between; NaN as
    `nominal_alpha`.
    """
    return point(ordinal_alpha, human, judge)


def interval_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    """Krippendorff's alpha of numbers, by squared difference; NaN as `nominal_alpha`."""
    return point(interval_alpha, human, judge)


@dataclass(frozen=True)
class LabelStatistics:
    """How a judge does on one label.

    Attributes:
        precision: Share of the judge's uses that people agree with; NaN where the judge never used it.
        recall: Share of people's uses that the judge agrees with; NaN where people never used it.
        f1: Harmonic mean; 0 where only one side used it, NaN where neither did.
        support: How often people used it.
        predicted: How often the judge used it.
    """

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


def per_label(human: Sequence[str], judge: Sequence[str], labels: Sequence[str]) -> dict[str, LabelStatistics]:
    """Precision, recall and F1 of each of these labels."""
    supports, predictions = Counter(human), Counter(judge)
    hits = Counter(label for label, other in zip(human, judge, strict=True) if label == other)
    statistics = {}
    for label in labels:
        support, predicted, hit = supports[label], predictions[label], hits[label]
        statistics[label] = LabelStatistics(
            precision=hit / predicted if predicted else math.nan,
            recall=hit / support if support else math.nan,
            f1=2 * hit / (support + predicted) if support or predicted else math.nan,
            support=support,
            predicted=predicted,
        )
    return statistics


def binary_f1(human: Sequence[bool], judge: Sequence[bool]) -> float:
    """The F1 of one label from whether each side used it, 0 to 1; NaN where neither did."""
    used = sum(map(bool, human)) + sum(map(bool, judge))
    return (
        2 * sum(person and verdict for person, verdict in zip(human, judge, strict=True)) / used if used else math.nan
    )


def _weighted_kappa(statistic: Statistic, human: Sequence[float], judge: Sequence[float]) -> float:
    if any(value != int(value) for value in {*human, *judge}):
        raise ValueError("a weighted kappa takes whole-numbered positions on a scale")
    return point(statistic, human, judge)
