"""Entries as the memoized model API makes them, without a model."""

import hashlib
from pathlib import Path
from typing import Any

from inspect_ai.model import ModelOutput

from blpo_inspect.cache.entry import Entry, key_of
from blpo_inspect.cache.store import Store


def request(
    prompt: str = "Is it safe?", *, image: str = "a", model: str = "scripted/m", **config: Any
) -> dict[str, Any]:
    """A request with one image, named by a letter, and one prompt."""
    provider, _, name = model.partition("/")
    content = [
        {"type": "image", "sha256": hashlib.sha256(image.encode()).hexdigest()},
        {"type": "text", "text": prompt},
    ]
    return {
        "schema": 1,
        "model": {"provider": provider, "name": name},
        "messages": [{"role": "user", "content": content}],
        "config": {"temperature": 0.0, **config},
        "draw": {"epoch": 1, "nth": 0},
    }


def recorded(
    asked: dict[str, Any] | None = None, says: str = "yes", *, on: str = "2026-01-01", role: str | None = "judge"
) -> Entry:
    """What is kept when a request is answered."""
    asked = asked or request()
    model = f"{asked['model']['provider']}/{asked['model']['name']}"
    output = ModelOutput.from_content(model, says).model_dump(mode="json")
    return Entry(key_of(asked), asked, output, f"{on}T00:00:00+00:00", model, role)


def filled(folder: Path, *entries: Entry) -> Store:
    """A store with these entries."""
    store = Store(folder)
    for entry in entries:
        store.put(entry)
    return store
