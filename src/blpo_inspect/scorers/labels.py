"""What a judge said, as figures: the share of each label or their mean, and its agreement where people's is known."""

import math
from collections.abc import Hashable, Sequence

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.scorers.certified import corrected
from blpo_inspect.scorers.improvement import FIGURES
from blpo_inspect.scorers.metrics import Judged, Statistics, keys, named_figure
from blpo_inspect.scorers.verdicts import facts, unreadable


@metric(scores="unreduced")
def verdicts() -> Metric:
    """What the judge said, and how it agrees with people where their label is known.

    Unordered scale: the share of each label. Ordinal and numeric: the mean and its standard error. Where samples have a
    human label: their number ``n``, and accuracy and kappa, or error, correlation and bias. Where the judge's pair is
    certified: ``true``, the corrected share or mean (`certified.corrected`). All with intervals.
    """

    def compute(scores: list[SampleScore]) -> Value:
        judged = Judged(scores)
        scale = judged.scale
        if scale is None:  # no sample is scored
            return {"n": 0}
        found = _mean(judged) if scale.ordered else _shares(judged, scale)
        found |= corrected(judged, scale)
        known = Judged([item for item in scores if "human" in (item.score.metadata or {})])
        if known.scores:
            found["n"] = len(known.scores)
            for name in FIGURES[scale.kind]:
                found |= named_figure(name, known)
        return found

    return compute


@scorer(metrics=[verdicts()])
def labels() -> Scorer:
    """Score the verdict itself, for images that nobody labelled: its label, or its number on a scale with an order.

    An answer that cannot be read is unscored, with the reason.
    """

    async def score(state: TaskState, target: Target) -> Score:
        scale = scale_of(state.metadata)
        verdict = verdict_of(state.output, scale)
        if verdict.label is None:
            return unreadable(verdict, state.output, facts(state, None))
        return Score(
            value=scale.value(verdict.label) if scale.ordered else verdict.label,
            answer=verdict.label,
            explanation=f"Answer: {state.output.completion}",
            metadata=facts(state, None),
        )

    return score


def _shares(judged: Judged, scale: LabelScale) -> Statistics:
    found: Statistics = {}
    for label in scale.labels:
        hits = [said == label for said in judged.judge]
        found |= keys("share", statistics.proportion(hits, clusters=judged.clusters), label)
    return found


def _mean(judged: Judged) -> Statistics:
    values = [item.score.as_float() for item in judged.scores]
    # the mean difference from 0
    interval = statistics.resampled(
        [0.0] * len(values), values, statistics.bias, clusters=judged.clusters, method="bca"
    )
    return {**keys("mean", interval), "stderr": _stderr(values, judged.clusters)}


def _stderr(values: Sequence[float], clusters: Sequence[Hashable]) -> float:
    """The standard error of a mean, 0 or more; that of clusters where there are some (Liang and Zeger, 1986)."""
    middle = math.fsum(values) / len(values)
    excess: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        excess[cluster] = excess.get(cluster, 0.0) + value - middle
    count = len(excess)
    if count < 2:
        return math.nan
    return math.sqrt(count / (count - 1) * math.fsum(total**2 for total in excess.values())) / len(values)
