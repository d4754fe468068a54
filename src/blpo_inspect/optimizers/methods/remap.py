"""A baseline without an optimizer: the first pair as it is, with a map of the judge's labels fitted on validation.

On real pictures such a map beat an optimized prompt: what a rewritten prompt changed was how strict the judge is.
"""

from typing import Any

from inspect_ai.solver import Solver, solver

from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import Settings
from blpo_inspect.optimizers.solver import solving

PRESETS = {"default": Settings()}


@solver
def remap(preset: str = "default", **settings: Any) -> Solver:
    """Keep the prompts of the task ``optimize``, and map the judge's labels to people's; no optimizer is asked.

    Args:
        preset: There is only ``default``.
        settings: Single settings (`Settings`); ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range.
    """
    method = Method("remap", run_remap, naive_calls=lambda run: run.evaluator.requested, asks_optimizer=False)
    return solving(method, PRESETS, preset, settings)


async def run_remap(run: Run[Settings]) -> None:
    """Judge the validation split; fitting the map on it is the end of every run."""
    await run.validate(run.best)
    run.stopped = "the prompts stay as they are"
