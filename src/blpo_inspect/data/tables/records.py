"""Rows → records: labels on their scale, the raters' consensus, and a reason for each row that cannot be used."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from blpo_inspect._util.images import ImageError
from blpo_inspect.data.tables.benchmark_yaml import ROLES, BenchmarkSettings
from blpo_inspect.data.tables.pictures import Open, Picture, picture
from blpo_inspect.data.tables.remote import or_fetched
from blpo_inspect.data.tables.rows import TableError, TableRow
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
    """

    name: str
    records: tuple[Record, ...]
    scale: LabelScale
    rejected: tuple[str, ...]
    repeated: int
    settings: BenchmarkSettings
    about: Mapping[str, Any]


def read_benchmark(
    data: str,
    *,
    labels: Sequence[str] | None = None,
    skip_bad: bool = False,
    config: str | None = None,
    hub_split: str | None = None,
    allow_remote: bool = False,
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

    Raises:
        TableError: No data, missing columns, no scale, no usable row, or rows that cannot be used: labels off the
            scale, missing or unreadable images, paths out of the folder, one image with two labels.
    """
    source = find_source(data, config=config, hub_split=hub_split)
    if allow_remote:
        source = replace(source, open=or_fetched(source.open))
    columns: dict[str, None] = {}
    seen = list(_seen(source, columns))
    raters = _check_columns(source, seen, list(columns))
    scale = _scale(source, seen, raters, labels)
    results = [_result(each, source.settings, raters, scale) for each in seen]
    repeated = _refuse_contradictions(seen, results)
    faults = tuple(result for result in results if isinstance(result, str))
    records = _unique([result for result in results if isinstance(result, Record)])
    if faults and not (skip_bad and records):
        raise TableError(_listed(source, faults, len(results), skip=not skip_bad))
    return UserBenchmark(source.name, tuple(records), scale, faults, repeated, source.settings, source.about)


@dataclass(frozen=True)
class _Seen:
    """A row whose image was looked at, and is no longer in `values`.

    Attributes:
        where: For messages.
        name: The image's path, or what it is called without one.
        values: The other columns.
        picture: The image, or why there is none.
    """

    where: str
    name: str
    values: Mapping[str, Any]
    picture: Picture | str


def _seen(source: Source, columns: dict[str, None]) -> Iterator[_Seen]:
    """Look at the images, some rows at a time, so that those of a large table are not all in memory at once."""

    def look(row: TableRow) -> _Seen:
        return _look(row, source.settings, source.open)

    rows = iter(source.rows)
    with ThreadPoolExecutor() as pool:
        while batch := list(islice(rows, _AT_ONCE)):
            for row in batch:
                columns.update(dict.fromkeys(row.values))
            yield from pool.map(look, batch)


def _look(row: TableRow, settings: BenchmarkSettings, open_: Open) -> _Seen:
    column = _image_column(settings, row.values)
    values = {name: value for name, value in row.values.items() if name != column}
    given = row.values.get(column)
    if not _given(given):
        return _Seen(row.where, row.name, values, "no image")
    try:
        image, path = picture(given, open_, name=row.name)
    except (ImageError, OSError, TypeError, ValueError) as error:
        return _Seen(row.where, row.name, values, str(error))
    return _Seen(row.where, path or row.name, values, image)


def _image_column(settings: BenchmarkSettings, columns: Iterable[str]) -> str:
    """``file_name`` is what Hugging Face calls it in the metadata of an image folder."""
    name = settings.column("image")
    known = set(columns)
    return "file_name" if name == "image" and name not in known and "file_name" in known else name


def _check_columns(source: Source, seen: Sequence[_Seen], columns: Sequence[str]) -> list[str]:
    """The raters' columns, after checking that the others are there."""
    if not seen:
        raise TableError(f"{source.name}: no rows; expected at least the columns image and label")
    raters = source.settings.rater_columns(columns)
    needed = {_image_column(source.settings, columns)} | set(source.settings.columns.values())
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
    if isinstance(seen.picture, str):
        return f"{seen.where}: {seen.picture}"
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
        image=seen.picture.image,
        label=label,
        text=texts["text"],
        raters=ratings,
        category=texts["category"],
        group=texts["group"] or texts["text"],
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
    """Replace records of one image and text with several labels by what is wrong; count harmless repetitions."""
    rows: dict[tuple[str, str | None], list[int]] = {}
    for number, (each, result) in enumerate(zip(seen, results, strict=True)):
        if isinstance(each.picture, Picture) and isinstance(result, Record):
            rows.setdefault((each.picture.digest, result.text), []).append(number)
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
