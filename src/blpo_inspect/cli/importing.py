"""``blpo import``: judgements that were made elsewhere → Inspect logs."""

from datetime import UTC, datetime
from pathlib import Path

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import EXIT_CODES, Command, a_file, finish, print_some


class _Import(Command):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.data.tables import TableError

        return (TableError,)


@click.command(name="import", cls=_Import, epilog=EXIT_CODES)
@click.argument("table", type=a_file)
@click.option(
    "-o", "--output", "folder", type=click.Path(path_type=Path, file_okay=False), default="logs", show_default=True,
    help="Folder of the logs.",
)  # fmt: skip
@click.option("--rule", "rule_file", type=a_file, help="An import.yaml with what columns mean; options go first.")
@click.option(
    "--column", "columns", multiple=True, metavar="WHAT=NAME",
    help="What a column is: item, judge, score, label, answer, human, category, group, text, prompt or cost.",
)  # fmt: skip
@click.option(
    "--rater", "raters", multiple=True, metavar="NAME",
    help="A column with one rater's labels; else those whose name begins with rater.",
)  # fmt: skip
@click.option("--scale", metavar="KIND:…", help="The scale: unordered:a,b, ordinal:1-5 or numeric:0:1.")
@click.option("--score", metavar="LOW:HIGH", help="The scores that are the ends of the scale, such as 0:10.")
@click.option("--cuts", metavar="A,B,…", help="Or the scores from which on the second and further labels hold.")
@click.option("--judge", metavar="NAME", help="Who judged, where no column says it.")
@click.option("--benchmark", metavar="NAME", help="What the logs call the task; default: the table's name.")
@click.option("--skip-bad", is_flag=True, help="Leave out rows that cannot be used, instead of stopping.")
def command(
    table: Path,
    folder: Path,
    rule_file: Path | None,
    columns: tuple[str, ...],
    raters: tuple[str, ...],
    scale: str | None,
    score: str | None,
    cuts: str | None,
    judge: str | None,
    benchmark: str | None,
    skip_bad: bool,
) -> None:
    """Make Inspect logs of judgements that were made elsewhere, one for each judge.

    TABLE (.csv, .jsonl, .parquet) has a row for each item and judge. Columns that are called as `--column` has it need
    not be named. People's label is the column human, or what raters agree on. blpo report, jury, estimate, check --log
    and inspect score then take the logs as any other. They hold no pictures.

    A judgement whose score or label is empty or no number is unread, which counts as wrong where it counts. Other bad
    rows are named, and stop the import unless --skip-bad is given.
    """
    from blpo_inspect.data.tables import TableError
    from blpo_inspect.data.tables.rows import rows_of
    from blpo_inspect.importing.judgements import judgements
    from blpo_inspect.importing.logs import digest_of, log_of, write
    from blpo_inspect.importing.rule import Rule, given_rule, read_rule

    rule = given_rule(read_rule(rule_file) if rule_file else Rule(), columns, raters, scale, score, cuts)
    on = rule.of_scale()
    found = judgements(rows_of(table), rule, on, judge, str(table))
    print_some(found.faults)
    if found.faults and not skip_bad:
        raise TableError(f"{table}: {len(found.faults):,} rows cannot be used; give --skip-bad to leave them out")
    if not found.by_judge:
        raise TableError(f"{table}: no row can be used")
    facts = {"file": table.name, "digest": digest_of(table), "left_out": len(found.faults)}
    facts |= {"scores": rule.score.sentence} if rule.score is not None else {}
    created = datetime.fromtimestamp(table.stat().st_mtime, UTC).isoformat(timespec="seconds")
    logs = (
        log_of(name, list(items.values()), on, benchmark=benchmark or table.stem, created=created, facts=facts)
        for name, items in sorted(found.by_judge.items())
    )
    files = write(logs, folder)
    count = sum(map(len, found.by_judge.values()))
    click.echo(visible(f"{count:,} judgements of {len(found.by_judge):,} judges, {found.unread:,} without a label"))
    for name, file in zip(sorted(found.by_judge), files, strict=True):
        click.echo(visible(f"  {name}: {len(found.by_judge[name]):,} → {file}"))
    finish(problem=bool(found.faults))
