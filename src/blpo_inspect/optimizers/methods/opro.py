"""OPRO, optimization by prompting (Yang et al., arXiv 2309.03409), as a solver of ``optimize``.

The optimizer reads judge prompts with their scores on training images, from the worst to the best, and a few labelled
images, and writes a prompt that should score higher. Source: google-deepmind/opro, ``optimize_instructions.py`` and
``opt_utils.py``, whose numbers are the preset ``reference``.

Differences from it, on purpose:

- Images are described under the first I2T prompt, or shown (``images=true``); the original has texts.
- All scores are of the same training images, drawn once per run; so are the original's.
- An answer without tags, one that is too long or one that the guard refuses is asked for again; the original takes the
  raw text, and passes over those of more than 500 characters.
- Which prompt is the result: the original's best on training images; with ``selection=validation``, the default here,
  the best so far of a step also has to be better on the validation split.
- Samples of one question are told apart by a seed, so that a rerun gives the same ones.
"""

import random
from dataclasses import dataclass, replace
from typing import Any

from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.exemplars import show_labelled
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.optimizers.proposal import propose_all
from blpo_inspect.optimizers.questions import Tried
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import PromptSettings, at_least
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Candidate, Step


@dataclass(frozen=True)
class OproSettings(PromptSettings):
    """How OPRO runs; the defaults are the numbers of the original code.

    Attributes:
        steps: Steps at most.
        candidates: Prompts sampled in each step.
        exemplars: Labelled training images that the optimizer is shown, drawn anew in each step.
        history: Prompts that the optimizer is shown with their scores, the best ones.
        threshold: The least score, from 0 to 100, of a prompt that it is shown (the original's for GPT judges).
        score_size: Training images on which each prompt is scored.
    """

    steps: int = at_least(1, 200)
    candidates: int = at_least(1, 8)
    exemplars: int = at_least(0, 3)
    history: int = at_least(1, 20)
    threshold: float = at_least(0, 30.0)
    score_size: int = at_least(1, 50)


PRESETS = {
    "default": OproSettings(exemplars=10),
    "reference": OproSettings(loss="scale", selection="train", max_prompt_chars=500, map=False),
}


@solver
def opro(preset: str = "default", **settings: Any) -> Solver:
    """Optimize the judge prompt of the task ``optimize`` by OPRO.

    Args:
        preset: ``reference`` has the numbers of the original code; ``default`` shows 10 images at a time instead
            of 3, as BLPO does, allows longer prompts, and selects on validation.
        settings: Single settings (`OproSettings`), which change the preset; ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range.
    """
    return solving(Method("opro", run_opro, temperature=1.0), PRESETS, preset, settings)


async def run_opro(run: Run[OproSettings]) -> None:
    """Score the first prompt; then in each step sample new ones after the best so far, and score them."""
    settings = run.settings
    validate = settings.selection == "validation"
    items = random.Random(f"{run.seed}/score").sample(
        run.problem.train, min(settings.score_size, len(run.problem.train))
    )
    best = Tried(run.best.judge, await _score(run, run.best.judge, items))
    tried = [best]
    if validate:
        await run.validate(run.best)
    for number in range(1, settings.steps + 1):
        async with span(f"step {number}", type="outer_step"):
            step = await _step(run, number, tried, items)
            last, best = best, max(tried, key=lambda attempt: attempt.score)
            if best == last:
                step = replace(step, reason=f"no candidate scores higher than {last.score:.0f}")
            else:
                why = f"score {last.score:.0f} → {best.score:.0f}"
                step = await run.decide(step, run.pair(best.prompt), why, validate=validate)
        run.finish_step(step, f"step {number}/{settings.steps}", run.pair(best.prompt))
    run.stopped = f"all {settings.steps} steps were done"


async def _step(run: Run[OproSettings], number: int, tried: list[Tried], items: list[Item]) -> Step:
    """Sample candidates and score those that are new, which then count as tried."""
    settings = run.settings
    rng = random.Random(f"{run.seed}/step {number}")
    exemplars = rng.sample(run.problem.train, min(settings.exemplars, len(run.problem.train)))
    async with span("proposals", type="proposal"):
        shown = await show_labelled(run.evaluator, exemplars, run.settings.captions_under(run.problem.start.i2t))
        history = _history(tried, settings)
        # seeds of their own in each step: a step that finds nothing new is followed by the same question
        samples = range((number - 1) * settings.candidates, number * settings.candidates)
        questions = [proposal_requests.outscore(run, history, shown, sample) for sample in samples]
        proposals = await propose_all(run.calls, questions, settings.attempts)
    candidates = []
    for place, proposal in enumerate(proposals):
        prompt = proposal.prompt
        candidate = Candidate(place, prompt, rejected=proposal.rejected)
        if prompt is not None and prompt not in {attempt.prompt for attempt in tried}:
            async with span(f"score of candidate {place}", type="score"):
                candidate = replace(candidate, score=await _score(run, prompt, items))
            tried.append(Tried(prompt, candidate.score or 0.0))
        candidates.append(candidate)
    scored = [candidate for candidate in candidates if candidate.score is not None]
    best = max(scored, key=lambda candidate: candidate.score or 0.0, default=None)
    return Step(
        number=number,
        prompt=history[-1].prompt,
        i2t=run.problem.start.i2t,
        shown=tuple(item.id for item in exemplars),
        candidates=tuple(candidates),
        chosen=best.number if best else None,
    )


async def _score(run: Run[OproSettings], prompt: str, items: list[Item]) -> float:
    """How well the judge agrees with people under a prompt, rounded to a whole number from 0 to 100."""
    judged = await run.evaluator.judge(prompt, items, run.problem.start.i2t)
    return float(round(100 * run.evaluator.score(judged)))


def _history(tried: list[Tried], settings: OproSettings) -> list[Tried]:
    """The best of those tried that reach the threshold, ascending; at least the best one."""
    best = sorted(tried, key=lambda attempt: attempt.score)[-settings.history :]
    return [attempt for attempt in best if attempt.score >= settings.threshold] or best[-1:]
