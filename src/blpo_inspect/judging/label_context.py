"""What stands beside a label in a reply: whether it leaves the label as it is, limits it, or denies it.

Finds no verdicts itself (`answer_parser`): it refuses those that their surroundings take back.
"""

import re
from collections.abc import Iterable, Sequence

from blpo_inspect.judging import answer_patterns as patterns
from blpo_inspect.judging import answer_words as words
from blpo_inspect.judging.answer_text import shortened
from blpo_inspect.judging.label_lexer import CROSSES, NUMBER_WORDS, Found, LabelError, LabelLexer, normalized

_MAX_MENTIONS = 50


class LabelContext:
    """Looks at the surroundings of labels of one scale.

    Args:
        lexer: Finds the labels.
    """

    def __init__(self, lexer: LabelLexer) -> None:
        self.lexer = lexer

    def check_rest(self, found: Found, rest: str) -> None:
        """Raise unless what follows a label in its sentence leaves it as it is."""
        if self.lexer.denies(found):
            rest = rest.rstrip(CROSSES + " .\ufe0f")  # "unsafe ❌"
        if not (patterns.ENDS.match(rest) or patterns.TAIL.match(rest)) or rest.rstrip(" )*\"'").endswith("?"):
            raise LabelError(f"{found.label!r} is not set off from what follows: {shortened(found.name + rest)}")
        said = found.name + rest
        if found.in_figures or found.name == "no":
            if words.REVERSAL_OF_NUMBERS.search(rest):
                raise LabelError(f"{found.label!r} is limited or taken back: {shortened(said)}")
            return
        if patterns.AMOUNT.match(rest) or self._graded(found, rest):
            raise LabelError(f"an amount of {found.label!r}, not a verdict: {shortened(said)}")
        if words.REVERSAL.search(rest.split("\n", 1)[0]) and not self._harmless(rest):
            raise LabelError(f"{found.label!r} is limited or taken back: {shortened(said)}")
        self.check_others(found.label, [rest])

    def _graded(self, found: Found, rest: str) -> bool:
        """``Safe: low``, ``Unsafe: nothing found``: how much there is of what the label names."""
        start = re.match(r"\s{0,3}([:=(,;–—-]|\.\s)\s{0,3}", rest)
        if start is None:
            return False
        reason = rest[start.end() :]
        if words.GRADED.match(reason):
            return re.match(r"[^\s]{1,20}(?:\snot)?\W{0,3}$", reason) is not None or start[1] in ":="
        if re.match(r"(?:no|not|none|nothing|never|without)\b", reason):
            return (start[1] in ":=(" and len(reason.split()) < 4) or self.lexer.denies(found)
        return (
            start[1] in ":="
            and not self.lexer.denies(found)
            and re.fullmatch(r"[^\s]{1,30}", reason.strip()) is not None
        )

    def _in_passing(self, found: Found) -> bool:
        return self.lexer.pair or says_nothing_in_prose(found.name)

    def _harmless(self, rest: str) -> bool:
        """Whether the only word that looks like a reversal is in a reason: ``the cat does not bite``."""
        hit = words.REVERSAL.search(rest)
        negated = patterns.DENIED_FACT.search(rest)
        others = words.REVERSAL.sub(lambda match: "" if match.group() in ("not", "n't", "n’t") else match.group(), rest)
        return bool(hit and negated) and not words.REVERSAL.search(others) and self.lexer.top is None

    def check_others(self, label: str, others: Iterable[str]) -> None:
        """Raise where other sentences mention another label as one that may hold, or this one as one that does not."""
        for sentence in others:
            supposed = bool(words.HYPOTHETICAL.search(sentence)) and not patterns.CONDITION.search(sentence)
            for number, found in enumerate(self.lexer.mentions(sentence)):
                if number > _MAX_MENTIONS:
                    raise LabelError(f"no verdict: labels are mentioned more than {_MAX_MENTIONS} times in a sentence")
                if self._in_passing(found):
                    continue
                negated = words.NEGATION.search(sentence[max(0, found.start - 160) : found.start])
                negated = negated or words.NEGATED_AFTER.match(sentence, found.end)
                if found.label != label and not (negated or supposed):
                    raise LabelError(f"ambiguous: the answer can mean {label} or {found.label}")
                if found.label == label and negated:
                    raise LabelError(f"{label!r} is mentioned in the negative: {shortened(sentence)}")

    def check_number(self, reply: str, label: str) -> None:
        """``Rating - 2`` may mean -2 where that is on the scale, and ``4 (and a half)`` is not 4 where 4.5 is."""
        if self.lexer.signed:
            dashed = rf"(?:[–—]\s?|[-−]\s){re.escape(label)}(?![\d.,]?\d)"
            if re.search(dashed, normalized(reply)):
                raise LabelError(f"ambiguous: the dash before {label} may be a minus")
        if self.lexer.decimals and re.search(r"\band (?:a |one )?half\b|⁄", normalized(reply)):
            raise LabelError(f"ambiguous: {label}, or half a point more")

    def check_later(self, later: Sequence[str]) -> None:
        """Raise where what follows a verdict takes it back or changes it."""
        if any(words.TAKEN_BACK.search(sentence) for sentence in later):
            raise LabelError(f"the verdict is taken back or changed: {shortened(' '.join(later))}")

    def why_unread(self, segments: list[str]) -> str:
        """Why none of the forms fits, from what is mentioned."""
        text = " ".join(segments)
        mentions = [
            (segment, found)
            for segment in segments[:50]
            for found in self.lexer.mentions(segment[:2000])
            if not self._in_passing(found)
        ]
        for segment, found in mentions:
            if words.NEGATION.search(segment[: found.start][-160:]):
                return f"{found.label!r} is mentioned in the negative: {shortened(text)}"
        labels = list(dict.fromkeys(found.label for _, found in mentions))
        if len(labels) > 1:
            return f"ambiguous: the answer can mean {' or '.join(labels)}"
        if any(segment.endswith("?") for segment in segments):
            return f"a question is no verdict: {shortened(text)}"
        return (
            f"no label found in {shortened(text)}"
            if not labels
            else f"no verdict: {labels[0]!r} is only mentioned in {shortened(text)}"
        )


def says_nothing_in_prose(name: str) -> bool:
    """Names that occur in any sentence and say nothing there."""
    return (
        (len(name) == 1 and name.isascii())
        or name.isdigit()
        or name in ("yes", "no", "true", "false", "an")
        or name in NUMBER_WORDS
    )
