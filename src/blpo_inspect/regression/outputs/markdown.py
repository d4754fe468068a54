"""A Markdown summary for a pull request or a job's summary page."""

from collections.abc import Sequence

from blpo_inspect._util.table import Table
from blpo_inspect._util.text import markdown, shortened
from blpo_inspect._util.word_diff import word_diff
from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.regression.outputs.phrases import MARKS, calls, change, figure_cells, flip_cells, headline, summary

ICONS = {"pass": "✅", "fail": "❌", "inconclusive": "❔", "broken": "⚠️"}
MOST_ROWS = 50
MOST_BYTES = 900_000
"""GitHub takes a job summary of at most 1 MiB."""


def summary_of(suite_result: SuiteResult) -> bytes:
    """The result; long lists are cut, and say so."""
    lines = [f"## {ICONS[suite_result.outcome]} Judges: {markdown(summary(suite_result))}", ""]
    rows = [(case, f"{ICONS[case.outcome]} {MARKS[case.outcome]}") for case in suite_result.cases]
    lines += Table(
        ("", "case", "judge", "why"),
        [(mark, _cell(case.name), _cell(case.model), _cell(headline(case))) for case, mark in rows],
    ).markdown(str)
    for case in suite_result.cases:
        part = _case(case)
        if len("\n".join([*lines, *part]).encode()) > MOST_BYTES:
            part = ["", f"### {markdown(case.name)}", "", "Left out here for its length; see the JSON file."]
        lines += part
    return ("\n".join(lines) + "\n").encode()


def _case(case: CaseResult) -> list[str]:
    if case.broken is not None:
        return []
    lines = ["", f"### {ICONS[case.outcome]} {markdown(case.name)}", "", markdown(calls(case)), ""]
    asked = [(_cell(f"{item.kind}: {item.name}"), ICONS[item.outcome], _cell(item.reason)) for item in case.criteria]
    lines += [*Table(("asked", "", "outcome"), asked).markdown(str), ""]
    figures = [figure_cells(figure) for figure in case.figures]
    lines += Table(("figure", "before", "now", "difference"), figures).markdown(_cell)
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
        titles = ("category", "images", "accuracy before", "now", "difference", "unread")
        lines += _folded(f"By category ({len(rows)})", titles, rows)
    if case.flips:
        heads = ("sample", "people", "before", "now", "")
        lines += _folded(f"Flipped labels ({len(case.flips)})", heads, [flip_cells(flip) for flip in case.flips])
    if case.drift:
        lines += [
            "",
            "What changed about the judge:",
            "",
            *(f"- {_cell(change)}" for change in case.drift),
            *_prompt(case),
        ]
    return lines


def _prompt(case: CaseResult) -> list[str]:
    if case.before is None or case.after is None:
        return []
    old, new = (run.prompts.get("judge", "") for run in (case.before, case.after))
    if old == new:
        return []
    marks = {"removed": "<del>{}</del>", "added": "<ins>{}</ins>"}
    pieces = [marks.get(piece.kind, "{}").format(markdown(piece.text)) for piece in word_diff(old[:4000], new[:4000])]
    return ["", "<details><summary>Judge prompt</summary>", "", " ".join(pieces), "", "</details>"]


def _folded(title: str, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["", f"<details><summary>{title}</summary>", ""]
    lines += Table(titles, rows[:MOST_ROWS]).markdown(_cell)
    if len(rows) > MOST_ROWS:
        lines += ["", f"… and {len(rows) - MOST_ROWS:,} more"]
    return [*lines, "", "</details>"]


def _cell(text: str) -> str:
    return markdown(shortened(text))
