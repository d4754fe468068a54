"""Members of archives on the hub: what travels, what is checked, what is refused."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants, scan_cache_dir
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub import Repository, Unusable, archives, fetch_members
from blpo_inspect.data.hub.archives import ZipMember, unpack
from tests.data.hub.server import Hub

REPOSITORY = Repository("owner/zips", "12ef" * 10)
NOISE = random.Random(1).randbytes(300_000)


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED, padding: bool = True) -> bytes:
    """A zip file with much else in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        if padding:
            file.writestr("padding", NOISE)
        for name, data in members:
            file.writestr(name, data)
    return buffer.getvalue()


def serve(hub: Hub, data: bytes) -> None:
    """One archive, ``a.zip``."""
    hub.add(REPOSITORY.id, {"a.zip": data}, commit=REPOSITORY.commit)


def read(*names: str) -> dict[str, bytes | str]:
    """Members' contents, or why there are none."""
    pieces = fetch_members(REPOSITORY, "a.zip", names)
    return {name: piece.reason if isinstance(piece, Unusable) else piece.read_bytes() for name, piece in pieces.items()}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_only_members_and_the_directory_travel(hub: Hub, compression: int) -> None:
    serve(hub, archive(("x/a b=ü.png", b"a" * 900), ("empty", b""), ("c", b"c"), compression=compression))
    assert read("x/a b=ü.png", "empty") == {"x/a b=ü.png": b"a" * 900, "empty": b""}
    assert hub.sent("cdn") < 70_000
    asked = len(hub.requests)
    assert read("x/a b=ü.png") == {"x/a b=ü.png": b"a" * 900}
    assert len(hub.requests) == asked, "a member is fetched once"
    sent = hub.sent("cdn")
    assert read("c") == {"c": b"c"}
    assert hub.sent("cdn") - sent < 200, "the directory is read once"


def test_offline_even_what_is_missing_is_known(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(hub, archive(("a", b"a"), ("b", b"b")))
    first = read("a", "none")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert read("a", "none") == first == {"a": b"a", "none": "a.zip: not in the archive"}
    with pytest.raises(PrerequisiteError, match="HF_HUB_OFFLINE"):
        read("b")


@pytest.mark.parametrize("reason", ["no ranges", "most of it"])
def test_the_whole_archive_where_parts_would_not_do(hub: Hub, reason: str) -> None:
    hub.ranges = reason != "no ranges"
    serve(hub, archive(("a", NOISE[:9000]), ("b", b"b"), padding=reason == "no ranges"))
    assert read("a", "b") == {"a": NOISE[:9000], "b": b"b"}
    assert REPOSITORY.cached("a.zip") is not None


@pytest.mark.parametrize("name", ["../evil.png", "/etc/passwd", "a/../../b", "..\\evil.png", "C:evil.png", "C:\\evil"])
def test_an_archive_with_path_tricks_is_refused(hub: Hub, tmp_path: Path, name: str) -> None:
    serve(hub, archive(("a", b"a"), (name, b"evil")))
    with pytest.raises(PrerequisiteError) as caught:
        read("a", name)
    assert "points out of the folder it is unpacked to; the archive is not used" in str(caught.value.message)
    assert repr(name) in str(caught.value.message) and "a.zip" in str(caught.value.message)


def test_names_never_become_paths(hub: Hub) -> None:
    names = ["x" * 3000, "a/b/c", "...", "nul\n", "ab:c"]
    serve(hub, archive(*((name, name.encode()) for name in names)))
    assert read(*names) == {name: name.encode() for name in names}
    kept = [path for path in (Path(constants.HF_HUB_CACHE)).rglob("*") if path.is_file()]
    assert kept and all(len(path.name) <= 48 and path.name.replace(".refused", "").isalnum() for path in kept)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data.replace(b"payload", b"PAYLOAD"), "damaged in the archive (length or checksum)"),
        (lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x05"), "the archive's directory points at something else"),
        (lambda data: _in_directory(data, 8, b"\x01\x00"), "encrypted"),
        (lambda data: _in_directory(data, 10, b"\x0e\x00"), "encrypted, or packed in an unusual way"),
        (lambda data: _in_directory(data, 24, struct.pack("<I", 1 << 30)), "over the limit of 67,108,864"),
        (lambda data: _in_directory(data, 24, struct.pack("<I", 5)), "damaged in the archive"),
    ],
)
def test_damaged_members_are_named_and_stay_refused(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes], reason: str
) -> None:
    serve(hub, spoil(archive(("padding", NOISE), ("a", b"payload"), compression=zipfile.ZIP_STORED, padding=False)))
    [outcome] = read("a").values()
    assert isinstance(outcome, str) and outcome.startswith("a.zip: ") and reason in outcome
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert read("a") == {"a": outcome}


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = bomb.compress(bytes(50 << 20)) + bomb.flush()
    raw = b"PK\x03\x04" + bytes(26) + packed
    entry = ZipMember(0, len(raw), len(packed), 100, zlib.crc32(bytes(100)), zipfile.ZIP_DEFLATED, False)
    assert unpack(raw, entry) == "damaged in the archive (length or checksum)"


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 300), st.sampled_from([0, 8]))
def test_no_bytes_break_the_unpacking(raw: bytes, packed: int, size: int, method: int) -> None:
    entry = ZipMember(0, len(raw), packed, size, 0, method, False)
    for data in (raw, b"PK\x03\x04" + bytes(26) + raw):
        outcome = unpack(data, entry)
        assert isinstance(outcome, str) or len(outcome) == size


@pytest.mark.parametrize("data", [b"", b"not a zip file" * 100, archive(("a", b"a"))[:-30]])
def test_no_archive(hub: Hub, data: bytes) -> None:
    serve(hub, data)
    with pytest.raises(PrerequisiteError, match=r"a.zip: not a zip file that can be read"):
        read("a")


def test_an_archive_in_the_format_for_more_than_four_gigabytes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    data = archive(("a", NOISE[:5000]), ("b", b"b"), ("c", b""))
    assert b"PK\x06\x06" in data
    serve(hub, data)
    assert read("a", "b", "c") == {"a": NOISE[:5000], "b": b"b", "c": b""}


def test_transfers_that_break_off_are_repeated(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(hub, archive(("a", NOISE[:9000])))
    hub.interruptions = 2
    assert read("a") == {"a": NOISE[:9000]}
    hub.interruptions = 99
    serve(hub, archive(("b", NOISE[:9000])))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", f"{constants.HF_HUB_CACHE}-2")
    with pytest.raises(PrerequisiteError, match="cannot be reached"):
        read("b")


def test_the_library_still_finds_its_way_in_the_cache(hub: Hub) -> None:
    serve(hub, archive(("a", b"a")))
    read("a")
    REPOSITORY.download("a.zip")
    scanned = scan_cache_dir(constants.HF_HUB_CACHE)
    assert not scanned.warnings
    assert [repo.repo_id for repo in scanned.repos] == [REPOSITORY.id]


def test_many_members_at_once(hub: Hub) -> None:
    members = [(f"{number}.png", random.Random(number).randbytes(number * 7)) for number in range(150)]
    serve(hub, archive(*members))
    assert read(*(name for name, _ in members)) == dict(members)
    assert archives.CONNECTIONS > 1


def _in_directory(data: bytes, offset: int, value: bytes) -> bytes:
    """The archive with other bytes in the directory's entry of its last member."""
    at = data.rindex(b"PK\x01\x02") + offset
    return data[:at] + value + data[at + len(value) :]
