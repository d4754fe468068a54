"""What of a recorded output is the model's answer, and what merely belongs to that one call."""

from collections.abc import Mapping
from typing import Any


def answer(output: Mapping[str, Any], *, logprobs: bool = True) -> list[dict[str, Any]]:
    """The choices of an Inspect ``ModelOutput`` (as JSON) without ids, times, usage and metadata.

    Two calls agree if their answers are equal.

    Args:
        output: The output as JSON.
        logprobs: Also take in log probabilities. They move in the last digits from one machine or batch to
            another, so a comparison with a live model leaves them out.

    Returns:
        One dict per choice, in order. What is not understood is taken in as it is.
    """
    choices = output.get("choices")
    if not isinstance(choices, list):
        return [dict(output)]
    return [_choice(choice, logprobs) if isinstance(choice, dict) else {"choice": choice} for choice in choices]


def text_of(output: Mapping[str, Any]) -> str:
    """The text of the first choice, for people to read; empty where there is none."""
    for choice in answer(output, logprobs=False)[:1]:
        content = choice.get("content")
        if isinstance(content, str):
            return content
        if isinstance(content, list):
            return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return ""


def _choice(choice: dict[str, Any], logprobs: bool) -> dict[str, Any]:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    content = {
        "content": message.get("content"),
        "tool_calls": [_call(call) for call in message.get("tool_calls") or []],
        "stop_reason": choice.get("stop_reason"),
    }
    if logprobs:
        content["logprobs"] = choice.get("logprobs")
    return content


def _call(call: object) -> object:
    if not isinstance(call, dict):
        return call
    return {"function": call.get("function"), "arguments": call.get("arguments")}
