"""A served model that never gives the same answer twice, as one on a GPU may, and that knows who asked what.

with Fickle() as model:
    ...  # SERVED_BASE_URL=model.url, SERVED_API_KEY=who asks
model.asked  # [("one", digest of the messages), …]
"""

import hashlib
import json
from http.server import ThreadingHTTPServer
from threading import Condition, Thread
from types import TracebackType
from typing import Any

from tests.openai_handler import handler

PATIENCE = 60.0
"""Seconds for all who are expected to come."""

TOGETHER = 2.0
"""Seconds that a first request waits for its equal from somebody else."""


class Fickle:
    """The server; speaks as much of the OpenAI API as Inspect needs.

    The first request for an answer gets ``safe``, the next equal one ``unsafe``, and so on by turns.

    Attributes:
        asked: Who asked what, in order: the API key, and a digest of the messages.
        together: While not empty: who must have come before anybody is answered; and then each of their requests is
            held for a moment until all of them have sent it, so that equal requests are in flight at one time.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.together: frozenset[str] = frozenset()
        self._news = Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self._asked))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def asked_by(self, who: str) -> list[str]:
        """Digests of what somebody asked, in order."""
        return [what for somebody, what in self.asked if somebody == who]

    def answer(self, who: str, what: str) -> str:
        """Count a request and answer it, once others have asked the same or time is over."""
        with self._news:
            turn = sum(known == what for _, known in self.asked)
            self.asked.append((who, what))
            self._news.notify_all()
            if self.together:
                self._news.wait_for(lambda: {somebody for somebody, _ in self.asked} >= self.together, PATIENCE)
                self._news.wait_for(
                    lambda: {one for one, known in self.asked if known == what} >= self.together, TOGETHER
                )
        return ("safe", "unsafe")[turn % 2]

    def _asked(self, body: dict[str, Any], who: str) -> str:
        return self.answer(who, hashlib.sha256(json.dumps(body["messages"], sort_keys=True).encode()).hexdigest())

    def __enter__(self) -> "Fickle":
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
