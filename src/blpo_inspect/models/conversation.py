"""A request's chat messages, taken apart into what a template sees and what a processor gets."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageTool,
    ContentImage,
    ContentReasoning,
    ContentText,
)

from blpo_inspect.models.errors import RequestError


@dataclass(frozen=True)
class EncodedImage:
    """An image as it came with a request, still encoded."""

    uri: str
    """A data URI."""

    name: str
    """What to call it in an error."""


@dataclass(frozen=True)
class Conversation:
    """A request's messages, taken apart: what the template sees, and the images in their order."""

    turns: list[dict[str, Any]]
    """``role`` and ``content``, the latter a list of ``text`` and ``image`` parts."""

    images: list[EncodedImage]


def take_apart(messages: Sequence[ChatMessage], *, model: str) -> Conversation:
    """Separate texts and images of chat messages.

    Reasoning of earlier answers is left out, as models do not expect to read it.

    Raises:
        RequestError: A tool message, or content other than text and images.
    """
    turns: list[dict[str, Any]] = []
    images: list[EncodedImage] = []
    for number, message in enumerate(messages, 1):
        if isinstance(message, ChatMessageTool) or getattr(message, "tool_calls", None):
            raise RequestError(f"{model}: message {number} is about a tool call; hf-vlm has no tools")
        content = message.content
        parts: list[dict[str, str]] = []
        for part in [ContentText(text=content)] if isinstance(content, str) else content:
            if isinstance(part, ContentText):
                parts.append({"type": "text", "text": part.text})
            elif isinstance(part, ContentImage):
                images.append(EncodedImage(part.image, f"image {len(images) + 1} (message {number})"))
                parts.append({"type": "image"})
            elif not isinstance(part, ContentReasoning):
                raise RequestError(f"{model}: message {number} has {part.type} content; hf-vlm reads text, images")
        turns.append({"role": message.role, "content": parts})
    return Conversation(turns, images)
