"""One more question where a reply cannot be read: which labels there are, and nothing else.

The second question is recorded like any call. Offline, one that was not recorded leaves the reply unread, so that old
bundles and suites replay as they were. What a provider blocked is not asked about again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, ModelOutput

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.misses import CacheMissError, may_miss
from blpo_inspect.judging.answer_mode import Answer, resolve_label
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import failure, jury_left, text_of, verdict_of

DEFAULT = 1
"""How often a reply that cannot be read is followed by one more question."""

METADATA = "judge_reask"
"""Where a task's metadata say how often, unless it is `DEFAULT`."""

NOTE = "blpo_reask"
"""Where an output's metadata say that it answers a second question: ``{"first": the first reply, "reason": …}``."""


def checked(reask: int) -> int:
    """The number, if it can be used.

    Raises:
        PrerequisiteError: It is neither 0 nor 1.
    """
    if reask not in (0, 1):
        raise PrerequisiteError(f"reask={reask}: 0 (never) or 1 (one more question where a reply cannot be read)")
    return reask


def reask_of(metadata: Mapping[str, Any] | None) -> int:
    """How often a task's judge is asked again, from the task's or its log's metadata."""
    return checked((metadata or {}).get(METADATA, DEFAULT))


def unread_reason(output: ModelOutput, scale: LabelScale) -> str | None:
    """Why a reply should be followed by one more question; None where it was read, or where asking cannot help."""
    if failure(output) is not None or jury_left(output) is not None:  # a jury asks its judges again itself
        return None
    return verdict_of(output, scale).reason


def follow_up(messages: Sequence[ChatMessage], output: ModelOutput, scale: LabelScale) -> list[ChatMessage]:
    """The conversation with the reply, without its reasoning, and the one more question."""
    # a plain copy: reasoning and ids of the answer would make the next request differ from run to run
    reply = ChatMessageAssistant(content=text_of(output)[0].strip() or "(no answer)")
    return [*messages, reply, ChatMessageUser(content=scale.instruction())]


async def asked_again(
    ask: Callable[[list[ChatMessage]], Awaitable[ModelOutput]],
    messages: Sequence[ChatMessage],
    output: ModelOutput,
    scale: LabelScale,
    answer: Answer,
) -> ModelOutput:
    """The answer to one more question if it can be read, else the first output.

    Args:
        ask: Makes one call of the judge.
        messages: What was asked.
        output: The first output, which `unread_reason` has a reason for.
        scale: The labels.
        answer: How they are asked for.
    """
    try:
        with may_miss():
            second = resolve_label(answer, await ask(follow_up(messages, output, scale)), scale)
    except CacheMissError:
        return output
    if verdict_of(second, scale).label is None:
        return output
    note = {"first": output.completion[:2000], "reason": verdict_of(output, scale).reason}
    return second.model_copy(update={"metadata": {**(second.metadata or {}), NOTE: note}})
