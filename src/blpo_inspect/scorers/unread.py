"""The scorer `unread`: how many answers could not be read, the figure that belongs beside every other.

A scorer of its own because Inspect shows no metric of the other scorers the samples that they left unscored.
"""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped, keys
from blpo_inspect.scorers.verdicts import facts


def _share(judged: Judged) -> Statistics:
    unreadable = [bool(item.score.as_float()) for item in judged.scores]
    return keys("share", statistics.proportion(unreadable, clusters=judged.clusters))


@metric(scores="unreduced")
def share() -> Metric:
    """Share of answers that could not be read, 0 to 1, with Wilson's interval."""
    return grouped(_share)


@metric(scores="unreduced")
def count() -> Metric:
    """Number of answers that could not be read, and ``n``, the number of all answers."""
    return grouped(
        lambda judged: {"count": sum(item.score.as_float() for item in judged.scores), "n": len(judged.scores)}
    )


@scorer(metrics=[share(), count()])
def unread(by: str | None = None) -> Scorer:
    """Score 1 where the answer cannot be read (the explanation says why), 0 where it can.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        verdict = verdict_of(state.output, scale_of(state.metadata))
        return Score(
            value=int(verdict.label is None),
            answer=verdict.label,
            explanation=verdict.reason,
            metadata=facts(state, by),
        )

    return score
