"""The task `pairs`: both orders, ties, what a verdict that follows the order is, and pairs made of ratings."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval
from inspect_ai.log import EvalLog
from PIL import Image

from blpo_inspect._util.image_digest import decoded
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.rated_pairs import rated_pairs
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.samples import Record, images_of
from blpo_inspect.logs.usage import judge_usage
from blpo_inspect.tasks.folder import folder
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.pairs import pairs
from tests.conftest import ScriptedAPI

LEVELS = {"a.png": 10, "b.png": 200, "c.png": 90, "d.png": 90}
"""How red each picture is; people say which one is redder."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name, level in LEVELS.items():
        Image.new("RGB", (8, 8), (level, 0, 0)).save(tmp_path / name)
    (tmp_path / "pairs.csv").write_text("id,image_1,image_2,label\n1,a.png,b.png,second\n2,b.png,c.png,first\n")
    return tmp_path


def shown(messages: Any) -> list[int]:
    """How red the pictures of a question are, in the order in which they are shown."""
    uris = [image.image for image in images_of(messages)]
    return [Image.open(io.BytesIO(decoded(uri))).convert("RGB").getpixel((0, 0))[0] for uri in uris]  # type: ignore[index]


def redder(messages: Any) -> str:
    first, second = shown(messages)
    return "tie" if first == second else "first" if first > second else "second"


def run(scripted: type[ScriptedAPI], judge: Callable[[Any], str], data: Path, **more: Any) -> EvalLog:
    scripted.script = staticmethod(judge)
    [log] = eval(pairs(str(data / "pairs.csv"), **more), model="scripted/judge", display="none")
    assert log.status == "success", log.error
    return log


def figures(log: EvalLog) -> dict[str, dict[str, float]]:
    assert log.results is not None
    return {score.name: {name: metric.value for name, metric in score.metrics.items()} for score in log.results.scores}


def test_a_judge_that_looks_is_right_in_both_orders(scripted: type[ScriptedAPI], data: Path) -> None:
    log = run(scripted, redder, data)
    found = figures(log)
    assert found["agreement"]["acc"] == 1
    assert found["position"]["consistent"] == 1
    assert found["position"]["position_bias"] == 0
    assert len(scripted.requests) == 4
    assert judge_usage(log.samples or [], log).made == 4
    assert sorted(map(tuple, map(shown, scripted.requests))) == [(10, 200), (90, 200), (200, 10), (200, 90)]


def test_a_judge_that_prefers_the_first_has_no_verdict(scripted: type[ScriptedAPI], data: Path) -> None:
    log = run(scripted, lambda messages: "The first image.", data)
    found = figures(log)
    assert found["unread"]["count"] == 2
    assert found["position"]["position_bias"] == 1
    assert log.samples is not None and log.samples[0].scores is not None
    assert "follows the order: first as given, second with the pictures swapped" in str(
        log.samples[0].scores["unread"].explanation
    )
    torn = figures(run(scripted, lambda messages: "first", data, ties=True, torn="tie"))
    assert torn["unread"]["count"] == 0 and torn["agreement"]["acc"] == 0
    once = figures(run(scripted, lambda messages: "first", data, order="given"))
    assert once["agreement"]["acc"] == 0.5 and "position" not in once


def test_one_order_that_cannot_be_read_is_no_verdict(scripted: type[ScriptedAPI], data: Path) -> None:
    def half(messages: Any) -> str:
        return "hm" if len(shown(messages[:1])) and shown(messages[:1])[0] == 10 else redder(messages[:1])

    log = run(scripted, half, data)
    assert figures(log)["unread"]["count"] == 1


def test_pairs_of_rated_pictures(scripted: type[ScriptedAPI], data: Path) -> None:
    rows = ["image,label,group,rater_1,rater_2"]
    rows += [f"{name},{value},one,{value},{value}" for name, value in zip(LEVELS, (1, 5, 3, 3), strict=True)]
    (data / "pairs.csv").write_text("\n".join(rows) + "\n")
    found = figures(run(scripted, redder, data, rated=True))
    assert found["agreement"]["acc"] == 1
    with_ties = run(scripted, redder, data, rated=True, ties=True)
    assert with_ties.samples is not None and len(with_ties.samples) == 6
    assert figures(with_ties)["agreement"]["acc"] == 1
    assert all(set(sample.metadata["raters"]) == {"rater_1", "rater_2"} for sample in with_ties.samples)


