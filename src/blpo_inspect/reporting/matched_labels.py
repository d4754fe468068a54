"""Labelled pictures beside their tables of verdicts: which picture is of which table, stratum and cluster.

Does not estimate (`estimating`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.reporting.labelled_pictures import Picture, Verdicts, known_judges


class EstimateError(ValueError):
    """What cannot be estimated; says why and what to do."""


@dataclass(frozen=True)
class Row:
    """A picture with labels as the scale spells them, and its cluster across all tables."""

    judge: str | None
    human: str | None
    cluster: tuple[str, ...]
    stratum: str | None


@dataclass(frozen=True)
class Side:
    """The pictures of one table: the labelled ones, and the others; all where the shares of strata are stated."""

    labelled: Sequence[Row]
    rest: Sequence[Row]
    shares: Mapping[str | None, float]
    """Stratum → its share of all pictures; None → 1 for pictures that are not told apart."""


def matched(tables: Sequence[Verdicts], labelled: Verdicts) -> tuple[list[Picture], list[int]]:
    """The labelled pictures with verdicts, strata and groups of their table, and which table that is.

    Raises:
        EstimateError: A picture without a verdict of its own that is in no table, or one that is in both.
    """
    found, owners = [], []
    for given in labelled.pictures:
        picture = given
        places = looked_up(tables, picture.id)
        if len(places) > 1:
            raise EstimateError(
                f"{picture.where}: {picture.id!r:.80} is in both tables of verdicts: of the same pictures there is no "
                "difference to estimate, and of different ones the ids must differ; judge them from a common folder"
            )
        if not places and (len(tables) > 1 or not labelled.has_verdicts):
            raise EstimateError(
                f"{picture.where}: {picture.id!r:.80} is not in {' or '.join(table.source for table in tables)}; "
                + (
                    "for a difference each labelled picture must be of one of the two"
                    if len(tables) > 1
                    else "give its verdict in a column judge, or the id that the verdicts have"
                )
            )
        if places:
            owner, own = places[0]
            picture = replace(
                picture,
                id=own.id,
                judge=picture.judge if labelled.has_verdicts else own.judge,
                group=picture.group or own.group,
                stratum=own.stratum if tables[owner].has_strata else picture.stratum,
            )
        found.append(picture)
        owners.append(places[0][0] if places else 0)
    return found, owners


def looked_up(tables: Sequence[Verdicts], id: str | None) -> list[tuple[int, Picture]]:
    """The picture of this id in each table that has it, or of this path where none has the id."""
    for names in ([table.ids for table in tables], [table.paths for table in tables]):
        found = [
            (k, table.pictures[names[k][id]]) for k, table in enumerate(tables) if id is not None and id in names[k]
        ]
        if found:
            return found
    return []


def side_of(
    table: Verdicts,
    labelled: Sequence[Picture],
    scale: LabelScale,
    stratified: bool,
    shares: Mapping[str, float] | None,
) -> Side:
    """The pictures of a table with their labelled ones, labels as the scale spells them.

    Raises:
        EstimateError: A label that is not on the scale, no labelled picture or none else, or a stratum without.
    """
    if not labelled:
        raise EstimateError(f"{table.source}: none of the labelled pictures is of it; label some of its pictures too")
    known = {picture.id for picture in labelled}
    # where the others cannot be told apart by stratum, without the labelled ones they would be another mixture
    mixed = stratified and bool(shares)
    rest = [picture for picture in table.pictures if mixed or picture.id not in known]
    if not rest:
        raise EstimateError(f"{table.source}: all its pictures are labelled, so there is nothing to estimate")
    strata: dict[str, float] = {}
    if stratified:
        strata = dict(shares) if shares else _counted(table)
        _check_strata(table, labelled, strata, () if mixed else rest)
    rows = [
        [_row(picture, table, scale, f"{place}", by_stratum) for place, picture in enumerate(part)]
        for part, by_stratum in ((labelled, stratified), (rest, stratified and not mixed))
    ]
    return Side(rows[0], rows[1], {None: 1.0} | strata)


def _counted(table: Verdicts) -> dict[str, float]:
    if not table.has_strata:
        raise EstimateError(
            f"{table.source}: does not say the strata of its pictures; add the column, or give the share of each "
            "stratum with --stratum-share NAME=SHARE"
        )
    counts = Counter(picture.stratum or "" for picture in table.pictures)
    return {name: count / len(table.pictures) for name, count in counts.items()}


def _check_strata(
    table: Verdicts, labelled: Sequence[Picture], given: Mapping[str, float], rest: Sequence[Picture]
) -> None:
    here = {picture.stratum or "" for picture in labelled}
    for name in given:
        if name not in here:
            raise EstimateError(f"{table.source}: no labelled picture is of the stratum {name!r}; label some of it")
    for picture in labelled:
        if (picture.stratum or "") not in given:
            known = ", ".join(sorted(given))
            raise EstimateError(
                f"{picture.where}: its stratum {picture.stratum!r} has no share; there is one of {known}"
            )
    if rest and (empty := here - {picture.stratum or "" for picture in rest}):
        name = min(empty)
        raise EstimateError(
            f"{table.source}: all pictures of the stratum {name!r} are labelled; say the shares with --stratum-share"
        )


def _row(picture: Picture, table: Verdicts, scale: LabelScale, place: str, stratified: bool) -> Row:
    judge, human = (
        None if text is None else on_scale(scale, text, picture.where) for text in (picture.judge, picture.human)
    )
    name = place if picture.id is None else picture.id
    cluster = ("group", picture.group) if picture.group else ("picture", table.source, name)
    return Row(judge, human, cluster, (picture.stratum or "") if stratified else None)


def on_scale(scale: LabelScale, text: str, where: str) -> str:
    """A label as the scale spells it.

    Raises:
        EstimateError: It is not on the scale.
    """
    try:
        return scale.canonical(text)
    except ValueError as error:
        raise EstimateError(f"{where}: {error}; state the scale with --scale if it is another") from error


def inferred(tables: Sequence[Verdicts], labelled: Sequence[Picture]) -> LabelScale:
    """The scale that all labels and verdicts look like.

    Raises:
        EstimateError: They look like none.
    """
    texts = [text for one in labelled for text in (one.human, one.judge) if text is not None]
    texts += [one.judge for table in tables for one in table.pictures if one.judge is not None]
    try:
        return LabelScale.infer(texts)
    except ValueError as error:
        raise EstimateError(f"the labels do not say their scale ({error}); state it with --scale") from error


def same_judge(tables: Sequence[Verdicts], labelled: Verdicts) -> tuple[str, bool]:
    """Which judge the verdicts are of, and whether both sides say so.

    Raises:
        EstimateError: They are of different judges.
    """
    parts = [*tables, labelled] if labelled.has_verdicts else list(tables)
    models, prompts = known_judges(parts)
    for what, found in (("model", models), ("prompt pair", prompts)):
        if len(found) > 1:
            raise EstimateError(
                f"the verdicts are of judges that differ in their {what} ({', '.join(sorted(found))}); labels correct "
                "only the judge whose verdicts they stand beside"
            )
    complete = all(None not in judge for part in parts for judge in part.judges)
    name = next(iter(models), "")
    return name, complete
