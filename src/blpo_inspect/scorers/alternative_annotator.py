"""The scorer `alternative_annotator`: whether the judge may replace one of the raters (`alternative_annotator_test`).

A scorer of its own because here an answer that could not be read counts. Run it on a new eval, or on an old log:
``inspect score LOG --scorer blpo_inspect/alternative_annotator`` (or this file's path).
"""

from collections.abc import Mapping
from statistics import fmean

from inspect_ai.scorer import Metric, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from blpo_inspect import statistics
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.scorers.metric_keys import metric_key
from blpo_inspect.scorers.metrics import Judged, Statistics, grouped
from blpo_inspect.scorers.verdicts import facts
from blpo_inspect.statistics.alternative_annotator import EPSILON, RATERS, wins


def _test(judged: Judged) -> Statistics:
    if judged.scale is None:
        return {"omega": float("nan")}
    asked = judged.scores[0].score.metadata or {}
    test = statistics.alternative_annotator_test(
        [judged.scores[place].score.answer for place in judged.once],
        [judged.raters[place] for place in judged.once],
        judged.scale,
        epsilon=asked["epsilon"],
        clusters=[judged.clusters[place] for place in judged.once],
    )
    found = {"omega": test.winning_rate, "rho": test.advantage, "raters": float(len(test.raters))}
    for one in test.raters if asked.get("per_rater") else ():
        figures = {"rho_f": one.rho_f, "rho_h": one.rho_h, "p": one.p, "won": float(one.won)}
        found |= {metric_key(name, label=one.rater): value for name, value in figures.items()}
    return found


@metric(scores="unreduced")
def replacement() -> Metric:
    """The winning rate ``omega`` (the judge passes from 0.5 on), the advantage ``rho``, the number of ``raters``.

    On request for each rater ``rho_f``, ``rho_h``, ``p`` and whether the judge ``won``. NaN where there are not enough
    raters. Of several epochs the first counts.
    """
    return grouped(_test, "omega")


@scorer(metrics=[replacement()])
def alternative_annotator(epsilon: float = EPSILON, by: str | None = None, per_rater: bool = False) -> Scorer:
    """Score the share of raters whom the judge equals or beats in agreement with the other raters of the image.

    An answer that cannot be read scores 0. A sample with fewer than three raters is unscored, with the reason.

    Args:
        epsilon: By how much a rater may be better more often: 0.2 for experts, 0.15 for skilled raters, 0.1 for crowd
            workers.
        by: Sample metadata such as ``category``: every figure also for each of its values, as ``KEY @VALUE``.
        per_rater: Also the figures of each rater: four rows a rater.

    Raises:
        PrerequisiteError: `epsilon` is not from 0 to below 1.
    """
    if not 0 <= epsilon < 1:
        raise PrerequisiteError(f"epsilon={epsilon}: must be from 0 to below 1")

    async def score(state: TaskState, target: Target) -> Score:
        metadata = facts(state, by) | {"epsilon": epsilon, "per_rater": per_rater}
        raters = state.metadata.get("raters") or {}
        why_not = None
        if not isinstance(raters, Mapping):
            why_not = "raters cannot be told apart: the metadata `raters` must map the name of each to a label"
        elif len(raters) < RATERS:
            why_not = f"not enough raters: the image has labels of {len(raters)}, and the test needs {RATERS}"
        if why_not is not None:
            return Score.unscored(reason="no_label", explanation=why_not, metadata=metadata)
        scale = scale_of(state.metadata)
        verdict = verdict_of(state.output, scale)
        won = wins(verdict.label, {str(name): str(label) for name, label in raters.items()}, scale)
        return Score(
            value=fmean(of_judge for of_judge, _ in won.values()),
            answer=verdict.label,
            explanation=verdict.reason or f"Answer: {state.output.completion}",
            metadata=metadata,
        )

    return score
