"""``blpo judge``: verdicts on pictures that nobody labelled. A thin shell over `blpo_inspect.verdicts`."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import EXIT_CODES, Command, Fault, a_file, finish

if TYPE_CHECKING:
    from blpo_inspect.verdicts.running import Summary

_SECONDS = 30
"""Between two lines of progress where there is no terminal."""


class _JudgeCommand(Command):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect._util.inspect_internals import PrerequisiteError
        from blpo_inspect.data.tables import TableError
        from blpo_inspect.verdicts.kept import KeptError
        from blpo_inspect.verdicts.running import RunError

        return (KeptError, PrerequisiteError, RunError, TableError)


@click.command(name="judge", cls=_JudgeCommand, epilog=EXIT_CODES)
@click.argument("pictures", nargs=-1, required=True)
@click.option("--prompts", type=a_file, required=True, help="The prompt pair; it says the labels too.")
@click.option("--model", required=True, help="An Inspect model, such as hf-vlm/Qwen/Qwen2.5-VL-7B-Instruct.")
@click.option(
    "-M", "model_args", multiple=True, metavar="NAME=VALUE", help="An argument of the model; can be repeated."
)
@click.option("--model-base-url", metavar="URL", help="Where the model is served.")
@click.option(
    "-o", "--output", "table", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="Where the verdicts go: .csv, .jsonl or .parquet.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace FILE if it is there.")
@click.option(
    "--answer",
    type=click.Choice(["text", "label", "likelihood", "structured"]),
    help="How the verdict is asked for; else text, or likelihood where the pair's map needs probabilities.",
)
@click.option("--reask", type=click.IntRange(0, 1), default=1, show_default=True, help="One more question if unread.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many pictures.")
@click.option("--max-connections", type=click.IntRange(min=1), help="Most requests at once; else as many as fit.")
@click.option("--max-retries", type=click.IntRange(min=0), help="How often a request is tried again; else Inspect's.")
@click.option("--max-side", type=click.IntRange(min=1), help="Scale down pictures with a side of more pixels.")
@click.option("--allow-remote", is_flag=True, help="Fetch pictures that are given as http or https addresses.")
@click.option(
    "--log-dir", type=click.Path(path_type=Path, file_okay=False), help="Where Inspect's logs go; else as inspect eval."
)
@click.option("--log-images", is_flag=True, help="Keep the pictures in the logs too.")
def command(
    pictures: tuple[str, ...],
    prompts: Path,
    model: str,
    model_args: tuple[str, ...],
    model_base_url: str | None,
    table: Path,
    overwrite: bool,
    answer: str | None,
    reask: int,
    limit: int | None,
    max_connections: int | None,
    max_retries: int | None,
    max_side: int | None,
    allow_remote: bool,
    log_dir: Path | None,
    log_images: bool,
) -> None:
    """Judge PICTURES by a prompt pair: a row a picture, with its label, or the reason why there is none.

    PICTURES are folders (all images in them and below), images, patterns such as 'new/**/*.png', tables with a column
    image (a judge of pairs: image_1 and image_2) and, where the prompt needs it, a column text (.csv, .jsonl,
    .parquet), hub:NAME@REVISION, or - for paths on the standard input. No labels are needed.

    A stopped run goes on where it was when the same command is given again; FILE.partial keeps its rows until FILE is
    written. Exit code 1 means that pictures have no verdict.
    """
    from blpo_inspect.data.tables.unlabelled import find_unlabelled
    from blpo_inspect.judging.question import Question
    from blpo_inspect.verdicts.running import Asked, judge_pictures
    from blpo_inspect.verdicts.writing import checked_output

    checked_output(table)
    if table.exists() and not overwrite and not table.with_name(f"{table.name}.partial").exists():
        raise Fault(f"{visible(str(table))} is there already; name another file, or replace it with --overwrite")
    question = Question.of(prompts, answer, reask)
    sources = find_unlabelled(pictures, sys.stdin, allow_remote=allow_remote)
    asked = Asked(
        model,
        model_args=dict(map(_argument, model_args)),
        base_url=model_base_url,
        log_dir=log_dir or Path(os.environ.get("INSPECT_LOG_DIR", "logs")),
        log_images=log_images,
        max_connections=max_connections,
        max_retries=max_retries,
        max_side=max_side,
        limit=limit,
    )
    with _progress() as on_done:
        summary = judge_pictures(sources, question, asked, table, on_done)
    _print(summary, table)
    finish(problem=bool(summary.unread))


def _argument(given: str) -> tuple[str, Any]:
    """A model's argument, its value read as Inspect reads it."""
    import yaml

    name, stated, value = given.partition("=")
    try:
        return name, yaml.safe_load(value) if stated else True
    except yaml.YAMLError as error:
        raise click.BadParameter(f"-M {given}: {error}") from error


def _print(summary: "Summary", table: Path) -> None:
    total = sum(summary.labels.values()) + summary.unread
    if len(summary.labels) <= 20:
        found = [f"{label} {count:,}" for label, count in sorted(summary.labels.items())]
    else:
        found = [f"{len(summary.labels)} different values {sum(summary.labels.values()):,}"]
    line = ", ".join([*found, *([f"without a verdict {summary.unread:,}"] if summary.unread else [])])
    click.echo(visible(f"{table}: {total:,} pictures: {line or 'none'}"), err=True)
    cost = "" if not summary.cost else f", {summary.cost:.2f} dollars"
    kept = f"; {summary.kept:,} rows were there from a stopped run" if summary.kept else ""
    click.echo(f"{summary.calls:,} calls made, {summary.replayed:,} replayed{cost}{kept}", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, else a line now and then; both on the standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.advance(task, count)


class _Lines:
    def __init__(self) -> None:
        from time import monotonic

        self._now = monotonic
        self._said = monotonic()
        self._done = 0

    def __call__(self, count: int) -> None:
        self._done += count
        if self._now() - self._said >= _SECONDS:
            self._said = self._now()
            click.echo(f"judged {self._done:,} pictures", err=True)
