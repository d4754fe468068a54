"""Bundles: what goes in comes out; whatever is wrong with a file, nothing of it comes in."""

import dataclasses
import gzip
import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample

from blpo_inspect.cache.bundle import BundleError, Limits, export, import_
from blpo_inspect.cache.entry import Entry, canonical, key_of
from blpo_inspect.cache.logs import LogError
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.cache.store_errors import StoreError
from blpo_inspect.judging.solvers import judge
from tests.cache.recorded import filled, recorded, request
from tests.cache.test_store import change
from tests.conftest import ScriptedAPI

ENTRIES = [recorded(request(f"Prompt {number}"), f"answer {number}") for number in range(3)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled(tmp_path / "store", *ENTRIES)


@pytest.fixture
def file(store: Store, tmp_path: Path) -> Path:
    export(store, tmp_path / "calls.bundle")
    return tmp_path / "calls.bundle"


@pytest.fixture
def empty(tmp_path: Path) -> Store:
    return Store(tmp_path / "empty")


def refused(store: Store, file: Path, why: str = ".", limits: Limits = Limits()) -> None:  # noqa: B008  # frozen
    before = list(store.keys())
    with pytest.raises(BundleError, match=why) as caught:
        import_(store, file, limits=limits)
    assert str(file) in str(caught.value) and "nothing was imported" in str(caught.value)
    assert list(store.keys()) == before


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=6, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def packed(lines: list[bytes]) -> bytes:
    """A bundle of any lines, with a header that fits them."""
    header = {"format": "blpo-cache-bundle", "schema": 1, "entries": len(lines)}
    header["sha256"] = hashlib.sha256(b"".join(lines)).hexdigest()
    return zipped(canonical(header) + b"\n" + b"".join(lines))


def line(entry: Entry) -> bytes:
    fields = json.loads(entry.to_bytes())
    return canonical({"entry": fields, "sha256": hashlib.sha256(canonical(fields)).hexdigest()}) + b"\n"


texts = st.text(st.characters(codec="utf-8"), max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=30)
@given(bodies=st.lists(st.tuples(values, values, texts, st.none() | texts), min_size=1, max_size=5))
def test_a_round_trip_gives_the_same_entries(
    bodies: list[tuple[object, object, str, str | None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("round")
    entries = {}
    for asked, said, model, role in bodies:
        wanted = {"asked": asked}
        entries[key_of(wanted)] = Entry(key_of(wanted), wanted, {"said": said}, "2026-01-01T00:00:00Z", model, role)
    source = filled(folder / "one", *entries.values())
    done = export(source, folder / "file")
    target = Store(folder / "two")
    assert import_(target, folder / "file").new == done.entries == len(entries)
    assert list(target.entries()) == list(source.entries()) == [entries[key] for key in sorted(entries)]
    export(target, folder / "again")
    assert (folder / "again").read_bytes() == (folder / "file").read_bytes()


def test_equal_entries_give_equal_bytes_and_names_do_not_matter(store: Store, file: Path, tmp_path: Path) -> None:
    turned = filled(tmp_path / "turned", *reversed(ENTRIES))
    export(turned, tmp_path / "other name")
    assert (tmp_path / "other name").read_bytes() == file.read_bytes()
    data = file.read_bytes()
    assert data[3:8] == bytes(5)  # no name, no time


def test_the_file_is_as_documented(file: Path) -> None:
    header, *lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    assert json.loads(header) == {
        "format": "blpo-cache-bundle",
        "schema": 1,
        "entries": 3,
        "sha256": hashlib.sha256(b"".join(lines)).hexdigest(),
    }
    assert lines == [line(entry) for entry in sorted(ENTRIES, key=lambda entry: entry.key)]
    assert packed(lines) == file.read_bytes()


def test_what_is_there_stays_and_conflicts_are_named(file: Path, tmp_path: Path) -> None:
    other = recorded(ENTRIES[0].request, "another answer")  # type: ignore[arg-type]
    same = recorded(ENTRIES[1].request, "answer 1", on="2025-05-05")  # type: ignore[arg-type]
    assert same.output != ENTRIES[1].output  # message ids differ, answers do not
    store = filled(tmp_path / "mine", other, same)
    done = import_(store, file)
    assert (done.new, done.equal, done.conflicts) == (1, 1, (other.key,))
    assert store.get(other.key) == other
    assert store.get(same.key) == same
    assert import_(store, file).new == 0


def test_a_damaged_row_is_repaired(store: Store, file: Path) -> None:
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", ENTRIES[0].key)
    done = import_(store, file)
    assert (done.new, done.repaired, done.equal) == (0, 1, 2)
    assert store.get(ENTRIES[0].key) == ENTRIES[0]


def test_truncated_anywhere_nothing_is_imported(file: Path, empty: Store) -> None:
    data = file.read_bytes()
    assert len(data) < 5000
    for length in range(len(data)):
        file.write_bytes(data[:length])
        refused(empty, file)
    file.write_bytes(data)
    assert import_(empty, file).new == 3


def test_one_flipped_bit_anywhere_nothing_is_imported(file: Path, empty: Store) -> None:
    data = file.read_bytes()
    content, meaningless = gzip.decompress(data), 0
    for place in range(len(data)):
        file.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        try:
            if place >= 10 and gzip.decompress(file.read_bytes()) == content:
                meaningless += 1  # deflate has a few bits that nothing depends on
                continue
        except (OSError, EOFError, zlib.error):
            pass
        refused(empty, file)
    assert meaningless < 10


def test_a_flipped_character_in_repacked_lines(file: Path, empty: Store) -> None:
    # the checksum of gzip fits again, so our own digests must notice
    data = gzip.decompress(file.read_bytes())
    for place in range(0, len(data), 7):
        file.write_bytes(zipped(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]))
        refused(empty, file)


LINES = [line(entry) for entry in sorted(ENTRIES, key=lambda entry: entry.key)]


def with_wrong_key() -> bytes:
    return line(dataclasses.replace(ENTRIES[0], key="../../etc/passwd"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (packed(LINES) + b"x", "something follows"),
        (packed(LINES) + packed(LINES), "something follows"),
        (packed(LINES[::-1]), "out of order"),
        (packed([LINES[0], LINES[0]]), "duplicate"),
        (packed([b"\n", *LINES]), "entry 1"),
        (packed([*LINES, LINES[0][:-1]]), "cut off"),
        (packed([LINES[0].replace(b'{"entry"', b'{ "entry"'), *LINES[1:]]), "canonical"),
        (packed([LINES[0].replace(b'{"entry"', b'{"entry":0,"entry"'), *LINES[1:]]), "canonical"),
        (packed([LINES[0].replace(b"answer", b"Answer"), *LINES[1:]]), "its digest does not fit"),
        (packed([with_wrong_key()]), "not the digest of its request"),
        (packed([b"[" * 200_000 + b"\n"]), "nested"),
        (packed([b'{"entry":NaN,"sha256":""}\n']), "entry 1"),
        (zipped(b'{"format":"other"}\n'), "not a bundle"),
        (zipped(b"[]\n"), "not a bundle"),
        (zipped(packed(LINES)), "not a bundle|cut off"),  # ids in the answers vary: packed, they may hold no line end
        (zipped(b'{"format":"blpo-cache-bundle","schema":2}\n'), "version 2"),
        (zipped(b'{"format":"blpo-cache-bundle","schema":1}\n'), "header is damaged"),
        (b"\x1f\x8b\x08\x08" + bytes(6) + b"../../evil\0" + packed(LINES)[10:], "not a bundle"),
        (b"", "not a bundle"),
        (b"PK\x03\x04", "not a bundle"),
        (b"\x80\x04K\x01.", "not a bundle"),
    ],
)
def test_tampered_files_are_refused(data: bytes, why: str, tmp_path: Path, empty: Store) -> None:
    (tmp_path / "file").write_bytes(data)
    refused(empty, tmp_path / "file", why)


def test_counts_and_digest_of_the_header_must_fit(tmp_path: Path, empty: Store) -> None:
    for entries, digest in ((2, LINES), (4, LINES), (3, LINES[:2])):
        sha256 = hashlib.sha256(b"".join(digest)).hexdigest()
        header = {"format": "blpo-cache-bundle", "schema": 1, "entries": entries, "sha256": sha256}
        (tmp_path / "file").write_bytes(zipped(canonical(header) + b"\n" + b"".join(LINES)))
        refused(empty, tmp_path / "file", "header")


def test_a_bomb_is_refused_early(tmp_path: Path, empty: Store) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = zipped(b"")[:10] + packer.compress(
        canonical({"format": "blpo-cache-bundle", "schema": 1, "entries": 1, "sha256": ""}) + b"\n"
    )
    for _ in range(100):
        bomb += packer.compress(bytes(2**20))
    bomb += packer.flush()
    assert len(bomb) < 200_000  # for 100 MB
    (tmp_path / "bomb").write_bytes(bomb)
    refused(empty, tmp_path / "bomb", "a line of more than")
    refused(empty, tmp_path / "bomb", "times its size", Limits(line=2**40))
    refused(empty, tmp_path / "bomb", "when decompressed", Limits(line=2**40, content=2**20))


def test_limits_hold_to_the_byte(file: Path, tmp_path: Path) -> None:
    content = len(gzip.decompress(file.read_bytes()))
    longest = max(len(part) for part in [*LINES, b""])
    fitting = Limits(file=file.stat().st_size, content=content, line=longest)
    assert import_(Store(tmp_path / "fits"), file, limits=fitting).new == 3
    for less in ("file", "content", "line"):
        tight = dataclasses.replace(fitting, **{less: getattr(fitting, less) - 1})
        refused(Store(tmp_path / less), file, limits=tight)


def test_only_regular_files(tmp_path: Path, empty: Store, store: Store) -> None:
    os.mkfifo(tmp_path / "pipe")
    refused(empty, tmp_path / "pipe", "regular file")
    refused(empty, Path("/dev/zero"), "regular file")
    refused(empty, tmp_path, "regular file")
    with pytest.raises(BundleError, match="regular file"):
        export(store, tmp_path / "pipe")


def test_a_store_that_fails_on_the_way_gets_nothing(file: Path, empty: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put = empty.put

    def full(entry: Entry) -> Entry:
        if entry.key == max(known.key for known in ENTRIES):
            raise StoreError("the disk is full")
        return put(entry)

    monkeypatch.setattr(empty, "put", full)
    with pytest.raises(StoreError, match="full"):
        import_(empty, file)
    assert list(empty.keys()) == []


def test_export_of_some(store: Store, tmp_path: Path) -> None:
    store.put(recorded(request(model="scripted/other")))
    key = ENTRIES[0].key
    done = export(store, tmp_path / "keys", keys=[key, "f" * 64])
    assert (done.entries, done.missing) == (1, ("f" * 64,))
    assert export(store, tmp_path / "model", models=["scripted/other"]).entries == 1
    with pytest.raises(BundleError, match="nothing to export"):
        export(store, tmp_path / "none", models=["scripted/absent"])
    assert not (tmp_path / "none").exists()


def test_damaged_rows_are_left_out_and_named(store: Store, tmp_path: Path) -> None:
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", ENTRIES[0].key)
    done = export(store, tmp_path / "file")
    assert (done.entries, done.damaged) == (2, (ENTRIES[0].key,))


def test_a_failed_export_leaves_the_old_file_and_no_other(
    store: Store, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, names = file.read_bytes(), sorted(file.parent.iterdir())
    store.put(recorded(request("one more")))

    def fail(self: Path, target: Path) -> Path:
        raise OSError("no")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no"):
        export(store, file)
    assert file.read_bytes() == before and sorted(file.parent.iterdir()) == names


@pytest.fixture
def logs(scripted: type[ScriptedAPI], tmp_path: Path, red: Path) -> Callable[[str], Path]:
    """Run a judge on one sample with a prompt; the log's path."""
    from blpo_inspect.judging.labels import LabelScale
    from blpo_inspect.judging.samples import Record, to_dataset

    scripted.script = staticmethod(lambda messages: "yes")

    def run(prompt: str) -> Path:
        scale = LabelScale.of(["yes", "no"])
        dataset = to_dataset([Record("one", str(red), label="yes")], scale, name="one")
        (log,) = eval(Task(dataset=dataset, solver=judge(prompt)), "scripted/m", log_dir=str(tmp_path), display="none")
        assert log.status == "success", log.error
        return Path(log.location)

    return run


def test_export_of_what_a_log_used(logs: Callable[[str], Path], tmp_path: Path) -> None:
    first, second = logs("Is it red?"), logs("Is it blue?")
    store = Store(default_folder())
    assert store.size().entries == 2
    for log, word in ((first, "red"), (second, "blue")):
        assert export(store, tmp_path / word, log=log).entries == 1
        target = Store(tmp_path / f"store {word}")
        import_(target, tmp_path / word)
        (entry,) = target.entries()
        assert f"Is it {word}?" in json.dumps(entry.request)


def test_a_log_without_memoized_calls_or_no_log(scripted: type[ScriptedAPI], store: Store, tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "yes")
    (log,) = eval(Task(dataset=[Sample("hello")]), "scripted/m", log_dir=str(tmp_path / "logs"), display="none")
    for path, why in ((Path(log.location), "memoized"), (tmp_path / "absent.eval", "no such")):
        with pytest.raises(LogError, match=why):
            export(store, tmp_path / "file", log=path)
    (tmp_path / "broken.eval").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(LogError, match="cannot be read"):
        export(store, tmp_path / "file", log=tmp_path / "broken.eval")
    assert not (tmp_path / "file").exists()
