"""Asking for a prompt: what counts as one, asking again, the budget, and equal requests in equal runs."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.cache.misses import CacheMissError
from blpo_inspect.optimizers.calls import BudgetSpentError, Calls
from blpo_inspect.optimizers.proposal import Proposal, Question, Rejection, propose, propose_all
from tests.conftest import ScriptedAPI

TAG = "judge_prompt"
Answer = str | ModelOutput


@pytest.fixture
def answers(scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What the optimizer answers, in order; texts or whole outputs."""
    queue: list[Answer] = []

    async def generate(
        self: ScriptedAPI, input: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        ScriptedAPI.requests.append(list(input))
        answer = queue.pop(0)
        output = ModelOutput.from_content(self.model_name, answer) if isinstance(answer, str) else answer
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    monkeypatch.setattr(ScriptedAPI, "generate", generate)
    return queue


def calls(max_calls: int | None = None) -> Calls:
    """A run's calls, with nothing but an optimizer."""
    return Calls({"optimizer": get_model("scripted/optimizer", memoize=False)}, {}, max_calls)


def ask(
    by: Calls | None = None, attempts: int = 3, problem: Callable[[str], str | None] = lambda new: None
) -> Proposal:
    """Ask the question "How?"."""
    return asyncio.run(propose(by or calls(), Question(ChatMessageUser(content="How?"), TAG, problem), attempts))


def tagged(text: str) -> str:
    """An answer with a prompt."""
    return f"<{TAG}>{text}</{TAG}>"


def empty(new: str) -> str | None:
    """Objects to an empty prompt, and to one that is bad."""
    return "it is empty" if not new else "it is bad" if "bad" in new else None


@pytest.mark.parametrize(
    ("answer", "prompt"),
    [
        (tagged("A"), "A"),
        (f"Let me think.\n{tagged('A')}\nNo, better:\n<{TAG}> B\nC </{TAG}>\nDone.", "B\nC"),
        ("<JUDGE_PROMPT>A</Judge_Prompt>", "A"),
        ("< judge_prompt >\nA\n</ judge_prompt >", "A"),
        (f"I put it between <{TAG}> and the end. {tagged('A')}", "A"),
        (f"<{TAG}>draft <{TAG}>A</{TAG}>", "A"),
        (f"{tagged('A')} It stands between <{TAG}> tags.", "A"),
        (f"{tagged('A')}</{TAG}>", "A"),
        (f"<i2t_prompt>no</i2t_prompt>{tagged('Is it {text}?')}", "Is it {text}?"),
    ],
)
def test_the_last_tagged_answer_wins(answers: list[Answer], answer: str, prompt: str) -> None:
    answers.append(answer)
    assert ask() == Proposal(prompt)


def cut_off(text: str) -> ModelOutput:
    """An answer that came to its longest."""
    return ModelOutput.from_content("optimizer", text, stop_reason="max_tokens")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("A", f"there is nothing between <{TAG}> and </{TAG}>"),
        ("", f"there is nothing between <{TAG}> and </{TAG}>"),
        (f"It stands between <{TAG}> and </{TAG}>.", f"there is nothing between <{TAG}> and </{TAG}>"),
        (f"</{TAG}>A<{TAG}>", f"there is nothing between <{TAG}> and </{TAG}>"),
        ("<i2t_prompt>A</i2t_prompt>", f"there is nothing between <{TAG}> and </{TAG}>"),
        (cut_off(f"<{TAG}>A, and"), f"the answer was cut off before </{TAG}>; be brief"),
        (cut_off(f"{tagged('A')} No, better: <{TAG}>B, and"), f"the answer was cut off before </{TAG}>; be brief"),
        (tagged(""), "it is empty"),
        (tagged(" \n "), "it is empty"),
        (tagged("bad"), "it is bad"),
    ],
)
def test_what_cannot_be_used_is_asked_for_again_with_the_reason(
    answers: list[Answer], answer: Answer, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a model in this process may say nothing; a server that sends nothing is asked again by the cache
    monkeypatch.setattr("blpo_inspect.cache.memo.LOCAL_PROVIDERS", {"scripted"})
    text = answer if isinstance(answer, str) else answer.completion
    answers += [answer, tagged("A")]
    proposal = ask(problem=empty)
    assert proposal.prompt == "A"
    [rejection] = proposal.rejected
    assert rejection.reason == reason
    assert rejection.text in (text, "bad")
    first, second = ScriptedAPI.requests
    assert [message.role for message in first] == ["user"]
    assert [message.role for message in second] == ["user", "assistant", "user"]
    assert [message.text for message in second[:2]] == ["How?", text or "(no answer)"]
    assert second[2].text == f"That cannot be used: {reason}. Give another one, between <{TAG}> and </{TAG}>."


def test_a_request_that_the_optimizer_cannot_answer_is_not_repeated(
    scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proposal is lost, not the run; another question goes on."""

    def script(messages: list[ChatMessage]) -> str:
        if messages[0].text == "How?":
            raise UnanswerableError("40 images together: too many")
        return tagged("A") if len(messages) > 1 else "no tags"

    scripted.script = staticmethod(script)
    asked = [Question(ChatMessageUser(content=text), TAG, lambda new: None) for text in ("How?", "And how?")]
    by = calls()
    lost, found = asyncio.run(propose_all(by, asked, 3))
    assert (lost.prompt, found.prompt) == (None, "A")
    assert [rejected.reason for rejected in lost.rejected] == ["the call failed: 40 images together: too many"]
    assert by.started == 3
    assert len(by.identities()) == 1


def test_an_answer_that_was_cut_off_after_its_prompt_counts(answers: list[Answer]) -> None:
    answers.append(cut_off(f"{tagged('A')} I hope that"))
    assert ask() == Proposal("A")


def test_after_the_last_attempt_there_is_no_prompt(answers: list[Answer]) -> None:
    answers += [tagged("bad 1"), "none", tagged("bad 2"), tagged("never asked for")]
    by = calls()
    proposal = ask(by, problem=empty)
    assert proposal == Proposal(
        None,
        (
            Rejection("bad 1", "it is bad"),
            Rejection("none", f"there is nothing between <{TAG}> and </{TAG}>"),
            Rejection("bad 2", "it is bad"),
        ),
    )
    assert len(answers) == 1
    assert [message.role for message in ScriptedAPI.requests[-1]] == ["user", "assistant", "user", "assistant", "user"]
    assert [message.text for message in ScriptedAPI.requests[-1]][1::2] == [tagged("bad 1"), "none"]
    assert by.started == by.uses["optimizer"].calls == 3


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_there_are_no_more_attempts_than_allowed(answers: list[Answer], attempts: int) -> None:
    answers += [f"no {number}" for number in range(9)]
    assert len(ask(attempts=attempts).rejected) == attempts
    assert len(ScriptedAPI.requests) == attempts


def test_each_attempt_is_within_the_budget(answers: list[Answer]) -> None:
    answers += ["no", "nor this", tagged("A")]
    by = calls(max_calls=2)
    with pytest.raises(BudgetSpentError, match=r"max_calls=2: 1 more after 2 would exceed it"):
        ask(by)
    assert len(ScriptedAPI.requests) == 2
    assert by.started == 2


def test_an_objection_that_fails_is_not_swallowed(answers: list[Answer]) -> None:
    def broken(new: str) -> str | None:
        raise RuntimeError("broken")

    answers.append(tagged("A"))
    with pytest.raises(RuntimeError, match="broken"):
        ask(problem=broken)


def reasoned(text: str, thought: str) -> ModelOutput:
    """An answer with reasoning and an id of its own."""
    message = ChatMessageAssistant(content=[ContentReasoning(reasoning=thought), ContentText(text=text)])
    return ModelOutput.from_message(message)


def test_equal_runs_send_equal_requests(answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded is found again offline, though every message has its own id and reasoning differs."""
    answers += [reasoned("no", "hm"), reasoned(f"{tagged('bad')}", "aha"), reasoned(tagged("A"), "good")]
    first = ask(problem=empty)
    assert first.prompt == "A" and len(first.rejected) == 2
    for request in ScriptedAPI.requests:
        assert not any(isinstance(part, ContentReasoning) for part in _parts(request))
    monkeypatch.setenv("BLPO_CACHE", "offline")
    by = calls()
    assert ask(by, problem=empty) == first
    assert (by.made, by.replayed) == (0, 3)
    with pytest.raises(CacheMissError):
        ask(problem=lambda new: "it is something else")


def test_reasoning_does_not_enter_the_next_request(answers: list[Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLPO_CACHE", "off")
    for thought in ("zebra", "gnu"):
        answers += [reasoned("no", thought), reasoned(tagged("A"), thought)]
        ask()
    sent = [[(message.role, message.content) for message in request] for request in ScriptedAPI.requests]
    assert sent[:2] == sent[2:]
    assert "zebra" not in str(sent)


def asked(*wording: str, problem: Callable[[str], str | None] = empty) -> list[Question]:
    """Questions of their own."""
    return [Question(ChatMessageUser(content=text), TAG, problem) for text in wording]


def by_question(answers: dict[str, list[str]], delay: Callable[[str], float] = lambda name: 0.0) -> Callable[..., Any]:
    """A model that answers each question by its own list, sooner or later."""

    async def generate(
        self: ScriptedAPI, input: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        name = input[0].text
        await asyncio.sleep(delay(name))
        output = ModelOutput.from_content(self.model_name, answers[name].pop(0))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    return generate


@pytest.mark.parametrize("first", ["a", "b", "c"])
def test_questions_side_by_side_come_to_the_same_whoever_answers_first(
    first: str, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"a": [tagged("bad"), tagged("A")], "b": [tagged("B")], "c": ["nothing", tagged("bad"), tagged("bad")]}
    monkeypatch.setattr(scripted, "generate", by_question(said, lambda name: 0.0 if name == first else 0.02))
    made = calls()
    proposals = asyncio.run(propose_all(made, asked("a", "b", "c"), 3))
    assert [proposal.prompt for proposal in proposals] == ["A", "B", None]
    assert [len(proposal.rejected) for proposal in proposals] == [1, 0, 3]
    assert made.by_role() == {"optimizer": 6}


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize(("max_calls", "made"), [(1, 0), (2, 2), (3, 2)])
def test_a_round_of_asking_is_within_the_budget_as_a_whole(
    first: str, max_calls: int, made: int, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have to be asked again, and one call is left: neither is, whichever answered first."""
    said = {"a": [tagged("bad"), tagged("A")], "b": [tagged("bad"), tagged("B")]}
    monkeypatch.setattr(scripted, "generate", by_question(said, lambda name: 0.0 if name == first else 0.02))
    within = calls(max_calls)
    with pytest.raises(BudgetSpentError):
        asyncio.run(propose_all(within, asked("a", "b"), 2))
    assert within.by_role() == {"optimizer": made}


def test_no_questions_need_no_calls() -> None:
    made = calls(1)
    assert asyncio.run(propose_all(made, [], 3)) == []
    assert made.by_role() == {"optimizer": 0}


def test_many_unclosed_tags_do_not_take_long(answers: list[Answer]) -> None:
    answers += [f"<{TAG}>" * 10_000, f"</{TAG}" * 10_000, f"< {' ' * 100_000}", tagged("A")]
    assert ask(attempts=4).prompt == "A"


def _parts(request: Sequence[ChatMessage]) -> list[Any]:
    return [part for message in request for part in (message.content if not isinstance(message.content, str) else [])]


@pytest.mark.parametrize("answer", ["<no_change/>", "I compared them.\n\n<no-change />", tagged("<no_change/>")])
def test_no_change_is_an_answer_and_is_not_asked_about_again(answers: list[Answer], answer: str) -> None:
    answers += [answer, tagged("never asked for")]
    proposal = ask()
    assert proposal.prompt is None
    assert [rejection.reason for rejection in proposal.rejected] == ["the optimizer would change nothing"]
    assert len(answers) == 1