def test_which_one_is_first_is_drawn() -> None:
    scale = LabelScale("ordinal", ("1", "2", "3"))
    records = [Record(f"{k}", f"{k}.png", str(k % 3 + 1), group="g") for k in range(12)]
    made = rated_pairs(records, scale, ties=False, seed=1)
    assert len(made) == 48
    firsts = sum(record.label == "first" for record in made)
    assert 12 < firsts < 36
    assert made == rated_pairs(records[::-1], scale, ties=False, seed=1)
    assert len(rated_pairs(records, scale, ties=True, seed=1, most=5)) == 5


def test_what_is_no_pair_is_refused(data: Path) -> None:
    (data / "pairs.csv").write_text("image,label\na.png,first\nb.png,second\n")
    with pytest.raises(PrerequisiteError, match=r"a\.png is no pair: image_1 and image_2"):
        pairs(str(data / "pairs.csv"))
    (data / "pairs.csv").write_text("image_1,image_2,label\na.png,b.png,tie\n")
    with pytest.raises(PrerequisiteError, match="is not on the scale"):
        pairs(str(data / "pairs.csv"))


def test_folder_asks_in_both_orders_where_the_scale_is_of_pairs(scripted: type[ScriptedAPI], data: Path) -> None:
    (data / "benchmark.yaml").write_text("scale: {kind: pair, labels: [first, second]}\n")
    scripted.script = staticmethod(redder)
    [log] = eval(folder(str(data / "pairs.csv")), model="scripted/judge", display="none")
    assert log.status == "success", log.error
    assert figures(log)["agreement"]["acc"] == 1 and figures(log)["position"]["consistent"] == 1
    assert len(scripted.requests) == 4


def test_a_judge_of_pairs_is_optimized(
    scripted: type[ScriptedAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = ["image_1,image_2,label"]
    for number in range(40):
        levels = (5 * number, 5 * number + 3) if number % 2 else (5 * number + 3, 5 * number)
        for place, level in enumerate(levels, start=1):
            Image.new("RGB", (8, 8), (level, number, 0)).save(tmp_path / f"{number}-{place}.png")
        rows.append(f"{number}-1.png,{number}-2.png,{'second' if number % 2 else 'first'}")
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    asked = []

    def answer(messages: Any) -> str:
        text = "\n".join(message.text for message in messages)
        if images_of(messages) and "Answer with exactly one of" not in text:
            return "the redness is " + " and ".join(map(str, shown(messages)))
        if images_of(messages):
            return redder(messages) if "redder" in text else "first"
        asked.append(text)
        tag = "i2t_prompt" if re.search(r"<i2t_prompt>", text) else "judge_prompt"
        return f"<{tag}>\n{'How red is each picture?' if tag == 'i2t_prompt' else 'Which one is redder?'}\n</{tag}>"

    scripted.script = staticmethod(answer)
    monkeypatch.chdir(tmp_path)
    task = optimize("pairs", benchmark_args={"data": str(tmp_path / "pairs.csv")}, save="pair.yaml")
    model = "scripted/judge"
    [log] = eval(task, model=model, model_roles={"optimizer": model, "i2t": model}, display="none")
    assert log.status == "success", log.error
    saved = PromptPair.load("pair.yaml")
    assert saved.judge == "Which one is redder?" and saved.scale == LabelScale.pair()
    assert any("the redness is" in text for text in asked)
    [after] = eval(pairs("pairs.csv", prompts="pair.yaml", split="test"), model="scripted/judge", display="none")
    assert figures(after)["agreement"]["acc"] == 1


def test_labels_of_other_names_by_benchmark_yaml(scripted: type[ScriptedAPI], data: Path) -> None:
    rows = "left,right,vote,left_model,right_model\na.png,b.png,rightvote,old,new\nc.png,d.png,tievote,old,new\n"
    (data / "labels.csv").write_text(rows)
    (data / "benchmark.yaml").write_text(
        "columns: {image_1: left, image_2: right, label: vote, category_1: left_model, category_2: right_model}\n"
        "scale: {kind: pair, labels: [first, second, tie], aliases: {rightvote: second, tievote: tie}}\n"
    )
    scripted.script = staticmethod(redder)
    [log] = eval(pairs(str(data)), model="scripted/judge", display="none")
    found = figures(log)
    assert found["agreement"]["acc"] == 1 and found["labels"]["share (tie)"] == 0.5
    assert log.samples is not None and log.samples[0].metadata["sides"] == ["old", "new"]
    (data / "benchmark.yaml").write_text("scale: {kind: ordinal, labels: [1, 2, 3]}\n")
    (data / "labels.csv").write_text("image,label\na.png,1\nb.png,3\n")
    with pytest.raises(PrerequisiteError, match="its scale is ordinal, and that of pairs is pair"):
        pairs(str(data))
