"""A `Report` as Markdown, CSV and JSON: the same figures without pictures; JSON has them all."""

import json
import math
import re
from dataclasses import asdict
from typing import Any

from blpo_inspect._util.table import Table, as_csv
from blpo_inspect._util.text import printable, visible
from blpo_inspect.logs.optimize_run import OptimizeRun
from blpo_inspect.reporting import failures, formatting
from blpo_inspect.reporting.breakdown import Breakdown, Cell
from blpo_inspect.reporting.comparison import NAMES, SHOWN, Row
from blpo_inspect.reporting.content import Part, Report
from blpo_inspect.reporting.failures import Disagreement
from blpo_inspect.reporting.first_and_last import first_and_last
from blpo_inspect.reporting.jury import Jury
from blpo_inspect.statistics import Interval

_FORMULA = re.compile(r"^[\s\u200b\ufeff]*[=+\-@＝＋－＠]|^[\t\r\n]")
"""What a spreadsheet takes for a formula, also behind white space and in full width."""

_NAMED = re.compile(r"@|\\#|\b[Gg][Hh]-(?=\d)")
"""What begins a mention of a person or an issue on GitHub, which looks for them in text that was escaped too."""

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+|!~$&])")


def json_text(report: Report) -> str:
    """Everything that the report says, as JSON; figures that are not defined are null."""
    data = {
        "format": "blpo-inspect/report/1",
        "title": report.options.title,
        "groups": [_group(part) for part in report.parts],
        "optimizations": [_optimization(run) for run in report.optimizations],
        "left_out": [{"what": item.what, "why": item.why} for item in report.left_out],
    }
    return as_json(data)


