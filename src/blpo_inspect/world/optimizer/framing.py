"""What language models write around a tagged answer: preambles, reasoning, notes, fences, and tags in passing."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from blpo_inspect.world.optimizer.choosing import Sampling
from blpo_inspect.world.optimizer.question_parser import CRITIQUE, I2T_PROMPT, JUDGE_PROMPT

T = TypeVar("T")

_NOUN = {JUDGE_PROMPT: "instruction", I2T_PROMPT: "request", CRITIQUE: "reason"}
_FENCE = "```"


@dataclass(frozen=True)
class Draw:
    """Draws by the text of a conversation and the sampling of a request: the same request draws the same.

    Attributes:
        conversation: All that was said.
        sampling: Temperature and seed of the request.
    """

    conversation: str
    sampling: Sampling

    def order(self, options: Sequence[T], what: str) -> list[T]:
        """The options, the drawn one first; each ``what`` is drawn for itself."""
        return [options[place] for place in sorted(range(len(options)), key=lambda place: self._digest(what, place))]

    def _digest(self, what: str, place: int) -> bytes:
        drawn = f"{what} {place} {self.sampling.temperature} {self.sampling.seed} {self.conversation}"
        return hashlib.sha256(drawn.encode("utf-8", "surrogatepass")).digest()


def decorated(draw: Draw, prompt: str) -> str:
    """The prompt, now and then in a code fence or, where it is prose, in bold type."""
    way = draw.order(("plain",) * 6 + ("fence", "bold"), "decoration")[0]
    if way == "fence":
        return f"{_FENCE}\n{prompt}\n{_FENCE}"
    paragraphs = prompt.split("\n\n")
    prose = not any(set(paragraph) & set("*\n") or not paragraph for paragraph in paragraphs)
    return "\n\n".join(f"**{paragraph}**" for paragraph in paragraphs) if way == "bold" and prose else prompt


def undecorated(prompt: str) -> str:
    """The prompt without what `decorated` put around it."""
    lines = prompt.strip().split("\n")
    if len(lines) > 2 and lines[0].startswith(_FENCE) and lines[-1].strip() == _FENCE:
        return "\n".join(lines[1:-1]).strip()
    bold = [re.fullmatch(r"\*\*([^*\n]+)\*\*", paragraph) for paragraph in prompt.strip().split("\n\n")]
    return "\n\n".join(paragraph[1] for paragraph in bold if paragraph) if all(bold) else prompt


def framed(draw: Draw, tag: str, prompt: str, reason: str, others: Sequence[str]) -> str:
    """The answer with the prompt in its tag.

    Args:
        draw: Decides what stands around it.
        tag: The tag.
        prompt: The prompt as it is to be.
        reason: Why it is so.
        others: Reasons for something else, which reasoning aloud goes through first.
    """
    opening, closing, noun = f"<{tag}>", f"</{tag}>", _NOUN[tag]
    answer = f"{opening}\n{prompt}\n{closing}"
    weighed = [*others[:2], reason]
    hypotheses = "\n".join(f"Hypothesis {n}: {each}" for n, each in enumerate(weighed, 1))
    bullets = "\n".join(f"- {each}" for each in weighed)
    last = f"Hypothesis {len(weighed)} fits best, so I go with it."
    return draw.order(
        (
            f"{reason}\n\n{answer}",
            f"Sure! Here is an improved {noun}:\n\n{answer}",
            f"Let me go through what is given first.\n\n{hypotheses}\n\n{last} I will put the new {noun} between "
            f"{opening} and {closing}.\n\n{answer}",
            f"<think>\nThe answer has to stand between {opening} and {closing}. {reason} That should do.\n</think>\n\n"
            f"{answer}",
            f"**Analysis**\n{bullets}\n\n**Improved {noun}**\n\n{answer}\n\n**Notes**\n"
            "- I changed as little as possible.\n- Everything that was right before stays as it was.",
            f"{reason}\n\n{_FENCE}xml\n{answer}\n{_FENCE}",
            f"{answer}\n\nThis {noun} rests on one observation: {reason[0].lower()}{reason[1:]}",
            f"{reason}\n\n{answer}\n\nOnly the text between {opening} and {closing} is the {noun}.",
            f"To be sure that I use the tag {opening} only once: my reasoning comes first. {reason}\n\n{answer}\n\n"
            "Let me know if I should change anything.",
        ),
        "frame",
    )[0]
