"""What tasks of this package do with arguments as the command line of Inspect hands them over."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import click
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai import Task, task
from inspect_ai._util.config import parse_cli_args  # what `inspect eval` makes of -T

from blpo_inspect._registry import __all__ as registered
from blpo_inspect._util.inspect_internals import PrerequisiteError, registered_task
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect._util.task_lookup import find

got: dict[str, Any] = {}


@task
@checked_arguments
def painted(
    data: str,
    prompt: str | None = None,
    labels: str | Sequence[str] | None = None,
    args: Mapping[str, Any] | str | None = None,
    seed: int = 0,
    share: float | None = None,
    full: bool = False,
    split: Literal["train", "test"] = "test",
) -> Task:
    """Remembers what it was given."""
    got.clear()
    got.update(data=data, prompt=prompt, labels=labels, args=args, seed=seed, share=share, full=full, split=split)
    return Task()


@contextmanager
def command_line(*typed: str) -> Iterator[None]:
    with click.Context(click.Command("eval")) as context:
        context.params["t"] = typed
        yield


def through_inspect(*typed: str) -> dict[str, Any]:
    """What the task gets of ``-T`` arguments."""
    with command_line(*typed):
        find("painted").make(parse_cli_args(typed))
    return got


@pytest.mark.parametrize(
    "typed",
    [
        "Is it safe, or unsafe?",
        "Is it safe,or, well, unsafe?",
        "2024",
        "0.5",
        "1e3",
        "True",
        "2024-01-01",
        "a folder, with a comma/labels.csv",
        "C#",
        "it's",
    ],
)
def test_plain_text_arrives_as_it_was_typed(typed: str) -> None:
    assert through_inspect(f"data={typed}")["data"] == typed


@pytest.mark.parametrize(
    "typed",
    [
        "Question: is it safe?",
        "yes",
        "No",
        "~",
        "null",
        "[safe, unsafe]",
        "{a: 1}",
        "007",
        "0.50",
        "1_000",
        "# safe",
        "Is it # safe?",
        "Is it\nsafe?",
        "12:30:00",
        "- a",
        "!!str 4",
        "&a safe",
        "",
        "  ",
    ],
)
def test_other_text_is_refused_and_quoting_helps(typed: str) -> None:
    with pytest.raises(PrerequisiteError, match=r"^data.*-T '?data=|^data is empty"):
        through_inspect(f"data={typed}")
    if typed.strip():
        assert through_inspect(f"data={yaml.safe_dump(typed, default_style=chr(34), width=10**6)}")["data"] == typed


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1))
def test_text_arrives_whole_or_not_at_all(typed: str) -> None:
    try:
        arrived = through_inspect(f"data=x{typed}")["data"]
    except (PrerequisiteError, yaml.YAMLError):  # Inspect's own error for what is no YAML
        return
    assert arrived.strip() == f"x{typed}".strip()


def test_a_prompt_may_stand_in_a_file() -> None:
    with pytest.raises(PrerequisiteError, match="-T prompts=FILE"):
        through_inspect("data=x", "prompt=Question: is it safe?")


def test_without_a_command_line() -> None:
    painted(data=["a", " b"], prompt=None)  # type: ignore[arg-type]  # as a log repeats it
    assert (got["data"], got["prompt"]) == ("a, b", None)
    for wrong in (True, 4, {"a": 1}, ["a", True], None):
        with pytest.raises(PrerequisiteError, match="is no text"):
            painted(data=wrong)  # type: ignore[arg-type]


def test_an_argument_of_another_task_is_not_taken_for_the_typed_one() -> None:
    with command_line("data=Is it # safe?", "prompt="):
        painted(data="other", prompt="own")
    assert (got["data"], got["prompt"]) == ("other", "own")


def test_lists_and_mappings_where_they_are_meant() -> None:
    assert through_inspect("data=x", "labels=safe,unsafe")["labels"] == ["safe", "unsafe"]
    assert through_inspect("data=x", "labels=[1, 2]")["labels"] == [1, 2]
    assert through_inspect("data=x", 'args={"policy": 3, "seed": 1}')["args"] == {"policy": 3, "seed": 1}
    with pytest.raises(PrerequisiteError, match=r"labels=\[True, False\] is no text"):
        through_inspect("data=x", "labels=[yes, no]")


def test_numbers_and_truth_values() -> None:
    found = through_inspect("data=x", "seed=3", "share=0.5", "full=true")
    assert (found["seed"], found["share"], found["full"]) == (3, 0.5, True)
    assert through_inspect("data=x", "seed='3'")["seed"] == 3
    for wrong, why in (("seed=abc", "integer"), ("seed=1.5", "integer"), ("full=maybe", "boolean"), ("seed=", "int")):
        with pytest.raises(PrerequisiteError, match=f"{wrong.partition('=')[0]}=.*{why}"):
            through_inspect("data=x", wrong)


def test_names_that_are_not_there() -> None:
    with pytest.raises(PrerequisiteError, match=r"painted has no argument promt: did you mean prompt\?"):
        through_inspect("data=x", "promt=y")
    with pytest.raises(PrerequisiteError, match=r"painted has no argument qqq; data, prompt, "):
        through_inspect("data=x", "qqq=y")
    with pytest.raises(PrerequisiteError, match="painted needs data: give it with -T data=…"):
        through_inspect("prompt=y")
    assert find("painted").unknown(["promt"]) == ["promt"]
    assert find("painted").lacking([]) == ["data"]


def test_every_task_of_this_package_is_checked() -> None:
    tasks = [name for name in registered if registered_task(f"blpo_inspect/{name}") is not None]
    assert len(tasks) > 7
    for name in tasks:
        with pytest.raises(PrerequisiteError, match=f"{name} has no argument zzz"):
            find(f"blpo_inspect/{name}").make({"zzz": 1})
