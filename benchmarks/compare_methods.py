"""Compares optimization methods: methods × benchmarks × seeds on equal budgets of model calls, by one command.

    python benchmarks/compare_methods.py --out build/comparison
    python benchmarks/compare_methods.py --out build/comparison --methods none blpo blpo:i2t=fixed --seeds 3

All runs are one Inspect eval set of ``blpo_inspect/optimize``; the logs are the only record. The same command continues
an interrupted comparison. ``--help`` explains all options, ``benchmarks/README.md`` how to read the results.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Protocol

from inspect_ai import Task
from inspect_ai.log import EvalLog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.inspect_internals import PrerequisiteError
from comparison.command_line import INTERRUPTED, check_folder, methods_of, parser, reference_of, setting_of
from comparison.cost import cost_csv, cost_table
from comparison.figure import draw
from comparison.methods import NONE, Method, parse
from comparison.outcome import Outcome, read, with_first_prompts
from comparison.plan import Key, Run, Setting, plan
from comparison.runner import carry_out, set_aside_broken
from comparison.summary import summarize
from comparison.tables import runs_csv, table_csv, table_md


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; the exit status."""
    command = parser()
    options = command.parse_args(argv)
    try:
        methods, setting, reference = methods_of(options), setting_of(options), reference_of(options)
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        check_folder(options.out)
        runs = plan(options.benchmarks, methods, seeds, options.benchmark_args, setting, options.out / "prompts")
        tasks = [run.task() for run in runs]
    except PrerequisiteError as error:
        command.error(str(error.message))
    except (ValueError, OSError) as error:
        command.error(str(error))
    try:
        outcomes, failed = _collect(runs, tasks, options.out / "logs", options.jobs)
        first = next((method for method in methods if method.name == NONE), None)
        outcomes += with_first_prompts(outcomes, first or parse(NONE))
    except KeyboardInterrupt:
        print("interrupted; the same command continues from here", file=sys.stderr)
        return INTERRUPTED
    except PrerequisiteError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    by_key = {outcome.run.key: outcome for outcome in outcomes}
    order = product(options.benchmarks, [method.label for method in methods], seeds)
    ordered = {key: by_key[key] for key in order if key in by_key}
    _write(options, methods, seeds, setting, reference, ordered, len(failed))
    for problem in failed:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if failed else 0


def _collect(runs: Sequence[Run], tasks: Sequence[Task], log_dir: Path, jobs: int) -> tuple[list[Outcome], list[str]]:
    """Carry out the runs that are not finished; the outcomes of all runs, and the failures with their reasons."""
    log_dir.mkdir(exist_ok=True)
    outcomes: list[Outcome] = []
    failed: list[str] = []
    with _progress(len(runs)) as tell:

        def begin(number: int) -> None:
            if number < len(runs):
                tell(f"{len(runs) - number} of {len(runs)} runs are finished already", len(runs) - number)

        def end(run: Run, log: EvalLog, ran: bool) -> None:
            try:
                outcome = read(run, log)
            except ValueError as error:
                failed.append(f"{run.name}: {str(error).strip()} (log: {log.location})")
                tell(f"{run.name}: failed, {str(error).strip().splitlines()[-1]}", ran)
            else:
                outcomes.append(outcome)
                if ran:
                    tell(f"{run.name}: {_summary(outcome)}", 1)

        for path in set_aside_broken(log_dir):
            tell(f"set aside, not a whole log: {path}", 0)
        carry_out(runs, tasks, log_dir, jobs, begin, end)
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
    """A function that prints a line about a run: above a bar on a terminal, else after the number of runs done."""
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


def _summary(outcome: Outcome) -> str:
    start = f"{outcome.before.accuracy:.3f} → " if outcome.before and outcome.run.method.optimizes else ""
    return f"accuracy {start}{outcome.after.accuracy:.3f}, {outcome.calls:,} calls, {outcome.seconds:.0f} s"


if __name__ == "__main__":
    status = main()
    if status == INTERRUPTED:
        # a local judge's thread may still compute; Python would abort on it
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
