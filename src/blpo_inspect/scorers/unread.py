"""The scorer `unread`: how many answers could not be read, the figure that belongs beside every other.

A scorer of its own because Inspect shows no metric of `agreement` the samples that `agreement` left unscored.
"""

import math

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect.samples import scale_of


@metric(scores="unreduced")
def share() -> Metric:
    """Share of answers that could not be read, 0 to 1."""

    def compute(scores: list[SampleScore]) -> Value:
        return sum(item.score.as_float() for item in scores) / len(scores) if scores else math.nan

    return compute


@metric(scores="unreduced")
def count() -> Metric:
    """Number of answers that could not be read."""

    def compute(scores: list[SampleScore]) -> Value:
        return sum(item.score.as_float() for item in scores)

    return compute


@scorer(metrics=[share(), count()])
def unread() -> Scorer:
    """Score 1 where the answer cannot be read (the explanation says why), 0 where it can."""

    async def score(state: TaskState, target: Target) -> Score:
        verdict = scale_of(state.metadata).read(state.output.completion)
        return Score(value=int(verdict.label is None), answer=verdict.label, explanation=verdict.reason)

    return score
