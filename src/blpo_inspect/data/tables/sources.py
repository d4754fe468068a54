"""What a user calls their data (a folder, a table, a settings file, a hub dataset) → its rows and what they mean."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blpo_inspect._util.images import is_image
from blpo_inspect._util.names_on_disk import on_disk
from blpo_inspect.data.tables.benchmark_yaml import BenchmarkSettings, load_settings
from blpo_inspect.data.tables.hub_dataset import PREFIX, cached_file, load_hub
from blpo_inspect.data.tables.options import Option, task_option
from blpo_inspect.data.tables.pictures import Open, inside
from blpo_inspect.data.tables.rows import READERS, rows_of
from blpo_inspect.data.tables.table_row import TableError, TableRow

SETTINGS = "benchmark.yaml"
TABLES = tuple(f"{stem}{suffix}" for stem in ("metadata", "labels") for suffix in READERS)
"""Tables that are looked for in a folder, in this order; the first found is used."""

IMAGES = frozenset(
    {".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
)
"""Endings of files that count as images in a sub-folder even where they cannot be read. Of others, those that begin as
an image does count too; what is left is noted."""

_SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "eval"})


@dataclass(frozen=True)
class Source:
    """Rows to read and how.

    Attributes:
        name: What errors and reports call the data.
        rows: Its rows, once.
        open: The file that an image's path means.
        settings: What the rows mean.
        about: For the log: where the data come from.
        notes: What else was found there, for people.
        labels_are_folders: Whether somebody made a folder for each label.
    """

    name: str
    rows: Iterable[TableRow]
    open: Open
    settings: BenchmarkSettings
    about: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    labels_are_folders: bool = False


def find_source(
    data: str, *, config: str | None = None, hub_split: str | None = None, option: Option = task_option
) -> Source:
    """Find the rows.

    A folder is read by its ``benchmark.yaml`` if it has one; its table is what that names, else the first of `TABLES`,
    else there is one sub-folder per label. A table goes by the ``benchmark.yaml`` beside it.

    Args:
        data: A folder, a table, a ``benchmark.yaml``, or ``hub:NAME@REVISION``.
        config: Of a hub dataset; instead of what the settings say.
        hub_split: Of a hub dataset; instead of what the settings say.
        option: What options are called, for messages.

    Raises:
        TableError: Nothing that can be read is there; says what was looked for.
    """
    if data.startswith(PREFIX):
        return _hub(data, BenchmarkSettings(config=config, split=hub_split), option)
    path = on_disk(Path(), str(Path(data).expanduser()))
    if path.suffix.lower() in (".yaml", ".yml"):
        settings, folder = load_settings(path), path.parent
    elif path.is_dir():
        settings, folder = _settings_in(path), path
    else:
        return table_source(path, option)
    settings = settings.model_copy(update={"config": config or settings.config, "split": hub_split or settings.split})
    if settings.data is not None:
        if settings.data.startswith(PREFIX):
            return _hub(settings.data, settings, option)
        folder = _within(folder, settings)
        if not folder.is_dir():
            return _table(folder, settings, option)
    table = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    return _table(table, settings, option) if table else _sub_folders(folder, settings, option)


def table_source(path: Path, option: Option = task_option) -> Source:
    """The rows of a table, read by the ``benchmark.yaml`` beside it."""
    return _table(path, _settings_in(path.parent), option)


def _settings_in(folder: Path) -> BenchmarkSettings:
    path = folder / SETTINGS
    return load_settings(path) if path.is_file() else BenchmarkSettings()


def _within(folder: Path, settings: BenchmarkSettings) -> Path:
    path = on_disk(folder, settings.data or "")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise TableError(f"{settings.file}: data {settings.data} lies outside {folder}; move it there")
    if not path.exists():
        raise TableError(f"{settings.file}: data {settings.data}: no such file or folder in {folder}")
    return path


def _hub(data: str, settings: BenchmarkSettings, option: Option) -> Source:
    hub_data = load_hub(data.removeprefix(PREFIX), settings.config, settings.split, option)
    return Source(hub_data.name, hub_data.rows(), cached_file, settings, hub_data.about)


def _table(path: Path, settings: BenchmarkSettings, option: Option) -> Source:
    return Source(str(path), rows_of(path), inside(path.parent, option), settings, {"data": path.name})


def _sub_folders(folder: Path, settings: BenchmarkSettings, option: Option) -> Source:
    labels = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    looked_for = f"looked for {SETTINGS}, {', '.join(TABLES)} and one sub-folder per label"
    if not labels:
        raise TableError(f"{folder}: nothing to read; {looked_for}")
    if {path.name.casefold() for path in labels} <= _SPLIT_NAMES:
        names = ", ".join(path.name for path in labels)
        raise TableError(f"{folder}: {names} look like splits, not labels; name one of them, or add a table")
    rows, others = [], []
    for path in (path for label in labels for path in sorted(label.rglob("*"))):
        name = path.relative_to(folder)
        if any(part.startswith(".") for part in name.parts):
            continue
        if is_picture(path):
            values = {settings.column("image"): name.as_posix(), settings.column("label"): name.parts[0]}
            rows.append(TableRow(str(path), name.as_posix(), values))
        elif not path.is_dir() or path.is_symlink():
            others.append(path)
    if not rows:
        raise TableError(f"{folder}: no images in its sub-folders; {looked_for}")
    beside = [path for path in folder.iterdir() if path.name[0] != "." and path.is_file() and is_picture(path)]
    empty = sorted({label.name for label in labels} - {str(row.values[settings.column("label")]) for row in rows})
    notes = (
        f"sub-folders without an image: {', '.join(empty)}" if empty else "",
        f"files in sub-folders that are no images: {_by_ending(others)}" if others else "",
        f"images beside the sub-folders, which have no label: {_by_ending(beside)}" if beside else "",
    )
    about = {"data": folder.resolve().name}
    said = tuple(note for note in notes if note)
    return Source(str(folder), rows, inside(folder, option), settings, about, said, labels_are_folders=True)


def is_picture(path: Path) -> bool:
    """Whether a file counts as an image: by its ending, or as it begins as one."""
    return path.suffix.lower() in IMAGES or is_image(path)


def _by_ending(paths: Iterable[Path]) -> str:
    counts = Counter(path.suffix.lower() or "without an ending" for path in paths)
    return ", ".join(
        f"{count} {ending}" for ending, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
