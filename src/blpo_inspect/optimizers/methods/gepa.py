"""GEPA, reflective prompt evolution (Agrawal et al., arXiv 2507.19457), through the library ``gepa``, as a solver.

A pool of pairs of prompts. In each iteration the library draws a parent by how often it is best on single validation
images (Pareto fronts), takes a few training images, and has one of the parent's two components improved from the
misjudged ones; a child whose scores on these images have a strictly greater sum is judged on the whole validation split
and joins the pool. Selection, fronts, acceptance and minibatches are the library's; the result is the pair with the
lowest loss on the validation split.

Differences from the library's own use, on purpose:

- The two components are the judge prompt and the I2T prompt, and they are improved by BLPO's two questions instead of
  the library's reflection prompt. A new I2T prompt alone changes no judgement, so its child also takes the judge prompt
  that its captions lead to; its score in the history is by how much such children did better on their minibatch.
- The optimizer reads about the misjudged images of a minibatch alone, not about those that were judged correctly.
- Iterations are limited beside the calls, and a proposal that the guard refuses is asked for again.
- With ``loss=likelihood`` an image's score is the probability of people's label, and the loss on validation that is
  reported is 1 less their mean.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from anyio import from_thread, to_thread
from inspect_ai.solver import Solver, solver
from inspect_ai.util import span

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.optimizers import proposal_requests
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.exemplars import show_judged
from blpo_inspect.optimizers.methods.gepa_steps import I2T, JUDGE, Steps
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.optimizers.proposal import Rejection, propose
from blpo_inspect.optimizers.questions import Tried
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import Settings, at_least
from blpo_inspect.optimizers.solver import solving
from blpo_inspect.optimizers.trajectory import Candidate

T = TypeVar("T")


@dataclass(frozen=True)
class GepaSettings(Settings):
    """How GEPA runs; the defaults are those of the library, but for the limit of iterations.

    Attributes:
        iterations: Iterations at most.
        minibatch: Training images of each iteration.
    """

    iterations: int = at_least(1, 50)
    minibatch: int = at_least(1, 3)


PRESETS = {"default": GepaSettings(minibatch=10), "reference": GepaSettings(loss="scale", map=False)}


@solver
def gepa(preset: str = "default", **settings: Any) -> Solver:
    """Optimize the judge prompt and the I2T prompt of the task ``optimize`` by GEPA.

    Args:
        preset: ``reference`` has the defaults of the library; ``default`` has minibatches of 10 images instead of 3: as
            many as BLPO's optimizer reads about.
        settings: Single settings (`GepaSettings`), which change the preset; ``none`` for no limit.

    Raises:
        PrerequisiteError: No such setting, or one out of its range, or the library is not installed.
    """
    try:
        import gepa as _library  # noqa: F401  # told now, not in the middle of a run
    except ImportError as error:
        raise PrerequisiteError(
            "blpo_inspect/gepa needs a library: pip install -e '.[gepa]' in the clone of this package"
        ) from error
    return solving(Method("gepa", run_gepa), PRESETS, preset, settings)


async def run_gepa(run: Run[GepaSettings]) -> None:
    """Hand the run to the library, which works in a thread of its own and asks for judgements and proposals."""
    await to_thread.run_sync(_Adapter(run, Steps(run, run.settings.iterations)).optimize)
    run.stopped = f"all {run.settings.iterations} iterations were done"


@dataclass
class _Evaluation:
    """An evaluation batch of the library, with the fields that the library reads."""

    outputs: list[str | None]
    scores: list[float]
    trajectories: list[Judgement]
    objective_scores: None = None
    num_metric_calls: None = None


@dataclass
class _Adapter:
    """The adapter between the library and a run: answers the library's calls.

    Attributes:
        run: The run.
        steps: Records the iterations.
        failure: Why no further call is possible.
        errors: The misjudged images of this iteration's minibatch.
    """

    run: Run[GepaSettings]
    steps: Steps
    failure: BaseException | None = None
    errors: list[Judgement] = field(default_factory=list)

    def optimize(self) -> None:
        """Run the library until the iterations or the calls are spent.

        Raises:
            BudgetSpentError: The calls are spent.
        """
        from gepa.api import optimize

        problem, settings = self.run.problem, self.run.settings
        try:
            optimize(
                {JUDGE: problem.start.judge, I2T: problem.start.i2t},
                trainset=list(problem.train),
                valset=list(problem.validation),
                adapter=self,  # type: ignore[arg-type]  # its protocol, but for a batch class of our own
                reflection_minibatch_size=min(settings.minibatch, len(problem.train)),
                stop_callbacks=lambda state: self.failure is not None or state.i + 1 >= settings.iterations,
                callbacks=[self.steps],  # type: ignore[list-item]  # some methods of its protocol
                logger=_Silent(),
                track_best_outputs=False,
                seed=self.run.seed,
            )
        finally:
            # the library lets some exceptions pass as an iteration without a proposal
            if self.failure is not None:
                raise self.failure

    def evaluate(self, batch: list[Item], candidate: Mapping[str, str], capture_traces: bool = False) -> _Evaluation:
        """Judge items under a candidate; each score is from 0 to 1."""

        async def judge() -> list[Judgement]:
            async with span("score", type="score"):
                return await self.run.evaluator.judge(candidate[JUDGE], batch, candidate[I2T])

        judged = self._wait(judge)
        scores = [self.run.evaluator.score([judgement]) for judgement in judged]
        return _Evaluation([judgement.label for judgement in judged], scores, judged)

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: _Evaluation, components_to_update: Sequence[str]
    ) -> dict[str, list[dict[str, str]]]:
        """The misjudged images of a minibatch; `propose_new_texts` decides what the optimizer is shown of them."""
        self.errors = [trajectory for trajectory in eval_batch.trajectories if trajectory.wrong]
        rows = [{"id": error.item.id, "people": error.item.human, "judge": error.answer} for error in self.errors]
        return dict.fromkeys(components_to_update, rows)

    def propose_new_texts(
        self, candidate: Mapping[str, str], reflective_dataset: Mapping[str, Any], components_to_update: Sequence[str]
    ) -> dict[str, str]:
        """The component's new text; with a new I2T prompt also the judge prompt that it leads to. Empty for none."""
        return self._wait(lambda: self._reflect(candidate[JUDGE], candidate[I2T], I2T in components_to_update))

    async def _reflect(self, prompt: str, i2t: str, change_i2t: bool) -> dict[str, str]:
        run, attempts = self.run, self.run.settings.attempts
        rejected: tuple[Rejection, ...] = ()
        async with span("proposal", type="proposal"):
            if change_i2t:
                asked = await propose(run.calls, proposal_requests.update_q(run, prompt, self._history(i2t)), attempts)
                i2t, rejected = asked.prompt or i2t, asked.rejected
            shown = await show_judged(run.evaluator, self.errors, i2t)
            new = await propose(run.calls, proposal_requests.update_p(run, prompt, shown), attempts)
        child = Candidate(0, new.prompt, i2t, rejected=(*rejected, *new.rejected))
        self.steps.propose(child, tuple(error.item.id for error in self.errors))
        return {} if new.prompt is None else {JUDGE: new.prompt, I2T: i2t}

    def _history(self, i2t: str) -> list[Tried]:
        """I2T prompts with their mean gains; the current one counts as 0 until a child came of it."""
        gains = {i2t: [0.0], **self.steps.gains}
        return [Tried(prompt, sum(each) / len(each)) for prompt, each in gains.items()]

    def _wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do work in the run's event loop, from the library's thread."""
        try:
            return from_thread.run(work)
        except BaseException as failure:
            self.failure, self.steps.aborted = failure, True
            raise


class _Silent:
    """A logger for the library that says nothing: `Steps` shows the progress."""

    def log(self, message: str) -> None:
        """Say nothing."""
