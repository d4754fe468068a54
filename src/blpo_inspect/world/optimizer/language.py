"""The English that captions, texts and rules are read and written in: things, features, and lists of them.

Knows general words (colours, sizes, numbers, general nouns) and how noun phrases are built. Any other word can be the
name of a kind of thing. Does not decide which features matter.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


def words_of(text: str) -> frozenset[str]:
    """The words of a list that is written with spaces."""
    return frozenset(text.split())


COLOURS = words_of(
    "red orange yellow green blue purple violet pink brown black white grey gray cyan turquoise beige golden"
)
SIZES = words_of("tiny small little medium big large huge")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
GENERAL_NOUNS = words_of("shape object figure thing item element")
"""Nouns that say nothing about the kind of a thing."""

_NO_THINGS = words_of(
    "image picture drawing photo photograph painting point fault rule text description "
    "of the these those this that it is are if and or with one other"
)
"""Words that end no name of a thing in an image."""

_PLACES = words_of("at in on near")
_MAX_CAPTION = 20_000
_MAX_NUMBER = 50
_WORD = r"[a-z]+"
_NUMBER = rf"(?:{'|'.join(NUMBERS)}|\d{{1,2}})"
_COUNT = re.compile(
    rf"(?:more than (?P<over>{_NUMBER})|at least (?P<least>{_NUMBER})|(?P<more>{_NUMBER}) or more) (?P<noun>{_WORD})"
)
_KIND = re.compile(
    rf"(?:(?:a|an|any) )?(?:(?:anything|something) (?P<some>{'|'.join(sorted(COLOURS))})"
    rf"|(?P<words>{_WORD}(?: {_WORD}){{0,2}}))"
)


@dataclass(frozen=True)
class Thing:
    """One thing of a caption; what is None was not said."""

    size: str | None = None
    colour: str | None = None
    noun: str | None = None


@dataclass(frozen=True)
class Description:
    """What a caption says: things, and how many there are. Number is None where neither is said."""

    things: tuple[Thing, ...] = ()
    number: int | None = None


@dataclass(frozen=True)
class CaptionFeature:
    """What an image can have: a thing of a kind, or more than so many things."""

    size: str | None = None
    colour: str | None = None
    noun: str | None = None
    more_than: int | None = None

    def fits(self, thing: Thing) -> bool:
        """Whether one thing is of this kind; never for a count, nor where the caption leaves it open."""
        return self.more_than is None and all(
            wanted is None or wanted == has
            for wanted, has in ((self.size, thing.size), (self.colour, thing.colour), (self.noun, thing.noun))
        )

    def present(self, description: Description) -> bool:
        """Whether the caption says that the image has the feature."""
        if self.more_than is not None:
            return description.number is not None and description.number > self.more_than
        return any(self.fits(thing) for thing in description.things)

    def needs(self) -> frozenset[str]:
        """Properties a caption has to tell for this feature to be seen in it."""
        if self.more_than is not None:
            return frozenset({"number"})
        return frozenset(name for name in ("size", "colour", "noun") if getattr(self, name) is not None)

    def covers(self, other: "CaptionFeature") -> bool:
        """Whether every image with the other feature has this feature too."""
        if self.more_than is not None or other.more_than is not None:
            return None not in (self.more_than, other.more_than) and (self.more_than or 0) <= (other.more_than or 0)
        return all(getattr(self, name) in (None, getattr(other, name)) for name in ("size", "colour", "noun"))

    def phrase(self) -> str:
        """The feature in words, e.g. ``a small red shape``, ``an orange star`` or ``more than two shapes``."""
        if self.more_than is not None:
            return f"more than {number_word(self.more_than)} shape{'s' if self.more_than != 1 else ''}"
        words = " ".join(word for word in (self.size, self.colour, self.noun or "shape") if word)
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


@dataclass(frozen=True)
class CaptionClaim:
    """A text about an image: so many things of a kind; what is None is not claimed."""

    number: int | None
    thing: Thing


def number_word(number: int) -> str:
    """``two`` for 2; digits above twelve."""
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def joined(words: Sequence[str], conjunction: str) -> str:
    """``a, b or c``; empty for no words."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"


