"""The store against rows that lie, disks that fail, and other processes."""

import dataclasses
import errno
import os
import pickle
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import diskcache  # type: ignore[import-untyped]
import pytest

import blpo_inspect.cache.store as store_module
from blpo_inspect.cache.entry import Entry, key_of
from blpo_inspect.cache.maintenance import select
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.cache.store_errors import CorruptEntryError, LaterVersionError, StoreError


def entry(number: int, text: str = "yes", model: str = "p/n", **identity: Any) -> Entry:
    request = {"model": {"provider": "p", "name": "n", **identity}, "number": number}
    return Entry(key_of(request), request, {"text": text}, "2026-01-01T00:00:00+00:00", model)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def change(store: Store, sql: str, *values: Any) -> None:
    """Tamper with the database behind the store's back."""
    with sqlite3.connect(store.folder / "cache.db", isolation_level=None) as database:
        database.execute(sql, values)
    database.close()


def test_looking_creates_nothing(store: Store) -> None:
    assert store.get("a" * 64) is None
    for empty in (store.entries(), store.keys(), store.damaged(), store.identities("p/n")):
        assert not list(empty)
    assert store.delete(["a"]) == 0
    assert store.size() == store_module.StoreSize(0, 0)
    assert not store.folder.exists()


def test_the_first_write_wins(store: Store) -> None:
    assert store.put(entry(1, "first")) == entry(1, "first")
    assert store.put(entry(1, "second")) == entry(1, "first")
    assert Store(store.folder).get(entry(1).key) == entry(1, "first")
    store.replace(entry(1, "third"))
    assert store.get(entry(1).key) == entry(1, "third")


def unsealed(number: int) -> Entry:
    """As version 0.1 wrote them: without a digest of their own."""
    return dataclasses.replace(entry(number), sealed=False)


def later(number: int) -> bytes:
    """As a version to come may write it."""
    return entry(number).to_bytes().replace(b'"schema":2', b'"schema":3')


def test_entries_without_digest_stay_readable_and_get_none(store: Store, tmp_path: Path) -> None:
    assert b"sha256" not in unsealed(1).to_bytes()
    store.put(unsealed(1))
    store.put(entry(2))
    assert store.get(entry(1).key) == unsealed(1)
    assert Store(store.folder, read_only=True).get(entry(1).key) == unsealed(1)
    assert store.checked() == ([], [], 1)


def test_an_entry_of_a_later_version_is_not_damaged_and_stays(store: Store) -> None:
    store.put(entry(1))
    change(store, "UPDATE Cache SET value = ?", later(1))
    with pytest.raises(LaterVersionError, match="later version"):
        store.get(entry(1).key)
    assert store.checked() == ([], [entry(1).key], 0)
    assert not list(store.entries())
    assert select(store, damaged=True) == []


def test_every_changed_answer_is_found(store: Store, tmp_path: Path) -> None:
    """Flip 1,000 random bytes of a database, one at a time: an entry that is given is one that was written."""
    written = {number: entry(number, f"safe {number}") for number in range(40)}
    for one in written.values():
        store.put(one)
    store.close()
    for suffix in ("-wal", "-shm"):
        assert not (store.folder / f"cache.db{suffix}").exists()
    sound = (store.folder / "cache.db").read_bytes()
    random = Random(0)
    found = 0
    for number in range(1000):
        place = random.randrange(len(sound))
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "cache.db").write_bytes(
            sound[:place] + bytes([sound[place] ^ 1 << random.randrange(8)]) + sound[place + 1 :]
        )
        try:
            other = Store(folder, read_only=True)
            for before in written.values():
                try:
                    assert other.get(before.key) in (before, None)
                except CorruptEntryError:
                    found += 1
            other.close()
        except StoreError:
            found += 1
        shutil.rmtree(folder)
    assert found > 100


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TRIGGER Settings_count_insert",
        "CREATE TRIGGER Settings_count_insert AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
    ],
)
def test_a_trigger_of_a_known_name_must_be_the_known_trigger(store: Store, sql: str) -> None:
    store.put(entry(1))
    if sql.startswith("CREATE"):
        change(store, "DROP TRIGGER Settings_count_insert")
        change(store, sql)
        with pytest.raises(StoreError, match="another Settings_count_insert"):
            Store(store.folder)
    else:
        change(store, sql)
        assert Store(store.folder).get(entry(1).key) == entry(1)


def test_a_damaged_schema_page_is_said_as_such(store: Store) -> None:
    store.put(entry(1))
    store.close()
    data = (store.folder / "cache.db").read_bytes()
    place = data.index(b"CREATE TABLE Settings")
    (store.folder / "cache.db").write_bytes(data[:place] + b"\xff\xfe" + data[place + 2 :])
    with pytest.raises(StoreError):
        Store(store.folder)


