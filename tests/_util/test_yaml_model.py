"""YAML as models: what is taken, that errors say line and place, and that nothing else is ever raised."""

import datetime
import time
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BeforeValidator, Field

from blpo_inspect._util.yaml_model import Model, at, between, file_bytes, key_of, must, read_as, read_yaml


class WrongError(Exception):
    """What the reader is asked to raise; no ``ValueError``, which validators may raise."""


def even(numbers: list[int]) -> tuple[int, ...]:
    for index, number in enumerate(numbers):
        if number % 2:
            raise at(index, f"must be even, not {number}")
    return tuple(numbers)


class Part(Model):
    name: str
    share: Annotated[float | None, between(0, 1)] = None


class Whole(Model):
    parts: list[Annotated[Part, BeforeValidator(lambda part: {"name": part} if isinstance(part, str) else part)]]
    flag: bool = False
    count: int = 0
    size: float = 0
    colours: dict[Annotated[str, key_of(["red", "blue"])], int] = Field(default_factory=dict)
    numbers: Annotated[tuple[int, ...], read_as(Annotated[list[int], Field(min_length=1), AfterValidator(even)])] = ()
    any: Any = None
    word: Annotated[str, must("short", lambda text: len(text) < 9)] = ""
    folder: Annotated[str, AfterValidator(lambda text, info: f"{info.context}/{text}")] = ""
    own: str = Field(default="default", exclude=True)


def read(text: str | bytes, *, strict: bool = True) -> Whole:
    return read_yaml(Whole, text, "file.yaml", WrongError, strict=strict, context="top")


def refused(text: str | bytes, *, strict: bool = True) -> str:
    with pytest.raises(WrongError) as caught:
        read(text, strict=strict)
    return str(caught.value)


def test_values_of_every_kind() -> None:
    whole = read(
        "parts: [a, {name: b, share: 1}]\nflag: true\ncount: 3\nsize: 2\ncolours: {red: 1}\nnumbers: [2, 4]\n"
        "any: {deep: [1, 2.5, text, null, false]}\nfolder: f\n"
    )
    assert whole.parts == [Part(name="a"), Part(name="b", share=1.0)] and whole.numbers == (2, 4)
    assert (whole.flag, whole.count, whole.size, whole.colours) == (True, 3, 2.0, {"red": 1})
    assert whole.any == {"deep": [1, 2.5, "text", None, False]} and (whole.folder, whole.own) == ("top/f", "default")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", ", line 1: must be a mapping (key: value), not a list"),
        ("flag: true", ", line 1: lacks parts"),
        ("parts:\n- a\n- share: 1", ", line 3: parts[1]: lacks name"),
        ("parts: {}", ", line 1: parts: must be a list, not a mapping"),
        ("parts: []\nfalg: true", ", line 2: falg: no such key; known here: parts, flag, count"),
        ("parts: []\nown: x", ", line 2: own: no such key"),
        ("parts:\n- name: a\n  nane: b", ", line 3: parts[0].nane: no such key; known here: name, share"),
        ("parts:\n- 1", ", line 2: parts[0]: must be a mapping (key: value), not a number"),
        ("parts:\n- name: 1", ", line 2: parts[0].name: must be text, not a number; put it into quotes"),
        ("parts:\n- name: [1]", ", line 2: parts[0].name: must be text, not a list"),
        ("parts:\n- name:", ", line 2: parts[0].name: must be text, not empty; put it into quotes"),
        ("parts:\n- name: a\n  share: 1.5", ", line 3: parts[0].share: must be from 0 to 1, not 1.5"),
        ("parts: [{name: a, share: true}]", ", line 1: parts[0].share: must be from 0 to 1, not True"),
        ("parts: []\nflag: 1", ", line 2: flag: must be true or false, not a number"),
        ("parts: []\ncount: 1.5", ", line 2: count: must be a whole number, not a number"),
        ("parts: []\ncount: true", ", line 2: count: must be a whole number, not true or false"),
        ("parts: []\nsize: '1'", ", line 2: size: must be a number, not text"),
        ("parts: []\ncolours: {green: 1}", ", line 2: colours.green: no such key; known here: red, blue"),
        ("parts: []\nnumbers: [2,\n 3]", ", line 3: numbers[1]: must be even, not 3"),
        ("parts: []\nnumbers: []", ", line 2: numbers: is empty; must have at least one entry"),
        ("parts: []\nword: much too long", ", line 2: word: must be short, not 'much too long'"),
        ("parts: []\nparts: []", ", line 2: the key 'parts' is there twice"),
        ("parts: []\nany: {a: {b: 1,\n b: 2}}", ", line 3: any.a: the key 'b' is there twice"),
        ("parts: [", ", line 1: not valid YAML: "),
        ("a: 1\n---\nb: 2", ", line 2: not valid YAML: but found another document"),
        ("[" * 100_000, ", line 1: nested too deeply"),
        ('parts: ["\\UFFFFFFFF"]', ": not valid YAML: "),
        (b"\xff", ": not UTF-8: "),
        ("a: \x00", ": not valid YAML: "),
        ("parts: []\nany: 2001-99-99", ", line 2: any: cannot be read; put text into quotes"),
        (f"parts: []\nany: {'9' * 5000}", ", line 2: any: cannot be read; put text into quotes"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_wrong_is_said_with_its_line_and_place(text: str, message: str, strict: bool) -> None:
    assert refused(text, strict=strict).startswith(f"file.yaml{message}")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2001-09-09", ": must be text, a number, true, false, null, a list or a mapping, not 'timestamp'"),
        ("!!binary aGk=", ": must be text, .*, not 'binary'"),
        ("!!set {a}", ": must be text, .*, not 'set'"),
        (".inf", ": must be a finite number"),
        (".nan", ": must be a finite number"),
        ('"\\ud800"', ": cannot be read; put text into quotes"),
        ("{1: a}", ": a key must be text"),
        ("{? [a] : b}", ": a key must be text"),
        ('{"\\n": 1}', ": a key must be text"),
    ],
)
def test_values_that_json_lacks_are_refused_where_reading_is_strict(value: str, message: str) -> None:
    with pytest.raises(WrongError, match=rf"^file\.yaml, line 2: any{message}"):
        read(f"parts: []\nany: {value}")


