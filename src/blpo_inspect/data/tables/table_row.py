"""One row of a table, and the error that all readers of tables raise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blpo_inspect._util.text import printable, shortened


class TableError(ValueError):
    """Data that cannot be used: says which file, which rows and what to do."""


_FAULT_CHARACTERS = 1000


def as_fault(reason: str) -> str:
    """What is wrong with a row, as people are told and logs keep it: nothing of a cell acts on a terminal."""
    return shortened(printable(reason), _FAULT_CHARACTERS)


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        where: File and row, for messages: ``labels.csv, row 3`` (the line in a text editor).
        name: What to call the image where it has no path.
        values: Column → value.
        fault: Why the row cannot be read, if it cannot.
    """

    where: str
    name: str
    values: Mapping[str, Any]
    fault: str | None = None
