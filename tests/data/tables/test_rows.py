"""JSON lines: a line that cannot be read is a faulty row that says why, whatever it holds."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from blpo_inspect.data.tables import TableError, read_benchmark
from blpo_inspect.data.tables.rows import rows_of

GOOD = [{"image": "a.png", "label": "safe"}, {"image": "b.png", "label": "unsafe"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        Image.new("RGB", (2, 2), colour).save(tmp_path / f"{name}.png")
    return tmp_path


def fault(folder: Path, line: bytes) -> str:
    """Why the third of three rows cannot be used, as a run says it."""
    path = folder / "x.jsonl"
    path.write_bytes("".join(json.dumps(row) + "\n" for row in GOOD).encode() + line)
    with pytest.raises(TableError) as caught:
        read_benchmark(str(path))
    assert read_benchmark(str(path), skip_bad=True).rejected == (str(caught.value).splitlines()[1].strip(),)
    [_, reason, remedy] = str(caught.value).splitlines()
    assert remedy == "Correct them, or leave them out with -T skip_bad=true."
    return reason.removeprefix("  x.jsonl, row 3: ")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"image": "c.png", "label": ' + b"9" * 5000 + b"}", "not readable: a number of thousands of digits"),
        (b'{"image": "c.png", "width": ' + b"9" * 5000 + b', "label": "safe"}', "not readable: a number of thousands"),
        (b"[" * 100_000, "not readable: nested too deeply"),
        (b'{"image": "c.png", "label": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not readable: nested too deeply"),
        (b'{"image": "c.png", "label": "\\ud800"}', "label has half of a character (a lone surrogate): \\ud800"),
        (b'{"image": "c.png", "label": "safe", "text": "a\\udfff"}', "text has half of a character"),
        (b'{"image": "c.png", "label": "safe", "id": "\\ud83d"}', "id has half of a character"),
        (b'{"image": "c.png", "label": "safe", "group": "\\ud83d"}', "group has half of a character"),
        (b'{"image": "c\\ud800.png", "label": "safe"}', "'c\\ud800.png': not a path"),
        (b'{"image": "c.png", "label": "s\xfbr"}', "not UTF-8 text"),
        (b'{"image": "c.png", "label": "' + b"x" * 300 + b'"}', "label has 300 characters, too many for a label"),
        (b'{"image": "' + b"c" * 5000 + b'", "label": "safe"}', "[Errno 36] File name too long"),
        (b'{"image": "c.png", "label": {"a": 1}}', "label is a dict, not text"),
        (b'{"image": "c.png", "label": "safe", "text": ["a", "b"]}', "text is a list, not text"),
        (b'{"image": "c.png", "label": "safe", "label": "unsafe"}', "the key 'label' is there twice"),
        ('{"image": "c.png", "é": 1, "e\u0301": 2, "label": "safe"}'.encode(), "two columns have the same name"),
        (b'{"image": "c.png"', "not JSON: Expecting"),
        (b"7", "expected an object, got int"),
    ],
)
def test_what_cannot_be_read_is_a_faulty_row(folder: Path, line: bytes, reason: str) -> None:
    assert fault(folder, line).startswith(reason)


def test_half_a_character_in_a_column_that_is_not_used_harms_nothing(folder: Path) -> None:
    path = folder / "x.jsonl"
    path.write_bytes(b'{"image": "a.png", "label": "safe", "n": "\\ud800"}\n{"image": "b.png", "label": "unsafe"}\n')
    assert len(read_benchmark(str(path)).records) == 2


def test_a_file_without_any_object_says_so_of_every_line(folder: Path) -> None:
    (folder / "x.jsonl").write_text("[1]\n2\n")
    with pytest.raises(
        TableError, match=r"2 of 2 rows cannot be used:\n  x\.jsonl, row 1: expected an object, got list"
    ):
        read_benchmark(str(folder / "x.jsonl"))


json_texts = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.text(max_size=5), json_texts, max_size=4), max_size=4), st.booleans())
def test_what_json_writers_write_is_read_back(tmp_path: Path, rows: list[dict[str, object]], ascii_only: bool) -> None:
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    (tmp_path / "x.jsonl").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    for row, line in zip(rows_of(tmp_path / "x.jsonl"), lines, strict=True):
        assert row.fault is not None or json.dumps(row.values, ensure_ascii=ascii_only) == line
        assert row.fault is None or any(0xD800 <= ord(char) < 0xE000 for char in line)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(tmp_path: Path, data: bytes) -> None:
    for name in ("x.jsonl", "x.csv"):
        (tmp_path / name).write_bytes(data)
        try:
            rows = list(rows_of(tmp_path / name))
        except TableError:
            continue
        assert all(row.where.startswith(name) for row in rows)
