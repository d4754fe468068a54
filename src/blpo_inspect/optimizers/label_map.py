"""The end of a run: a map of the best pair's labels, fitted on the validation split and kept only if it helps.

The optimization itself works on the judge's own labels.
"""

from collections.abc import Sequence
from dataclasses import replace

from inspect_ai.util import span

from blpo_inspect.judging.label_map import LabelMap, meant
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.calls import BudgetSpentError
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.run import BestPair, Run
from blpo_inspect.optimizers.settings import S
from blpo_inspect.statistics.label_map import Judged, fitted_map


async def add_map(run: Run[S]) -> None:
    """Give the best pair a map where that lowers the loss on validation images that it was not fitted on.

    The validation split is judged for it where the run has not done so already, within the budget. `Run.map` says what
    came of it.
    """
    if run.settings.map:
        async with span("label map", type="label_map"):
            run.map = await _fitted(run)
        run.progress.say(f"map of labels: {run.map}")


async def _fitted(run: Run[S]) -> str:
    problem = run.problem
    if not problem.scale.ordered and problem.answer != "likelihood":
        return "none, for labels without an order need probabilities (answer=likelihood)"
    try:
        judgements = await run.evaluator.judge(run.best.judge, problem.validation, run.best.i2t)
    except BudgetSpentError as spent:
        return f"none, {spent}"
    judged = [
        Judged(one.label, one.item.labels, one.item.cluster, one.probabilities)
        for one in judgements
        if one.label is not None and (one.probabilities is not None or problem.scale.ordered)
    ]
    if len({one.group for one in judged}) < 2:
        return "none, fewer than two validation images or groups have a label to fit it on"
    found = fitted_map(problem.scale, judged)
    tried = f"cross-validated loss {found.before:.3f} → {found.after:.3f} on {len(judged)} validation images"
    if not found.helps:
        return f"none, {tried}"
    run.best = replace(run.best, map=found.map)
    run.kept.append(BestPair(run.calls.started, run.best))
    return f"kept, {tried}"


def with_map(judgements: Sequence[Judgement], map: LabelMap | None, scale: LabelScale) -> list[Judgement]:
    """The judgements with the labels that a pair's map gives, the same where it has none; their losses stay."""
    if map is None:
        return list(judgements)
    return [
        one if one.label is None else replace(one, label=meant(map, scale, one.label, one.probabilities))
        for one in judgements
    ]
