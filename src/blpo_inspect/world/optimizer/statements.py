"""Finds rules in a judge prompt, takes them out, and writes them.

A sentence counts as a rule only if every word of it is understood; all others are left where they are, as written.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from blpo_inspect.world.optimizer.language import NUMBERS, CaptionFeature, feature, joined, words_of

ASPECTS = ("number", "size", "colour", "shape")
"""What a text can say about things in an image."""

_UNIT = re.compile(r"[^\n.?!]*:[ \t]*(?:\n[ \t]*[-*•][^\n]*)+|[^\n.?!]+(?:[.?!]+|(?=\n)|$)|[\n.?!]+")
_TOKEN = re.compile(r"[a-z]+|\d+|[^\sa-z\d]")
_LONGEST = 5

_GLUE = words_of(
    "a an the any all it its they this these those following is are if when whenever where there that which and or of "
    "image images picture pictures drawing drawings photo photos contain contains containing show shows showing has "
    "have with in as mark label call make makes one present you see answer say content rule rules policy"
)
_FORBIDDEN = words_of("forbidden forbids forbid prohibited")
_POINTS = words_of("point points fault faults cost costs lose loses lower lowers")
_POINT_GLUE = words_of(
    "start starts begin begins from off take takes away subtract subtracted deduct remove less for each every by "
    "score rating perfect then at"
) | frozenset(NUMBERS)
_OTHERWISE = words_of("otherwise other others everything else")

_ASPECT_WORDS = {
    "number": ("number", "count"),
    "size": ("size", "sizes"),
    "colour": ("colour", "colours", "color", "colors"),
    "shape": ("shape", "shapes"),
}
_IGNORED = re.compile(
    r"\b(ignore|disregard|not matter|may differ|not compare|is fine|are fine|can be different|may be different)\b"
)
_REGARDED = re.compile(r"\b(only|must|should match|has to match|matters?|counts is|must agree)\b")


@dataclass(frozen=True)
class Prompt:
    """A judge prompt taken apart.

    Attributes:
        rest: All sentences but the rules, as written.
        rules: Label → features that give an image this label; under ``""`` those that cost a point or that are
            forbidden without a label being named.
    """

    rest: str
    rules: Mapping[str, tuple[CaptionFeature, ...]]

    def with_rule(self, rule: str) -> str:
        """The prompt with another rule in place of the old ones."""
        if not rule or not self.rest:
            return self.rest or rule
        return f"{self.rest}{' ' if self.rest[-1] in '.?!' else chr(10)}{rule}"


def label_rules(prompt: str, labels: Sequence[str]) -> Prompt:
    """Take out the rules that name a label, such as ``An image is bad if it contains a red star.``"""
    names = {label.lower(): label for label in labels}
    words = {word for name in names for word in _TOKEN.findall(name)}

    def rule(sentence: str) -> tuple[str, tuple[CaptionFeature, ...]] | None:
        plain = re.sub(r"\b(not|never) allow(ed)?\b", "forbidden", sentence)
        plain = re.sub(r",? and \w+ if not\b", "", plain)
        features, others = _features(plain)
        if not features or not set(others) <= _GLUE | _FORBIDDEN | words:
            return None
        said = [name for _, name in sorted((_place(plain, name), name) for name in names) if _place(plain, name) >= 0]
        if said:
            return names[said[0]], features
        return ("", features) if set(others) & _FORBIDDEN else None

    def companion(sentence: str) -> bool:
        features, others = _features(sentence)
        return not features and bool(set(others) & _OTHERWISE) and set(others) <= _GLUE | _OTHERWISE | words

    return _take_out(prompt, rule, companion)


def point_rules(prompt: str) -> Prompt:
    """Take out the rules that cost points, such as ``take off one point for each of these faults: a red star.``"""
    known = _GLUE | _POINTS | _POINT_GLUE

    def rule(sentence: str) -> tuple[str, tuple[CaptionFeature, ...]] | None:
        features, others = _features(sentence)
        words = {word for word in others if not word.isdigit()}
        return ("", features) if features and words & _POINTS and words <= known else None

    def companion(sentence: str) -> bool:
        features, others = _features(sentence)
        words = {word for word in others if not word.isdigit()}
        return not features and bool(words & (_POINTS | {"start", "begin"})) and words <= known

    return _take_out(prompt, rule, companion)


def aspect_rules(prompt: str) -> tuple[str, frozenset[str] | None]:
    """Take out the rules that say which aspects of a text must match.

    Returns:
        The other sentences, and the aspects that must match (None where no rule is stated).
    """
    kept: list[str] = []
    regarded: set[str] = set()
    ignored: set[str] = set()
    for unit in _UNIT.findall(prompt):
        plain = unit.lower().replace("don't", "do not").replace("doesn't", "does not")
        named = {a for a, words in _ASPECT_WORDS.items() if re.search(rf"\b({'|'.join(words)})\b", plain)}
        if named and _IGNORED.search(plain):
            ignored |= named
        elif named and _REGARDED.search(plain) and "?" not in plain:
            regarded |= named
        else:
            kept.append(unit)
    if not regarded and not ignored:
        return prompt.strip(), None
    return "".join(kept).strip(), frozenset(regarded or set(ASPECTS) - ignored)


def state_labels(rules: Mapping[str, Sequence[CaptionFeature]], labels: Sequence[str]) -> str:
    """Rules in words; of two labels, the label without features is what is left."""
    ruled = [label for label in labels if rules.get(label)]
    stated = [
        f"An image is {label} if it contains {joined([named.phrase() for named in rules[label]], 'or')}."
        for label in ruled
    ]
    if len(labels) == 2 and len(ruled) == 1:
        stated.append(f"Otherwise it is {next(label for label in labels if label not in ruled)}.")
    return " ".join(stated)


def state_points(faults: Sequence[CaptionFeature], best: str) -> str:
    """A rubric in words; empty for no faults."""
    if not faults:
        return ""
    listed = "; ".join(fault.phrase() for fault in faults)
    return f"Start from {best} points and take off one point for each of these faults: {listed}."


def state_aspects(aspects: frozenset[str]) -> str:
    """Which aspects must match, in words; empty where all must."""
    regarded = [a for a in ASPECTS if a in aspects]
    ignored = [a for a in ASPECTS if a not in aspects]
    if not ignored:
        return ""
    return f"Only the {joined(regarded, 'and')} must match. Ignore the {joined(ignored, 'and')}."


def _take_out(
    prompt: str,
    rule: Callable[[str], tuple[str, tuple[CaptionFeature, ...]] | None],
    companion: Callable[[str], bool],
) -> Prompt:
    rules: dict[str, tuple[CaptionFeature, ...]] = {}
    kept: list[tuple[str, bool]] = []
    for unit in _UNIT.findall(prompt):
        plain = re.sub(r"\n[ \t]*[-*•]", ";", unit).lower().strip()
        stated = None if "?" in plain else rule(plain)
        if stated is None:
            kept.append((unit, companion(plain)))
            continue
        label, features = stated
        rules[label] = tuple(dict.fromkeys((*rules.get(label, ()), *features)))
    # sentences that only make sense beside a rule go with it
    return Prompt("".join(unit for unit, beside in kept if not (rules and beside)).strip(), rules)


def _features(sentence: str) -> tuple[tuple[CaptionFeature, ...], list[str]]:
    """The features that a sentence names, and its other words."""
    tokens = _TOKEN.findall(sentence)
    features: list[CaptionFeature] = []
    others: list[str] = []
    place = 0
    while place < len(tokens):
        for length in range(_LONGEST, 0, -1):
            named = feature(" ".join(tokens[place : place + length])) if place + length <= len(tokens) else None
            if named is not None:
                features.append(named)
                place += length
                break
        else:
            if tokens[place].isalnum():
                others.append(tokens[place])
            place += 1
    return tuple(features), others


def _place(text: str, name: str) -> int:
    match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)
    return match.start() if match else -1
