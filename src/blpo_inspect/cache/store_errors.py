"""What can be wrong with the recorded calls on disk, and what to do about it."""

import errno

import diskcache  # type: ignore[import-untyped]
from diskcache.core import DBNAME  # type: ignore[import-untyped]

from blpo_inspect._util.plain_error import PlainError


class StoreError(PlainError):
    """The store cannot do what was asked; says what, where and what to do."""


class LaterVersionError(StoreError):
    """One row was written by a later version of this package."""


class CorruptEntryError(StoreError):
    """One row cannot be used; the rest of the store can."""


def reason_and_advice(error: Exception, busy_seconds: float) -> tuple[str, str]:
    """Why the store's database failed, and what to do.

    Args:
        error: Of SQLite, diskcache or the operating system.
        busy_seconds: How long a locked database was waited for.
    """
    text = str(error)
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, diskcache.Timeout) or "locked" in text or "busy" in text:
        return (
            f"another process has held it locked for {busy_seconds:.0f} s",
            "Wait for it, or set BLPO_CACHE_DIR to another folder.",
        )
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "full" in text or "disk I/O error" in text:
        return f"the disk is full or fails ({text})", "Free space, or set BLPO_CACHE_DIR to another disk."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in text or "unable to open" in text:
        return f"no permission ({text})", "Set BLPO_CACHE_DIR to a folder that can be used."
    if (
        isinstance(error, UnicodeDecodeError)
        or "not a database" in text
        or "malformed" in text
        or "no such" in text
        or "encrypted" in text
    ):
        return f"its database is damaged or is none ({text})", f"Move {DBNAME} away; it will be made anew."
    return text or type(error).__name__, "Set BLPO_CACHE_DIR to another folder, or BLPO_CACHE=off."
