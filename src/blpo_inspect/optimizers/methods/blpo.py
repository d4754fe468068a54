"""BLPO, bi-level prompt optimization (Pan et al., arXiv 2602.11340, Algorithm 1), as a solver of ``optimize``.

The outer loop updates the judge prompt from misjudged images, which the optimizer reads about in captions; the inner
loop searches the image-to-text (I2T) prompt whose captions lead to the most useful update.
"""

import random
from dataclasses import replace
from typing import Any

from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect.optimizers.methods.batch import draw_batch
from blpo_inspect.optimizers.methods.blpo_settings import PRESETS, BlpoSettings
from blpo_inspect.optimizers.methods.outer_step import Memory, OuterStep, pair_of
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Step


@solver
def blpo(preset: str = "default", **settings: Any) -> Solver:
    """Optimize the judge prompt and the I2T prompt of the task ``optimize``.

    Args:
        preset: ``paper`` is Algorithm 1 as it was published; ``default`` adds anchors, fresh errors, stratified
            batches, an I2T prompt that is carried on, selection on the validation split and an early end.
        settings: Single settings (`BlpoSettings`, `Settings`), which change the preset; ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range.
    """
    return solving(Method("blpo", run_blpo, naive_calls=naive_calls), PRESETS, preset, settings)


async def run_blpo(run: Run[BlpoSettings]) -> None:
    """Algorithm 1: T outer steps from the problem's first pair."""
    settings = run.settings
    memory, idle = Memory(), 0
    i2t = run.best.i2t
    for number in range(1, settings.outer_steps + 1):
        async with span(f"outer step {number}", type="outer_step"):
            step = await _outer_step(run, number, memory, i2t if settings.carry_i2t else run.problem.start.i2t)
        chosen = next((candidate for candidate in step.candidates if candidate.number == step.chosen), None)
        i2t = chosen.i2t if chosen and chosen.i2t else i2t
        pair = pair_of(run, chosen) if chosen and chosen.prompt else None
        run.finish_step(step, f"outer step {number}/{settings.outer_steps}", pair)
        if not step.shown:
            every = step.judged == len(run.problem.train)
            run.stopped = "no errors are left on the training split" if every else step.reason
            return
        if step.accepted and pair:
            memory.failed, memory.judged, idle = [], (), 0
        else:
            idle += 1
        if settings.patience is not None and idle >= settings.patience:
            run.stopped = f"no update was kept in {idle} outer steps"
            return
    run.stopped = f"all {settings.outer_steps} outer steps were done"


async def _outer_step(run: Run[BlpoSettings], number: int, memory: Memory, i2t: str) -> Step:
    settings = run.settings
    rng = random.Random(f"{run.seed}/outer step {number}")
    pair = run.best
    async with span("batch", type="batch"):
        before = memory.judged if settings.racing else ()
        batch = await draw_batch(run.evaluator, pair.judge, pair.i2t, run.problem.train, settings, rng, before)
        memory.judged = batch.judged
    step = Step(
        number=number,
        prompt=pair.judge,
        i2t=i2t,
        judged=len(batch.judged),
        error_rate=batch.error_rate,
        train_loss=batch.loss,
        shown=tuple(error.item.id for error in batch.errors),
        fresh_errors=tuple(error.item.id for error in batch.fresh),
        anchors=tuple(anchor.item.id for anchor in batch.anchors),
    )
    if not batch.errors:
        return replace(step, reason=f"none of {len(batch.judged)} training images is misjudged")
    return await OuterStep(run, memory, batch, step).taken()


def naive_calls(run: Run[BlpoSettings]) -> int:
    """Calls that Algorithm 1 without any cache would make for the recorded steps.

    Each outer step judges the training split to find errors. Each candidate describes the minibatch, asks Update_p and
    judges the batch with the old and the new prompt; all but the first ask Update_q. The outer update describes and
    asks once more, and a validated prompt is judged on the validation split, as is the first one.
    """
    total = len(run.problem.validation) if run.validation else 0
    for step in run.steps:
        errors = len(step.shown)
        batch = errors + len(step.fresh_errors) + len(step.anchors)
        total += len(run.problem.train) + len(step.candidates) * (errors + 1 + 2 * batch)
        total += max(len(step.candidates) - 1, 0) + errors + 1
        total += len(run.problem.validation) if step.validation_loss is not None else 0
    return total
