"""SeeTRUE from a hub of this machine: balance, splits, traffic, faults."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants
from inspect_ai import eval as inspect_eval

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.tasks.seetrue import PROMPT, SOURCE, seetrue
from tests.conftest import ScriptedAPI
from tests.data.hub.server import Hub
from tests.tasks import worlds
from tests.tasks.checks import assert_disjoint, counts, digests, ids, metadata, skipped


@pytest.mark.usefixtures("whole_archives")
def test_splits_are_balanced_and_disjoint(benchmarks: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    splits = [seetrue(split=split, limit_per_class=12) for split in SPLITS]
    assert_disjoint(*splits)
    for task in splits:
        assert counts(task, "human") == {("0",): 12, ("1",): 12}
    printed = capsys.readouterr().err
    assert "the train split is in use, but SeeTRUE's terms say test set only" in printed
    assert "the test split is in use" not in printed
    # without a limit, too, which takes every row that can be used
    whole = [seetrue(split=split, full=True) for split in SPLITS]
    assert_disjoint(*whole)
    assert sum(len(task.dataset) for task in whole) > 250
    for part, task in zip(splits, whole, strict=True):
        assert set(ids(part)) <= set(ids(task)), "a group's split does not depend on the limit"
        assert len(digests(task)) <= len(task.dataset)


def test_samples_say_where_they_come_from(benchmarks: Hub) -> None:
    task = seetrue(limit_per_class=3)
    sample = task.dataset[0]
    about = metadata(sample)
    assert about["category"] in {"editbench", "coco_t2i", "drawbench"}
    assert about["text"] == about["group"] and "with a comma" in about["text"]
    assert sample.target == about["human"]
    assert task.metadata is not None
    assert task.metadata["revision"] == SOURCE.commit
    assert task.metadata["judge_prompt"] == PROMPT
    assert "test set only" in task.metadata["terms"]


@pytest.mark.usefixtures("whole_archives")
def test_faulty_rows_are_named_and_replaced(benchmarks: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    task = seetrue(limit_per_class=45)
    reasons = "\n".join(skipped(task))
    assert "label '2' is not on the scale" in reasons
    assert "no image or no text" in reasons
    assert "not in the archive" in reasons
    assert counts(task, "human") == {("0",): 45, ("1",): 45}
    assert "rows cannot be used" in capsys.readouterr().err
    every = "\n".join(reason for split in SPLITS for reason in skipped(seetrue(split=split, full=True)))
    assert "truncated" in every and "another split has the same image" in every


def test_only_the_images_that_are_drawn_travel(benchmarks: Hub) -> None:
    seetrue(limit_per_class=5)
    archive = worlds.seetrue()["images.zip"]
    table = len(worlds.seetrue()["SeeTRUE.csv"])
    parts = [request for request in benchmarks.requests if request.range and request.status == 206]
    assert 10 <= len([part for part in parts if part.sent < 10_000]) <= 16
    assert benchmarks.sent("cdn") - table < 110_000 < len(archive) / 5


def test_the_same_arguments_give_the_same_samples_also_offline(
    benchmarks: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = seetrue(limit_per_class=9)
    asked = len(benchmarks.requests)
    assert ids(seetrue(limit_per_class=9)) == ids(first)
    assert len(benchmarks.requests) == asked, "everything is in the cache"
    assert ids(seetrue(limit_per_class=9, seed=1)) != ids(first)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    again = seetrue(limit_per_class=9)
    assert ids(again) == ids(first) and digests(again) == digests(first)
    assert skipped(again) == skipped(first)
    with pytest.raises(PrerequisiteError, match="HF_HUB_OFFLINE is set; run the same command once"):
        seetrue(limit_per_class=30, seed=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "one of train, validation, test"),
        ({"limit_per_class": 0}, "limit_per_class=0: at least 1"),
    ],
)
def test_wrong_arguments(benchmarks: Hub, arguments: dict[str, int], message: str) -> None:
    with pytest.raises(PrerequisiteError, match=message):
        seetrue(**arguments)  # type: ignore[arg-type]


def test_judging_it(benchmarks: Hub, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "1")
    [log] = inspect_eval(seetrue(limit_per_class=4), model="scripted/x", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.results is not None
    assert log.results.completed_samples == 8
    assert log.results.scores[0].metrics["acc"].value == 0.5
    [message] = scripted.requests[0]
    assert not isinstance(message.content, str)
    assert "data:image/png;base64," in str(message.content[0])


def test_a_process_that_is_told_by_the_environment(benchmarks: Hub, tmp_path: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": benchmarks.url, "HF_HOME": str(tmp_path)}
    environment.pop("HF_TOKEN", None)
    code = "from blpo_inspect.tasks.seetrue import seetrue; print(len(seetrue(limit_per_class=2).dataset))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.stdout.strip() == "4", done.stderr
    assert "seetrue, test: 4 images" in done.stderr
