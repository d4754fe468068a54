"""Numbers and findings as people read them; the same words in every format."""

import math

from blpo_inspect.logs.usage import Usage
from blpo_inspect.reporting.breakdown import Cell
from blpo_inspect.reporting.comparison import NAMES, Row
from blpo_inspect.reporting.content import Part
from blpo_inspect.statistics import Interval

NONE = "–"


def number(value: object, form: str = ".2f") -> str:
    """A figure; a dash where it is not defined, or is no number."""
    return NONE if not isinstance(value, int | float) or math.isnan(value) else format(value, form)


def interval(estimate: Interval | None, form: str = ".2f") -> str:
    """``0.94 (0.86, 1.00)``; a figure without an interval stands alone."""
    if estimate is None or math.isnan(estimate.value):
        return NONE
    if math.isnan(estimate.low):
        return number(estimate.value, form)
    return f"{number(estimate.value, form)} ({number(estimate.low, form)}, {number(estimate.high, form)})"


def size(cell: Cell) -> str:
    """``n = 12, 1 unread``: what the figures of a group rest on, and whether that is little."""
    unread = f", {cell.unread} unread" if cell.unread else ""
    return f"n = {cell.read}{unread}{', few' if cell.few else ''}"


def share(value: float | None) -> str:
    """A share in per cent."""
    return number(value, ".0%")


def p_value(p: float) -> str:
    """``p = 0.012``, ``p < 0.001``."""
    if math.isnan(p):
        return "not tested"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def calls(usage: Usage) -> str:
    """How many calls, and how many of them were replayed."""
    if not usage.replayed:
        return f"{usage.made:,}"
    if not usage.made:
        return f"{usage.replayed:,} replayed"
    return f"{usage.made + usage.replayed:,}, {usage.replayed:,} of them replayed"


def tokens(usage: Usage) -> str:
    """Tokens in and out."""
    return f"{usage.input_tokens:,} in, {usage.output_tokens:,} out"


def cost(usage: Usage) -> str:
    """Dollars for the calls made."""
    return "price unknown" if usage.cost is None else f"${usage.cost:.4f}" if usage.cost else "$0"


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None:
        return NONE
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def status(row: Row) -> str:
    """What is to be said of a run beside its figures."""
    said = []
    if row.run.record.status != "success":
        said.append(f"the log ended with status {row.run.record.status}")
    if row.missing:
        said.append(f"{row.missing} samples missing")
    return "; ".join(said)


def finding(part: Part) -> str:
    """Which run of a group agrees best with people, and whether its lead over the next is real."""
    group = part.group
    best = group.rows[0]
    figure = best.figures[group.headline]
    name = NAMES[group.headline]
    if math.isnan(figure.value):
        return f"{name} is not defined for any run, so none can be called best."
    said = f"{best.letter} ({best.name}) has the highest {name}: {interval(figure)} on {figure.n} samples."
    if len(group.rows) == 1:
        return f"{best.letter} ({best.name}) is the only run: {name} {interval(figure)} on {figure.n} samples."
    pair = next((pair for pair in part.pairs if {pair.first, pair.second} == {"A", "B"}), None)
    if pair is None:
        return said
    lead = f"by {number(-pair.difference.value, '+.2f')} ({p_value(pair.p)}, Holm-corrected)"
    if pair.real:
        return f"{said} Its lead over B {lead} is real at the level of 5 %."
    return f"{said} Its lead over B {lead} may be chance."
