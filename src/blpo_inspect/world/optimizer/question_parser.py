"""Reads an optimizer's question from the messages alone: by its tags, not by its wording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.model import ChatMessage

JUDGE_PROMPT, I2T_PROMPT, CRITIQUE = "judge_prompt", "i2t_prompt", "critique"
"""The tags around an answer."""

NO_CHANGE = "<no_change/>"
"""The answer that leaves the prompt as it is, where a question takes it."""

_DATA = ("current_judge_prompt", "example", "tried", "tried_earlier")
_ASKED = re.compile(rf"</\s*({JUDGE_PROMPT}|{I2T_PROMPT}|{CRITIQUE})\s*>", re.IGNORECASE)
_LABELS = re.compile(r"The labels are(?P<ordered>, from lowest to highest)?: (?P<labels>[^\n]*?)\.(?=\s|$)")
_RANGE = re.compile(r"number from (-?\d+(?:\.\d+)?) to (-?\d+(?:\.\d+)?)\.")
_LENGTH = re.compile(r"(\d+) characters")
_DIGITS = r"\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_NUMBER = re.compile(rf"(?P<score>[-+]?{_DIGITS})(?:\s*±\s*(?P<error>{_DIGITS}))?")
"""A score may go on: with its error, and what was possible."""

_MAX_STEPS = 20


@dataclass(frozen=True)
class ParsedExample:
    """One image with labels, as a question shows it; what is None was not given."""

    human: str
    judge: str | None = None
    description: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class ScoredText:
    """A request or an instruction, and its score, with a standard error where one is told."""

    text: str
    score: float
    error: float = 0.0


@dataclass(frozen=True)
class ParsedQuestion:
    """One question with all that belongs to it.

    Attributes:
        tag: The tag around the answer: `JUDGE_PROMPT`, `I2T_PROMPT` or `CRITIQUE`.
        current: The judge prompt in force, or the best of the instructions with scores; empty where none was given.
        labels: The labels, from lowest to highest where ordered.
        ordered: Whether the labels are a scale of points.
        examples: Images with labels.
        tried: Requests with scores.
        instructions: Judge prompts with scores.
        known: Judge prompts and requests that were tried, told without a score that compares.
        critique: What was found to be wrong with the judge prompt; None where nothing is said.
        max_chars: The longest answer allowed; None where nothing is said.
        may_stay: Whether the question takes `NO_CHANGE` for an answer.
        earlier: Answers given before to the same question.
    """

    tag: str
    current: str = ""
    labels: tuple[str, ...] = ()
    ordered: bool = False
    examples: tuple[ParsedExample, ...] = ()
    tried: tuple[ScoredText, ...] = ()
    instructions: tuple[ScoredText, ...] = ()
    known: tuple[str, ...] = ()
    critique: str | None = None
    max_chars: int | None = None
    may_stay: bool = False
    earlier: tuple[str, ...] = ()


def read(messages: Sequence[ChatMessage]) -> ParsedQuestion | None:
    """The question that the last user message asks, or goes on asking; None where there is none that is known.

    The data come from the last user message that has any, so that a message such as "Give another one" goes on.
    """
    texts = [(message.role, message.text) for message in messages if message.role in ("user", "assistant")]
    users = [index for index, (role, _) in enumerate(texts) if role == "user"]
    with_data = [index for index in users if any(_blocks(texts[index][1], tag) for tag in _DATA)]
    if not with_data:
        return None
    start = with_data[-1]
    text = texts[start][1]
    for index in reversed([index for index in users if index >= start]):
        asked = _ASKED.findall(_without_data(texts[index][1]))
        if asked:
            tag = asked[-1].lower()
            break
    else:
        return None
    plain = _without_data(text)
    critique = None
    if tag != CRITIQUE:
        # in a question that asks for a critique, these tags only say where it is to stand
        critique = _first(plain, CRITIQUE)
        plain = _without(plain, CRITIQUE)
    instructions = _scored(text, "instruction")
    best = max(instructions, key=lambda instruction: instruction.score, default=None)
    examples = tuple(example for block in _blocks(text, "example") if (example := _example(block)) is not None)
    labels, ordered = _labels(plain, examples)
    length = _LENGTH.search(plain)
    return ParsedQuestion(
        tag,
        current=_first(text, "current_judge_prompt") or (best.text if best else ""),
        labels=labels,
        ordered=ordered,
        examples=examples,
        tried=_scored(text, "request"),
        instructions=instructions,
        known=tuple(
            said
            for block_tag, tag in (("tried", "instruction"), ("tried_earlier", "request"))
            for block in _blocks(text, block_tag)
            if (said := _first(block, tag))
        ),
        critique=critique,
        max_chars=int(length[1]) if length else None,
        may_stay=NO_CHANGE in plain,
        earlier=tuple(
            _answered(said, tag) for role, said in texts[start + 1 :] if role == "assistant" and _blocks(said, tag)
        ),
    )


def _blocks(text: str, tag: str) -> list[str]:
    return [block.strip() for block in re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)]


def _answered(said: str, tag: str) -> str:
    """The longest text between the tags, which an answer may also mention in passing."""
    between: list[str] = re.findall(rf"<{tag}>((?:(?!</?{tag}>).)*)</{tag}>", said, re.DOTALL)
    return max((text.strip() for text in between), key=len)


def _first(text: str, tag: str) -> str | None:
    return next(iter(_blocks(text, tag)), None)


def _without_data(text: str) -> str:
    for tag in _DATA:
        text = _without(text, tag)
    return text


def _without(text: str, tag: str) -> str:
    return re.sub(rf"<{tag}>.*?</{tag}>", " ", text, flags=re.DOTALL)


def _example(block: str) -> ParsedExample | None:
    human = _first(block, "people")
    if not human:
        return None
    return ParsedExample(human, _first(block, "judge"), _first(block, "description"), _first(block, "text"))


def _scored(text: str, tag: str) -> tuple[ScoredText, ...]:
    """What was tried, of one kind, as far as it has a score."""
    return tuple(scored for block in _blocks(text, "tried") if (scored := _tried(block, tag)) is not None)


def _tried(block: str, tag: str) -> ScoredText | None:
    said, score = _first(block, tag), _first(block, "score")
    if score is None and said and tag == "request" and _first(block, "tried_outcome"):
        return ScoredText(said, 0.0)  # nothing came of it
    number = _NUMBER.match(score or "")
    if not said or not number:
        return None
    return ScoredText(said, float(number["score"]), float(number["error"] or 0))


def _labels(text: str, examples: Sequence[ParsedExample]) -> tuple[tuple[str, ...], bool]:
    """The labels and whether they are ordered: as the question states them, else those that people gave."""
    stated = _LABELS.search(text)
    if stated:
        labels = tuple(label.strip() for label in stated["labels"].split(",") if label.strip())
        return labels, stated["ordered"] is not None and all(map(_is_integer, labels))
    span = _RANGE.search(text)
    if span:
        low, high = (int(float(bound)) for bound in span.groups())
        if low < high <= low + _MAX_STEPS:
            return tuple(str(value) for value in range(low, high + 1)), True
    shown = {example.human for example in examples}
    if len(shown) > 2 and all(map(_is_integer, shown)):
        return tuple(sorted(shown, key=int)), True
    # the judge's label counts where people gave but one label: it may also be an answer that could not be read
    if len(shown) == 1:
        shown |= {example.judge for example in examples if example.judge}
    return tuple(sorted(shown)), False


def _is_integer(label: str) -> bool:
    return re.fullmatch(r"-?\d+", label) is not None
