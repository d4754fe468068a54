"""What a row says of its image (a path, bytes, or both) → what the judge is shown.

A file whose format needs no conversion stays a path, so that large data do not fill the memory. Nothing is fetched
here, and nothing outside one folder is opened: a table from somebody else cannot read your files or make your machine
ask others.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from blpo_inspect._util.images import as_seen, data_uri
from blpo_inspect._util.names_on_disk import on_disk
from blpo_inspect._util.text import without_credentials
from blpo_inspect.data.tables.options import Option

Open = Callable[[str], Path]
"""The file that a path in a table means.

Raises:
    ValueError: Not a path of a file that may be opened.
"""


@dataclass(frozen=True)
class Picture:
    """One image that can be judged.

    Attributes:
        image: A path, or a ``data:`` URI.
        digest: SHA-256 of the bytes as they were given.
    """

    image: str
    digest: str


def inside(root: Path, option: Option) -> Open:
    """Paths relative to a folder, of files in it; links are followed first. `option` says how fetching is allowed."""
    real = root.resolve()

    def open_(name: str) -> Path:
        if "://" in name or name.startswith("data:"):
            hint = "" if name.startswith("data:") else f", or allow fetching ({option('allow_remote', 'true')})"
            raise ValueError(f"{name[:80]}: not a file; download the image and give its path{hint}")
        try:
            path = on_disk(real, name).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise ValueError(f"{name[:80]!r}: not a path: {str(error)[:200]}") from error
        if not path.is_relative_to(real):
            raise ValueError(f"{name}: lies outside {real}; move the table or the image")
        if not path.is_file():
            hint = "; write / instead of \\ in paths" if "\\" in name else ""
            raise ValueError(f"{name}: no such image in {real}{hint}")
        return path

    return open_


def picture(value: Any, open_: Open, *, name: str) -> tuple[Picture, str | None]:
    """The image of a cell, and its path where it has one.

    Args:
        value: A path, the bytes of a file, or a mapping with ``bytes`` or ``path``.
        open_: What a path means.
        name: What to call an image without a path in an error.

    Raises:
        ImageError: It cannot be decoded.
        TypeError: Neither a path nor bytes.
        ValueError: Not a path of a file that may be opened.
        OSError: The file cannot be read.
    """
    given = value if isinstance(value, dict) else {"bytes" if isinstance(value, bytes) else "path": value}
    data, named = given.get("bytes"), given.get("path")
    if data is not None:
        if not isinstance(data, bytes):
            raise TypeError(f"the image is {type(data).__name__}, not bytes")
        shown, media_type = as_seen(data, name=name)
        return Picture(data_uri(shown, media_type), _digest(data)), named if isinstance(named, str) else None
    if not isinstance(named, str):
        raise TypeError(f"the image is {type(value).__name__}, not a path and not bytes")
    named = named.strip()
    path = open_(named)
    # an address may hold a password, or a signature in its query; names go into logs
    public = without_credentials(named) if "://" in named else named
    return _of_file(path, public), public


_plain: dict[tuple[str, int, int], Picture] = {}


def _of_file(path: Path, name: str) -> Picture:
    """The image of a file; one that needs no conversion is not decoded again while its size and time stay the same.

    An optimization reads the data once per split.
    """
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns)
    if key in _plain:
        return _plain[key]
    data = path.read_bytes()
    shown, media_type = as_seen(data, name=name)
    # Inspect goes by the name when it reads a file, and takes :: for a chain of file systems
    if shown is data and guess_type(str(path), strict=False)[0] == media_type and "::" not in str(path):
        return _plain.setdefault(key, Picture(str(path), _digest(data)))
    return Picture(data_uri(shown, media_type), _digest(data))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
