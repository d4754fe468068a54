"""The task ``optimize``: improves a benchmark's prompts; each sample is one run with its own seed.

    inspect eval blpo_inspect/optimize -T benchmark=shapes_safety --model hf-vlm/shapes-judge \\
        --model-role optimizer=induction/rules -T save=pair.yaml

The main model judges, the role ``i2t`` describes (the judge, if none is given) and the role ``optimizer`` proposes. The
solver is the method: ``blpo_inspect/blpo`` unless ``--solver`` names another, whose settings ``-S`` sets.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import HeadlineMetric

from blpo_inspect._util.inspect_internals import PrerequisiteError, evaluating
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.problem import load_problem
from blpo_inspect.optimizers.solver import may_need_optimizer
from blpo_inspect.scorers.improvement import improvement_on, leading


@task
@checked_arguments
def optimize(
    benchmark: str,
    benchmark_args: Mapping[str, Any] | str | None = None,
    seeds: int = 1,
    seed: int = 0,
    prompts: str | None = None,
    save: str | None = None,
    test_kept: bool = False,
) -> Task:
    """Optimize the judge prompt and the I2T prompt of a benchmark.

    Args:
        benchmark: A task with the splits train, validation and test: its name or ``FILE.py@task``.
        benchmark_args: The task's arguments, e.g. ``{"policy": 3}``; with ``{"answer": "likelihood"}`` the judge of the
            optimization is asked so too.
        seeds: Runs; each draws its own batches.
        seed: The first seed.
        prompts: Prompt pair (YAML file) to start from; else the benchmark's default prompts.
        save: File for the resulting pair; with several seeds ``pair.yaml`` becomes ``pair.seed-0.yaml`` and so on.
        test_kept: Judge the test split also with every pair that was kept on the way, for a curve of agreement against
            calls; nothing is chosen by it.

    Raises:
        PrerequisiteError: The benchmark cannot be optimized; the message says why.
    """
    args = _mapping(benchmark_args)
    if seeds < 1:
        raise PrerequisiteError(f"seeds must be at least 1, not {seeds}")
    problem = load_problem(benchmark, args, prompts)
    samples = [
        Sample(
            id=f"seed-{number}",
            input=f"Optimize the prompts of {problem.name} with seed {number}.",
            metadata={
                "benchmark": benchmark,
                "benchmark_args": args,
                "data_digest": problem.digest,
                "prompts": prompts,
                "seed": number,
                "test_kept": test_kept,
                "save": str(_numbered(Path(save), number, seeds)) if save else None,
            },
        )
        for number in range(seed, seed + seeds)
    ]
    dataset = _Runs(samples, name=problem.name)
    kind = problem.scale.kind
    dataset.task = Task(
        dataset=dataset,
        solver=blpo(),
        scorer=improvement_on(kind, raters=any(len(item.raters) > 1 for item in problem.test)),
        config=GREEDY,
        headline_metric=HeadlineMetric(score=leading(kind), metric="mean"),
        metadata={"benchmark": problem.name, "data_digest": problem.digest},
    )
    return dataset.task


class _Runs(MemoryDataset):
    """The runs of a task.

    Inspect reads them before it starts the first. At no other moment can a task that was made before the evaluation, as
    in Python, end it for lack of a model.
    """

    task: Task

    def __iter__(self) -> Iterator[Sample]:
        if evaluating():
            may_need_optimizer(self.task.model_roles or ())
        return super().__iter__()


def _mapping(args: Mapping[str, Any] | str | None) -> dict[str, Any]:
    if isinstance(args, str):
        try:
            args = json.loads(args)
        except ValueError as error:
            raise PrerequisiteError(f"benchmark_args: not JSON ({error}): {args}") from error
    if args is not None and not isinstance(args, Mapping):
        raise PrerequisiteError("benchmark_args: give a mapping, such as '{\"policy\": 3}'")
    return dict(args or {})


def _numbered(path: Path, number: int, seeds: int) -> Path:
    return path if seeds == 1 else path.with_name(f"{path.stem}.seed-{number}{path.suffix}")
