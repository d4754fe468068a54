"""The rows that a run has so far, in a file beside its table, so that a stopped run goes on where it was.

A small SQLite database: a crash leaves what was kept before, and rows are read in the order of the pictures however
they came.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from blpo_inspect.data.tables.unlabelled import Unlabelled
from blpo_inspect.verdicts.row import VerdictRow

_TABLES = """
CREATE TABLE IF NOT EXISTS run (settings TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
    id TEXT PRIMARY KEY, place INTEGER, digest TEXT NOT NULL, failed INTEGER NOT NULL, row TEXT NOT NULL
);
UPDATE verdicts SET place = NULL;
"""


class KeptError(ValueError):
    """Rows that this run cannot go on from; says why and what to do."""


class Kept:
    """The rows of a run.

    Args:
        table: Where the whole table will be.
        run: What the rows depend on beside the pictures: digests by name.

    Raises:
        KeptError: There are rows of another run, or the file is none of ours.
    """

    def __init__(self, table: Path, run: Mapping[str, str]) -> None:
        self.path = table.with_name(f"{table.name}.partial")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(self.path)
        try:
            self._database.executescript(_TABLES)
            known = self._database.execute("SELECT settings FROM run").fetchone()
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise KeptError(
                f"{self.path}: no rows of a stopped run ({error}); remove it, or name another output"
            ) from error
        if known is None:
            self._database.execute("INSERT INTO run VALUES (?)", [json.dumps(dict(run))])
            self._database.commit()
        elif (before := json.loads(known[0])) != dict(run):
            self._database.close()
            other = ", ".join(sorted(name for name in {*before, *run} if before.get(name) != run.get(name)))
            raise KeptError(
                f"{self.path} has the rows of a stopped run with another {other}; remove it to start anew, or name"
                " another output"
            )

    def close(self) -> None:
        """Close the file, which stays."""
        self._database.close()

    def has(self, picture: Unlabelled, place: int) -> bool:
        """Whether the picture has its row already; then it takes this place.

        A picture that changed, or whose sample failed, has none.
        """
        found = self._database.execute("SELECT digest, failed FROM verdicts WHERE id = ?", [picture.id]).fetchone()
        if found is None or found != (picture.digest, 0) or picture.fault is not None:
            return False
        self._database.execute("UPDATE verdicts SET place = ? WHERE id = ?", [place, picture.id])
        return True

    def add(self, rows: Iterable[tuple[int, Unlabelled, VerdictRow]]) -> None:
        """Keep rows of pictures with their places, all or none."""
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?)",
                (
                    (picture.id, place, picture.digest, row.failed, json.dumps(asdict(row)))
                    for place, picture, row in rows
                ),
            )

    def rows(self) -> Iterator[VerdictRow]:
        """The rows of the pictures of this run, in their order."""
        with closing(self._database.execute("SELECT row FROM verdicts WHERE place NOT NULL ORDER BY place")) as found:
            for (row,) in found:
                yield VerdictRow(**json.loads(row))

    def remove(self) -> None:
        """Remove the file: the whole table is written."""
        self._database.close()
        self.path.unlink(missing_ok=True)
