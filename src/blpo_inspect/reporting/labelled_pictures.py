"""Tables of verdicts (``blpo judge``), and sets of labelled pictures (an Inspect log or a table) → plain rows.

Does not estimate (`estimating`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from blpo_inspect.cache.logs import read_log
from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.rows import READERS, rows_of
from blpo_inspect.data.tables.table_row import TableError, TableRow
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import prompts_digest
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.logs.redaction import model_name


@dataclass(frozen=True)
class Columns:
    """What the columns of a table of labelled pictures are called.

    Attributes:
        human: People's label; None: ``human``, else ``label``.
        judge: The judge's verdict; None: ``judge``, else ``label`` where that is not people's, else it is looked up in
            the table of verdicts by the column ``id`` or ``path``.
        group: Pictures of one group depend on each other.
        stratum: What labels were drawn by; None: they were drawn from all pictures alike.
    """

    human: str | None = None
    judge: str | None = None
    group: str = "group"
    stratum: str | None = None


@dataclass(frozen=True)
class Picture:
    """A picture with a verdict, a label of people, or both, as the table or log spells them.

    Attributes:
        where: File and row, for messages.
        id: Its name; None where a table has none.
        judge: The verdict; None where there is none.
        human: People's label; None where there is none.
        group: Pictures of one group depend on each other.
        stratum: What labels were drawn by.
    """

    where: str
    id: str | None
    judge: str | None = None
    human: str | None = None
    group: str | None = None
    stratum: str | None = None


@dataclass(frozen=True)
class Verdicts:
    """A table of verdicts, or labelled pictures with theirs.

    Attributes:
        source: The file.
        pictures: Its rows.
        has_verdicts: Whether the pictures come with verdicts; labelled ones may not.
        has_strata: Whether the file says the stratum of a picture.
        judges: The judges: model and digest of prompts (`prompts_digest`), None where the file does not say.
        scale: The labels, where the file says them.
        paths: Path → place of the picture, which is looked up by it where no table has the id.
    """

    source: str
    pictures: Sequence[Picture]
    has_verdicts: bool = True
    has_strata: bool = False
    judges: frozenset[tuple[str | None, str | None]] = frozenset()
    scale: LabelScale | None = None
    paths: dict[str, int] = field(default_factory=dict)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id → place of the picture."""
        return {item.id: place for place, item in enumerate(self.pictures) if item.id is not None}


def read_verdicts(path: Path, columns: Columns) -> Verdicts:
    """The table that ``blpo judge`` wrote.

    Raises:
        TableError: Not such a table: no columns ``id`` and ``label``, an id that is there twice, a faulty row.
    """
    pictures: list[Picture] = []
    paths: dict[str, int] = {}
    judges, known = set(), set[str]()
    for row in _rows(path):
        known = known or set(row.values)
        _needed(path, known, ("id", "label"), "the columns id and label, as blpo judge writes them")
        picture = _picture(row, columns, judge="label")
        if picture.id is None:
            raise TableError(f"{row.where}: the id is empty")
        if (place := _text(row, "path")) is not None:
            paths.setdefault(place, len(pictures))
        pictures.append(picture)
        judges.add((_text(row, "model"), _text(row, "prompts")))
    twice = [id for id, count in Counter(picture.id for picture in pictures).items() if count > 1]
    if twice:
        raise TableError(f"{path}: the id {twice[0]!r:.80} is there twice; every picture has a row of its own")
    if not pictures:
        raise TableError(f"{path}: has no verdicts")
    if columns.stratum and columns.stratum not in known:
        return Verdicts(str(path), pictures, judges=frozenset(judges), paths=paths)
    return Verdicts(str(path), pictures, True, columns.stratum is not None, frozenset(judges), None, paths)


def read_labelled(path: Path, columns: Columns) -> Verdicts:
    """Pictures with people's labels: an Inspect log of a judging task, or a table.

    Raises:
        TableError: A table without the columns that are needed, or with a faulty row.
        LogError: A log without such pictures.
    """
    return _table(path, columns) if path.suffix.lower() in READERS else _log(path, columns)


def _log(path: Path, columns: Columns) -> Verdicts:
    run = judged_run(read_log(path))
    pictures = [
        Picture(
            f"{path.name}, sample {answer.id}",
            answer.id,
            answer.label,
            answer.human,
            answer.group,
            answer.metadata.get(columns.stratum) if columns.stratum else None,
        )
        for answer in run.answers
    ]
    judge = run.prompt
    prompts = None if judge is None else prompts_digest(judge, run.prompts.get("map"))
    judges = frozenset({(run.record.model or None, prompts)})
    return Verdicts(str(path), pictures, True, columns.stratum is not None, judges, run.scale)


def _table(path: Path, columns: Columns) -> Verdicts:
    pictures, judges, known = [], set(), set[str]()
    human = judge = None
    for row in _rows(path):
        if not known:
            known = set(row.values)
            human, judge = _label_columns(path, known, columns)
        pictures.append(_picture(row, columns, human=human, judge=judge))
        judges.add((_text(row, "model"), _text(row, "prompts")) if judge else (None, None))
    strata = columns.stratum is not None and columns.stratum in known
    return Verdicts(str(path), pictures, judge is not None, strata, frozenset(judges))


def _label_columns(path: Path, known: set[str], columns: Columns) -> tuple[str, str | None]:
    human = columns.human or ("human" if "human" in known else "label")
    _needed(path, known, [human], "people's labels, in a column human or label, or name it with --human COLUMN")
    judge = columns.judge or next((name for name in ("judge", "label") if name in known and name != human), None)
    if judge is not None:
        _needed(path, known, [judge], "the verdicts' column; name it with --judge COLUMN")
    elif not known & {"id", "path"}:
        raise TableError(
            f"{path}: has no verdicts on the labelled pictures (a column judge, or --judge COLUMN), and no column id "
            f"or path to look them up; its columns are {', '.join(sorted(known))}"
        )
    return human, judge


def _needed(path: Path, known: set[str], names: Sequence[str], what: str) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        raise TableError(
            f"{path}: has no column {' and '.join(missing)}; it needs {what}. Its columns are "
            f"{', '.join(sorted(known)) or 'none'}"
        )


def _rows(path: Path) -> Iterator[TableRow]:
    for row in rows_of(path):
        if row.fault is not None:
            raise TableError(f"{row.where}: {row.fault}")
        yield row


def _picture(row: TableRow, columns: Columns, *, judge: str | None = None, human: str | None = None) -> Picture:
    names = (judge, human, columns.group, columns.stratum)
    said, truth, group, stratum = (None if name is None else _text(row, name) for name in names)
    id = _text(row, "id")
    return Picture(row.where, _text(row, "path") if id is None else id, said, truth, group, stratum)


def _text(row: TableRow, name: str) -> str | None:
    try:
        return text_of(row.values.get(name))
    except (TypeError, ValueError) as error:
        raise TableError(f"{row.where}: the column {name} {error}") from error


def known_judges(judges: Sequence[Verdicts]) -> tuple[set[str], set[str]]:
    """The models and the digests of prompts that several sets say they are of."""
    said = [one for part in judges for one in part.judges]
    models = {model_name(model.removeprefix("cached/")) for model, _ in said if model}
    return models, {prompts for _, prompts in said if prompts}
