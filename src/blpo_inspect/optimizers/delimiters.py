"""Puts data into questions to the optimizer, between tags that the data cannot close, so that data never instruct.

The questions themselves are in `questions`.
"""

import re
from dataclasses import dataclass

JUDGE_PROMPT = "judge_prompt"
"""The tag around a proposed judge prompt."""

I2T_PROMPT = "i2t_prompt"
"""The tag around a proposed I2T prompt."""

CRITIQUE = "critique"
"""The tag around a critique of a judge prompt."""

NO_CHANGE = "no_change"
"""The empty tag of an answer that would leave the prompt as it is."""


def spelled(tag: str) -> str:
    """A pattern of a tag's name as models write it: also hyphenated, or in one word."""
    return re.sub("_", r"\\\\?[_ -]?", tag)


_TAGS = (
    "current_judge_prompt",
    JUDGE_PROMPT,
    I2T_PROMPT,
    CRITIQUE,
    NO_CHANGE,
    "example",
    "image_number",
    "text",
    "description",
    "people",
    "judge",
    "people_counts",
    "people_wrote",
    "judge_wrote",
    "image_category",
    "tried",
    "tried_outcome",
    "request",
    "instruction",
    "score",
)
_NAMES = "|".join(map(spelled, _TAGS))
_ANY_TAG = re.compile(rf"<(?=\s*(?:\\?/\s*)?(?:{_NAMES})\b)", re.IGNORECASE)
_WHOLE_TAG = re.compile(rf"<\s*(?:\\?(/)\s*)?({_NAMES})(?:\s[^<>]{{0,40}})?/?>", re.IGNORECASE)


@dataclass(frozen=True)
class Example:
    """One judged image in the form that the optimizer reads.

    Attributes:
        human: People's label.
        judge: The judge's label, or a remark that its answer could not be read; None where it is not told.
        description: The caption; None where the image itself is shown or nothing is.
        text: The text that the image was judged against, if any.
        number: Number of the image among those shown before the question, from 1; None where they are described.
        more: What else is known of it: tag and text, in the order in which it is told.
    """

    human: str
    judge: str | None = None
    description: str | None = None
    text: str | None = None
    number: int | None = None
    more: tuple[tuple[str, str], ...] = ()

    def block(self) -> str:
        """The example in tags, every part of it fenced."""
        parts = [
            fenced(tag, str(value))
            for tag, value in (
                ("image_number", self.number),
                ("text", self.text),
                ("description", self.description),
                ("people", self.human),
                ("judge", self.judge),
                *self.more,
            )
            if value is not None
        ]
        return "\n".join(["<example>", *parts, "</example>"])


def fenced(tag: str, data: str) -> str:
    """Data between tags; no tag that the questions use can be opened or closed from within."""
    return f"<{tag}>{inert(data)}</{tag}>"


def inert(data: str) -> str:
    """Data without any of the questions' tags."""
    return _ANY_TAG.sub("‹", data)


def reserved_tag(text: str) -> str | None:
    """The first tag of the questions that a text contains, if any. Such a text could pass for part of a question."""
    match = _WHOLE_TAG.search(text)
    return None if match is None else f"<{match[1] or ''}{match[2].lower()}>"
