"""Rankings as files: JSON with all figures, CSV with a row for each name, a picture as SVG or PNG."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal, get_args

from blpo_inspect._util.table import as_csv
from blpo_inspect.reporting import plots
from blpo_inspect.reporting.export import as_json, cell, no_formula
from blpo_inspect.reporting.ranking import Ranking
from blpo_inspect.reporting.run_data import LeftOut

Format = Literal["json", "csv", "svg", "png"]
FORMATS: tuple[Format, ...] = get_args(Format)
_ENDS = ("value", "low", "high")
_HEAD = ("judge", "name", "comparisons", "wins", "ties", "losses")


def as_bytes(rankings: Sequence[Ranking], left_out: Sequence[LeftOut], form: Format) -> bytes:
    """Rankings in one of the formats, text in UTF-8; the same rankings give the same bytes.

    Args:
        rankings: At least one.
        left_out: What is in none of them, for JSON.
        form: The format.
    """
    if form in ("svg", "png"):
        return plots.rankings(rankings, form)
    text = _json(rankings, left_out) if form == "json" else _csv(rankings)
    return text.encode("utf-8", "replace")


def _json(rankings: Sequence[Ranking], left_out: Sequence[LeftOut]) -> str:
    data = {
        "format": "blpo-inspect/ranking/1",
        "judges": [asdict(ranking) for ranking in rankings],
        "left_out": [{"what": item.what, "why": item.why} for item in left_out],
    }
    return as_json(data)


def _csv(rankings: Sequence[Ranking]) -> str:
    """Figures in full precision, empty where they are not defined."""
    rows = [
        [
            *map(no_formula, (ranking.judge, place.name)),
            *(place.comparisons, place.wins, place.ties, place.losses),
            *(cell(getattr(figure, end, None)) for figure in (place.strength, place.people) for end in _ENDS),
        ]
        for ranking in rankings
        for place in ranking.places
    ]
    figures = [f"{name}{end}" for name in ("strength", "people") for end in ("", "_low", "_high")]
    return as_csv([*_HEAD, *figures], rows)
