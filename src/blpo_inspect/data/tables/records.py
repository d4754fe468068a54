"""Rows → records: labels on their scale, the raters' consensus, and a reason for each row that cannot be used."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from blpo_inspect._util.close_names import close_to
from blpo_inspect._util.text import printable
from blpo_inspect.data.tables.benchmark_yaml import ROLES, SIDE_ROLES, BenchmarkSettings
from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.columns import CLOSE, missing_columns, unused_columns
from blpo_inspect.data.tables.consensus_label import consensus_label
from blpo_inspect.data.tables.image_summary import ImageSummary, summarize_images
from blpo_inspect.data.tables.labels_found import LabelsFound, find_labels, label_text
from blpo_inspect.data.tables.options import Option, task_option
from blpo_inspect.data.tables.remote import or_fetched
from blpo_inspect.data.tables.sample_images import image_columns
from blpo_inspect.data.tables.seen_rows import SeenRow, seen_rows
from blpo_inspect.data.tables.sources import Source, find_source
from blpo_inspect.data.tables.stated_scale import stated_scale
from blpo_inspect.data.tables.table_row import TableError, as_fault
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import REASONS, SIDES, Record

MAX_SHOWN = 20
"""Rows that cannot be used which an error or a log lists; it counts the others."""

DRAWN = "label_drawn"
"""Stands in the metadata of a sample whose label was drawn by chance, because its raters tie."""


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
        notes: What else was found in them and what was done about it, a line each.
        doubts: What must be decided before a run, and how, a line each.
        drawn: Records whose label was drawn by chance, because their raters tie.
        dropped: Rows left out because their raters tie, as the settings want it.
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
    doubts: tuple[str, ...] = ()
    drawn: int = 0
    dropped: int = 0


def read_benchmark(
    data: str,
    *,
    labels: str | Sequence[str] | None = None,
    scale: str | Sequence[str] | None = None,
    skip_bad: bool = False,
    config: str | None = None,
    hub_split: str | None = None,
    allow_remote: bool = False,
    max_side: int | None = None,
    doubtful: bool = False,
    unlabelled: bool = False,
    otherwise: LabelScale | None = None,
    expected: LabelScale | None = None,
    option: Option = task_option,
) -> UserBenchmark:
    """Read the data and check every row.

    A row's label is its ``label``, or where that is missing the consensus of its raters (`consensus_label`; a tie on
    an unordered scale makes the row unusable unless the settings say otherwise). Rows of one ``group`` stay together
    in splits; where there is no group, rows of one text.

    Args:
        data: As `sources.find_source`.
        labels: The labels of the scale; else what the settings say, else what occurs.
        scale: The scale itself, instead of labels: `stated_scale`.
        skip_bad: Leave out rows that cannot be used, instead of raising.
        config: Of a hub dataset.
        hub_split: Of a hub dataset.
        allow_remote: Fetch images that are given as http or https addresses, once; else they are refused.
        max_side: Scale down images with a side of more pixels.
        doubtful: Also return data of which a person must decide something first.
        unlabelled: Take rows without a label too, as records without one. A table whose scale is stated and that has no
            column of labels, and none whose name is close to that, is taken in any case.
        otherwise: The scale where neither the arguments nor the settings state one and no row has a label.
        expected: The scale where neither the arguments nor the settings state one, instead of what occurs.
        option: What these arguments are called where somebody gave them, for messages.

    Raises:
        TableError: No data, missing columns, no scale, no usable row, or rows that cannot be used: labels off the
            scale, missing or unreadable images, paths out of the folder, one image with two labels. Or a person must
            decide what the labels are. Or `max_side` is no number of pixels.
    """
    if max_side is not None and (isinstance(max_side, bool) or not isinstance(max_side, int) or max_side < 1):
        raise TableError(f"max_side is a number of pixels, such as 2048, not {max_side!r}")
    stated = stated_scale(labels, scale, option)
    source = find_source(data, config=config, hub_split=hub_split, option=option)
    if allow_remote:
        source = replace(source, open=or_fetched(source.open))
    columns: dict[str, None] = {}
    seen = list(seen_rows(source, columns, max_side))
    if seen and not columns:
        faults = [as_fault(f"{each.where}: {each.images}") for each in seen]
        raise TableError(_listed(source, faults, len(faults), skip=""))
    raters, labelled = _check_columns(source, seen, list(columns))
    stated = stated or source.settings.scale or expected or (None if labelled else otherwise)
    if not labelled and stated is None:
        more = f"; without labels, say which there can be: {option('labels', 'first,second,…')}"
        raise missing_columns(source.name, [source.settings.column("label")], list(columns), more)
    found = _labels(source, seen, raters, stated, option)
    taken = unlabelled or not labelled
    results = [_result(each, source.settings, raters, found, taken) for each in seen]
    repeated = _refuse_contradictions(seen, results)
    faults = [as_fault(result) for result in results if isinstance(result, str)]
    records = _unique([result for result in results if isinstance(result, Record)])
    wrong = []
    if faults and not (skip_bad and records):
        wrong.append(_listed(source, faults, len(results), skip="" if skip_bad else option("skip_bad", "true")))
        if any(": no label" in fault for fault in faults):
            wrong.append(
                f"Rows without a label are judged too, and count in no figure, with {option('unlabelled', 'true')}."
            )
    if not doubtful:
        wrong += [f"{source.name}: {printable(doubt)}" for doubt in found.doubts]
    if wrong:
        raise TableError("\n".join(wrong))
    if not records:
        raise TableError(f"{source.name}: the raters of every row tie")
    images = image_columns(source.settings, columns).values()
    used = {*images, *map(source.settings.column, ROLES), *raters}
    unused = unused_columns(columns, used, source.settings)
    drawn, dropped = sum(DRAWN in record.extra for record in records), results.count(None)
    between = "two middle ratings" if found.scale.kind == "ordinal" else "ratings that tie"
    without = sum(record.label is None for record in records)
    ties = (
        f"rows without a label, which are judged and count in no figure: {without}" if without else None,
        f"labels drawn by chance between {between}: {drawn}" if drawn else None,
        f"rows left out because their raters tie: {dropped} (people agree on the others, so the human ceiling is too "
        "high; ties: random keeps them)"
        if dropped
        else None,
    )
    shown = (
        (each.name, each.images)
        for each, result in zip(seen, results, strict=True)
        if isinstance(result, Record) and not isinstance(each.images, str)
    )
    return UserBenchmark(
        source.name,
        tuple(records),
        found.scale,
        tuple(faults),
        repeated,
        source.settings,
        source.about,
        summarize_images(shown),
        tuple(note for note in (*source.notes, unused, *found.notes, *ties) if note),
        found.doubts,
        drawn,
        dropped,
    )


def _check_columns(source: Source, seen: Sequence[SeenRow], columns: Sequence[str]) -> tuple[list[str], bool]:
    """The raters' columns, and whether there are labels at all, after checking that the other columns are there."""
    if not seen:
        raise TableError(f"{source.name}: no rows; expected at least the columns image and label")
    raters = source.settings.rater_columns(columns)
    label = source.settings.column("label")
    labelled = bool(raters) or label in columns or close_to(label, columns, CLOSE) is not None
    needed = set(image_columns(source.settings, columns).values()) | set(source.settings.columns.values())
    if not raters and labelled:
        needed.add(label)
    missing = sorted(needed - set(columns))
    if missing:
        raise missing_columns(source.name, missing, columns)
    return raters, labelled


