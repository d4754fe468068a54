"""``jury/<file>``: several scripted judges as one model, wherever a model is taken."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentImage, ContentText, ModelOutput, get_model

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.logs import read_log
from blpo_inspect.cli import main
from blpo_inspect.judging.callable_judge import Judge
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import JURY
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.models.jury import JuryError
from blpo_inspect.scorers import image_judge
from tests.conftest import ScriptedAPI
from tests.regression import toy
from tests.reporting.runs import Benchmark

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
PAIR = PromptPair("Is it safe?", scale=SAFETY)
Write = Callable[..., str]


def asks(*prompts: str, **more: Any) -> list[dict[str, Any]]:
    return [{"model": f"scripted/{number}", "prompt": prompt, **more} for number, prompt in enumerate(prompts)]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a jury file and names it as a model."""

    def write(judges: list[dict[str, Any]], kind: str = "majority", name: str = "jury", scale: Any = SAFETY) -> str:
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump({"version": 1, "kind": kind, "scale": scale.to_dict(), "judges": judges}))
        return f"jury/{file}"

    return write


def saying(**answers: str | tuple[str, float]) -> Callable[[list[ChatMessage]], str | ModelOutput]:
    """A script: what it answers to a question that holds a word, and how sure it is."""

    def script(messages: list[ChatMessage]) -> str | ModelOutput:
        given = next(answer for word, answer in answers.items() if word in messages[0].text)
        if isinstance(given, str):
            return given
        label, sure = given
        output = ModelOutput.from_content("m", label)
        other = "unsafe" if label == "safe" else "safe"
        output.metadata = {"label_logprobs": {label: math.log(sure), other: math.log(1 - sure)}}
        return output

    return script


def asked(scripted: type[ScriptedAPI]) -> list[str]:
    return [messages[0].text.split("?")[0] for messages in scripted.requests]


