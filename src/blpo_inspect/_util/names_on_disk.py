"""Files whose names have accents: macOS writes ``é`` as two characters (NFD), other systems mostly as one (NFC)."""

import unicodedata
from functools import lru_cache
from pathlib import Path, PurePath


def on_disk(folder: Path, name: str) -> Path:
    """The path of a name in a folder; where there is no such file, one whose name has its accents written otherwise."""
    path = folder / name
    if name.isascii() or path.exists():
        return path
    path = folder
    for part in PurePath(name).parts:
        known = {} if part == ".." or not path.is_dir() else _names(path, path.stat().st_mtime_ns)
        path /= part if (path / part).exists() else known.get(_composed(part), part)
    return path


@lru_cache(maxsize=64)
def _names(folder: Path, changed: int) -> dict[str, str]:
    """The names in a folder by their NFC form, as they are since it changed."""
    return {_composed(entry.name): entry.name for entry in sorted(folder.iterdir())}


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)
