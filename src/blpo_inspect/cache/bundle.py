"""Recorded calls as one portable file, and back.

A bundle is gzip-compressed JSON lines: a header, then one line per entry, sorted by key. Equal entries give
equal bytes (with one zlib). A bundle holds no file names, and no path is ever taken from it.
"""

import gzip
import hashlib
import json
import os
import stat
import tempfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from blpo_inspect._util.files import written_whole
from blpo_inspect.cache.answer_content import answer
from blpo_inspect.cache.entry import Entry, EntryError, canonical
from blpo_inspect.cache.logs import used_keys
from blpo_inspect.cache.store import Store
from blpo_inspect.cache.store_errors import CorruptEntryError, LaterVersionError, StoreError

FORMAT = "blpo-cache-bundle"
SCHEMA = 1
"""Version of the file format; entries have their own."""


@dataclass(frozen=True)
class Limits:
    """What a bundle may be at most; anything larger is refused while it is read, not afterwards.

    Attributes:
        file: Compressed bytes.
        content: Decompressed bytes.
        line: Bytes of one line.
        ratio: Decompressed by compressed size, looked at once `ratio_from` bytes have come out.
        ratio_from: See `ratio`.
    """

    file: int = 2 * 2**30
    content: int = 16 * 2**30
    line: int = 16 * 2**20
    ratio: int = 400
    ratio_from: int = 16 * 2**20


LIMITS = Limits()
_GZIP = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
"""How every bundle starts: gzip, no name or comment, no time, no operating system."""

_CHUNK = 64 * 1024
_IN_MEMORY = 32 * 2**20


class BundleError(ValueError):
    """A bundle that cannot be written or must not be imported; says which, why, and that nothing was changed."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        entries: Number of entries in the bundle.
        bytes: Size of the file.
        sha256: Digest of the file.
        missing: Keys that were asked for and are not in the store, sorted.
        damaged: Keys whose rows are damaged and were asked for, sorted; they are not in the bundle.
    """

    entries: int
    bytes: int
    sha256: str
    missing: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """What an import did.

    Attributes:
        new: Entries that were not there and are now.
        equal: Entries that were there with the same answer.
        repaired: Entries that took the place of a damaged row.
        conflicts: Keys that are there with another answer; what was there stays.
    """

    new: int = 0
    equal: int = 0
    repaired: int = 0
    conflicts: tuple[str, ...] = ()


def export(
    store: Store,
    file: Path,
    *,
    keys: Collection[str] | None = None,
    models: Collection[str] | None = None,
    log: Path | None = None,
) -> Exported:
    """Write a bundle; an older file of that name is replaced only once the new one is complete and checked.

    Args:
        store: What to take from.
        file: Where to write.
        keys: Only these keys.
        models: Only calls of these models, each ``provider/name``.
        log: Only calls that this Inspect log used. Several conditions must hold together.

    Raises:
        BundleError: Nothing to export, an entry too large for a bundle, or a target that is no regular file.
        LogError: The log cannot be read or has no memoized calls.
        StoreError: The store cannot be read.
        OSError: The file cannot be written.
    """
    if file.exists() and not file.is_file():
        raise BundleError(f"{file}: not a regular file; give the name of a file")
    if not file.parent.is_dir():
        raise BundleError(f"{file}: there is no folder {file.parent}; make it first")
    wanted = None if keys is None else frozenset(keys)
    if log is not None:
        used = used_keys(log)
        wanted = used if wanted is None else wanted & used
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as lines:
        digest, exported = hashlib.sha256(), set()
        for entry in store.entries():
            if (wanted is None or entry.key in wanted) and (models is None or entry.model in models):
                line = _line(entry)
                if len(line) > LIMITS.line:
                    raise BundleError(f"entry {entry.key}: {len(line):,} bytes are over the limit of {LIMITS.line:,}")
                digest.update(line)
                lines.write(line)
                exported.add(entry.key)
        if not exported:
            raise BundleError(f"{file}: nothing to export: no entry in {store.folder} fits; nothing was written")
        header = {"format": FORMAT, "schema": SCHEMA, "entries": len(exported), "sha256": digest.hexdigest()}
        lines.seek(0)
        size, file_digest = _write(file, canonical(header) + b"\n", lines)
    absent = sorted((wanted or set()) - exported)
    damaged = [key for key, _ in store.damaged() if wanted is None or key in wanted]
    # a key that is there, sound, but of another model is not missing
    missing = [key for key in absent if key not in damaged and (models is None or store.get(key) is None)]
    return Exported(len(exported), size, file_digest, tuple(missing), tuple(damaged))


