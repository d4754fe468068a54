"""``blpo prompts certify``: a log of labelled pictures → what a prompt pair says of its judge's errors."""

from dataclasses import replace
from pathlib import Path

import click

from blpo_inspect._util.text import visible
from blpo_inspect.cli.shared import Fault, a_file


@click.command(name="certify", epilog="Exit codes: 0 fine; 2 wrong usage, or it cannot run.")
@click.argument("pair", type=a_file)
@click.option("--log", type=a_file, required=True, help="Of the test split, judged by this pair.")
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the pair there and leave PAIR as it is.",
)  # fmt: skip
def command(pair: Path, log: Path, file: Path | None) -> None:
    """Put into PAIR how often its judge errs on labelled pictures, as LOG has it, and which judge that is.

    The scorer image_judge then reports the corrected rate beside the judge's, where the same model judges. PAIR is
    written anew; an older certificate is replaced, and comments of the YAML are not kept.
    """
    from blpo_inspect.cache.logs import LogError, read_log
    from blpo_inspect.judging.certificate import KEY
    from blpo_inspect.judging.prompts import PromptPair
    from blpo_inspect.reporting.certifying import certificate

    if file is not None and file.exists():
        raise Fault(visible(f"{file}: is there already"))
    given = PromptPair.load(pair)
    try:
        found = certificate(given, read_log(log))
    except LogError as error:
        raise LogError(f"{str(error) if str(error).startswith(str(log)) else f'{log}: {error}'}") from error
    replace(given, provenance={**given.provenance, KEY: found.model_dump()}).save(file or pair)
    right = sum(said.get(label, 0) for label, said in found.confusion.items())
    unread = f", {found.unread} unread" if found.unread else ""
    click.echo(visible(f"{file or pair}: certified for {found.model} on {found.n} pictures: {right} right{unread}"))
