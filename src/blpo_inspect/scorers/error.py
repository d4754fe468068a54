"""The scorer `error`: how far the judge's values are from people's, on ordinal and numeric scales.

Run it on a new eval, or on an old log: ``inspect score LOG --scorer blpo_inspect/error`` (or this file's path).
"""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect.scorers.metrics import ceilings, n, named
from blpo_inspect.scorers.verdicts import valued


@metric(scores="unreduced")
def mae() -> Metric:
    """Mean absolute error in the scale's units."""
    return named("mae")


@metric(scores="unreduced")
def rmse() -> Metric:
    """Root of the mean squared error in the scale's units."""
    return named("rmse")


@metric(scores="unreduced")
def bias() -> Metric:
    """Mean of judge minus human in the scale's units."""
    return named("bias")


@metric(scores="unreduced")
def error_ceiling() -> Metric:
    """How far people's ratings are from each other, where samples have raters; see `metrics.ceilings`."""
    return ceilings(("mae",))


@scorer(metrics=[mae(), rmse(), bias(), n(), error_ceiling()])
def error(by: str | None = None) -> Scorer:
    """Score judge minus human in the scale's units; unscored where it cannot be read or the scale has no order.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        scale, found = valued(state, by)
        if found.answer is None:
            return found
        human = scale.value(str(state.metadata["human"]))
        return found.model_copy(update={"value": found.as_float() - human})

    return score
