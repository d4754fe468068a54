"""The command ``blpo``. Each command is a thin shell over a function elsewhere; imports wait until one runs."""

import click

from blpo_inspect.cli import cache, certify, check, data, estimate, importing, judge, jury, prompts, rank, report
from blpo_inspect.cli.shared import EXIT_CODES


@click.group(epilog=EXIT_CODES)
@click.version_option(package_name="blpo-inspect")
def main() -> None:
    """Multimodal judges that agree with people."""


main.add_command(cache.commands)
main.add_command(check.command)
main.add_command(data.commands)
main.add_command(estimate.command)
main.add_command(importing.command)
main.add_command(judge.command)
main.add_command(jury.command)
prompts.commands.add_command(certify.command)
main.add_command(prompts.commands)
main.add_command(rank.command)
main.add_command(report.command)
