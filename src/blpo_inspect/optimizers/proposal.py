"""Asks the optimizer for a text, and asks again with the reason where the text cannot be used."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, ModelOutput

from blpo_inspect._util.inspect_internals import collect
from blpo_inspect.cache.unanswered import is_unanswered
from blpo_inspect.judging.outputs import CUT_OFF, text_of
from blpo_inspect.optimizers.calls import Calls
from blpo_inspect.optimizers.questions import again
from blpo_inspect.optimizers.tagged import is_no_change, is_open, tagged

_NO_CHANGE = "the optimizer would change nothing"


@dataclass(frozen=True)
class Rejection:
    """A proposal that was not accepted, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Proposal:
    """The outcome of one question.

    Attributes:
        prompt: The accepted text; None where no text was accepted.
        rejected: The texts that were not accepted, in order.
    """

    prompt: str | None
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class Question:
    """One question to the optimizer.

    Attributes:
        message: The text of the question, and the images where they are shown.
        tag: The tag that encloses the requested text in the answer.
        problem: Gives the reason why a text cannot be used; None if it can.
        sample: Tells several samples of one question apart; it goes out as the request's seed.
    """

    message: ChatMessageUser
    tag: str
    problem: Callable[[str], str | None]
    sample: int | None = None


@dataclass
class _Asking:
    """A question with its conversation so far."""

    question: Question
    messages: list[ChatMessage]
    rejected: list[Rejection] = field(default_factory=list)
    accepted: str | None = None
    ended: bool = False
    """Whether asking again would not help: the optimizer would change nothing, or cannot answer the question at all."""


async def propose(calls: Calls, question: Question, attempts: int) -> Proposal:
    """Ask for a text until one is accepted, at most ``attempts`` times.

    Raises:
        BudgetSpentError: No call is left.
    """
    [proposal] = await propose_all(calls, [question], attempts)
    return proposal


async def propose_all(calls: Calls, questions: Sequence[Question], attempts: int) -> list[Proposal]:
    """Ask several questions side by side, each until its answer is accepted, at most ``attempts`` times.

    Args:
        calls: Models to call; the role ``optimizer`` answers.
        questions: Independent of each other.
        attempts: At least 1.

    Returns:
        One proposal per question, in their order.

    Raises:
        BudgetSpentError: The calls of one round of asking are not within the budget; none of that round was made.
    """
    asking = [_Asking(question, [question.message]) for question in questions]
    for _ in range(attempts):
        unanswered = [asked for asked in asking if asked.accepted is None and not asked.ended]
        # reserved together: which of them gets the last call may not depend on which answers first
        calls.reserve(len(unanswered))
        await collect([partial(_ask, calls, asked) for asked in unanswered])
    return [Proposal(asked.accepted, tuple(asked.rejected)) for asked in asking]


async def _ask(calls: Calls, asked: _Asking) -> None:
    question = asked.question
    output = await calls.ask("optimizer", asked.messages, seed=question.sample)
    text, reason = read_answer(output, question.tag)
    reason = reason or question.problem(text)
    if reason is None:
        asked.accepted = text
        return
    asked.rejected.append(Rejection(text or output.completion, reason))
    asked.ended = reason == _NO_CHANGE or is_unanswered(output)
    # a plain copy: reasoning and ids of the answer would make the next request differ from run to run
    answer = ChatMessageAssistant(content=output.completion or "(no answer)")
    asked.messages = [*asked.messages, answer, ChatMessageUser(content=again(reason, question.tag))]


def read_answer(output: ModelOutput, tag: str) -> tuple[str, str | None]:
    """The text between the tags, or the reason why there is none."""
    answer, failed = text_of(output)
    if failed is not None and output.stop_reason != "max_tokens":
        return "", failed
    cut_off = output.stop_reason in CUT_OFF
    text = None if cut_off and is_open(answer, tag) else tagged(answer, tag, finished=output.stop_reason == "stop")
    if is_no_change(answer if text is None else text) and not cut_off:
        return "", _NO_CHANGE
    if text is not None:
        return text, None
    if cut_off:
        return "", f"the answer was cut off before </{tag}>; be brief"
    return "", f"there is nothing between <{tag}> and </{tag}>"