def _labels(
    source: Source, seen: Sequence[SeenRow], raters: Sequence[str], stated: LabelScale | None, option: Option
) -> LabelsFound:
    columns = (source.settings.column("label"), *raters)
    rows = ((each.where, each.values) for each in seen)
    try:
        return find_labels(rows, columns, stated, option, words_missing=not source.labels_are_folders)
    except ValueError as error:
        stating = f"{option('labels', 'first,second,…')}, or scale in benchmark.yaml"
        raise TableError(f"{source.name}: {error}; state the labels ({stating})") from error


def _result(
    seen: SeenRow,
    settings: BenchmarkSettings,
    raters: Sequence[str],
    labels: LabelsFound,
    unlabelled: bool,
) -> Record | str | None:
    """The row's record, what is wrong with it, or None where its raters tie and the settings drop such rows."""
    if isinstance(seen.images, str):
        return f"{seen.where}: {seen.images}"
    first, *others = seen.images
    ratings = {}
    texts = {}
    column = settings.column("label")
    try:
        label = labels.read(given := seen.values.get(column))
        for column in raters:
            if (rating := labels.read(seen.values.get(column))) is not None:
                ratings[column] = rating
        for role in ROLES[2:]:
            column = settings.column(role)
            texts[role] = text_of(seen.values.get(column), nested=role != "text")
    except (TypeError, ValueError) as error:
        return f"{seen.where}: {'label' if column == settings.column('label') else column} {error}"
    text = texts["text"]
    drawn = False
    if label is None and (ratings or not unlabelled):
        if not ratings:
            missing = label_text(given)
            return f"{seen.where}: no label{f' ({missing!r} counts as missing)' if missing else ''}"
        seed = "\n".join([*(image.digest for image in seen.images), text or ""])
        label, drawn = consensus_label(list(ratings.values()), labels.scale, draw=settings.ties == "random", seed=seed)
        if label is None:
            tied = f"the raters tie ({', '.join(sorted(ratings.values()))}); add a label, or ties to benchmark.yaml"
            return None if settings.ties == "drop" else f"{seen.where}: {tied}"
    sides = [_composed(texts[role]) for role in SIDE_ROLES]
    return Record(
        id=unicodedata.normalize("NFC", texts["id"] or seen.name),
        image=first.image,
        label=label,
        text=text,
        raters=ratings,
        category=_composed(texts["category"]),
        group=_composed(texts["group"] or text),
        extra={
            **({DRAWN: True} if drawn else {}),
            **({REASONS: [texts["reason"]]} if texts["reason"] else {}),
            **({SIDES: sides} if all(sides) else {}),
        },
        more_images=tuple(other.image for other in others),
    )


