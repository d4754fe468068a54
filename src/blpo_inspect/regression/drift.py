"""What changed about a judge since its baseline, in sentences; whether or not any figure moved.

A sentence decides nothing by itself.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from blpo_inspect.cache.request import TRAVEL
from blpo_inspect.logs.judged_run import JudgedRun

_NAMES = {
    "revision": "the model's revision",
    "chat_template": "the chat template",
    "processor": "the processor (image and text preparation)",
    "dtype": "the dtype",
    "quantization": "the quantization",
    "attn_implementation": "the attention implementation",
    "base_url": "the server's address",
    "name": "the model's name",
    "provider": "the provider",
    "answered.model": "the model that answers give as theirs",
    "answered.device": "the device of the answers",
    "answered.dtype": "the dtype of the answers",
    "answered.torch": "the torch that gave the answers",
    "answered.transformers": "the transformers that gave the answers",
}
_DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")


def drift(before: JudgedRun, after: JudgedRun) -> list[str]:
    """What is not as it was: models, settings, prompts and package versions."""
    changes = [f"{title} changed" for title, name in _PROMPTS.items() if _other(before.prompts, after.prompts, name)]
    for role in sorted({*before.model, *after.model}):
        for place, old, new in _differences(before.model.get(role), after.model.get(role)):
            what = _NAMES.get(place, f"the model's {place}" if place else "the model")
            changes.append(_sentence(what if role == "judge" else f"{role}: {what}", old, new))
    for place, old, new in _differences(_changing(before), _changing(after)):
        changes.append(_sentence(f"the setting {place}", old, new))
    for place, old, new in _differences(before.versions, after.versions):
        changes.append(_sentence(f"the package {place}", old, new))
    return changes


_PROMPTS = {"the judge prompt": "judge", "the I2T prompt": "i2t", "the map of labels": "map"}


def _changing(run: JudgedRun) -> dict[str, Any]:
    """The settings that change answers: older baselines hold some that do not."""
    return {name: value for name, value in run.settings.items() if name not in TRAVEL}


def _other(before: Mapping[str, str], after: Mapping[str, str], name: str) -> bool:
    return before.get(name) != after.get(name)


def _differences(before: Any, after: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from _differences(before.get(name), after.get(name), f"{place}.{name}" if place else str(name))
    elif before != after:
        yield place, before, after


def _sentence(what: str, old: Any, new: Any) -> str:
    return f"{what} changed: {_shown(old)} → {_shown(new)}"


def _shown(value: Any) -> str:
    return "none" if value is None else _DIGEST.sub(r"\1…", str(value))[:200]
