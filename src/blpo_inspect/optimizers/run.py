"""One optimization run of any method: its models, budget, steps and best pair so far.

A method tries prompts with `Run.evaluator`, and reports and hands over better pairs by `Run.finish_step`. How a run
starts from a sample and ends in a result is `solver`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

from inspect_ai.util import span

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.calls import Calls
from blpo_inspect.optimizers.evaluator import Evaluator, mean_loss
from blpo_inspect.optimizers.problem import Problem
from blpo_inspect.optimizers.progress import Progress
from blpo_inspect.optimizers.provenance import provenance
from blpo_inspect.optimizers.settings import S
from blpo_inspect.optimizers.trajectory import Step


@dataclass(frozen=True)
class BestPair:
    """A pair that was the best so far, and the calls that the run had made when it became so."""

    calls: int
    pair: PromptPair


@dataclass(frozen=True)
class CallCounts:
    """Calls of a run, without the final test: by role, and how many there would be if nothing were remembered."""

    by_role: Mapping[str, int]
    naive: int


@dataclass
class Run(Generic[S]):
    """State of one run.

    Attributes:
        method: What is run.
        problem: What is optimized.
        settings: How.
        seed: Decides everything that is drawn.
        calls: The models.
        evaluator: Judges and describes.
        progress: Tells people.
        save: Where the best pair goes, as soon as there is a better one.
        best: The best pair so far.
        kept: The first pair and every better one, in order.
        validation: Mean loss on the validation split of the first and of the best pair, where it was judged.
        steps: What happened.
        stopped: Why it ended.
        spent: What optimizing took, once it has ended.
        test: The first and the final pair on the test split, once they were judged.
    """

    method: "Method[S]"
    problem: Problem
    settings: S
    seed: int
    calls: Calls
    evaluator: Evaluator
    progress: Progress
    save: Path | None
    best: PromptPair
    kept: list[BestPair] = field(default_factory=list)
    validation: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    stopped: str = ""
    spent: CallCounts | None = None
    test: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.kept.append(BestPair(0, self.best))

    def pair(self, judge: str, i2t: str | None = None) -> PromptPair:
        """A pair of prompts for this problem; with the first I2T prompt unless another is given."""
        return PromptPair(judge, self.problem.start.i2t if i2t is None else i2t, self.problem.scale)

    async def validate(self, pair: PromptPair) -> float:
        """Mean loss of a pair on the validation split; the first pair's is noted."""
        async with span("validation"):
            loss = mean_loss(await self.evaluator.judge(pair.judge, self.problem.validation, pair.i2t))
        if not self.validation:
            self.validation = {"before": loss, "after": loss}
        return loss

    async def decide(self, step: Step, pair: PromptPair, why: str, *, validate: bool, ties: bool = False) -> Step:
        """Say whether a step's pair is accepted: at once, or if it lowers the loss on the validation split.

        Args:
            step: The step.
            pair: What may become the best pair.
            why: What the method says of it.
            validate: Whether the validation split decides.
            ties: Whether the same loss there is good enough.
        """
        if not validate:
            return replace(step, accepted=True, reason=why)
        before, after = self.validation["after"], await self.validate(pair)
        why = f"{why}, validation loss {before:.3f} → {after:.3f}"
        return replace(step, validation_loss=after, accepted=after < before or (ties and after == before), reason=why)

    def finish_step(self, step: Step, name: str, pair: PromptPair | None = None) -> None:
        """Record a step and tell people about it.

        Args:
            step: What happened; if it was accepted, ``pair`` becomes the best pair so far, and the file, if one was
                asked for, has it from now on.
            name: Which step, such as ``round 2/6``.
            pair: What was accepted.
        """
        step = replace(step, calls=self.calls.started)
        self.steps.append(step)
        kept = "accepted" if step.accepted else "not accepted"
        self.progress.say(f"{name}: {kept}, {step.reason}", step.to_dict())
        if not step.accepted or pair is None:
            return
        self.best = pair
        self.kept.append(BestPair(self.calls.started, pair))
        if step.validation_loss is not None:
            self.validation["after"] = step.validation_loss
        if self.save is not None:
            self.result().save(self.save)

    def spending(self) -> CallCounts:
        """What the run took so far."""
        return self.spent or CallCounts(self.calls.by_role(), self.method.naive_calls(self))

    def result(self) -> PromptPair:
        """The best pair so far, with where it comes from."""
        return PromptPair(self.best.judge, self.best.i2t, self.problem.scale, provenance(self))


def requested_calls(run: Run[S]) -> int:
    """Calls if no judgement or caption were remembered: what was asked for, however often."""
    return run.evaluator.requested + run.calls.uses["optimizer"].calls


@dataclass(frozen=True)
class Method(Generic[S]):
    """An optimization method.

    Attributes:
        name: The solver's.
        algorithm: What it does between the start and the end of a run.
        temperature: Of the optimizer model, unless the role is given another.
        naive_calls: Calls that the run so far would have taken if nothing were remembered.
    """

    name: str
    algorithm: Callable[[Run[S]], Awaitable[None]]
    temperature: float = 0.0
    naive_calls: Callable[[Run[S]], int] = requested_calls