def singular(word: str) -> str:
    """``star`` for ``stars``, ``box`` for ``boxes``; regular plurals only."""
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def plural(word: str) -> str:
    """``stars`` for ``star``, ``boxes`` for ``box``; regular plurals only."""
    return f"{word}es" if word.endswith(("ch", "sh", "s", "x")) else f"{word}s"


def describe(caption: str) -> Description:
    """Read a caption: lists of noun phrases, and sentences such as ``three shapes.``

    Parts that are neither are passed over, so whatever else a caption says has no effect.
    """
    things: list[Thing] = []
    said: int | None = None
    for part in re.split(r"[.,;:\n]| and ", _plain(caption[:_MAX_CAPTION])):
        words = _placeless(part.split())
        number = _number(words[0]) if words else None
        if number is not None and len(words) == 2 and singular(words[1]) in GENERAL_NOUNS:
            said = number
            continue
        thing = _thing(words[1:] if number is not None or words[:1] in (["a"], ["an"]) else words)
        if thing is not None and (words[0] in ("a", "an") or number is not None or thing.size or thing.colour):
            things.extend([thing] * (number or 1))
    if said is None and things:
        said = len(things)
    return Description(tuple(things), said)


def claim(text: str) -> CaptionClaim | None:
    """Read a text such as ``two large red circles``; None where it is no such phrase."""
    words = _plain(text).strip(" .").split()
    number = _number(words[0]) if words else None
    if words[:1] in (["a"], ["an"]):
        number = 1
    thing = _thing(words[1:] if number is not None else words)
    if thing is None or (number is None and thing == Thing(noun=thing.noun)):
        return None
    return CaptionClaim(number, thing)


def feature(phrase: str) -> CaptionFeature | None:
    """Read the name of a feature in singular or plural; None where it is not entirely understood."""
    plain = _plain(phrase).strip()
    counted = _COUNT.fullmatch(plain)
    if counted:
        over = _number(counted["over"] or counted["least"] or counted["more"])
        if over is None or singular(counted["noun"]) not in GENERAL_NOUNS:
            return None
        return CaptionFeature(more_than=over if counted["over"] else max(over - 1, 0))
    kind = _KIND.fullmatch(plain)
    if not kind:
        return None
    if kind["some"]:
        return CaptionFeature(colour=kind["some"])
    words = kind["words"].split()
    thing = _thing(words)
    adjectives = sum(word in COLOURS or word in SIZES for word in words[:-1])
    # a bare word is the name of a feature only after an article: "violence" or "you" is not
    if thing is None or adjectives < len(words) - 1 or (not adjectives and not re.match(r"(a|an|any) ", plain)):
        return None
    named = CaptionFeature(thing.size, thing.colour, thing.noun)
    return named if named.needs() else None


def shown(descriptions: Iterable[Description]) -> frozenset[str]:
    """The properties that captions tell at all: size, colour, noun, number."""
    properties: set[str] = set()
    for description in descriptions:
        properties.update(
            name for thing in description.things for name in ("size", "colour", "noun") if getattr(thing, name)
        )
        if description.number is not None:
            properties.add("number")
    return frozenset(properties)


def _thing(words: Sequence[str]) -> Thing | None:
    """A thing from adjectives and a noun; adjectives that are neither size nor colour are passed over."""
    if not 1 <= len(words) <= 4 or not all(re.fullmatch(_WORD, word) for word in words):
        return None
    noun = singular(words[-1])
    if noun in _NO_THINGS or noun in COLOURS or noun in SIZES:
        return None
    size = next((word for word in words[:-1] if word in SIZES), None)
    colour = next((word for word in words[:-1] if word in COLOURS), None)
    return Thing(size, colour, None if noun in GENERAL_NOUNS else noun)


def _placeless(words: list[str]) -> list[str]:
    """The words before ``at the …``."""
    for place, pair in enumerate(pairwise(words)):
        if pair[0] in _PLACES and pair[1] == "the":
            return words[:place]
    return words


def _number(word: str) -> int | None:
    if word in NUMBERS:
        return NUMBERS.index(word)
    return int(word) if re.fullmatch(r"\d{1,2}", word) and int(word) <= _MAX_NUMBER else None


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+", " ", text.lower())
