"""What one run of a judge on a benchmark said, as far as a later run is compared with it.

No images, keys, paths or times: only what may lie in a repository. Writing and reading it is `baseline`'s.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from blpo_inspect.judging.labels import LabelScale


class BrokenError(ValueError):
    """A check that could not run; says why and what to do. Never a judgement about a judge."""


@dataclass(frozen=True)
class Answer:
    """What the judge said about one image, beside what people say.

    Attributes:
        id: The sample's.
        shown: Digest of its images and text.
        human: People's label.
        label: The judge's; None where its answer could not be read.
        unread: Why it could not be read; None where it could.
        category: Its kind, where known.
        group: What it belongs to, where known; samples of one group are one cluster to intervals.
    """

    id: str
    shown: str
    human: str
    label: str | None
    unread: str | None = None
    category: str | None = None
    group: str | None = None

    def __post_init__(self) -> None:
        if (self.label is None) == (self.unread is None):
            raise ValueError(f"sample {self.id!r} has either a label or a reason why there is none")


@dataclass(frozen=True)
class Recorded:
    """One run.

    Attributes:
        benchmark: The task's name.
        scale: The labels.
        answers: One per sample, in the order of ids.
        prompts: ``judge`` and ``i2t``.
        model: Who answered, by role: identity as keys of recorded calls have it, and what answers said of their model.
        settings: Generation settings that were given.
        versions: Package → version, of the process that made the recording.
        made: Model calls that were made for this run; not part of a baseline.
        replayed: Calls that were answered from disk; not part of a baseline.
        log: Where the run's log lies; not part of a baseline.
    """

    benchmark: str
    scale: LabelScale
    answers: tuple[Answer, ...]
    prompts: Mapping[str, str]
    model: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    made: int = 0
    replayed: int = 0
    log: str | None = None

    @cached_property
    def by_id(self) -> dict[str, Answer]:
        """The answers by the id of their sample."""
        return {answer.id: answer for answer in self.answers}

    @property
    def data(self) -> str:
        """SHA-256 over what was judged: scale, ids, people's labels, images and texts."""
        plain = [self.scale.to_dict(), [[answer.id, answer.human, answer.shown] for answer in self.answers]]
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()

    @property
    def unread(self) -> int:
        """Number of answers that could not be read."""
        return sum(answer.label is None for answer in self.answers)


def data_differences(before: Recorded, after: Recorded) -> list[str]:
    """What sets apart the data that two runs judged, one sentence each, samples named; empty for the same data."""
    found = []
    if before.scale != after.scale:
        found.append(f"the scale was {scale_text(before.scale)} and is {scale_text(after.scale)}")
    both = [name for name in before.by_id if name in after.by_id]
    lists = {
        "removed": [name for name in before.by_id if name not in after.by_id],
        "added": [name for name in after.by_id if name not in before.by_id],
        "labelled otherwise by people": [
            f"{name} ({before.by_id[name].human} → {after.by_id[name].human})"
            for name in both
            if before.by_id[name].human != after.by_id[name].human
        ],
        "with another image or text": [name for name in both if before.by_id[name].shown != after.by_id[name].shown],
    }
    for what, names in lists.items():
        if names:
            found.append(f"{len(names)} {'sample' if len(names) == 1 else 'samples'} {what}: {some(names)}")
    return found


def some(names: list[str], most: int = 5) -> str:
    """The first of a list, and how many follow."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def scale_text(scale: LabelScale) -> str:
    """A scale in words."""
    aliases = ", ".join(f"{alias} = {label}" for alias, label in sorted(scale.aliases.items()))
    labels = ", ".join(scale.labels) if scale.labels else f"{scale.low:g} to {scale.high:g}"
    return f"{scale.kind} ({labels}{'; ' + aliases if aliases else ''})"
