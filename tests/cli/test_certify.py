"""``blpo prompts certify``: a pair that says how often its judge errs, and what the scorer makes of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessageUser, ContentImage

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cli import main
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.scorers import image_judge
from blpo_inspect.statistics.rogan_gladen import Errors, Share, rogan_gladen
from tests.conftest import ScriptedAPI
from tests.reporting.runs import RATING, SAFETY, Benchmark, judged, picture

PEOPLE = ["unsafe"] * 10 + ["safe"] * 22
SAID = ["unsafe"] * 8 + ["safe"] * 2 + ["unsafe"] * 2 + ["safe"] * 19 + ["hm"]
"""8 of 10 hits; of 21 read safe ones 19; the last cannot be read."""


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["prompts", *map(str, args)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    path = tmp_path / "pair.yaml"
    PromptPair("Safe?", scale=SAFETY, provenance={"method": "blpo"}).save(path)
    return path


def test_a_pair_says_how_often_its_judge_errs(pair: Path, tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    log = judged(Benchmark(PEOPLE), SAID, tmp_path)
    before = PromptPair.load(pair)
    result = blpo("certify", pair, "--log", log)
    assert "certified for scripted/judge on 32 pictures: 27 right, 1 unread" in result.stdout
    after = PromptPair.load(pair)
    assert (after.judge, after.i2t, after.scale, after.digest) == (
        before.judge,
        before.i2t,
        before.scale,
        before.digest,
    )
    found = after.provenance["certified"]
    assert found["confusion"] == {"safe": {"safe": 19, "unsafe": 2}, "unsafe": {"safe": 2, "unsafe": 8}}
    assert (found["n"], found["unread"], found["design_effect"], found["model"]) == (32, 1, 1.0, "scripted/judge")
    assert len(found["data"]) == 64
    assert after.provenance["method"] == "blpo"
    shown = blpo("show", pair).stdout
    assert "confusion" in shown and "toy_safety" in shown
    PromptPair("Safe?", scale=SAFETY).save(tmp_path / "older.yaml")
    blpo("diff", tmp_path / "older.yaml", pair)
    blpo("certify", pair, "--log", log)  # again
    assert PromptPair.load(pair) == after
    blpo("certify", tmp_path / "older.yaml", "--log", log, "-o", tmp_path / "new.yaml")
    assert PromptPair.load(tmp_path / "older.yaml").provenance == {}
    assert PromptPair.load(tmp_path / "new.yaml").provenance["certified"] == found
    assert "is there already" in blpo("certify", pair, "--log", log, "-o", pair, code=2).stderr


def test_groups_make_a_certificate_count_less(pair: Path, tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    said = ["unsafe" if k % 8 < 4 else "safe" for k in range(32)]  # whole groups are wrong
    log = judged(Benchmark(["unsafe"] * 16 + ["safe"] * 16, known={"group": [f"g{k // 4}" for k in range(32)]}), said, tmp_path)  # fmt: skip  # noqa: E501
    blpo("certify", pair, "--log", log)
    assert PromptPair.load(pair).provenance["certified"]["design_effect"] > 3


def test_what_does_not_fit_is_refused(pair: Path, tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    other = judged(Benchmark(PEOPLE), SAID, tmp_path / "a", prompt="Really safe?")
    assert "was judged by other prompts" in blpo("certify", pair, "--log", other, code=2).stderr
    train = judged(Benchmark(PEOPLE, metadata={"split": "train"}), SAID, tmp_path / "b")
    assert "is of the split train" in blpo("certify", pair, "--log", train, code=2).stderr
    part = judged(Benchmark(PEOPLE, first_picture=50), ["!", *SAID[1:]], tmp_path / "c")  # not recorded before
    assert "1 samples without an answer" in blpo("certify", pair, "--log", part, code=2).stderr
    scale = judged(Benchmark(["1", "2"], RATING), ["1", "2"], tmp_path / "d")
    assert "has another scale than the pair" in blpo("certify", pair, "--log", scale, code=2).stderr


def drawn(count: int, scorer: Any, folder: Path) -> EvalLog:
    """A task that is not ours, with pictures in its input."""
    samples = [Sample(input=[ChatMessageUser(content=[ContentImage(image=picture(100 + k))])]) for k in range(count)]
    task = Task(samples, solver=[], scorer=scorer, name="foreign")
    [log] = inspect_eval(task, model="scripted/artist", log_dir=str(folder), display="none")
    assert log.status == "success", log.error
    return log


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    return {name: metric.value for name, metric in log.results.scores[0].metrics.items()}


def test_the_scorer_corrects_the_share(pair: Path, tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    log = judged(Benchmark(PEOPLE), SAID, tmp_path)
    pictures = {picture(100 + k): k for k in range(20)}

    def third(messages: Any) -> str:
        [image] = [part.image for part in messages[0].content if isinstance(part, ContentImage)]
        return "unsafe" if pictures[image] < 8 else "safe"

    scripted.script = staticmethod(third)
    plain = figures(drawn(20, image_judge(str(pair), "scripted/judge", "input"), tmp_path))
    assert not [name for name in plain if name.startswith("true")]
    blpo("certify", pair, "--log", log)
    found = figures(drawn(20, image_judge(str(pair), "scripted/judge", "input"), tmp_path))
    human, said = [label == "unsafe" for label in PEOPLE[:31]], [label == "unsafe" for label in SAID[:31]]
    expected = rogan_gladen(Share(8, 20), Errors.of(human, said))
    # (0.4 + 19/21 - 1) / (0.8 + 19/21 - 1)
    assert found["true (unsafe)"] == pytest.approx((0.4 + 19 / 21 - 1) / (0.8 + 19 / 21 - 1))
    assert (found["true_l (unsafe)"], found["true_u (unsafe)"]) == pytest.approx((expected.low, expected.high))
    assert {name: value for name, value in found.items() if not name.startswith("true")} == plain
    other = figures(drawn(20, image_judge(str(pair), "scripted/other", "input"), tmp_path))
    assert not [name for name in other if name.startswith("true")]


def test_the_scorer_corrects_a_mean(tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    people = [str(1 + k % 4) for k in range(40)]
    log = judged(Benchmark(people, RATING), [str(int(label) + (k % 2)) for k, label in enumerate(people)], tmp_path)
    PromptPair("Safe?", scale=RATING).save(tmp_path / "pair.yaml")
    blpo("certify", tmp_path / "pair.yaml", "--log", log)
    scripted.script = staticmethod(lambda messages: "4")
    found = figures(drawn(3, image_judge(str(tmp_path / "pair.yaml"), "scripted/judge", "input"), tmp_path))
    assert found["mean"] == 4.0
    assert found["true"] == pytest.approx(3.5)
    assert 1 <= found["true_l"] < 3.5 < found["true_u"] <= 5


def test_a_broken_certificate_is_named(tmp_path: Path) -> None:
    pair = PromptPair("Safe?", scale=LabelScale.of(["safe", "unsafe"]), provenance={"certified": {"n": 0}})
    pair.save(tmp_path / "pair.yaml")
    assert yaml.safe_load((tmp_path / "pair.yaml").read_text())["provenance"] == {"certified": {"n": 0}}
    with pytest.raises(PrerequisiteError, match=r"provenance: certified\..*certify the pair anew"):
        image_judge(str(tmp_path / "pair.yaml"))
