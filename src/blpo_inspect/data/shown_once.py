"""Images that were encoded anew, kept on disk: each is turned once, whoever reads the data again and in any process.

Files that can go at any time: what is missing, damaged or of another version is made again.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from threading import Lock

import PIL

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.images import Shown, shown
from blpo_inspect.cache.store import default_folder

MOST_BYTES = 4 << 30
"""What is kept; beyond it the files that were used longest ago go."""

_VERSION = 1
"""To be raised when the same file would be shown otherwise."""

_LOOK_EVERY = 256 << 20
_KEPT_SHARE = 0.75

_written: int | None = None
_lock = Lock()


def shown_once(data: bytes, digest: str, *, name: str, max_side: int | None = None) -> Shown:
    """As `images.shown`.

    Args:
        data: The encoded file.
        digest: Its SHA-256.
        name: What to call the image in an error.
        max_side: Pixels of the longer side above which the image is scaled down.

    Raises:
        ImageError: It cannot be used.
    """
    settings = json.dumps([_VERSION, PIL.__version__, digest, max_side])
    path = default_folder() / "images" / hashlib.sha256(settings.encode()).hexdigest()
    kept = _read(path)
    if kept is not None:
        return kept
    seen = shown(data, name=name, max_side=max_side)
    if seen.data is not data:
        with suppress(OSError):  # full, or not ours to write
            _write(path, seen)
    return seen


def _read(path: Path) -> Shown | None:
    try:
        digest, _, rest = path.read_bytes().partition(b"\n")
        if hashlib.sha256(rest).hexdigest().encode() != digest:
            return None
    except OSError:
        return None
    with suppress(OSError):
        os.utime(path)
    facts, _, data = rest.partition(b"\n")
    media_type, size, several, smaller = json.loads(facts)
    return Shown(data, media_type, (size[0], size[1]), several, smaller)


def _write(path: Path, seen: Shown) -> None:
    facts = json.dumps([seen.media_type, seen.size, seen.several, seen.smaller])
    rest = facts.encode() + b"\n" + seen.data
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path, sync=False) as file:
        file.write(hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    global _written
    with _lock:
        if _written is None or _written > _LOOK_EVERY:
            _remove_oldest(path.parent)
            _written = 0
        _written += len(rest)


def _remove_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        files = sorted((stat.st_mtime, stat.st_size, entry.path) for entry in entries for stat in [entry.stat()])
    held = sum(size for _, size, _ in files)
    if held > MOST_BYTES:
        for _, size, path in files:
            if held <= _KEPT_SHARE * MOST_BYTES:
                break
            Path(path).unlink(missing_ok=True)
            held -= size
