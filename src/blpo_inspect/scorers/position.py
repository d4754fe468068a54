"""The scorer `position`: whether a judge of pairs says the same in both orders, and which place it prefers."""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.judging.labels import FIRST, TIE
from blpo_inspect.judging.outputs import ORDERS
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped, keys

_PREFERS = "prefers"
"""In a score's metadata: how much more often the picture that was shown first won than the other, -1 to 1."""


def _consistent(judged: Judged) -> Statistics:
    same = [bool(item.score.as_float()) for item in judged.scores]
    return keys("consistent", statistics.proportion(same, clusters=judged.clusters))


def _bias(judged: Judged) -> Statistics:
    leanings = [float((item.score.metadata or {})[_PREFERS]) for item in judged.scores]
    zeros = [0.0] * len(leanings)
    interval = statistics.resampled(zeros, leanings, statistics.bias, clusters=judged.clusters, method="bca")
    return keys("position_bias", interval)


@metric(scores="unreduced")
def consistent() -> Metric:
    """Share of pairs whose verdict is the same in both orders."""
    return grouped(_consistent, "consistent")


@metric(scores="unreduced")
def position_bias() -> Metric:
    """How much more often the picture shown first wins than the one shown second, -1 to 1; 0 without bias."""
    return grouped(_bias, "position_bias")


@scorer(metrics=[consistent(), position_bias()])
def position() -> Scorer:
    """Score 1 where a pair's verdict is the same in both orders, 0 where it is not; unscored where one is unread.

    For samples that `judge_pair` asked about with ``order=both``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        orders = (state.output.metadata or {}).get(ORDERS)
        if not isinstance(orders, dict):
            return Score.unscored(reason="scoring_failed", explanation="asked in one order only")
        given, swapped = orders.get("given"), orders.get("swapped")
        if given is None or swapped is None:
            return Score.unscored(reason="invalid_response_format", explanation="; ".join(orders.get("reasons") or []))
        # as given, the first picture is shown first; swapped, the second one is
        wins = [0 if label == TIE else 1 if label == FIRST else -1 for label in (given, swapped)]
        prefers = (wins[0] - wins[1]) / 2
        return Score(value=int(given == swapped), answer=f"{given}, {swapped}", metadata={_PREFERS: prefers})

    return score
