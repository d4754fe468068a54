"""A model's free text → one label, or the reason why none can be read.

Understood, in this order: an answer that is a label and nothing else; a marked answer (``Rating: 4/5``,
``Final answer: **unsafe**``, ``\\boxed{4}``, ``{"score": 4}``); a label alone on the first or last line; a label that
opens the answer (``Yes, it …``); a single label mentioned in prose (a bare number in prose is not an answer).
Case, quotes, brackets, punctuation and markdown do not matter; reasoning in think tags is left out.
Two labels that could both be meant, a negated label or a number off the scale are never resolved by a guess.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """The label read, or why none was."""

    label: str | None = None
    reason: str | None = None


class _UnreadableError(Exception):
    """Carries the reason why an answer cannot be read."""


@dataclass(frozen=True)
class _Found:
    label: str
    end: int


_NUMBER_WORDS = (
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)
_MARK_WORDS = (
    r"(?:answer|verdict|rating|score|label|judge?ment|decision|classification|grade|assessment|conclusion|prediction)"
)
_MARK = re.compile(
    rf"(?P<final>\b(?:final|overall)\s+)?\b{_MARK_WORDS}[\"')\]]*\s*(?:[:=→]|->|\bis\b|\bof\b|\bwould be\b)[\s:=]*"
    r"|(?P<boxed>\\boxed\s*\{)",
    re.IGNORECASE,
)
_RATED = re.compile(
    r"\b(?:rate|score|grade|give|assign|label|classify|judge)\b(?:\s+(?:it|this|the|image|picture|photo|drawing|a|an|as|of|score|rating|that|at|with))*\s+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,/-])-?\d+(?:\.\d+)?(?![\w]|[.,]\d|-\w)")
_OUT_OF = re.compile(r"\s*(?:/|\bout of\b|\bof\b)\s*(\d+(?:\.\d+)?)(?:\s*(?:points?|stars?))?", re.IGNORECASE)
_UNIT = re.compile(r"\s*(?:points?|stars?)\b", re.IGNORECASE)
_RIVAL = re.compile(r"[\s\"')\]]*(?:/|\bor\b|\bto\b|\band\b|-|–|,|;|\|)[\s\"'(\[]*")
_SET_OFF = re.compile(r"[\"')\]]*\s*(?:[,.;:!–—\n(]|-\s)")
_NEGATION = re.compile(
    r"(?:\b(?:not|never|no|neither|nor|without|cannot|rather than|instead of|than)|n['’]t)\s+(?:\w+\s+){0,2}$",
    re.IGNORECASE,
)
_THINK = re.compile(r"<(think|thinking|reasoning)>.*?</\1>", re.IGNORECASE | re.DOTALL)
_UNFINISHED = re.compile(r"<(think|thinking|reasoning)>", re.IGNORECASE)
_DECORATION = " \t\r\n\"'`“”‘’«»()[]{}<>.,;:!?*_~#|-–—=→"


class AnswerReader:
    """Reads answers on one scale.

    Args:
        names: What stands for a label where an answer is expected: labels and aliases → label.
        spoken: Those of the names that may also answer from within a sentence (not yes and no: they occur anywhere).
        number: For a scale of numbers, number → label; raises ValueError where it is off the scale.
        top: The highest number of a scale with an order, as in ``4/5``.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        spoken: Iterable[str],
        number: Callable[[float], str] | None = None,
        top: float | None = None,
    ) -> None:
        self._names = {_folded(name): label for name, label in names.items()}
        self._spoken = {_folded(name) for name in spoken}
        self._number = number
        self._top = top
        # numbers are matched as numbers, so that 4 is not found in 4,5
        named = [name for name in self._names if number is None or not name.isdigit()]
        ordered = sorted(named, key=lambda name: (-len(name), name))
        spellings = [r"[\s_-]+".join(map(re.escape, name.split(" "))) for name in ordered]
        # a pattern that never matches where a numeric scale has no names
        self._pattern = re.compile("|".join(spellings) or r"(?!)", re.IGNORECASE)

    def read(self, answer: str) -> Reading:
        """Read one answer."""
        try:
            return Reading(label=self._read(_clean(answer)))
        except _UnreadableError as error:
            return Reading(reason=str(error))

    def _read(self, text: str) -> str:
        if not text.strip(_DECORATION):
            raise _UnreadableError("the answer is empty")
        whole = self._exactly(text)
        if whole is not None:
            return whole
        looks: tuple[Callable[[str], list[str]], ...] = (
            self._explicit,
            self._leading,
            self._in_prose,
        )
        for look in looks:
            found = look(text)
            if found:
                return _only(found)
        raise _UnreadableError(f"no label found in {_shortened(text)}")

    def _exactly(self, text: str) -> str | None:
        """The label that the text is, apart from decoration; None if it is anything else."""
        start = text.lstrip(_DECORATION.replace("-", ""))
        for candidate in (start, start.lstrip(_DECORATION)):
            found = self._at_start(candidate)
            if found is not None and not candidate[found.end :].strip(_DECORATION):
                return found.label
        return None

    def _at_start(self, text: str) -> _Found | None:
        """The label that the text begins with."""
        if self._number is not None and (match := _NUMBER.match(text)) is not None:
            return self._scaled(text, match)
        match = self._pattern.match(text)
        if match is None or re.match(r"\w|-\w", text[match.end() :]):
            return None
        label = self._names.get(_folded(match.group()))
        return None if label is None else _Found(label, match.end())

    def _scaled(self, text: str, match: re.Match[str]) -> _Found:
        """A number with what belongs to it: ``/5``, ``out of 5``, ``points``."""
        assert self._number is not None
        end = match.end()
        out_of = _OUT_OF.match(text, end)
        if out_of:
            whole = text[match.start() : out_of.end()].strip()
            if self._top is None:
                raise _UnreadableError(f"ambiguous: {whole!r} where labels have no order")
            if float(out_of[1]) != self._top:
                raise _UnreadableError(f"{whole!r} is on another scale; the highest label here is {self._top:g}")
            end = out_of.end()
        elif unit := _UNIT.match(text, end):
            end = unit.end()
        try:
            return _Found(self._number(float(match.group())), end)
        except ValueError as error:
            raise _UnreadableError(str(error)) from None

    def _explicit(self, text: str) -> list[str]:
        """What is marked as the answer, and labels that have the first or last line to themselves."""
        stated = []
        final = []
        for match in _MARK.finditer(text):
            label = self._stated(text[match.end() :].split("\n", 1)[0])
            if label is not None:
                stated.append(label)
                if match["final"] or match["boxed"]:
                    final = [label]
        lines = [line for line in text.split("\n") if line.strip(_DECORATION)]
        alone = [self._exactly(lines[0]), self._exactly(lines[-1])]
        return (final or stated) + [label for label in alone if label is not None]

    def _stated(self, clause: str) -> str | None:
        """The one label of what follows a mark; None where it states none."""
        clause = clause.lstrip(_DECORATION.replace("-", "")).removeprefix("- ")
        found = self._at_start(clause)
        if found is None:
            mentioned = self._in_prose(re.split(r"(?<=[.!?])\s", clause, maxsplit=1)[0])
            return _only(mentioned) if mentioned else None
        rest = clause[found.end :]
        rival = _RIVAL.match(rest)
        other = self._at_start(rest[rival.end() :]) if rival else None
        return _only([found.label, other.label] if other else [found.label])

    def _leading(self, text: str) -> list[str]:
        """A label that opens the answer and is set off from the rest, which must not contradict."""
        start = text.lstrip(_DECORATION)
        found = self._at_start(start)
        rest = start[found.end :] if found is not None else ""
        if found is None or not _SET_OFF.match(rest):
            return []
        if self._number is not None and start[0].isdigit() and re.match(r"\.[^\S\n]", rest):
            return []  # "1. The sky …" begins a list as likely as it gives a rating
        last = self._exactly(rest.split()[-1])
        return [found.label, *self._in_prose(rest), *([last] if last is not None else [])]

    def _in_prose(self, text: str) -> list[str]:
        """Every label that a sentence may mean; of numbers only those that are said to be a rating."""
        if self._number is not None:
            rated = [text[cue.end() :].lstrip("\"'") for cue in _RATED.finditer(text)]
            fractions = [text[match.start() :] for match in _NUMBER.finditer(text) if self._is_fraction(text, match)]
            found = [self._at_start(part) for part in (*rated, *fractions) if _NUMBER.match(part)]
            return [item.label for item in found if item is not None]
        labels = []
        for match in self._pattern.finditer(text):
            before, after = text[: match.start()], text[match.end() :]
            name = _folded(match.group())
            if name not in self._spoken or re.search(r"[\w'’]-?$", before) or re.match(r"[-'’]?\w", after):
                continue
            if _NEGATION.search(re.split(r"[.!?\n]", before)[-1]):
                raise _UnreadableError(f"{self._names[name]!r} is mentioned in the negative: {_shortened(text)}")
            labels.append(self._names[name])
        return labels

    def _is_fraction(self, text: str, match: re.Match[str]) -> bool:
        out_of = _OUT_OF.match(text, match.end())
        return out_of is not None and float(out_of[1]) == self._top


