"""Optimization methods compared: methods × benchmarks × seeds on equal budgets of model calls, by one command.

    python benchmarks/compare_methods.py --out build/comparison
    python benchmarks/compare_methods.py --out build/comparison --methods none blpo blpo:i2t=fixed --seeds 3

Each run is an Inspect eval of ``blpo_inspect/optimize``; its log is the only record of it. The same command again goes
on where the last one ended. ``--help`` has the whole of it, ``benchmarks/README.md`` how to read what it writes.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.optimizers.problem import load_problem
from comparison.command_line import INTERRUPTED, check_folder, methods_of, parser, reference_of, setting_of
from comparison.cost import cost_csv, cost_table
from comparison.figure import draw
from comparison.methods import NONE, Method, parse
from comparison.outcome import Outcome, finished, read, with_first_prompts
from comparison.plan import Key, Run, Setting, plan
from comparison.runner import carry_out
from comparison.summary import summarize
from comparison.tables import runs_csv, table_csv, table_md


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; the exit status."""
    command = parser()
    options = command.parse_args(argv)
    # before torch is loaded, here and in the processes that are started: one thread for each job
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        methods, setting, reference = methods_of(options), setting_of(options), reference_of(options)
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        check_folder(options.out)
        runs = plan(options.benchmarks, methods, seeds, options.benchmark_args, setting, options.out / "prompts")
        digests = {run.key: load_problem(run.benchmark, run.args).digest for run in runs}
        for method in methods:
            if method.optimizes:
                method.solver(options.max_calls)
    except PrerequisiteError as error:
        command.error(str(error.message))
    except (ValueError, OSError) as error:
        command.error(str(error))
    try:
        outcomes, failed = _collect(runs, options.out / "logs", digests, options.jobs)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return INTERRUPTED
    try:
        first = next((one for one in methods if one.name == NONE), None)
        found = [*outcomes.values(), *(with_first_prompts(outcomes.values(), first or parse(NONE)))]
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    every = {one.run.key: one for one in found}
    order = [(benchmark, one.label, seed) for benchmark in options.benchmarks for one in methods for seed in seeds]
    _write(options, methods, seeds, setting, reference, {key: every[key] for key in order if key in every}, len(failed))
    for problem in failed:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if failed else 0


def _collect(
    runs: Sequence[Run], log_dir: Path, digests: Mapping[Key, str], jobs: int
) -> tuple[dict[Key, Outcome], list[str]]:
    """What all runs came to, those that are not finished being carried out; and which failed, why."""
    log_dir.mkdir(exist_ok=True)
    outcomes: dict[Key, Outcome] = {}
    failed: list[str] = []
    logs, unreadable = finished(log_dir, runs, digests)
    with _progress(len(runs)) as tell:
        for path in unreadable:
            tell(f"left aside, not a whole log: {path}", 0)
        for run in runs:
            if run.key in logs:
                with suppress(ValueError):  # a run that one of Inspect's limits ended has no figures: once more
                    outcomes[run.key] = read(run, logs[run.key])
        if outcomes:
            tell(f"{len(outcomes)} of {len(runs)} runs are finished already", len(outcomes))
        waiting = [run for run in runs if run.key not in outcomes]
        for ended in carry_out(waiting, log_dir, min(jobs, len(waiting)) or 1):
            problem = ended.problem
            if problem is None and ended.log is not None:
                try:
                    outcomes[ended.run.key] = read(ended.run, ended.log)
                except ValueError as error:
                    problem = str(error)
            if problem is not None:
                where = f" (log: {ended.log})" if ended.log else ""
                failed.append(f"{_named(ended.run)}: {problem.strip()}{where}")
            tell(f"{_named(ended.run)}: {_told(outcomes.get(ended.run.key), problem)}", 1)
    return outcomes, failed


def _write(
    options: argparse.Namespace,
    methods: Sequence[Method],
    seeds: Sequence[int],
    setting: Setting,
    reference: str | None,
    outcomes: Mapping[Key, Outcome],
    missing: int,
) -> None:
    rows = {benchmark: summarize(outcomes, benchmark, methods, seeds, reference) for benchmark in options.benchmarks}
    table = table_md(rows, setting, seeds, reference, missing)
    figure = draw(outcomes, options.benchmarks, methods, options.max_calls)
    files = {
        "runs.csv": runs_csv(outcomes).encode(),
        "table.csv": table_csv([row for own in rows.values() for row in own], setting.model).encode(),
        "table.md": table.encode(),
        "cost.csv": cost_csv(outcomes).encode(),
        **{f"figure.{kind}": data for kind, data in figure.items()},
    }
    for name, data in files.items():
        with written_whole(options.out / name) as file:
            file.write(data)
    print(f"\n{table}\n{cost_table(outcomes, options.benchmarks, methods)}")
    print(f"Written to {options.out}: {', '.join(files)}.")
    print(f"Look at the runs with: inspect view --log-dir {options.out}/logs")


class _Tell(Protocol):
    def __call__(self, line: str, done: int) -> None: ...


@contextmanager
def _progress(total: int) -> Iterator[_Tell]:
    """A function that tells people about runs: above a bar on a terminal, else as lines with their number."""
    console = Console()
    if not console.is_terminal:
        count = 0

        def say(line: str, done: int) -> None:
            nonlocal count
            count += done
            print(f"[{count}/{total}] {line}", flush=True)

        yield say
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeElapsedColumn(), TextColumn("left:"))
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("runs", total=total)

        def show(line: str, done: int) -> None:
            progress.console.print(line, markup=False, highlight=False)
            progress.advance(bar, done)

        yield show


def _named(run: Run) -> str:
    return f"{run.benchmark}, {run.method.label}, seed {run.seed}"


def _told(outcome: Outcome | None, problem: str | None) -> str:
    if outcome is None:
        return f"failed, {(problem or '').strip().splitlines()[-1] if problem else ''}"
    start = f"{outcome.before.accuracy:.3f} → " if outcome.before and outcome.run.method.optimizes else ""
    return f"accuracy {start}{outcome.after.accuracy:.3f}, {outcome.calls:,} calls, {outcome.seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
