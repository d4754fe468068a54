"""The demonstration: ``make demo``, or ``python -m blpo_inspect.demo``.

Optimizes the prompts of `shapes_safety` with BLPO, judges the test split with the first and the optimized pair, prints
what changed, writes the report of these runs, and checks the optimized pair against the first one as a regression gate
would. Everything runs in the embedded world: drawn images, simulated raters, a hidden policy.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from rich.console import Console
from rich.table import Table
from rich.text import Text

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.word_diff import as_rich, word_diff
from blpo_inspect.judging.prompts import RESULT, PromptPair
from blpo_inspect.regression import suite as suites
from blpo_inspect.regression.check import How, check, update
from blpo_inspect.regression.outputs import terminal
from blpo_inspect.reporting.content import Options, report
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import gather
from blpo_inspect.scorers.metric_keys import metric_key
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.shapes import shapes_safety

JUDGE = "hf-vlm/shapes-judge"
OPTIMIZER = "induction/rules"
SUITE = """\
version: 1
cases:
  - name: a new judge prompt
    benchmark: shapes_safety
    args: {{policy: {policy}}}
    {prompts}
    model: {model}
    baseline: first-pair.json
    margin: {{accuracy: 0.05}}
    at_least: {{cohens_kappa: 0.6}}
"""
"""Checks the optimized pair against what the first pair answered."""


def run(policy: int, log_dir: str, display: str) -> None:
    """Optimize, judge with both pairs, and print the comparison."""
    console = Console()
    console.print(
        f"[bold]BLPO on shapes_safety[/]: {JUDGE} judges and describes, {OPTIMIZER} proposes prompts. A simulation: "
        "drawn images, simulated raters, a hidden policy that no prompt states at first."
    )
    began = time.monotonic()
    path = Path(log_dir) / "shapes-safety-pair.yaml"
    settings: dict[str, Any] = {"model": JUDGE, "log_dir": log_dir, "display": display, "log_realtime": False}
    [optimized] = inspect_eval(
        optimize("shapes_safety", {"policy": policy}, save=str(path)),
        model_roles={"optimizer": OPTIMIZER},
        **settings,
    )
    _check(optimized)
    judged = inspect_eval([shapes_safety(policy=policy), shapes_safety(policy=policy, prompts=str(path))], **settings)
    for log in judged:
        _check(log)
    pair = PromptPair.load(path)

    console.print()
    _print_diff(console, "judge prompt", pair.provenance["start"]["judge"], pair.judge)
    _print_diff(console, "I2T prompt", pair.provenance["start"]["i2t"], pair.i2t)
    console.print(_agreement(judged, pair))
    console.print(_calls(optimized, pair))
    console.print()
    _guard(policy, path, judged)
    page = Path(log_dir) / "report.html"
    _report(page, [optimized, *judged])
    console.print(f"\nTook {time.monotonic() - began:.0f} s. Written:", soft_wrap=True)
    for what, where in (("report", page), ("pair", path), ("suite of checks", path.with_name("suite.yaml"))):
        console.print(f"  {where}  ({what})", soft_wrap=True)
    console.print(f"The runs: inspect view --log-dir {log_dir}", soft_wrap=True)


def _print_diff(console: Console, name: str, before: str, after: str) -> None:
    console.print(
        Text.assemble(
            (f"{name}: ", "bold"), as_rich(word_diff(before, after), styles={"removed": "red strike", "added": "green"})
        ),
        soft_wrap=False,
    )
    console.print()


def _agreement(judged: list[EvalLog], pair: PromptPair) -> Table:
    """The logs' own figures; nothing is computed a second time."""
    n = len(judged[0].samples or [])
    table = Table(title=f"Agreement with the raters' consensus on {n} test images, with 95 % intervals")
    for column in ("", "unread", "accuracy", "Cohen's kappa"):
        table.add_column(column, justify="right" if column else "left")
    names = ("accuracy", "cohens_kappa")
    figures = [_figures(log) for log in judged]
    for name, found in zip(("first pair", "optimized pair"), figures, strict=True):
        triples = ([found[metric_key(one, of)] for of in ("value", "low", "high")] for one in names)
        intervals = (f"{value:.2f} ({low:.2f}, {high:.2f})" for value, low, high in triples)
        table.add_row(name, f"{found['share']:.0%}", *intervals)
    change = pair.provenance["test"]["difference"]
    table.add_row("paired difference", "", *(_difference(change[name]) for name in names))
    table.add_section()
    table.add_row("rater against others", "", *(f"{figures[0][metric_key(name, 'ceiling')]:.2f}" for name in names))
    return table


def _calls(optimized: EvalLog, pair: PromptPair) -> Table:
    assert optimized.samples
    result = optimized.samples[0].metadata[RESULT]
    table = Table(title="Model calls of the optimization, the test split included")
    for column in ("role", "made", "replayed", "tokens in", "tokens out"):
        table.add_column(column, justify="left" if column == "role" else "right")
    for role, use in result["uses"].items():
        counts = (use["made"], use["replayed"], use["input_tokens"], use["output_tokens"])
        table.add_row(role, *(f"{count:,}" for count in counts))
    spent = sum(pair.provenance["calls"].values())
    table.caption = (
        f"{spent:,} calls before the test split. Without reusing answers, the same steps of Algorithm 1 would take "
        f"{result['naive_calls']:,} calls."
    )
    return table


def _guard(policy: int, pair: Path, judged: list[EvalLog]) -> None:
    """``blpo check``: is the optimized pair no worse than the first one? Both were judged already."""
    file = pair.with_name("suite.yaml")
    settings = {"policy": policy, "model": JUDGE}
    for log, prompts in zip(judged, ("", f"prompts: {pair.name}"), strict=True):
        with written_whole(file) as out:
            out.write(SUITE.format(**settings, prompts=prompts).encode())
        suite, how = suites.load(file), How(log_dir=pair.parent, logs=(Path(log.location),))
        if not prompts:
            update(suite, suite.cases[0], how).write()
        else:
            terminal.show(check(suite, how=how), terminal.console())


def _report(page: Path, logs: list[EvalLog]) -> None:
    found = report(gather([log.location for log in logs]), Options(title="The demonstration's judges"))
    with written_whole(page) as out:
        out.write(html(found).encode())


def _check(log: EvalLog) -> None:
    if log.status != "success" or not log.samples:
        raise SystemExit(f"the evaluation ended with status {log.status}; see {log.location}")


def _figures(log: EvalLog) -> dict[str, float]:
    scores = log.results.scores if log.results else []
    return {name: metric.value for score in scores for name, metric in score.metrics.items()}


def _difference(change: dict[str, Any]) -> str:
    if change["value"] is None:
        return "not defined"
    return f"{change['value']:+.2f} ({change['low']:+.2f}, {change['high']:+.2f})"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--policy", type=int, default=0, help="seed of the hidden policy")
    parser.add_argument("--log-dir", default="logs")
    parser.add_argument(
        "--display",
        default="plain",
        choices=["full", "conversation", "rich", "plain", "log", "none"],
    )
    options = parser.parse_args()
    run(options.policy, options.log_dir, options.display)


if __name__ == "__main__":
    main()
