"""What a check refuses, and what sets apart the data that two runs judged."""

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedRun


class BrokenError(ValueError):
    """A check that could not run; says why and what to do. Never a judgement about a judge."""


def data_differences(before: JudgedRun, after: JudgedRun) -> list[str]:
    """What sets apart the data that two runs judged, one sentence each, samples named; empty for the same data."""
    sentences = []
    if before.scale != after.scale:
        sentences.append(f"the scale was {scale_text(before.scale)} and is {scale_text(after.scale)}")
    old, new = before.by_id, after.by_id
    both = [name for name in old if name in new]
    lists = {
        "removed": [name for name in old if name not in new],
        "added": [name for name in new if name not in old],
        "labelled otherwise by people": [
            f"{name} ({old[name].human} → {new[name].human})" for name in both if old[name].human != new[name].human
        ],
        "with another image or text": [name for name in both if old[name].shown != new[name].shown],
    }
    for what, names in lists.items():
        if names:
            sentences.append(f"{len(names)} {'sample' if len(names) == 1 else 'samples'} {what}: {some(names)}")
    return sentences


def some(names: list[str], most: int = 5) -> str:
    """The first of a list, and how many follow."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def scale_text(scale: LabelScale) -> str:
    """A scale in words."""
    aliases = ", ".join(f"{alias} = {label}" for alias, label in sorted(scale.aliases.items()))
    labels = ", ".join(scale.labels) if scale.labels else f"{scale.low:g} to {scale.high:g}"
    return f"{scale.kind} ({labels}{'; ' + aliases if aliases else ''})"
