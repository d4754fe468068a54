"""BLPO, bi-level prompt optimization (Pan et al., arXiv 2602.11340, Algorithm 1), as a solver of ``optimize``.

The outer loop updates the judge prompt from misjudged images, which the optimizer reads about in captions; the inner
loop searches the image-to-text (I2T) prompt whose captions lead to the most useful update.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.exemplars import show_judged
from blpo_inspect.optimizers.methods.batch import Batch, draw_batch, unread
from blpo_inspect.optimizers.methods.blpo_settings import PRESETS, BlpoSettings
from blpo_inspect.optimizers.proposal import Proposal, Rejection, propose
from blpo_inspect.optimizers.questions import Tried
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Candidate, Step


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


@dataclass
class _Standing:
    """The pair in force, and judge prompts that were tried in its place and did not hold on validation."""

    pair: PromptPair
    failed: list[str] = field(default_factory=list)


async def run_blpo(run: Run[BlpoSettings]) -> None:
    """Algorithm 1: T outer steps from the problem's first pair."""
    settings = run.settings
    at, idle = _Standing(run.best), 0
    i2t = run.best.i2t
    if settings.selection == "validation":
        await run.validate(at.pair)
    for number in range(1, settings.outer_steps + 1):
        async with span(f"outer step {number}", type="outer_step"):
            step = await _outer_step(run, number, at, i2t if settings.carry_i2t else run.problem.start.i2t)
        chosen = next((candidate for candidate in step.candidates if candidate.number == step.chosen), None)
        i2t = chosen.i2t if chosen and chosen.i2t else i2t
        pair = run.pair(chosen.prompt, _kept_i2t(run, i2t)) if chosen and chosen.prompt else None
        run.finish_step(step, f"outer step {number}/{settings.outer_steps}", pair)
        if not step.shown:
            run.stopped = "no errors are left on the training split"
            return
        if step.accepted and pair:
            at, idle = _Standing(pair), 0
        else:
            idle += 1
            if step.validation_loss is not None and pair:
                at.failed.append(pair.judge)
        if settings.patience is not None and idle >= settings.patience:
            run.stopped = f"no update was kept in {idle} outer steps"
            return
    run.stopped = f"all {settings.outer_steps} outer steps were done"


async def _outer_step(run: Run[BlpoSettings], number: int, at: _Standing, i2t: str) -> Step:
    settings = run.settings
    rng = random.Random(f"{run.seed}/outer step {number}")
    async with span("batch", type="batch"):
        batch = await draw_batch(run.evaluator, at.pair.judge, at.pair.i2t, run.problem.train, settings, rng)
    step = Step(
        number=number,
        prompt=at.pair.judge,
        i2t=i2t,
        judged=batch.judged,
        error_rate=batch.error_rate,
        train_loss=batch.loss,
        shown=tuple(error.item.id for error in batch.errors),
        fresh_errors=tuple(error.item.id for error in batch.fresh),
        anchors=tuple(anchor.item.id for anchor in batch.anchors),
    )
    if not batch.errors:
        return replace(step, reason=f"none of {batch.judged} training images is misjudged")
    step = await _inner_loop(run, step, batch, at)
    return await _decide(run, step)


async def _inner_loop(run: Run[BlpoSettings], step: Step, batch: Batch, at: _Standing) -> Step:
    """Score the I2T prompt at hand, then up to K new ones, each proposed from the history of all before."""
    settings = run.settings
    tried: list[Tried] = []
    for inner in range(settings.candidates + 1):
        async with span(f"inner step {inner}", type="inner_step"):
            proposed = Proposal(at.pair.judge if settings.i2t == "judge_prompt" else step.i2t)
            if inner:
                async with span("proposal of an I2T prompt", type="proposal"):
                    question = proposal_requests.update_q(run, at.pair.judge, tried)
                    proposed = await propose(run.calls, question, settings.attempts)
            if proposed.prompt is None:
                candidate = Candidate(inner, rejected=proposed.rejected)
            else:
                candidate = await _try_i2t(run, inner, proposed.prompt, batch, at)
                candidate = replace(candidate, rejected=(*proposed.rejected, *candidate.rejected))
                tried.append(Tried(proposed.prompt, candidate.score or 0.0))
        step = step.with_candidate(candidate)
        run.progress.say(
            f"outer step {step.number}/{settings.outer_steps}, inner step {inner}/{settings.candidates}: "
            f"{_told(candidate)}; training loss {step.train_loss:.3f}",
            candidate.to_dict(),
        )
    return step


async def _try_i2t(run: Run[BlpoSettings], inner: int, i2t: str, batch: Batch, at: _Standing) -> Candidate:
    """score(q; p): describe the misjudged images under q, update p from that, see how much better p′ judges."""
    async with span("captions", type="captions"):
        shown = await show_judged(run.evaluator, batch.errors, i2t)
    async with span("proposal of a judge prompt", type="proposal"):
        question = proposal_requests.update_p(run, at.pair.judge, shown, at.failed)
        proposal = await propose(run.calls, question, run.settings.attempts)
    if proposal.prompt is None:  # the old prompt stays
        return Candidate(inner, i2t=i2t, score=0.0, rejected=proposal.rejected)
    async with span("score", type="score"):
        after = await run.evaluator.judge(proposal.prompt, [judgement.item for judgement in batch.scored], i2t)
    tried = Candidate(inner, proposal.prompt, i2t, score=batch.gain(after), rejected=proposal.rejected)
    before, now = unread(batch.scored), unread(after)
    if run.settings.selection == "last" and now > before:  # no validation loss will tell
        reason = f"under it {now} of {len(after)} answers cannot be read, and {before} before"
        return replace(tried, prompt=None, rejected=(*tried.rejected, Rejection(proposal.prompt, reason)))
    return tried


async def _decide(run: Run[BlpoSettings], step: Step) -> Step:
    """The outer update: p_{t+1} = J(q*, p_t), which was computed when q* was scored, or p_t."""
    best = _best(step, include_start=run.settings.include_start)
    if best is None or best.prompt is None:
        return replace(step, reason="no proposal could be used")
    step = replace(step, chosen=best.number)
    gain = f"score {best.score or 0.0:+.3f}"
    validate = run.settings.selection == "validation"
    if validate and (best.score or 0.0) <= 0:
        return replace(step, reason=f"no candidate lowers the loss on the batch (best {gain})")
    pair = run.pair(best.prompt, _kept_i2t(run, best.i2t or step.i2t))
    return await run.decide(step, pair, gain, validate=validate)


def _best(step: Step, *, include_start: bool) -> Candidate | None:
    """q* = argmax of the scores; of equal ones the first, which changes least."""
    usable = [candidate for candidate in step.candidates if candidate.prompt is not None]
    new = [candidate for candidate in usable if candidate.number > 0]
    pool = usable if include_start or not new else new
    return max(pool, key=lambda candidate: candidate.score or 0.0, default=None)


def _kept_i2t(run: Run[BlpoSettings], i2t: str) -> str:
    """What a pair keeps as its I2T prompt: a judge prompt that asked for captions is none."""
    return run.problem.start.i2t if run.settings.i2t == "judge_prompt" else i2t


def _told(candidate: Candidate) -> str:
    rejected = f", {len(candidate.rejected)} rejected" if candidate.rejected else ""
    if candidate.prompt is None:
        return f"no proposal accepted{rejected}"
    return f"score {candidate.score or 0.0:+.3f}{rejected}"


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