def test_listing_deleting_and_counting(store: Store) -> None:
    written = [entry(number, model="p/a" if number % 2 else "p/b", half=number % 2) for number in range(600)]
    for recorded in written:
        store.put(recorded)
    assert (
        [recorded.key for recorded in store.entries()]
        == list(store.keys())
        == sorted(recorded.key for recorded in written)
    )
    assert {recorded.key: recorded for recorded in store.entries()} == {recorded.key: recorded for recorded in written}
    assert store.identities("p/a") == [{"provider": "p", "name": "n", "half": 1}]
    assert store.delete([written[0].key, "unknown"]) == 1
    assert store.size().entries == 599
    assert store.size().bytes > 0


def test_values_of_a_megabyte_lie_in_the_database(store: Store) -> None:
    big = entry(1, "x" * 2**20)
    store.put(big)
    assert store.get(big.key) == big
    assert {path.name for path in store.folder.iterdir()} <= {"cache.db", "cache.db-wal", "cache.db-shm"}


def test_nothing_is_evicted_whatever_the_database_says(store: Store) -> None:
    store.put(entry(0))
    store.close()
    for key, value in {"size_limit": 10, "cull_limit": 100, "eviction_policy": "least-recently-stored"}.items():
        change(store, "UPDATE Settings SET value = ? WHERE key = ?", value, key)
    again = Store(store.folder)
    for number in range(200):
        again.put(entry(number))
    assert again.size().entries == 200


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("min_file_size", [0, 2**20])
def test_a_store_with_a_pickle_is_refused_and_not_unpickled(tmp_path: Path, min_file_size: int) -> None:
    trap = tmp_path / "ran"
    plain = diskcache.Cache(str(tmp_path / "store"), disk_min_file_size=min_file_size)
    plain["k"] = Payload(trap)
    plain.close()
    with pytest.raises(StoreError, match="holds a pickle"):
        Store(tmp_path / "store")
    assert not trap.exists()
    pickle.loads(pickle.dumps(Payload(trap)))  # noqa: S301  # the trap works
    assert trap.exists()


def test_a_pickle_that_comes_later_is_refused_too(store: Store, tmp_path: Path) -> None:
    store.put(entry(1))
    trap = tmp_path / "ran"
    change(store, "UPDATE Cache SET mode = 4, value = ?", pickle.dumps(Payload(trap)))
    with pytest.raises(CorruptEntryError, match="not plain bytes"):
        store.get(entry(1).key)
    assert store.damaged() == [(entry(1).key, "the row is not plain bytes")]
    assert not trap.exists()
    with pytest.raises(StoreError, match="holds a pickle"):
        Store(store.folder)


def test_pickled_keys_are_refused(tmp_path: Path) -> None:
    plain = diskcache.Cache(str(tmp_path / "store"))
    plain[("a", 1)] = b"{}"
    plain.close()
    with pytest.raises(StoreError, match="did not write"):
        Store(tmp_path / "store")


def test_rows_with_files_are_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(entry(1).to_bytes())
    store.put(entry(1))
    change(store, "UPDATE Cache SET mode = 2, value = NULL, filename = '../secret'")
    with pytest.raises(CorruptEntryError):
        store.get(entry(1).key)
    with pytest.raises(StoreError, match=r"points to the file '\.\./secret'"):
        Store(store.folder)
    assert store.delete([entry(1).key]) == 1
    assert (tmp_path / "secret").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO Settings VALUES ('_disk', 1)",
        "UPDATE Settings SET value = 'x; ATTACH' WHERE key = 'sqlite_cache_size'",
        "CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE VIEW evil AS SELECT 1",
    ],
)
def test_databases_that_bring_more_than_rows_are_refused(store: Store, sql: str) -> None:
    store.put(entry(1))
    change(store, sql)
    with pytest.raises(StoreError, match=r"brings|in it"):
        Store(store.folder)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "not an entry"),
        (entry(1).to_bytes()[:-20], "not JSON"),
        (entry(2).to_bytes(), "not its own"),
        (entry(1).to_bytes().replace(b'"number":1', b'"number":7'), "digest does not fit"),
        (entry(1).to_bytes().replace(b'"2026-01', b'"2027-01'), "digest does not fit"),
        (entry(1).to_bytes().replace(b'"schema":2', b'"schema":1'), "ill-typed"),
    ],
)
def test_a_corrupt_entry_costs_only_itself(store: Store, value: bytes, reason: str) -> None:
    store.put(entry(1))
    store.put(entry(5))
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", value, entry(1).key)
    with pytest.raises(CorruptEntryError, match=reason) as caught:
        store.get(entry(1).key)
    assert str(store.folder) in str(caught.value)
    with pytest.raises(CorruptEntryError):
        store.put(entry(1))
    assert [key for key, _ in store.damaged()] == [entry(1).key]
    assert list(store.entries()) == [entry(5)]
    assert store.delete([entry(1).key]) == 1
    assert store.put(entry(1)) == entry(1)


