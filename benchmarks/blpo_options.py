"""BLPO, its ablations and its options on the embedded world, on equal call budgets: the table of docs/optimizing.md.

    python benchmarks/blpo_options.py --out build/options

Every method runs on every shapes benchmark with five seeds, each with a hidden policy of its own, until the budget of
model calls is spent. Finished runs are kept in ``OUT/runs.jsonl`` and not repeated; two processes with different
``--benchmarks`` share the work. The embedded world is a simulation: see docs/embedded-world.md.
"""

import argparse
import csv
import fcntl
import json
import math
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any, cast

from inspect_ai import eval as inspect_eval
from scipy import stats

from blpo_inspect.optimize.blpo import blpo
from blpo_inspect.optimize.solving import RESULT
from blpo_inspect.prompts import PromptPair
from blpo_inspect.shapes.benchmarks import Name, statement
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.shapes import shapes_alignment, shapes_rating, shapes_safety

BENCHMARKS = ("shapes_safety", "shapes_alignment", "shapes_rating")
TASKS = {"safety": shapes_safety, "alignment": shapes_alignment, "rating": shapes_rating}
STATED = "the hidden policy stated"
METHODS: dict[str, dict[str, Any]] = {
    STATED: {},
    "BLPO": {},
    "fixed I2T prompt": {"i2t": "fixed"},
    "judge prompt as I2T prompt": {"i2t": "judge_prompt"},
    "judge reads captions only": {"caption_only": True},
    "Algorithm 1 as published": {"preset": "paper"},
    "without stratified batches": {"stratify": False},
    "without fresh errors": {"fresh_errors": 0},
    "without anchors": {"anchors": 0},
    "without carrying the I2T prompt on": {"carry_i2t": False},
    "starting I2T prompt may not win": {"include_start": False},
    "without selection on validation": {"selection": "last"},
    "0/1 loss": {"loss": "zero_one"},
    "likelihood loss": {"loss": "likelihood"},
}
ENDLESS = {"outer_steps": 1000, "patience": "none"}


@dataclass(frozen=True)
class Finished:
    """One run: how well the final pair does on the test split, and what it took."""

    benchmark: str
    method: str
    policy: int
    max_calls: int
    before: float
    accuracy: float
    macro_f1: float
    kappa: float
    calls: int
    made: int
    seconds: float


def run(benchmark: str, method: str, policy: int, max_calls: int, log_dir: Path) -> Finished:
    """One optimization; seed and policy are the same number."""
    began = time.monotonic()
    if method == STATED:
        return run_stated(benchmark, policy, log_dir)
    [log] = inspect_eval(
        optimize(benchmark, {"policy": policy}, seed=policy),
        model="hf-vlm/shapes-judge",
        model_roles={"optimizer": "induction/rules"},
        solver=blpo(**{**ENDLESS, "max_calls": max_calls, **METHODS[method]}),
        display="none",
        log_dir=str(log_dir),
        log_realtime=False,
        log_images=False,
    )
    if log.status != "success" or not log.samples:
        raise SystemExit(f"{benchmark}, {method}, policy {policy}: {log.status}; see {log.location}")
    [sample] = log.samples
    found = PromptPair.from_yaml(sample.output.completion).provenance
    after = found["test"]["after"]
    return Finished(
        benchmark,
        method,
        policy,
        max_calls,
        found["test"]["before"]["accuracy"],
        after["accuracy"],
        after["macro_f1"],
        after["cohens_kappa"] if after["cohens_kappa"] is not None else math.nan,
        sum(found["calls"].values()),
        sum(use["made"] for use in sample.metadata[RESULT]["uses"].values()),
        time.monotonic() - began,
    )


