"""A table file (CSV, JSON lines, Parquet) → rows, one at a time. Does not know what columns mean."""

import json
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from blpo_inspect.data.tables.csv_rows import csv_rows
from blpo_inspect.data.tables.table_row import TableError, TableRow

HUB_EXTRA = "pip install datasets"
_BATCH = 64


def rows_of(path: Path) -> Iterator[TableRow]:
    """The rows of a table.

    Raises:
        TableError: No such file, not the format that its name says, or a row after which no other can be found.
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


def _jsonl_rows(path: Path) -> Iterator[TableRow]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                where, name = f"{path.name}, row {number}", f"row {number}"
                try:
                    yield TableRow(where, name, _json_object(line.decode("utf-8-sig" if number == 1 else "utf-8")))
                except (TypeError, ValueError, RecursionError) as error:
                    yield TableRow(where, name, {}, _json_fault(error))


def _json_object(line: str) -> dict[str, Any]:
    values = json.loads(line, object_pairs_hook=_without_repetition)
    if not isinstance(values, dict):
        raise TypeError(f"expected an object, got {type(values).__name__}")
    return values


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {key!r:.80} is there twice")
    return values


def _json_fault(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text: {error}"
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error}"
    if isinstance(error, RecursionError):
        return "not readable: nested too deeply"
    if "integer string conversion" in str(error):
        return "not readable: a number of thousands of digits"
    return str(error)


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
    except (ArrowException, ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise TableError(f"{path}: not a Parquet file, or damaged after row {number}: {error}") from error


READERS = {".csv": csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
