"""Rows of verdicts → a table that is there whole or not at all: CSV, JSON lines or Parquet."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO, Any

from blpo_inspect._util.files import written_whole
from blpo_inspect.data.tables.rows import HUB_EXTRA
from blpo_inspect.data.tables.table_row import TableError
from blpo_inspect.verdicts.row import COLUMNS, VerdictRow

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BATCH = 1000


def checked_output(path: Path) -> Path:
    """The path, if a table can be written there.

    Raises:
        TableError: Another ending than `WRITERS`, or what it needs is not installed.
    """
    if path.suffix.lower() not in WRITERS:
        raise TableError(f"{path}: the output is a table ({', '.join(WRITERS)})")
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise TableError(f"{path}: Parquet needs pyarrow; {HUB_EXTRA}")
    return path


def write(path: Path, rows: Iterable[VerdictRow]) -> None:
    """Write a table in the format that its name says; rows pass one by one."""
    with written_whole(path) as file:
        WRITERS[path.suffix.lower()](file, rows)


def _csv(file: IO[bytes], rows: Iterable[VerdictRow]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_inert(name, getattr(row, name)) for name in COLUMNS])
    text.detach()


def _inert(name: str, value: Any) -> Any:
    """A cell that no spreadsheet runs: what a model wrote may begin as a formula does."""
    return f"'{value}" if name in ("answer", "reason") and str(value or "").startswith(_FORMULA) else value


def _jsonl(file: IO[bytes], rows: Iterable[VerdictRow]) -> None:
    for row in rows:
        file.write(json.dumps({name: getattr(row, name) for name in COLUMNS}, ensure_ascii=False).encode() + b"\n")


def _parquet(file: IO[bytes], rows: Iterable[VerdictRow]) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {"probability": "float64", "cost": "float64"}
    counts = dict.fromkeys(("calls", "replayed", "input_tokens", "output_tokens"), "int64")
    kinds |= counts
    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kinds.get(name, "string"))) for name in COLUMNS])
    with parquet.ParquetWriter(file, schema) as writer:
        for batch in _batches(rows):
            columns = {name: [getattr(row, name) for row in batch] for name in COLUMNS}
            writer.write_table(pyarrow.table(columns, schema=schema))


def _batches(rows: Iterable[VerdictRow]) -> Iterator[list[VerdictRow]]:
    left = iter(rows)
    while batch := list(islice(left, _BATCH)):
        yield batch


WRITERS: dict[str, Callable[[IO[bytes], Iterable[VerdictRow]], None]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
