"""Looking after a store: how much there is, whether it is sound, whether models still answer alike, what may go.

Nothing here is called while a run goes on; whatever deletes shows first what it would delete.
"""

import hashlib
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache import logs
from blpo_inspect.cache.answer_content import answer, text_of
from blpo_inspect.cache.entry import Entry
from blpo_inspect.cache.explain import differences
from blpo_inspect.cache.store import Store

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessage, Model

    from blpo_inspect.cache.model_identity import Target

MAX_IMAGE = 64 * 2**20
"""Larger files in a folder of images are passed over."""


GREEDY_PROVIDER = "hf-vlm"
"""Answers greedily unless it is given a temperature; of any other provider, an unstated one is unknown."""


class MaintenanceError(ValueError):
    """What was asked for cannot be done; says why and what to do."""


@dataclass(frozen=True)
class CacheUsage:
    """What one model in one role takes up.

    Attributes:
        model: ``provider/name``.
        role: The role that asked first, if known.
        entries: Recorded calls.
        bytes: Their size, uncompressed and without the database's own overhead.
        hits: How often they were replayed.
    """

    model: str
    role: str | None
    entries: int
    bytes: int
    hits: int


@dataclass(frozen=True)
class Stats:
    """A store at a glance.

    Attributes:
        entries: Sound entries.
        damaged: Rows that cannot be used.
        bytes: Size of the database on disk.
        usage: By model and role, sorted.
    """

    entries: int
    damaged: int
    bytes: int
    usage: tuple[CacheUsage, ...]


@dataclass(frozen=True)
class Changed:
    """A call that is answered differently today."""

    key: str
    model: str
    recorded: str
    now: str


@dataclass(frozen=True)
class Drift:
    """Recorded answers beside those of the live models.

    Attributes:
        same: Calls that were answered as recorded.
        changed: Greedy calls (temperature 0) that were not: the model drifted.
        varied: Calls at another or no stated temperature that were not; that proves nothing.
        unchecked: Keys that could not be asked again, and why. They say nothing either way.
    """

    same: int
    changed: tuple[Changed, ...]
    varied: tuple[Changed, ...]
    unchecked: tuple[tuple[str, str], ...]


def stats(store: Store) -> Stats:
    """Entries, bytes and hits by model and role. Reads the whole store.

    Raises:
        StoreError: The store cannot be read.
    """
    counts: dict[tuple[str, str | None], tuple[int, int]] = {}
    for entry in store.entries():
        entries, size = counts.get((entry.model, entry.role), (0, 0))
        counts[entry.model, entry.role] = (entries + 1, size + len(entry.to_bytes()))
    hits = store.hits.totals()
    groups = sorted(counts.keys() | hits.keys(), key=lambda group: (group[0], group[1] or ""))
    usage = tuple(
        CacheUsage(model, role, *counts.get((model, role), (0, 0)), hits=hits.get((model, role), 0))
        for model, role in groups
    )
    sound = sum(use.entries for use in usage)
    whole = store.size()
    damaged = len(store.damaged()) if whole.entries > sound else 0
    return Stats(sound, damaged, whole.bytes, usage)


def image_finder(log: Path | None = None, folder: Path | None = None) -> Callable[[str], str | None]:
    """Images by their digest, from a log that holds them or a folder of files.

    Args:
        log: An Inspect log.
        folder: A folder; files in it and below are matched by content, whatever their names.

    Returns:
        From SHA-256 (hex) of an image file to a ``data:`` URI, or None where neither has it.

    Raises:
        LogError: The log cannot be read.
        MaintenanceError: No such folder.
    """
    known_images: dict[str, str] = dict(logs.images(log)) if log is not None else {}
    files: dict[str, Path] = {}
    if folder is not None:
        if not folder.is_dir():
            raise MaintenanceError(f"{folder}: no such folder of images")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size <= MAX_IMAGE:
                files.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)

    def find(digest: str) -> str | None:
        if digest in known_images:
            return known_images[digest]
        if digest in files and (kind := _media_type(data := files[digest].read_bytes())):
            from blpo_inspect._util.images import data_uri

            return data_uri(data, kind)
        return None

    return find


