"""The scorer `preference`: of two images of one group, does the judge prefer the one that people prefer?

For data such as ImageReward's, where people ranked the images made from one prompt. Run it on a new eval, or on an old
log: ``inspect score LOG --scorer blpo_inspect/preference`` (or this file's path).
"""

from collections import Counter
from collections.abc import Hashable

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped, keys, n
from blpo_inspect.scorers.verdicts import valued


def _pairwise(judged: Judged) -> Statistics:
    human = [float((item.score.metadata or {})["worth"]) for item in judged.scores]
    judge = [item.score.as_float() for item in judged.scores]
    # an epoch's verdicts are compared with each other, never with another epoch's on the same image
    epochs: Counter[Hashable] = Counter()
    groups: list[Hashable] = []
    for item, cluster in zip(judged.scores, judged.clusters, strict=True):
        epochs[item.sample_id] += 1
        groups.append((cluster, epochs[item.sample_id]))
    intervals = statistics.preferences(human, judge, groups, clusters=judged.clusters)
    found: Statistics = {}
    for name, interval in intervals.items():
        found |= keys(name, interval)
    return {**found, "pairs": intervals["preference"].n}


@metric(scores="unreduced")
def pairwise() -> Metric:
    """Pairwise accuracy within groups, with the ties of both sides; see `statistics.preferences`.

    ``preference`` counts the judge's ties half, ``preference_decided`` leaves them out; ``judge_ties`` and
    ``human_ties`` are their shares, and ``pairs`` is the number of pairs that people order. Intervals are over groups.
    """
    return grouped(_pairwise)


@scorer(metrics=[pairwise(), n()])
def preference(rank: str = "rank", by: str | None = None) -> Scorer:
    """Score the verdict's value on the scale; unscored where it cannot be read, or the sample has no order or group.

    Args:
        rank: Sample metadata with people's rank within the group, 1 the best; samples without it are compared by
            people's label.
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``. Pairs
            across values count for the whole only.
    """

    async def score(state: TaskState, target: Target) -> Score:
        scale, found = valued(state, by)
        if found.answer is None:
            return found
        if state.metadata.get("group") is None:
            explanation = "the sample has no group in its metadata within which it could be compared"
            return Score.unscored(reason="scoring_failed", explanation=explanation, metadata=found.metadata)
        place = state.metadata.get(rank)
        worth = scale.value(str(state.metadata["human"])) if place is None else -float(place)
        return found.model_copy(update={"metadata": {**(found.metadata or {}), "worth": worth}})

    return score
