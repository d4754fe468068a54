"""One recorded model call, as JSON bytes: what the store keeps and a bundle carries. Never pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = 1
"""Version of keys; part of every key."""

VERSION = 2
"""Version of entries. 1 has no digest of its own; 2 has one. A program reads its own version and all before it."""


class EntryError(ValueError):
    """Bytes that are no entry, or an entry whose digest does not fit; says what is wrong."""


class LaterEntryError(EntryError):
    """An entry that a later version of this package wrote: not damaged, but not to be read here."""


@dataclass(frozen=True)
class Entry:
    """A recorded call.

    Attributes:
        key: SHA-256 (hex) of the canonical request.
        request: What the key was made of: identity of the model, messages (images as digests), settings, draw.
        output: The answer, an Inspect ``ModelOutput`` as JSON.
        recorded: When it was recorded, ISO 8601 in UTC.
        model: ``provider/name`` as people type it.
        role: The model role that asked first (``judge``, ``i2t``, ``optimizer``), if known.
        sealed: Whether its bytes hold a digest of all that they say. Entries of version 1 have none, and get none
            later: a digest of what may have changed would vouch for it.
    """

    key: str
    request: Mapping[str, Any]
    output: Mapping[str, Any]
    recorded: str
    model: str
    role: str | None = None
    sealed: bool = True

    def to_bytes(self) -> bytes:
        """Canonical JSON; equal entries give equal bytes."""
        fields = {
            "schema": VERSION if self.sealed else 1,
            "key": self.key,
            "request": self.request,
            "output": self.output,
            "recorded": self.recorded,
            "model": self.model,
            "role": self.role,
        }
        return canonical({**fields, "sha256": _digest(fields)} if self.sealed else fields)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """Read what `to_bytes` wrote, and check that the key is the request's digest, and the digest that of the entry.

        Raises:
            LaterEntryError: A later version wrote it.
            EntryError: Not JSON, fields missing or of the wrong type, or a key or digest that does not fit.
        """
        try:
            fields = json.loads(data)
        except ValueError as error:
            raise EntryError(f"not JSON: {error}") from error
        except RecursionError:
            raise EntryError("nested too deeply") from None
        version = fields.get("schema") if isinstance(fields, dict) else None
        if type(version) is not int or version < 1:
            raise EntryError("not an entry")
        if version > VERSION:
            raise LaterEntryError(f"written by a later version (entry version {version}; this program reads {VERSION})")
        sealed = version > 1
        kinds: dict[str, type | tuple[type, ...]] = {
            "key": str,
            "request": dict,
            "output": dict,
            "recorded": str,
            "model": str,
            "role": (str, type(None)),
        }
        wrong = sorted(name for name, kind in kinds.items() if not isinstance(fields.get(name), kind))
        if sealed:
            kinds["sha256"] = str
            wrong += [] if isinstance(fields.get("sha256"), str) else ["sha256"]
        wrong += sorted(set(fields) - {"schema", *kinds})
        if wrong:
            raise EntryError(f"missing, unknown or ill-typed fields: {', '.join(wrong)}")
        if sealed and fields.pop("sha256") != _digest(fields):
            raise EntryError("its digest does not fit: it is not what was written")
        entry = cls(**{name: fields[name] for name in kinds if name != "sha256"}, sealed=sealed)
        if entry.key != key_of(entry.request):
            raise EntryError(f"the key {entry.key[:12]}… is not the digest of its request")
        return entry


def key_of(request: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a canonical request."""
    return hashlib.sha256(canonical(request)).hexdigest()


def _digest(fields: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(fields)).hexdigest()


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and no NaN, as UTF-8: equal values give equal bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
