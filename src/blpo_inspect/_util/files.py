"""Files that are there whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import IO

_masking = Lock()
"""A process has one mask, which can only be read by setting it."""


@contextmanager
def written_whole(path: Path, *, sync: bool = True) -> Iterator[IO[bytes]]:
    """A file to write and read, beside the target; it takes the target's place when the block ends well.

    Until then, and after any exception, the target is as it was and nothing is left beside it.

    Args:
        path: The target.
        sync: Whether it also outlasts a crash of the machine, which takes longer.

    Raises:
        OSError: The folder cannot be written, or the disk is full.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            if sync:
                os.fsync(file.fileno())
        with _masking:
            mask = os.umask(0)
            os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # mkstemp is for the owner alone
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if not sync:
        return
    with suppress(OSError):  # some file systems cannot sync a folder
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
