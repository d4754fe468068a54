"""Runs any method on a sample of the task ``optimize``: start, end and result of the run."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakSet

from inspect_ai.model import GenerateConfig, Model, ModelOutput, get_model, model_roles
from inspect_ai.solver import Generate, Solver, TaskState
from inspect_ai.util import LimitExceededError, span

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.plain_error import alone
from blpo_inspect.judging.answer_mode import WITH_PROBABILITIES, answer_config
from blpo_inspect.judging.prompts import RESULT
from blpo_inspect.optimizers.calls import BudgetSpentError, Calls
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement
from blpo_inspect.optimizers.gc_pause import seldom_collected
from blpo_inspect.optimizers.label_map import add_map, with_map
from blpo_inspect.optimizers.measure import compare, figures, summary
from blpo_inspect.optimizers.problem import Problem, load_problem
from blpo_inspect.optimizers.progress import Progress
from blpo_inspect.optimizers.run import Method, Run
from blpo_inspect.optimizers.settings import Loss, S, settings_of

_WITHOUT_OPTIMIZER: WeakSet[Solver] = WeakSet()
"""The solvers there are that need no optimizer model. Inspect does not tell a task which solver it will run."""


def solving(method: Method[S], presets: Mapping[str, S], preset: str, changes: Mapping[str, Any]) -> Solver:
    """A method as solver of the task ``optimize``.

    Args:
        method: The method.
        presets: Its settings by the preset's name.
        preset: Name of the preset.
        changes: Single settings, which change the preset.

    Raises:
        PrerequisiteError: No such preset or setting, or a setting out of its range.
    """
    try:
        settings = settings_of(presets, preset, changes)
    except ValueError as error:
        raise PrerequisiteError(f"blpo_inspect/{method.name}: {error}") from error

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        with seldom_collected():
            return await optimize(state, method, settings)

    if not method.asks_optimizer:
        _WITHOUT_OPTIMIZER.add(solve)
    return solve


async def optimize(state: TaskState, method: Method[S], settings: S) -> TaskState:
    """Run a method on the sample's problem; the sample's output becomes the resulting `PromptPair` as YAML.

    The budget and Inspect's limits end a run with the best pair so far. After the budget the test split is still
    judged; after one of Inspect's limits no call is possible any more, and the result says so.

    Args:
        state: A sample of the task ``optimize``.
        method: The method to run.
        settings: Its settings.

    Raises:
        PrerequisiteError: The sample belongs to another task, or there is no optimizer model.
        LimitExceededError: One of Inspect's limits ended the run; the best pair was saved before.
    """
    try:
        run = _start(state, method, settings)
    except PrerequisiteError as error:
        alone(error)
    sizes = ", ".join(f"{len(split)} {name}" for name, split in _splits(run.problem).items())
    run.progress.say(f"{method.name} starts on {run.problem.name} ({sizes} images)", {"settings": vars(settings)})
    try:
        try:
            async with span("optimization", type="optimization"):
                await method.algorithm(run)
        except BudgetSpentError as spent:
            run.stopped = str(spent)
        run.progress.say(f"ended: {run.stopped}")
        await add_map(run)
        await _measure(run, with_kept=bool(state.metadata.get("test_kept")))
    except LimitExceededError as limit:
        run.stopped = run.stopped or f"Inspect's {limit.type} limit of {limit.limit_str}"
        _hand_over(run, state)
        raise
    # after any other exception a file that an earlier run left stays, unless a better pair was kept in this one
    _hand_over(run, state)
    return state


def _start(state: TaskState, method: Method[S], settings: S) -> Run[S]:
    given = state.metadata
    if "benchmark" not in given or "seed" not in given:
        raise PrerequisiteError(f"blpo_inspect/{method.name} is a solver of the task blpo_inspect/optimize")
    if method.asks_optimizer:
        need_optimizer()
    problem = load_problem(given["benchmark"], given["benchmark_args"], given.get("prompts"))
    if problem.digest != given["data_digest"]:
        raise PrerequisiteError(f"{problem.name}: the data are not those that this evaluation began with")
    judge = get_model()
    models = {"judge": judge, "i2t": get_model(role="i2t", default=judge)}
    configs = {"judge": answer_config(problem.answer, problem.scale, judge), "i2t": _at(0.0, models["i2t"])}
    if method.asks_optimizer:
        models["optimizer"] = get_model(role="optimizer")
        configs["optimizer"] = _at(method.temperature, models["optimizer"])
    loss: Loss = settings.loss if settings.loss != "auto" else "raters" if problem.many_raters else "scale"
    if loss == "likelihood" and problem.answer != "likelihood":
        configs["judge"] = WITH_PROBABILITIES.merge(configs["judge"])
    calls = Calls(models, configs, settings.max_calls)
    try:
        evaluator = Evaluator(calls, problem.scale, loss, settings.caption_only, problem.answer, problem.reask)
    except ValueError as error:
        raise PrerequisiteError(f"{problem.name}: {error}") from error
    return Run(
        method=method,
        problem=problem,
        settings=replace(settings, loss=loss),
        seed=given["seed"],
        calls=calls,
        evaluator=evaluator,
        progress=Progress(f"{problem.name} seed {given['seed']}", calls),
        save=Path(given["save"]) if given.get("save") else None,
        best=problem.start,
    )


def may_need_optimizer(roles: Collection[str]) -> None:
    """`need_optimizer` before an evaluation, unless its solver may be one that needs none: that one checks by itself.

    Raises:
        PrerequisiteError: As there.
    """
    if not _WITHOUT_OPTIMIZER:
        need_optimizer(roles)


def need_optimizer(roles: Collection[str] = ()) -> None:
    """Refuse an evaluation without an optimizer model.

    Args:
        roles: Roles that the task itself has models for, besides those of the evaluation.

    Raises:
        PrerequisiteError: There is none.
    """
    given = sorted({*model_roles(), *roles})
    if "optimizer" not in given:
        others = f"; given are only: {', '.join(given)}" if given else ""
        raise PrerequisiteError(
            "an optimizer model is needed: --model-role optimizer=openai/o3, or optimizer=induction/rules in the "
            f"embedded world (in Python model_roles={{'optimizer': 'openai/o3'}}){others}"
        )


def _at(temperature: float, model: Model) -> GenerateConfig:
    """This temperature, unless the role was given one of its own."""
    return GenerateConfig(temperature=temperature) if model.config.temperature is None else GenerateConfig()


def _splits(problem: Problem) -> dict[str, tuple[Any, ...]]:
    return {"training": problem.train, "validation": problem.validation, "test": problem.test}


async def _measure(run: Run[S], *, with_kept: bool) -> None:
    """Judge the test split with the first and the final pair. The budget does not count this: nothing is chosen by it.

    With ``with_kept``, judge it also with every best pair in between, for a curve of agreement against calls.
    """
    run.spent = run.spending()
    run.calls.max_calls = None
    async with span("test", type="test"):
        items, scale = run.problem.test, run.problem.scale
        pairs = [run.problem.start, run.best, *((best.pair for best in run.kept) if with_kept else ())]
        raw = [await run.evaluator.judge(pair.judge, items, pair.i2t) for pair in pairs]
        mapped = [with_map(judged, pair.map, scale) for pair, judged in zip(pairs, raw, strict=True)]

        def alone(judged: Sequence[Judgement]) -> dict[str, Any]:
            return figures([item.human for item in items], [one.label for one in judged], scale)

        test = compare(mapped[0], mapped[1], scale=scale, seed=run.seed)
        if any(pair.map is not None for pair in pairs[:2]):
            test["raw"] = {"before": alone(raw[0]), "after": alone(raw[1])}
        if with_kept:
            kept = zip(run.kept, mapped[2:], strict=True)
            test["kept"] = [{"calls": best.calls, **alone(judged)} for best, judged in kept]
    run.test = test
    run.progress.say(f"test {summary(run.test, run.problem.scale.kind)}", {"test": dict(run.test)})


def _hand_over(run: Run[S], state: TaskState) -> None:
    result = run.result()
    if run.save is not None:
        result.save(run.save)
    state.output = ModelOutput.from_content(f"blpo_inspect/{run.method.name}", result.to_yaml())
    state.metadata[RESULT] = {
        "stopped": run.stopped,
        "uses": {role: vars(use) for role, use in run.calls.uses.items()},
        "naive_calls": result.provenance["naive_calls"],
    }
