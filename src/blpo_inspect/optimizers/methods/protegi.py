"""ProTeGi, prompt optimization with textual gradients (Pryzant et al., arXiv 2305.03495; also called APO), as a solver.

A beam of judge prompts. In each round the optimizer criticises every one of them from errors on a minibatch (textual
gradients), edits it after each critique, and puts the edits in other words; a bandit spends judgements on the most
promising of all these, and the best make the next beam. Source: microsoft/LMOps, ``prompt_optimization``, whose numbers
are the preset ``reference``. With ``images=true`` the optimizer is shown the images of the errors: the APO-image of
arXiv 2602.11340.

Differences from it, on purpose:

- Images are described under the first I2T prompt, or shown; the original has texts.
- The preset ``default`` reads about 10 errors at a time, as BLPO does, and has a smaller beam and fewer evaluations,
  so that a round fits a small budget.
- The original evaluates by brute force unless told otherwise; its paper, and this, by upper confidence bounds.
- Judgements are remembered: a prompt is not asked about the same image again.
- A parent without errors on the minibatch is put in other words but not criticised.
- The best of the beam is the result; with ``selection=validation``, the default here, it also has to be better on the
  validation split.
- Orders are fixed: the original takes ``list(set(prompts))``, whose order changes from process to process.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.evaluator import Judgement, mean_loss
from blpo_inspect.optimizers.exemplars import show_judged
from blpo_inspect.optimizers.methods.ucb import Ucb
from blpo_inspect.optimizers.proposal import propose_all
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import PromptSettings, at_least
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Candidate, Step


@dataclass(frozen=True)
class ProtegiSettings(PromptSettings):
    """How ProTeGi runs; the defaults are the numbers of the original code.

    Attributes:
        rounds: Rounds at most.
        beam: Prompts that go on to the next round.
        minibatch: Training images in which errors are looked for, the same for all prompts of a round.
        gradients: Critiques of each prompt.
        errors: Misjudged images that each critique is made from, at most.
        rewordings: Paraphrases of each edit and of the prompt itself.
        expansion: New prompts of each parent that are evaluated, at most; the others are left out at random.
        eval_rounds: Turns of the bandit in each round.
        eval_prompts: Prompts evaluated in each turn.
        eval_samples: Training images that they are evaluated on in each turn.
        c: Weight of the bandit's uncertainty.
    """

    rounds: int = at_least(1, 6)
    beam: int = at_least(1, 4)
    minibatch: int = at_least(1, 64)
    gradients: int = at_least(0, 4)
    errors: int = at_least(1, 4)
    rewordings: int = at_least(0, 2)
    expansion: int = at_least(1, 8)
    eval_rounds: int = at_least(1, 8)
    eval_prompts: int = at_least(1, 8)
    eval_samples: int = at_least(1, 32)
    c: float = at_least(0, 1.0)


PRESETS = {
    "default": ProtegiSettings(
        beam=2,
        minibatch=32,
        gradients=2,
        errors=10,
        rewordings=1,
        expansion=4,
        eval_rounds=4,
        eval_prompts=4,
        eval_samples=16,
    ),
    "reference": ProtegiSettings(loss="scale", selection="train", map=False),
}


@solver
def protegi(preset: str = "default", **settings: Any) -> Solver:
    """Optimize the judge prompt of the task ``optimize`` by ProTeGi.

    Args:
        preset: ``reference`` has the numbers of the original code, about 2,000 judgements a round; ``default`` has
            10 errors in each critique instead of 4, about 300 judgements a round, and selection on validation.
        settings: Single settings (`ProtegiSettings`), which change the preset; ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range.
    """
    return solving(Method("protegi", run_protegi, temperature=0.7), PRESETS, preset, settings)


async def run_protegi(run: Run[ProtegiSettings]) -> None:
    """Expand the beam and select from it, round by round, from the first prompt."""
    settings = run.settings
    validate = settings.selection == "validation"
    beam, best = [run.best.judge], run.best.judge
    if validate:
        await run.validate(run.best)
    for number in range(1, settings.rounds + 1):
        rng = random.Random(f"{run.seed}/round {number}")
        async with span(f"round {number}", type="outer_step"):
            step = await _expanded(run, number, beam, rng)
            step, beam = await _selected(run, step, rng)
            if beam[0] == best:
                step = replace(step, reason=f"the best so far is the best of {len(step.candidates)} candidates")
            else:
                best = beam[0]
                why = f"the best of {len(step.candidates)} candidates"
                step = await run.decide(step, run.pair(best), why, validate=validate)
        run.finish_step(step, f"round {number}/{settings.rounds}", run.pair(best))
    run.stopped = f"all {settings.rounds} rounds were done"


async def _expanded(run: Run[ProtegiSettings], number: int, beam: Sequence[str], rng: random.Random) -> Step:
    """A step whose candidates are the beam and its new descendants."""
    settings, train = run.settings, run.problem.train
    minibatch = rng.sample(train, min(settings.minibatch, len(train)))
    judged = [await run.evaluator.judge(prompt, minibatch, run.problem.start.i2t) for prompt in beam]
    step = Step(
        number=number,
        prompt=beam[0],
        i2t=run.problem.start.i2t,
        judged=len(minibatch),
        error_rate=sum(judgement.wrong for judgement in judged[0]) / len(minibatch),
        train_loss=mean_loss(judged[0]),
        candidates=tuple(Candidate(place, prompt) for place, prompt in enumerate(beam)),
    )
    for parent, prompt in enumerate(beam):
        errors = [judgement for judgement in judged[parent] if judgement.wrong]
        draws = [
            rng.sample(errors, min(settings.errors, len(errors))) for _ in range(settings.gradients if errors else 0)
        ]
        step = replace(step, shown=_distinct([*step.shown, *(error.item.id for draw in draws for error in draw)]))
        async with span(f"descendants of candidate {parent}", type="proposal"):
            edited = await _edited(run, prompt, draws, _samples(number, settings.gradients))
            texts = _distinct([edit.prompt for edit in edited if edit.prompt] + [prompt])
            reworded = await _reworded(run, texts, _samples(number, settings.rewordings))
        descendants = [replace(candidate, parent=parent) for candidate in (*edited, *reworded)]
        step = _joined(step, descendants, settings.expansion, rng)
    return step


def _samples(number: int, count: int) -> range:
    """Seeds of a round, other than those before: a prompt that stays in the beam is not answered the same again."""
    return range((number - 1) * count, number * count)


async def _edited(
    run: Run[ProtegiSettings], prompt: str, draws: Sequence[Sequence[Judgement]], samples: Iterable[int]
) -> list[Candidate]:
    """One critique per draw of errors, and one edit per critique."""
    attempts = run.settings.attempts
    shown = [
        await show_judged(run.evaluator, draw, run.settings.captions_under(run.problem.start.i2t)) for draw in draws
    ]
    drawn = list(zip(samples, shown, strict=False))  # without errors there are no draws
    asked = [proposal_requests.critique(run, prompt, errors, sample) for sample, errors in drawn]
    critiques = await propose_all(run.calls, asked, attempts)
    usable = [(*draw, critique.prompt) for draw, critique in zip(drawn, critiques, strict=True) if critique.prompt]
    asked = [proposal_requests.edit(run, prompt, errors, why, sample) for sample, errors, why in usable]
    edits = await propose_all(run.calls, asked, attempts)
    return [
        *(Candidate(0, rejected=critique.rejected) for critique in critiques if critique.prompt is None),
        *(
            Candidate(0, edit.prompt, critique=why, rejected=edit.rejected)
            for edit, (_, _, why) in zip(edits, usable, strict=True)
        ),
    ]


async def _reworded(run: Run[ProtegiSettings], texts: Sequence[str], samples: Sequence[int]) -> list[Candidate]:
    """Paraphrases of some prompts."""
    asked = [proposal_requests.reword(run, text, sample) for text in texts for sample in samples]
    proposals = await propose_all(run.calls, asked, run.settings.attempts)
    return [Candidate(0, proposal.prompt, rejected=proposal.rejected) for proposal in proposals]


def _joined(step: Step, descendants: Sequence[Candidate], most: int, rng: random.Random) -> Step:
    """The step with those descendants that are new; of too many some are drawn, and stay in their order."""
    known = {candidate.prompt for candidate in step.candidates}
    fresh = {
        descendant.prompt: descendant
        for descendant in reversed(descendants)
        if descendant.prompt is not None and descendant.prompt not in known
    }
    drawn = set(rng.sample(sorted(fresh), min(most, len(fresh))))
    # what came to nothing stays in the record, too
    new = [
        descendant
        for descendant in descendants
        if descendant.prompt is None or (descendant is fresh.get(descendant.prompt) and descendant.prompt in drawn)
    ]
    first = len(step.candidates)
    return step.with_candidates(replace(candidate, number=first + place) for place, candidate in enumerate(new))


async def _selected(run: Run[ProtegiSettings], step: Step, rng: random.Random) -> tuple[Step, list[str]]:
    """Scores by the bandit, and the next beam: the best first, of equal ones the first."""
    settings, train = run.settings, run.problem.train
    numbers = {candidate.prompt: candidate.number for candidate in step.candidates if candidate.prompt is not None}
    prompts = list(numbers)
    bandit = Ucb(len(prompts), settings.c)
    async with span("selection", type="score"):
        # a single candidate needs no score
        for turn in range(settings.eval_rounds if len(prompts) > 1 else 0):
            sample = rng.sample(train, min(settings.eval_samples, len(train)))
            for arm in bandit.choose(settings.eval_prompts, turn, rng):
                judged = await run.evaluator.judge(prompts[arm], sample, run.problem.start.i2t)
                bandit.update(arm, run.evaluator.score(judged), len(sample))
    means = bandit.means()
    order = sorted(range(len(prompts)), key=lambda arm: -means[arm])
    beam = [prompts[arm] for arm in order[: settings.beam]]
    scores = {prompt: mean for prompt, mean, count in zip(prompts, means, bandit.counts, strict=True) if count}
    candidates = tuple(
        replace(candidate, score=scores.get(candidate.prompt or ""), kept=candidate.prompt in beam)
        for candidate in step.candidates
    )
    return replace(step, candidates=candidates, chosen=numbers[beam[0]]), beam


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
