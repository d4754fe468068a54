"""What all commands share: errors as one line, exit codes, printing that no data can steer."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from blpo_inspect._util.table import Table
from blpo_inspect._util.text import visible

if TYPE_CHECKING:
    from blpo_inspect.reporting.run_data import LeftOut

Form = TypeVar("Form", bound=str)

EXIT_CODES = "Exit codes: 0 fine; 1 a problem was found; 2 wrong usage, or it cannot run."
SHOWN = 20
"""Lines of a list that are printed; the others are counted."""

_LINES = 10
"""Lines of progress where there is no terminal."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
a_file = click.Path(path_type=Path, exists=True, dir_okay=False)


class Fault(click.ClickException):
    """One line for people instead of a traceback."""

    exit_code = 2


class Command(click.Command):
    """A command that turns errors which our modules raise on purpose, and those of the system, into `Fault`."""

    def expected(self) -> tuple[type[Exception], ...]:
        """The errors that our modules raise on purpose; asked when a command runs, so that it may import them."""
        return ()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        expected = self.expected()
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except expected as error:
            raise Fault(visible(str(error))) from error
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
            raise Fault(visible(what)) from error


class Commands(Command, click.Group):
    """A group whose commands do so."""


class LogCommand(Command):
    """A command that reads logs."""

    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.cache.logs import LogError

        return (LogError,)


def refuse_log(file: Path, logs: Iterable[str]) -> None:
    """Raise a usage error where a file to be written is one of the logs to be read."""
    if any(Path(log).exists() and Path(log).resolve() == file.resolve() for log in logs):
        raise click.UsageError(f"{file} is one of the logs")


def forms_of(files: Iterable[Path], forms: Sequence[Form], inputs: Sequence[str]) -> dict[Path, Form]:
    """The form of each file to be written, by its ending; a usage error for another ending, or a file to be read."""
    found = {}
    for file in files:
        form = next((form for form in forms if file.suffix.lower() == f".{form}"), None)
        if form is None:
            *endings, last = (f".{form}" for form in forms)
            raise click.UsageError(f"{file}: name it {', '.join(endings)} or {last}")
        refuse_log(file, inputs)
        found[file] = form
    return found


def print_some(lines: Iterable[str]) -> None:
    shown = list(lines)
    for line in shown[:SHOWN]:
        click.echo(f"  {visible(line)}")
    if len(shown) > SHOWN:
        click.echo(f"  … and {len(shown) - SHOWN:,} more")


def print_table(names: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, right: set[int]) -> None:
    from rich.console import Console

    Console().print(Table(names, rows, right).rich())


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, sort_keys=True))


@contextmanager
def log_progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on a terminal, else some lines; both on the standard error."""
    if not sys.stderr.isatty():

        def on_log(done: int, total: int, name: str) -> None:
            if name and total > _LINES and done % -(-total // _LINES) == 0:
                click.echo(f"reading log {done + 1} of {total}", err=True)

        yield on_log
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("reading logs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total, name: progress.update(task, completed=done, total=total)


def finish(*, problem: bool) -> None:
    if problem:
        raise SystemExit(1)


def finish_without(left_out: "Sequence[LeftOut]") -> None:
    """Say what is in no figure, and finish; it is a problem where a log could not be used."""
    for item in left_out:
        click.echo(visible(f"{'left out: ' if item.problem else ''}{item.what}: {item.why}"), err=True)
    finish(problem=any(item.problem for item in left_out))


def size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
