"""Turns events of the library ``gepa`` into steps of a run: each candidate, its parent and its score."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from anyio import from_thread

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.evaluator import Judgement, mean_loss
from blpo_inspect.optimizers.run import Run
from blpo_inspect.optimizers.trajectory import Candidate, Step

JUDGE, I2T = "judge_prompt", "i2t_prompt"
"""The components of a candidate."""


@dataclass
class Steps:
    """A callback of the library; its methods' names are the library's.

    Attributes:
        run: The run that receives a step for every finished iteration, and the better pairs.
        iterations: The most iterations that there will be, shown to people.
        gains: I2T prompt → gains of the children that its captions led to (mean rise in score on the minibatch).
        aborted: Whether the iteration ended before its time, so that it is no step.
    """

    run: Run[Any]
    iterations: int
    gains: dict[str, list[float]] = field(default_factory=dict)
    aborted: bool = False
    _step: Step | None = None
    _child: Candidate | None = None
    _before: float = 0.0

    def propose(self, child: Candidate, shown: tuple[str, ...]) -> None:
        """What the optimizer proposed in this iteration, after reading about some items."""
        assert self._step is not None
        self._child = replace(child, parent=self._child.parent if self._child else None)
        reason = "" if child.prompt is not None else "no proposal could be used"
        self._step = replace(self._step, shown=shown, reason=reason)

    def on_candidate_selected(self, event: Mapping[str, Any]) -> None:
        """An iteration begins with a parent."""
        parent = event["candidate"]
        self._step = Step(number=len(self.run.steps) + 1, prompt=parent[JUDGE], i2t=parent[I2T])
        self._child = Candidate(0, parent=event["candidate_idx"])

    def on_evaluation_end(self, event: Mapping[str, Any]) -> None:
        """A minibatch was judged: first under the parent, then under its child."""
        assert self._step is not None and self._child is not None
        total = sum(event["scores"])
        if event["candidate_idx"] is None:
            self._child = replace(self._child, score=total)
            gain = (total - self._before) / len(event["scores"])
            self.gains.setdefault(self._child.i2t or self._step.i2t, []).append(gain)
            return
        judged: list[Judgement] = event["trajectories"]
        self._before = total
        wrong = sum(judgement.wrong for judgement in judged)
        self._step = replace(
            self._step,
            judged=len(judged),
            error_rate=wrong / len(judged),
            train_loss=mean_loss(judged),
            reason="" if wrong else f"none of {len(judged)} training images is misjudged",
        )

    def on_candidate_rejected(self, event: Mapping[str, Any]) -> None:
        """The child does no better on the minibatch."""
        assert self._step is not None
        why = f"score {self._before:.3f} → {event['new_score']:.3f} on the minibatch"
        self._step = replace(self._step, chosen=0, reason=why)

    def on_valset_evaluated(self, event: Mapping[str, Any]) -> None:
        """The first pair, or a child that does better on its minibatch, was judged on the validation split."""
        loss = 1 - event["average_score"]
        validation = self.run.validation
        if self._step is None or self._child is None:
            validation |= {"before": loss, "after": loss}
            return
        why = f"score {self._before:.3f} → {self._child.score or 0.0:.3f} on the minibatch"
        why = f"{why}, validation loss {validation['after']:.3f} → {loss:.3f}"
        self._child = replace(self._child, kept=True)
        better = loss < validation["after"]
        self._step = replace(self._step, chosen=0, validation_loss=loss, accepted=better, reason=why)

    def on_iteration_end(self, event: Mapping[str, Any]) -> None:
        """An iteration is over."""
        step, child, self._step, self._child = self._step, self._child, None, None
        if step is None or self.aborted:
            return
        pair: PromptPair | None = None
        if child is not None and (child.prompt is not None or child.rejected):
            step = step.with_candidate(child)
            pair = self.run.pair(child.prompt, child.i2t) if child.prompt is not None else None
        # this is the library's thread, and progress must be shown from the run's event loop
        from_thread.run_sync(self.run.finish_step, step, f"iteration {step.number}/{self.iterations}", pair)
