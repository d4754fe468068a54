"""What was found in a user's data, as lines of text. Cells come from files, so nothing in them acts on a terminal."""

from collections import Counter
from collections.abc import Mapping, Sequence

from blpo_inspect._util.table import Table
from blpo_inspect._util.text import printable
from blpo_inspect.data.splits import UNLABELLED
from blpo_inspect.data.tables.records import MAX_SHOWN, UserBenchmark
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record

_LABELS_SHOWN = 20


def summarize(benchmark: UserBenchmark, parts: Mapping[str, Sequence[Record]]) -> str:
    """Rows, scale, labels by part, raters, notes, every row left out (the first `MAX_SHOWN`), and doubts.

    Args:
        benchmark: The data.
        parts: What is used of them, by name: the splits, or all records.
    """
    scale, usable, left_out = benchmark.scale, len(benchmark.records), len(benchmark.rejected)
    rows = usable + left_out + benchmark.dropped
    lines = [f"{benchmark.name}: {rows} rows, {usable} usable; {_scale(scale)}"]
    lines += _table(scale, parts)
    texts = sum(record.text is not None for record in benchmark.records)
    groups = len({record.group for record in benchmark.records if record.group is not None})
    raters = Counter(len(record.raters) for record in benchmark.records if record.raters)
    notes = [
        f"with a text: {texts}" if texts else "",
        f"groups, each within one split: {groups}" if groups else "",
        f"with labels of {_between(raters)} raters: {sum(raters.values())}" if raters else "",
        f"showing an image again: {benchmark.repeated}" if benchmark.repeated else "",
    ]
    if any(notes):
        lines.append("; ".join(note for note in notes if note))
    lines += benchmark.notes
    if left_out:
        lines.append(f"rows left out: {left_out}")
        lines += [f"  {reason}" for reason in benchmark.rejected[:MAX_SHOWN]]
    if left_out > MAX_SHOWN:
        lines.append(f"  … and {left_out - MAX_SHOWN} more")
    lines += [f"to be decided before a run: {doubt}" for doubt in benchmark.doubts]
    return "\n".join(printable(line) for line in lines)


def _scale(scale: LabelScale) -> str:
    if scale.kind == "numeric":
        return f"numeric scale, {scale.low:g} to {scale.high:g}"
    return f"{scale.kind} scale: {', '.join(scale.labels)}"


def _between(counts: Counter[int]) -> str:
    return str(min(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"


def _table(scale: LabelScale, parts: Mapping[str, Sequence[Record]]) -> list[str]:
    rows: list[list[str]] = []
    if scale.kind == "numeric":
        rows += _spread(scale, parts)
    else:
        counts = {name: Counter(record.label for record in records) for name, records in parts.items()}
        rows += [[label, *(str(counts[name][label]) for name in parts)] for label in scale.labels[:_LABELS_SHOWN]]
        if len(scale.labels) > _LABELS_SHOWN:
            rows.append([f"… {len(scale.labels) - _LABELS_SHOWN} more", *("" for _ in parts)])
    unlabelled = [sum(record.label is None for record in records) for records in parts.values()]
    if any(unlabelled):
        rows.append([UNLABELLED, *map(str, unlabelled)])
    rows.append(["together", *(str(len(records)) for records in parts.values())])
    table = Table(["label", *parts], rows, right=range(1, len(parts) + 1))
    return [f"  {line}" for line in table.aligned()]


def _spread(scale: LabelScale, parts: Mapping[str, Sequence[Record]]) -> list[list[str]]:
    ordered = [
        sorted(scale.value(record.label) for record in records if record.label is not None)
        for records in parts.values()
    ]
    places = (("lowest", 0.0), ("median", 0.5), ("highest", 1.0))
    return [
        [name, *(f"{values[round(place * (len(values) - 1))]:g}" if values else "–" for values in ordered)]
        for name, place in places
    ]
