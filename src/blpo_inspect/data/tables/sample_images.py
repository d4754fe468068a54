"""Which columns of a row hold the images of its sample, and those images, in order."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from blpo_inspect.data.tables.benchmark_yaml import IMAGE_ROLES, BenchmarkSettings
from blpo_inspect.data.tables.cells import is_given
from blpo_inspect.data.tables.pictures import Open, Picture, picture
from blpo_inspect.data.tables.table_row import TableRow

SEPARATOR = ";"
"""Between the paths of ``images`` where they are one text."""


def image_columns(settings: BenchmarkSettings, columns: Iterable[str]) -> dict[str, str]:
    """What holds images (``image``, ``images``, ``image_1``, ``image_2``, …) → its column, in order.

    What ``benchmark.yaml`` says of images counts alone. ``file_name`` is what Hugging Face calls the column in the
    metadata of an image folder.
    """
    known = list(columns)
    found = {role: name for role, name in settings.columns.items() if IMAGE_ROLES.fullmatch(role)}
    if not found:
        others = set(settings.columns.values())
        found = {name: name for name in known if IMAGE_ROLES.fullmatch(name) and name not in others}
    if not found:
        return {"image": "file_name" if "file_name" in known else "image"}
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def sample_images(
    row: TableRow, columns: Mapping[str, str], open_: Open, max_side: int | None
) -> tuple[tuple[Picture, ...], str | None]:
    """The images of a row, and their paths as one text where all have one.

    Args:
        row: The row.
        columns: As `image_columns`.
        open_: What a path means.
        max_side: Pixels of the longer side above which an image is scaled down.

    Raises:
        ImageError: An image cannot be decoded.
        TypeError: A cell is neither a path nor bytes nor, where there can be several, a list of them.
        ValueError: No image, one missing before another, two first ones, or not a path of a file that may be opened.
        OSError: A file cannot be read.
    """
    cells = _cells(row.values, columns)
    looked = [
        picture(cell, open_, name=f"{row.name}, image {number}" if len(cells) > 1 else row.name, max_side=max_side)
        for number, cell in enumerate(cells, start=1)
    ]
    paths = [path for _, path in looked if path]
    return tuple(image for image, _ in looked), " + ".join(paths) if len(paths) == len(looked) else None


def _place(role: str) -> int:
    return int(role.partition("_")[2] or 1)


def _cells(values: Mapping[str, Any], columns: Mapping[str, str]) -> list[Any]:
    placed: dict[int, list[Any]] = {}
    names: dict[int, str] = {}
    for role, column in columns.items():
        if _is_empty(cell := values.get(column)):
            continue
        place = _place(role)
        if place in placed:
            raise ValueError(f"{names[place]} and {column} both hold the first image; benchmark.yaml can name one")
        placed[place], names[place] = _items(role, cell), column
    if not placed:
        raise ValueError("no image")
    for place in range(1, max(placed)):
        if place not in placed:
            raise ValueError(f"no {columns.get(f'image_{place}', f'image_{place}')}, but {names[max(placed)]}")
    return [item for place in sorted(placed) for item in placed[place]]


def _items(role: str, cell: Any) -> list[Any]:
    if role == "images" and isinstance(cell, str):
        if cell.lstrip().startswith("["):
            try:
                cell = json.loads(cell)
            except ValueError as error:
                raise ValueError(f"images: not a list in JSON: {error}") from error
        else:
            cell = cell.split(SEPARATOR)
    if not isinstance(cell, list | tuple):
        return [cell]
    if any(map(_is_empty, cell)):
        raise ValueError(f"images: {len(cell)} are listed, and one of them is empty")
    return list(cell)


def _is_empty(cell: Any) -> bool:
    return not is_given(cell) or cell in ([], ())
