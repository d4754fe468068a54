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
    "Settings": "CREATE TABLE Settings ( key TEXT NOT NULL UNIQUE, value)",
    "sqlite_autoindex_Settings_1": "",
    "Cache": "CREATE TABLE Cache ( rowid INTEGER PRIMARY KEY, key BLOB, raw INTEGER, store_time REAL, expire_time REAL,"
    " access_time REAL, access_count INTEGER DEFAULT 0, tag BLOB, size INTEGER DEFAULT 0, mode INTEGER DEFAULT 0,"
    " filename TEXT, value BLOB)",
    "Cache_key_raw": "CREATE UNIQUE INDEX Cache_key_raw ON Cache(key, raw)",
    "Cache_expire_time": "CREATE INDEX Cache_expire_time ON Cache (expire_time)",
    "Cache_tag_rowid": "CREATE INDEX Cache_tag_rowid ON Cache(tag, rowid)",
    **{
        f"Settings_{name}": f"CREATE TRIGGER Settings_{name} AFTER {event} ON Cache FOR EACH ROW BEGIN UPDATE Settings"
        f' SET value = value {change} WHERE key = "{name.partition("_")[0]}"; END'
        for name, event, change in (
            ("count_insert", "INSERT", "+ 1"),
            ("count_delete", "DELETE", "- 1"),
            ("size_insert", "INSERT", "+ NEW.size"),
            ("size_update", "UPDATE", "+ NEW.size - OLD.size"),
            ("size_delete", "DELETE", "- OLD.size"),
        )
    },
    "blpo_foreign": f"CREATE INDEX blpo_foreign ON Cache (mode) WHERE {FOREIGN}",
    "sqlite_stat1": "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    "sqlite_stat4": "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
    # what diskcache's other settings leave behind
    "Cache_store_time": "CREATE INDEX Cache_store_time ON Cache (store_time)",
    "Cache_access_time": "CREATE INDEX Cache_access_time ON Cache (access_time)",
    "Cache_access_count": "CREATE INDEX Cache_access_count ON Cache (access_count)",
}
"""All that the schema may hold, by name: as diskcache 5 and this package write it, with single spaces."""


def check_database(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the store's tables are there; False while the database is empty.

    Raises:
        StoreError: The store did not make this database, or it holds rows that must not be read.
    """
    schema = {str(name): str(sql or "") for name, sql in connection.execute("SELECT name, sql FROM sqlite_master")}
    names = set(schema)
    if not names:
        return False
    known = sorted(names & _OBJECTS.keys())
    if changed := [name for name in known if " ".join(schema[name].split()) != _OBJECTS[name]]:
        _refuse(path, f"has another {', '.join(changed)} than a cache of this kind")
    if strange := names - _OBJECTS.keys():
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
