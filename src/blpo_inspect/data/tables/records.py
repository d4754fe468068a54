"""Rows → records: labels on their scale, the raters' consensus, and a reason for each row that cannot be used."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from blpo_inspect._util.images import ImageError
from blpo_inspect.data.tables.benchmark_yaml import ROLES, BenchmarkSettings
from blpo_inspect.data.tables.image_summary import ImageSummary, summarize_images
from blpo_inspect.data.tables.pictures import Open, Picture
from blpo_inspect.data.tables.remote import or_fetched
from blpo_inspect.data.tables.rows import TableError, TableRow
from blpo_inspect.data.tables.sample_images import image_columns, sample_images
from blpo_inspect.data.tables.sources import Source, find_source
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.statistics import consensus

MAX_SHOWN = 20
"""Rows that cannot be used which an error or a log lists; it counts the others."""

_AT_ONCE = 64


@dataclass(frozen=True)
class UserBenchmark:
    """A user's data, read and checked.

    Attributes:
        name: What to call them: a path, or a dataset with commit and split.
        records: The labelled images.
        scale: Their labels.
        rejected: Each row that cannot be used, with the reason.
        repeated: Rows that show an image again with the same text and the same label; they are kept.
        settings: What the ``benchmark.yaml`` says.
        about: Where the data come from, JSON-ready.
        images: What the images of `records` are, as the judge is shown them.
        notes: What else was found where the data lie.
    """

    name: str
    records: tuple[Record, ...]
    scale: LabelScale
    rejected: tuple[str, ...]
    repeated: int
    settings: BenchmarkSettings
    about: Mapping[str, Any]
    images: ImageSummary = field(default_factory=ImageSummary)
    notes: tuple[str, ...] = ()


def read_benchmark(
    data: str,
    *,
    labels: Sequence[str] | None = None,
    skip_bad: bool = False,
    config: str | None = None,
    hub_split: str | None = None,
    allow_remote: bool = False,
    max_side: int | None = None,
) -> UserBenchmark:
    """Read the data and check every row.

    A row's label is its ``label``, or where that is missing the consensus of its raters: the most frequent label of an
    unordered scale (a tie makes the row unusable), the median of the others (between two middle ones the lower of an
    ordinal scale, the mean of a numeric one). Rows of one ``group`` stay together in splits; where there is no group,
    rows of one text.

    Args:
        data: As `sources.find_source`.
        labels: The labels of the scale; else what the settings say, else what occurs.
        skip_bad: Leave out rows that cannot be used, instead of raising.
        config: Of a hub dataset.
        hub_split: Of a hub dataset.
        allow_remote: Fetch images that are given as http or https addresses, once; else they are refused.
        max_side: Scale down images with a side of more pixels.

    Raises:
        TableError: No data, missing columns, no scale, no usable row, or rows that cannot be used: labels off the
            scale, missing or unreadable images, paths out of the folder, one image with two labels. Or `max_side` is
            no number of pixels.
    """
    if max_side is not None and (isinstance(max_side, bool) or not isinstance(max_side, int) or max_side < 1):
        raise TableError(f"max_side is a number of pixels, such as 2048, not {max_side!r}")
    source = find_source(data, config=config, hub_split=hub_split)
    if allow_remote:
        source = replace(source, open=or_fetched(source.open))
    columns: dict[str, None] = {}
    seen = list(_seen(source, columns, max_side))
    raters = _check_columns(source, seen, list(columns))
    scale = _scale(source, seen, raters, labels)
    results = [_result(each, source.settings, raters, scale) for each in seen]
    repeated = _refuse_contradictions(seen, results)
    faults = tuple(result for result in results if isinstance(result, str))
    records = _unique([result for result in results if isinstance(result, Record)])
    shown = (
        (each.name, each.images)
        for each, result in zip(seen, results, strict=True)
        if isinstance(result, Record) and not isinstance(each.images, str)
    )
    if faults and not (skip_bad and records):
        raise TableError(_listed(source, faults, len(results), skip=not skip_bad))
    return UserBenchmark(
        source.name,
        tuple(records),
        scale,
        faults,
        repeated,
        source.settings,
        source.about,
        summarize_images(shown),
        source.notes,
    )


@dataclass(frozen=True)
class _Seen:
    """A row whose images were looked at, and are no longer in `values`.

    Attributes:
        where: For messages.
        name: The images' paths, or what they are called without any.
        values: The other columns.
        images: The images, or why there are none.
    """

    where: str
    name: str
    values: Mapping[str, Any]
    images: tuple[Picture, ...] | str


def _seen(source: Source, columns: dict[str, None], max_side: int | None) -> Iterator[_Seen]:
    """Look at the images, some rows at a time, so that those of a large table are not all in memory at once."""

    def look(row: TableRow) -> _Seen:
        return _look(row, source.settings, source.open, max_side)

    rows = iter(source.rows)
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(rows, _AT_ONCE)):
            for row in batch:
                columns.update(dict.fromkeys(row.values))
            yield from pool.map(look, batch)


def _look(row: TableRow, settings: BenchmarkSettings, open_: Open, max_side: int | None) -> _Seen:
    columns = image_columns(settings, row.values)
    values = {name: value for name, value in row.values.items() if name not in columns.values()}
    try:
        images, paths = sample_images(row, columns, open_, max_side)
    except (ImageError, OSError, TypeError, ValueError) as error:
        return _Seen(row.where, row.name, values, str(error))
    return _Seen(row.where, paths or row.name, values, images)


def _check_columns(source: Source, seen: Sequence[_Seen], columns: Sequence[str]) -> list[str]:
    """The raters' columns, after checking that the others are there."""
    if not seen:
        raise TableError(f"{source.name}: no rows; expected at least the columns image and label")
    raters = source.settings.rater_columns(columns)
    needed = set(image_columns(source.settings, columns).values()) | set(source.settings.columns.values())
    if not raters:
        needed.add(source.settings.column("label"))
    missing = sorted(needed - set(columns))
    if missing:
        raise TableError(
            f"{source.name}: no column {' and '.join(missing)}; it has {', '.join(map(repr, columns))}"
            " (benchmark.yaml can name the columns)"
        )
    return raters