def import_(store: Store, file: Path, *, limits: Limits = LIMITS) -> Imported:
    """Merge a bundle into a store: what is there stays.

    The whole file is checked before the first entry is written, on a private copy, so that a file that
    changes meanwhile changes nothing.

    Raises:
        BundleError: Damaged, truncated, too large, of another format, or no regular file: nothing was imported.
        StoreError: The store cannot be written; what this import had added was taken back, or the message says not.
        OSError: The file cannot be read, or there is no room for the copy.
    """
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as copy:
        _copy(file, copy, limits)
        for _ in _entries(copy, file, limits):
            pass
        progress = _Progress()
        try:
            for entry in _entries(copy, file, limits):
                progress.merge(store, entry)
        except BaseException as error:
            _take_back(store, progress, file, error)
            raise
    return Imported(len(progress.new), progress.equal, len(progress.repaired), tuple(progress.conflicts))


@dataclass
class _Progress:
    new: list[str] = field(default_factory=list)
    equal: int = 0
    repaired: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)

    def merge(self, store: Store, entry: Entry) -> None:
        try:
            there = store.get(entry.key)
            if there is None:
                there = store.put(entry)
                if there == entry:
                    self.new.append(entry.key)
                    return
        except LaterVersionError:
            self.conflicts.append(entry.key)
            return
        except CorruptEntryError:
            store.replace(entry)
            self.repaired.append(entry.key)
            return
        if answer(there.output) == answer(entry.output):
            self.equal += 1
        else:
            self.conflicts.append(entry.key)


def _take_back(store: Store, progress: _Progress, file: Path, error: BaseException) -> None:
    try:
        store.delete(progress.new)
    except StoreError as second:
        raise StoreError(
            f"{file}: the import broke off ({error}) and its first {len(progress.new)} entries stayed ({second});"
            " they are sound; import again once the store can be written"
        ) from error


def _line(entry: Entry) -> bytes:
    fields = json.loads(entry.to_bytes())
    return canonical({"entry": fields, "sha256": hashlib.sha256(canonical(fields)).hexdigest()}) + b"\n"


def _write(file: Path, header: bytes, lines: IO[bytes]) -> tuple[int, str]:
    """Write beside the target, check with the reader's eyes, then rename. Returns size and digest."""
    with written_whole(file) as raw:
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed:
            packed.write(header)
            while chunk := lines.read(_CHUNK):
                packed.write(chunk)
        raw.flush()
        for _ in _entries(raw, file, LIMITS):
            pass
        raw.seek(0)
        digest = hashlib.file_digest(raw, "sha256").hexdigest()  # type: ignore[arg-type]  # any binary file will do
        size = raw.tell()
    return size, digest


def _copy(file: Path, copy: IO[bytes], limits: Limits) -> None:
    # non-blocking, so that a pipe without a writer is refused instead of waited for
    handle = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _refused(file, "not a regular file")
    with os.fdopen(handle, "rb") as source:
        size = 0
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > limits.file:
                raise _refused(file, f"larger than {limits.file:,} bytes")
            copy.write(chunk)


