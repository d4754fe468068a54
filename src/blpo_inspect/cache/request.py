"""The canonical request: what two model calls must share to have the same answer.

An image counts as the digest of its file's bytes, wherever they come from. Ids, metadata and how a
request travels do not count; nor does how a provider rearranges messages, which its identity decides.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentText,
    ContentVideo,
    GenerateConfig,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from pydantic import BaseModel

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.inspect_internals import current_epoch
from blpo_inspect.cache.entry import SCHEMA
from blpo_inspect.cache.model_identity import public, without_values

TRAVEL = frozenset(
    {
        "adaptive_connections",
        "attempt_timeout",
        "batch",
        "cache",
        "cache_prompt",
        "fail_on_refusal",
        "max_connections",
        "max_retries",
        "max_tool_output",
        "stream_idle_timeout",
        "timeout",
    }
)
"""Generation settings that decide how a request travels, and change no answer. Any other, also one to come, is part of
the key, and its change is reported by the gate."""

_draw: ContextVar[int] = ContextVar("blpo_draw", default=0)


@contextmanager
def draw(n: int) -> Iterator[None]:
    """Within this context, requests are the n-th draw: equal requests under other draws are asked anew.

    For sampling several answers to one request. Without it, a request is draw 0.

    Raises:
        ValueError: `n` is negative.
    """
    if n < 0:
        raise ValueError(f"draw {n}: count from 0")
    token = _draw.set(n)
    try:
        yield
    finally:
        _draw.reset(token)


def canonical_request(
    identity: dict[str, Any],
    messages: Sequence[ChatMessage],
    tools: Sequence[ToolInfo] = (),
    tool_choice: ToolChoice | None = None,
    config: GenerateConfig | None = None,
) -> dict[str, Any]:
    """What the key of a call is made of (`entry.key_of`), as JSON.

    The epoch is the running sample's (1 outside of samples), the draw that of `draw`.

    Raises:
        ValueError: An image cannot be resolved to bytes: a reference into a log, or a broken data URI.
        OSError: An image file cannot be read.
    """
    request: dict[str, Any] = {
        "schema": SCHEMA,
        "model": identity,
        "messages": _messages(messages),
        "config": _config(config or GenerateConfig()),
        "draw": {"epoch": current_epoch(), "nth": _draw.get()},
    }
    if tools:
        request["tools"] = [_dump(tool) for tool in tools]
        request["tool_choice"] = (
            tool_choice if isinstance(tool_choice, str) else {"name": tool_choice.name} if tool_choice else "auto"
        )
    return request


def _messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    # providers make up the ids of tool calls; what counts is which result belongs to which call
    calls: dict[str, str] = {}

    def call(given: str | None) -> str | None:
        return None if given is None else calls.setdefault(given, f"call-{len(calls)}")

    listed = []
    for message in messages:
        item: dict[str, Any] = {"role": message.role, "content": _contents(message.content)}
        match message:
            case ChatMessageAssistant(tool_calls=[_, *_]):
                item["tool_calls"] = [
                    {
                        "id": call(tool_call.id),
                        "function": tool_call.function,
                        "arguments": tool_call.arguments,
                        **({"parse_error": tool_call.parse_error} if tool_call.parse_error else {}),
                        **({"type": tool_call.type} if tool_call.type != "function" else {}),
                    }
                    for tool_call in message.tool_calls or []
                ]
            case ChatMessageTool():
                item["call"] = call(message.tool_call_id)
                item["function"] = message.function
                if message.error is not None:
                    item["error"] = {"type": message.error.type, "message": message.error.message}
            case ChatMessageUser(tool_call_id=[_, *_]):
                item["calls"] = [call(call_id) for call_id in message.tool_call_id or []]
        listed.append(item)
    return listed


def _contents(content: str | list[Content]) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_content(part) for part in content]


def _content(part: Content) -> dict[str, Any]:
    match part:
        case ContentText():
            return {"type": "text", **_dump(part, "type", "cache_breakpoint")}
        case ContentImage():
            return {"type": "image", **_media(part.image), **_dump(part, "type", "image")}
        case ContentAudio():
            return {"type": "audio", **_media(part.audio), **_dump(part, "type", "audio")}
        case ContentVideo():
            return {"type": "video", **_media(part.video), **_dump(part, "type", "video")}
        case ContentDocument():
            return {"type": "document", **_media(part.document), **_dump(part, "type", "document")}
        case _:
            return {"type": part.type, **_dump(part, "type", "id")}


def _media(reference: str) -> dict[str, str]:
    if reference.startswith(("http://", "https://", "gs://", "s3://")):
        return {"url_sha256": hashlib.sha256(reference.encode()).hexdigest()}  # addresses may be signed
    return {"sha256": image_digest(reference)}


def _dump(model: BaseModel, *leave_out: str) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude=set(leave_out), exclude_none=True, exclude_defaults=True)


def _config(config: GenerateConfig) -> dict[str, Any]:
    given = config.model_dump(mode="json", exclude=set(TRAVEL), exclude_none=True)
    if headers := given.pop("extra_headers", None):
        given["extra_headers"] = without_values(headers)
    if body := given.pop("extra_body", None):
        given["extra_body"] = public(body)
    return {name: value for name, value in given.items() if value not in ([], {})}
