"""CSV: what programs write is read back or refused, and no row disappears without a word."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blpo_inspect.data.tables.csv_rows import csv_rows
from blpo_inspect.data.tables.table_row import TableError

COLUMNS = ["image", "label", "text"]


def read(path: Path, data: str) -> list[list[str]]:
    path.write_bytes(data.encode())
    return [[row.values[name] or "" for name in COLUMNS] for row in csv_rows(path)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("csv") / "labels.csv"


class Pandas(csv.excel):
    """``DataFrame.to_csv`` on Linux and macOS."""

    lineterminator = "\n"


class Numbers(csv.excel):
    """All but numbers in quotes."""

    quoting = csv.QUOTE_NONNUMERIC


class Semicolons(csv.excel):
    """Excel where commas are decimal points."""

    delimiter = ";"


class OldMac(csv.excel):
    """Lines end with a carriage return."""

    lineterminator = "\r"


DIALECTS = (csv.excel, csv.unix_dialect, csv.excel_tab, Pandas, Numbers, Semicolons, OldMac)
LEFT_OPEN: dict[type[csv.Dialect], str] = {Pandas: "\r", OldMac: "\n"}
"""Python's writer puts no quotes around this character, which then ends a row: no reader can tell."""

# the separators, quotes and line breaks of all of them, and pieces that look like rows of the table
pieces = st.sampled_from(['"', ",", ";", "\t", "\n", "\r", " ", "'", "\\", "a.png", "safe", "1", "é", "\ufeff", "\x00"])
cells = st.lists(pieces, max_size=6).map("".join) | st.text(st.characters(codec="utf-8"), max_size=8)
tables = st.lists(st.tuples(cells, cells, cells).filter(lambda row: any(map(str.strip, row))), min_size=1, max_size=5)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(DIALECTS), tables)
def test_what_programs_write_is_read_back_or_refused(
    file: Path, dialect: type[csv.Dialect], rows: list[tuple[str, ...]]
) -> None:
    rows = [tuple(cell.replace(LEFT_OPEN.get(dialect, ""), "") for cell in row) for row in rows]
    written = io.StringIO(newline="")
    csv.writer(written, dialect).writerows([COLUMNS, *rows])
    try:
        found = read(file, written.getvalue())
    except TableError:
        return
    # white space around a value does not count
    assert [[cell.strip() for cell in row] for row in found] == [[cell.strip() for cell in row] for row in rows]


def test_plain_tables_of_all_dialects_with_commas_are_read(file: Path) -> None:
    rows = [["0.png", "safe", 'she said: "one,\ntwo"'], ["1.png", "unsafe", ""]]
    for dialect in DIALECTS:
        written = io.StringIO(newline="")
        csv.writer(written, dialect).writerows([COLUMNS, *rows])
        if dialect.delimiter == ",":
            assert read(file, written.getvalue()) == rows, dialect
        else:
            with pytest.raises(TableError, match="the columns are separated by"):
                read(file, written.getvalue())


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["safe", "unsafe"]), cells), min_size=2, max_size=6), st.data())
def test_a_stray_quote_never_swallows_a_row(file: Path, rows: list[tuple[str, str]], data: st.DataObject) -> None:
    """A quote is put before a value of a table in which no value holds a line break: all rows are read, or none."""
    lines = [
        [f"{number}.png", label, text.replace("\n", " ").replace("\r", " ")]
        for number, (label, text) in enumerate(rows)
    ]
    written = io.StringIO(newline="")
    csv.writer(written, Pandas).writerows([COLUMNS, *lines])
    raw = written.getvalue().removesuffix("\n").split("\n")
    place = data.draw(st.integers(1, len(raw) - 1))
    before, comma, after = raw[place].partition(f",{lines[place - 1][1]},")
    raw[place] = data.draw(
        st.sampled_from([f'"{raw[place]}', f'{before}{comma}"{after}', f'{before},"{comma[1:]}{after}'])
    )
    try:
        found = read(file, "\n".join(raw) + "\n")
    except TableError:
        return
    assert len(found) == len(rows)


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ('0.png,safe,x\n1.png,unsafe,"oops\n2.png,safe,y\n', 3),
        ('0.png,safe,x\n\n\n1.png,unsafe,"oops\n', 5),
        ('0.png,safe,"two\nlines"\n1.png,unsafe,"oops\n', 4),
        ('0.png,safe,"one\ntwo"x\n', 2),
    ],
)
def test_the_row_is_the_line_where_the_value_opens(file: Path, text: str, row: int) -> None:
    with pytest.raises(TableError, match=rf"labels\.csv, row {row}: "):
        read(file, f"image,label,text\n{text}")


def test_rows_are_numbered_as_an_editor_does(file: Path) -> None:
    file.write_text('\n\nimage,label,text\n\n0.png,safe,"two\nlines"\n\n1.png,unsafe,\n')
    assert [row.where for row in csv_rows(file)] == ["labels.csv, row 5", "labels.csv, row 8"]


def test_a_row_with_fewer_values_lacks_the_last_ones(file: Path) -> None:
    file.write_text("image,label,text\n0.png,safe\n")  # Excel leaves out the commas of empty values
    assert [dict(row.values) for row in csv_rows(file)] == [{"image": "0.png", "label": "safe", "text": None}]


def test_a_value_over_the_limit_is_named(file: Path) -> None:
    with pytest.raises(TableError, match=r"row 2: a value of more than 131,072 characters; is a quote not closed\?"):
        read(file, f"image,label,text\n0.png,safe,{'x' * 140_000}\n")


def test_a_text_whose_lines_have_commas_is_no_row(file: Path) -> None:
    text = "one, two, three\nfour, five, six\r\nseven, eight, nine"
    rows = [["0.png", "safe", text], ["1.png", "unsafe", "b"]]
    written = io.StringIO(newline="")
    csv.writer(written).writerows([COLUMNS, *rows])
    assert read(file, written.getvalue()) == rows
