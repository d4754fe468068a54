"""How often recorded calls were replayed, by model and role."""

import sqlite3
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

HITS_NAME = "hits.db"
"""Counters of hits lie apart: losing them costs nothing, and counting never locks the entries."""

FLUSH_EVERY = 1000
"""Hits counted in memory before they are written."""


class HitCounter:
    """Counts in memory, written now and then to a database of its own; a kill loses the latest.

    Args:
        folder: Where the database lies.
        read_only: Never write.
    """

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self._folder = folder
        self._read_only = read_only
        self._hits: Counter[tuple[str, str]] = Counter()
        self._unwritten = 0

    def count(self, model: str, role: str | None) -> None:
        """Count a replayed call."""
        self._hits[model, role or ""] += 1
        self._unwritten += 1
        if self._unwritten >= FLUSH_EVERY:
            self.flush()

    def totals(self) -> dict[tuple[str, str | None], int]:
        """Replayed calls by model and role. Unreadable counters count as none."""
        total = Counter(self._hits)
        path = self._folder / HITS_NAME
        if path.exists():
            uri = f"{path.absolute().as_uri()}?mode=ro"
            with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as db:
                for model, role, count in db.execute("SELECT model, role, count FROM hits"):
                    total[str(model), str(role)] += int(count)
        return {(model, role or None): count for (model, role), count in sorted(total.items())}

    def flush(self) -> None:
        """Write the counts. Never raises: where they cannot be written they are dropped."""
        hits = self._hits.copy()
        self._hits.clear()
        self._unwritten = 0
        if not hits or self._read_only or not self._folder.is_dir():
            return
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._folder / HITS_NAME, timeout=1)) as db, db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS hits"
                " (model TEXT, role TEXT, count INTEGER, PRIMARY KEY (model, role)) WITHOUT ROWID"
            )
            db.executemany(
                "INSERT INTO hits VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                [(model, role, count) for (model, role), count in hits.items()],
            )