async def drift(
    store: Store,
    target: "Target",
    sample: int,
    *,
    seed: int = 0,
    find_image: Callable[[str], str | None],
) -> Drift:
    """Ask a live model again for some of its recorded calls, one after the other; compare texts and tool calls.

    Nothing is recorded. Entries are drawn without replacement; equal stores and seeds draw the same. The model
    is made as the caller says, never as an entry says: entries may come from a bundle, and must not decide
    where keys are sent or whose code runs. Entries of a model with another identity are not checked.

    Args:
        store: What to check.
        target: The model.
        sample: How many entries; all of the model's if there are fewer.
        seed: Of the draw.
        find_image: From an image's digest to a ``data:`` URI (`image_finder`).

    Raises:
        MaintenanceError: Nothing is recorded for the model, or it cannot be made.
        StoreError: The store cannot be read.
    """
    keys = [entry.key for entry in store.entries() if entry.model == str(target)]
    if not keys:
        raise MaintenanceError(f"nothing is recorded for {target}; `blpo cache stats` lists the models")
    model, live = _live(target)
    same, changed, varied, unchecked = 0, list[Changed](), list[Changed](), list[tuple[str, str]]()
    for key in sorted(random.Random(seed).sample(keys, min(sample, len(keys)))):
        entry = store.get(key)
        if entry is None:
            continue  # deleted meanwhile
        now = await _ask(entry, model, live, find_image)
        if isinstance(now, str):
            unchecked.append((key, now))
        elif answer(now, logprobs=False) == answer(entry.output, logprobs=False):
            same += 1
        else:
            difference = Changed(key, entry.model, text_of(entry.output), text_of(now))
            (changed if _is_greedy(entry.request) else varied).append(difference)
    return Drift(same, tuple(changed), tuple(varied), tuple(unchecked))


def select(
    store: Store,
    *,
    older_than: float | None = None,
    models: Collection[str] = (),
    unused_by: Sequence[Path] = (),
    damaged: bool = False,
    now: datetime | None = None,
) -> list[str]:
    """Keys that may go: the sound entries that meet all the conditions given, and the damaged rows if asked.

    Args:
        store: What to look through.
        older_than: Recorded more than this many days ago; an entry whose date cannot be read stays.
        models: Of one of these models.
        unused_by: Used by none of these Inspect logs.
        damaged: Also rows that cannot be used.
        now: The time that days are counted back from.

    Returns:
        Sorted keys.

    Raises:
        MaintenanceError: No condition at all, or a number of days below 0.
        LogError: A log cannot be read or says nothing about the cache.
        StoreError: The store cannot be read.
    """
    if older_than is None and not models and not unused_by and not damaged:
        raise MaintenanceError("prune needs a condition; to delete everything use clear")
    if older_than is not None and not 0 <= older_than <= 36500:
        raise MaintenanceError(f"{older_than} days: give a number from 0 to 36500")
    keys = {key for key, _ in store.damaged()} if damaged else set()
    if older_than is not None or models or unused_by:
        limit = None if older_than is None else (now or datetime.now(UTC)) - timedelta(days=older_than)
        used = frozenset[str]().union(*(logs.used_keys(log) for log in unused_by))
        keys |= {
            entry.key
            for entry in store.entries()
            if (limit is None or _is_before(entry.recorded, limit))
            and (not models or entry.model in models)
            and entry.key not in used
        }
    return sorted(keys)


def clear(store: Store) -> int:
    """Delete every entry, damaged ones too. Returns how many there were.

    Raises:
        StoreError: The store cannot be written.
    """
    return store.delete(list(store.keys()))


