"""What an optimization measured on its test split, as a table of text; the same in every format of the report."""

from collections.abc import Mapping

from blpo_inspect._util.table import Table
from blpo_inspect.reporting.comparison import NAMES
from blpo_inspect.reporting.formatting import NONE, number

_KNOWN = {**NAMES, "n": "n", "unread": "unread"}


def first_and_last(test: object) -> Table | None:
    """The figures of the first and the last pair, side by side; None where there are none that we know.

    Args:
        test: As `blpo_inspect.optimizers.measure.compare` gave it, of this version or an older one, or anything else.
    """
    before, after, difference, people, raw = (
        _mapping(test, name) for name in ("before", "after", "difference", "ceiling", "raw")
    )
    names = [name for name in dict.fromkeys([*before, *after]) if name in _KNOWN]
    if not names:
        return None
    head = ["figure", "first", "last", "difference", *(["one rater"] if people else []), "note"]
    rows = []
    for name in names:
        change = _mapping(difference, name)
        rater = [_number(people.get(name), "")] if people else []
        sides = [_number(side.get(name)) for side in (before, after)]
        rows.append([_KNOWN[name], *sides, _change(change), *rater, str(change.get("reason") or "")])
    without = [_mapping(raw, side) for side in ("before", "after")]
    for name in names:
        if name in without[1] and name not in ("n", "unread"):  # a map leaves these as they are
            sides = [_number(side.get(name)) for side in without]
            rows.append([f"{_KNOWN[name]}, without map", *sides, NONE, *([""] if people else []), ""])
    return Table(head, rows, right=range(1, len(head) - 1))


def _change(change: Mapping[str, object]) -> str:
    value, low, high = (_number(change.get(name), form="+.3f") for name in ("value", "low", "high"))
    return value if NONE in (low, high) else f"{value} ({low}, {high})"


def _number(value: object, none: str = NONE, form: str = ".3f") -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return none
    return number(value, form if isinstance(value, float) else "d")


def _mapping(value: object, name: str) -> Mapping[str, object]:
    """A mapping's part that is a mapping; else none."""
    part = value.get(name) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else {}
