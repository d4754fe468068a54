"""``blpo rank``: logs of judged pairs → which generator, or whatever the pictures are of, is stronger."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import LogCommand, finish_without, forms_of, log_progress, print_table

if TYPE_CHECKING:
    from blpo_inspect.reporting.ranking import Ranking

_EPILOG = "Exit codes: 0 fine; 1 ranked, but a log could not be used; 2 wrong usage, or it cannot run."


@click.command(name="rank", cls=LogCommand, epilog=_EPILOG)
@click.argument("logs", nargs=-1, required=True)
@click.option(
    "-o", "--output", "files", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), multiple=True,
    help="Write it too: .json (all figures), .csv, or a picture, .svg or .png; can be repeated.",
)  # fmt: skip
def command(logs: tuple[str, ...], files: tuple[Path, ...]) -> None:
    """Rank what the pictures of judged pairs are of, such as the models that made them.

    LOGS are Inspect logs of the task pairs: files, folders, and patterns such as 'logs/*.eval', here or at any address
    that Inspect reads (s3://…). The pairs say what their pictures are of by the columns category_1 and category_2, or
    with rated=true by the column category.

    Strengths are those of Bradley and Terry's model with Davidson's ties; intervals are over prompts. A verdict that is
    not the same in both orders of the pictures is a tie. Where people's labels are known, their ranking stands beside
    the judge's. Logs of one model and judge prompt are one judge's; each judge has a ranking.
    """
    from blpo_inspect._util.files import written_whole
    from blpo_inspect.reporting.ranking import rank
    from blpo_inspect.reporting.ranking_files import FORMATS, as_bytes

    forms = forms_of(files, FORMATS, logs)
    with log_progress() as on_log:
        rankings, left_out = rank(logs, on_log)
    for ranking in rankings:
        _print(ranking)
    for file, form in forms.items():
        with written_whole(file) as out:
            out.write(as_bytes(rankings, left_out, form))
    finish_without(left_out)


def _print(ranking: "Ranking") -> None:
    from blpo_inspect.reporting.formatting import interval, number

    counts = {
        "not the same in both orders, so ties": ranking.torn,
        "without a verdict, left out": ranking.without_verdict,
        "not of two different names, left out": ranking.not_compared,
    }
    said = [f"{ranking.comparisons:,} pairs in {ranking.clusters:,} clusters"]
    said += [f"{count:,} {what}" for what, count in counts.items() if count]
    click.echo(visible(f"{ranking.judge}: {'; '.join(said)}"))
    people = ("by people (95 %)",) if ranking.labelled else ()
    rows = [
        (
            place.name,
            *(f"{count:,}" for count in (place.comparisons, place.wins, place.ties, place.losses)),
            *(interval(figure, "+.2f") for figure in (place.strength, place.people)[: 1 + len(people)]),
        )
        for place in ranking.places
    ]
    head = ("name", "pairs", "wins", "ties", "losses", "strength (95 %)", *people)
    print_table(head, rows, right=set(range(1, len(head))))
    if people:
        tau = number(ranking.kendall_tau)
        click.echo(f"Kendall's tau-b with the ranking by {ranking.labelled:,} labels of people: {tau}")
    for note in ranking.notes:
        click.echo(visible(f"note: {note}"))
    click.echo()