def _is_before(recorded: str, limit: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(recorded)
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < limit


def _is_greedy(request: Mapping[str, Any]) -> bool:
    temperature = (request.get("config") or {}).get("temperature")
    return temperature == 0 or (temperature is None and (request.get("model") or {}).get("provider") == GREEDY_PROVIDER)


def _live(target: "Target") -> "tuple[Model, dict[str, Any]]":
    """The model, not memoized, and its identity."""
    from inspect_ai.model import get_model

    from blpo_inspect.cache.model_identity import identity
    from blpo_inspect.cache.patience import PatientModel

    try:
        model = PatientModel(get_model(str(target), base_url=target.base_url, memoize=False, **target.args))
        return model, identity(target, model.api)
    except Exception as error:  # providers fail in their own ways: no key, no weights, no package
        raise MaintenanceError(f"cannot make the model {target}: {_first_line(error)}") from error


async def _ask(
    entry: Entry, model: "Model", live: Mapping[str, Any], find_image: Callable[[str], str | None]
) -> dict[str, Any] | str:
    """The live output as JSON, or why there is none."""
    from inspect_ai.model import GenerateConfig
    from inspect_ai.tool import ToolFunction, ToolInfo

    from blpo_inspect._util.unanswerable import UnanswerableError
    from blpo_inspect.cache.request import canonical_request
    from blpo_inspect.cache.unanswered import is_lasting, unanswered

    request = entry.request
    if strange := [difference.path for difference in differences(request.get("model"), live)]:
        return f"the live model is another one: {', '.join(strange[:5])} (see -M and --base-url)"
    try:
        messages = _messages(request, find_image)
        tools = [ToolInfo.model_validate(tool) for tool in request.get("tools") or []]
        choice = request.get("tool_choice")
        choice = ToolFunction(**choice) if isinstance(choice, dict) else choice
        config = GenerateConfig.model_validate(request.get("config") or {})
        again = canonical_request(dict(live), messages, tools, choice, config)
        if lost := [difference.path for difference in differences({**request, "draw": None}, {**again, "draw": None})]:
            return f"its request cannot be made again: {', '.join(lost[:5])}"
        config.system_message = None  # it stands among the messages already
        output = await model.generate(messages, tools=tools, tool_choice=choice, config=config, cache=False)
    except _NoImageError as error:
        return str(error)
    except UnanswerableError as error:
        output = unanswered(str(model), error)
    except Exception as error:  # providers fail in their own ways; one failure must not end the check
        return f"could not be asked again: {_first_line(error)}"
    if (output.error or not output.choices) and not is_lasting(output):
        return f"the model failed: {_first_line(output.error or 'no answer')}"
    return output.model_dump(mode="json", exclude_none=True)


class _NoImageError(LookupError):
    pass


def _messages(request: Mapping[str, Any], find_image: Callable[[str], str | None]) -> "list[ChatMessage]":
    from inspect_ai.model import ChatMessage
    from pydantic import TypeAdapter

    rebuilt = []
    for message in request.get("messages") or []:
        item = {**message, "content": [_content(part, find_image) for part in message["content"]]}
        if "call" in item:
            item["tool_call_id"] = item.pop("call")
        if "calls" in item:
            item["tool_call_id"] = item.pop("calls")
        rebuilt.append(item)
    return TypeAdapter(list[ChatMessage]).validate_python(rebuilt)


def _content(part: Mapping[str, Any], find_image: Callable[[str], str | None]) -> dict[str, Any]:
    kind = str(part.get("type"))
    content = {name: value for name, value in part.items() if name not in ("sha256", "url")}
    if "sha256" in part:
        digest = str(part["sha256"])
        uri = find_image(digest) if kind == "image" else None
        if uri is None:
            raise _NoImageError(f"its {kind} {digest[:12]}… was not found")
        content[kind] = uri
    elif "url" in part:
        content[kind] = part["url"]
    return content


def _media_type(data: bytes) -> str | None:
    """By the first bytes, since a name may lie."""
    for start, kind in _starts():
        if data.startswith(start):
            return kind
    return "image/webp" if data[:4] == b"RIFF" and data[8:12] == b"WEBP" else None


def _starts() -> Iterator[tuple[bytes, str]]:
    yield b"\x89PNG\r\n\x1a\n", "image/png"
    yield b"\xff\xd8\xff", "image/jpeg"
    yield b"GIF8", "image/gif"
    yield b"BM", "image/bmp"
    yield b"II*\0", "image/tiff"
    yield b"MM\0*", "image/tiff"


def _first_line(error: object) -> str:
    text = str(error).strip().partition("\n")[0][:200]
    return text or type(error).__name__
