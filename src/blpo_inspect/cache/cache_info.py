"""The note that the cache leaves in an output's metadata: how the answer came about.

A module of its own, so that who reads logs does not import the store.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

METADATA = "blpo_cache"
"""Where an output's metadata hold the note."""


@dataclass(frozen=True)
class Note:
    """How an answer came about; the defaults stand for one that was not memoized.

    Attributes:
        hit: Whether it was replayed.
        key: The cache's key.
        recorded: When it was recorded, ISO 8601 in UTC.
        usage: Tokens of the call that was once made, an Inspect ``ModelUsage`` as JSON.
    """

    hit: bool = False
    key: str | None = None
    recorded: str | None = None
    usage: Mapping[str, Any] | None = None

    def added_to(self, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
        """An output's metadata with this note."""
        return {**(metadata or {}), METADATA: dict(vars(self))}


def note(metadata: Mapping[str, Any] | None) -> Note:
    """The note in an output's metadata; what is no note, as logs may hold anything there, counts as none."""
    info = (metadata or {}).get(METADATA)
    if not isinstance(info, Mapping):
        return Note()
    key, recorded, usage = info.get("key"), info.get("recorded"), info.get("usage")
    return Note(
        hit=bool(info.get("hit")),
        key=key if isinstance(key, str) else None,
        recorded=recorded if isinstance(recorded, str) else None,
        usage=usage if isinstance(usage, Mapping) else None,
    )