@pytest.mark.parametrize("content", [b"this is no database, though it is long enough to be one" * 9, b"\0" * 4096])
def test_what_is_no_database_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cache.db").write_bytes(content)
    with pytest.raises(StoreError, match=r"none|damaged"):
        Store(tmp_path)
    assert (tmp_path / "cache.db").read_bytes() == content


def test_read_only(store: Store) -> None:
    store.put(entry(1))
    store.close()
    reader = Store(store.folder, read_only=True)
    assert reader.get(entry(1).key) == entry(1)
    with pytest.raises(StoreError, match="opened read-only"):
        reader.put(entry(2))
    reader.hits.count("p/n", None)
    reader.close()
    assert not (store.folder / "hits.db").exists()


def test_a_folder_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not below pytest's, which only its user may enter
        store = Store(Path(folder))
        store.put(entry(1))
        store.close()
        (store.folder / "cache.db").chmod(0o444)
        store.folder.chmod(0o555)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if os.getuid() == 0:
                    os.setuid(65534)  # root may write anywhere
                again = Store(store.folder)
                assert again.get(entry(1).key) == entry(1)
                with pytest.raises(StoreError, match=r"cannot write the cache in .*: no permission"):
                    again.put(entry(2))
                code = 0
            finally:
                os._exit(code)
        status = os.waitpid(child, 0)[1]
        store.folder.chmod(0o700)
    assert status == 0


def test_media_that_cannot_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(entry(1))
    store.close()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert Store(store.folder).get(entry(1).key) == entry(1)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the cache"):
        Store(tmp_path / "file" / "store").put(entry(1))


def test_a_full_disk(store: Store) -> None:
    """A process that may not write files beyond 64 KiB, as on a full disk."""
    store.put(entry(1))
    store.close()
    script = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
from pathlib import Path
from random import Random
from tests.cache.test_store import Store, StoreError, entry
store = Store(Path({str(store.folder)!r}))
try:
    for number in range(2, 99):
        store.put(entry(number, "x" * 20_000))
except StoreError as error:
    print(error)
assert store.get(entry(1).key) == entry(1)
"""
    assert resource.RLIMIT_FSIZE
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert "the disk is full or fails" in done.stdout
    again = Store(store.folder)
    assert again.damaged() == []
    assert again.put(entry(200)) == entry(200)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (sqlite3.OperationalError("database or disk is full"), "the disk is full"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "no permission"),
        (diskcache.Timeout(), "locked"),
        (sqlite3.DatabaseError("database disk image is malformed"), "damaged"),
        (sqlite3.OperationalError("strange"), "strange"),
    ],
)
def test_errors_say_what_to_do(store: Store, error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(entry(1))

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(diskcache.Cache, "add", fail)
    with pytest.raises(StoreError, match=reason) as caught:
        store.put(entry(2))
    assert str(store.folder) in str(caught.value)
    assert "BLPO_CACHE_DIR" in str(caught.value) or "Move" in str(caught.value)


@pytest.mark.parametrize("fresh", [True, False])
def test_a_locked_database(store: Store, fresh: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "BUSY_SECONDS", 0.2)
    store.put(entry(1))
    if fresh:
        store.close()
    locker = sqlite3.connect(store.folder / "cache.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        writer = Store(store.folder)
        if not fresh:
            locker.execute("ROLLBACK")
            writer.put(entry(3))
            locker.execute("BEGIN IMMEDIATE")
        assert writer.get(entry(1).key) == entry(1)  # readers do not wait for writers
        with pytest.raises(StoreError, match="locked"):
            writer.put(entry(2))
    finally:
        locker.close()
    assert writer.put(entry(2)) == entry(2)


def test_threads(store: Store) -> None:
    failures: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for number in range(60):
                recorded = entry(number, str(offset))
                assert store.put(recorded) == store.get(recorded.key)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.size().entries == 60


def test_a_fork_opens_its_own_connections(store: Store) -> None:
    store.put(entry(1))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if store.get(entry(1).key) == entry(1) and store.put(entry(2)) == entry(2) else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    assert store.get(entry(2).key) == entry(2)
    assert store.put(entry(3)) == entry(3)


def test_hits_are_counted_by_model_and_role(store: Store) -> None:
    store.put(entry(1))
    for _ in range(3):
        store.hits.count("p/n", "judge")
    store.hits.count("p/n", None)
    expected = {("p/n", None): 1, ("p/n", "judge"): 3}
    assert store.hits.totals() == expected
    assert Store(store.folder).hits.totals() == {}
    store.close()
    assert store.hits.totals() == expected
    other = Store(store.folder)
    other.hits.count("p/n", "judge")
    other.hits.flush()
    assert store.hits.totals()["p/n", "judge"] == 4


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BLPO_CACHE_DIR", str(tmp_path / "here"))
    assert default_folder() == tmp_path / "here"
    monkeypatch.delenv("BLPO_CACHE_DIR")
    assert default_folder().name == "blpo-inspect"
