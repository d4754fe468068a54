"""Logs → a report, and a report → a file: HTML, Markdown, CSV or JSON. Used by ``blpo report`` and from Python."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, get_args

from blpo_inspect._util.files import written_whole
from blpo_inspect.reporting import content
from blpo_inspect.reporting.content import Options, Report
from blpo_inspect.reporting.run_data import gather

Format = Literal["html", "md", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)


def report(
    logs: str | Path | Iterable[str | Path],
    options: Options | None = None,
    *,
    on_log: Callable[[int, int, str], None] = lambda done, total, name: None,
) -> Report:
    """Compare the judging runs in logs, and show the optimizations: what ``blpo report`` does, as an object.

    Args:
        logs: Files, folders or patterns such as ``logs/*.eval``, here or at any address that Inspect reads.
        options: Title, gallery, blurring; see `Options`.
        on_log: Called before each log with how many are done, how many there are, and the log's name.

    Returns:
        The report; `save` writes it. Its ``left_out`` says which logs and runs are in no figure, and why.
    """
    sources = [logs] if isinstance(logs, str | Path) else logs
    return content.report(gather([str(log) for log in sources], on_log), options or Options())


def save(found: Report, file: str | Path, form: Format | None = None) -> None:
    """Write a report to a file, whole or not at all.

    Args:
        found: The report.
        file: Where it goes.
        form: The format; default: what the file's name ends with, else HTML.

    Raises:
        OSError: The file cannot be written.
    """
    path = Path(file)
    with written_whole(path) as out:
        out.write(as_bytes(found, form or format_of(path)))


def as_bytes(found: Report, form: Format) -> bytes:
    """A report in one of the formats, in UTF-8."""
    from blpo_inspect.reporting import export, page

    writers = {"html": page.html, "md": export.markdown, "csv": export.csv_text, "json": export.json_text}
    return writers[form](found).encode("utf-8", "replace")


def format_of(file: Path) -> Format:
    """The format that a file's name ends with; HTML where it ends with none."""
    ending = file.suffix.lower().removeprefix(".")
    named: dict[str, Format] = {form: form for form in FORMATS} | {"markdown": "md"}
    return named.get(ending, "html")
