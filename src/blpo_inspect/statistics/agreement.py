"""Agreement between labels, thin over scikit-learn and krippendorff.

Every function takes equally long sequences. Where a figure is not defined it is NaN, never an exception and never a
number that looks like one. Weighted kappas and Krippendorff's alpha beyond nominal take positions or values instead of
labels: a label's name does not say how far it is from another.
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, cast


def accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    """Share of equal labels, 0 to 1; NaN for no labels."""
    return float(_metrics().accuracy_score(human, judge)) if len(human) else math.nan


def balanced_accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean recall over the labels that people used, 0 to 1; NaN for no labels.

    Not corrected for chance: a constant judge has 1/labels. Labels that only the judge used have no recall and are left
    out (scikit-learn's ``balanced_accuracy_score``).
    """
    if not len(human):
        return math.nan
    return float(_metrics().recall_score(human, judge, labels=sorted(set(human)), average="macro", zero_division=0.0))


def macro_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean F1 over the labels that people or the judge used, 0 to 1; NaN for no labels.

    A label that only one side used has an F1 of 0 (scikit-learn's ``average="macro"``).
    """
    return float(_metrics().f1_score(human, judge, average="macro", zero_division=0.0)) if len(human) else math.nan


def weighted_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    """Mean F1 over labels, each weighted by how often people used it, 0 to 1; NaN for no labels.

    scikit-learn's ``average="weighted"``.
    """
    return float(_metrics().f1_score(human, judge, average="weighted", zero_division=0.0)) if len(human) else math.nan


def cohens_kappa(human: Sequence[str], judge: Sequence[str], weights: Sequence[float] | None = None) -> float:
    """Unweighted Cohen's kappa, -1 to 1; NaN for no labels or where both sides used one and the same label only.

    Cohen, 1960, doi 10.1177/001316446002000104. A constant judge has 0.
    """
    return _kappa(human, judge, None, weights)


def linear_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    """Cohen's kappa of positions on a scale, disagreement weighted by distance, -1 to 1; NaN as `cohens_kappa`.

    Cohen, 1968, doi 10.1037/h0026256. Distances are between whole-numbered positions, used or not.
    """
    return _kappa(human, judge, "linear")


def quadratic_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    """Cohen's kappa of positions on a scale, disagreement weighted by squared distance; else as `linear_kappa`."""
    return _kappa(human, judge, "quadratic")


def mcc(human: Sequence[str], judge: Sequence[str]) -> float:
    """Matthews' correlation for any number of labels, -1 to 1; NaN for no labels or where either side is constant.

    Gorodkin, 2004, doi 10.1016/j.compbiolchem.2004.09.006. scikit-learn gives 0 for a constant side, where the
    correlation is 0/0.
    """
    if len(set(human)) < 2 or len(set(judge)) < 2:
        return math.nan
    return float(_metrics().matthews_corrcoef(human, judge))


def nominal_alpha(human: Sequence[str], judge: Sequence[str]) -> float:
    """Krippendorff's alpha of labels without order, at most 1; NaN where both sides used one and the same label only.

    People's label and the judge's are taken as two raters whose roles do not differ, unlike Cohen's kappa
    (Krippendorff, 2004, Content Analysis, chapter 11; package krippendorff).
    """
    codes = {label: code for code, label in enumerate(sorted({*human, *judge}))}
    return _alpha([codes[label] for label in human], [codes[label] for label in judge], "nominal")


def ordinal_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    """Krippendorff's alpha of positions whose distances are not known: how many labels used lie between; NaN as
    `nominal_alpha`.
    """
    return _alpha(human, judge, "ordinal")


def interval_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    """Krippendorff's alpha of numbers, by squared difference; NaN as `nominal_alpha`."""
    return _alpha(human, judge, "interval")


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
    """Precision, recall and F1 of each of these labels (scikit-learn's ``precision_recall_fscore_support``)."""
    if not len(human):
        return {label: LabelStatistics(math.nan, math.nan, math.nan, 0, 0) for label in labels}
    found = _metrics().precision_recall_fscore_support(human, judge, labels=list(labels), zero_division=math.nan)
    predicted = [sum(1 for one in judge if one == label) for label in labels]
    return {
        label: LabelStatistics(
            float(precision),
            float(recall),
            # scikit-learn has no F1 where either part is missing, though one of them says that no use was shared
            float(f1) if support and used else (0.0 if support or used else math.nan),
            int(support),
            used,
        )
        for label, precision, recall, f1, support, used in zip(labels, *found, predicted, strict=True)
    }


def binary_f1(human: Sequence[bool], judge: Sequence[bool]) -> float:
    """The F1 of one label from whether each side used it, 0 to 1; NaN where neither did."""
    used = sum(map(bool, human)) + sum(map(bool, judge))
    return 2 * sum(one and other for one, other in zip(human, judge, strict=True)) / used if used else math.nan


def _kappa(
    human: Sequence[Any], judge: Sequence[Any], distance: str | None, weights: Sequence[float] | None = None
) -> float:
    used = {*human, *judge}
    if len(used) < 2:
        return math.nan  # agreement expected by chance is 1
    if distance and any(value != int(value) for value in used):
        raise ValueError("a weighted kappa takes whole-numbered positions on a scale")
    # scikit-learn takes the distance between two labels from their places in this list
    labels = list(range(int(min(used)), int(max(used)) + 1)) if distance else sorted(used)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return float(_metrics().cohen_kappa_score(human, judge, labels=labels, weights=distance, sample_weight=weights))


def _alpha(human: Sequence[float], judge: Sequence[float], level: str) -> float:
    if len({*human, *judge}) < 2:
        return math.nan
    import krippendorff
    import numpy as np

    data = np.array([human, judge], dtype=float)
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))  # type: ignore[arg-type]


def _metrics() -> ModuleType:
    # takes a second to import, and Inspect loads this package at every start
    from sklearn import metrics

    return cast(ModuleType, metrics)
