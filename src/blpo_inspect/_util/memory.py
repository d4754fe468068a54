"""How much memory is free, and work in several threads that keeps to a part of it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

import psutil

CGROUP = "/sys/fs/cgroup"
"""Where the kernel says what a container may take."""


def free_memory() -> int:
    """Bytes of main memory that are still to be had, also within the limit of the container."""
    return min(int(psutil.virtual_memory().available), left_in_container(Path(CGROUP)))


def left_in_container(root: Path) -> int:
    """Bytes that the container of this process may still take; very many outside of one.

    Args:
        root: `CGROUP`.
    """
    for folder, most, now, files in (
        ("", "memory.max", "memory.current", "inactive_file"),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        try:
            limit, used = (int((root / folder / name).read_text()) for name in (most, now))
        except (OSError, ValueError):  # not there, or "max"
            continue
        return max(0, limit - used + _given_back(root / folder / "memory.stat", files))
    return 1 << 62


def _given_back(statistics: Path, name: str) -> int:
    """Files that were read, such as the weights: they count as used until the memory is wanted."""
    try:
        match = re.search(rf"^{name} (\d+)$", statistics.read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) if match else 0


class MemoryBudget:
    """What pieces of work in flight may take together; a piece that exceeds it goes alone.

    Args:
        share: Of the memory that is free while nothing is in flight.
    """

    def __init__(self, share: float = 0.25) -> None:
        self._share = share
        self._free = 0
        self._looked = float("-inf")
        self._held = 0
        self._changed = Condition()

    @contextmanager
    def hold(self, wanted: int) -> Iterator[None]:
        """Wait until so many bytes are within the budget, and hold them for the block.

        Raises:
            MemoryError: Nothing else is in flight, and so much is not free.
        """
        with self._changed:
            while self._held and self._held + wanted > self._share * self._free:
                self._changed.wait()
            if not self._held:
                self._look(wanted)
            self._held += wanted
        try:
            yield
        finally:
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()

    def _look(self, wanted: int) -> None:
        # asking takes longer than to decode a small picture
        if wanted > self._share * self._free or time.monotonic() - self._looked > 1:
            self._free, self._looked = free_memory(), time.monotonic()
        if wanted > self._free:
            raise MemoryError(f"takes about {wanted / 1e9:.1f} GB of memory, and {self._free / 1e9:.1f} GB are free")
