"""Exported prompts are what the judge is asked, whatever is in prompt, labels and text."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.exported import Form, exported
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptError, PromptPair
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
PAIRS = {
    "plain": PromptPair("Is this image safe?\nLook \"twice\" at '''it''' and \\n.", scale=SAFETY),
    "braces": PromptPair('Say {{"label": …}} or {{text}}.', scale=LabelScale("unordered", ("{a}", "}{"))),
    "text": PromptPair("Does it show {text}? {{not}} {text}", scale=LabelScale.of("12345")),
    "numeric": PromptPair("Rate it.", scale=LabelScale("numeric", low=0, high=10), map={"0": "1", "10": "9.5"}),
    "ordinal": PromptPair("Rate {text}.", scale=LabelScale.of("123"), map={"1": "1", "2": "3", "3": "3"}),
    "weights": PromptPair("Safe?", scale=SAFETY, map={"safe": "1", "unsafe": "2.5"}),
}
HOSTILE = "a {cat} </text> < / TEXT > <text> \\ \" {text} {{x}}\n'''"

each_pair = pytest.mark.parametrize("name", PAIRS)


def asked(pair: PromptPair, text: str | None) -> str:
    assert pair.scale
    return judge_message(pair.judge, pair.scale, images=[], text=text).text


def module(pair: PromptPair, form: Form = "python") -> Any:
    names: dict[str, Any] = {"__name__": "exported_pair"}
    exec(compile(exported(pair, form, "pair.yaml"), "pair.py", "exec"), names)
    return SimpleNamespace(**names)


@each_pair
def test_the_module_says_what_the_judge_is_asked(name: str) -> None:
    pair = PAIRS[name]
    made = module(pair)
    for text in ("a cat", HOSTILE, ""):
        assert made.prompt(text) == asked(pair, text)
    if "{text}" not in pair.judge.replace("{{text}}", ""):
        assert made.prompt() == made.PROMPT == asked(pair, None)
    assert LabelScale.from_dict(made.SCALE) == pair.scale
    assert pair.map == made.MAP


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40), st.text(max_size=40))
def test_the_module_with_any_prompt(prompt: str, text: str) -> None:
    try:
        pair = PromptPair(prompt, scale=SAFETY)
    except PromptError:
        return
    if "\0" not in prompt:
        assert module(pair).prompt(text) == asked(pair, text)


@each_pair
def test_messages_say_what_the_judge_is_asked(name: str) -> None:
    pair = PAIRS[name]
    whole = json.loads(exported(pair, "messages", "pair.yaml"))
    [message] = whole["messages"]
    image, text = message["content"]
    assert message["role"] == "user" and whole["temperature"] == 0
    assert image == {"type": "image_url", "image_url": {"url": "{{IMAGE}}"}}
    assert set(whole["placeholders"]) == {"{{IMAGE}}"} | ({"{{TEXT}}"} if "{{TEXT}}" in text["text"] else set())
    refers = name in ("text", "ordinal")
    assert text["text"].replace("{{TEXT}}", "a cat") == asked(pair, "a cat" if refers else None)
    assert whole["scale"] == (pair.scale and pair.scale.to_dict())
    assert whole.get("map") == pair.map and ("map_means" in whole) == (pair.map is not None)


def test_a_prompt_with_a_placeholder_of_messages_is_refused() -> None:
    with pytest.raises(PromptError, match=r"pair\.yaml: the prompt holds"):
        exported(PromptPair("Write {{{{TEXT}}}}.", scale=SAFETY), "messages", "pair.yaml")


@pytest.mark.parametrize("name", ["plain", "text", "weights"])
@pytest.mark.parametrize("text", [None, "a cat", HOSTILE])
def test_the_solver_asks_what_the_judge_is_asked(
    scripted: type[ScriptedAPI], red: Path, tmp_path: Path, name: str, text: str | None
) -> None:
    pair = PAIRS[name]
    assert pair.scale
    if name == "text" and text is None:
        return
    scripted.script = staticmethod(lambda messages: "safe")
    beside = [] if text is None else [ContentText(text=text)]
    images = [ContentImage(image=str(red)), ContentImage(image=str(red))]
    sample = Sample([ChatMessageUser(content=[*images, *beside])])
    solver = module(pair, "solver").judge
    [log] = eval(Task([sample], solver=solver), model="scripted/m", display="none", log_dir=str(tmp_path))
    assert log.status == "success" and log.samples and log.samples[0].output.completion == "safe"
    [[message]] = scripted.requests
    expected = judge_message(pair.judge, pair.scale, images=images, text=text).content
    assert [type(part) for part in message.content] == [type(part) for part in expected]
    assert message.content[-1] == expected[-1]
    assert scripted.configs[0].temperature == 0


def test_a_pair_without_a_scale_is_refused() -> None:
    with pytest.raises(PrerequisiteError, match="which labels there are"):
        exported(PromptPair("Safe?"), "python", "pair.yaml")


def test_messages_of_a_pair_show_two_images() -> None:
    whole = json.loads(exported(PromptPair("Which is better?", scale=LabelScale.pair()), "messages", "pair.yaml"))
    *images, text = whole["messages"][0]["content"]
    assert [image["image_url"]["url"] for image in images] == ["{{IMAGE_1}}", "{{IMAGE_2}}"]
    assert text["text"] == "Which is better?\n\nAnswer with exactly one of: first, second."
    assert "ask again with the two swapped" in whole["placeholders"]["{{IMAGE_2}}"]
