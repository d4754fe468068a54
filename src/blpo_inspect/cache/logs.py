"""What an Inspect log tells the cache: the keys it used, the images it holds, the requests it made.

Reads one sample at a time. Does not change logs and follows no path that a log names.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blpo_inspect.cache.cache_info import note

if TYPE_CHECKING:
    from inspect_ai.event import ModelEvent
    from inspect_ai.log import EvalSample


class LogError(ValueError):
    """A log that cannot be read or does not have what was asked of it; says which and what to do."""


@dataclass(frozen=True)
class Call:
    """One model call of a log.

    Attributes:
        event: The event, images and long texts put back in.
        epoch: The epoch of its sample.
        key: The cache's key, if the call was memoized.
    """

    event: "ModelEvent"
    epoch: int
    key: str | None


def used_keys(log: Path) -> frozenset[str]:
    """The keys of all memoized calls of a log, those of retried samples too.

    Raises:
        LogError: Unreadable, or no call in it was memoized.
    """
    found: set[str] = set()
    for sample in _samples(log, exclude={"attachments", "store", "messages"}):
        outputs = [event.output for event in _model_events(sample)]
        found.update(key for output in [*outputs, sample.output] if (key := note(output.metadata).key))
    if not found:
        raise LogError(f"{log}: no call in it was memoized, so it says nothing about the cache")
    return frozenset(found)


def images(log: Path) -> Iterator[tuple[str, str]]:
    """Digest (SHA-256, hex, of the file's bytes) and ``data:`` URI of every image that a log holds.

    An image comes once per sample that shows it. Images that cannot be decoded are left out.

    Raises:
        LogError: Unreadable.
    """
    for sample in _samples(log, exclude={"store", "events", "messages"}):
        for text in sample.attachments.values():
            if text.startswith("data:image/") and (digest := _digest(text)):
                yield digest, text


def calls(log: Path, sample_id: str) -> list[Call]:
    """The model calls of one sample, all its epochs, in order.

    Raises:
        LogError: Unreadable, no such sample, or a sample that made no call.
    """
    found: list[Call] = []
    known: list[str] = []
    for sample in _samples(log, exclude={"store"}, resolve=True):
        if str(sample.id) == sample_id:
            events = _model_events(sample)
            found += [Call(event, sample.epoch, note(event.output.metadata).key) for event in events]
            known.clear()
            known.append(sample_id)
        elif sample_id not in known:
            known.append(str(sample.id))
    if sample_id not in known:
        some = ", ".join(sorted(set(known))[:5]) or "no samples"
        raise LogError(f"{log}: no sample {sample_id!r}; it has {some}{' …' if len(set(known)) > 5 else ''}")
    if not found:
        raise LogError(f"{log}: sample {sample_id!r} made no model call")
    return found


def _digest(uri: str) -> str | None:
    header, _, body = uri.partition(",")
    if not header.endswith(";base64"):
        return None
    try:
        return hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest()
    except binascii.Error:
        return None


def _model_events(sample: "EvalSample") -> "list[ModelEvent]":
    from inspect_ai.event import ModelEvent

    retried = [event for retry in sample.error_retries or [] for event in getattr(retry, "events", None) or []]
    return [event for event in [*retried, *sample.events] if isinstance(event, ModelEvent)]


@contextmanager
def reading(log: Path) -> Iterator[None]:
    """Turns whatever reading a log raises into one line.

    Raises:
        LogError: No such file, or no log that Inspect can read.
    """
    if not log.is_file():
        raise LogError(f"{log}: no such log file")
    try:
        yield
    except Exception as error:  # Inspect reports broken logs with many types
        reason = str(error).partition("\n")[0]
        raise LogError(f"{log}: cannot be read as an Inspect log: {reason or type(error).__name__}") from error


def _samples(log: Path, *, exclude: set[str], resolve: bool = False) -> "Iterator[EvalSample]":
    from inspect_ai.log import read_eval_log_samples

    samples = read_eval_log_samples(
        str(log), all_samples_required=False, resolve_attachments="full" if resolve else False, exclude_fields=exclude
    )
    with reading(log):
        yield from samples
