"""What a call says that the store cannot answer: offline and never recorded, or of a model that is left open."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from blpo_inspect._util.inspect_internals import current_run
from blpo_inspect._util.plain_error import PlainError
from blpo_inspect.cache.entry import canonical
from blpo_inspect.cache.model_identity import Target
from blpo_inspect.cache.store import Store
from blpo_inspect.cache.store_errors import StoreError


class CacheMissError(PlainError):
    """Offline, and the call was never recorded.

    Attributes:
        key: The key that is missing.
        request: What the key was made of.
    """

    def __init__(self, message: str, key: str, request: dict[str, Any]) -> None:
        super().__init__(message)
        self.key = key
        self.request = request


class UnknownIdentityError(PlainError):
    """The model is not here to tell which one it is, and what was recorded leaves it open."""


@contextmanager
def may_miss() -> Iterator[None]:
    """Within this context, nobody is shown why a call misses, so nothing is looked up."""
    token = _expected.set(True)
    try:
        yield
    finally:
        _expected.reset(token)


def miss(target: Target, key: str, request: dict[str, Any], store: Store | None) -> CacheMissError:
    """The error of an offline miss: one sentence, and what was recorded instead (`explain`).

    A search reads up to 2,000 calls, and thousands may miss for one reason. So one miss of a model in a run is looked
    up. The others say the same where the run ends with the first error, else they refer to that one.
    """
    where = f" in {store.folder}" if store else ""
    what = f"offline, and this call of {target} was never recorded{where} (key {key[:12]}…)"
    run = current_run()
    if store is None or _expected.get():
        what += "."
    elif run is None:
        what += f".\n{_looked_up(store, request)}"
    elif (of_run := (run[0], str(target), store.folder)) not in _found:
        _found[of_run] = _looked_up(store, request)
        what += f".\n{_found[of_run]}"
    elif run[1]:
        what += f", like one before.\n{_found[of_run]}"
    else:
        what += ", like one before; that error shows the nearest."
    return CacheMissError(what, key, request)


_expected: ContextVar[bool] = ContextVar("blpo_may_miss", default=False)
_found: dict[tuple[str, str, Path], str] = {}


def _looked_up(store: Store, request: dict[str, Any]) -> str:
    found = ""
    with suppress(ImportError, StoreError):
        explain = importlib.import_module("blpo_inspect.cache.explain")
        found = f"{explain.describe_miss(store, request)}\n"
    return f"{found}Record it with BLPO_CACHE=readwrite, or look closer with `blpo cache explain`."


def which_model(target: Target, recorded: list[dict[str, Any]], store: Store, error: Exception) -> str:
    """The message of an `UnknownIdentityError`."""
    if not recorded:
        return f"{target} is not here ({error}), and no calls of it are recorded in {store.folder}"
    fields = sorted({name for model in recorded for name in model})
    differing = [name for name in fields if len({canonical(model.get(name)) for model in recorded}) > 1]
    lines = ["; ".join(f"{name}={str(model.get(name))[:60]}" for name in differing) for model in recorded[:8]]
    return (
        f"{target} is not here ({error}), and {store.folder} has calls of {len(recorded)} models of that name:\n  "
        + "\n  ".join(lines)
        + "\nName one by its model arguments (-M), or remove the others with `blpo cache prune`."
    )