def as_json(data: object) -> str:
    """Plain data as JSON text; figures that are not defined are null, and equal data give equal text."""
    return json.dumps(finite(data), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def csv_text(report: Report) -> str:
    """One row per judging run; figures in full precision, empty where they are not defined.

    Texts that a spreadsheet would take for a formula begin with an apostrophe.
    """
    known = list(dict.fromkeys(name for kinds in SHOWN.values() for name in kinds))
    figures = [f"{name}{end}" for name in (*known, "share_of_ceiling") for end in ("", "_low", "_high")]
    usage = ["made", "replayed", "input_tokens", "output_tokens", "cost", "seconds"]
    names = [
        "group",
        "run",
        "model",
        "prompt",
        "log",
        "status",
        "samples",
        "missing",
        "unread",
        "asked_again",
        *figures,
        "winning_rate",
        "advantage",
        "alt_test",
        *usage,
    ]
    lines = []
    for part in report.parts:
        for row in part.group.rows:
            record = row.run.record
            texts = [part.group.name, row.letter, record.model, row.prompt_name, record.log, record.status]
            cells: list[Any] = list(map(no_formula, texts))
            cells += [len(row.run.by_unit), row.missing, cell(row.unread.value), row.run.asked_again]
            for estimate in (*(row.figures.get(name) for name in known), row.share):
                cells += [cell(getattr(estimate, end, math.nan)) for end in ("value", "low", "high")]
            test = part.replacing[row.letter]
            cells += [cell(test.winning_rate), cell(test.advantage), test.verdict if test.raters else ""]
            cells += [cell(getattr(row.run.usage, name)) for name in usage]
            lines.append(cells)
    return as_csv(names, lines)


def markdown(report: Report) -> str:
    """The tables and findings, without gallery and plots."""
    lines = [f"# {_md(report.options.title)}", ""]
    if any(part.group.simulated for part in report.parts):
        lines += ["**A simulation:** some of these figures say nothing about real images.", ""]
    lines += ["## Which judge and prompt agree best with people?", ""]
    for part in report.parts:
        lines += [f"### {_md(part.group.name)}", "", _md(formatting.finding(part)), "", *_agreement(part), ""]
    lines += ["## Is the difference real?", ""]
    for part in report.parts:
        if part.pairs:
            lines += [f"### {_md(part.group.name)}", "", *_tests(part), ""]
    lines += ["## May it replace a person?", ""]
    for part in report.parts:
        lines += [f"### {_md(part.group.name)}: judge against raters", "", *_replacing(part), ""]
    lines += ["## What would another judge be worth?", ""]
    for part in report.parts:
        if part.jury is not None:
            lines += [f"### {_md(part.group.name)}: judges together", "", *_together(part.jury), ""]
    lines += ["## On what share may it decide alone?", ""]
    for part in report.parts:
        said = [f"- {letter} {alone.sentence}" for letter, alone in part.alone.items() if alone is not None]
        together = part.jury.juries if part.jury is not None else ()
        said += [f"- the {line.name} {line.alone.sentence}" for line in together if line.alone is not None]
        lines += [f"### {_md(part.group.name)}", "", *(said or ["No judge says how sure it is."]), ""]
    lines += ["## Where do they fail?", ""]
    for part in report.parts:
        for row in part.group.rows:
            lines += _confusion(part, row)
        for by in part.breakdowns:
            lines += _by_group(part, by)
    lines += ["## How was the prompt found?", ""]
    for run in report.optimizations:
        lines += _optimized(run)
    lines += ["## Can I trust and repeat it?", ""]
    lines += [f"- {_md(item.what)}: {_md(item.why)}" for item in report.left_out]
    lines += ["- Nothing was left out."] if not report.left_out else []
    lines.append("")
    runs = [(f"{part.group.name}: {row.letter}", row.run.record) for part in report.parts for row in part.group.rows]
    for name, record in [*runs, *((run.name, run.record) for run in report.optimizations)]:
        lines += [f"{_md(name)} ({_md(record.log)})", "", *_block(record.command), ""]
    return "\n".join(lines).rstrip() + "\n"


def _agreement(part: Part) -> list[str]:
    names = SHOWN[part.group.scale.kind]
    head = ["run", "model", "prompt", "samples", "unread", *(NAMES[name] for name in names), "share of ceiling"]
    rows = [
        [
            row.letter,
            row.run.record.model,
            row.prompt_name,
            str(len(row.run.by_unit)) + (f" ({row.missing} missing)" if row.missing else ""),
            formatting.share(row.unread.value),
            *(formatting.interval(row.figures[name]) for name in names),
            formatting.interval(row.share),
            formatting.calls(row.run.usage),
            formatting.tokens(row.run.usage),
            formatting.cost(row.run.usage),
            formatting.seconds(row.run.usage.seconds),
        ]
        for row in part.group.rows
    ]
    return Table([*head, "calls", "tokens", "cost", "time"], rows).markdown(_md)


def _tests(part: Part) -> list[str]:
    rows = [
        [
            f"{pair.first} → {pair.second}",
            str(pair.shared),
            formatting.interval(pair.difference, "+.2f"),
            formatting.p_value(pair.p),
            formatting.interval(pair.accuracy, "+.2f"),
            formatting.p_value(pair.accuracy_p),
            "yes" if pair.real else "not shown",
        ]
        for pair in part.pairs
    ]
    return Table(["pair", "shared", NAMES[part.group.headline], "Holm", "accuracy", "Holm", "real"], rows).markdown(_md)


def _replacing(part: Part) -> list[str]:
    tests = part.replacing
    said = [f"- {letter}: {_md(test.sentence)}" for letter, test in tests.items()]
    rows = [
        [
            letter,
            one.rater,
            str(one.items),
            formatting.number(one.rho_f),
            formatting.number(one.rho_h),
            formatting.p_value(one.p),
            "yes" if one.won else "not shown",
        ]
        for letter, test in tests.items()
        for one in test.raters
    ]
    head = ["run", "rater", "items", "judge as good or better", "rater as good or better", "p", "judge wins"]
    return [*said, *(["", *Table(head, rows).markdown(_md)] if rows else [])]


def _together(jury: Jury) -> list[str]:
    rows = [
        [
            line.name,
            *map(formatting.interval, line.figures.values()),
            formatting.interval(line.difference, "+.3f"),
            "" if line.difference is None else formatting.p_value(line.difference.p),
        ]
        for line in (jury.best, *jury.juries)
    ]
    head = ["jury", *(NAMES[name] for name in jury.best.figures), "against the best alone", "p"]
    said = f"errors correlate {formatting.interval(jury.correlation)}: worth {jury.effective:.1f} independent judges"
    return [*Table(head, rows).markdown(_md), "", said]


def _confusion(part: Part, row: Row) -> list[str]:
    confusion = failures.confusion(row.run, part.group.scale)
    if confusion is None:
        return []
    columns = [*confusion.labels, *([failures.UNREAD] if confusion.unread else [])]
    rows = [[human, *(str(confusion.counts[human][label]) for label in columns)] for human in confusion.labels]
    return [
        f"### {_md(part.group.name)}: {row.letter}",
        "",
        *Table(["people ↓ judge →", *columns], rows).markdown(_md),
        "",
    ]


def _by_group(part: Part, by: Breakdown) -> list[str]:
    lines = []
    corner, columns, rows = by.table()
    for name in by.figures:
        cells = [
            [title, *(formatting.NONE if one is None else _of_group(one, name) for one in row)] for title, row in rows
        ]
        title = f"{part.group.name}: {NAMES[name]} by {by.field}"
        lines += [f"### {_md(title)}", "", *Table([corner, *columns], cells).markdown(_md), ""]
    return lines


def _of_group(cell: Cell, name: str) -> str:
    return f"{formatting.interval(cell.figures[name])}, {formatting.size(cell)}"


def _optimized(run: OptimizeRun) -> list[str]:
    start = run.provenance.get("start")
    lines = [f"### {_md(run.name)}", ""]
    if isinstance(start, dict):
        lines += ["First judge prompt:", "", *_block(str(start.get("judge", ""))), ""]
    lines += ["Last judge prompt:", "", *_block(run.judge), "", "Last I2T prompt:", "", *_block(run.i2t), ""]
    table = first_and_last(run.provenance.get("test"))
    if table is not None:
        lines += ["First and last pair on the test split:", "", *table.markdown(_md), ""]
    trajectory = run.provenance.get("trajectory")
    steps = [step for step in trajectory if isinstance(step, dict)] if isinstance(trajectory, list) else []
    names = ("step", "train_loss", "validation_loss", "accepted", "calls", "reason")
    return [
        *lines,
        *Table(names, [[str(step.get(name, formatting.NONE)) for name in names] for step in steps]).markdown(_md),
        "",
    ]


def _block(text: str) -> list[str]:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence]