def number_names(labels: Iterable[str]) -> dict[str, str]:
    """``{"four": "4"}`` and so on, for labels that are small integers."""
    return {_NUMBER_WORDS[int(label)]: label for label in labels if int(label) < len(_NUMBER_WORDS)}


def _only(found: list[str]) -> str:
    distinct = list(dict.fromkeys(found))
    if len(distinct) > 1:
        raise _UnreadableError(f"ambiguous: the answer can mean {' or '.join(distinct)}")
    return distinct[0]


def _clean(answer: str) -> str:
    text = unicodedata.normalize("NFKC", answer).replace("\r\n", "\n").replace("\r", "\n")
    text = text.casefold()  # as the labels are: ß is ss on both sides
    text = _THINK.sub("\n", text)
    if "</think>" in text:  # some templates open the tag in the prompt
        text = text[text.rindex("</think>") + len("</think>") :]
    if _UNFINISHED.search(text):
        raise _UnreadableError("the reasoning was not finished (raise max_tokens)")
    return _plain(text)


def _plain(text: str) -> str:
    """Without markdown; an underscore inside a word stays."""
    return re.sub(r"[*`#]+|(?<![^\W_])_+(?=\S)|(?<=\S)_+(?![^\W_])", "", text)


def _folded(name: str) -> str:
    return " ".join(re.split(r"[\s_-]+", _plain(unicodedata.normalize("NFKC", name)).casefold().strip()))


def _shortened(text: str) -> str:
    flat = " ".join(text.split())
    return repr(flat if len(flat) <= 80 else flat[:77] + "…")
