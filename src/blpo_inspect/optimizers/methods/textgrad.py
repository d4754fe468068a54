"""TextGrad (Yuksekgonul et al., arXiv 2406.07496), its prompt optimization, as a solver of ``optimize``.

In each update the judge labels a few training images, the optimizer says in words what is wrong with the judge prompt
(the textual gradient of the summed loss), and rewrites the prompt after it (the step). A rewritten prompt that does
worse on the validation split is taken back. Source: zou-group/textgrad, ``evaluation/prompt_optimization.py`` with
``--run_validation``, whose numbers are the preset ``reference``.

Differences from it, on purpose:

- Images are described under the first I2T prompt, or shown (``images=true``); the original has texts.
- A batch without errors has no loss, and so no gradient: the optimizer is not asked about it.
- The answer stands in the tags of this package, and one that the guard refuses is asked for again; the original ends
  with an error where its tags are missing.
- Momentum and gradient memory are left out: the original's never reach its prompt.
- ``selection=train`` keeps every update, as the original does without ``--run_validation``.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.evaluator import mean_loss
from blpo_inspect.optimizers.exemplars import show_judged
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.optimizers.proposal import propose
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import PromptSettings, at_least
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Candidate, Step


@dataclass(frozen=True)
class TextgradSettings(PromptSettings):
    """How TextGrad runs; the defaults are the numbers of the original code.

    Attributes:
        updates: Updates at most.
        batch_size: Training images of each update.
        epoch: Updates after which the training images are put into a new random order.
    """

    updates: int = at_least(1, 12)
    batch_size: int = at_least(1, 3)
    epoch: int = at_least(1, 4)


PRESETS = {"default": TextgradSettings(batch_size=10), "reference": TextgradSettings(loss="scale", map=False)}


@solver
def textgrad(preset: str = "default", **settings: Any) -> Solver:
    """Optimize the judge prompt of the task ``optimize`` by TextGrad.

    Args:
        preset: ``reference`` has the numbers of the original code; ``default`` has batches of 10 images instead of 3:
            as many as BLPO's optimizer reads about.
        settings: Single settings (`TextgradSettings`), which change the preset; ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range.
    """
    return solving(Method("textgrad", run_textgrad), PRESETS, preset, settings)


async def run_textgrad(run: Run[TextgradSettings]) -> None:
    """Gradient, step, and validation, update by update."""
    settings = run.settings
    if settings.selection == "validation":
        await run.validate(run.best)
    order: list[Item] = []
    for number in range(1, settings.updates + 1):
        place = (number - 1) % settings.epoch
        if place == 0:
            epoch = random.Random(f"{run.seed}/epoch {number // settings.epoch}")
            order = epoch.sample(run.problem.train, len(run.problem.train))
        # a small training split is gone through again within an epoch
        batch = [order[(place * settings.batch_size + offset) % len(order)] for offset in range(settings.batch_size)]
        async with span(f"update {number}", type="outer_step"):
            step = await _update(run, number, list(dict.fromkeys(batch)))
        new = step.candidates[0].prompt if step.candidates else None
        run.finish_step(step, f"update {number}/{settings.updates}", run.pair(new) if new else None)
    run.stopped = f"all {settings.updates} updates were done"


async def _update(run: Run[TextgradSettings], number: int, batch: list[Item]) -> Step:
    """Forward, backward, step, and whether it is taken back."""
    attempts, prompt = run.settings.attempts, run.best.judge
    judged = await run.evaluator.judge(prompt, batch, run.problem.start.i2t)
    step = Step(
        number=number,
        prompt=prompt,
        i2t=run.problem.start.i2t,
        judged=len(judged),
        error_rate=sum(judgement.wrong for judgement in judged) / len(judged),
        train_loss=mean_loss(judged),
    )
    if not any(judgement.wrong for judgement in judged):
        return replace(step, reason=f"none of {len(judged)} training images is misjudged")
    step = replace(step, shown=tuple(judgement.item.id for judgement in judged))
    shown = await show_judged(run.evaluator, judged, run.settings.captions_under(run.problem.start.i2t))
    async with span("gradient", type="proposal"):
        gradient = await propose(run.calls, proposal_requests.critique(run, prompt, shown), attempts)
    if gradient.prompt is None:
        step = step.with_candidate(Candidate(0, rejected=gradient.rejected))
        return replace(step, reason="no gradient could be used")
    async with span("step", type="proposal"):
        new = await propose(run.calls, proposal_requests.edit(run, prompt, shown, gradient.prompt), attempts)
    rejected = (*gradient.rejected, *new.rejected)
    step = step.with_candidate(Candidate(0, new.prompt, critique=gradient.prompt, rejected=rejected))
    if new.prompt is None:
        return replace(step, reason="no proposal could be used")
    validate = run.settings.selection == "validation"
    step = replace(step, chosen=0)
    return await run.decide(step, run.pair(new.prompt), "rewritten", validate=validate, ties=True)
