"""Columns and single cells of parquet files on the hub, without the rest of the file where that saves much.

Plain columns are read by range. Cells (images) come by row group, which is the smallest part of a column that can be
read; where more than `WHOLE_SHARE` of a file would travel, the file is downloaded whole.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub.download_progress import progress
from blpo_inspect.data.hub.hub_errors import explained
from blpo_inspect.data.hub.partial_files import Unusable
from blpo_inspect.data.hub.ranges import RangesRefusedError
from blpo_inspect.data.hub.repository import Repository

WHOLE_SHARE = 0.5


def read_columns(repository: Repository, path: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of a parquet file, of the named columns only; kept as JSON, so for text and numbers.

    Raises:
        PrerequisiteError: The file cannot be had, is damaged, or lacks a column.
    """
    if repository.cached(path) is not None:
        return _rows(repository, path, columns)
    kept = repository.pieces(path)
    name = f"columns {' '.join(columns)}"
    rows = kept.get_json(name)
    if rows is None:
        rows = _rows(repository, path, columns)
        kept.put_json(name, rows)
    return list(rows)


def fetch_cells(repository: Repository, path: str, column: str, rows: Collection[int]) -> dict[int, Path | Unusable]:
    """Files with the bytes of an image column's cells, or why a cell cannot be had.

    Args:
        repository: Where the file is.
        path: The parquet file.
        column: A column of binary values, or of structs with a field ``bytes``, as `datasets` writes images.
        rows: Row numbers, from 0.

    Raises:
        PrerequisiteError: As `read_columns`.
    """
    kept = repository.pieces(path)
    pieces = {row: kept.get(f"{column} {row}") for row in rows}
    wanted = sorted(row for row, piece in pieces.items() if piece is None)
    if wanted:
        pieces |= _cells(repository, path, column, wanted)
    return {row: piece for row, piece in pieces.items() if piece is not None}


def _rows(repository: Repository, path: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    file = _open(repository, path)
    with closing(file), _explained(repository, path):
        missing = [column for column in columns if column not in file.schema_arrow.names]
        if missing:
            raise PrerequisiteError(
                f"{repository.id} at {repository.commit}, {path}: no column {', '.join(missing)}; it has "
                f"{', '.join(file.schema_arrow.names)}. The dataset has changed: give the revision that was used before"
            )
        rows: list[dict[str, Any]] = file.read(columns=list(columns)).to_pylist()
        return rows


def _cells(repository: Repository, path: str, column: str, rows: Sequence[int]) -> dict[int, Path | Unusable]:
    kept = repository.pieces(path)
    file = _open(repository, path)
    groups = _groups(file, rows)
    if repository.cached(path) is None and _bytes(file, column, groups) > WHOLE_SHARE * _bytes(
        file, column, range(file.num_row_groups)
    ):
        file.close()
        file = _open(repository, path, whole=True)
    pieces: dict[int, Path | Unusable] = {}
    with closing(file), _explained(repository, path):
        for group, offsets in progress(groups.items(), len(groups), f"{repository.id} {path}", "row group"):
            values = file.read_row_group(group, columns=[column]).column(column)
            for offset, row in offsets:
                value = values[offset].as_py()
                data = value.get("bytes") if isinstance(value, dict) else value
                empty = Unusable(f"{path}, row {row}: no {column}")
                pieces[row] = kept.put(f"{column} {row}", data if isinstance(data, bytes) and data else empty)
    return pieces


def _groups(file: Any, rows: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Row group → (place in the group, row number) of the rows in it."""
    groups: dict[int, list[tuple[int, int]]] = {}
    begin = 0
    for group in range(file.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        inside = [(row - begin, row) for row in rows if begin <= row < end]
        if inside:
            groups[group] = inside
        begin = end
    return groups


def _bytes(file: Any, column: str, groups: Collection[int]) -> int:
    """How much of the file the column takes in these row groups."""
    total = 0
    for group in groups:
        described = file.metadata.row_group(group)
        chunks = [described.column(number) for number in range(described.num_columns)]
        total += sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] == column)
    return total


def _open(repository: Repository, path: str, *, whole: bool = False) -> Any:
    """A `pyarrow.parquet.ParquetFile`, of the cached file or of ranges."""
    parquet, _ = _pyarrow()
    local = repository.cached(path) or (repository.download(path) if whole else None)
    with _explained(repository, path):
        if local is None:
            remote = repository.open(path)
            try:
                # the footer with the row groups lies at the end
                remote.hold(max(0, remote.size - (1 << 16)), remote.size)
                return parquet.ParquetFile(remote, pre_buffer=True)
            except RangesRefusedError:
                local = repository.download(path)
        return parquet.ParquetFile(local)


@contextmanager
def _explained(repository: Repository, path: str) -> Iterator[None]:
    """As `explained`, for what pyarrow says of a damaged file too."""
    _, arrow = _pyarrow()
    with explained(repository.id, repository.commit, path):
        try:
            yield
        except arrow.ArrowException as error:
            raise PrerequisiteError(
                f"{repository.id} at {repository.commit}, {path}: not a parquet file that can be read ({error})"
            ) from error


def _pyarrow() -> tuple[ModuleType, ModuleType]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise PrerequisiteError(
            "reading parquet files needs pyarrow: pip install pyarrow (the extra hub of blpo-inspect brings it)"
        ) from error
    return pyarrow.parquet, pyarrow
