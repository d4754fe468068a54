"""Tables as people and programs write them: for each file of ``odd`` what `blpo data show` must say of it."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from blpo_inspect.cli import main

ODD = Path(__file__).parent / "odd"
EXPECTED = [line.split("\t") for line in (ODD / "expected.tsv").read_text(encoding="utf-8").splitlines()]
"""File, exit code, and what one line of the output holds."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files beside the pictures that they name."""
    folder = tmp_path_factory.mktemp("odd")
    for number in range(24):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(folder / f"{number}.png")
    for file in ODD.iterdir():
        shutil.copy(file, folder)
    return folder


def test_every_file_is_expected() -> None:
    assert {name for name, _, _ in EXPECTED} == {file.name for file in ODD.iterdir()} - {"expected.tsv"}
    assert len(EXPECTED) >= 40


@pytest.mark.parametrize(("name", "code", "line"), EXPECTED, ids=[name for name, _, _ in EXPECTED])
def test_what_is_said(folder: Path, name: str, code: str, line: str) -> None:
    shown = CliRunner().invoke(main, ["data", "show", str(folder / name)])
    assert shown.exception is None or isinstance(shown.exception, SystemExit)
    assert any(line in said for said in shown.output.splitlines()), shown.output
    assert shown.exit_code == int(code)
