"""Members of a zip archive on the hub, without the rest of the archive.

Members are checked (length, CRC-32) and their names never become paths. Formats: stored and deflated, as in every
archive that ``zip`` writes; no encryption.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from io import SEEK_END
from itertools import pairwise
from pathlib import Path
from threading import Lock
from typing import IO, cast

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub.download_progress import progress
from blpo_inspect.data.hub.hub_errors import explained
from blpo_inspect.data.hub.partial_files import Unusable
from blpo_inspect.data.hub.ranges import RangesRefusedError
from blpo_inspect.data.hub.repository import Repository

MAX_MEMBER = 64 << 20
"""Bytes, unpacked; a larger member is refused."""

WHOLE_SHARE = 0.5
"""Above this share of an archive's bytes it is downloaded whole: one resumable transfer instead of many requests."""

CONNECTIONS = 8

_TAIL = 1 << 16
_HEADER = struct.Struct("<4s22xHH")
_UNSAFE = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:|\x00")


@dataclass(frozen=True)
class ZipMember:
    """Where a member lies in its archive, and what it must be once unpacked."""

    start: int
    end: int
    packed: int
    size: int
    crc: int
    method: int
    encrypted: bool


def fetch_members(repository: Repository, path: str, names: Collection[str]) -> dict[str, Path | Unusable]:
    """Files with the members' contents, or why a member cannot be had.

    Args:
        repository: Where the archive is.
        path: The archive.
        names: Names of members as the archive has them.

    Raises:
        PrerequisiteError: The archive cannot be had, is no zip file, or has names that point out of a folder.
    """
    kept = repository.pieces(path)
    pieces = {name: kept.get(name) for name in names}
    wanted = [name for name, piece in pieces.items() if piece is None]
    if wanted:
        pieces |= _fetch(repository, path, wanted)
    return {name: piece for name, piece in pieces.items() if piece is not None}


def _fetch(repository: Repository, path: str, names: list[str]) -> dict[str, Path | Unusable]:
    kept = repository.pieces(path)
    directory = _directory(repository, path)
    outcomes: dict[str, Path | Unusable] = {}
    fetched: dict[str, ZipMember] = {}
    for name in names:
        refused = _refusal(directory.get(name))
        if refused is None:
            fetched[name] = directory[name]
        else:
            outcomes[name] = Unusable(f"{path}: {refused}")
    if not fetched:
        return outcomes
    read, close = _reader(repository, path, directory, fetched.values())

    def fetch_member(name: str) -> Path | Unusable:
        entry = fetched[name]
        with explained(repository.id, repository.commit, path):
            unpacked = unpack(read(entry.start, entry.end), entry)
            return kept.put(name, Unusable(f"{path}: {unpacked}") if isinstance(unpacked, str) else unpacked)

    label = f"{repository.id} {path}"
    try:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            pieces = list(progress(pool.map(fetch_member, fetched), len(fetched), label, "file"))
    finally:
        close()
    return outcomes | dict(zip(fetched, pieces, strict=True))


def unpack(raw: bytes, entry: ZipMember) -> bytes | str:
    """A member's contents from its part of the archive, or what is wrong with it."""
    if len(raw) < _HEADER.size:
        return "cut off"
    signature, name_length, extra_length = _HEADER.unpack_from(raw)
    if signature != b"PK\x03\x04":
        return "the archive's directory points at something else"
    begin = _HEADER.size + name_length + extra_length
    packed = raw[begin : begin + entry.packed]
    if len(packed) < entry.packed:
        return "cut off"
    data = packed
    if entry.method == zipfile.ZIP_DEFLATED:
        try:
            # never more than promised, whatever the packed bytes say
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entry.size + 1)
        except zlib.error as error:
            return f"cannot be unpacked ({error})"
    if len(data) != entry.size or zlib.crc32(data) != entry.crc:
        return "damaged in the archive (length or checksum)"
    return data


def _refusal(entry: ZipMember | None) -> str | None:
    if entry is None:
        return "not in the archive"
    if entry.encrypted or entry.method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "encrypted, or packed in an unusual way"
    if entry.size > MAX_MEMBER or entry.packed > MAX_MEMBER:
        return f"{max(entry.size, entry.packed):,} bytes, over the limit of {MAX_MEMBER:,}"
    return None


def _directory(repository: Repository, path: str) -> dict[str, ZipMember]:
    """The archive's members by name; read once, then kept."""
    kept = repository.pieces(path)
    listed = kept.get_json("directory")
    if listed is None:
        listed = _read_directory(repository, path)
        kept.put_json("directory", listed)
    return {name: ZipMember(*values) for name, values in listed.items()}


def _read_directory(repository: Repository, path: str) -> dict[str, list[int | bool]]:
    def read(file: IO[bytes]) -> tuple[zipfile.ZipFile, int]:
        archive = zipfile.ZipFile(file)
        return archive, file.seek(0, SEEK_END)

    with explained(repository.id, repository.commit, path):
        try:
            whole = repository.cached(path)
            if whole is None:
                remote = repository.open(path)
                try:
                    remote.hold(max(0, remote.size - _TAIL), remote.size)
                    archive, size = read(cast(IO[bytes], remote))
                except RangesRefusedError:
                    whole = repository.download(path)
            if whole is not None:
                with whole.open("rb") as file:
                    archive, size = read(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise PrerequisiteError(
                f"{repository.id} at {repository.commit}, {path}: not a zip file that can be read ({error})"
            ) from error
    unsafe = [info.orig_filename for info in archive.infolist() if _UNSAFE.search(info.orig_filename)]
    if unsafe:
        raise PrerequisiteError(
            f"{repository.id} at {repository.commit}, {path}: holds the member {unsafe[0]!r}, which points out of the "
            "folder it is unpacked to; the archive is not used. Tell the dataset's owners"
        )
    return {info.filename: list(astuple(entry)) for info, entry in _entries(archive, size)}


def _entries(archive: zipfile.ZipFile, size: int) -> Iterable[tuple[zipfile.ZipInfo, ZipMember]]:
    infos = [info for info in archive.infolist() if not info.is_dir()]
    starts = sorted({info.header_offset for info in infos} | {getattr(archive, "start_dir", size)})
    following = dict(pairwise(starts))
    for info in infos:
        # name and extra field have 64 KiB each at most
        furthest = info.header_offset + _HEADER.size + 2 * 0xFFFF + info.compress_size
        end = min(following.get(info.header_offset, size), furthest)
        yield (
            info,
            ZipMember(
                info.header_offset,
                end,
                info.compress_size,
                info.file_size,
                info.CRC,
                info.compress_type,
                bool(info.flag_bits & 1),
            ),
        )


def _reader(
    repository: Repository, path: str, directory: dict[str, ZipMember], wanted: Iterable[ZipMember]
) -> tuple[Callable[[int, int], bytes], Callable[[], None]]:
    """How to read a part of the archive, and how to end it."""
    whole = repository.cached(path)
    packed = sum(entry.packed for entry in directory.values())
    if whole is None and sum(entry.packed for entry in wanted) <= WHOLE_SHARE * packed:
        remote = repository.open(path)
        return remote.fetch, remote.close
    file = (whole or repository.download(path)).open("rb")

    lock = Lock()

    def read(start: int, end: int) -> bytes:
        with lock:
            file.seek(start)
            return file.read(end - start)

    return read, file.close
