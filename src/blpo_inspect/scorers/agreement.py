"""The scorer `agreement`: verdicts against human labels.

Run it on a new eval, or on an old log: ``inspect score LOG --scorer blpo_inspect/agreement`` (or this file's path).
"""

from collections.abc import Callable, Sequence

from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, Value, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect.samples import scale_of


def _over_labels(figure: Callable[[Sequence[str], Sequence[str]], float]) -> Metric:
    """A metric over all (human, judge) label pairs that were read."""

    def compute(scores: list[SampleScore]) -> Value:
        human = [str((item.score.metadata or {})["human"]) for item in scores]
        judge = [str(item.score.answer) for item in scores]
        return figure(human, judge)

    return compute


@metric(scores="unreduced")
def accuracy() -> Metric:
    """Share of read verdicts that equal the human label."""
    return _over_labels(statistics.accuracy)


@metric(scores="unreduced")
def macro_f1() -> Metric:
    """Mean F1 over labels."""
    return _over_labels(statistics.macro_f1)


@metric(scores="unreduced")
def cohens_kappa() -> Metric:
    """Cohen's kappa: agreement beyond chance."""
    return _over_labels(statistics.cohens_kappa)


@metric(scores="unreduced")
def n() -> Metric:
    """Number of verdicts that the other figures rest on."""

    def compute(scores: list[SampleScore]) -> Value:
        return len(scores)

    return compute


@scorer(metrics=[accuracy(), macro_f1(), cohens_kappa(), n()])
def agreement() -> Scorer:
    """Score 1 where the verdict equals the human label, 0 where it differs.

    An answer that cannot be read is unscored, with the reason in the score's explanation: Inspect leaves it out of the
    figures and counts it. The scorer `unread` gives its share.
    """

    async def score(state: TaskState, target: Target) -> Score:
        human = str(state.metadata["human"])
        answer = state.output.completion
        verdict = scale_of(state.metadata).read(answer)
        if verdict.label is None:
            return Score.unscored(
                reason="invalid_response_format" if answer.strip() else "no_response",
                explanation=f"{verdict.reason}\n\nAnswer: {answer}",
                metadata={"human": human},
            )
        return Score(
            value=int(verdict.label == human),
            answer=verdict.label,
            explanation=f"Answer: {answer}",
            metadata={"human": human},
        )

    return score
