"""``blpo jury`` on logs of real evaluations with a scripted judge."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput

from blpo_inspect.cli import main
from blpo_inspect.judging.outputs import verdict_of
from tests.conftest import ScriptedAPI
from tests.reporting.runs import SAFETY, Benchmark, judged

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
    assert "name one with -o jury.yaml" in blpo(logs, "--kind", "majority", code=2).stderr
    file = tmp_path / "jury.yaml"
    assert "have no mean; use --kind" in blpo(logs, "-o", file, "--kind", "mean", code=2).stderr
    assert "-T answer=likelihood" in blpo(logs, "-o", file, "--kind", "cascade", code=2).stderr
    judged(Benchmark(PEOPLE, name="other"), answers(1), logs, prompt="One?")
    judged(Benchmark(PEOPLE, name="other"), answers(2), logs, prompt="Two?")
    assert "a jury is of one benchmark" in blpo(logs, "-o", file, code=2).stderr
    assert not file.exists()
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


def test_a_jury_file_judges_as_was_reported(logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("majority", "weighted"):
        file = tmp_path / f"{kind}.yaml"
        assert f"a {kind} of 3 judges, for --model jury/{file}" in blpo(
            logs, "-o", file, *(["--kind", kind] if kind != "majority" else [])
        ).stdout.replace("\n", "")
        # all calls are recorded: the judges of the logs are asked what they were asked there
        monkeypatch.setenv("BLPO_CACHE", "offline")
        [log] = inspect_eval(
            Benchmark(PEOPLE).task("Not asked"), model=f"jury/{file}", log_dir=str(tmp_path / kind), display="none"
        )
        assert log.status == "success" and log.samples
        said = {str(sample.id): verdict_of(sample.output, SAFETY).label for sample in log.samples}
        assert [said[f"s{k}"] for k in range(len(PEOPLE))] == PEOPLE


def sure(label: str, probability: float) -> ModelOutput:
    output = ModelOutput.from_content("m", label)
    output.metadata = {"label_logprobs": {label: math.log(probability), WRONG[label]: math.log(1 - probability)}}
    return output


def test_a_cascade_in_the_order_of_the_logs(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    people = PEOPLE * 2
    # the first is sure of 60, and right; the second of all but 10, and right
    cheap = [sure(one if k < 60 else WRONG[one], 0.955 if k < 60 else 0.6) for k, one in enumerate(people)]
    strong = [sure(one if k < 110 else WRONG[one], 0.915 if k < 110 else 0.7) for k, one in enumerate(people)]
    first = judged(Benchmark(people, answer="likelihood"), cheap, tmp_path / "logs", prompt="Cheap?")
    second = judged(Benchmark(people, answer="likelihood"), strong, tmp_path / "logs", prompt="Strong?")
    file = tmp_path / "jury.yaml"
    out = blpo(first, second, "-o", file, "--kind", "cascade").stdout
    made = yaml.safe_load(file.read_text())
    assert [(one["model"], one["prompt"], one["sure"]) for one in made["judges"]] == [
        ("scripted/judge", "Cheap?", 0.95),
        ("scripted/judge", "Strong?", 0.91),
    ]
    table = [line.split()[-5:] for line in out.splitlines()]
    # calls of 2 tokens; 10 pictures are left
    assert ["0.95", "50%", "1.000", "120", "240"] in table and ["0.91", "42%", "1.000", "60", "120"] in table, out
    assert "left to a person" in out and "8%" in out
    assert "90% or more with probability 95%" in " ".join(out.split())