def run_stated(benchmark: str, policy: int, log_dir: Path) -> Finished:
    """What the judge can do at best: the test split under a prompt that states the policy."""
    name = cast(Name, benchmark.removeprefix("shapes_"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stated.yaml"
        PromptPair(statement(name, policy)).save(path)
        task = TASKS[name](policy=policy, prompts=str(path))
        [log] = inspect_eval(task, model="hf-vlm/shapes-judge", display="none", log_dir=str(log_dir))
    if log.status != "success" or not log.results:
        raise SystemExit(f"{benchmark}, {STATED}, policy {policy}: {log.status}; see {log.location}")
    figures = next(score.metrics for score in log.results.scores if score.name == "agreement")
    accuracy, macro_f1, kappa = (figures[one].value for one in ("accuracy", "macro_f1", "cohens_kappa"))
    return Finished(benchmark, STATED, policy, 0, math.nan, accuracy, macro_f1, kappa, 0, 0, 0.0)


def interval(values: Iterable[float]) -> str:
    """Mean and 95 % t interval."""
    known = list(values)
    if len(known) < 2 or len(set(known)) == 1:
        return f"{mean(known):+.3f}" if known else "–"
    low, high = stats.t.interval(0.95, len(known) - 1, loc=mean(known), scale=stats.sem(known))
    return f"{mean(known):+.3f} ({low:+.3f} to {high:+.3f})"


def table(runs: Mapping[tuple[str, str, int], Finished], benchmark: str) -> list[list[str]]:
    """A row per method: means over policies, and the paired difference from BLPO."""
    rows = []
    for method in METHODS:
        own = {policy: one for (b, m, policy), one in sorted(runs.items()) if (b, m) == (benchmark, method)}
        if not own:
            continue
        reference = {policy: runs.get((benchmark, "BLPO", policy)) for policy in own}
        differences = [own[policy].accuracy - other.accuracy for policy, other in reference.items() if other]
        rows.append(
            [
                method,
                str(len(own)),
                "–" if method == STATED else f"{mean(one.before for one in own.values()):.3f}",
                f"{mean(one.accuracy for one in own.values()):.3f}",
                f"{mean(one.macro_f1 for one in own.values()):.3f}",
                f"{mean(one.kappa for one in own.values()):.3f}",
                "" if method == "BLPO" else interval(differences),
                f"{mean(one.calls for one in own.values()):,.0f}",
            ]
        )
    return rows


COLUMNS = ("method", "runs", "before", "after", "macro-F1", "kappa", "accuracy less BLPO's", "calls")


def write(runs: Mapping[tuple[str, str, int], Finished], out: Path, max_calls: int) -> None:
    """``table.md`` and ``table.csv``."""
    lines = [f"Test agreement after at most {max_calls:,} model calls; mean over policies, 95 % t intervals.", ""]
    rows = []
    for benchmark in BENCHMARKS:
        found = table(runs, benchmark)
        rows += [[benchmark, *row] for row in found]
        lines += [f"**{benchmark}**", "", f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
        lines += [f"| {' | '.join(row)} |" for row in found] + [""]
    (out / "table.md").write_text("\n".join(lines))
    with (out / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["benchmark", *COLUMNS], *rows])
    print("\n".join(lines))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--benchmarks", nargs="+", default=BENCHMARKS, choices=BENCHMARKS)
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--policies", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    parser.add_argument("--max-calls", type=int, default=1000)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "runs.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    found = [Finished(**json.loads(line)) for line in lines]
    runs = {
        (one.benchmark, one.method, one.policy): one
        for one in found
        if one.max_calls == options.max_calls or one.method == STATED
    }
    for method in options.methods:
        for benchmark in options.benchmarks:
            for policy in options.policies:
                if (benchmark, method, policy) in runs:
                    continue
                one = run(benchmark, method, policy, options.max_calls, options.out / "logs")
                runs[benchmark, method, policy] = one
                with kept.open("a") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    file.write(json.dumps(vars(one)) + "\n")
                change = f"{one.before:.3f} → {one.accuracy:.3f}"
                print(f"{benchmark}, {method}, policy {policy}: {change}, {one.seconds:.0f} s", flush=True)
    write(runs, options.out, options.max_calls)


if __name__ == "__main__":
    main()
