"""``blpo jury``: logs of several judges → what they would be worth together."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import Fault, LogCommand, finish_without, log_progress, print_table, refuse_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blpo_inspect.judging.jury_file import Kind
    from blpo_inspect.reporting.comparison import Group
    from blpo_inspect.reporting.jury import Jury
    from blpo_inspect.reporting.jury_files import Tried

_EPILOG = "Exit codes: 0 fine; 1 done, but a log could not be used; 2 wrong usage, or it cannot run."
_A_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(name="jury", cls=LogCommand, epilog=_EPILOG)
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "--level",
    type=_A_SHARE,
    default=0.9,
    show_default=True,
    help="Agreement to guarantee where a judge decides alone.",
)
@click.option("--delta", type=_A_SHARE, default=0.05, show_default=True, help="How often that guarantee may fail.")
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write it too, with all figures: .json; or a jury file, which judges as a model: .yaml.",
)  # fmt: skip
@click.option(
    "--kind",
    type=click.Choice(["majority", "mean", "median", "weighted", "cascade"]),
    help="Of the jury file; else majority, or mean on a scale with an order.",
)
def command(logs: tuple[str, ...], level: float, delta: float, file: Path | None, kind: "Kind | None") -> None:
    """Say what several judges of the same pictures are worth together.

    LOGS are Inspect logs of judges of one benchmark: files, folders, and patterns such as 'logs/*.eval', here or at any
    address that Inspect reads (s3://…). Unread answers count as wrong for a judge, and not at all in a jury.

    A jury is held against the judge that is best on these very pictures, which favours that judge. The weights of the
    weighted jury are those of other pictures. Errors that go together are worth little: the effective number of judges
    says of how many independent ones. Last comes the share of pictures that may be left to a judge alone, by
    its probabilities, and to the majority, by its share of votes.

    -o jury.yaml writes the judges as a jury, for --model jury/jury.yaml. A cascade asks them in the order of LOGS, the
    next one where those before are not sure, and leaves to a person what none is sure of: with probability 1 - delta,
    agreement among what it answers is at least the level.
    """
    from blpo_inspect._util.files import written_whole
    from blpo_inspect.reporting.export import as_json
    from blpo_inspect.reporting.jury import juries

    as_jury = file is not None and file.suffix.lower() in (".yaml", ".yml")
    if file is not None:
        if not as_jury and file.suffix.lower() != ".json":
            raise click.UsageError(f"{file}: name it .json, or .yaml for a jury file")
        refuse_log(file, logs)
    if kind is not None and not as_jury:
        raise click.UsageError(f"--kind {kind} is of a jury file: name one with -o jury.yaml")
    with log_progress() as on_log:
        found, left_out = juries(logs, on_log, level=level, delta=delta)
    for _, one in found:
        _print(one)
    if file is not None and as_jury:
        _write_jury(file, [group for group, _ in found], kind, logs, level=level, delta=delta)
    elif file is not None:
        data = {"format": "blpo-inspect/jury/1", "juries": [asdict(one) for _, one in found]}
        with written_whole(file) as out:
            out.write(as_json(data).encode())
    finish_without(left_out)


def _write_jury(
    file: Path, groups: "Sequence[Group]", kind: "Kind | None", logs: tuple[str, ...], *, level: float, delta: float
) -> None:
    from blpo_inspect._util.files import written_whole
    from blpo_inspect._util.inspect_internals import PrerequisiteError
    from blpo_inspect.judging.jury_file import to_yaml
    from blpo_inspect.reporting.jury_files import jury_file

    if len(groups) > 1:
        names = ", ".join(group.name for group in groups)
        raise Fault(visible(f"{file}: a jury is of one benchmark, and these logs are of {names}; name those of one"))
    [group] = groups
    kind = kind or ("mean" if group.scale.ordered else "majority")
    try:
        made, tried = jury_file(group, kind, logs, level=level, delta=delta)
    except (ValueError, PrerequisiteError) as error:
        raise Fault(visible(f"{file}: {error}")) from error
    with written_whole(file) as out:
        out.write(to_yaml(made).encode())
    if tried is not None:
        _print_cascade(tried)
    click.echo(visible(f"{file}: a {kind} of {len(made.members)} judges, for --model jury/{file}"))


def _print_cascade(tried: "Tried") -> None:
    from blpo_inspect.reporting.formatting import interval

    rows = []
    left = tried.samples
    for step in tried.steps:
        asked = 0 if step.alone.threshold is None else left
        share = f"{step.alone.right / step.alone.decided:.3f}" if step.alone.decided else ""
        sure = f"{step.alone.threshold:g}" if step.alone.threshold is not None else f"nothing: {step.alone.reason}"
        tokens = f"{step.tokens * asked:,.0f}"
        rows.append((step.name, sure, f"{step.alone.decided / tried.samples:.0%}", share, f"{asked:,}", tokens))
        left -= step.alone.decided
    rows.append(("left to a person", "", f"{left / tried.samples:.0%}", "", "", ""))
    click.echo()
    print_table(("judge", "decides from", "answered", "agreement", "calls", "tokens"), rows, right={2, 3, 4, 5})
    click.echo(
        f"agreement among the answered {interval(tried.agreement)} on these pictures; on further ones of their kind "
        f"{tried.level:.0%} or more with probability {1 - tried.delta:.0%}"
    )


def _print(found: "Jury") -> None:
    from blpo_inspect.reporting.comparison import NAMES
    from blpo_inspect.reporting.formatting import interval, number

    kind = ", of a simulation" if found.simulated else ""
    click.echo(visible(f"{found.benchmark}: {found.samples:,} pictures in {found.clusters:,} clusters{kind}"))
    names = list(found.best.figures)
    rows = [
        (
            line.name,
            *(interval(line.figures[name]) for name in names),
            "" if line.difference is None else f"{interval(line.difference, '+.3f')}, p = {number(line.difference.p)}",
            "" if line.weight is None else f"{line.weight:.2f}",
        )
        for line in (*found.judges, found.best, *found.juries)
    ]
    head = ("judge", *(f"{NAMES[name]} (95 %)" for name in names), "against the best alone", "weight")
    print_table(head, rows, right={1, 2, 3, 4})
    click.echo(
        f"errors correlate {interval(found.correlation)}: {len(found.judges)} judges are worth "
        f"{found.effective:.1f} independent ones"
    )
    for line in (*found.judges, *found.juries):
        if line.alone is not None:
            click.echo(visible(f"{line.name} {line.alone.sentence}"))
