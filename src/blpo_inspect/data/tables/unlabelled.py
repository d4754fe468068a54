"""Pictures that nobody labelled, from folders, files, patterns, lists and tables: one by one, never all at once."""

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from blpo_inspect._util.names_on_disk import on_disk
from blpo_inspect.data.tables.benchmark_yaml import BenchmarkSettings
from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.columns import missing_columns
from blpo_inspect.data.tables.hub_dataset import PREFIX
from blpo_inspect.data.tables.options import command_option
from blpo_inspect.data.tables.remote import or_fetched
from blpo_inspect.data.tables.rows import READERS
from blpo_inspect.data.tables.sample_images import image_columns
from blpo_inspect.data.tables.seen_rows import SeenRow, seen_rows
from blpo_inspect.data.tables.sources import Source, find_source, is_picture, table_source
from blpo_inspect.data.tables.table_row import TableError, TableRow, as_fault

LISTED = "-"
"""Stands for the standard input: a path a line."""


@dataclass(frozen=True)
class Unlabelled:
    """A picture to judge, or several that are judged together.

    Attributes:
        id: Unique among all that are read.
        path: Where it lies, as it was given; empty where a table holds its bytes.
        images: What the judge is shown: paths or ``data:`` URIs; empty where it cannot be shown.
        digest: SHA-256 over the images' bytes and the text: what the judge is asked about.
        text: What it is judged against, where the table has a text.
        fault: Why it cannot be shown; None where it can.
    """

    id: str
    path: str
    images: tuple[str, ...]
    digest: str = ""
    text: str | None = None
    fault: str | None = None


def find_unlabelled(given: Sequence[str], listed: Iterable[str] = (), *, allow_remote: bool = False) -> list[Source]:
    """What the words of a command mean.

    A folder is all images in it and below, in the order of their names; hidden files do not count. A table is its
    rows, read by the ``benchmark.yaml`` beside it. What is no file may be a pattern (``'new/**/*.png'``).

    Args:
        given: Folders, tables, files, patterns, ``hub:NAME@REVISION`` or `LISTED`.
        listed: The lines of the standard input.
        allow_remote: Fetch images that are given as http or https addresses, once.

    Raises:
        TableError: Something of it is not there.
    """
    sources = [source for word in given for source in _sources(word, listed)]
    if allow_remote:
        sources = [replace(source, open=or_fetched(source.open)) for source in sources]
    return sources


def read_unlabelled(sources: Iterable[Source], max_side: int | None = None) -> Iterator[Unlabelled]:
    """The pictures in their order; one that cannot be shown is there too, with the reason.

    Raises:
        TableError: A table that cannot be read, or that has no column of images.
    """
    taken: set[str] = set()
    for source in sources:
        columns: dict[str, None] = {}
        for number, row in enumerate(seen_rows(source, columns, max_side)):
            wanted = image_columns(source.settings, columns).values()
            if number == 0 and columns and not set(wanted) & set(columns):
                raise missing_columns(source.name, list(wanted), list(columns))
            yield _picture(row, source.settings, taken)


def _picture(row: SeenRow, settings: BenchmarkSettings, taken: set[str]) -> Unlabelled:
    fault = row.images if isinstance(row.images, str) else None
    images = () if isinstance(row.images, str) else row.images
    name, text = row.name, None
    try:
        name = text_of(row.values.get(settings.column("id")), nested=True) or row.name
        text = text_of(row.values.get(settings.column("text")))
    except (TypeError, ValueError) as error:
        fault = fault or str(error)
    unique, count = name, 1
    while unique in taken:
        count += 1
        unique = f"{name}#{count}"
    taken.add(unique)
    if fault is not None:
        named = fault if fault.startswith(row.where) else f"{row.where}: {fault}"
        return Unlabelled(unique, row.path, (), text=text, fault=as_fault(named))
    digest = hashlib.sha256("\n".join([*(image.digest for image in images), text or ""]).encode()).hexdigest()
    return Unlabelled(unique, row.path, tuple(image.image for image in images), digest, text)


def _sources(word: str, listed: Iterable[str]) -> list[Source]:
    if word == LISTED:
        return [_files("standard input", (line.rstrip("\r\n") for line in listed if line.strip()))]
    path = on_disk(Path(), str(Path(word).expanduser()))
    if word.startswith(PREFIX) or path.suffix.lower() in (".yaml", ".yml"):
        return [find_source(word, option=command_option)]
    if path.suffix.lower() in READERS and path.is_file():
        return [table_source(path, command_option)]
    if path.is_dir():
        return [_files(word, _below(path))]
    if path.is_file() or "://" in word:
        return [_files(word, [word])]
    if glob.has_magic(word):
        found = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - a pattern may begin at any folder
        if found:
            return [source for one in found for source in _sources(one, ())]
        raise TableError(f"{word}: no file fits this pattern")
    raise TableError(f"{word}: no such file or folder")


def _files(name: str, paths: Iterable[str]) -> Source:
    settings = BenchmarkSettings()
    rows = (TableRow(path, path, {settings.column("image"): path}) for path in paths)
    return Source(name, rows, _anywhere, settings, {})


def _below(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(place, name)
            if not name.startswith(".") and is_picture(path):
                yield path.as_posix()


def _anywhere(name: str) -> Path:
    """The file of a path that the user gave; what a table names must lie beside it (`pictures.inside`)."""
    if "://" in name:
        raise ValueError(f"{name[:80]}: not a file; download the image, or allow fetching (--allow-remote)")
    path = on_disk(Path(), str(Path(name).expanduser()))
    if not path.is_file():
        raise ValueError(f"{name}: no such file")
    return path
