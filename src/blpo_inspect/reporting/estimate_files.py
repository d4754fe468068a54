"""Estimates as files: JSON with all figures, CSV with a row for each figure and method."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Literal, get_args

from blpo_inspect._util.table import as_csv
from blpo_inspect.reporting.estimating import Estimate, Figure
from blpo_inspect.reporting.export import as_json, cell, no_formula
from blpo_inspect.statistics import Interval

Format = Literal["json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)

PPI, LABELS_ONLY, ROGAN_GLADEN = "PPI++", "labels only", "Rogan-Gladen"
"""The methods, as people read them."""


def methods(figure: Figure) -> Iterator[tuple[str, Interval]]:
    """The methods of a figure with what they give."""
    yield PPI, figure.estimate
    yield LABELS_ONLY, figure.labels_only
    if figure.rogan_gladen is not None:
        yield ROGAN_GLADEN, figure.rogan_gladen


def as_bytes(estimate: Estimate, form: Format) -> bytes:
    """An estimate in one of the formats, in UTF-8; the same estimate gives the same bytes."""
    if form == "csv":
        rows = []
        for figure in estimate.figures:
            judged = Interval(figure.judged, math.nan, math.nan, sum(estimate.verdicts) - sum(estimate.unread))
            for name, one in (("as judged", judged), *methods(figure)):
                numbers = map(cell, (one.value, one.low, one.high, one.n, one.level))
                rows.append([no_formula(figure.name), name, *numbers, one.reason or ""])
        text = as_csv(["figure", "method", "value", "low", "high", "n", "level", "reason"], rows)
    else:
        data = {"format": "blpo-inspect/estimate/1", **asdict(estimate)}
        text = as_json(data)
    return text.encode("utf-8", "replace")
