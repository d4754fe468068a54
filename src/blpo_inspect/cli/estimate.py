"""``blpo estimate``: verdicts of a judge and few labels of people → the true share or mean, with an interval."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import Command, a_file, forms_of, print_table

if TYPE_CHECKING:
    from blpo_inspect.reporting.estimating import Estimate, Figure

_EPILOG = "Exit codes: 0 fine; 2 wrong usage, or it cannot run."


class _EstimateCommand(Command):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.cache.logs import LogError
        from blpo_inspect.data.tables import TableError
        from blpo_inspect.reporting.matched_labels import EstimateError

        return EstimateError, LogError, TableError


@click.command(name="estimate", cls=_EstimateCommand, epilog=_EPILOG)
@click.argument("verdicts", type=a_file)
@click.option(
    "--labelled", type=a_file, required=True, metavar="LOG|TABLE",
    help="Labelled pictures: an Inspect log of a judging task (.eval, .json), or a table (.csv, .jsonl, .parquet).",
)  # fmt: skip
@click.option("--label", help="Whose share; else the shares of all labels, or the mean where they have an order.")
@click.option("--against", type=a_file, metavar="VERDICTS", help="Estimate the difference: VERDICTS minus these.")
@click.option("--scale", metavar="SCALE", help="The labels, as unordered:a,b, ordinal:1-5 or numeric:0:100.")
@click.option("--human", metavar="COLUMN", help="People's label in a table; else human, else label.")
@click.option("--judge", metavar="COLUMN", help="The verdict in a table; else judge, else label, else looked up by id.")
@click.option("--group", metavar="COLUMN", help="Pictures that depend on each other, in tables; else group.")
@click.option("--stratum", metavar="COLUMN", help="Labels were drawn by this column of VERDICTS, of each value alike.")
@click.option(
    "--stratum-share", "shares", multiple=True, metavar="NAME=SHARE",
    help="The share of a stratum, where VERDICTS lacks the column; can be repeated.",
)  # fmt: skip
@click.option(
    "-o", "--output", "files", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
    help="Write it too, as .json or .csv; can be repeated.",
)  # fmt: skip
def command(
    verdicts: Path,
    labelled: Path,
    label: str | None,
    against: Path | None,
    scale: str | None,
    human: str | None,
    judge: str | None,
    group: str | None,
    stratum: str | None,
    shares: tuple[str, ...],
    files: tuple[Path, ...],
) -> None:
    """Estimate what people would say of all pictures in VERDICTS, which blpo judge wrote.

    A judge errs, so the share of its verdicts is not the true one. Labels of people on some pictures correct it: draw
    a hundred at random, label them, and write id and human into a table. The verdicts on them are looked up by id.
    Labelled pictures that are not in VERDICTS come with the judge's verdicts, as in an Inspect log of this package.

    PPI++ is prediction-powered inference: it holds for any judge, and the better the judge, the narrower it is. Labels
    only is without the judge. Rogan-Gladen goes by the judge's sensitivity and specificity.
    """
    from blpo_inspect._util.files import written_whole
    from blpo_inspect.data.tables.options import command_option
    from blpo_inspect.data.tables.stated_scale import stated_scale
    from blpo_inspect.reporting.estimate_files import FORMATS, as_bytes
    from blpo_inspect.reporting.estimating import estimate
    from blpo_inspect.reporting.labelled_pictures import Columns, read_labelled, read_verdicts

    forms = forms_of(files, FORMATS, [str(path) for path in (verdicts, labelled, against) if path is not None])
    known = dict(map(_share, shares))
    if known and not stratum:
        raise click.UsageError("--stratum-share is of strata: name their column with --stratum")
    if known and abs(sum(known.values()) - 1) > 1e-3:
        raise click.UsageError(f"the shares of the strata add up to {sum(known.values()):g}, not to 1")
    columns = Columns(human, judge, group or "group", stratum)
    tables = [read_verdicts(path, columns) for path in (verdicts, against) if path is not None]
    people = read_labelled(labelled, columns)
    if group and not any(picture.group for part in (*tables, people) for picture in part.pictures):
        raise click.UsageError(f"--group {group}: no picture has it")
    found = estimate(
        tables,
        people,
        label=label,
        scale=stated_scale(None, scale, command_option),
        stratified=stratum is not None,
        shares=known,
    )
    _print(found)
    for file, form in forms.items():
        with written_whole(file) as out:
            out.write(as_bytes(found, form))


def _share(given: str) -> tuple[str, float]:
    name, _, value = given.rpartition("=")
    try:
        share = float(value)
    except ValueError:
        share = -1.0
    if not name or not 0 < share <= 1:
        raise click.BadParameter(f"--stratum-share {given}: write NAME=SHARE with a share above 0, at most 1")
    return name, share


def _print(found: "Estimate") -> None:
    from blpo_inspect.reporting.formatting import number

    form = "+.3f" if found.difference else ".3f"
    for part in zip(found.verdicts, found.unread, found.labelled, found.labelled_unread, strict=True):
        count, unread, labelled, labelled_unread = part
        click.echo(
            f"{count:,} unlabelled pictures{f', {unread:,} without a verdict' if unread else ''}; {labelled:,} labelled"
            f"{f', {labelled_unread:,} without a verdict' if labelled_unread else ''}"
        )
    rows: list[tuple[str, ...]] = []
    for figure in found.figures:
        rows.append((figure.name, "as judged", number(figure.judged, form), "", ""))
        rows += _rows(figure, form)
    title = "difference" if found.difference else "figure"
    print_table((title, "method", "estimate", "95 % interval", "labels to halve it"), rows, right={2, 3, 4})
    for figure in found.figures:
        for name, one in (("", figure.estimate), ("Rogan-Gladen: ", figure.rogan_gladen)):
            if one is not None and one.reason:
                click.echo(visible(f"{figure.name}: {name}{one.reason}"))
    for kind, texts in (("assumed", found.assumptions), ("note", found.notes)):
        for text in texts:
            click.echo(visible(f"{kind}: {text}"))


def _rows(figure: "Figure", form: str) -> list[tuple[str, ...]]:
    from blpo_inspect.reporting.estimate_files import methods
    from blpo_inspect.reporting.formatting import NONE, number

    rows: list[tuple[str, ...]] = []
    for name, one in methods(figure):
        ends = NONE if one.low != one.low else f"{number(one.low, form)} to {number(one.high, form)}"
        more = getattr(one, "more", None)
        rows.append(("", name, number(one.value, form), ends, "" if more is None else f"{more:,} more"))
    return rows
