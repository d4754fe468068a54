"""Recorded calls on disk: one folder, one SQLite database, many processes and threads.

Rows are JSON bytes under text keys, and nothing else is ever read: no pickle, no files beside the
database, no settings that the database brings along. A store that holds anything else is refused.
The first write of a key wins; nothing is evicted or expires. What makes a key and when a call may
be recorded is decided elsewhere (`request`, `memo`).
"""

import atexit
import errno
import json
import os
import re
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import diskcache  # type: ignore[import-untyped]
import platformdirs
from diskcache.core import (  # type: ignore[import-untyped]
    DBNAME,
    DEFAULT_SETTINGS,
    METADATA,
    MODE_PICKLE,
    MODE_RAW,
)

from blpo_inspect.cache.entry import Entry, EntryError

BUSY_SECONDS = 10.0
"""How long a call waits for another process that writes."""

HITS_NAME = "hits.db"
"""Counters of hits lie apart: losing them costs nothing, and counting never locks the entries."""

FLUSH_EVERY = 1000
"""Hits counted in memory before they are written."""

_SETTINGS: dict[str, int | str] = {
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

# true for every row that this class would not have written
_FOREIGN = (
    f"NOT (mode IS {MODE_RAW} AND raw IS 1 AND filename IS NULL AND expire_time IS NULL"
    " AND typeof(key) IS 'text' AND typeof(value) IS 'blob')"
)

_KNOWN_OBJECTS = {
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

_PAGE = 256
_T = TypeVar("_T")


class StoreError(RuntimeError):
    """The store cannot do what was asked; says what, where and what to do."""


class CorruptEntryError(StoreError):
    """One row cannot be used; the rest of the store can."""


@dataclass(frozen=True)
class StoreSize:
    """How much there is.

    Attributes:
        entries: Rows, damaged ones included.
        bytes: Size of the database files on disk.
    """

    entries: int
    bytes: int


def default_folder() -> Path:
    """``BLPO_CACHE_DIR``, else this user's cache folder of the platform. Creates nothing."""
    named = os.environ.get("BLPO_CACHE_DIR")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("blpo-inspect")


class Store:
    """The recorded calls in one folder; safe to share between threads and to keep over a fork.

    Opening creates nothing: folder and database appear with the first write.

    Args:
        folder: Where the database lies.
        read_only: Never write, and work on media that cannot be written.

    Raises:
        StoreError: What lies there is no such store, holds rows that must not be read, or cannot be opened.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = Path(folder)
        self.read_only = read_only
        self._database = self.folder / DBNAME
        self._start_afresh()
        if self._database.exists():
            self._reader()
        _stores.add(self)

    def get(self, key: str) -> Entry | None:
        """The entry of a key, or None. One indexed read, about 0.1 ms: short enough for an event loop.

        Raises:
            CorruptEntryError: There is a row, but it is not what was written.
            StoreError: The store cannot be read.
        """
        if (connection := self._reader()) is None:
            return None
        with self._explained("read"):
            row = connection.execute(
                f"SELECT value, {_FOREIGN} FROM Cache WHERE key = ? AND raw = 1", (key,)
            ).fetchone()
        if row is None:
            return None
        try:
            return _entry(key, *row)
        except EntryError as error:
            raise CorruptEntryError(
                f"entry {key[:12]}… of the cache in {self.folder} cannot be used: {error}. "
                "`blpo cache verify` lists such entries, `blpo cache prune --damaged --yes` removes them."
            ) from error

    def put(self, entry: Entry) -> Entry:
        """Record an entry, unless its key is there already: the first write wins.

        Returns:
            The entry that the store holds afterwards.

        Raises:
            CorruptEntryError: The row that came first is damaged.
            StoreError: It cannot be written: read-only, full, or locked for `BUSY_SECONDS`.
        """
        if self._write(lambda cache: cache.add(entry.key, entry.to_bytes(), tag=entry.model)):
            return entry
        return self.get(entry.key) or entry

    def replace(self, entry: Entry) -> None:
        """Record an entry in place of an older one; only for people who ask for fresh answers.

        Raises:
            StoreError: It cannot be written.
        """
        self._write(lambda cache: cache.set(entry.key, entry.to_bytes(), tag=entry.model))

    def delete(self, keys: Iterable[str]) -> int:
        """Remove entries, damaged ones too. Returns how many were there.

        Raises:
            StoreError: The store cannot be written.
        """
        wanted = list(keys)
        if not wanted or not self._database.exists():
            return 0

        def remove(cache: diskcache.Cache) -> int:
            with cache.transact():
                return sum(bool(cache.delete(key)) for key in wanted)

        return self._write(remove)

    def entries(self) -> Iterator[Entry]:
        """All sound entries, sorted by key; `damaged` has the others.

        Raises:
            StoreError: The store cannot be read.
        """
        for _, entry in self._rows():
            if isinstance(entry, Entry):
                yield entry

    def damaged(self) -> list[tuple[str, str]]:
        """Keys of rows that cannot be used, and why; reads the whole store.

        Raises:
            StoreError: The store cannot be read.
        """
        return [(key, reason) for key, reason in self._rows() if isinstance(reason, str)]

    def keys(self) -> Iterator[str]:
        """All keys, sorted; those of damaged rows too.

        Raises:
            StoreError: The store cannot be read.
        """
        for (key,) in self._pages("key"):
            yield key

    def keys_like(self, model: str, parts: Sequence[bytes], limit: int) -> list[str]:
        """Keys of rows, damaged ones too: first those of this model in whose bytes most of the parts stand.

        Args:
            model: ``provider/name``.
            parts: What to look for in an entry's bytes; an empty one stands in all.
            limit: How many keys to return at most.

        Raises:
            StoreError: The store cannot be read.
        """
        if (connection := self._reader()) is None:
            return []
        shared = " + ".join(["(tag IS ?)", *("(instr(value, ?) > 0)" for _ in parts)])
        with self._explained("read"):
            rows = connection.execute(
                f"SELECT key FROM Cache WHERE raw = 1 ORDER BY {shared} DESC, key LIMIT ?", (model, *parts, limit)
            ).fetchall()
        return [key for (key,) in rows]

    def identities(self, model: str) -> list[dict[str, Any]]:
        """The distinct identities under which calls of ``provider/name`` were recorded.

        Raises:
            StoreError: The store cannot be read.
        """
        if (connection := self._reader()) is None:
            return []
        text = "CAST(value AS TEXT)"
        with self._explained("read"):
            rows = connection.execute(
                f"SELECT DISTINCT CASE WHEN json_valid({text}) THEN json_extract({text}, '$.request.model') END"
                " FROM Cache WHERE tag = ? ORDER BY 1",
                (model,),
            ).fetchall()
        identities = [json.loads(row) for (row,) in rows if row is not None]
        return [identity for identity in identities if isinstance(identity, dict)]

    def size(self) -> StoreSize:
        """How many entries and how many bytes.

        Raises:
            StoreError: The store cannot be read.
        """
        count = 0
        if (connection := self._reader()) is not None:
            with self._explained("read"):
                (count,) = connection.execute("SELECT count(*) FROM Cache").fetchone()
        files = [self.folder / (DBNAME + suffix) for suffix in ("", "-wal", "-shm")]
        return StoreSize(count, sum(file.stat().st_size for file in files if file.exists()))

    def count_hit(self, model: str, role: str | None) -> None:
        """Count a replayed call. Kept in memory and written now and then; a kill loses the latest."""
        self._hits[model, role or ""] += 1
        self._uncounted += 1
        if self._uncounted >= FLUSH_EVERY:
            self.flush_hits()

    def hits(self) -> dict[tuple[str, str | None], int]:
        """How often calls were replayed, by model and role. Unreadable counters count as none."""
        total = Counter(self._hits)
        path = self.folder / HITS_NAME
        if path.exists():
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as db:
                for model, role, count in db.execute("SELECT model, role, count FROM hits"):
                    total[str(model), str(role)] += int(count)
        return {(model, role or None): count for (model, role), count in sorted(total.items())}

    def flush_hits(self) -> None:
        """Write the counted hits. Never raises: where they cannot be written they are dropped."""
        hits = self._hits.copy()
        self._hits.clear()
        self._uncounted = 0
        if not hits or self.read_only or not self.folder.is_dir():
            return
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.folder / HITS_NAME, timeout=1)) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS hits"
                " (model TEXT, role TEXT, count INTEGER, PRIMARY KEY (model, role)) WITHOUT ROWID"
            )
            db.executemany(
                "INSERT INTO hits VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(model, role, count) for (model, role), count in hits.items()],
            )

    def close(self) -> None:
        """Write the hit counters and close all connections; a later call opens new ones."""
        self.flush_hits()
        with self._lock:
            if self._cache is not None:
                self._cache.close()
            for connection in self._connections:
                connection.close()
            self._start_afresh()

    def _start_afresh(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._writing = threading.Lock()
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._cache: diskcache.Cache | None = None
        self._hits: Counter[tuple[str, str]] = Counter()
        self._uncounted = 0

    def _mind_fork(self) -> None:
        # SQLite connections must not be used, not even closed, in a forked child
        if self._pid != os.getpid():
            _inherited.append((self._connections, self._local, self._cache))
            self._start_afresh()

    def _reader(self) -> sqlite3.Connection | None:
        """This thread's connection for reading; None while there is no database."""
        self._mind_fork()
        connection: sqlite3.Connection | None = getattr(self._local, "reader", None)
        if connection is None:
            with self._explained("open"):
                if not self._database.exists():
                    return None
                connection = self._connect()
                if connection is None:
                    return None
            with self._lock:
                self._connections.append(connection)
            self._local.reader = connection
        return connection

    def _connect(self) -> sqlite3.Connection | None:
        """A checked connection; None if another process is just creating the tables."""
        connection = self._open(self._database.absolute().as_uri())
        try:
            connection.execute(f"PRAGMA mmap_size = {_SETTINGS['sqlite_mmap_size']}")
            if self._check(connection):
                return connection
        except BaseException:
            connection.close()
            raise
        connection.close()
        return None

    def _open(self, uri: str) -> sqlite3.Connection:
        writable = not self.read_only and os.access(self.folder, os.W_OK) and os.access(self._database, os.W_OK)
        modes = ["mode=rw"] if writable else ["mode=ro", "mode=ro&immutable=1"]
        for mode in modes:
            if "immutable" in mode and _has_bytes(self.folder / f"{DBNAME}-wal"):
                break  # writes that only a writable database can take over
            connection = sqlite3.connect(
                f"{uri}?{mode}", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA query_only = 1")
                connection.execute("PRAGMA trusted_schema = 0")
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            except sqlite3.OperationalError as error:
                connection.close()
                if mode == modes[-1] or not _is_about_opening(error):
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise StoreError(
            f"the cache in {self.folder} was left in the middle of writing and cannot be written now. "
            "Make the folder writable and open it once, or copy it."
        )

    def _check(self, connection: sqlite3.Connection) -> bool:
        """Refuse a database that is not ours; False if it is still empty."""
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not names:
            return False
        if strange := names - _KNOWN_OBJECTS:
            self._refuse(f"has {', '.join(sorted(map(str, strange)))} in it, which no cache of this kind has")
        if "Settings" in names:
            for key, value in connection.execute("SELECT key, value FROM Settings"):
                if key not in _SETTINGS and key not in METADATA:
                    self._refuse(f"brings the setting {key!r}, which no cache of this kind has")
                # diskcache puts these into SQL as they are
                if not isinstance(value, int) and not re.fullmatch(r"[a-z-]{1,40}", str(value)):
                    self._refuse(f"brings an unusable value of {key}")
        if not {"Settings", "Cache"} <= names:
            return False
        # with the partial index `blpo_foreign` this takes no time however large the store is
        row = connection.execute(f"SELECT mode, filename FROM Cache WHERE {_FOREIGN} LIMIT 1").fetchone()
        if row is not None:
            mode, filename = row
            if mode == MODE_PICKLE:
                self._refuse("holds a pickle, which could run code when it is read")
            if filename is not None:
                self._refuse(f"has a row that points to the file {filename!r}; rows of a cache hold their own bytes")
            self._refuse("holds rows that this package did not write")
        return True

    def _refuse(self, what: str) -> NoReturn:
        raise StoreError(
            f"{self._database} {what}; it was not read. Set BLPO_CACHE_DIR to another folder, or move this one away."
        )

    def _write(self, action: "Callable[[diskcache.Cache], _T]") -> _T:
        if self.read_only:
            raise StoreError(f"the cache in {self.folder} was opened read-only: nothing can be recorded in it")
        self._mind_fork()
        # one at a time: threads that find the database locked would sleep in SQLite, each for longer than a write takes
        with self._explained("write"), self._writing:
            return action(self._writer())

    def _writer(self) -> diskcache.Cache:
        with self._lock:
            if self._cache is None:
                self._reader()  # checks what is there before diskcache sees it
                self.folder.mkdir(parents=True, exist_ok=True)
                with closing(sqlite3.connect(self._database, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                    db.execute("BEGIN IMMEDIATE")  # diskcache would wait much longer for a locked database
                    db.execute("ROLLBACK")
                cache = diskcache.Cache(str(self.folder.absolute()), timeout=BUSY_SECONDS, disk=_BytesDisk, **_SETTINGS)
                cache.close()
                with closing(sqlite3.connect(self._database, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                    db.execute(f"CREATE INDEX IF NOT EXISTS blpo_foreign ON Cache (mode) WHERE {_FOREIGN}")
                self._reader()
                self._cache = cache
            return self._cache

    def _pages(self, columns: str) -> Iterator[tuple[Any, ...]]:
        """Rows in the order of their keys, in pages, so that no read stays open between them."""
        after = ""
        while (connection := self._reader()) is not None:
            with self._explained("read"):
                rows = connection.execute(
                    f"SELECT {columns} FROM Cache WHERE key > ? AND raw = 1 ORDER BY key LIMIT {_PAGE}", (after,)
                ).fetchall()
            yield from rows
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def _rows(self) -> "Iterator[tuple[str, Entry | str]]":
        for key, value, foreign in self._pages(f"key, value, {_FOREIGN}"):
            try:
                yield key, _entry(key, value, foreign)
            except EntryError as error:
                yield key, str(error)

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, diskcache.Timeout) as error:
            reason, advice = _explain(error)
            raise StoreError(f"cannot {doing} the cache in {self.folder}: {reason}. {advice}") from error


class _BytesDisk(diskcache.Disk):  # type: ignore[misc]
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


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()
_inherited: list[object] = []
"""Connections of a parent process, kept so that nothing closes them."""


@atexit.register
def _flush_all() -> None:
    for store in list(_stores):
        if store._pid == os.getpid():
            store.flush_hits()


def _entry(key: str, value: object, foreign: int) -> Entry:
    if foreign or not isinstance(value, bytes):
        raise EntryError("the row is not plain bytes")
    entry = Entry.from_bytes(value)
    if entry.key != key:
        raise EntryError(f"it lies under a key that is not its own ({entry.key[:12]}…)")
    return entry


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _is_about_opening(error: sqlite3.OperationalError) -> bool:
    return any(part in str(error) for part in ("unable to open", "readonly", "read-only"))


def _explain(error: Exception) -> tuple[str, str]:
    """Reason and advice for people."""
    text = str(error)
    code = error.errno if isinstance(error, OSError) else None
    if isinstance(error, diskcache.Timeout) or "locked" in text or "busy" in text:
        return (
            f"another process has held it locked for {BUSY_SECONDS:.0f} s",
            "Wait for it, or set BLPO_CACHE_DIR to another folder.",
        )
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "full" in text or "disk I/O error" in text:
        return f"the disk is full or fails ({text})", "Free space, or set BLPO_CACHE_DIR to another disk."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "readonly" in text or "unable to open" in text:
        return f"no permission ({text})", "Set BLPO_CACHE_DIR to a folder that can be used."
    if "not a database" in text or "malformed" in text or "no such" in text or "encrypted" in text:
        return f"its database is damaged or is none ({text})", f"Move {DBNAME} away; it will be made anew."
    return text or type(error).__name__, "Set BLPO_CACHE_DIR to another folder, or BLPO_CACHE=off."
