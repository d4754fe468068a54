"""Recorded calls on disk: one folder, one SQLite database, many processes and threads.

Rows are JSON bytes under text keys, and nothing else is ever read: no pickle, no files beside the
database, no settings that the database brings along. A store that holds anything else is refused.
The first write of a key wins; nothing is evicted or expires. What makes a key and when a call may
be recorded is decided elsewhere (`request`, `memo`).
"""

import atexit
import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import diskcache  # type: ignore[import-untyped]
import platformdirs
from diskcache.core import DBNAME  # type: ignore[import-untyped]

from blpo_inspect.cache.database import FOREIGN, SETTINGS, BytesDisk, check_database
from blpo_inspect.cache.entry import Entry, EntryError, LaterEntryError
from blpo_inspect.cache.hit_counter import HitCounter
from blpo_inspect.cache.store_errors import CorruptEntryError, LaterVersionError, StoreError, reason_and_advice

BUSY_SECONDS = 10.0
"""How long a call waits for another process that writes."""

_PAGE = 256
_T = TypeVar("_T")


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

    Attributes:
        hits: How often calls were replayed.

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
            LaterVersionError: A later version of this package wrote it.
            StoreError: The store cannot be read.
        """
        if (connection := self._reader()) is None:
            return None
        with self._explained("read"):
            row = connection.execute(f"SELECT value, {FOREIGN} FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
        if row is None:
            return None
        try:
            return _entry(key, *row)
        except LaterEntryError as error:
            raise LaterVersionError(
                f"entry {key[:12]}… of the cache in {self.folder} was {error}. Update blpo-inspect to read it."
            ) from error
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
        """Keys of rows that are not what was written, and why; reads the whole store.

        Raises:
            StoreError: The store cannot be read.
        """
        return self.checked()[0]

    def checked(self) -> tuple[list[tuple[str, str]], list[str], int]:
        """Keys of damaged rows and why; keys that a later version wrote; how many sound entries have no digest.

        Raises:
            StoreError: The store cannot be read.
        """
        damaged: list[tuple[str, str]] = []
        later: list[str] = []
        unsealed = 0
        for key, row in self._rows():
            if isinstance(row, Entry):
                unsealed += not row.sealed
            elif isinstance(row, LaterEntryError):
                later.append(key)
            else:
                damaged.append((key, str(row)))
        return damaged, later, unsealed

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

    def close(self) -> None:
        """Write the hit counters and close all connections; a later call opens new ones."""
        self.hits.flush()
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
        self.hits = HitCounter(self.folder, read_only=self.read_only)

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
            connection.execute(f"PRAGMA mmap_size = {SETTINGS['sqlite_mmap_size']}")
            if check_database(connection, self._database):
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
                cache = diskcache.Cache(str(self.folder.absolute()), timeout=BUSY_SECONDS, disk=BytesDisk, **SETTINGS)
                cache.close()
                with closing(sqlite3.connect(self._database, timeout=BUSY_SECONDS, isolation_level=None)) as db:
                    db.execute(f"CREATE INDEX IF NOT EXISTS blpo_foreign ON Cache (mode) WHERE {FOREIGN}")
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

    def _rows(self) -> "Iterator[tuple[str, Entry | EntryError]]":
        for key, value, foreign in self._pages(f"key, value, {FOREIGN}"):
            try:
                yield key, _entry(key, value, foreign)
            except EntryError as error:
                yield key, error

    @contextmanager
    def _explained(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, diskcache.Timeout, UnicodeDecodeError) as error:
            reason, advice = reason_and_advice(error, BUSY_SECONDS)
            raise StoreError(f"cannot {doing} the cache in {self.folder}: {reason}. {advice}") from error


_stores: "weakref.WeakSet[Store]" = weakref.WeakSet()
_inherited: list[object] = []
"""Connections of a parent process, kept so that nothing closes them."""


@atexit.register
def _flush_all() -> None:
    for store in list(_stores):
        if store._pid == os.getpid():
            store.hits.flush()


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
