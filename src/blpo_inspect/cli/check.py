"""``blpo check``: guard judges against regressions. A thin shell over `blpo_inspect.regression`."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import Fault, a_file

if TYPE_CHECKING:
    from blpo_inspect.regression.check import How
    from blpo_inspect.regression.decide import SuiteResult
    from blpo_inspect.regression.suite import Suite

EXIT_CODES = (
    "Exit codes: 0 pass; 1 fail; 2 inconclusive (the labels cannot tell); 3 broken (the check could not run, wrong"
    " usage included). Of several cases the worst counts: broken, fail, inconclusive, pass."
)
BROKEN = 3

_file = click.Path(path_type=Path, dir_okay=False)


class _Check(click.Command):
    """A command that never ends with 0, 1 or 2 unless a check says so."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the command line."""
        try:
            return super().make_context(*args, **kwargs)
        except click.ClickException as error:
            raise _as_broken(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run; whatever goes wrong is broken."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _as_broken(error) from error
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(BROKEN) from None
        except (KeyboardInterrupt, click.Abort):
            _fail("interrupted")
        except OSError as error:
            _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        except (click.exceptions.Exit, SystemExit):
            raise
        except Exception as error:  # a traceback would end with 1, which means that a judge got worse
            traceback.print_exc()
            _fail(f"unexpected {type(error).__name__}: {error}")


@click.command(name="check", cls=_Check, epilog=EXIT_CODES)
@click.argument("suite", type=_file)
@click.option("--case", "names", multiple=True, metavar="NAME", help="Only this case; repeatable.")
@click.option(
    "--log", "logs", multiple=True, type=a_file, help="A finished log of a case, which is not run; repeatable."
)
@click.option(
    "--log-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("logs"),
    show_default=True,
    help="Where Inspect's logs go.",
)
@click.option("--junit", type=_file, metavar="FILE", help="Write JUnit XML.")
@click.option("--json", "as_json", type=_file, metavar="FILE", help="Write JSON.")
@click.option("--markdown", type=_file, metavar="FILE", help="Write a summary for a pull request.")
@click.option("--strict-identity", is_flag=True, help="Fail if anything about the judge is not as in the baseline.")
@click.option("--update", is_flag=True, help="Show what new baselines would change, and write them.")
@click.option("--yes", is_flag=True, help="With --update: write without asking.")
@click.option("--power", is_flag=True, help="How many labelled images would decide; runs no model.")
@click.option("--list", "list_", is_flag=True, help="List the cases; runs no model.")
@click.option(
    "--display",
    type=click.Choice(["none", "plain", "rich", "full"]),
    help="Inspect's own display; default: plain on a terminal, else none.",
)
def command(
    suite: Path,
    names: tuple[str, ...],
    logs: tuple[Path, ...],
    log_dir: Path,
    junit: Path | None,
    as_json: Path | None,
    markdown: Path | None,
    strict_identity: bool,
    update: bool,
    yes: bool,
    power: bool,
    list_: bool,
    display: str | None,
) -> None:
    """Check the judges of SUITE against their baselines and bars.

    Runs each case's benchmark through Inspect (with BLPO_CACHE=offline from recorded calls alone), compares sample by
    sample with the recorded baseline, and says whether the judge is worse by more than the margin.
    """
    if sum([update, power, list_]) > 1:
        raise click.UsageError("--update, --power and --list are different things to do; give one")
    if (update or power or list_) and (junit or as_json or markdown or strict_identity):
        raise click.UsageError("--junit, --json, --markdown and --strict-identity belong to a check")
    if yes and not update:
        raise click.UsageError("--yes belongs to --update")
    # Inspect takes seconds to import: what is wrong with the suite is said first
    from blpo_inspect.regression import suite as suites
    from blpo_inspect.regression.suite import SuiteError

    try:
        loaded = suites.load(suite)
        chosen = loaded.chosen(names)
    except SuiteError as error:
        _write(_broken(suite, str(error)), junit, as_json, markdown)
        raise Fault(visible(str(error))) from error
    if list_:
        for case in chosen:
            there = "" if case.baseline.is_file() else " (no baseline yet)"
            click.echo(visible(f"{case.name}: {case.benchmark} with {case.model}, {case.baseline.name}{there}"))
        return
    from blpo_inspect.regression.check import How
    from blpo_inspect.regression.data_differences import BrokenError

    how = How(
        log_dir=log_dir,
        logs=logs,
        display=display or ("plain" if sys.stdout.isatty() else "none"),
        strict=strict_identity,
        tell=lambda line: click.echo(visible(line), err=True),
    )
    if power:
        _power(loaded, names)
    elif update:
        _update(loaded, names, how, yes=yes)
    else:
        try:
            from blpo_inspect.regression.check import check

            result = check(loaded, names, how)
        except BrokenError as error:
            _write(_broken(suite, str(error)), junit, as_json, markdown)
            raise Fault(visible(str(error))) from error
        _finish(result, junit, as_json, markdown)


def _finish(result: "SuiteResult", junit: Path | None, as_json: Path | None, markdown: Path | None) -> NoReturn:
    from blpo_inspect.regression.outputs import terminal

    terminal.show(result, terminal.console())
    _write(result, junit, as_json, markdown)
    raise SystemExit(result.exit_code)


def _write(result: "SuiteResult", junit: Path | None, as_json: Path | None, markdown: Path | None) -> None:
    from blpo_inspect._util.files import written_whole
    from blpo_inspect.regression import outputs

    writers: list[tuple[Path | None, Callable[[SuiteResult], bytes]]] = [
        (junit, outputs.junit),
        (as_json, outputs.as_json),
        (markdown, outputs.markdown),
    ]
    for file, content in writers:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(file) as out:
                out.write(content(result))


def _broken(suite: Path, why: str) -> "SuiteResult":
    """What the output files say of a suite that cannot be read: a file that is missing would be read as no news."""
    from blpo_inspect.regression.decide import CaseResult, SuiteResult

    return SuiteResult(suite.name, 0.05, (CaseResult(suite.name, "", broken=why),), 0)


def _update(suite: "Suite", names: tuple[str, ...], how: "How", *, yes: bool) -> None:
    from blpo_inspect.regression.check import update
    from blpo_inspect.regression.data_differences import BrokenError
    from blpo_inspect.regression.outputs import terminal

    found, failed = [], 0
    for case in suite.chosen(names):
        try:
            one = update(suite, case, how)
        except BrokenError as error:
            failed += 1
            click.echo(visible(f"{case.name}: {error}"), err=True)
            continue
        terminal.show_update(one, terminal.console())
        if one.changes:
            found.append(one)
    if found and not yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            _fail("nothing was written; --yes writes")
        if not click.confirm(f"Write {len(found)} {'baseline' if len(found) == 1 else 'baselines'}?"):
            _fail("nothing was written")
    for one in found:
        one.write()
        click.echo(visible(f"wrote {one.case.baseline}"))
    if failed:
        _fail(f"{failed} of {failed + len(found)} cases could not be run")


def _power(suite: "Suite", names: tuple[str, ...]) -> None:
    from blpo_inspect.cli.shared import print_table
    from blpo_inspect.regression.budget import POWER, budgets

    for case in suite.chosen(names):
        for budget in budgets(suite, case):
            there = "" if budget.images is None else f"; there are {budget.images:,}"
            there += "" if budget.clusters is None else f" in {budget.clusters:,} clusters"
            guide = "" if budget.figure == "accuracy" else " (exact for accuracy, for this figure a guide)"
            click.echo(visible(f"{budget.case}: {budget.figure}, margin {budget.margin:g}{there}{guide}"))
            rows = [
                (
                    f"{need.discordant:.0%}",
                    "over a million" if need.labels is None else f"{need.labels:,}",
                    *("–" if chance is None else f"{chance:.0%}" for chance in (need.passing, need.failing)),
                )
                for need in budget.needs
            ]
            titles = ("images that flip", f"needed for {POWER:.0%}", "chance to pass", "margin lost: chance to fail")
            print_table(titles, rows, right={0, 1, 2, 3})
        if not case.margin:
            click.echo(visible(f"{case.name}: no margin, so nothing to compute"))


def _as_broken(error: click.ClickException) -> click.ClickException:
    vars(error)["exit_code"] = BROKEN  # an attribute of the class, which other commands share
    return error


def _fail(message: str) -> NoReturn:
    click.echo(visible(f"Error: {message}"), err=True)
    raise SystemExit(BROKEN)
