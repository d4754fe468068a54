"""What people see of an error that is raised alone."""

import sys

import pytest
from rich.console import Console
from rich.traceback import Traceback

from blpo_inspect._util.plain_error import PlainError, alone


def fail() -> None:
    try:
        raise KeyError("inner")
    except KeyError as error:
        failure = PlainError("What is wrong,\nand what to do.")
        failure.__cause__ = error
        alone(failure)


def test_the_message_stands_alone() -> None:
    with pytest.raises(PlainError) as caught:
        fail()
    assert caught.value.message == "What is wrong,\nand what to do."
    console = Console(record=True, width=80, file=sys.stderr)
    console.print(Traceback.from_exception(caught.type, caught.value, caught.value.__traceback__))
    assert console.export_text() == "PlainError: What is wrong,\nand what to do.\n"
