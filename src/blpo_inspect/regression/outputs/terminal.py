"""The result for people at a terminal."""

import io
import os
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from blpo_inspect._util.table import Table
from blpo_inspect._util.text import shortened, visible
from blpo_inspect._util.word_diff import as_rich, word_diff
from blpo_inspect.regression.check import Update
from blpo_inspect.regression.compare import Flip, StatisticChange
from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.regression.outputs.phrases import MARKS, calls, change, figure_cells, flip_cells, summary

STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow", "broken": "bold magenta"}
MOST_ROWS = 20


def console() -> Console:
    """Where results go; wide enough for tables where the output is a file."""
    return Console(highlight=False, width=None if os.isatty(1) else 120)


def show(suite_result: SuiteResult, out: Console) -> None:
    """Print a result."""
    for case in suite_result.cases:
        _case(case, out)
    out.print(Text(summary(suite_result), style=STYLES[suite_result.outcome]))


def as_text(suite_result: SuiteResult) -> str:
    """A result as plain text."""
    file = io.StringIO()
    show(suite_result, Console(file=file, width=120, highlight=False, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in file.getvalue().split("\n"))


def show_update(update: Update, out: Console) -> None:
    """Print what a new baseline would change."""
    out.print(Text(visible(f"{update.case.name}: {update.case.baseline.name}"), style="bold"))
    if not update.changes:
        out.print("  stays as it is")
    for line in update.changes:
        out.print(Text(f"  {shortened(visible(line))}"), soft_wrap=True)
    _figures(update.figures, out)
    _flips(update.flips, out)


def _case(case: CaseResult, out: Console) -> None:
    line = Text(f"{MARKS[case.outcome]:<12} ", style=STYLES[case.outcome])
    line.append(visible(f"{case.name} ({case.model})"), style="bold")
    out.print(line)
    if case.broken is not None:
        for part in case.broken.split("\n"):
            out.print(Text(f"  {visible(part)}"), soft_wrap=True)
        out.print()
        return
    out.print(Text(f"  {calls(case)}"))
    for criterion in case.criteria:
        text = Text("  ")
        text.append(criterion.outcome, style=STYLES[criterion.outcome])
        text.append(f"  {criterion.kind}: {visible(shortened(criterion.reason, 1000))}")
        out.print(text, soft_wrap=True)
    if case.outcome == "inconclusive" and case.more is not None:
        out.print(Text(f"  About {case.more:,} more labelled images would decide."))
    _figures(case.figures, out)
    if case.categories:
        rows = [
            (
                category.name,
                str(category.n),
                f"{category.before:.3f}",
                f"{category.after:.3f}",
                change(category.difference),
                str(category.unread),
            )
            for category in case.categories
        ]
        _table(("category", "images", "before", "now", "accuracy", "unread"), rows, out)
    _flips(case.flips, out)
    _drift(case, out)
    out.print()


def _figures(figures: Sequence[StatisticChange], out: Console) -> None:
    if figures:
        level = figures[0].difference.level
        titles = ("figure", "before", "now", f"difference ({level:.0%} interval)")
        _table(titles, [figure_cells(figure) for figure in figures], out)


def _flips(flips: Sequence[Flip], out: Console) -> None:
    if flips:
        out.print(f"  {len(flips):,} labels flipped:")
        _table(("sample", "people", "before", "now", ""), [flip_cells(flip) for flip in flips], out)


def _drift(case: CaseResult, out: Console) -> None:
    if not case.drift:
        return
    out.print("  What changed about the judge:")
    for sentence in case.drift:
        out.print(Text(f"    {shortened(visible(sentence))}"), soft_wrap=True)
    if case.before is None or case.after is None:
        return
    old, new = (run.prompts.get("judge", "") for run in (case.before, case.after))
    if old != new:
        styles = {"removed": "red strike", "added": "green"}
        out.print(Text.assemble("    ", as_rich(word_diff(old[:4000], new[:4000]), _in_line, styles)), soft_wrap=True)


def _in_line(text: str) -> str:
    """A piece of a prompt within one line; the space that it begins with stays."""
    words = visible(text)
    return f" {words}" if text[:1].isspace() and words else words


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]], out: Console) -> None:
    table = Table(titles, rows[:MOST_ROWS]).rich(lambda cell: visible(shortened(cell)), padding=(0, 2, 0, 0))
    out.print(Padding.indent(table, 4))
    if len(rows) > MOST_ROWS:
        out.print(f"    … and {len(rows) - MOST_ROWS:,} more")
