"""A table file (CSV, JSON lines, Parquet) → rows, one at a time. Does not know what columns mean."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HUB_EXTRA = "pip install datasets"
_BATCH = 64


class TableError(ValueError):
    """Data that cannot be used: says which file, which rows and what to do."""


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        where: File and row, for messages: ``labels.csv, row 3`` (the line in a text editor).
        name: What to call the image where it has no path.
        values: Column → value.
    """

    where: str
    name: str
    values: Mapping[str, Any]


def rows_of(path: Path) -> Iterator[TableRow]:
    """The rows of a table.

    Raises:
        TableError: No such file, not the format that its name says, or a row that cannot be read.
    """
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise TableError(f"{path}: expected a table ({', '.join(READERS)}) or a folder")
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: not UTF-8 text: {error}; save it as UTF-8") from error
    except csv.Error as error:
        raise TableError(f"{path}: not a CSV file: {error}") from error


def _csv_rows(path: Path) -> Iterator[TableRow]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        names = [name.strip() for name in reader.fieldnames or ()]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise TableError(f"{path}: columns that occur more than once: {', '.join(map(repr, twice))}")
        if len(names) == 1 and (mark := next((mark for mark in ";\t|" if mark in names[0]), None)):
            raise TableError(f"{path}: the columns are separated by {mark!r}; save it with commas")
        reader.fieldnames = names
        while True:
            line = max(reader.line_num + 1, 2)
            values = next(reader, None)
            if values is None:
                return
            if None in values:
                raise TableError(f"{path}, row {line}: more values than columns; quote values that hold commas")
            yield TableRow(f"{path.name}, row {line}", f"row {line}", values)


def _jsonl_rows(path: Path) -> Iterator[TableRow]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise TableError(f"{path}, row {number}: not JSON: {error}") from error
            if not isinstance(values, dict):
                raise TableError(f"{path}, row {number}: expected an object, got {type(values).__name__}")
            yield TableRow(f"{path.name}, row {number}", f"row {number}", values)


def _parquet_rows(path: Path) -> Iterator[TableRow]:
    if find_spec("pyarrow") is None:
        raise TableError(f"{path}: Parquet needs pyarrow; {HUB_EXTRA}")
    from pyarrow import ArrowException, ArrowInvalid, parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    number += 1
                    yield TableRow(f"{path.name}, row {number}", f"row {number}", values)
    except (ArrowException, ArrowInvalid, OSError) as error:
        raise TableError(f"{path}: not a Parquet file, or damaged after row {number}: {error}") from error


READERS = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
