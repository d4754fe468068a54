"""One outer step of BLPO: which I2T prompts are tried, when the search for them ends, and which update is kept."""

import math
from dataclasses import dataclass, field, replace

from inspect_ai.util import span

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.briefing import EARLIER, Briefing, TriedInstruction, TriedRequest, hardly_differ, with_more
from blpo_inspect.optimizers.contest import PART, Contest, contest
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.exemplars import Shown, show_judged
from blpo_inspect.optimizers.methods.batch import Batch, unread
from blpo_inspect.optimizers.methods.blpo_settings import BlpoSettings
from blpo_inspect.optimizers.proposal import Proposal, Question, Rejection, propose
from blpo_inspect.optimizers.questions import Tried
from blpo_inspect.optimizers.run import Run
from blpo_inspect.optimizers.trajectory import Candidate, Step

_GOOD_PART = 1 / 3
"""Of the highest score possible: an update that reaches it ends the search for other captions, if it holds."""

_CONTESTS = 2
"""Candidates that are held against the best pair so far on the validation split when an outer step ends, at most."""


@dataclass
class Memory:
    """What a run has found out so far besides `Run.best`, the pair in force.

    Attributes:
        failed: Judge prompts that were tried in place of the one in force and did not hold on validation.
        judged: The training images that were drawn and judged with the pair in force.
        requests: The I2T prompts of earlier outer steps, with what came of them.
        instructions: The judge prompts that outer steps ended with.
    """

    failed: list[str] = field(default_factory=list)
    judged: tuple[Judgement, ...] = ()
    requests: list[TriedRequest] = field(default_factory=list)
    instructions: list[TriedInstruction] = field(default_factory=list)


