"""The scorer `improvement`: agreement on the test split before and after an optimization run."""

from typing import Any

from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.scorers.metric_keys import metric_key

ACCURACY, KAPPA = metric_key("accuracy"), metric_key("cohens_kappa")


@scorer(
    metrics={
        f"{ACCURACY}_before": [mean()],
        f"{ACCURACY}_after": [mean()],
        f"{ACCURACY}_change": [mean()],
        f"{KAPPA}_before": [mean()],
        f"{KAPPA}_after": [mean()],
        "calls": [mean()],
    }
)
def improvement() -> Scorer:
    """One run's figures on the test split; means are over seeds.

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
        before, after = test["before"], test["after"]
        values = {
            f"{ACCURACY}_before": before["accuracy"],
            f"{ACCURACY}_after": after["accuracy"],
            f"{ACCURACY}_change": test["difference"]["accuracy"]["value"],
            f"{KAPPA}_before": before["cohens_kappa"],
            f"{KAPPA}_after": after["cohens_kappa"],
            "calls": sum(found["calls"].values()),
        }
        return Score(
            value={name: float("nan") if value is None else value for name, value in values.items()},
            answer=pair.judge,
            explanation=f"Ended: {found['stopped']}.",
            metadata={"test": test, "validation_loss": found["validation_loss"]},
        )

    return score
