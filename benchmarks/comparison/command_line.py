"""The command line of `compare_methods`: its options, and errors in them."""

import argparse
import json
import os
from pathlib import Path
from typing import Any

from blpo_inspect._util.files import written_whole
from comparison.methods import DEFAULTS, NONE, REMAP, STATED, Method, parse
from comparison.plan import SEED, SHAPES, Setting, model_role, plain

JUDGE = "hf-vlm/shapes-judge"
OPTIMIZER = "induction/rules"
REFERENCE = "blpo"
INTERRUPTED = 130
"""Exit status after an interruption."""

EPILOG = f"""\
methods: {", ".join(DEFAULTS)}, {STATED}. A variant is a method with settings of its solver, such as blpo:preset=paper,
blpo:i2t=fixed or protegi:images=true; the tables name it as it was typed. Methods have no other limit than the budget
of calls, unless a variant sets one. "{NONE}" is the first prompts, "{REMAP}" these with a map of the judge's labels,
without an optimizer; the others end with such a map too, unless a variant has map=false. "{STATED}" (embedded world
only) is the judge under a prompt that states the hidden policy.

seeds: seeds of the optimizer. On the embedded world's benchmarks ({", ".join(SHAPES)}) a seed also
is the hidden policy, unless --benchmark-args give a policy. On other benchmarks the data stay the same with every seed.
If a benchmark has an argument that draws other images, --benchmark-args '{{"seed": "{SEED}"}}' gives it the run's seed.
Without that, intervals over seeds cover the chance in the optimizer only, and say nothing about other images.

written to OUT: runs.csv, table.md, table.csv, figure.svg, figure.png (the same bytes when every call is replayed:
BLPO_CACHE=offline, another --out), cost.csv (calls made and replayed, and wall time), logs/ (inspect view).
Exit status: 0; 1 if a run failed; 2 if the command was wrong; {INTERRUPTED} if it was interrupted.

the setting of arXiv 2602.11340 (not run by the authors of this command; it takes several GPUs for the judge, an
optimizer behind an API, and the benchmarks' data, see docs/benchmarks.md). Serve the judge:

  vllm serve meta-llama/Llama-4-Scout-17B-16E-Instruct --tensor-parallel-size 8
  VLLM_BASE_URL=http://localhost:8000/v1 python benchmarks/compare_methods.py --out build/scout \\
      --benchmarks seetrue image_reward unsafebench --model vllm/meta-llama/Llama-4-Scout-17B-16E-Instruct \\
      --methods none textgrad opro protegi:images=true blpo:preset=paper blpo --optimizer openai/o3 --jobs 4

The same with --model vllm/meta-llama/Llama-4-Maverick-17B-128E-Instruct and vllm/Qwen/Qwen2.5-VL-32B-Instruct. AGIN
lies in a folder of yours, so it is a command of its own: --benchmarks agin --benchmark-args '{{"data": "AGIN"}}'.
The paper's known figures are printed beside the measured ones.
"""


def methods_of(options: argparse.Namespace) -> list[Method]:
    """The methods that were typed.

    Raises:
        ValueError: An unknown method, or a method or benchmark that is named twice.
    """
    methods = [parse(label) for label in options.methods]
    labels = [method.label for method in methods]
    for what, names in (("--methods", labels), ("--benchmarks", options.benchmarks)):
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"{what}: {twice} is named twice")
    return methods


def reference_of(options: argparse.Namespace) -> str | None:
    """The method that others are compared with; None without one.

    Raises:
        ValueError: It does not take part.
    """
    if options.reference is None:
        return REFERENCE if REFERENCE in options.methods else None
    if options.reference not in options.methods:
        raise ValueError(f"--reference {options.reference}: must be one of --methods, as it was typed there")
    return str(options.reference)


