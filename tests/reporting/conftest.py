"""Logs that several tests of reports look at."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ScriptedAPI
from tests.reporting.runs import Benchmark, judged

PEOPLE = ["safe", "unsafe"] * 6


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the logs are kept once one test has made them."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def safety(made: Path, scripted: type[ScriptedAPI], tmp_path: Path) -> list[Path]:
    """Three judges of twelve images: always right; wrong on two; wrong on four, of which one cannot be read."""
    if not any(made.iterdir()):
        _judge(made)
    return [Path(shutil.copy(log, _folder(tmp_path))) for log in sorted(made.iterdir())]


def _judge(folder: Path) -> None:
    benchmark = Benchmark(
        PEOPLE,
        known={
            "category": ["indoor", "outdoor", "outdoor"] * 4,
            "raters": [{"x": one, "y": one, "z": "safe"} for one in PEOPLE],
        },
    )
    wrong = {"safe": "unsafe", "unsafe": "safe"}
    for prompt, places in {"Right?": [], "Nearly?": [0, 1], "Hardly?": [0, 1, 2, 3]}.items():
        answers = [wrong[one] if place in places else one for place, one in enumerate(PEOPLE)]
        if prompt == "Hardly?":
            answers[3] = "I cannot say <b>that</b>"
        judged(benchmark, answers, folder, prompt=prompt)


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir(exist_ok=True)
    return folder
