"""When was something going on? Spans of time of any number of threads, put together.

A function is timed by standing a wrapper in its place for the length of a measurement; what it returns and raises
passes through.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

Span = tuple[float, float]


class Clock:
    """Notes when it was running. Appending to a list is safe between threads."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its calls noted; of an asynchronous one until it has ended, waiting included."""

        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._noted():
                return function(*args, **kwargs)

        @wraps(function)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with self._noted():
                return await function(*args, **kwargs)

        return run_async if inspect.iscoroutinefunction(function) else run

    @contextmanager
    def on(self, owner: Any, *names: str) -> Iterator[None]:
        """Times functions of a module or a class, by name, while the context lasts.

        Raises:
            AttributeError: There is no such function: what is measured has changed.
        """
        own = {name: getattr(owner, name) for name in names}
        for name, function in own.items():
            setattr(owner, name, self.timed(function))
        try:
            yield
        finally:
            for name, function in own.items():
                setattr(owner, name, function)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.spans.append((began, time.perf_counter()))


def seconds(spans: Sequence[Span], but: Sequence[Span] = ()) -> float:
    """How long at least one of the spans lasted, without the time of those in ``but``."""
    return _union([*spans, *but]) - _union(but)


def _union(spans: Sequence[Span]) -> float:
    total, end = 0.0, float("-inf")
    for one, other in sorted(spans):
        if other > end:
            total += other - max(one, end)
            end = other
    return total
