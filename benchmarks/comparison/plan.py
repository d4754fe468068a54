"""The runs of a comparison: every method on every benchmark with every seed, each as an Inspect task."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from inspect_ai import Task, task_with
from inspect_ai._cli.util import parse_model_role_cli_args
from inspect_ai.model import GenerateConfig
from pydantic import ValidationError

from blpo_inspect._util.task_lookup import find
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.problem import load_problem
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.world.benchmarks import Name, statement
from comparison.methods import NONE, STATED, Method

SHAPES = ("shapes_safety", "shapes_alignment", "shapes_rating")
SEED = "{seed}"
"""A benchmark argument of this value is the run's seed."""

Key = tuple[str, str, int]
"""Benchmark, method as typed, seed."""


def model_role(typed: str) -> str:
    """A model of a role as it was typed: ``openai/o3``, or ``{model: openai/o3, temperature: 1}`` as for Inspect.

    Raises:
        ValueError: Neither of the two, or settings that Inspect does not know.
    """
    if typed.lstrip().startswith("{"):
        try:
            given = yaml.safe_load(typed)
            given.pop("model")
            given.pop("model_args", {})
            GenerateConfig(**given)
        except (yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
            raise ValueError(f"{typed}: write a model, or {{model: NAME, temperature: 1}} ({error})") from error
    return typed


@dataclass(frozen=True)
class Setting:
    """What all runs of a comparison have in common.

    Attributes:
        model: The judge.
        model_args: Its arguments.
        roles: The describer and the optimizer, as they were typed, where they were given.
        max_calls: The budget of each run, without the final test.
        max_connections: Requests to a model at a time, of all runs together; None: Inspect's default.
        first_i2t: The I2T prompt that all methods start from; None: the benchmarks' own.
    """

    model: str
    model_args: Mapping[str, Any]
    roles: Mapping[str, str]
    max_calls: int
    max_connections: int | None = None
    first_i2t: str | None = None


@dataclass(frozen=True)
class Run:
    """One planned run.

    Attributes:
        benchmark: A task's name or ``FILE.py@task``.
        args: Its arguments.
        method: What is done.
        seed: Of the optimizer.
        setting: What it has in common with the others.
        prompts: Prompt file to start from or to judge with, where it is not the benchmark's own prompts.
    """

    benchmark: str
    args: Mapping[str, Any]
    method: Method
    seed: int
    setting: Setting
    prompts: Path | None = None

    @property
    def key(self) -> Key:
        """What tells it apart within a comparison."""
        return self.benchmark, self.method.label, self.seed

    @property
    def task_args(self) -> dict[str, Any]:
        """Arguments of the task: ``optimize``, or the benchmark itself where nothing is optimized."""
        prompts = {"prompts": str(self.prompts)} if self.prompts else {}
        if self.method.optimizes:
            return {
                "benchmark": self.benchmark,
                "benchmark_args": dict(self.args),
                "seed": self.seed,
                "test_kept": True,
                **prompts,
            }
        return {**self.args, "split": "test", **prompts}

    @property
    def name(self) -> str:
        """What people read."""
        return f"{self.benchmark}, {self.method.label}, seed {self.seed}"

    def task(self) -> Task:
        """The Inspect task.

        Its version tells the run and the digest of its data. So an eval set tells the runs apart, and repeats one whose
        data have changed.

        Raises:
            PrerequisiteError: The benchmark, its arguments or its data cannot be used.
            ValueError: The method's settings cannot be used.
        """
        version = f"{self.name}, data {load_problem(self.benchmark, self.args).digest}"
        if not self.method.optimizes:
            return task_with(find(self.benchmark).make(self.task_args), version=version)
        typed = tuple(f"{name}={model}" for name, model in self.setting.roles.items())
        return task_with(
            optimize(**self.task_args),
            solver=self.method.solver(self.setting.max_calls),
            model_roles=parse_model_role_cli_args(typed),
            version=version,
        )


def plain(name: str) -> str:
    """A task's or solver's own name, without package or file."""
    return name.rpartition("@")[2].rpartition("/")[2]


def arguments(benchmark: str, given: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """A benchmark's arguments in the runs with a seed, which is the embedded world's policy too unless one is given."""
    policy = {"policy": seed} if plain(benchmark) in SHAPES else {}
    return {**policy, **{name: seed if value == SEED else value for name, value in given.items()}}


def plan(
    benchmarks: Sequence[str],
    methods: Sequence[Method],
    seeds: Iterable[int],
    args: Mapping[str, Any],
    setting: Setting,
    folder: Path,
) -> list[Run]:
    """All runs that are needed, ordered so that runs on the same images follow one another.

    Judging with the first prompts is a run of its own only where no optimization tells how they do.

    Args:
        benchmarks: Tasks.
        methods: What is compared.
        seeds: Seeds.
        args: Arguments of all benchmarks.
        setting: What runs have in common.
        folder: Where prompt files go.

    Raises:
        ValueError: `STATED` on a benchmark without a hidden policy.
    """
    measured = any(method.optimizes and method.shows_images for method in methods)
    runs = []
    for benchmark in benchmarks:
        for seed in seeds:
            own = arguments(benchmark, args, seed)
            for method in methods:
                if method.name == NONE and measured:
                    continue
                prompts = None
                if method.name == STATED:
                    prompts = _stated(benchmark, own, folder)
                elif method.optimizes and setting.first_i2t is not None:
                    prompts = _started(benchmark, own, setting.first_i2t, folder)
                runs.append(Run(benchmark, own, method, seed, setting, prompts))
    return runs


def _started(benchmark: str, args: Mapping[str, Any], i2t: str, folder: Path) -> Path:
    """A prompt file with the benchmark's own judge prompt and another I2T prompt; its name tells it from others."""
    pair = PromptPair(load_problem(benchmark, args).start.judge, i2t)
    digest = hashlib.sha256(pair.to_yaml().encode()).hexdigest()
    path = folder.absolute() / f"{plain(benchmark)}-{digest[:8]}.yaml"
    pair.save(path)
    return path


def _stated(benchmark: str, args: Mapping[str, Any], folder: Path) -> Path:
    if plain(benchmark) not in SHAPES:
        raise ValueError(f"{STATED}: {benchmark} has no hidden policy to state; it is for {', '.join(SHAPES)}")
    name = cast(Name, plain(benchmark).removeprefix("shapes_"))
    path = folder.absolute() / f"{name}-policy-{args['policy']}.yaml"
    PromptPair(statement(name, args["policy"])).save(path)
    return path
