"""The example notebooks run as in Jupyter: cell by cell, inside a running event loop, and show what they printed."""

import ast
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect import Verdict
from tests.docs.pages import ROOT

EXAMPLES = ROOT / "docs" / "examples"


async def run(notebook: Path) -> dict[str, Any]:
    """Run the code cells; the names that they leave."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads(notebook.read_text())["cells"]:
        if cell["cell_type"] == "code":
            code = compile("".join(cell["source"]), cell["id"], "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            waiting = eval(code, names)  # noqa: S307  # our own notebook
            if asyncio.iscoroutine(waiting):
                await waiting
    return names


def test_use_a_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names = asyncio.run(run(EXAMPLES / "use_a_judge.ipynb"))
    verdict, likely, unread = names["verdict"], names["found"], names["unread"]
    assert isinstance(verdict, Verdict) and verdict.label == "unsafe"
    assert likely.label == "safe" and sum(likely.probabilities.values()) == pytest.approx(1)
    assert unread.label is None and unread.reason and unread.answer
    assert "None | missing.png: no such file" in capsys.readouterr().out


@pytest.mark.parametrize("notebook", [*EXAMPLES.glob("**/*.ipynb")], ids=lambda path: path.name)
def test_every_notebook_shows_its_output(notebook: Path) -> None:
    content = json.loads(notebook.read_text())
    assert content["nbformat"] == 4
    outputs = [output for cell in content["cells"] for output in cell.get("outputs", [])]
    assert outputs and all(output["output_type"] in ("stream", "execute_result") for output in outputs)
    assert any("simulation" in line for line in content["cells"][0]["source"])
