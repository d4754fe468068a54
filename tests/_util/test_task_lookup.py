"""Which task a benchmark's name stands for, which arguments it takes, and what is said where there is none."""

import re
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_lookup import NoBenchmarkError, NoFileError, find

FILE = """
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

@task
def in_a_file(text, times=1):
    return Task(dataset=MemoryDataset([Sample(input=text * times)]))
"""


@task
def two_arguments(text: str, times: int = 1) -> Task:
    """Needs one argument and takes another."""
    return Task(dataset=MemoryDataset([Sample(input=text * times)]))


@task
def any_arguments(text: str, **others: str) -> Task:
    """Takes whatever it is given."""
    return Task(dataset=MemoryDataset([Sample(input=text + "".join(others.values()))]))


@task
def own_words(text: str, unknown: str = "", **rest: str) -> Task:
    """Has arguments that are called as a checked task's catch-all is."""
    return Task(dataset=MemoryDataset([Sample(input=text + unknown + "".join(rest.values()))]))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a user's file."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(made: Task) -> list[Any]:
    """What the samples ask."""
    return [sample.input for sample in made.dataset]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("two_arguments", "two_arguments"),
        ("shapes_safety", "blpo_inspect/shapes_safety"),
        ("blpo_inspect/shapes_safety", "blpo_inspect/shapes_safety"),
    ],
)
def test_a_name_may_leave_the_package_out(name: str, full: str) -> None:
    assert find(name).spec == full


def test_a_file_is_found_again_from_any_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find("own/mine.py@in_a_file")
    assert list(found.parameters) == ["text", "times"]
    monkeypatch.chdir("/")
    assert inputs(found.make({"text": "ab", "times": 2})) == ["abab"]


def test_arguments() -> None:
    found = find("two_arguments")
    assert found.unknown(["text", "size", "colour"]) == ["colour", "size"]
    assert found.unknown(["text"]) == [] == found.lacking(["text"])
    assert found.lacking(["times"]) == ["text"]
    assert inputs(found.make({"text": "x"})) == ["x"]


def test_a_task_that_takes_anything() -> None:
    found = find("any_arguments")
    assert found.unknown(["colour"]) == [] == found.lacking([])
    assert inputs(found.make({"text": "a", "colour": "b"})) == ["ab"]


def test_only_a_checked_task_refuses_what_its_catch_all_takes() -> None:
    found = find("own_words")
    assert list(found.parameters) == ["text", "unknown", "rest"]
    assert found.unknown(["unknown", "colour"]) == []
    assert inputs(found.make({"text": "a", "unknown": "b", "colour": "c"})) == ["abc"]
    checked = find("shapes_safety")
    assert "unknown" not in checked.parameters
    assert checked.unknown(["colour", "policy"]) == ["colour"]


@pytest.mark.parametrize(
    ("benchmark", "kind", "words"),
    [
        ("no_such", NoBenchmarkError, "no benchmark 'no_such'; name a task"),
        ("own/mine.py", NoBenchmarkError, "no benchmark 'own/mine.py'; name a task"),
        ("own/mine.txt@in_a_file", NoBenchmarkError, "no benchmark 'own/mine.txt@in_a_file'; name a task"),
        ("own/mine.py@other", NoBenchmarkError, "own/mine.py@other: the file has no such task"),
        ("own/gone.py@in_a_file", NoFileError, "own/gone.py@in_a_file: no such file own/gone.py"),
    ],
)
def test_what_is_not_there(benchmark: str, kind: type[PrerequisiteError], words: str, folder: Path) -> None:
    with pytest.raises(PrerequisiteError, match=f"^{re.escape(words)}") as raised:
        find(benchmark)
    assert raised.type is kind
