"""One recorded model call, as JSON bytes: what the store keeps and a bundle carries. Never pickle."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SCHEMA = 1
"""Version of keys and entries; part of every key."""


class EntryError(ValueError):
    """Bytes that are no entry, or an entry whose digest does not fit; says what is wrong."""


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
    """

    key: str
    request: Mapping[str, Any]
    output: Mapping[str, Any]
    recorded: str
    model: str
    role: str | None = None

    def to_bytes(self) -> bytes:
        """Canonical JSON; equal entries give equal bytes."""
        return canonical(
            {
                "schema": SCHEMA,
                "key": self.key,
                "request": self.request,
                "output": self.output,
                "recorded": self.recorded,
                "model": self.model,
                "role": self.role,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "Entry":
        """Read what `to_bytes` wrote, and check that the key is the request's digest.

        Raises:
            EntryError: Not JSON, fields missing or of the wrong type, or a key that does not fit the request.
        """
        try:
            fields = json.loads(data)
        except ValueError as error:
            raise EntryError(f"not JSON: {error}") from error
        if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
            raise EntryError(f"not an entry of schema {SCHEMA}")
        kinds: dict[str, type | tuple[type, ...]] = {
            "key": str,
            "request": dict,
            "output": dict,
            "recorded": str,
            "model": str,
            "role": (str, type(None)),
        }
        wrong = sorted(name for name, kind in kinds.items() if not isinstance(fields.get(name), kind))
        wrong += sorted(set(fields) - {"schema", *kinds})
        if wrong:
            raise EntryError(f"missing, unknown or ill-typed fields: {', '.join(wrong)}")
        entry = cls(**{name: fields[name] for name in kinds})
        if entry.key != key_of(entry.request):
            raise EntryError(f"the key {entry.key[:12]}… is not the digest of its request")
        return entry


def key_of(request: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a canonical request."""
    return hashlib.sha256(canonical(request)).hexdigest()


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no spaces and no NaN, as UTF-8: equal values give equal bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "surrogatepass")
