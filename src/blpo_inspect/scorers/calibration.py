"""The scorer `calibration`: whether the probabilities of the judge's labels can be believed.

Needs an eval with ``-T answer=likelihood``, or with ``--logprobs --top-logprobs 20``, of a model that gives
probabilities. Run it on a new eval, or on an old log: ``inspect score LOG --scorer blpo_inspect/calibration`` (or this
file's path).
"""

from collections.abc import Mapping
from functools import partial

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.outputs import failure, verdict_of
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.scorers.metric_keys import metric_key
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped, keys, n
from blpo_inspect.scorers.verdicts import facts, unlabelled, unreadable
from blpo_inspect.statistics import probabilities


def _given(item: SampleScore) -> Mapping[str, float]:
    given: Mapping[str, float] = (item.score.metadata or {})["probabilities"]
    return given


def _ece(judged: Judged) -> Statistics:
    tops = [probabilities.top(_given(item)) for item in judged.scores]
    correct = [float(label == human) for (label, _), human in zip(tops, judged.human, strict=True)]
    confidence = [sure for _, sure in tops]
    return {
        "ece": statistics.calibration_error(correct, confidence),
        "ece_0": probabilities.calibrated_error(confidence),
    }


def _brier(judged: Judged) -> Statistics:
    given = [tuple(_given(item).items()) for item in judged.scores]
    return keys("brier", statistics.resampled(judged.human, given, statistics.brier, clusters=judged.clusters))


def _expected(judged: Judged) -> Statistics:
    scale = judged.scale
    if scale is None or scale.kind != "ordinal":
        return {}
    human = [scale.value(label) for label in judged.human]
    judge = [statistics.expected_score(_given(item), scale) for item in judged.scores]
    interval = partial(statistics.resampled, human, judge, clusters=judged.clusters)
    return (
        keys("expected_mae", interval(statistics.mae))
        | keys("expected_pearson", interval(statistics.pearson))
        | keys("expected_spearman", interval(statistics.spearman))
    )


@metric(scores="unreduced")
def ece() -> Metric:
    """Expected calibration error of the most probable label, in 10 bins of equal width.

    ``ece_0`` is that of a judge with the same confidences that is calibrated: what chance makes of so few samples.
    """
    return grouped(_ece)


@metric(scores="unreduced")
def brier() -> Metric:
    """Brier score over all labels, 0 to 2."""
    return grouped(_brier)


@metric(scores="unreduced")
def expected_score() -> Metric:
    """The mean value under the probabilities against people's: mean absolute error, Pearson's and Spearman's
    correlation; for ordinal scales.
    """
    return grouped(_expected, metric_key("expected_mae"))


@scorer(metrics=[ece(), brier(), expected_score(), n()])
def calibration(by: str | None = None) -> Scorer:
    """Score the probability that the judge gave to people's label; unscored where it gave none.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
    """

    async def score(state: TaskState, target: Target) -> Score:
        metadata = facts(state, by)
        if (nobody := unlabelled(state, metadata)) is not None:
            return nobody
        scale = scale_of(state.metadata)
        found = label_probabilities(state.output, scale)
        if found is not None and failure(state.output) is None:
            return Score(
                value=found[metadata["human"]],
                answer=probabilities.top(found)[0],
                explanation=f"Answer: {state.output.completion}",
                metadata={**metadata, "probabilities": dict(found)},
            )
        verdict = verdict_of(state.output, scale)
        if verdict.label is None:
            return unreadable(verdict, state.output, metadata)
        return Score.unscored(reason="scoring_failed", explanation=_why_not(state, scale), metadata=metadata)

    return score


def _why_not(state: TaskState, scale: LabelScale) -> str:
    if not scale.labels:
        return "a numeric scale lists no labels that could have probabilities"
    if not state.output.choices or state.output.choices[0].logprobs is None:
        return "no log-probabilities: run the eval with -T answer=likelihood, or with --logprobs --top-logprobs 20"
    return "the answer does not begin with a label, so the log-probabilities of its beginning say nothing of labels"
