"""Figures of agreement between a judge and people, their intervals, paired comparisons, the human ceiling,
and whether the judge may replace a rater.

Over numpy, SciPy and statsmodels, which are imported where they are first needed. What is not
defined is NaN, with the reason where there is an `Interval`.
"""

from blpo_inspect.statistics.agreement import (
    LabelStatistics,
    accuracy,
    balanced_accuracy,
    binary_f1,
    cohens_kappa,
    interval_alpha,
    linear_kappa,
    macro_f1,
    mcc,
    nominal_alpha,
    ordinal_alpha,
    per_label,
    quadratic_kappa,
    weighted_f1,
)
from blpo_inspect.statistics.alternative_annotator import (
    AgainstRater,
    AlternativeAnnotatorTest,
    alternative_annotator_test,
)
from blpo_inspect.statistics.ceiling import (
    consensus,
    rater_consensus,
    rater_rater,
    share_of_ceiling,
)
from blpo_inspect.statistics.interval import Comparison, Interval, Statistic, fisher_z, proportion
from blpo_inspect.statistics.named_statistics import (
    Named,
    all_statistics,
    further_statistics_of,
    label_intervals,
    statistics_of,
    with_interval,
)
from blpo_inspect.statistics.noninferiority import Bar, Decision, Tested, Verdict, bar, non_inferiority, suite_wide
from blpo_inspect.statistics.numbers import bias, kendall_tau, lower_limit, mae, pearson, rmse, spearman, upper_limit
from blpo_inspect.statistics.paired import correlation_difference, holm, mcnemar, steiger, williams
from blpo_inspect.statistics.paired_proportions import accuracy_difference, no_worse, tango
from blpo_inspect.statistics.preference import Pairs, count_pairs, preferences
from blpo_inspect.statistics.probabilities import brier, calibration_error, expected_score
from blpo_inspect.statistics.resampling import paired_difference, resampled
from blpo_inspect.statistics.unread_as_wrong import with_unread

__all__ = [
    "AgainstRater",
    "AlternativeAnnotatorTest",
    "Bar",
    "Comparison",
    "Decision",
    "Interval",
    "LabelStatistics",
    "Named",
    "Pairs",
    "Statistic",
    "Tested",
    "Verdict",
    "accuracy",
    "accuracy_difference",
    "all_statistics",
    "alternative_annotator_test",
    "balanced_accuracy",
    "bar",
    "bias",
    "binary_f1",
    "brier",
    "calibration_error",
    "cohens_kappa",
    "consensus",
    "correlation_difference",
    "count_pairs",
    "expected_score",
    "fisher_z",
    "further_statistics_of",
    "holm",
    "interval_alpha",
    "kendall_tau",
    "label_intervals",
    "linear_kappa",
    "lower_limit",
    "macro_f1",
    "mae",
    "mcc",
    "mcnemar",
    "no_worse",
    "nominal_alpha",
    "non_inferiority",
    "ordinal_alpha",
    "paired_difference",
    "pearson",
    "per_label",
    "preferences",
    "proportion",
    "quadratic_kappa",
    "rater_consensus",
    "rater_rater",
    "resampled",
    "rmse",
    "share_of_ceiling",
    "spearman",
    "statistics_of",
    "steiger",
    "suite_wide",
    "tango",
    "upper_limit",
    "weighted_f1",
    "williams",
    "with_interval",
    "with_unread",
]
