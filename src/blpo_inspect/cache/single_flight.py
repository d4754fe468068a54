"""Equal calls in flight are made once, whatever task, event loop or thread they come from."""

from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Who is making which call at the moment, in this process.

    Attributes:
        landed: How many flights have ended.
    """

    def __init__(self) -> None:
        self.landed = 0
        self._lock = Lock()
        self._flights: dict[object, Future[T | None]] = {}

    def join(self, key: object) -> tuple[Future[T | None], bool]:
        """The flight of a key, and whether the caller leads it and so must `land` it, come what may."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None:
                return flight, False
            flight = self._flights[key] = Future()
            return flight, True

    def land(self, key: object, result: T | None) -> None:
        """End a flight. Without a result (the leader failed or was cancelled), those who wait try themselves."""
        with self._lock:
            flight = self._flights.pop(key)
            self.landed += 1
        flight.set_result(result)

    def forget(self) -> None:
        """Drop all flights; in a forked child their leaders do not exist."""
        self._lock = Lock()
        self._flights = {}
