"""Why a request missed: the nearest recorded requests, and the fields that differ.

A first pass keeps a few digests per recorded request (texts, images, model, settings) and ranks by what they
share; only the best are compared field by field. Reads the store, never writes to it.
"""

import difflib
import heapq
import json
import re
import threading
import time
import weakref
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from blpo_inspect._util.text import printable
from blpo_inspect.cache.entry import Entry, canonical, key_of
from blpo_inspect.cache.store import CorruptEntryError, Store

MAX_SECONDS = 5.0
"""How long one search may read entries it has not seen before; what was read serves later searches."""

MAX_ENTRIES = 200_000
"""Entries that are remembered at most (some 300 bytes each)."""

MAX_FIELDS = 12
"""Fields that a description lists; it counts the others."""

MAX_DIFF_LINES = 30
MAX_LINE = 160
_MAX_DIFFED = 2000  # lines and list items that are compared at most
_MAX_DEPTH = 40
_MAX_SKETCHED = 20_000  # characters of a text whose words decide how near it is
_SKETCH = 24
_CANDIDATES = 24

_SENTENCE = re.compile(r"(?<=[.!?;:]) ")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Difference:
    """One field in which two requests differ.

    Attributes:
        path: Where, e.g. ``config.temperature`` or ``messages[0].content[1].text``.
        kind: How to show it.
        recorded: The recorded value; None where `kind` is ``added``.
        asked: The value asked for; None where `kind` is ``removed``.
    """

    path: str
    kind: Literal["value", "text", "image", "added", "removed"]
    recorded: Any = None
    asked: Any = None


