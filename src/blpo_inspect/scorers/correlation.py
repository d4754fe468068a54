"""The scorer `correlation`: how the judge's values go with people's, on ordinal and numeric scales.

Run it on a new eval, or on an old log: ``inspect score LOG --scorer blpo_inspect/correlation`` (or this file's path).
"""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect.scorers.metrics import ceilings, n, named
from blpo_inspect.scorers.verdicts import valued


@metric(scores="unreduced")
def pearson() -> Metric:
    """Pearson's correlation."""
    return named("pearson")


@metric(scores="unreduced")
def spearman() -> Metric:
    """Spearman's rank correlation."""
    return named("spearman")


@metric(scores="unreduced")
def kendall_tau() -> Metric:
    """Kendall's tau-b."""
    return named("kendall_tau")


@metric(scores="unreduced")
def correlation_ceiling() -> Metric:
    """How well people's values go together, and the judge's share of it; see `metrics.ceilings`."""
    return ceilings(("pearson", "spearman"))


@scorer(metrics=[pearson(), spearman(), kendall_tau(), n(), correlation_ceiling()])
def correlation(by: str | None = None) -> Scorer:
    """Score the verdict's value on the scale; unscored where it cannot be read or the scale has no order.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        return valued(state, by)[1]

    return score
