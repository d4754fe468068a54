"""Opens Inspect logs, and reads from them what the cache needs: the keys used, the images, the requests made.

What the cache needs is read one sample at a time. Does not change logs, follows no path that a log names, and does not
say what a judge answered (`blpo_inspect.logs`).
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
    from inspect_ai.log import EvalLog, EvalSample


_UNNEEDED = {"events", "messages", "store", "timelines"}


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


def read_header(log: str | Path) -> "EvalLog":
    """A log without its samples; arguments and errors are those of `read_log`."""
    from inspect_ai.log import read_eval_log

    with _reading(log):
        return read_eval_log(str(log), header_only=True)


def read_log(log: str | Path, *, images: bool = False) -> "EvalLog":
    """A whole log, without its events, messages and stores.

    Args:
        log: The file, here or at any address that Inspect reads.
        images: Whether to read the images too (``attachments``).

    Raises:
        LogError: No such file, or no log that Inspect can read.
    """
    from inspect_ai.log import read_eval_log

    with _reading(log):
        return read_eval_log(str(log), exclude_fields=_UNNEEDED if images else {*_UNNEEDED, "attachments"})


def is_remote(source: str) -> bool:
    """Whether a file is not on this machine."""
    return "://" in source and not source.startswith("file:")


def used_keys(log: Path) -> frozenset[str]:
    """The keys of all memoized calls of a log, those of retried samples too.

    Raises:
        LogError: Unreadable, or no call in it was memoized.
    """
    keys: set[str] = set()
    for sample in _samples(log, exclude={"attachments", "store", "messages"}):
        outputs = [event.output for event in _model_events(sample)]
        keys.update(key for output in [*outputs, sample.output] if (key := note(output.metadata).key))
    if not keys:
        raise LogError(f"{log}: no call in it was memoized, so it says nothing about the cache")
    return frozenset(keys)


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
    model_calls: list[Call] = []
    ids: dict[str, None] = {}
    for sample in _samples(log, exclude={"store"}, resolve=True):
        ids[str(sample.id)] = None
        if str(sample.id) == sample_id:
            events = _model_events(sample)
            model_calls += [Call(event, sample.epoch, note(event.output.metadata).key) for event in events]
    if sample_id not in ids:
        some = ", ".join(sorted(ids)[:5]) or "no samples"
        raise LogError(f"{log}: no sample {sample_id!r}; it has {some}{' …' if len(ids) > 5 else ''}")
    if not model_calls:
        raise LogError(f"{log}: sample {sample_id!r} made no model call")
    return model_calls


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
def _reading(log: str | Path) -> Iterator[None]:
    """Turns whatever reading a log raises into one line.

    Raises:
        LogError: No such file, or no log that Inspect can read.
    """
    if not is_remote(str(log)) and not Path(log).is_file():
        raise LogError(f"{log}: no such log file")
    try:
        yield
    except Exception as error:  # Inspect, and every file system, report broken logs with types of their own
        reason = str(error).partition("\n")[0]
        raise LogError(f"{log}: cannot be read as an Inspect log: {reason or type(error).__name__}") from error


def _samples(log: Path, *, exclude: set[str], resolve: bool = False) -> "Iterator[EvalSample]":
    from inspect_ai.log import read_eval_log_samples

    samples = read_eval_log_samples(
        str(log), all_samples_required=False, resolve_attachments="full" if resolve else False, exclude_fields=exclude
    )
    with _reading(log):
        yield from samples
