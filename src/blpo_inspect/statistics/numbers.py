"""How a judge's numbers go with people's: correlations and errors.

Every function takes equally long sequences of numbers, people's first. Where a figure is not defined it is NaN.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from blpo_inspect.statistics.point import point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def pearson(human: Sequence[float], judge: Sequence[float]) -> float:
    """Pearson's correlation, -1 to 1: how far one column is a straight line of the other (``scipy.stats.pearsonr``).

    NaN below 2 samples and where either side is constant.
    """
    return point(pearson, human, judge)


def spearman(human: Sequence[float], judge: Sequence[float]) -> float:
    """Spearman's correlation: Pearson's of ranks, ties at their mean rank (``scipy.stats.spearmanr``); NaN as
    `pearson`.
    """
    return point(spearman, human, judge)


def kendall_tau(human: Sequence[float], judge: Sequence[float]) -> float:
    """Kendall's tau-b, -1 to 1: pairs in the same order minus pairs in the other, corrected for ties
    (``scipy.stats.kendalltau``); NaN as `pearson`.
    """
    if len(set(human)) < 2 or len(set(judge)) < 2:
        return math.nan
    from scipy import stats

    return float(stats.kendalltau(human, judge).statistic)


def mae(human: Sequence[float], judge: Sequence[float]) -> float:
    """Mean absolute error in the scale's units, 0 or more; NaN for no samples."""
    return float(abs(_errors(human, judge)).mean()) if len(human) else math.nan


def rmse(human: Sequence[float], judge: Sequence[float]) -> float:
    """Root of the mean squared error in the scale's units, 0 or more; NaN for no samples."""
    return math.sqrt(float((_errors(human, judge) ** 2).mean())) if len(human) else math.nan


def bias(human: Sequence[float], judge: Sequence[float]) -> float:
    """Mean of judge minus human in the scale's units: above 0, the judge is too generous; NaN for no samples."""
    return float(_errors(human, judge).mean()) if len(human) else math.nan


TWO_SIDED = 1.959963984540054
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def lower_limit(human: Sequence[float], judge: Sequence[float]) -> float:
    """The lower limit of agreement in the scale's units: bias minus 1.96 standard deviations of the errors.

    Between the two limits lie 95 % of the errors, if these are about normal (Bland and Altman, 1986, doi
    10.1016/S0140-6736(86)90837-8). NaN below two samples.
    """
    return point(lower_limit, human, judge)


def upper_limit(human: Sequence[float], judge: Sequence[float]) -> float:
    """The upper limit of agreement; see `lower_limit`."""
    return point(upper_limit, human, judge)


def _errors(human: Sequence[float], judge: Sequence[float]) -> "NDArray[np.float64]":
    import numpy as np

    if len(human) != len(judge):
        raise ValueError(f"inconsistent numbers of samples: {len(human)} and {len(judge)}")
    return cast("NDArray[np.float64]", np.asarray(judge, dtype=float) - np.asarray(human, dtype=float))
