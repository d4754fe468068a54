"""What a call says that the store cannot answer: offline and never recorded, or of a model that is left open."""

import importlib
from typing import Any

from blpo_inspect.cache.entry import canonical
from blpo_inspect.cache.model_identity import Target
from blpo_inspect.cache.store import Store
from blpo_inspect.cache.store_errors import StoreError


class CacheMissError(RuntimeError):
    """Offline, and the call was never recorded.

    Attributes:
        key: The key that is missing.
        request: What the key was made of.
    """

    def __init__(self, message: str, key: str, request: dict[str, Any]) -> None:
        super().__init__(message)
        self.key = key
        self.request = request


class UnknownIdentityError(RuntimeError):
    """The model is not here to tell which one it is, and what was recorded leaves it open."""


def miss(target: Target, key: str, request: dict[str, Any], store: Store | None) -> CacheMissError:
    """The error of an offline miss; `explain` adds what was recorded instead."""
    where = f" in {store.folder}" if store else ""
    message = f"offline, and this call of {target} was never recorded{where} (key {key[:12]}…)."
    if store is not None:
        try:
            explain = importlib.import_module("blpo_inspect.cache.explain")
            message += f"\n{explain.describe_miss(store, request)}"
        except (ImportError, StoreError):
            pass
    return CacheMissError(
        f"{message}\nRecord it with BLPO_CACHE=readwrite, or look closer with `blpo cache explain`.", key, request
    )


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
