"""One optimization run of any method: its models, budget, steps and best pair so far.

A method evaluates prompts with `Run.evaluator`, and reports steps and better pairs with `Run.finish_step`. `solver`
starts a run from a sample and turns its end into a result.
"""

import importlib.metadata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

from inspect_ai.util import span

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.calls import Calls
from blpo_inspect.optimizers.evaluator import Evaluator, mean_loss
from blpo_inspect.optimizers.problem import Problem
from blpo_inspect.optimizers.progress import Progress
from blpo_inspect.optimizers.settings import S
from blpo_inspect.optimizers.trajectory import Step


@dataclass(frozen=True)
class BestPair:
    """A pair that was the best at some point, and the calls that the run had made by then."""

    calls: int
    pair: PromptPair


@dataclass(frozen=True)
class CallCounts:
    """Calls of a run without the final test: by role, and the number that a run without any cache would make."""

    by_role: Mapping[str, int]
    naive: int


@dataclass
class Run(Generic[S]):
    """State of one run.

    Attributes:
        method: The method that runs.
        problem: The problem that it optimizes.
        settings: The method's settings.
        seed: Seed of every random draw.
        calls: The models by role, with counts of their calls.
        evaluator: Judges and describes items.
        progress: Shows the progress to people.
        save: File that gets the best pair whenever it changes; None: no file.
        best: The best pair so far.
        kept: The first pair and every later best pair, in order.
        validation: Mean loss on the validation split, ``before`` of the first and ``after`` of the best pair, on the
            same images; empty where it was not judged.
        validated: How many images that was, where it was not the whole split.
        steps: The steps so far.
        stopped: Why the run ended; empty while it goes on.
        map: What came of fitting a map to the best pair's labels, once that was tried; empty before.
        spent: Calls of the optimization, once it has ended.
        test: Figures of the first and the final pair on the test split, once they were judged.
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
    validated: int | None = None
    steps: list[Step] = field(default_factory=list)
    stopped: str = ""
    map: str = ""
    spent: CallCounts | None = None
    test: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        self.kept.append(BestPair(0, self.best))

    def pair(self, judge: str, i2t: str | None = None) -> PromptPair:
        """A pair of prompts for this problem; the I2T prompt is the first one unless another is given."""
        return PromptPair(judge, self.problem.start.i2t if i2t is None else i2t, self.problem.scale)

    async def validate(self, pair: PromptPair) -> float:
        """Mean loss of a pair on the validation split; that of the first pair is recorded."""
        async with span("validation"):
            loss = mean_loss(await self.evaluator.judge(pair.judge, self.problem.validation, pair.i2t))
        if not self.validation:
            self.validation = {"before": loss, "after": loss}
        return loss

    async def decide(self, step: Step, pair: PromptPair, why: str, *, validate: bool, ties: bool = False) -> Step:
        """Decide whether a step's pair is accepted: at once, or only if it lowers the loss on the validation split.

        Args:
            step: The step.
            pair: The pair that may become the best one.
            why: The method's reason for it.
            validate: Whether the validation split decides.
            ties: Whether an equal loss on the validation split is good enough.
        """
        if not validate:
            return replace(step, accepted=True, reason=why)
        before, after = self.validation["after"], await self.validate(pair)
        why = f"{why}, validation loss {before:.3f} → {after:.3f}"
        return replace(step, validation_loss=after, accepted=after < before or (ties and after == before), reason=why)

    def finish_step(self, step: Step, name: str, pair: PromptPair | None = None) -> None:
        """Record a step and tell people about it.

        Args:
            step: The step. If it was accepted, ``pair`` becomes the best pair and is written to the file `save`.
            name: Name of the step, such as ``round 2/6``.
            pair: The accepted pair.
        """
        step = replace(step, calls=self.calls.started)
        self.steps.append(step)
        outcome = "accepted" if step.accepted else "not accepted"
        self.progress.say(f"{name}: {outcome}, {step.reason}", step.to_dict())
        kept = pair if step.accepted else None
        if kept is not None:
            self.best = kept
            self.kept.append(BestPair(self.calls.started, kept))
        if step.validation is not None:
            self._compare_validation()
        elif kept is not None and step.validation_loss is not None:
            self.validation["after"] = step.validation_loss
        if kept is not None and self.save is not None:
            self.result().save(self.save)

    def _compare_validation(self) -> None:
        """The validation losses of the first and the best pair, on the images that both were judged on."""
        pairs = self.problem.start, self.best
        known = [
            [self.evaluator.known(pair.judge, item, pair.i2t) for pair in pairs] for item in self.problem.validation
        ]
        both = [(old, new) for old, new in known if old is not None and new is not None]
        if both:
            self.validated = len(both)
            self.validation = {
                "before": mean_loss(old for old, _ in both),
                "after": mean_loss(new for _, new in both),
            }

    def spending(self) -> CallCounts:
        """Calls of the run so far; of the optimization alone once that has ended."""
        return self.spent or CallCounts(self.calls.by_role(), self.method.naive_calls(self))

    def result(self) -> PromptPair:
        """The best pair so far, with where it comes from."""
        return PromptPair(self.best.judge, self.best.i2t, self.problem.scale, self._provenance(), self.best.map)

    def _provenance(self) -> dict[str, Any]:
        """Where the best pair comes from, JSON-ready: everything that is needed to repeat or to doubt it.

        The same run gives the same bytes: no clock time, host, path, or count of replayed calls.
        """
        problem, spent = self.problem, self.spending()
        parent = {} if problem.parent is None else {"parent": problem.parent}
        start_map = {} if problem.start.map is None else {"map": dict(problem.start.map)}
        test = {} if self.test is None else {"test": dict(self.test)}
        return {
            "method": self.method.name,
            "settings": asdict(self.settings),
            "seed": self.seed,
            "benchmark": {
                "name": problem.name,
                "args": dict(problem.args),
                "digest": problem.digest,
                "sizes": {
                    "train": len(problem.train),
                    "validation": len(problem.validation),
                    "test": len(problem.test),
                },
            },
            "models": self.calls.identities(),
            "versions": {name: importlib.metadata.version(name) for name in ("blpo-inspect", "inspect-ai", "pillow")},
            "start": {"judge": problem.start.judge, "i2t": problem.start.i2t, **start_map},
            "calls": dict(spent.by_role),
            "naive_calls": spent.naive,
            "stopped": self.stopped or "not ended",
            "validation_loss": {name: round(value, 6) for name, value in self.validation.items()},
            **({} if self.validated is None else {"validation_images": self.validated}),
            **({"map": self.map} if self.map else {}),
            **parent,
            **test,
            "trajectory": [step.to_dict() for step in self.steps],
        }


def requested_calls(run: Run[S]) -> int:
    """Calls that a run without any cache would make: every judgement and caption requested, however often."""
    return run.evaluator.requested + run.calls.uses["optimizer"].calls


@dataclass(frozen=True)
class Method(Generic[S]):
    """An optimization method.

    Attributes:
        name: Name of the solver.
        algorithm: Carries out a run from its start to its end.
        temperature: Temperature of the optimizer model, unless the role is given another.
        naive_calls: Number of calls that the run so far would have made without any cache.
        asks_optimizer: Whether it needs an optimizer model.
    """

    name: str
    algorithm: Callable[[Run[S]], Awaitable[None]]
    temperature: float = 0.0
    naive_calls: Callable[[Run[S]], int] = requested_calls
    asks_optimizer: bool = True
