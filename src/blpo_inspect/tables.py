"""A user's table of labelled images (CSV or JSON lines) → records, with every fault named by file and row.

Does not guess what columns mean: they are called image, label and text (id is optional) unless told otherwise.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from blpo_inspect.images import ImageError, as_seen, data_uri
from blpo_inspect.labels import LabelScale
from blpo_inspect.samples import Record

MAX_SHOWN = 20
"""Faulty rows that an error lists; it counts the others."""


class TableError(ValueError):
    """A table that cannot be used: says which file, which rows and what to do."""


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        where: File and row, for messages: ``labels.csv, row 3`` (the line in a text editor).
        values: Column → value.
    """

    where: str
    values: Mapping[str, Any]


def read_records(path: Path, labels: Sequence[str] | None = None) -> tuple[list[Record], LabelScale]:
    """The table's records and their scale.

    Args:
        path: A ``.csv`` or ``.jsonl`` file; images are given relative to its folder and must lie inside it.
        labels: The labels of the scale; inferred from the column where not given.

    Raises:
        TableError: Names every faulty row: missing columns, labels off the scale, missing or unreadable images.
    """
    rows = list(_rows(path))
    if not rows:
        raise TableError(f"{path}: no rows; expected at least the columns image and label")
    missing = {"image", "label"} - set(rows[0].values)
    if missing:
        raise TableError(
            f"{path}: no column {' and '.join(sorted(missing))}; it has {', '.join(map(repr, rows[0].values))}"
        )
    raw_labels = [str(row.values["label"]) for row in rows if _given(row, "label")]
    try:
        scale = LabelScale.infer(raw_labels) if labels is None else LabelScale.of(labels)
    except ValueError as error:
        raise TableError(f"{path}: {error} (-T labels=first,second,…)") from error
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda row: _record(row, path.parent.resolve(), scale), rows))
    faults = [result for result in results if isinstance(result, str)]
    if faults:
        shown = "\n".join(f"  {fault}" for fault in faults[:MAX_SHOWN])
        more = f"\n  … and {len(faults) - MAX_SHOWN} more" if len(faults) > MAX_SHOWN else ""
        raise TableError(f"{path}: {len(faults)} of {len(rows)} rows cannot be used:\n{shown}{more}")
    return _unique([result for result in results if isinstance(result, Record)]), scale


def _rows(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise TableError(f"{path}: no such file")
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise TableError(f"{path}: expected a .csv or .jsonl file")
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: not UTF-8 text: {error}; save it as UTF-8") from error
    except csv.Error as error:
        raise TableError(f"{path}: not a CSV file: {error}") from error


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        while True:
            line = reader.line_num + 1
            values = next(reader, None)
            if values is None:
                return
            if None in values:
                raise TableError(f"{path}, row {max(line, 2)}: more values than columns; quote values that hold commas")
            yield Row(f"{path.name}, row {max(line, 2)}", values)


def _jsonl_rows(path: Path) -> Iterator[Row]:
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
            yield Row(f"{path.name}, row {number}", values)


def _given(row: Row, column: str) -> bool:
    return row.values.get(column) is not None and str(row.values[column]).strip() != ""


def _record(row: Row, root: Path, scale: LabelScale) -> Record | str:
    """The row's record, or what is wrong with it."""
    for column in ("image", "label"):
        if not _given(row, column):
            return f"{row.where}: no {column}"
    try:
        label = scale.canonical(row.values["label"])
    except ValueError as error:
        return f"{row.where}: label {error}"
    name = str(row.values["image"]).strip()
    try:
        data, media_type = as_seen(_read_image(name, root), name=name)
    except (ImageError, OSError, ValueError) as error:
        return f"{row.where}: {error}"
    text = str(row.values["text"]) if _given(row, "text") else None
    identity = str(row.values["id"]) if _given(row, "id") else name
    return Record(identity, data_uri(data, media_type), label, text=text, group=text)


def _read_image(name: str, root: Path) -> bytes:
    if "://" in name or name.startswith("data:"):
        raise ValueError(f"{name[:80]}: not a file; download the image and give its path")
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{name}: lies outside {root}; move the table or the image")
    if not path.is_file():
        raise ValueError(f"{name}: no such image in {root}")
    return path.read_bytes()


def _unique(records: list[Record]) -> list[Record]:
    """Records with ids that occur once: an image judged against several texts gets numbers."""
    seen: dict[str, int] = {}
    unique = []
    taken = {record.id for record in records}
    for record in records:
        count = seen[record.id] = seen.get(record.id, 0) + 1
        identity = record.id
        while count > 1 and identity in taken:
            identity = f"{record.id}#{count}"
            count += 1
        taken.add(identity)
        unique.append(replace(record, id=identity))
    return unique
