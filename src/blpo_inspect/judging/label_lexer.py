"""Does a text begin with a label, and where does the label end?

One answer for whole replies (`answer_parser`), for replies that still grow (`models.generation`) and for tokens
(`likelihood`). Case, width, quotes, opening brackets and markdown before the label do not matter. ``safe`` begins
``(safe)``, ``safe.`` and ``safe,5``, not ``safety``, ``safe_x`` or ``safe-ish``; ``4`` does not begin ``4.5``, ``4,5``,
``4%`` or ``4-5``, but where labels have decimals ``4,5`` is 4.5. Chinese and Japanese write no spaces: there, a label
ends where another kind of writing begins.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from blpo_inspect.judging import label_text

_QUOTES = "\"'`“”‘’«»„‚‹›「」『』"
_OPENING = _QUOTES + "*_#>([{<【《〈" + "•·"
_CLOSING = _QUOTES + "*_#>)]}】》〉.!;|。"
_DENYING = (
    *("un", "in", "im", "ir", "il", "mis", "non", "not", "no", "dis", "nicht", "kein", "pas", "ni", "не"),
    *("不", "非", "未", "无", "無", "没", "비", "불", "부적"),
)
_NEGATIVE = re.compile(r"no|nein|non|нет|否|false|fail|failed|bad|reject|rejected|blocked|harmful|wrong|nsfw")
CROSSES = "❌✗✘✖🚫⛔👎🙅❎☒☐🛑🔴⚠"
"""Signs that say no: before or after a label they only fit one that says no too."""

_SPACELESS = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OUT_OF = re.compile(
    r"\s?(?:/|\b(?:out of|of|von|sur|de|su|из|av|af|van|z|ud af)\b)\s?(?:a\s|the\s)?(?:possible\s|maximum\s)?"
    rf"(\d{{1,6}}(?:\.\d{{1,6}})?|{'|'.join(NUMBER_WORDS)})(?![\w%]|[.,]\d)"
)
_UNIT = re.compile(
    r"\s?(?:(?:points?|stars?|punkte?n?|sterne?n?|puntos?|estrellas?|étoiles?|punti|stelle|pontos?|балл\w{0,3}|punten"
    r"|sterren|poäng)\b|[★⭐]|(?:分|点|점|颗星|顆星|つ星|星))"
)
_STARS = re.compile(r"(?:[★⭐🌟]\ufe0f?\s?){1,10}(?:☆\s?){0,10}(?!\s?[\d★⭐])")
_PARTICLE = re.compile(r"(?:的|です|である|だ|입니다|합니다|함)(?=[\W_]|\Z)")
_UNDERSCORED = re.compile(r"_{1,9}[^\W_]")
# ligatures of up to 18 letters would make a long text much longer
_UNFIT = str.maketrans({char: f"^{digit}" for digit, char in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {"\ufdfa": " ", "\ufdfb": " "})


class LabelError(ValueError):
    """Why no label can be read where one was expected, such as a number off the scale."""


@dataclass(frozen=True)
class Found:
    """A label in a text.

    Attributes:
        label: The label.
        name: What stands there for it, as `folded`.
        start: Where it begins.
        end: Where it ends, with what belongs to a number (``/5``, ``points``).
    """

    label: str
    name: str
    start: int
    end: int

    @property
    def in_figures(self) -> bool:
        """Whether it is a number that is not spelled out."""
        return self.name.lstrip("-−+.,")[:1].isdigit()


class LabelLexer:
    """Finds the labels of one scale.

    Args:
        names: Labels and aliases → label.
        number: For a scale of numbers, number → label; raises ValueError where it is off the scale.
        top: The highest number of a scale with an order, as in ``4/5``.
        signed: Whether numbers below zero are on the scale, so that a plus is part of a number too.
        pair: Whether labels name the pictures of a pair: then who mentions one has not chosen it.
    """

    def __init__(
        self,
        names: Mapping[str, str],
        number: Callable[[float], str] | None = None,
        top: float | None = None,
        *,
        signed: bool = False,
        pair: bool = False,
    ) -> None:
        self.labels = {folded(name): label for name, label in names.items()}
        self.pair = pair
        self.top = top
        self.signed = signed
        self._number = number
        values = [value for name in self.labels if (value := label_text.number(name)) is not None]
        self.decimals = not all(value.is_integer() for value in values)
        self._figures = _figures(signed, self.decimals)
        # numbers are matched as numbers, so that 4 is not found in 4,5
        written = [name for name in self.labels if number is None or label_text.number(name) is None]
        longest_first = sorted(written, key=lambda name: (-len(name), name))
        # a pattern that never matches where a numeric scale has no names
        self._pattern = re.compile("|".join(map(_spelled, longest_first)) or r"(?!)")
        ends = {char for name in self.labels for char in (name[0], name[-1])}  # a scale from * to *** is left its stars
        self._opening = "".join(sorted(set(_OPENING) - ends)) + " \t\n"
        self._closing = "".join(sorted(set(_CLOSING) - ends)) + " \t\n"
        self._ends = ends

    def at(self, text: str, start: int = 0) -> Found | None:
        """The label that stands in a normalized text exactly there; the longest of several.

        Raises:
            LabelError: A number stands there that is not on the scale.
        """
        if self._number is not None:
            found = self._number_at(text, start)
            if found is not None:
                return found
        match = self._pattern.match(text, start)
        while match is not None and _goes_on(text, match.end()):
            match = self._shorter(text, match)
        if match is None or not match.group():
            return None
        name = folded(match.group())
        if name not in self.labels:
            return None
        end = match.end() if self._number is None else self._whole_number(text, start, match.end())
        return Found(self.labels[name], name, start, end)

    def begins(self, text: str, start: int = 0) -> Found | None:
        """The label that a normalized text begins with, apart from decoration before it.

        Raises:
            LabelError: As `at`.
        """
        position, crossed = self._skip(text, start)
        found = self.at(text, position)
        if found is None:
            return None
        before = text[position - 1] if position else ""
        if self._number is not None and found.in_figures:
            compared = before in ("<", ">") and not text.startswith(">", found.end)
            if compared or before in ("#", "~", "±", "≈", "≥", "≤"):
                return None
        return None if crossed and not self.denies(found) else found

    def exactly(self, text: str) -> Found | None:
        """The label that a normalized text is, apart from decoration around it; None for anything else.

        Raises:
            LabelError: As `at`.
        """
        found = self.begins(text)
        if found is None:
            return None
        particle = _PARTICLE.match(text, found.end)
        rest = text[particle.end() if particle else found.end :].strip(self._closing)
        if not all(self._is_emoji(char) for char in rest):
            return None
        return None if set(CROSSES) & set(rest) and not self.denies(found) else found

    def bare(self, segment: str) -> str:
        """A sentence without the emoji around it; crosses and rows of stars stay, for they say something."""
        start, end = 0, len(segment)
        while end > start and (self._is_emoji(segment[end - 1]) or segment[end - 1] == " "):
            if segment[end - 1] in CROSSES or segment[end - 1] in "★⭐🌟☆":
                break
            end -= 1
        while start < end and (self._is_emoji(segment[start]) or segment[start] == " "):
            if segment[start] in CROSSES or self._stars_at(segment, start):
                break
            start += 1
        return segment[start:end] or segment

    def mentions(self, text: str) -> Iterator[Found]:
        """Every place where a name stands, numbers left out."""
        for match in self._pattern.finditer(text):
            name = folded(match.group())
            bounded = not _runs_together(text, match.start()) and not _goes_on(text, match.end())
            # in writing without spaces a name may always be one
            if name in self.labels and match.group() and (bounded or _SPACELESS.match(match.group())):
                yield Found(self.labels[name], name, match.start(), match.end())

    def denies(self, found: Found) -> bool:
        """Whether a name says no, such as ``unsafe`` beside ``safe``."""
        return _NEGATIVE.fullmatch(found.name) is not None or any(
            _stem(found.name, prefix) in self.labels for prefix in _DENYING
        )

    def opposite(self, found: Found) -> str | None:
        """The other one of exactly two labels that deny each other in their names; None for all others."""
        if len(set(self.labels.values())) != 2:
            return None
        for name, label in self.labels.items():
            for prefix in _DENYING:
                if label != found.label and found.name in (_stem(name, prefix), prefix + name, f"{prefix} {name}"):
                    return label
        return None

    def check_top(self, said: str, top: float) -> None:
        """Refuse what is said on a scale that ends elsewhere than this one.

        Raises:
            LabelError: It does.
        """
        if self.top is not None and top != self.top:
            raise LabelError(f"{said!r} is on another scale; the highest label here is {self.top:g}")

    def sure_end(self, text: str) -> int | None:
        """Where the label that a growing text begins with ends; None while more text could make it another or none.

        Args:
            text: As it was written so far, not normalized.
        """
        plain = normalized(text)
        found = self.begins(plain)
        if found is None or re.fullmatch(r"[.,:'’/~–-]?|_+", plain[found.end :]):
            return None
        so_far = folded(plain[found.start :])
        if any(name != so_far and name.startswith(so_far) for name in self.labels):
            return None
        # a label is short: where it ends in the original is looked for one character after the other
        return next(end for end in range(len(text) + 1) if len(normalized(text[:end])) >= found.end)

    def fitting(self, text: str) -> frozenset[str]:
        """Labels that a text may go on to be, and the longest that it begins with as a whole word.

        Args:
            text: The tokens of an answer so far, not normalized.
        """
        plain = self.undecorated(text)
        if not plain:
            return frozenset()
        stated = self.at(plain)
        so_far = re.sub(r"\s+", " ", plain)
        begun = {label for name, label in self.labels.items() if name.startswith(so_far)}
        return frozenset(begun | ({stated.label} if stated else set()))

    def undecorated(self, text: str) -> str:
        """A text, normalized, without what does not count before a label."""
        return normalized(text).lstrip(self._opening)

    def _number_at(self, text: str, start: int) -> Found | None:
        """A number with what belongs to it."""
        assert self._number is not None
        match = self._figures.match(text, start)
        if match is None:
            return self._stars_at(text, start)
        end = self._whole_number(text, start, match.end())
        if _SPACELESS.match(text[end : end + 1]) and not _PARTICLE.match(text, end):
            return None
        value = float(match.group().replace(",", ".").replace("−", "-"))
        return Found(self._on_scale(value), match.group(), start, end)

    def _whole_number(self, text: str, start: int, end: int) -> int:
        """Where a number ends with ``/5``, ``out of five`` or ``points``."""
        if out_of := _OUT_OF.match(text, end):
            said = text[start : out_of.end()].strip()
            if self.top is None:
                raise LabelError(f"ambiguous: {said!r} where labels have no order")
            self.check_top(said, NUMBER_WORDS.index(out_of[1]) if out_of[1] in NUMBER_WORDS else float(out_of[1]))
            end = out_of.end()
        unit = _UNIT.match(text, end)
        return unit.end() if unit else end

    def _stars_at(self, text: str, start: int) -> Found | None:
        if self.top is None or self._ends & set("★⭐☆"):
            return None
        match = _STARS.match(text, start)
        full = sum(match.group().count(star) for star in "★⭐🌟") if match else 0
        empty = match.group().count("☆") if match else 0
        if match is None or full + empty < 2 or (empty and full + empty != self.top):
            return None
        return Found(self._on_scale(float(full)), str(full), start, start + len(match.group().rstrip()))

    def _on_scale(self, value: float) -> str:
        assert self._number is not None
        try:
            return self._number(value)
        except ValueError as error:
            raise LabelError(str(error)) from None

    def _shorter(self, text: str, match: re.Match[str]) -> re.Match[str] | None:
        """The next shorter name at the place of a match that turned out to go on."""
        for name in sorted(self.labels, key=len, reverse=True):
            if len(name) < len(match.group()):
                other = re.compile(_spelled(name)).match(text, match.start())
                if other is not None and len(other.group()) < len(match.group()):
                    return other
        return None

    def _skip(self, text: str, start: int) -> tuple[int, bool]:
        """The first place that is no decoration, and whether a cross stood before it."""
        crossed = False
        position = start
        while position < len(text):
            char = text[position]
            bullet = char in "-–—=→" and position + 1 < len(text) and text[position + 1].isspace()
            if not (char in self._opening or bullet or self._is_emoji(char)) or self._stars_at(text, position):
                break
            crossed = crossed or char in CROSSES
            position += 1
        return position, crossed

    def _is_emoji(self, char: str) -> bool:
        return char not in self._ends and unicodedata.category(char) in ("So", "Sk", "Mn", "Cf")


def normalized(text: str) -> str:
    """A text as labels are looked for in it: one case, one width, line feeds."""
    text = text.translate(_UNFIT)
    return unicodedata.normalize("NFKC", text).replace("\r\n", "\n").replace("\r", "\n").casefold()


@lru_cache(maxsize=4096)
def folded(name: str) -> str:
    """A name as names are compared: besides, white space, underscores and hyphens are the same, but for a minus."""
    plain = normalized(name).strip()
    if not name.strip("-_ ") or label_text.number(plain) is not None:
        return plain
    return " ".join(re.split(r"[\s_-]+", plain))


def number_names(labels: Iterable[str]) -> dict[str, str]:
    """``{"four": "4"}`` and so on, for labels that are small integers."""
    values = {label: label_text.number(label) for label in labels}
    return {word: label for label, value in values.items() for k, word in enumerate(NUMBER_WORDS) if value == k}


def _figures(signed: bool, decimals: bool) -> re.Pattern[str]:
    """A number as answers write it; where labels have decimals also ``.5`` and ``0,5``."""
    sign = "[-−+]?" if signed else "[-−]?"
    digits = r"(?:\d{1,15}(?:[.,]\d{1,15})?|\.\d{1,15})" if decimals else r"\d{1,15}(?:\.\d{1,15})?"
    return re.compile(
        rf"{sign}{digits}(?![\w^⁄%‰°€$£×+]|[.,:'’]\d|\s?[-–~]\s?\d|-\w)"
        rf"|{sign}\d{{1,15}}(?=[点分点星つ]|(?:です|である|だ|입니다)(?:[\W_]|\Z))"
    )


def _spelled(name: str) -> str:
    return r"[\s_-]{1,4}".join(map(re.escape, name.split(" ")))


def _stem(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).strip() if name.startswith(prefix) else ""


def _goes_on(text: str, end: int) -> bool:
    """Whether the word that ends there goes on."""
    last, following = text[end - 1 : end], text[end : end + 1]
    if following == "_":
        return _UNDERSCORED.match(text, end) is not None
    if following.isalnum() or (following and unicodedata.combining(following)):
        if _SPACELESS.match(following):
            return _SPACELESS.match(last) is not None and _PARTICLE.match(text, end) is None
        return _SPACELESS.match(last) is None
    after = text[end + 1 : end + 2]
    if following and following in "-'’" and after.isalnum():
        return True
    if last.isdigit() and following:
        return following in "^⁄%‰°€$£×+" or (following in ".,:/–~" and after.isdigit())
    return False


def _runs_together(text: str, start: int) -> bool:
    """Whether the word that begins there began before."""
    before, first = text[start - 1 : start] if start else "", text[start : start + 1]
    if before in ("-", "'", "’") and start > 1:
        before = text[start - 2]
    if before.isalnum() or before == "_":
        return bool(_SPACELESS.match(before)) == bool(_SPACELESS.match(first))
    return False
