"""Puts the rules of a judge prompt from plain words into the written forms, and back."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Protocol

from blpo_inspect.world.optimizer import judge_forms
from blpo_inspect.world.optimizer.forms import Form, Rules, Statement
from blpo_inspect.world.optimizer.framing import undecorated
from blpo_inspect.world.optimizer.language import CaptionFeature, feature, joined, number_word, plural
from blpo_inspect.world.optimizer.statements import (
    ASPECTS,
    Prompt,
    aspect_rules,
    label_rules,
    point_rules,
    state_aspects,
    state_labels,
    state_points,
)


def in_plain_words(prompt: str, labels: Sequence[str], *, ordered: bool) -> str:
    """The prompt with its rules as the plain style states them; as it is where it is in none of the forms.

    Args:
        prompt: A judge prompt.
        labels: The labels, from lowest to highest where ordered.
        ordered: Whether the labels are a scale of points.
    """
    text = undecorated(prompt)
    read = [
        (len(statement.rest), plain)
        for kind in _kinds(labels, ordered=ordered)
        for form in kind.forms
        if (statement := form.read(text, kind.names, kind.values, kind.closing)) is not None
        and (plain := kind.plain(statement)) is not None
    ]
    # of several forms that fit, the one that leaves least over
    return min(read)[1] if read else text


def in_forms(prompt: str, labels: Sequence[str], *, ordered: bool) -> Iterator[str]:
    """A prompt with rules in plain words, in each of the forms that can state them and are read back as they were.

    Args:
        prompt: A judge prompt.
        labels: The labels, from lowest to highest where ordered.
        ordered: Whether the labels are a scale of points.
    """
    kinds = _kinds(labels, ordered=ordered)
    stated = next(((kind, statement) for kind in kinds if (statement := kind.stated(prompt)) is not None), None)
    if stated is None:
        return
    kind, statement = stated
    values = partial(kind.values, lone=len(statement.rules) == 1)
    for form in kind.forms:
        text = form.write(statement, values, kind.closing(statement.rules))
        if text is not None and in_plain_words(text, labels, ordered=ordered) == kind.plain(statement):
            yield text


class _Kind(Protocol):
    """Rules of one kind: how they can be written, and what they can be about."""

    forms: Sequence[Form]
    names: Sequence[str]

    def values(self, name: str, lone: bool = True) -> Mapping[str, str]:
        """What the templates of a rule may name; ``lone`` where there is no other rule."""

    def closing(self, rules: Rules) -> Mapping[str, str] | None:
        """What a closing may name; None where there is none."""

    def stated(self, prompt: str) -> Statement | None:
        """A prompt in plain words, taken apart; None where it states no such rule."""

    def plain(self, statement: Statement) -> str | None:
        """The prompt in plain words; None where a phrase is not understood."""


class _LabelRules:
    forms: Sequence[Form] = judge_forms.LABELS

    def __init__(self, labels: Sequence[str]) -> None:
        self.names = labels

    def values(self, name: str, lone: bool = True) -> Mapping[str, str]:
        others = [label for label in self.names if label != name]
        return {"label": name, **({"other": others[0]} if lone and len(others) == 1 else {})}

    def closing(self, rules: Rules) -> Mapping[str, str] | None:
        if len(rules) != 1 or len(self.names) != 2:
            return None
        [(label, phrases)] = rules.items()
        return {**self.values(label), **_exceptions(phrases)}

    def stated(self, prompt: str) -> Statement | None:
        read = label_rules(prompt, self.names)
        phrases = {label: _phrases(read.rules[label]) for label in self.names if read.rules.get(label)}
        return Statement(read.rest, phrases) if phrases and set(phrases) == set(read.rules) else None

    def plain(self, statement: Statement) -> str | None:
        features = {label: _features(phrases) for label, phrases in statement.rules.items()}
        known = {label: found for label, found in features.items() if found is not None}
        if len(known) < len(features):
            return None
        return Prompt(statement.rest, {}).with_rule(state_labels(known, self.names))


class _PointRules:
    forms: Sequence[Form] = judge_forms.POINTS
    names: Sequence[str] = ("",)

    def __init__(self, labels: Sequence[str]) -> None:
        marks = sorted(map(int, labels))
        self.worst, self.best = str(marks[0]), str(marks[-1])
        self.levels = {}
        if marks == list(range(marks[0], marks[-1] + 1)):  # else a fault is no step on the scale
            most = len(marks) - 1
            counts = ["none", *(f"exactly {number_word(n)}" for n in range(1, most)), f"{number_word(most)} or more"]
            lines = [f"{mark} – {count} of these faults" for mark, count in zip(reversed(marks), counts, strict=False)]
            self.levels = {"levels": "\n".join(lines)}

    def values(self, name: str, lone: bool = True) -> Mapping[str, str]:
        return {"best": self.best, "worst": self.worst, **self.levels}

    def closing(self, rules: Rules) -> Mapping[str, str] | None:
        return {**self.values(""), **_exceptions(rules[""])}

    def stated(self, prompt: str) -> Statement | None:
        read = point_rules(prompt)
        return Statement(read.rest, {"": _phrases(read.rules[""])}) if read.rules.get("") else None

    def plain(self, statement: Statement) -> str | None:
        faults = _features(statement.rules[""])
        return Prompt(statement.rest, {}).with_rule(state_points(faults, self.best)) if faults is not None else None


class _AspectRules:
    forms: Sequence[Form] = judge_forms.ASPECTS
    names: Sequence[str] = ("",)

    def values(self, name: str, lone: bool = True) -> Mapping[str, str]:
        return {}

    def closing(self, rules: Rules) -> Mapping[str, str] | None:
        ignored = [aspect for aspect in ASPECTS if aspect not in rules[""]]
        return {
            "ignored": joined(ignored, "and"),
            "ignored_or": joined(ignored, "or"),
            "ignored_lines": "\n".join(f"- the {aspect}" for aspect in ignored),
            "ignored_rows": "\n".join(f"| {aspect} | no |" for aspect in ignored),
        }

    def stated(self, prompt: str) -> Statement | None:
        rest, aspects = aspect_rules(prompt)
        # a sentence that only sounds like such a rule is part of the task
        if not aspects or not state_aspects(aspects) or state_aspects(aspects) not in prompt:
            return None
        return Statement(rest, {"": tuple(aspect for aspect in ASPECTS if aspect in aspects)})

    def plain(self, statement: Statement) -> str | None:
        aspects = frozenset(statement.rules[""])
        if not aspects <= set(ASPECTS):
            return None
        return " ".join(part for part in (statement.rest, state_aspects(aspects)) if part)


def _kinds(labels: Sequence[str], *, ordered: bool) -> list[_Kind]:
    return [_PointRules(labels) if ordered and labels else _LabelRules(labels), _AspectRules()]


def _phrases(features: Sequence[CaptionFeature]) -> tuple[str, ...]:
    return tuple(named.phrase() for named in features)


def _features(phrases: Sequence[str]) -> tuple[CaptionFeature, ...] | None:
    read = [feature(phrase) for phrase in phrases]
    known = tuple(named for named in read if named is not None)
    return known if len(known) == len(read) else None


def _exceptions(phrases: Sequence[str]) -> dict[str, str]:
    """What shares a property with a phrase and does not fall under it; nothing where no phrase has two properties."""
    near = list(dict.fromkeys(each for named in _features(phrases) or () for each in _near(named)))
    return {"exceptions": joined(near, "and")} if near else {}


def _near(named: CaptionFeature) -> Iterator[str]:
    if len(named.needs()) < 2:
        return
    things = plural(named.noun or "shape")
    qualities = {"size": named.size, "colour": named.colour}
    if named.noun is not None:
        yield " ".join(["other", *(word for word in qualities.values() if word), "shapes"])
    for changed, word in qualities.items():
        if word:
            yield " ".join(
                [*(w for name, w in qualities.items() if w and name != changed), things, "of other", f"{changed}s"]
            )
