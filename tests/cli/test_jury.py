"""``blpo jury`` on logs of real evaluations with a scripted judge."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blpo_inspect.cli import main
from tests.conftest import ScriptedAPI
from tests.reporting.runs import Benchmark, judged

PEOPLE = ["safe", "unsafe", "safe", "unsafe", "safe"] * 12
WRONG = {"safe": "unsafe", "unsafe": "safe"}


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["jury", *map(str, args)], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result


def answers(*wrong: int) -> list[str]:
    return [WRONG[one] if place in wrong else one for place, one in enumerate(PEOPLE)]


@pytest.fixture
def logs(scripted: type[ScriptedAPI], tmp_path: Path) -> Path:
    """Three judges that are wrong on six pictures each, no two on the same; the last has one unread besides."""
    for number, prompt in enumerate(("One?", "Two?", "Three?")):
        said = answers(*range(6 * number, 6 * number + 6))
        if number == 2:
            said[40] = "hm"
        judged(Benchmark(PEOPLE), said, tmp_path / "logs", prompt=prompt)
    return tmp_path / "logs"


def test_a_majority_of_judges_whose_errors_differ(logs: Path, tmp_path: Path) -> None:
    out = blpo(logs, "-o", tmp_path / "jury.json").stdout
    [found] = json.loads((tmp_path / "jury.json").read_bytes())["juries"]
    assert found["samples"] == 60 and len(found["judges"]) == 3
    assert sorted(line["figures"]["accuracy"]["value"] for line in found["judges"]) == [53 / 60, 54 / 60, 54 / 60]
    juries: dict[str, Any] = {line["name"]: line for line in found["juries"]}
    assert juries["majority"]["figures"]["accuracy"]["value"] == 1
    assert juries["majority"]["difference"]["value"] == pytest.approx(1 - found["best"]["figures"]["accuracy"]["value"])
    # errors exclude each other
    assert found["correlation"]["value"] < 0 and found["effective"] == 3
    # all agree on 41 of 60 pictures, and rightly: 39 are enough
    assert juries["majority"]["alone"]["decided"] >= 41
    assert "3 judges are worth 3.0 independent ones" in out
    assert "majority may decide" in out and "agreement of 90% or more with probability 95%" in out


def test_what_cannot_be_a_jury(logs: Path, tmp_path: Path) -> None:
    one = sorted(logs.glob("*.eval"))[0]
    assert "one judge is no jury" in blpo(one, code=2).stderr
    assert "name it .json" in blpo(logs, "-o", tmp_path / "jury.csv", code=2).stderr
    assert "no such log" in blpo(tmp_path / "none.eval", code=2).stderr
    assert "no such log" in blpo(logs, tmp_path / "none.eval", code=1).stderr


def test_ratings_are_averaged(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    from blpo_inspect.judging.labels import LabelScale

    scale = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
    people = ["1", "2", "3", "4", "5"] * 6
    for number, prompt in enumerate(("One?", "Two?")):
        said = [str(max(1, int(one) - 1) if place % 2 == number else one) for place, one in enumerate(people)]
        judged(Benchmark(people, scale=scale), said, tmp_path / "logs", prompt=prompt)
    blpo(tmp_path / "logs", "-o", tmp_path / "jury.json")
    [found] = json.loads((tmp_path / "jury.json").read_bytes())["juries"]
    juries = {line["name"]: line for line in found["juries"]}
    assert set(juries) == {"mean", "median", "weighted"}
    # one of the two is one too low on each picture but those of 1
    assert juries["mean"]["figures"]["mae"]["value"] == pytest.approx(24 * 0.5 / 30)
    assert juries["weighted"]["figures"]["mae"]["value"] < 0.4
