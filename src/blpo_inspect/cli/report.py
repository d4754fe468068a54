"""``blpo report``: logs → one report."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import LogCommand, finish, log_progress, refuse_log

if TYPE_CHECKING:
    from blpo_inspect.reporting.writing import Format

FORMATS = ("html", "md", "csv", "json")
_EPILOG = "Exit codes: 0 fine; 1 the report is written, but a log could not be used; 2 wrong usage, or it cannot run."


@click.command(name="report", cls=LogCommand, epilog=_EPILOG)
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Where it goes."
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="Else what FILE ends with, else html.")
@click.option("--title", default="Judges compared", show_default=True, help="The report's title.")
@click.option("--no-images", is_flag=True, help="Leave all images out.")
@click.option(
    "--blur/--no-blur", default=None, help="Blur images until they are chosen; else where labels say unsafe or alike."
)
@click.option("--gallery", type=click.IntRange(min=0), default=12, show_default=True, help="Samples of each kind.")
@click.option(
    "--most", type=click.IntRange(min=1), default=20, show_default=True, help="Runs of a group tested in pairs."
)
@click.option(
    "--by", multiple=True, metavar="NAME", help="Figures by this metadata of samples, as by category; can be repeated."
)
@click.option(
    "--epsilon",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.15,
    show_default=True,
    help="What a judge may lack and still replace a rater: 0.2 for experts, 0.1 for crowd workers.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.9,
    show_default=True,
    help="Agreement to guarantee where a judge decides alone.",
)
def command(
    logs: tuple[str, ...],
    file: Path | None,
    form: "Format | None",
    title: str,
    no_images: bool,
    blur: bool | None,
    gallery: int,
    most: int,
    by: tuple[str, ...],
    epsilon: float,
    level: float,
) -> None:
    """Compare judges and show optimizations: LOGS → one report.

    LOGS are Inspect logs of judging and optimizing in any mix: files, folders, and patterns such as 'logs/*.eval', here
    or at any address that Inspect reads (s3://…). The report is one HTML file that needs nothing else; without -o it is
    report.html, and other formats go to the standard output. The order of LOGS makes no difference.
    """
    from blpo_inspect.reporting.content import Options
    from blpo_inspect.reporting.writing import as_bytes, format_of, report, save

    form = form or (format_of(file) if file else "html")
    if file is None and form == "html":
        file = Path("report.html")
    if file is not None and file.suffix.lower() == ".eval":
        raise click.UsageError(f"{file} would be a log; name the report's file .html, .md, .csv or .json")
    if file is not None:
        refuse_log(file, logs)
    with log_progress() as on_log:
        found = report(logs, Options(title, not no_images, blur, most, gallery, by, epsilon, level), on_log=on_log)
    if file is None:
        click.echo(as_bytes(found, form), nl=False)
    else:
        save(found, file, form)
        runs = sum(len(part.group.rows) for part in found.parts)
        click.echo(visible(f"{file}: {runs} judging runs, {len(found.optimizations)} optimizations"), err=True)
    unusable = [item for item in found.left_out if item.problem]
    for item in unusable:
        click.echo(visible(f"left out: {item.what}: {item.why}"), err=True)
    finish(problem=bool(unusable))
