"""The scorer `further_agreement`: figures for those who ask for them, beside `agreement`.

Run it on a log: ``inspect score LOG --scorer blpo_inspect/further_agreement`` (or this file's path).
"""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.scorers.metric_keys import metric_key
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped, keys, n
from blpo_inspect.scorers.verdicts import compared


def _figures(judged: Judged) -> Statistics:
    scale = judged.scale
    if scale is None:
        return {}
    found: Statistics = {}
    for name, figure in statistics.further_statistics_of(scale).items():
        found |= keys(
            name, statistics.with_interval(figure, judged.human, judged.judge, scale, clusters=judged.clusters)
        )
    for label in scale.labels:
        human, judge = ([str(said == label) for said in side] for side in (judged.human, judged.judge))
        alpha = statistics.resampled(human, judge, statistics.nominal_alpha, clusters=judged.clusters, method="bca")
        found |= keys("krippendorff_alpha", alpha, label)
    return found


@metric(scores="unreduced")
def figures() -> Metric:
    """Gwet's AC1 and AC2, macro-F1 over all labels, alpha of each label; limits of agreement on numeric scales."""
    return grouped(_figures, metric_key("gwet_ac1"))


@scorer(metrics=[figures(), n()])
def further_agreement(by: str | None = None) -> Scorer:
    """Score as `agreement` does, for Gwet's coefficients, macro-F1 over the scale, alpha by label, limits of agreement.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        return compared(state, by)

    return score
