"""The rows of a table with their images looked at, some at a time, in order."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from blpo_inspect._util.images import ImageError
from blpo_inspect._util.text import without_credentials
from blpo_inspect.data.tables.benchmark_yaml import BenchmarkSettings
from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.pictures import Open, Picture
from blpo_inspect.data.tables.sample_images import image_columns, sample_images
from blpo_inspect.data.tables.sources import Source
from blpo_inspect.data.tables.table_row import TableRow
from blpo_inspect.judging.label_text import clean

_AT_ONCE = 64


@dataclass(frozen=True)
class SeenRow:
    """A row whose images were looked at, and are no longer in `values`.

    Attributes:
        where: For messages.
        name: The images' paths, or what they are called without any.
        path: The images' paths, empty where the table holds their bytes.
        values: The other columns.
        images: The images, or why there are none.
    """

    where: str
    name: str
    path: str
    values: Mapping[str, Any]
    images: tuple[Picture, ...] | str


def seen_rows(source: Source, columns: dict[str, None], max_side: int | None) -> Iterator[SeenRow]:
    """Look at the images, some rows at a time, so that those of a large table are not all in memory at once.

    Args:
        source: The rows.
        columns: Gets the names of all columns, in order.
        max_side: Pixels of the longer side above which an image is scaled down.
    """

    def look(row: TableRow) -> SeenRow:
        return _look(row, source.settings, source.open, max_side)

    rows = iter(source.rows)
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(rows, _AT_ONCE)):
            batch = [_with_clean_columns(row) for row in batch]
            for row in batch:
                columns.update(dict.fromkeys(row.values))
            yield from pool.map(look, batch)


def _with_clean_columns(row: TableRow) -> TableRow:
    """The row, its columns' names as names are compared."""
    values = {clean(name): value for name, value in row.values.items()}
    if len(values) == len(row.values):
        return replace(row, values=values)
    return replace(row, values=values, fault="two columns have the same name")


def _look(row: TableRow, settings: BenchmarkSettings, open_: Open, max_side: int | None) -> SeenRow:
    columns = image_columns(settings, row.values)
    values = {name: value for name, value in row.values.items() if name not in columns.values()}
    given = " + ".join(cell for name in columns.values() if isinstance(cell := row.values.get(name), str) and cell)
    path = without_credentials(given) if "://" in given else given
    if row.fault:
        return SeenRow(row.where, row.name, path, values, row.fault)
    try:
        images, paths = sample_images(row, columns, open_, max_side)
        name = text_of(paths or row.name)
    except (ImageError, OSError, TypeError, ValueError) as error:
        return SeenRow(row.where, row.name, path, values, str(error))
    return SeenRow(row.where, name or row.name, paths or path, values, images)
