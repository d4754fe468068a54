"""One row of a table, and the error that all readers of tables raise."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class TableError(ValueError):
    """Data that cannot be used: says which file, which rows and what to do."""


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
