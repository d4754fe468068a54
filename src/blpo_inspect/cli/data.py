"""``blpo data``: look at labelled images before anything is judged."""

import click

from blpo_inspect.cli.shared import EXIT_CODES, Commands, as_json, finish, print_json


class _DataCommands(Commands):
    def expected(self) -> tuple[type[Exception], ...]:
        from blpo_inspect.data.tables import TableError

        return (TableError,)


@click.group(name="data", cls=_DataCommands, epilog=EXIT_CODES)
def commands() -> None:
    """Look at labelled images before anything is judged."""


@commands.command(epilog=EXIT_CODES)
@click.argument("data")
@click.option("--labels", metavar="A,B,…", help="The labels of the scale; else what the data say.")
@click.option("--scale", metavar="KIND:…", help="The scale: unordered:a,b, ordinal:1-5 or numeric:0:100.")
@click.option("--seed", default=0, show_default=True, help="Seed of the splits.")
@click.option("--config", help="Of a Hugging Face dataset with several configurations.")
@click.option("--hub-split", help="Of a Hugging Face dataset with several splits of its own.")
@click.option("--allow-remote", is_flag=True, help="Fetch images that are given as http or https addresses.")
@click.option("--max-side", type=click.IntRange(min=1), help="Scale down images with a side of more pixels.")
@click.option("--unlabelled", is_flag=True, help="Take rows without a label too.")
@as_json
def show(
    data: str,
    labels: str | None,
    scale: str | None,
    seed: int,
    config: str | None,
    hub_split: str | None,
    allow_remote: bool,
    max_side: int | None,
    unlabelled: bool,
    as_json: bool,
) -> None:
    """Print the scale of DATA, its labels by split, the largest request, the prompt, and every row that cannot be used.

    DATA is what the task blpo_inspect/folder takes: a folder, a table (.csv, .jsonl, .parquet), a benchmark.yaml or
    hub:NAME@REVISION. Exit code 1 means that rows cannot be used, or that the labels must be stated.
    """
    from blpo_inspect._util.text import printable
    from blpo_inspect.data.splits import split_records
    from blpo_inspect.data.tables import read_benchmark, summarize
    from blpo_inspect.data.tables.options import command_option
    from blpo_inspect.tasks.common import prompt_line
    from blpo_inspect.tasks.folder import default_prompt

    benchmark = read_benchmark(
        data,
        labels=labels,
        scale=scale,
        skip_bad=True,
        config=config,
        hub_split=hub_split,
        allow_remote=allow_remote,
        max_side=max_side,
        doubtful=True,
        unlabelled=unlabelled,
        option=command_option,
    )
    parts = {"all": list(benchmark.records)}
    why_not = None
    try:
        labelled = [record for record in benchmark.records if record.label is not None]
        parts.update(split_records(labelled, benchmark.scale, seed=seed).items())
    except ValueError as error:
        why_not = str(error)
    if as_json:
        print_json(
            {
                **benchmark.about,
                "scale": benchmark.scale.to_dict(),
                "splits": {name: [record.id for record in records] for name, records in parts.items()},
                "images": benchmark.images.to_dict(),
                "judge_prompt": default_prompt(benchmark)[0],
                "rejected": list(benchmark.rejected),
                "notes": list(benchmark.notes),
                "doubts": list(benchmark.doubts),
                "labels_drawn": benchmark.drawn,
            }
        )
    else:
        click.echo(summarize(benchmark, parts))
        for line in benchmark.images.lines():
            click.echo(printable(line))
        click.echo(prompt_line(*default_prompt(benchmark)))
        if why_not:
            click.echo(f"no splits: {why_not}")
    finish(problem=bool(benchmark.rejected or benchmark.doubts))