def _scale(source: Source, seen: Iterable[_Seen], raters: Sequence[str], labels: Sequence[str] | None) -> LabelScale:
    names = (source.settings.column("label"), *raters)
    try:
        if labels is not None:
            return LabelScale.of(labels)
        if source.settings.scale is not None:
            return source.settings.scale
        texts = (str(each.values[name]) for each in seen for name in names if _given(each.values.get(name)))
        return LabelScale.infer(texts)
    except ValueError as error:
        raise TableError(f"{source.name}: {error} (-T labels=first,second,… or scale in benchmark.yaml)") from error


def _result(seen: _Seen, settings: BenchmarkSettings, raters: Sequence[str], scale: LabelScale) -> Record | str:
    """The row's record, or what is wrong with it."""
    if isinstance(seen.images, str):
        return f"{seen.where}: {seen.images}"
    first, *others = seen.images
    ratings = {}
    label = None
    for column in (settings.column("label"), *raters):
        if _given(value := seen.values.get(column)):
            try:
                canonical = scale.canonical(value)
            except ValueError as error:
                return f"{seen.where}: {'label' if column not in raters else column} {error}"
            if column in raters:
                ratings[column] = canonical
            else:
                label = canonical
    if label is None:
        label = _agreed(list(ratings.values()), scale) if ratings else None
        if label is None:
            tied = f"the raters tie ({', '.join(sorted(ratings.values()))}); add a label" if ratings else "no label"
            return f"{seen.where}: {tied}"
    texts = {role: _text(seen.values.get(settings.column(role))) for role in ROLES[2:]}
    return Record(
        id=texts["id"] or seen.name,
        image=first.image,
        label=label,
        text=texts["text"],
        raters=ratings,
        category=texts["category"],
        group=texts["group"] or texts["text"],
        more_images=tuple(other.image for other in others),
    )


def _agreed(ratings: Sequence[str], scale: LabelScale) -> str | None:
    """The consensus, None for a tie that has no middle."""
    tied = consensus(ratings, scale)
    if len(tied) == 1 or scale.kind == "ordinal":
        return tied[0]
    if scale.kind == "numeric":
        return scale.canonical(sum(map(scale.value, tied)) / len(tied))
    return None


def _refuse_contradictions(seen: Sequence[_Seen], results: list[Record | str]) -> int:
    """Replace records of the same images and text with several labels by what is wrong; count harmless repetitions."""
    rows: dict[tuple[tuple[str, ...], str | None], list[int]] = {}
    for number, (each, result) in enumerate(zip(seen, results, strict=True)):
        if not isinstance(each.images, str) and isinstance(result, Record):
            digests = tuple(image.digest for image in each.images)
            rows.setdefault((digests, result.text), []).append(number)
    repeated = 0
    for numbers in rows.values():
        usable = [(number, result) for number in numbers if isinstance(result := results[number], Record)]
        if len({record.label for _, record in usable}) == 1:
            repeated += len(usable) - 1
            continue
        for number, record in usable:
            other, contrary = next((n, r) for n, r in usable if r.label != record.label)
            results[number] = (
                f"{seen[number].where}: labelled {record.label!r}, but the same image"
                f"{'' if record.text is None else ' and text'} is {contrary.label!r} in {seen[other].where}; keep one, "
                "or give each rater a column"
            )
    return repeated


def _listed(source: Source, faults: Sequence[str], rows: int, *, skip: bool) -> str:
    lines = [f"{source.name}: {len(faults)} of {rows} rows cannot be used:", *(f"  {x}" for x in faults[:MAX_SHOWN])]
    if len(faults) > MAX_SHOWN:
        lines.append(f"  … and {len(faults) - MAX_SHOWN} more")
    if skip and len(faults) < rows:
        lines.append("Correct them, or leave them out with -T skip_bad=true.")
    return "\n".join(lines)


def _given(value: Any) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return not isinstance(value, str) or value.strip() != ""


def _text(value: Any) -> str | None:
    return str(value) if _given(value) else None


def _unique(records: list[Record]) -> list[Record]:
    """Records with ids that occur once: an image judged against several texts gets numbers."""
    seen: dict[str, int] = {}
    unique = []
    taken = {record.id for record in records}
    for record in records:
        count = seen[record.id] = seen.get(record.id, 0) + 1
        identity = record.id
        while count > 1 and identity in taken:
            identity = f"{record.id}#{count}"
            count += 1
        taken.add(identity)
        unique.append(replace(record, id=identity))
    return unique