@dataclass
class OuterStep:
    """One outer step: scores I2T prompts by the updates that their captions lead to, and decides about the best."""

    run: Run[BlpoSettings]
    memory: Memory
    batch: Batch
    step: Step
    requests: list[TriedRequest] = field(default_factory=list)
    """Those of this step."""
    losses: dict[int, tuple[float, ...]] = field(default_factory=dict)
    """By a candidate's number the losses on the batch with its prompt: of those that judge alike one is enough."""
    contested: set[tuple[float, ...]] = field(default_factory=set)
    """Losses of the candidates that validation has decided about."""

    async def taken(self) -> Step:
        """The I2T prompt at hand, then up to K new ones, each proposed from the history of all before."""
        settings = self.run.settings
        for inner in range(settings.candidates + 1):
            await self._inner_step(inner)
            if settings.selection == "validation" and settings.inner == "needed" and self._is_clear():
                await self._decide(1)
            if self.step.accepted or (settings.racing and (self._is_at_most() or not self._affords_another())):
                break
        if not self.step.accepted:
            await self._decide(_CONTESTS)
        self.memory.requests += self.requests
        return self.step

    async def _inner_step(self, inner: int) -> None:
        run, settings, at = self.run, self.run.settings, self.run.best
        async with span(f"inner step {inner}", type="inner_step"):
            proposed = Proposal(at.judge if settings.i2t == "judge_prompt" else self.step.i2t)
            if inner:
                async with span("proposal of an I2T prompt", type="proposal"):
                    question = self._update_q()
                    proposed = await propose(run.calls, question, settings.attempts)
            if proposed.prompt is None:
                candidate = Candidate(inner, note="no usable request", rejected=proposed.rejected)
            else:
                candidate = await self._try_i2t(inner, proposed.prompt)
                candidate = replace(candidate, rejected=(*proposed.rejected, *candidate.rejected))
        self.step = self.step.with_candidate(candidate)
        run.progress.say(
            f"outer step {self.step.number}/{settings.outer_steps}, inner step {inner}/{settings.candidates}: "
            f"{_told(candidate)}; training loss {self.step.train_loss:.3f}",
            candidate.to_dict(),
        )

    def _update_q(self) -> Question:
        """What is told is of all outer steps; with the paper's information, the scores of this one."""
        prompt = self.run.best.judge
        if self.run.settings.told == "all":
            return proposal_requests.update_q_informed(self.run, prompt, self.memory.requests, self.requests)
        scored = [Tried(request.prompt, request.score or 0.0) for request in self.requests]
        return proposal_requests.update_q(self.run, prompt, scored)

    async def _try_i2t(self, inner: int, i2t: str) -> Candidate:
        """score(q; p): describe the misjudged images under q, update p from that, see how much better p′ judges."""
        run, batch, memory = self.run, self.batch, self.memory
        informed = run.settings.told == "all"
        async with span("captions", type="captions"):
            shown = await show_judged(run.evaluator, batch.errors, i2t)
        request = TriedRequest(
            i2t, most=batch.most(), captions=shown.captions, judged=batch.errors, before=batch.scored
        )
        self.requests.append(request)
        if informed and hardly_differ(shown.captions):
            request.outcome = "its captions hardly differ from image to image"
            return Candidate(inner, i2t=i2t, note=request.outcome)
        told = await self._briefing(shown) if informed else None
        async with span("proposal of a judge prompt", type="proposal"):
            question = proposal_requests.update_p(run, run.best.judge, shown, memory.failed, told)
            proposal = await propose(run.calls, question, run.settings.attempts)
        if proposal.prompt is None:  # the old prompt stays
            request.outcome = "no usable instruction came of it"
            return Candidate(inner, i2t=i2t, note=request.outcome, rejected=proposal.rejected)
        async with span("score", type="score"):
            after = await self._scored(proposal.prompt, i2t)
        candidate = Candidate(inner, proposal.prompt, i2t, rejected=proposal.rejected)
        request.instruction = proposal.prompt
        request.after = tuple(after)
        self.losses[inner] = tuple(judgement.loss for judgement in after)
        if len(after) < len(batch.scored):
            most = batch.most(after)
            request.outcome = f"the instruction was dropped early: its score could be {most:+.2g} at most"
            return replace(candidate, score=most, partial=True)
        gain = batch.gain(after)
        request.score, request.error = gain.value, gain.error
        before, now = unread(batch.scored), unread(after)
        if run.settings.selection == "last" and now > before:  # no validation loss will tell
            reason = f"under it {now} of {len(after)} answers cannot be read, and {before} before"
            rejected = (*candidate.rejected, Rejection(proposal.prompt, reason))
            return replace(candidate, prompt=None, score=gain.value, error=gain.error, rejected=rejected)
        return replace(candidate, score=gain.value, error=gain.error)

    async def _scored(self, prompt: str, i2t: str) -> list[Judgement]:
        """The batch judged under a new prompt; with racing, only as far as it can still be among the best two."""
        batch, settings = self.batch, self.run.settings
        items = [judgement.item for judgement in batch.scored]
        if not settings.racing or settings.selection != "validation":
            return await self.run.evaluator.judge(prompt, items, i2t)
        apart = {self.losses[c.number]: c.score or 0.0 for c in self.step.candidates if c.number in self.losses}
        best = sorted(apart.values(), reverse=True)[:_CONTESTS]
        rival = max(0.0, best[-1]) if len(best) == _CONTESTS else 0.0
        after: list[Judgement] = []
        for part in (batch.errors, batch.fresh, batch.anchors):
            if batch.most(after) <= rival:
                break
            after += await self.run.evaluator.judge(prompt, [judgement.item for judgement in part], i2t)
        return after

    async def _briefing(self, shown: Shown) -> Briefing:
        """What Update_p is told besides the misjudged images, some of those judged right under the same request too."""
        batch, right = self.batch, self.batch.anchors[: self.run.settings.shown_right]
        seen = await show_judged(self.run.evaluator, right, self.requests[-1].prompt)
        led = [request for request in self.requests if request.instruction is not None and (request.score or 0.0) > 0]
        return Briefing(
            about=self.run.problem.about,
            judged=batch.judged,
            errors=batch.errors,
            examples=with_more(shown.examples, batch.errors),
            right=with_more(seen.examples, right),
            earlier=tuple(self.memory.instructions[-EARLIER:]),
            best=max(led, key=lambda request: request.score or 0.0, default=None),
        )

    def _is_clear(self) -> bool:
        """Whether the last candidate is the best, and its score more than its error and a good part of the possible."""
        last = self.step.candidates[-1]
        if last.prompt is None or last.partial or last.score is None:
            return False
        best = max(candidate.score or 0.0 for candidate in self.step.candidates if not candidate.partial)
        return last.score > (last.error or 0.0) and last.score >= max(best, _GOOD_PART * self.batch.most())

    def _is_at_most(self) -> bool:
        """Whether a candidate's score is the highest possible."""
        return any(
            c.prompt is not None and (c.score or 0.0) >= self.batch.most() - 1e-9 and not c.partial
            for c in self.step.candidates
            if self.losses.get(c.number) not in self.contested
        )

    def _affords_another(self) -> bool:
        """Whether the budget has one more inner step and then a first look at validation, at their most."""
        calls, batch = self.run.calls, self.batch
        if calls.max_calls is None:
            return True
        inner = len(batch.errors) + self.run.settings.shown_right + 2 + len(batch.scored)
        return calls.started + inner + 2 * PART <= calls.max_calls

    async def _decide(self, contests: int) -> None:
        """The outer update: p_{t+1} = J(q*, p_t), which was computed when q* was scored, or p_t.

        Args:
            contests: How many more candidates, the best first, may be held against the best pair so far.
        """
        settings, step = self.run.settings, self.step
        if settings.selection == "last":
            best = next(iter(_ranked(step, include_start=settings.include_start)), None)  # q*, the argmax
            if best is None:
                self.step = replace(step, reason="no proposal could be used")
                return
            reason = f"score {best.score or 0.0:+.3f}"
            self.step = replace(step, chosen=best.number, accepted=True, reason=reason)
            self._remember(best, None, True)
            return
        ranked = _ranked(step, include_start=settings.include_start)
        useful = [c for c in ranked if not c.partial and (c.score or 0.0) > 0]
        if not useful:
            best_score = f" (best {_shown_score(ranked[0])})" if ranked else ""
            why = f"no candidate lowers the loss on the batch{best_score}" if ranked else "no proposal could be used"
            self.step = replace(step, chosen=ranked[0].number if ranked else None, reason=why)
            return
        most = len(self.contested) + contests
        for candidate in useful:
            if len(self.contested) < most and self.losses[candidate.number] not in self.contested:
                await self._contest(candidate)

    async def _contest(self, candidate: Candidate) -> None:
        """Hold a candidate against the best pair so far: that in force, or a better one of this very step."""
        run, settings = self.run, self.run.settings
        self.contested.add(self.losses[candidate.number])
        best = run.best
        if self.step.accepted:
            winner = next(c for c in self.step.candidates if c.number == self.step.chosen)
            if (candidate.score or 0.0) + (candidate.error or 0.0) < (winner.score or 0.0):
                return
            best = pair_of(run, winner)
        certain = settings.keep == "significant"
        found = await contest(run, pair_of(run, candidate), best, racing=settings.racing, certain=certain)
        kept = found.certain if certain else found.gain > 0
        if not kept:
            self.memory.failed.append(candidate.prompt or "")
        self._remember(candidate, found, kept)
        if self.step.accepted and not kept:
            return
        self.step = replace(
            self.step,
            chosen=candidate.number,
            validation_loss=found.after,
            validation=found.to_dict(),
            accepted=kept,
            reason=f"score {_shown_score(candidate)}, {found.describe()}",
        )

    def _remember(self, candidate: Candidate, found: Contest | None, kept: bool) -> None:
        held = found.gain > 0 if found else None
        tried = TriedInstruction(candidate.prompt or "", candidate.score, candidate.error, held, kept)
        self.memory.instructions.append(tried)