def _entries(packed: IO[bytes], file: Path, limits: Limits) -> Iterator[Entry]:
    """The entries, each checked when it comes; what only the end can show is raised at the end."""
    lines = _lines(packed, file, limits)
    header = _header(next(lines, b""), file)
    digest, count, last = hashlib.sha256(), 0, ""
    for line in lines:
        count += 1
        digest.update(line)
        entry = _parse(line, file, count)
        if entry.key <= last:
            raise _refused(file, f"entry {count} is a duplicate or out of order")
        last = entry.key
        yield entry
    if count != header["entries"]:
        raise _refused(file, f"it has {count} entries, its header says {header['entries']}")
    if digest.hexdigest() != header["sha256"]:
        raise _refused(file, "the digest in its header does not fit its entries")


def _header(line: bytes, file: Path) -> dict[str, Any]:
    try:
        header = json.loads(line)
        plain = isinstance(header, dict) and canonical(header) + b"\n" == line
    except (ValueError, RecursionError):
        plain = False
    if not plain or header.get("format") != FORMAT:
        raise _refused(file, "not a bundle of recorded calls")
    if header.get("schema") != SCHEMA:
        raise _refused(file, f"format version {str(header.get('schema'))[:20]}; this program reads version {SCHEMA}")
    if set(header) != {"format", "schema", "entries", "sha256"} or type(header["entries"]) is not int:
        raise _refused(file, "its header is damaged")
    return dict(header)


def _parse(line: bytes, file: Path, number: int) -> Entry:
    try:
        fields = json.loads(line)
        if not isinstance(fields, dict) or set(fields) != {"entry", "sha256"}:
            raise EntryError("not an entry with its digest")
        data = canonical(fields["entry"])
        if hashlib.sha256(data).hexdigest() != fields["sha256"]:
            raise EntryError("its digest does not fit")
        if canonical(fields) + b"\n" != line:
            raise EntryError("not in canonical form")
        return Entry.from_bytes(data)
    except (ValueError, RecursionError) as error:  # EntryError is a ValueError
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _refused(file, f"entry {number}: {reason[:200]}") from error


def _lines(packed: IO[bytes], file: Path, limits: Limits) -> Iterator[bytes]:
    """Lines with their line feed, decompressed within the limits."""
    pending: list[bytes] = []
    waiting = 0
    for chunk in _decompressed(packed, file, limits):
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            waiting += len(part) + 1
            if waiting > limits.line:
                raise _refused(file, f"a line of more than {limits.line:,} bytes")
            yield b"".join([*pending, part, b"\n"])
            pending.clear()
            waiting = 0
        waiting += len(rest)
        if waiting > limits.line:
            raise _refused(file, f"a line of more than {limits.line:,} bytes")
        if rest:
            pending.append(rest)
    if pending:
        raise _refused(file, "its last line is cut off")


def _decompressed(packed: IO[bytes], file: Path, limits: Limits) -> Iterator[bytes]:
    packed.seek(0)
    if packed.read(len(_GZIP)) != _GZIP:
        raise _refused(file, "not a bundle of recorded calls")
    packed.seek(0)
    unpacker = zlib.decompressobj(wbits=31)
    taken = given = 0
    while not unpacker.eof:
        data = unpacker.unconsumed_tail
        if not data:
            data = packed.read(_CHUNK)
            taken += len(data)
            if not data:
                raise _refused(file, "truncated")
        try:
            chunk = unpacker.decompress(data, _CHUNK)
        except zlib.error as error:
            raise _refused(file, f"damaged ({error})") from error
        given += len(chunk)
        if given > limits.content:
            raise _refused(file, f"more than {limits.content:,} bytes when decompressed")
        if given > limits.ratio_from and given > limits.ratio * taken:
            raise _refused(file, f"decompresses to more than {limits.ratio} times its size (a bomb?)")
        if chunk:
            yield chunk
    if unpacker.unused_data or packed.read(1):
        raise _refused(file, "something follows after its end")


def _refused(file: Path, reason: str) -> BundleError:
    return BundleError(f"{file}: {reason}; nothing was imported")