def setting_of(options: argparse.Namespace) -> Setting:
    """The setting that all runs have in common.

    Raises:
        ValueError: No judge or no optimizer outside the embedded world, or a role that is no model.
    """
    outside = [benchmark for benchmark in options.benchmarks if plain(benchmark) not in SHAPES]
    model = options.model or JUDGE
    if outside and options.model is None:
        raise ValueError(f"{outside[0]}: name the judge, e.g. --model openai/gpt-4o; {JUDGE} knows drawings only")
    roles = {}
    methods = [parse(label) for label in options.methods]
    if any(method.asks_optimizer for method in methods):
        if not (options.optimizer or (not outside and options.optimizer is None)):
            raise ValueError(
                "an optimizer model is needed: --optimizer openai/o3, or --optimizer induction/rules in the embedded "
                "world"
            )
        roles["optimizer"] = model_role(options.optimizer or OPTIMIZER)
    if options.i2t and any(method.optimizes for method in methods):
        roles["i2t"] = model_role(options.i2t)
    return Setting(model, options.model_args, roles, options.max_calls, options.max_connections, options.first_i2t)


def check_folder(out: Path) -> None:
    """Make the folder and check that it can be written, before hours of work instead of after.

    Raises:
        ValueError: It cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        with written_whole(out / "runs.csv.partial"):
            pass
        (out / "runs.csv.partial").unlink()
    except OSError as error:
        raise ValueError(f"--out {out}: cannot be written: {error.strerror or error}") from error


def parser() -> argparse.ArgumentParser:
    """Every option, with its help."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    made = argparse.ArgumentParser(
        prog="compare_methods.py",
        description="Compare optimization methods: methods × benchmarks × seeds on equal budgets of model calls.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--out", type=Path, required=True, help="folder for tables, figure and logs")
    add("--benchmarks", nargs="+", metavar="TASK", default=list(SHAPES), help="tasks, by name or as FILE.py@task")
    add("--benchmark-args", type=_mapping, default={}, metavar="JSON", help="arguments of all benchmarks")
    add("--methods", nargs="+", metavar="METHOD", default=list(DEFAULTS), help="see below; default: all but stated")
    add("--reference", metavar="METHOD", help=f"what others are compared with (default: {REFERENCE}, if it takes part)")
    add("--seeds", type=_Whole(1), default=5, metavar="N", help="how many (default: %(default)s)")
    add("--first-seed", type=_Whole(0), default=1, metavar="N", help="the first one (default: %(default)s)")
    add(
        "--max-calls",
        type=_Whole(1),
        default=1000,
        metavar="N",
        help="model calls of each run, made or replayed, the final test not counted (default: %(default)s)",
    )
    add("--model", help=f"the judge (default in the embedded world: {JUDGE})")
    add("--model-args", type=_mapping, default={}, metavar="JSON", help="its arguments, such as '{\"dtype\": …}'")
    add("--i2t", metavar="MODEL", help="describes images (default: the judge)")
    add(
        "--optimizer",
        metavar="MODEL",
        help=f"proposes prompts (default in the embedded world: {OPTIMIZER}); also '{{model: NAME, temperature: 1}}'",
    )
    add("--first-i2t", metavar="TEXT", help="I2T prompt that all methods start from (default: the benchmarks' own)")
    add("--max-connections", type=_Whole(1), metavar="N", help="requests to a model at a time, of all runs together")
    add(
        "--jobs",
        type=_Whole(1),
        default=cores,
        metavar="N",
        help="runs at a time, in one process with one copy of a local judge (default: cores, %(default)s)",
    )
    return made


class _Whole:
    """An argument that is a whole number from ``least`` on."""

    def __init__(self, least: int) -> None:
        self.least = least

    def __call__(self, typed: str) -> int:
        try:
            value = int(typed)
        except ValueError:
            value = self.least - 1
        if value < self.least:
            raise argparse.ArgumentTypeError(f"must be a whole number from {self.least} on, not {typed!r}")
        return value


def _mapping(typed: str) -> dict[str, Any]:
    try:
        value = json.loads(typed)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not JSON ({error}): {typed}") from error
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a mapping such as '{{\"policy\": 3}}', not {typed}")
    return value
