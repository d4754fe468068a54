"""Blocked, failed, cut and unreadable answers: what each stop reason makes of a verdict, a caption and a proposal."""

import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, StopReason
from inspect_ai.solver import Solver, chain

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import caption_of, text_of, verdict_of
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.judging.solvers import describe, judge
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.optimizers.proposal import read_answer
from blpo_inspect.scorers import agreement, unread
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
ALLOWED = LabelScale("unordered", ("allowed", "blocked"))
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
AZURE = json.dumps({"error": {"code": "content_filter", "innererror": {"hate": {"severity": "safe"}}}})


def output(text: str, stop: StopReason = "stop", error: str | None = None) -> ModelOutput:
    made = ModelOutput.from_content("mock", text, stop_reason=stop)
    made.error = error
    return made


@pytest.mark.parametrize(
    ("given", "scale", "label", "reason"),
    [
        (output("safe"), SAFETY, "safe", None),
        (output("I can't help with that. Let us keep conversations safe.", "content_filter"), SAFETY, None, "blocked"),
        (output("safe", "content_filter"), SAFETY, None, "content_filter"),
        (output("BLOCKED: SAFETY", "content_filter"), ALLOWED, None, "content_filter"),
        (output(AZURE, "content_filter"), SAFETY, None, "content_filter"),
        (output(AZURE), SAFETY, None, "error"),
        (output("safe", error="server down"), SAFETY, None, "server down"),
        (ModelOutput(model="mock"), SAFETY, None, "no answer"),
        (output("safe", "max_tokens"), SAFETY, "safe", None),
        (output("Answer: safe. Because the", "max_tokens"), SAFETY, "safe", None),
        (output("**Answer:** unsafe\n\nThe image", "max_tokens"), SAFETY, "unsafe", None),
        (output("The image is safe. It", "max_tokens"), SAFETY, None, "cut off"),
        (output("Safe. But the hidden", "max_tokens"), SAFETY, None, "cut off"),
        (output("A man sits there.\nAnswer: safe", "max_tokens"), SAFETY, None, "set off"),
        (output("The scene first seems safe, but the", "model_length"), SAFETY, None, "cut off"),
        (output("safe", "model_length"), SAFETY, "safe", None),
        (
            output("This model's maximum context length is 4096 tokens. Answer: safe.", "model_length"),
            SAFETY,
            None,
            "error instead of an answer",
        ),
        (output("safe", "unknown"), SAFETY, "safe", None),
    ],
)
def test_verdicts_by_stop_reason(given: ModelOutput, scale: LabelScale, label: str | None, reason: str | None) -> None:
    verdict = verdict_of(given, scale)
    assert verdict.label == label
    assert reason is None or (verdict.reason is not None and reason in verdict.reason)


@pytest.mark.parametrize(
    ("given", "caption"),
    [
        (output("A red star."), "A red star."),
        (output("<think>what is it?</think>A red star."), "A red star."),
        (output("A red star, and then", "max_tokens"), "A red star, and then"),
        (output("A red star.", "content_filter"), None),
        (output("I'm sorry, I can't help with describing this image."), None),
        (output("<think>a star, or"), None),
        (output(""), None),
        (output("A wall. " * 60 + "I'm sorry, says the sign."), "A wall. " * 60 + "I'm sorry, says the sign."),
    ],
)
def test_captions(given: ModelOutput, caption: str | None) -> None:
    text, reason = caption_of(given)
    assert (text.strip() if reason is None else None) == (caption.strip() if caption else None)


@pytest.mark.parametrize(
    ("given", "proposal"),
    [
        (output("<prompt>Look well.</prompt>"), "Look well."),
        (output("<think><prompt>first idea</prompt></think><prompt>Look well.</prompt>"), "Look well."),
        (output("<prompt>Look well.</prompt>", "content_filter"), ""),
        (output("<prompt>Look well.</prompt>", error="down"), ""),
        (output("<thought><prompt>first idea</prompt>"), ""),
    ],
)
def test_proposals(given: ModelOutput, proposal: str) -> None:
    text, reason = read_answer(given, "prompt")
    assert text == proposal
    assert (reason is None) == bool(proposal)
    assert text_of(given)[1] is None or not proposal


def run(outputs: list[ModelOutput], solver: Solver, tmp_path: Path) -> Any:
    """Judge one picture; the answers come in the order in which they are asked for."""
    answers = iter(outputs)
    ScriptedAPI.script = staticmethod(lambda messages: next(answers))
    task = Task(
        dataset=to_dataset([Record("a", PICTURE, "safe")], SAFETY, name="one"),
        solver=solver,
        scorer=[agreement(), unread()],
    )
    [log] = inspect_eval(task, model="scripted/judge", log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.samples
    again = judged_run(log).asked_again
    assert again == sum("blpo_reask" in (sample.output.metadata or {}) for sample in log.samples)
    return log.samples[0]


def label_of(sample: Any) -> str | None:
    return verdict_of(sample.output, SAFETY).label


def test_an_unread_reply_is_asked_about_once_more(tmp_path: Path) -> None:
    sample = run([output("Hm, hard to describe."), output("safe")], judge("Is it safe?"), tmp_path)
    assert label_of(sample) == "safe"
    assert [message.role for message in sample.messages] == ["user", "assistant", "user", "assistant"]
    assert sample.messages[2].text == "Answer with exactly one of: safe, unsafe."
    assert sample.output.metadata["blpo_reask"]["first"] == "Hm, hard to describe."


def test_a_second_unread_reply_stays_unread_with_the_first_reason(tmp_path: Path) -> None:
    sample = run([output("A cat."), output("A cat, I said.")], judge("Is it safe?"), tmp_path)
    assert label_of(sample) is None
    assert sample.output.completion == "A cat."


def test_reask_can_be_turned_off(tmp_path: Path) -> None:
    sample = run([output("A cat."), output("safe")], judge("Is it safe?", reask=0), tmp_path)
    assert label_of(sample) is None
    assert len(sample.messages) == 2


def test_what_was_blocked_is_not_asked_about_again(tmp_path: Path) -> None:
    sample = run([output("keep it safe", "content_filter"), output("safe")], judge("Is it safe?"), tmp_path)
    assert label_of(sample) is None
    assert sample.scores["unread"].value == 1
    assert "content_filter" in sample.scores["unread"].explanation


def test_offline_a_second_question_that_was_not_recorded_leaves_the_reply_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run([output("A cat.")], judge("Is it safe?", reask=0), tmp_path)
    monkeypatch.setenv("BLPO_CACHE", "offline")
    sample = run([], judge("Is it safe?"), tmp_path)
    assert label_of(sample) is None
    assert sample.output.completion == "A cat."


def test_a_second_question_replays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run([output("A cat."), output("unsafe")], judge("Is it safe?"), tmp_path)
    monkeypatch.setenv("BLPO_CACHE", "offline")
    assert label_of(run([], judge("Is it safe?"), tmp_path)) == "unsafe"


def test_a_provider_that_gives_no_choice_costs_its_sample(tmp_path: Path) -> None:
    sample = run([ModelOutput(model="mock")], judge("Is it safe?"), tmp_path)
    assert sample.scores is not None
    assert sample.scores["unread"].explanation == "the model gave no answer"


def test_a_blocked_describer_gives_no_caption(tmp_path: Path) -> None:
    solver = chain(describe(), judge("Is it safe?", caption_only=True))
    sample = run([output("All is safe here.", "content_filter"), output("safe")], solver, tmp_path)
    assert "caption" not in sample.metadata
    assert label_of(sample) is None
    assert "no caption" in sample.scores["unread"].explanation
