"""Makes Python's garbage collector run less often during a run, and leave older objects alone.

A run leaves thousands of events in Inspect's transcript, none of them garbage. With the usual thresholds the collector
walks over them and over all imported libraries again and again, which takes a third of a replay's time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

EVERY = 20_000
"""New objects after which the youngest generation is collected; Python's default is 700."""

_lock = Lock()
_runs = 0
_usual = (0, 0, 0)
_frozen = False


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Raise the collector's first threshold while at least one run is in this context.

    A collector that is off, or has a higher threshold, stays as it is, and so do objects that were set aside before
    (`gc.freeze`); afterwards all is as before.
    """
    global _runs, _usual, _frozen
    with _lock:
        _runs += 1
        if _runs == 1:
            _usual = gc.get_threshold()
            if 0 < _usual[0] < EVERY:
                _frozen = gc.get_freeze_count() == 0  # what others froze could not be told from ours afterwards
                if _frozen:
                    gc.freeze()
                gc.set_threshold(EVERY, *_usual[1:])
    try:
        yield
    finally:
        with _lock:
            _runs -= 1
            if _runs == 0 and 0 < _usual[0] < EVERY:
                gc.set_threshold(*_usual)
                if _frozen:
                    gc.unfreeze()
