"""`folder` on images that nobody labelled: they are judged, and in no figure of agreement."""

from pathlib import Path

import pytest
from inspect_ai import eval
from inspect_ai.log import EvalLog
from PIL import Image

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.tasks.folder import folder
from tests.conftest import ScriptedAPI

SAID = ["safe", "safe", "unsafe", "hm", "hm"]
"""What the judge says of the four pictures; the last is asked twice."""


@pytest.fixture
def data(tmp_path: Path, scripted: type[ScriptedAPI]) -> Path:
    """A folder with four pictures and a judge that says `SAID`."""
    for number in range(4):
        Image.new("RGB", (8, 8), (number * 60, 0, 0)).save(tmp_path / f"{number}.png")
    answers = iter(SAID)
    scripted.script = staticmethod(lambda messages: next(answers))
    return tmp_path


def table(folder: Path, *lines: str) -> str:
    path = folder / "new.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def run(data: str, **more: object) -> EvalLog:
    [log] = eval(folder(data, **more), model="scripted/judge", max_connections=1, display="none")  # type: ignore[arg-type]
    assert log.status == "success", log.error
    return log


def figures(log: EvalLog) -> dict[str, dict[str, float]]:
    assert log.results is not None
    return {score.name: {name: metric.value for name, metric in score.metrics.items()} for score in log.results.scores}


def test_a_table_without_labels_has_shares_and_no_agreement(data: Path) -> None:
    log = run(table(data, "image", "0.png", "1.png", "2.png", "3.png"), labels="safe,unsafe")
    found = figures(log)
    assert set(found) == {"unread", "labels"}
    assert found["labels"]["share (safe)"] == pytest.approx(2 / 3)
    assert found["unread"]["count"] == 1
    assert log.samples is not None
    assert all("human" not in sample.metadata and sample.target == "" for sample in log.samples)
    with pytest.raises(LogError, match="none of its 4 pictures has a label of people"):
        judged_run(log)


def test_the_pair_can_say_the_labels(data: Path) -> None:
    pair = data / "pair.yaml"
    PromptPair("Safe?", scale=LabelScale.of(["safe", "unsafe"])).save(pair)
    assert "share (unsafe)" in figures(run(table(data, "image", "0.png", "1.png"), prompts=str(pair)))["labels"]


def test_a_part_that_is_labelled_has_its_figures(data: Path) -> None:
    lines = ["image,label", "0.png,safe", "1.png,unsafe", "2.png,", "3.png,"]
    with pytest.raises(PrerequisiteError, match=r"row 4: no label(.|\n)*unlabelled=true"):
        folder(table(data, *lines))
    log = run(table(data, *lines), unlabelled=True)
    found = figures(log)
    assert found["agreement"]["acc"] == 0.5
    assert found["labels"]["share (safe)"] == pytest.approx(2 / 3)
    assert found["labels"]["n"] == 2
    assert log.eval.metadata is not None
    assert "rows without a label, which are judged and count in no figure: 2" in log.eval.metadata["notes"]
    judged = judged_run(log)
    assert [answer.human for answer in judged.answers] == ["safe", "unsafe"]
    assert judged.failed == 0


def test_a_numeric_scale_has_its_mean(data: Path, scripted: type[ScriptedAPI]) -> None:
    answers = iter(["2", "4", "6"])
    scripted.script = staticmethod(lambda messages: next(answers))
    found = figures(run(table(data, "image", "0.png", "1.png", "2.png"), scale="numeric:0:10"))
    assert found["labels"]["mean"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("head", "more", "words"),
    [
        (
            "image",
            {},
            "no column label; it has 'image' .*without labels, say which there can be: -T labels=",
        ),
        ("image,lable", {"labels": "safe,unsafe"}, "did you mean lable"),
    ],
)
def test_without_a_scale_or_with_a_slip_it_is_refused(data: Path, head: str, more: dict[str, str], words: str) -> None:
    with pytest.raises(PrerequisiteError, match=words):
        folder(table(data, head, "0.png,safe" if "," in head else "0.png"), **more)  # type: ignore[arg-type]


def test_splits_and_optimizers_take_labelled_rows_only(data: Path) -> None:
    for number in range(4, 20):
        Image.new("RGB", (8, 8), (0, number * 9, 0)).save(data / f"{number}.png")
    lines = [f"{number}.png,{('safe', 'unsafe', '')[number % 3]}" for number in range(20)]
    args = {"data": table(data, "image,label", *lines), "unlabelled": True}
    for split in ("train", "validation", "test"):
        assert all(sample.metadata and "human" in sample.metadata for sample in folder(**args, split=split).dataset)  # type: ignore[arg-type]
