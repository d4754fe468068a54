"""Statistics by scikit-learn, krippendorff and SciPy, with this package's conventions for what is not defined."""

import math
import warnings
from collections.abc import Callable, Sequence
from statistics import NormalDist, mean, stdev
from typing import Any

import krippendorff
import numpy as np
from scipy import stats
from sklearn import metrics

from blpo_inspect import statistics
from blpo_inspect.statistics import LabelStatistics, Statistic


def accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    return float(metrics.accuracy_score(human, judge)) if len(human) else math.nan


def balanced_accuracy(human: Sequence[str], judge: Sequence[str]) -> float:
    if not len(human):
        return math.nan
    return float(metrics.recall_score(human, judge, labels=sorted(set(human)), average="macro", zero_division=0.0))


def macro_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    return float(metrics.f1_score(human, judge, average="macro", zero_division=0.0)) if len(human) else math.nan


def weighted_f1(human: Sequence[str], judge: Sequence[str]) -> float:
    return float(metrics.f1_score(human, judge, average="weighted", zero_division=0.0)) if len(human) else math.nan


def cohens_kappa(human: Sequence[str], judge: Sequence[str], weights: Sequence[float] | None = None) -> float:
    return _kappa(human, judge, None, weights)


def linear_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    return _kappa(human, judge, "linear")


def quadratic_kappa(human: Sequence[float], judge: Sequence[float]) -> float:
    return _kappa(human, judge, "quadratic")


def mcc(human: Sequence[str], judge: Sequence[str]) -> float:
    if len(set(human)) < 2 or len(set(judge)) < 2:
        return math.nan
    return float(metrics.matthews_corrcoef(human, judge))


def nominal_alpha(human: Sequence[str], judge: Sequence[str]) -> float:
    codes = {label: code for code, label in enumerate(sorted({*human, *judge}))}
    return _alpha([codes[label] for label in human], [codes[label] for label in judge], "nominal")


def ordinal_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    return _alpha(human, judge, "ordinal")


def interval_alpha(human: Sequence[float], judge: Sequence[float]) -> float:
    return _alpha(human, judge, "interval")


def per_label(human: Sequence[str], judge: Sequence[str], labels: Sequence[str]) -> dict[str, LabelStatistics]:
    if not len(human):
        return {label: LabelStatistics(math.nan, math.nan, math.nan, 0, 0) for label in labels}
    found = metrics.precision_recall_fscore_support(human, judge, labels=list(labels), zero_division=math.nan)
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
        return float(metrics.cohen_kappa_score(human, judge, labels=labels, weights=distance, sample_weight=weights))


def _alpha(human: Sequence[float], judge: Sequence[float], level: str) -> float:
    if len({*human, *judge}) < 2:
        return math.nan
    data = np.array([human, judge], dtype=float)
    return float(krippendorff.alpha(reliability_data=data, level_of_measurement=level))  # type: ignore[arg-type]


def pearson(human: Sequence[float], judge: Sequence[float]) -> float:
    return _correlation("pearsonr", human, judge)


def spearman(human: Sequence[float], judge: Sequence[float]) -> float:
    return _correlation("spearmanr", human, judge)


def kendall_tau(human: Sequence[float], judge: Sequence[float]) -> float:
    return _correlation("kendalltau", human, judge)


def lower_limit(human: Sequence[float], judge: Sequence[float], side: int = -1) -> float:
    errors = [verdict - theirs for theirs, verdict in zip(human, judge, strict=True)]
    return math.nan if len(errors) < 2 else mean(errors) + side * NormalDist().inv_cdf(0.975) * stdev(errors)


def upper_limit(human: Sequence[float], judge: Sequence[float]) -> float:
    return lower_limit(human, judge, 1)


def _correlation(name: str, human: Sequence[float], judge: Sequence[float]) -> float:
    if len(set(human)) < 2 or len(set(judge)) < 2:
        return math.nan
    return float(getattr(stats, name)(human, judge).statistic)


ORACLES: dict[Statistic, Callable[..., float]] = {
    statistics.accuracy: accuracy,
    statistics.balanced_accuracy: balanced_accuracy,
    statistics.macro_f1: macro_f1,
    statistics.weighted_f1: weighted_f1,
    statistics.cohens_kappa: cohens_kappa,
    statistics.linear_kappa: linear_kappa,
    statistics.quadratic_kappa: quadratic_kappa,
    statistics.mcc: mcc,
    statistics.nominal_alpha: nominal_alpha,
    statistics.ordinal_alpha: ordinal_alpha,
    statistics.interval_alpha: interval_alpha,
    statistics.pearson: pearson,
    statistics.spearman: spearman,
    statistics.kendall_tau: kendall_tau,
    statistics.lower_limit: lower_limit,
    statistics.upper_limit: upper_limit,
}
"""Statistic of the package → the same by a library."""
