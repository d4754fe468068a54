"""Real processes on one store: many that write the same, and writers that are killed at any moment."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from blpo_inspect.cache.entry import Entry, key_of
from blpo_inspect.cache.store import Store

KILLS = 120


def entry(number: int, text: str) -> Entry:
    request = {"model": {"provider": "p", "name": "n"}, "number": number}
    return Entry(key_of(request), request, {"text": text}, "2026-01-01T00:00:00+00:00", "p/n")


def spawn(work: "Work") -> int:
    """A child that runs some work and then ends without Python's clean-up."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


class Work:
    """A writer that appends to a file what the store acknowledged, in one write call per entry."""

    def __init__(self, folder: Path, said: Path, first: int, count: int, text: str) -> None:
        self.folder, self.said, self.first, self.count, self.text = folder, said, first, count, text

    def __call__(self) -> None:
        store = Store(self.folder)
        acknowledged = os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for number in range(self.first, self.first + self.count):
            # sizes from a page to a hundred
            stored = store.put(entry(number, self.text * (1 + number * 37 % 400)))
            os.write(acknowledged, f"{number} {stored.output['text'][:3]}\n".encode())


def test_the_first_of_many_processes_wins(tmp_path: Path) -> None:
    said = [tmp_path / f"said{worker}" for worker in range(8)]
    children = [spawn(Work(tmp_path / "store", path, 0, 100, f"<{worker}>")) for worker, path in enumerate(said)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    store = Store(tmp_path / "store")
    assert store.damaged() == []
    winners = {entry.request["number"]: entry.output["text"][:3] for entry in store.entries()}
    assert len(winners) == 100
    for path in said:
        heard = dict(line.split(" ") for line in path.read_text().splitlines())
        assert heard == {str(number): text for number, text in winners.items()}


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    said = tmp_path / "said"
    said.touch()
    before = 0
    in_flight = 0
    for kill in range(KILLS):
        child = spawn(Work(folder, said, kill * 100_000, 100_000, "<k>"))
        # some are killed while they create or open the store, others in the middle of writing
        deadline = time.monotonic() + 30
        while kill % 4 and said.stat().st_size == before and time.monotonic() < deadline:
            time.sleep(0.0005)
        time.sleep((kill * 7 % 50) / 2000)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        in_flight += said.stat().st_size > before
        before = said.stat().st_size
    assert in_flight > KILLS // 2, "most were killed while they wrote"
    store = Store(folder)
    assert store.damaged() == []
    acknowledged = {int(line.split(" ")[0]) for line in said.read_text().splitlines() if line.endswith("<k>")}
    present = {entry.request["number"] for entry in store.entries()}
    assert acknowledged <= present
    assert len(present - acknowledged) <= KILLS  # at most the one in flight, each time
    assert store.put(entry(1, "later")).output["text"][:3] in ("<k>", "lat")
    with closing(sqlite3.connect(folder / "cache.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
