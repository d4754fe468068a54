"""Why a request missed: the nearest recorded requests, and the fields that differ.

The recorded requests that share the model, the images and the longest lines are compared first, field by field; the
nearest is the one whose differences weigh least. Reads the store, never writes to it.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from blpo_inspect._util.text import printable
from blpo_inspect.cache.entry import Entry, canonical, key_of
from blpo_inspect.cache.store import Store
from blpo_inspect.cache.store_errors import CorruptEntryError

MAX_COMPARED = 2000
"""Recorded requests that one search compares at most."""

MAX_FIELDS = 12
"""Fields that a description lists; it counts the others."""

MAX_DIFF_LINES = 30
MAX_LINE = 160
_MAX_DIFFED = 2000  # lines and list items that are compared at most
_MAX_DEPTH = 40
_MAX_WEIGHED = 20_000  # characters of a text whose words decide how near it is
_MAX_IMAGES = 20  # images of a request that decide what is compared first
_MAX_LINES = 8  # lines and sentences that do so, the longest

_SENTENCE = re.compile(r"(?<=[.!?;:]) ")
_WORD = re.compile(r"\w+")

# in canonical JSON
_IMAGE = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_TEXT = re.compile(rb'"(?:text|content)":"((?:[^"\\]|\\.)+)"')
_LINE_END = re.compile(rb"\\n|(?<=[.!?;:]) ")


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
        nearest: The nearest first.
        searched: Recorded requests that were compared.
        total: Recorded requests there are.
    """

    nearest: tuple[Near, ...]
    searched: int
    total: int


def nearest(
    store: Store,
    request: Mapping[str, Any],
    limit: int = 3,
    *,
    compared: int = MAX_COMPARED,
    but: str | None = None,
) -> Search:
    """The recorded requests that are most like this one.

    Args:
        store: Where to look.
        request: The canonical request that was asked for.
        limit: How many to return at most.
        compared: How many to compare at most. Of requests that share as much of model, images and lines, those
            that are left out are a random part: keys are digests.
        but: A key to leave out.

    Raises:
        StoreError: The store cannot be read.
    """
    keys = store.keys_like(_model(request), _parts(canonical(request.get("messages"))), compared)
    weighed: list[tuple[float, str, Near]] = []
    unusable = 0
    for key in keys:
        try:
            entry = store.get(key)
        except CorruptEntryError:
            entry = None
        if entry is None:
            unusable += 1
        elif key != but:
            fields = tuple(islice(differences(entry.request, request), _MAX_DIFFED))
            weighed.append((sum(map(_weight, fields)), key, Near(entry, fields)))
    weighed.sort(key=lambda item: item[:2])
    return Search(tuple(near for *_, near in weighed[:limit]), len(keys) - unusable, store.size().entries - unusable)


def _parts(messages: bytes) -> list[bytes]:
    """Image digests and the longest lines of messages, as they stand in canonical JSON."""
    images = dict.fromkeys(_IMAGE.findall(messages))
    lines = {line for text in _TEXT.findall(messages) for line in _LINE_END.split(text)}
    return [*list(images)[:_MAX_IMAGES], *sorted(lines, key=lambda line: (-len(line), line))[:_MAX_LINES]]


def _model(request: Mapping[str, Any]) -> str:
    """``provider/name``, empty where the request names no model."""
    model = request.get("model")
    return f"{model.get('provider')}/{model.get('name')}" if isinstance(model, Mapping) else ""


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
    if not search.nearest:
        where = "the cache is empty" if search.total == 0 else "none could be read"
        return f"Nothing is recorded under {key[:12]}…, and {where}."
    if search.searched < search.total:
        among = f"{search.searched:,} of {search.total:,} recorded requests (the same model, images and lines first)"
    else:
        among = f"{search.total:,} recorded request{'s' if search.total != 1 else ''}"
    lines = [f"Looked up {key[:12]}… among {among}. Nearest:"]
    for near in search.nearest:
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
        before, after = _words(difference.recorded), _words(difference.asked)
        return 4.0 * (1.0 - len(before & after) / max(len(before | after), 1)) + 0.5
    if difference.kind == "image":
        return 4.0
    if difference.path.startswith(("model.provider", "model.name")):
        return 3.0
    if difference.path.startswith("draw"):
        return 0.25
    return 1.0 if difference.kind == "value" else 2.0


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text[:_MAX_WEIGHED]))
