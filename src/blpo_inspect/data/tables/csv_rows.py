"""A CSV file → rows. Strict: a stray quote makes one value of many rows, and must not do so without a word."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from blpo_inspect.data.tables.table_row import TableError, TableRow
from blpo_inspect.judging.label_text import clean

_LEARNT_FROM = 200
_FEW = 50
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


def csv_rows(path: Path) -> Iterator[TableRow]:
    """The rows of a CSV file with commas; spaces before a value do not count, quotes within quotes are doubled.

    Raises:
        TableError: Not such a file; names the row where a faulty value opens.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        mark = next((mark for mark in ";\t|" if mark in first), None)
        if mark and "," not in first:
            raise TableError(f"{path}: the columns are separated by {mark!r}; save it with commas")
        file.seek(0)
        records = _records(path, csv.reader(file, skipinitialspace=True, strict=True))
        names = [clean(name) for name in next(records, (1, []))[1]]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise TableError(f"{path}: columns that occur more than once: {', '.join(map(repr, twice))}")
        table = _Table(len(names))
        for row, values in records:
            if len(values) > len(names):
                raise TableError(f"{path}, row {row}: more values than columns; quote values that hold commas")
            table.learn(values)
            if table.swallowed_by(values):
                raise TableError(
                    f"{path}, row {row}: a value that opens with a quote goes on over other rows of the table; remove "
                    "the quote or close it, or take the line breaks out of the value"
                )
            padded = [*values, *[None] * (len(names) - len(values))]
            yield TableRow(f"{path.name}, row {row}", f"row {row}", dict(zip(names, padded, strict=True)))


def _records(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """The line at which each record begins, and its values; without blank lines."""
    while True:
        row = reader.line_num + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            raise TableError(f"{path}, row {row}: {_explained(str(error))}") from error
        if values is None:
            return
        if values:
            yield row, values


def _explained(error: str) -> str:
    if "unexpected end" in error:
        return (
            "a value opens with a quote that is never closed, so that all rows after it would belong to it; remove it"
        )
    if "expected after" in error:
        return "text follows a closing quote; write quotes within a quoted value twice"
    if "field limit" in error:
        return f"a value of more than {csv.field_size_limit():,} characters; is a quote not closed?"
    return f"not CSV: {error}"


class _Table:
    """What the columns of a table look like, by its first rows: to tell a row from a line of text."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._values: list[set[str]] = [set() for _ in range(columns)]
        self._endings: list[set[str]] = [set() for _ in range(columns)]
        self._rows = 0

    def learn(self, values: Sequence[str]) -> None:
        """Take a row as an example."""
        self._rows += 1
        if self._rows > _LEARNT_FROM:
            return
        for column, value in enumerate(values):
            self._values[column].add(value.strip())
            self._endings[column].add(_ending(value))

    def swallowed_by(self, values: Sequence[str]) -> bool:
        """Whether a line of a value is a row of the table: has as many values, of which one fits its column.

        Somebody may leave out the last values of a row, but not in a row of several lines.
        """
        for column, value in enumerate(values):
            lines = _LINE_BREAK.split(value)
            if len(lines) == 1:
                continue
            if len(values) < self._columns:
                return True
            for number, line in enumerate(lines):
                cells = line.split(",")
                first = column if number == 0 else 0
                last = number == len(lines) - 1
                whole = len(cells) == (column + 1 if last else self._columns) - first
                # what closed the value may have been the quote that opens the next value of that row
                begun = last and 1 < len(cells) <= self._columns and not cells[-1].strip(' "')
                if (whole or begun) and self._is_row(dict(enumerate(cells, start=first)), column):
                    return True
        return False

    def _is_row(self, cells: Mapping[int, str], besides: int) -> bool:
        if len(cells) > 1 and any(_ending(cell) in Image.registered_extensions() for cell in cells.values()):
            return True
        return any(self._fits(place, cell) for place, cell in cells.items() if place != besides)

    def _fits(self, column: int, cell: str) -> bool:
        values = self._values[column] if len(self._values[column]) <= _FEW else set()
        return cell.strip() in values - {""} or _ending(cell) in self._endings[column] - {""}


def _ending(value: str) -> str:
    ending = PurePosixPath(value.strip()).suffix.lower()
    return ending if re.fullmatch(r"\.\w{2,5}", ending) else ""