def _md(text: str) -> str:
    return _NAMED.sub(r"\g<0>&#8203;", _MARKDOWN.sub(r"\\\1", visible(text)))


def no_formula(text: str) -> str:
    """A text that no spreadsheet takes for a formula: such a one begins with an apostrophe."""
    shown = printable(text)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def cell(value: float | None) -> float | str:
    """A figure in CSV, empty where it is not defined."""
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else value


def _group(part: Part) -> dict[str, Any]:
    group = part.group
    return {
        "name": group.name,
        "benchmark": group.rows[0].run.benchmark,
        "simulation": group.simulated,
        "scale": group.scale.to_dict(),
        "samples": group.samples,
        "headline": group.headline,
        "finding": formatting.finding(part),
        "human_ceiling": _interval(group.ceiling),
        "runs": [_row(part, row) for row in group.rows],
        "jury": None if part.jury is None else asdict(part.jury),
        "tests": [asdict(pair) | {"real": pair.real} for pair in part.pairs],
        "every_judge_wrong": [_disagreement(disagreement) for disagreement in part.wrong],
        "judges_disagree": [_disagreement(disagreement) for disagreement in part.split],
    }


def _row(part: Part, row: Row) -> dict[str, Any]:
    run = row.run
    confusion = failures.confusion(run, part.group.scale)
    calibration = failures.calibration(run)
    test = part.replacing[row.letter]
    return {
        "run": row.letter,
        "prompt_name": row.prompt_name,
        "prompt": run.prompt,
        "map": run.prompts.get("map"),
        "figures": {name: _interval(estimate) for name, estimate in row.figures.items()},
        "unread": _interval(row.unread),
        "share_of_ceiling": _interval(row.share),
        "answers": len(run.by_unit),
        "asked_again": run.asked_again,
        "missing": row.missing,
        "alone": None if (alone := part.alone[row.letter]) is None else asdict(alone),
        "alternative_annotator": asdict(test) | {"verdict": test.verdict, "sentence": test.sentence},
        "usage": asdict(run.usage),
        "data_digest": run.digest,
        "record": asdict(run.record),
        "confusion": confusion.counts if confusion else None,
        "by": {
            by.field: {group: asdict(cell) for (letter, group), cell in by.cells.items() if letter == row.letter}
            for by in part.breakdowns
        },
        "calibration": asdict(calibration) if calibration else None,
    }


def _disagreement(disagreement: Disagreement) -> dict[str, Any]:
    return {
        "sample": disagreement.sample.id,
        "human": disagreement.sample.human,
        "text": disagreement.sample.text,
        "raters_who_agree": disagreement.unanimous,
        "mean_loss": disagreement.loss,
        "answers": {
            given.letter: {"label": given.answer.label, "said": given.answer.said} for given in disagreement.given
        },
    }


def _optimization(run: OptimizeRun) -> dict[str, Any]:
    return {
        "name": run.name,
        "sample": run.sample,
        "epoch": run.epoch,
        "judge": run.judge,
        "i2t": run.i2t,
        "uses": {role: asdict(use) for role, use in run.uses.items()},
        "provenance": run.provenance,
        "record": asdict(run.record),
    }


def _interval(estimate: Interval | None) -> dict[str, Any] | None:
    return None if estimate is None else asdict(estimate)


def finite(value: Any) -> Any:
    """A value for JSON: what is no finite number is null."""
    if isinstance(value, dict):
        return {str(name): finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