def _ranked(step: Step, *, include_start: bool) -> list[Candidate]:
    """Candidates with a prompt, the highest score first; of equal ones the first, which changes least."""
    usable = [candidate for candidate in step.candidates if candidate.prompt is not None]
    new = [candidate for candidate in usable if candidate.number > 0]
    pool = usable if include_start or not new else new
    return sorted(pool, key=lambda candidate: -(candidate.score or 0.0))


def pair_of(run: Run[BlpoSettings], candidate: Candidate) -> PromptPair:
    """The pair that a candidate with a prompt makes; a judge prompt that asked for captions is no I2T prompt."""
    return run.pair(candidate.prompt or "", None if run.settings.i2t == "judge_prompt" else candidate.i2t)


def _told(candidate: Candidate) -> str:
    rejected = f", {len(candidate.rejected)} rejected" if candidate.rejected else ""
    if candidate.prompt is None:
        return f"{candidate.note or 'no proposal accepted'}{rejected}"
    return f"score {_shown_score(candidate)}{rejected}"


def _shown_score(candidate: Candidate) -> str:
    if candidate.partial:
        return f"{candidate.score or 0.0:+.3f} at most"
    error = "" if candidate.error is None or not math.isfinite(candidate.error) else f" ± {candidate.error:.3f}"
    return f"{candidate.score or 0.0:+.3f}{error}"
