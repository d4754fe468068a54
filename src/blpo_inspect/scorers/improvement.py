"""The scorer `improvement`: agreement on the test split before and after an optimization run, as fits the scale."""

import math
from collections.abc import Mapping
from typing import Any

from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from blpo_inspect._util.inspect_internals import with_metrics
from blpo_inspect.judging.labels import Kind
from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.scorers.metric_keys import metric_key

FIGURES: dict[Kind, tuple[str, ...]] = {
    "unordered": ("accuracy", "cohens_kappa"),
    "pair": ("accuracy", "cohens_kappa"),
    "ordinal": ("quadratic_kappa", "mae", "spearman", "bias"),
    "numeric": ("mae", "spearman", "bias"),
}
"""Kind of scale → the figures before and after; the first one's change too, and it leads."""

CALLS = "calls"


def leading(kind: Kind) -> str:
    """The name of the score that says most about a run on such a scale."""
    return f"{metric_key(FIGURES[kind][0])}_after"


def improvement_on(kind: Kind, *, raters: bool) -> Scorer:
    """`improvement` with the metrics of a scale, which Inspect shows from the start and where no run is scored.

    Args:
        kind: Of the scale.
        raters: Whether items of the test split have several raters: beside the error on a scale with an order then
            stands that of one rater.
    """
    return with_metrics(improvement(), {key: [mean()] for key in (*_places(kind, raters), CALLS)})


@scorer(metrics={"*": [mean()]})
def improvement() -> Scorer:
    """One run's figures on the test split, as fit the scale; means are over seeds.

    A run that one of Inspect's limits ended before the test split was judged is unscored. The score's metadata hold
    every figure with its interval.
    """

    async def score(state: TaskState, target: Target) -> Score:
        try:
            pair = PromptPair.from_yaml(state.output.completion, source=f"sample {state.sample_id}")
        except PromptError as error:
            return Score.unscored(reason="no_response", explanation=str(error))
        found = pair.provenance
        test: dict[str, Any] | None = found.get("test")
        if test is None:
            return Score.unscored(
                reason="no_response", explanation=f"the test split was not judged: {found.get('stopped')}"
            )
        places = _places(pair.scale.kind if pair.scale else "unordered", "ceiling" in test)
        values = {key: _value(test[part].get(name)) for key, (part, name) in places.items()}
        return Score(
            value={**values, CALLS: sum(found["calls"].values())},
            answer=pair.judge,
            explanation=f"Ended: {found['stopped']}.",
            metadata={"test": test, "validation_loss": found["validation_loss"]},
        )

    return score


def _places(kind: Kind, raters: bool) -> dict[str, tuple[str, str]]:
    """Key → the part of the provenance's ``test`` and the name in it."""
    places = {}
    for figure in FIGURES[kind]:
        for part, end in {"before": "before", "after": "after", "difference": "change"}.items():
            if part != "difference" or figure == FIGURES[kind][0]:
                places[f"{metric_key(figure)}_{end}"] = part, figure
    if raters and kind in ("ordinal", "numeric"):
        places[metric_key("mae", "ceiling")] = "ceiling", "mae"
    return places


def _value(found: Any) -> float:
    """A figure, or that of a difference with its interval; NaN where there is none."""
    value = found.get("value") if isinstance(found, Mapping) else found
    return math.nan if value is None else float(value)
