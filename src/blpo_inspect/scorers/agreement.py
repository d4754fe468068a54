"""The scorer `agreement`: verdicts against human labels.

Run it on a new eval, or on an old log: ``inspect score LOG --scorer blpo_inspect/agreement`` (or this file's path).
"""

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.scorers.metric_keys import metric_key
from blpo_inspect.scorers.metrics import Judged, Statistics, ceilings, grouped, keys, n, named
from blpo_inspect.scorers.verdicts import compared


def _per_label(judged: Judged) -> Statistics:
    if judged.scale is None or any((item.score.metadata or {}).get("per_label") is not True for item in judged.scores):
        return {}
    found: Statistics = {}
    values = statistics.per_label(judged.human, judged.judge, judged.scale.labels)
    for label, figures in values.items():
        for name, interval in statistics.label_intervals(
            judged.human, judged.judge, label, clusters=judged.clusters
        ).items():
            found |= keys(name, interval, label)
        found[metric_key("support", label=label)] = figures.support
    return found


@metric(scores="unreduced")
def accuracy() -> Metric:
    """Share of read verdicts that equal the human label."""
    return named("accuracy")


@metric(scores="unreduced")
def balanced_accuracy() -> Metric:
    """Mean recall over the labels that people used."""
    return named("balanced_accuracy")


@metric(scores="unreduced")
def macro_f1() -> Metric:
    """Mean F1 over labels."""
    return named("macro_f1")


@metric(scores="unreduced")
def weighted_f1() -> Metric:
    """Mean F1 over labels, weighted by how often people used each."""
    return named("weighted_f1")


@metric(scores="unreduced")
def cohens_kappa() -> Metric:
    """Cohen's kappa: agreement beyond chance."""
    return named("cohens_kappa")


@metric(scores="unreduced")
def linear_kappa() -> Metric:
    """Cohen's kappa weighted by distance; ordinal scales only."""
    return named("linear_kappa")


@metric(scores="unreduced")
def quadratic_kappa() -> Metric:
    """Cohen's kappa weighted by squared distance; ordinal scales only."""
    return named("quadratic_kappa")


@metric(scores="unreduced")
def mcc() -> Metric:
    """Matthews' correlation."""
    return named("mcc")


@metric(scores="unreduced")
def krippendorff_alpha() -> Metric:
    """Krippendorff's alpha of judge and people, for the kind of scale."""
    return named("krippendorff_alpha")


@metric(scores="unreduced")
def per_label() -> Metric:
    """Precision, recall and F1 of each label with intervals, and how often people used it, on request."""
    return grouped(_per_label, metric_key("f1"))


@metric(scores="unreduced")
def ceiling() -> Metric:
    """How well people agree, and the judge's share of it; see `metrics.ceilings`."""
    return ceilings(("accuracy", "cohens_kappa", "quadratic_kappa"))


@scorer(
    metrics=[
        accuracy(),
        balanced_accuracy(),
        macro_f1(),
        weighted_f1(),
        cohens_kappa(),
        linear_kappa(),
        quadratic_kappa(),
        mcc(),
        krippendorff_alpha(),
        n(),
        per_label(),
        ceiling(),
    ]
)
def agreement(by: str | None = None, per_label: bool = False) -> Scorer:
    """Score 1 where the verdict equals the human label, 0 where it differs.

    An answer that cannot be read is unscored, with the reason in the score's explanation: Inspect leaves it out of the
    figures and counts it. The scorer `unread` gives its share.

    Args:
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
        per_label: Also precision, recall and F1 of each label: ten rows a label. Not for numeric scales.
    """

    async def score(state: TaskState, target: Target) -> Score:
        return compared(state, by, {"per_label": True} if per_label else {})

    return score
