"""What the store's SQLite database holds, and nothing else: text keys and plain bytes, in the tables of diskcache."""

import re
import sqlite3
from pathlib import Path
from typing import NoReturn

import diskcache  # type: ignore[import-untyped]
from diskcache.core import (  # type: ignore[import-untyped]
    DEFAULT_SETTINGS,
    METADATA,
    MODE_PICKLE,
    MODE_RAW,
)

from blpo_inspect.cache.store_errors import StoreError

SETTINGS: dict[str, int | str] = {
    **DEFAULT_SETTINGS,
    "eviction_policy": "none",
    "size_limit": 2**62,
    "cull_limit": 0,
    "statistics": 0,
    "tag_index": 1,  # the tag is the model
    "sqlite_journal_mode": "wal",
    "disk_min_file_size": 2**62,  # every value lies in the database: nothing to lose on a kill, no paths to trick
    "disk_pickle_protocol": 0,
}
"""Settings with which diskcache makes the database."""

FOREIGN = (
    f"NOT (mode IS {MODE_RAW} AND raw IS 1 AND filename IS NULL AND expire_time IS NULL"
    " AND typeof(key) IS 'text' AND typeof(value) IS 'blob')"
)
"""SQL that is true of every row that the store would not have written."""

_OBJECTS = {
    "Cache",
    "Cache_expire_time",
    "Cache_key_raw",
    "Cache_tag_rowid",
    "Settings",
    "Settings_count_delete",
    "Settings_count_insert",
    "Settings_size_delete",
    "Settings_size_insert",
    "Settings_size_update",
    "blpo_foreign",
    "sqlite_autoindex_Settings_1",
    "sqlite_sequence",
    "sqlite_stat1",
    "sqlite_stat4",
    # what diskcache's other settings leave behind
    "Cache_store_time",
    "Cache_access_time",
    "Cache_access_count",
}


def check_database(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the store's tables are there; False while the database is empty.

    Raises:
        StoreError: The store did not make this database, or it holds rows that must not be read.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return False
    if strange := names - _OBJECTS:
        _refuse(path, f"has {', '.join(sorted(map(str, strange)))} in it, which no cache of this kind has")
    if "Settings" in names:
        for key, value in connection.execute("SELECT key, value FROM Settings"):
            if key not in SETTINGS and key not in METADATA:
                _refuse(path, f"brings the setting {key!r}, which no cache of this kind has")
            # diskcache puts these into SQL as they are
            if not isinstance(value, int) and not re.fullmatch(r"[a-z-]{1,40}", str(value)):
                _refuse(path, f"brings an unusable value of {key}")
    if not {"Settings", "Cache"} <= names:
        return False
    # with the partial index `blpo_foreign` this takes no time however large the store is
    row = connection.execute(f"SELECT mode, filename FROM Cache WHERE {FOREIGN} LIMIT 1").fetchone()
    if row is not None:
        mode, filename = row
        if mode == MODE_PICKLE:
            _refuse(path, "holds a pickle, which could run code when it is read")
        if filename is not None:
            _refuse(path, f"has a row that points to the file {filename!r}; rows of a cache hold their own bytes")
        _refuse(path, "holds rows that this package did not write")
    return True


def _refuse(path: Path, what: str) -> NoReturn:
    raise StoreError(f"{path} {what}; it was not read. Set BLPO_CACHE_DIR to another folder, or move this one away.")


class BytesDisk(diskcache.Disk):  # type: ignore[misc]
    """Text keys and bytes values as they are; everything else is refused, in both directions."""

    def put(self, key: object) -> tuple[str, bool]:
        if type(key) is not str:
            raise TypeError(f"keys are text, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        if type(key) is not str or not raw:
            raise StoreError("a row with a key that is not text")
        return key

    def store(self, value: object, read: bool, key: object = None) -> tuple[int, int, None, sqlite3.Binary]:
        if type(value) is not bytes or read:
            raise TypeError(f"values are bytes, not {type(value).__name__}")
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: object, filename: object, value: object, read: bool) -> bytes:
        if mode != MODE_RAW or filename is not None or type(value) is not bytes:
            raise StoreError("a row that is not plain bytes")
        return value

    def remove(self, file_path: object) -> None:
        """No row of ours has a file, so none is ever removed."""
