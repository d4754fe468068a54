"""One table in its forms."""

import csv
import io

from rich.console import Console

from blpo_inspect._util.table import Table, as_csv
from blpo_inspect._util.text import markdown

TABLE = Table(("name", "n"), [("a|b", "5"), ("evil\x1b[2J", "10")], right={1})


def test_markdown_keeps_its_columns() -> None:
    assert TABLE.markdown() == ["| name | n |", "| --- | ---: |", "| a\\|b | 5 |", "| evil\x1b[2J | 10 |"]
    assert TABLE.markdown(markdown)[2] == "| a&#124;b | 5 |"


def test_a_terminal_is_not_steered() -> None:
    out = Console(file=io.StringIO(), width=40, color_system=None)
    out.print(TABLE.rich())
    assert isinstance(out.file, io.StringIO)
    assert out.file.getvalue().splitlines() == ["name          n", "a|b           5", "evil\\x1b[2J  10"]


def test_plain_columns_line_up() -> None:
    assert Table(("label", "n"), [("safe", "5"), ("unsafe", "10")], right={1}).aligned() == [
        "label    n",
        "safe     5",
        "unsafe  10",
    ]


def test_csv_reads_back() -> None:
    rows = [["a,b", 'say "x"', "1\n2"], ["", "0.1", "ü"]]
    assert list(csv.reader(io.StringIO(as_csv(["p", "q", "r"], rows)))) == [["p", "q", "r"], *rows]