def test_a_majority_that_replays_without_its_judges(
    write: Write, scripted: type[ScriptedAPI], red: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script = staticmethod(saying(One="unsafe", Two="safe", Three="It is unsafe."))
    judges = asks("One?", "Two?", "Three?")
    verdict = Judge.load(PAIR, model=write(judges))(red)
    assert verdict.label == "unsafe" and verdict.probabilities == pytest.approx({"safe": 1 / 3, "unsafe": 2 / 3})
    assert sorted(asked(scripted)) == ["One", "Three", "Two"]
    # the same judges in another file, and another way to put them together, ask nobody again
    monkeypatch.setenv("BLPO_CACHE", "offline")
    weighted = [{**judge, "weight": weight} for judge, weight in zip(judges, (1, 3, 1), strict=True)]
    assert Judge.load(PAIR, model=write(weighted, "weighted", "other"))(red).label == "safe"
    # as does a judge of its own
    assert Judge.load(PromptPair("Two?", scale=SAFETY), model="scripted/1")(red).label == "safe"
    assert len(scripted.requests) == 3


def test_judges_without_a_prompt_are_asked_what_the_jury_is(
    write: Write, scripted: type[ScriptedAPI], red: Path
) -> None:
    scripted.script = staticmethod(lambda messages: "safe")
    judge = Judge.load(PAIR, model=write([{"model": "scripted/a"}, {"model": "scripted/b"}]))
    assert judge(red).label == "safe"
    direct = Judge.load(PAIR, model="scripted/a")(red)
    assert direct.label == "safe" and len(scripted.requests) == 2, "a call of the judge itself is the same"


def test_unread_judges_do_not_count_and_are_asked_again_themselves(
    write: Write, scripted: type[ScriptedAPI], red: Path
) -> None:
    scripted.script = staticmethod(saying(One="hm", Two="unsafe"))
    judge = Judge.load(PAIR, model=write(asks("One?", "Two?")))
    assert judge(red).label == "unsafe" and len(scripted.requests) == 3
    scripted.script = staticmethod(lambda messages: "hm")
    scripted.requests.clear()
    none = Judge.load(PAIR, model=write(asks("Three?", "Four?")))(red)
    assert none.label is None and "no judge's reply could be read (scripted/0: " in str(none.reason)
    assert len(scripted.requests) == 4, "the jury itself is not asked again"


def test_a_cascade_asks_the_next_judge_only_where_needed(write: Write, scripted: type[ScriptedAPI], red: Path) -> None:
    judges = [{**judge, "sure": sure} for judge, sure in zip(asks("One?", "Two?"), (0.9, 0.8), strict=True)]
    model = write(judges, "cascade")
    scripted.script = staticmethod(saying(One=("safe", 0.95), Two=("unsafe", 0.99)))
    verdict = Judge.load(PAIR, model=model)(red)
    assert verdict.label == "safe" and verdict.probabilities == pytest.approx({"safe": 0.95, "unsafe": 0.05})
    assert asked(scripted) == ["One"]


def test_what_no_judge_is_sure_of_is_left_to_a_person(write: Write, scripted: type[ScriptedAPI], red: Path) -> None:
    scripted.script = staticmethod(saying(One=("safe", 0.6), Two=("unsafe", 0.7), Three="safe"))
    judges = asks("One?", "Two?", sure=0.8)
    left = Judge.load(PAIR, model=write(judges, "cascade"))(red)
    assert left.label is None and left.reason is not None
    assert left.reason == "left to a person: no judge was sure enough (scripted/0: safe 0.60, scripted/1: unsafe 0.70)"
    assert asked(scripted) == ["One", "Two"], "nobody is asked a second time"
    # the last may decide whatever it is; what gives no probabilities is never sure
    last = Judge.load(PAIR, model=write([*judges, {"model": "scripted/2", "prompt": "Three?"}], "cascade"))(red)
    assert last.label == "safe" and asked(scripted) == ["One", "Two", "Three"]


def test_ratings_give_the_nearest_label(write: Write, scripted: type[ScriptedAPI], red: Path) -> None:
    scale = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
    scripted.script = staticmethod(saying(One="1", Two="4", Three="5"))
    model = write(asks("One?", "Two?", "Three?"), "mean", scale=scale)
    assert Judge.load(PromptPair("Rate.", scale=scale), model=model)(red).label == "3"


def test_a_text_reaches_judges_with_prompts_of_their_own(write: Write, scripted: type[ScriptedAPI], red: Path) -> None:
    scripted.script = staticmethod(lambda messages: "safe")
    model = write(asks("Is {text} there?", "Safe?"))
    assert Judge.load(PAIR, model=model)(red, "a cat").label == "safe"
    texts = sorted(messages[0].text for messages in scripted.requests)
    assert texts[0].startswith("<text>a cat</text>\n\nSafe?") and texts[1].startswith("Is <text>a cat</text> there?")
    with pytest.raises(JuryError, match=r"scripted/0 has a prompt of its own, .* no text between"):
        Judge.load(PAIR, model=model)(red)


def evaluated(model: str, tmp_path: Path) -> EvalLog:
    task = Benchmark(["safe", "unsafe", "safe"]).task("What?")
    [log] = inspect_eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    return read_log(log.location)


def test_a_log_says_who_said_what_and_counts_each_call_once(
    write: Write, scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    scripted.script = staticmethod(saying(One="unsafe", Two="safe", Three="unsafe"))
    log = evaluated(write(asks("One?", "Two?", "Three?")), tmp_path)
    run = judged_run(log)
    assert [answer.label for answer in run.answers] == ["unsafe"] * 3
    assert (run.usage.made, run.usage.replayed, run.usage.input_tokens) == (9, 0, 9)
    assert sum(usage.total_tokens for usage in log.stats.model_usage.values()) == 18
    [first, *_] = log.samples or []
    said = (first.output.metadata or {})[JURY]["judges"]
    assert [(one["model"], one["label"]) for one in said] == [
        ("scripted/0", "unsafe"), ("scripted/1", "safe"), ("scripted/2", "unsafe")
    ]  # fmt: skip
    again = judged_run(evaluated(write(asks("One?", "Two?", "Three?")), tmp_path))
    assert (again.usage.made, again.usage.replayed, again.usage.input_tokens) == (0, 9, 9)


def test_answers_say_which_jury_gave_them(write: Write, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "safe")

    def identity(judges: list[dict[str, Any]], **more: Any) -> str:
        [sample, *_] = evaluated(write(judges, **more), tmp_path).samples or []
        return json.dumps((sample.output.metadata or {})["checkpoint"], sort_keys=True)

    first = identity(asks("One?", "Two?"))
    assert identity(asks("One?", "Two?"), name="moved") == first, "a file's place says nothing about a jury"
    others = [
        identity(asks("One?", "Three?"), name="a"),
        identity([*asks("One?"), {"model": "scripted/other", "prompt": "Two?"}], name="b"),
        identity(asks("One?", "Two?", weight=1), kind="weighted", name="c"),
    ]
    assert len({first, *others}) == 4


def test_a_file_that_cannot_be_used_ends_before_the_run(write: Write, tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"none.yaml: no such jury file"):
        get_model(f"jury/{tmp_path}/none.yaml")
    with pytest.raises(PrerequisiteError, match=r"jury.yaml: judges\[0\]: nobody/x: "):
        get_model(write([{"model": "nobody/x"}, {"model": "scripted/b"}]))
    with pytest.raises(ValueError, match="recorded already"):
        get_model(f"cached/{write([{'model': 'scripted/a'}, {'model': 'scripted/b'}])}")


def test_the_command_judge_takes_a_jury(write: Write, scripted: type[ScriptedAPI], tmp_path: Path, red: Path) -> None:
    scripted.script = staticmethod(saying(One=("safe", 0.95), Two=("unsafe", 0.6)))
    PAIR.save(tmp_path / "pair.yaml")
    sure, unsure = write(asks("One?", "Two?", sure=0.9), "cascade", "a"), write(asks("Two?", sure=0.9), "cascade", "b")
    rows = []
    for model, code in ((sure, 0), (unsure, 1)):
        table = tmp_path / f"{code}.jsonl"
        arguments = ["judge", str(red), "--prompts", str(tmp_path / "pair.yaml"), "--model", model, "-o", str(table)]
        result = CliRunner().invoke(main, [*arguments, "--log-dir", str(tmp_path / "logs")])
        assert result.exit_code == code, result.output
        rows += [json.loads(line) for line in table.read_text().splitlines()]
    assert [(row["label"], row["calls"]) for row in rows] == [("safe", 1), (None, 1)]
    assert rows[1]["reason"].startswith("left to a person")


def test_a_stopped_run_does_not_go_on_with_another_jury(
    write: Write, scripted: type[ScriptedAPI], tmp_path: Path, red: Path
) -> None:
    def broken(messages: list[ChatMessage]) -> str:
        raise RuntimeError("no answer")

    scripted.script = staticmethod(broken)
    PAIR.save(tmp_path / "pair.yaml")
    arguments = ["judge", str(red), "--prompts", str(tmp_path / "pair.yaml"), "-o", str(tmp_path / "v.jsonl")]
    arguments += ["--log-dir", str(tmp_path / "logs"), "--model", write(asks("One?", "Two?"))]
    assert CliRunner().invoke(main, arguments).exit_code == 1
    write(asks("One?", "Three?"))
    other = CliRunner().invoke(main, [*arguments, "--overwrite"])
    assert other.exit_code == 2 and "with another model" in other.stderr


def test_the_scorer_takes_a_jury(write: Write, scripted: type[ScriptedAPI], tmp_path: Path, red: Path) -> None:
    scripted.script = staticmethod(saying(One="unsafe", Two="unsafe", Draw="done"))
    message = ChatMessageUser(content=[ContentImage(image=str(red)), ContentText(text="Draw.")])
    scorer = image_judge(PAIR, model=write(asks("One?", "Two?")), images="input")
    task = Task([Sample([message])], scorer=scorer)
    [log] = inspect_eval(task, model="scripted/painter", log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success" and log.samples
    [score] = (log.samples[0].scores or {}).values()
    assert score.value == "unsafe" and (score.metadata or {})["probabilities"] == {"safe": 0.0, "unsafe": 1.0}


def test_a_suite_takes_a_jury(write: Write, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    model = write([{"model": "scripted/a"}, {"model": "scripted/b"}], scale=toy.SCALE)
    suite = toy.Suite(tmp_path, scripted, model=model)
    suite.answer()
    suite.record()
    assert len(scripted.requests) == 80
    printed = suite.check(code=0).stdout
    assert "PASS" in printed and "0 calls made, 80 replayed" in printed
    suite.answer(lambda prompt, number: toy.flip(number) if number < 10 else None)
    assert "10 labels flipped" in suite.check(code=1).stdout
