"""A case whose prompt pair has a map: what its baseline holds, what changed, which log is of it, and its probes."""

import json
import re
from pathlib import Path

import pytest
from inspect_ai import Task, task
from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessage

from blpo_inspect.judging.outputs import MAPPED, verdict_of
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI
from tests.regression.toy import ORDERED, Suite, picture

STRICT = dict(zip("12345", "11234", strict=True))


@task
def graded(split: str = "test", prompts: str | None = None) -> Task:
    """Squares that people give 1 to 4."""
    records = [Record(f"s{n}", picture(n), str(1 + n % 4), text=str(1 + n % 4)) for n in range(40)]
    return judging_task(records, ORDERED, name="graded", default_prompt="?", prompts=prompts)


def one_too_high(messages: list[ChatMessage]) -> str:
    found = re.search(r"<text>(\d)</text>", messages[0].text)
    assert found
    return str(int(found[1]) + 1)


@pytest.fixture
def suite(tmp_path: Path, scripted: type[ScriptedAPI]) -> Suite:
    """Recorded with the map under which the judge is always right."""
    scripted.script = staticmethod(one_too_high)
    PromptPair("Rate it.", scale=ORDERED, map=STRICT).save(tmp_path / "pair.yaml")
    made = Suite(tmp_path, scripted, benchmark="graded", prompts="pair.yaml", at_least={"accuracy": 0.9})
    made.record()
    return made


def test_a_baseline_holds_the_map_and_its_labels(suite: Suite) -> None:
    baseline = json.loads((suite.folder / "baselines/squares.json").read_bytes())
    assert baseline["prompts"]["map"] == "1 → 1, 2 → 1, 3 → 2, 4 → 3, 5 → 4"
    assert all(sample["label"] == sample["human"] for sample in baseline["samples"])
    assert "What changed" not in suite.check(code=0).stdout


def test_a_case_that_lost_its_map_is_another_judge(suite: Suite) -> None:
    log = suite.log()
    suite.check("--log", log, code=0)
    PromptPair("Rate it.", scale=ORDERED).save(suite.folder / "pair.yaml")
    assert "its label map is another one" in suite.check("--log", log, code=3).stderr
    asked = len(suite.scripted.requests)
    printed = suite.check(code=1).stdout
    assert "the map of labels changed" in printed
    assert len(suite.scripted.requests) == asked, "the recorded calls are the same"


def test_probes_apply_the_map(suite: Suite) -> None:
    suite.write(probes=[{"name": "jpeg", "tolerance": 0.1}])
    suite.check(code=0)
    samples = read_eval_log(str(suite.log())).samples or []
    assert len(samples) == 80
    for sample in samples:
        assert MAPPED in (sample.output.metadata or {})
        assert verdict_of(sample.output, ORDERED).label == sample.metadata["human"]
