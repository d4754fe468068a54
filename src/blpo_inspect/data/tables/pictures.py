"""What a row says of its image (a path, bytes, or both) → what the judge is shown.

A file whose format needs no conversion stays a path, so that large data do not fill the memory. Nothing is fetched
here, and nothing outside one folder is opened: a table from somebody else cannot read your files or make your machine
ask others.
"""

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path
from threading import Lock
from typing import Any

from blpo_inspect._util.images import ImageError, Shown, data_uri
from blpo_inspect._util.names_on_disk import on_disk
from blpo_inspect._util.text import without_credentials
from blpo_inspect.data.shown_once import shown_once
from blpo_inspect.data.tables.options import Option

MAX_BYTES = 1 << 30
"""A larger file is refused before it is read."""

Open = Callable[[str], Path]
"""The file that a path in a table means.

Raises:
    ValueError: Not a path of a file that may be opened.
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One image that can be judged.

    Attributes:
        image: A path, or a ``data:`` URI.
        digest: SHA-256 of the bytes as they were given.
        size: Width and height as shown, in pixels.
        bytes: Size of the encoded file as shown.
        several: Whether the file that was given has more frames or pages, which are not shown.
        smaller: Whether it was scaled down.
    """

    image: str
    digest: str
    size: tuple[int, int]
    bytes: int
    several: bool = False
    smaller: bool = False


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


def picture(value: Any, open_: Open, *, name: str, max_side: int | None = None) -> tuple[Picture, str | None]:
    """The image of a cell, and its path where it has one.

    Args:
        value: A path, the bytes of a file, or a mapping with ``bytes`` or ``path``.
        open_: What a path means.
        name: What to call an image without a path in an error.
        max_side: Pixels of the longer side above which the image is scaled down.

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
        digest = _digest(data)
        seen = shown_once(data, digest, name=name, max_side=max_side)
        return _picture(seen, digest), named if isinstance(named, str) else None
    if not isinstance(named, str):
        raise TypeError(f"the image is {type(value).__name__}, not a path and not bytes")
    named = named.strip()
    path = open_(named)
    # an address may hold a password, or a signature in its query; names go into logs
    public = without_credentials(named) if "://" in named else named
    return _of_file(path, public, max_side), public


_LARGE = 16 << 20
_one_large = Lock()
"""Held for a file whose like, read in every thread, could fill the memory before anything is decoded."""

_plain: dict[tuple[str, int, int, int | None], Picture] = {}


def _of_file(path: Path, name: str, max_side: int | None) -> Picture:
    """The image of a file; one that needs no conversion is not decoded again while its size and time stay the same.

    An optimization reads the data once per split.
    """
    stat = path.stat()
    key = (str(path), stat.st_size, stat.st_mtime_ns, max_side)
    if key in _plain:
        return _plain[key]
    if stat.st_size > MAX_BYTES:
        raise ImageError(f"{name}: {stat.st_size:,} bytes, over the limit of {MAX_BYTES:,}; resize it")
    with _one_large if stat.st_size > _LARGE else nullcontext():
        data = path.read_bytes()
        digest = _digest(data)
        seen = shown_once(data, digest, name=name, max_side=max_side)
    # Inspect goes by the name when it reads a file, and takes :: for a chain of file systems
    if seen.data is data and guess_type(str(path), strict=False)[0] == seen.media_type and "::" not in str(path):
        return _plain.setdefault(key, Picture(str(path), digest, seen.size, len(data)))
    return _picture(seen, digest)


def _picture(seen: Shown, digest: str) -> Picture:
    uri = data_uri(seen.data, seen.media_type)
    return Picture(uri, digest, seen.size, len(seen.data), seen.several, seen.smaller)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