def test_aliases_size_and_emptiness_are_refused_where_reading_is_strict() -> None:
    assert refused("parts: &p\n- a\nany: *p") == "file.yaml, line 1: anchors and aliases (& and *) are not used here"
    assert refused("x" * 1_000_001) == "file.yaml: larger than 1,000,000 bytes"
    assert refused("# nothing") == "file.yaml: empty"
    assert refused("parts: []\nfolder:").startswith("file.yaml, line 2: folder: must be text, not empty")


def test_other_reading_takes_what_safe_load_takes() -> None:
    whole = read("parts: []\nfolder:\nany: &a {1: 2001-09-09, b: !!set {x}, c: .inf, <<: {d: *a}}", strict=False)
    assert whole.any[1] == datetime.date(2001, 9, 9) and whole.any["b"] == {"x"} and whole.any["d"] is whole.any
    assert whole.folder == ""
    assert refused("", strict=False) == "file.yaml: lacks parts"
    bomb = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 10}]\n" for n in range(1, 30))
    assert "a0: no such key" in refused(bomb, strict=False)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("[yes, No, on, OFF, true]", ["yes", "No", "on", "OFF", "true"]),
        ("[01, 0o7, 0x1F, 1_000, 10, -3]", ["01", "0o7", "0x1F", "1_000", "10", "-3"]),
        ("[1.10, 1.20, 1e3, .inf, .nan, 4.]", ["1.10", "1.20", "1e3", ".inf", ".nan", "4."]),
        ("[4:3, 16:9, 1:30:00]", ["4:3", "16:9", "1:30:00"]),
        ("[2001-09-09, 2001-99-99]", ["2001-09-09", "2001-99-99"]),
        ("[null, ~, =, '', \"x\"]", ["null", "~", "=", "", "x"]),
        ("{yes: 1, 01: no, 1.10: null}", {"yes": "1", "01": "no", "1.10": None}),
        (f"[{'9' * 5000}]", ["9" * 5000]),
        ("[a, {b: [1, [2]]}]", ["a", {"b": ["1", ["2"]]}]),
        ("7", "7"),
        ("null", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_scalars_of_some_places_are_the_text_that_stands_there(written: str, value: object, strict: bool) -> None:
    text = f"parts: []\nflag: true\nany:\n  deep: {written}\n  other: [1]\n"
    for place in ("any.deep", "any"):
        whole = read_yaml(Whole, text, "file.yaml", WrongError, strict=strict, as_written=[place])
        assert whole.any == {"deep": value, "other": [1 if place == "any.deep" else "1"]} and whole.flag is True


def test_places_of_text_leave_out_positions_in_lists() -> None:
    text = "parts: [{name: yes, share: 0.5}, {name: 01}]"
    whole = read_yaml(Whole, text, "file.yaml", WrongError, as_written=["parts.name"])
    assert whole.parts == [Part(name="yes", share=0.5), Part(name="01")]


def test_keys_that_are_the_same_text_are_there_twice() -> None:
    with pytest.raises(WrongError, match=r"line 2: any: the key '1' is there twice"):
        read_yaml(Whole, "parts: []\nany: {1: a, '1': b}", "file.yaml", WrongError, strict=False, as_written=["any"])


@pytest.mark.parametrize(
    "bomb",
    [
        "any: [&a [1,1,1,1,1,1,1,1,1,1], "
        + "".join(f"&{k} [{f'*{j},' * 10}], " for j, k in pairwise("abcdefghi"))
        + "]",
        "any: [&a {1: 1}, " + "".join(f"&{k} {{<<: [{f'*{j},' * 10}]}}, " for j, k in pairwise("abcdefghi")) + "]",
        f"any: [&a {'x' * 10_000}, {'*a, ' * 1000}]",
    ],
)
def test_aliases_are_limited_before_they_are_expanded(bomb: str) -> None:
    started = time.process_time()
    message = "line 1: too many values: aliases (*) make more than 1,000,000 characters of it"
    assert refused(f"parts: []\n{bomb}", strict=False) == f"file.yaml, {message}"
    assert time.process_time() - started < 2


def test_a_large_file_without_aliases_is_read_where_reading_is_not_strict() -> None:
    assert len(read(f"parts: []\nany: {'x' * 1_100_000}", strict=False).any) == 1_100_000


def test_a_place_steers_no_terminal() -> None:
    assert refused('"\\e[2J": 1', strict=False).startswith("file.yaml, line 1: \\x1b[2J: no such key")


def test_bytes_of_files(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"\xef\xbb\xbfparts: []")
    assert read(file_bytes(tmp_path / "there", "file", WrongError)).parts == []
    for path in (tmp_path, tmp_path / "absent", Path("a\0b")):
        with pytest.raises(WrongError, match="no such recipe"):
            file_bytes(path, "recipe", WrongError)
    with pytest.raises(WrongError, match="there/x: cannot be read: Not a directory"):
        file_bytes(tmp_path / "there" / "x", "recipe", WrongError)


def only_wrong(text: str | bytes) -> None:
    """Read it in both ways; any other error is the test's failure."""
    for strict in (True, False):
        message = "file.yaml"
        try:
            read(text, strict=strict)
        except WrongError as error:
            message = str(error)
        assert message.startswith("file.yaml") and "\n" not in message


@given(st.text() | st.binary())
def test_no_text_raises_anything_else(text: str | bytes) -> None:
    only_wrong(text)


# fmt: off
_words = st.sampled_from([
    "parts", "name", "share", "colours", "red", "any", "numbers", "own", "1", ".inf", "2001-99-99",
    "0b", "<<", "=", "null", "true",
    "!!set", "!!omap", "!!pairs", "!!binary", "!!int", "!x",
    "&a", "*a", "|", ":", ",", "-", "{", "}", "[", "]", "'", "\"",
    "\"\\ud800\"", "? ", ": ", ", ", "\n", "\n  ", "\n- ", " ",
])
# fmt: on


@given(st.lists(_words, max_size=25))
def test_nothing_that_looks_like_yaml_raises_anything_else(words: list[str]) -> None:
    only_wrong("".join(words))
    only_wrong(f"parts: []\nany: {''.join(words)}")
