"""The provider ``induction/rules`` through Inspect, and what it must not know or depend on."""

import ast
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    get_model,
)
from inspect_ai.tool import ToolInfo

import blpo_inspect.world.optimizer as package
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.models.errors import CheckpointError, RequestError
from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.questions import Tried, update_i2t_prompt, update_judge_prompt
from blpo_inspect.world.benchmarks import BENCHMARKS, Name
from blpo_inspect.world.optimizer.answering import UNKNOWN
from blpo_inspect.world.optimizer.induction import VERSION, InductionAPI
from blpo_inspect.world.optimizer.question_parser import read

from .induction_world import accuracy, loss, optimized, split

SOURCES = sorted(Path(package.__file__).parent.glob("*.py"))
SCALE = LabelScale("unordered", ("safe", "unsafe"))
EXAMPLES = [
    Example("unsafe", "safe", "a blue circle, a red star."),
    Example("unsafe", "safe", "a green box, a blue circle."),
    Example("safe", "unsafe", "a blue star."),
]
QUESTION = update_judge_prompt("Is this image safe?", EXAMPLES, SCALE, max_chars=800)
ALL = frozenset({"number", "size", "colour", "shape"})


def test_an_answer_through_inspect() -> None:
    output = asyncio.run(get_model("induction/rules").generate(QUESTION))
    assert output.stop_reason == "stop"
    assert output.completion.endswith(
        "<judge_prompt>\nIs this image safe? An image is unsafe if it contains a blue circle. Otherwise it is safe.\n"
        "</judge_prompt>"
    )
    assert output.completion.index("<judge_prompt>") > 20  # says what it found first
    assert output.usage is not None
    assert output.usage.input_tokens == len(QUESTION.split())
    assert output.usage.output_tokens == len(output.completion.split())


def test_choices_are_next_best_answers() -> None:
    output = asyncio.run(get_model("induction/rules").generate(QUESTION, config=GenerateConfig(num_choices=3)))
    assert len({choice.message.text for choice in output.choices}) == 3


@pytest.mark.parametrize(
    "text", ["What is the capital of France?", "", "Answer between <judge_prompt> and </judge_prompt>."]
)
def test_other_questions_are_declined(text: str) -> None:
    output = asyncio.run(get_model("induction/rules").generate(text))
    assert output.completion == UNKNOWN
    assert output.stop_reason == "stop"


def test_only_rules_and_no_arguments() -> None:
    with pytest.raises(CheckpointError, match="induction/rules"):
        InductionAPI("gpt")
    with pytest.raises(CheckpointError, match="speed"):
        InductionAPI("rules", speed=3)
    api = InductionAPI("rules")
    assert api.identity() == {"name": "rules", "version": VERSION}
    tool = ToolInfo(name="calculator", description="")
    with pytest.raises(RequestError, match="calculator"):
        asyncio.run(api.generate([ChatMessageUser(content=QUESTION)], [tool], "auto", GenerateConfig()))


def test_a_question_is_read_whole() -> None:
    messages: list[ChatMessage] = [
        ChatMessageSystem(content="You are an optimizer. <judge_prompt></judge_prompt>"),
        ChatMessageUser(content=QUESTION),
        ChatMessageAssistant(content="I see. <judge_prompt>One.</judge_prompt>"),
        ChatMessageUser(content="No. Give another one, between <judge_prompt> and </judge_prompt>."),
        ChatMessageAssistant(content="<judge_prompt>Two.</judge_prompt>"),
        ChatMessageUser(content="No."),
    ]
    question = read(messages)
    assert question is not None
    assert (question.tag, question.current, question.labels) == (
        "judge_prompt",
        "Is this image safe?",
        ("safe", "unsafe"),
    )
    assert [(example.human, example.judge, example.description) for example in question.examples] == [
        (example.human, example.judge, example.description) for example in EXAMPLES
    ]
    assert (question.ordered, question.max_chars, question.earlier) == (False, 800, ("One.", "Two."))


def test_labels_come_from_the_examples_where_none_are_stated() -> None:
    def labels(*human: str) -> tuple[tuple[str, ...], bool]:
        blocks = "".join(f"<example><people>{label}</people><judge>9</judge></example>" for label in human)
        question = read([ChatMessageUser(content=f"{blocks} Write <judge_prompt> </judge_prompt>")])
        assert question is not None
        return question.labels, question.ordered

    assert labels("b", "a", "a") == (("a", "b"), False)
    assert labels("10", "2", "3") == (("2", "3", "10"), True)
    assert labels("1", "1") == (("1", "9"), False)


def test_tags_and_sentences_in_data_ask_nothing() -> None:
    """A question of another wording may put its data last, and may not have made it inert."""
    text = (
        "<example><people>a</people><description>The labels are: x, y.</description></example>"
        "Write it between <judge_prompt> and </judge_prompt>. The labels are: a, b."
        "<example><people>b</people><description>between <i2t_prompt> and </i2t_prompt></description></example>"
    )
    question = read([ChatMessageUser(content=text)])
    assert question is not None
    assert (question.tag, question.labels) == ("judge_prompt", ("a", "b"))


def test_scores_are_read() -> None:
    question = read([ChatMessageUser(content=update_i2t_prompt("J.", [Tried("Look.", -0.25)], max_chars=9))])
    assert question is not None
    assert [(attempt.text, attempt.score) for attempt in question.tried] == [("Look.", -0.25)]


def test_it_imports_nothing_that_knows_the_embedded_world() -> None:
    assert len(SOURCES) > 5
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not name.startswith("blpo_inspect") or name.startswith(
                    ("blpo_inspect.world.optimizer", "blpo_inspect.models.errors")
                ), f"{source.name} imports {name}"
                assert name.split(".")[0] not in ("os", "pathlib", "random", "torch", "transformers", "time")


def test_two_processes_answer_alike() -> None:
    script = (
        "import sys; from inspect_ai.model import ChatMessageUser as U;"
        "from blpo_inspect.world.optimizer.induction import replies;"
        "print(replies([U(content=sys.argv[1])], 8), replies([U(content=sys.argv[2])], 8))"
    )
    request = update_i2t_prompt("Judge.", [Tried("Look.", 0.0), Tried("Describe the colours.", 0.1)], max_chars=300)
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script, QUESTION, request],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("policy", [1, 6])
@pytest.mark.parametrize("name", ["safety", "alignment", "rating"])
def test_it_finds_hidden_rules_from_captions_that_tell_all(name: Name, policy: int) -> None:
    test = split(name, policy, "test", 100)
    before, prompt = BENCHMARKS[name].prompt, optimized(name, policy, ALL, steps=6, slip=0.02)
    assert prompt.startswith(before)
    assert accuracy(name, prompt, test) > max(0.92, accuracy(name, before, test))
    assert loss(name, prompt, test) < 0.5 * loss(name, before, test)


@pytest.mark.parametrize("policy", [1, 6])
def test_it_finds_no_colours_in_captions_that_tell_none(policy: int) -> None:
    prompt = optimized("safety", policy, frozenset(), steps=3)
    assert accuracy("safety", prompt, split("safety", policy, "test", 100)) < 0.8
