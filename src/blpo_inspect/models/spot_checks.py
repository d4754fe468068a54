"""When a shortcut of a model is compared with the long way again: every few hundred requests, in little of the time.

Does not compare (`continuation_check`, `labelling`). When a check is made changes no answer, unless the check fails.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

EVERY = 500
"""Fewest requests from one check to the next."""

SHARE = 0.005
"""Of the model's time that the checks of one shortcut may take, the first included; that one is made in any case."""


class SpotChecks:
    """The checks of one shortcut of one model. Used by one thread."""

    def __init__(self) -> None:
        self.requests = 0
        """That took the shortcut."""
        self.checked = 0
        """Checks that came to a result."""
        self.worked = 0.0
        """Seconds that the model ran, checks included."""
        self.spent = 0.0
        """Seconds of them for checks."""
        self._last = 0.0
        self._requests_then = 0

    def is_due(self) -> bool:
        """Whether a further check is to be made now; it is expected to take as long as the last one."""
        return self.requests - self._requests_then >= EVERY and self.spent + self._last <= SHARE * self.worked

    @contextmanager
    def checking(self) -> Iterator[None]:
        """Measures a check, whatever comes of it."""
        start = monotonic()
        try:
            yield
        finally:
            self._last = monotonic() - start
            self.spent += self._last
            self._requests_then = self.requests

    def figures(self) -> dict[str, float]:
        """For a log: requests that took the shortcut, how many went the long way too, and the share of time of that."""
        share = self.spent / self.worked if self.worked else 0.0
        return {"requests": self.requests, "checked": self.checked, "share_of_time": round(share, 4)}
