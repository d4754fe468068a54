"""The files ``runs.csv``, ``table.csv`` and ``table.md``: the same outcomes give the same bytes on every machine."""

import math
from collections.abc import Iterable, Mapping, Sequence

from blpo_inspect._util.table import Table, as_csv
from blpo_inspect.statistics import Comparison
from comparison import paper
from comparison.outcome import Outcome
from comparison.plan import Key, Setting
from comparison.summary import COMPARED, CONSTANT, EQUAL, FIGURES, ORDERED, Mean, Row, shown

NOTHING = "–"


def runs_csv(outcomes: Mapping[Key, Outcome]) -> str:
    """A row per run."""
    ordered = [name for name in ORDERED if any(not math.isnan(getattr(one.after, name)) for one in outcomes.values())]
    columns = ("accuracy", "macro_f1", "kappa", "n", "unread", *ordered)
    header = ["benchmark", "method", "seed", "calls", *(f"{name}_before" for name in columns), *columns]
    rows = []
    for (benchmark, label, seed), outcome in outcomes.items():
        before = [_number(getattr(outcome.before, name)) if outcome.before else "" for name in columns]
        after = [_number(getattr(outcome.after, name)) for name in columns]
        rows.append([benchmark, label, str(seed), str(outcome.calls), *before, *after])
    return as_csv(header, rows)


def table_csv(rows: Iterable[Row], model: str) -> str:
    """A row per benchmark and method; differences are the method's less the reference's."""
    rows = list(rows)
    figures, compared = shown(rows, FIGURES), shown(rows, COMPARED)
    header = ["benchmark", "method", "runs"]
    header += [f"{name}_{part}" for name in figures for part in ("mean", "sd")]
    header += ["unread_mean", "calls_mean"]
    header += [f"{name}_less_{part}" for name in compared for part in ("mean", "low", "high", "p", "p_holm", "note")]
    header += ["paper_f1", "paper_accuracy"]
    lines = []
    for row in rows:
        known = paper.cell(model, row.benchmark, row.method)
        line = [row.benchmark, row.method.label, str(row.runs)]
        line += [_number(value) for name in figures for value in (row.figures[name].value, row.figures[name].spread)]
        line += [_number(row.unread), _number(row.calls)]
        for name in compared:
            less = row.less.get(name)
            values = (less.value, less.low, less.high, less.p, row.holm[name]) if less else ()
            line += [*map(_number, values), less.reason or ""] if less else [""] * 6
        line += [_number(known.f1), _number(known.accuracy)] if known else ["", ""]
        lines.append(line)
    return as_csv(header, lines)


def table_md(
    rows: Mapping[str, Sequence[Row]], setting: Setting, seeds: Sequence[int], reference: str | None, missing: int
) -> str:
    """The tables to read.

    Args:
        rows: By benchmark.
        setting: What the runs have in common.
        seeds: The seeds.
        reference: Label of the method that others are compared with, if any.
        missing: Number of runs that failed.
    """
    roles = "".join(f", {name} `{model}`" for name, model in setting.roles.items())
    if setting.first_i2t is not None:
        roles += f', all methods starting from the I2T prompt "{setting.first_i2t}"'
    numbers = f"seeds {seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"seed {seeds[0]}"
    lines = [
        f"Agreement with people on the test split after at most {setting.max_calls:,} model calls (the final test not "
        f"counted): judge `{setting.model}`{roles}; {numbers}.",
        "",
        "Mean ± standard deviation over seeds."
        + (
            f" *Less {reference}*: paired mean difference with its 95 % t interval over seeds; *p*: paired t test, "
            f"corrected within the benchmark (Holm). *{EQUAL}*: no difference with any seed."
            if reference
            else ""
        ),
        "",
    ]
    if missing:
        lines += [f"**{missing} runs failed and are missing.**", ""]
    for benchmark, own in rows.items():
        lines += [f"## {benchmark}", "", *_benchmark(benchmark, own, setting.model, reference), ""]
    return "\n".join(lines)


def _benchmark(benchmark: str, rows: Sequence[Row], model: str, reference: str | None) -> list[str]:
    judge = paper.judge_of(model)
    cells = [paper.cell(model, benchmark, row.method) for row in rows]
    figures = shown(rows, FIGURES)
    header = ["method", "runs", *(FIGURES[name] for name in figures), "unread", "calls"]
    compared = shown(rows, COMPARED) if reference else []
    for name in compared:
        header += [f"{FIGURES[name]} less {reference}", "p"]
    header += ["paper: F1 / accuracy"] if any(cells) else []
    lines = []
    for row, known in zip(rows, cells, strict=True):
        line = [f"`{row.method.label}`", str(row.runs)]
        line += [_mean(row.figures[name], row.runs) for name in figures]
        line += [f"{row.unread:.1f}", f"{row.calls:,.0f}"]
        for name in compared:
            line += [_difference(row.less.get(name), row.runs), _p(row.holm.get(name, math.nan))]
        line += [_pair(known)] if any(cells) else []
        lines.append(line)
    text = Table(header, lines).markdown()
    if any(cells):
        text += ["", paper.REMARK]
    known_cells = paper.cells_of(benchmark)
    if known_cells and judge is None:
        text += ["", f"**The paper's known cells of {benchmark}, of its own judges**", ""]
        published = [[known.judge, f"`{known.method}`", _pair(known)] for known in known_cells]
        text += Table(["judge", "method", "F1 / accuracy"], published).markdown()
        text += ["", f"{paper.REMARK} The judge measured above is none of them."]
    return text


def _number(value: float | None) -> str:
    """Six decimals, or for small numbers six digits; without trailing zeros; nothing for NaN."""
    if value is None or math.isnan(value):
        return ""
    text = f"{value:.6f}" if abs(value) >= 1e-3 else f"{value:.6g}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def _mean(mean: Mean, runs: int) -> str:
    if math.isnan(mean.value):
        return NOTHING
    spread = "" if math.isnan(mean.spread) else f" ± {mean.spread:.3f}"
    return f"{mean.value:.3f}{spread}" + (f" ({mean.n} runs)" if mean.n < runs else "")


def _difference(less: Comparison | None, runs: int) -> str:
    if less is None or math.isnan(less.value):
        return NOTHING
    pairs = f" ({less.n} pairs)" if less.n < runs else ""
    if less.reason == EQUAL:
        return EQUAL + pairs
    if less.reason == CONSTANT:
        return f"{less.value:+.3f} with every seed{pairs}"
    if math.isnan(less.low):
        return f"{less.value:+.3f}{pairs}"
    return f"{less.value:+.3f} ({less.low:+.3f}, {less.high:+.3f}){pairs}"


def _p(value: float) -> str:
    if math.isnan(value):
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _pair(cell: paper.Cell | None) -> str:
    if cell is None:
        return NOTHING
    return " / ".join(NOTHING if value is None else f"{value:.2f}" for value in (cell.f1, cell.accuracy))