@dataclass(frozen=True)
class Near:
    """A recorded request and how it differs from the one asked for; no differences means it is the same."""

    entry: Entry
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        found: The nearest first.
        searched: Recorded requests that were looked at.
        total: Recorded requests there are.
    """

    found: tuple[Near, ...]
    searched: int
    total: int


def nearest(
    store: Store,
    request: Mapping[str, Any],
    limit: int = 3,
    *,
    seconds: float = MAX_SECONDS,
    entries: int = MAX_ENTRIES,
    but: str | None = None,
) -> Search:
    """The recorded requests that are most like this one.

    Keys are digests, so a search that runs out of time has looked at a random part of the store.

    Args:
        store: Where to look.
        request: The canonical request that was asked for.
        limit: How many to return at most.
        seconds: Reading of unseen entries stops after this time.
        entries: Reading stops at this many entries.
        but: A key to leave out.

    Raises:
        StoreError: The store cannot be read.
    """
    index = _indices.setdefault(store, _Index())
    asked = _Traits.of(request)
    with index.lock:
        total = index.read(store, seconds, entries)
        searched = len(index.traits)
        scored = ((-traits.likeness(asked), key) for key, traits in index.traits.items() if key != but)
        best = heapq.nsmallest(max(limit, _CANDIDATES), scored)
    found: list[tuple[float, str, Near]] = []
    for _, key in best:
        try:
            entry = store.get(key)
        except CorruptEntryError:
            continue
        if entry is not None:
            fields = tuple(islice(differences(entry.request, request), _MAX_DIFFED))
            found.append((sum(map(_weight, fields)), key, Near(entry, fields)))
    found.sort(key=lambda item: item[:2])
    return Search(tuple(near for *_, near in found[:limit]), searched, total)


def describe_miss(store: Store, request: Mapping[str, Any]) -> str:
    """Why nothing is recorded for a request, for people: the nearest recorded request and what differs.

    Raises:
        StoreError: The store cannot be read.
    """
    return describe(nearest(store, request, 1), key_of(request))


def describe(search: Search, key: str) -> str:
    """A search as text, several lines without a line feed at the end.

    Long texts are trimmed and control characters are shown as escapes.
    """
    if not search.found:
        where = "the cache is empty" if search.total == 0 else "none could be read"
        return f"Nothing is recorded under {key[:12]}…, and {where}."
    if search.searched < search.total:
        among = f"{search.searched:,} of {search.total:,} recorded requests (there was no time for the others)"
    else:
        among = f"{search.total:,} recorded request{'s' if search.total != 1 else ''}"
    lines = [f"Looked up {key[:12]}… among {among}. Nearest:"]
    for near in search.found:
        entry = near.entry
        lines.append(
            f"{entry.key[:12]}… of {printable(entry.model)}, recorded {printable(entry.recorded)}; recorded → asked:"
        )
        lines += [f"  {line}" for line in _described(near)]
    return "\n".join(lines)


def _described(near: Near) -> Iterator[str]:
    if not near.differences:
        yield "no difference: this request is recorded"
    for difference in near.differences[:MAX_FIELDS]:
        yield from _shown(difference)
    more = len(near.differences) - MAX_FIELDS
    if more > 0:
        yield f"… and {more} more field{'s' if more > 1 else ''}"


def _shown(difference: Difference) -> Iterator[str]:
    path = printable(difference.path)
    if difference.kind == "image":
        yield f"{path}: another image ({_short(difference.recorded, 12)} → {_short(difference.asked, 12)})"
    elif difference.kind == "added":
        yield f"{path}: not there → {_short(difference.asked)}"
    elif difference.kind == "removed":
        yield f"{path}: {_short(difference.recorded)} → not there"
    elif difference.kind == "text":
        yield f"{path}:"
        yield from (f"  {line}" for line in _text_diff(difference.recorded, difference.asked))
    else:
        yield f"{path}: {_short(difference.recorded)} → {_short(difference.asked)}"


def _text_diff(recorded: str, asked: str) -> Iterator[str]:
    before, after = _diff_lines(recorded), _diff_lines(asked)
    if before == after:
        yield "(they differ in white space, or beyond what is compared)"
        return
    lines = difflib.unified_diff(before, after, "recorded", "asked", n=1, lineterm="")
    shown = list(islice(lines, MAX_DIFF_LINES + 1))
    yield from map(_trim, shown[:MAX_DIFF_LINES])
    if len(shown) > MAX_DIFF_LINES:
        yield "… (more)"


def _diff_lines(text: str) -> list[str]:
    """Lines, long ones cut where sentences end, so that an edit in one leaves the others alone."""
    lines: list[str] = []
    for line in text.splitlines()[:_MAX_DIFFED]:
        lines += _SENTENCE.split(line) if len(line) > MAX_LINE else [line]
    return lines[:_MAX_DIFFED]


def _short(value: object, length: int = 100) -> str:
    text = value if isinstance(value, str) and length < 100 else json.dumps(value, ensure_ascii=False)
    return _trim(text, length)


def _trim(text: str, length: int = MAX_LINE) -> str:
    text = printable(text)
    return text if len(text) <= length else text[:length] + "…"


def differences(recorded: object, asked: object, path: str = "", depth: int = 0) -> Iterator[Difference]:
    """Fields in which two JSON values differ, in the order of their paths; what one side lacks is one field.

    Args:
        recorded: One value.
        asked: The other.
        path: What to put before every path.
        depth: How deep `path` lies; what lies deeper than `_MAX_DEPTH` counts as one field.
    """
    if depth < _MAX_DEPTH and isinstance(recorded, dict) and isinstance(asked, dict):
        for name in sorted(set(recorded) | set(asked)):
            below = f"{path}.{name}" if path else name
            if name not in recorded:
                yield Difference(below, "added", asked=asked[name])
            elif name not in asked:
                yield Difference(below, "removed", recorded=recorded[name])
            else:
                yield from differences(recorded[name], asked[name], below, depth + 1)
    elif depth < _MAX_DEPTH and isinstance(recorded, list) and isinstance(asked, list):
        for number in range(max(len(recorded), len(asked))):
            below = f"{path}[{number}]"
            if number >= len(recorded):
                yield Difference(below, "added", asked=asked[number])
            elif number >= len(asked):
                yield Difference(below, "removed", recorded=recorded[number])
            else:
                yield from differences(recorded[number], asked[number], below, depth + 1)
    elif type(recorded) is not type(asked) or recorded != asked:
        yield _difference(path, recorded, asked)


def _difference(path: str, recorded: object, asked: object) -> Difference:
    if path.startswith("messages") and isinstance(recorded, str) and isinstance(asked, str):
        if path.endswith(".sha256"):
            return Difference(path.removesuffix(".sha256"), "image", recorded, asked)
        if path.endswith((".text", ".content")):
            return Difference(path, "text", recorded, asked)
    return Difference(path, "value", recorded, asked)


def _weight(difference: Difference) -> float:
    """How far a difference takes a request away: another image or model further than another setting."""
    if difference.kind == "text":
        before, after = _sketch([difference.recorded]), _sketch([difference.asked])
        return 4.0 * (1.0 - _overlap(before, after)) + 0.5
    if difference.kind == "image":
        return 4.0
    if difference.path.startswith(("model.provider", "model.name")):
        return 3.0
    if difference.path.startswith("draw"):
        return 0.25
    return 1.0 if difference.kind == "value" else 2.0


@dataclass(frozen=True, slots=True)
class _Traits:
    """What of a request decides, in a first pass, how near another one is."""

    images: frozenset[int]
    words: frozenset[int]
    texts: int
    model: int
    name: int
    config: int
    rest: int
    draw: int

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "_Traits":
        images: list[int] = []
        texts: list[str] = []
        _gather(request.get("messages"), images, texts)
        model = request.get("model")
        name = {part: model.get(part) for part in ("provider", "name")} if isinstance(model, Mapping) else model
        rest = {k: v for k, v in request.items() if k not in ("messages", "model", "config", "draw")}
        return cls(
            images=frozenset(images),
            words=_sketch(texts),
            texts=_digest(texts),
            model=_digest(model),
            name=_digest(name),
            config=_digest(request.get("config")),
            rest=_digest(rest),
            draw=_digest(request.get("draw")),
        )

    def likeness(self, other: "_Traits") -> float:
        images = 1.0 if self.images == other.images else _overlap(self.images, other.images)
        texts = 1.25 if self.texts == other.texts else _overlap(self.words, other.words)
        return (
            4.0 * images
            + 4.0 * texts
            + 1.0 * (self.model == other.model)
            + 2.0 * (self.name == other.name)
            + 1.0 * (self.config == other.config)
            + 0.5 * (self.rest == other.rest)
            + 0.25 * (self.draw == other.draw)
        )


@dataclass
class _Index:
    """The traits of a store's entries; entries never change under their key, so none is read twice."""

    traits: dict[str, _Traits] = field(default_factory=dict)
    unusable: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, store: Store, seconds: float, entries: int) -> int:
        """Take in entries that are not known yet, within the budget. Returns how many the store has."""
        start = time.monotonic()
        keys = list(store.keys())
        if self.traits.keys() - set(keys):
            here = set(keys)
            self.traits = {key: traits for key, traits in self.traits.items() if key in here}
        for key in keys:
            if len(self.traits) >= entries or time.monotonic() - start > seconds:
                break
            if key in self.traits or key in self.unusable:
                continue
            try:
                entry = store.get(key)
            except CorruptEntryError:
                entry = None
            if entry is None:
                self.unusable.add(key)
            else:
                self.traits[key] = _Traits.of(entry.request)
        return len(keys) - len(self.unusable.intersection(keys))


_indices: "weakref.WeakKeyDictionary[Store, _Index]" = weakref.WeakKeyDictionary()


def _gather(value: object, images: list[int], texts: list[str], depth: int = 0) -> None:
    """Image digests and texts of messages, in order."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, list):
        for item in value:
            _gather(item, images, texts, depth + 1)
    elif isinstance(value, dict):
        if isinstance(digest := value.get("sha256"), str):
            images.append(_digest(digest))
            return
        for name in sorted(value):
            if name not in ("role", "type"):
                _gather(value[name], images, texts, depth + 1)


def _sketch(texts: list[str]) -> frozenset[int]:
    """The smallest hashes of the distinct words: equal shares of two sketches estimate equal shares of words."""
    words = {word for text in texts for word in _WORD.findall(text[:_MAX_SKETCHED])}
    hashes = {zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words}
    return frozenset(heapq.nsmallest(_SKETCH, hashes))


def _overlap(first: frozenset[int], second: frozenset[int]) -> float:
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def _digest(value: object) -> int:
    data = canonical(value)
    return zlib.crc32(data) << 32 | zlib.adler32(data)