def _refuse_contradictions(seen: Sequence[SeenRow], results: list[Record | str | None]) -> int:
    """Replace records of the same images and text with several labels by what is wrong; count harmless repetitions."""
    rows: dict[tuple[tuple[str, ...], str | None], list[int]] = {}
    for number, (each, result) in enumerate(zip(seen, results, strict=True)):
        if not isinstance(each.images, str) and isinstance(result, Record):
            digests = tuple(image.digest for image in each.images)
            rows.setdefault((digests, _composed(result.text)), []).append(number)
    repeated = 0
    for numbers in rows.values():
        usable = [
            (number, result)
            for number in numbers
            if isinstance(result := results[number], Record) and result.label is not None
        ]
        if len({record.label for _, record in usable}) <= 1:
            repeated += max(0, len(usable) - 1)
            continue
        first = usable[0][1].label
        second = next((number, record) for number, record in usable if record.label != first)
        for number, record in usable:
            other, contrary = second if record.label == first else usable[0]
            results[number] = (
                f"{seen[number].where}: labelled {record.label!r}, but the same image"
                f"{'' if record.text is None else ' and text'} is {contrary.label!r} in {seen[other].where}; keep one, "
                "or give each rater a column"
            )
    return repeated


def _listed(source: Source, faults: Sequence[str], rows: int, *, skip: str) -> str:
    lines = [f"{source.name}: {len(faults)} of {rows} rows cannot be used:", *(f"  {x}" for x in faults[:MAX_SHOWN])]
    if len(faults) > MAX_SHOWN:
        lines.append(f"  … and {len(faults) - MAX_SHOWN} more")
    if skip and len(faults) < rows:
        lines.append(f"Correct them, or leave them out with {skip}.")
    return "\n".join(lines)


def _composed(text: str | None) -> str | None:
    """A name as names are compared, however its accents are written."""
    return None if text is None else unicodedata.normalize("NFC", text)


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
