"""The labels that occur in data → the scale that they are on, as far as the labels alone tell it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from fractions import Fraction
from typing import Any

from blpo_inspect.judging.label_lexer import folded
from blpo_inspect.judging.label_text import clean, number, plain_number

_MOST_NAMES = 20
_MOST_STEPS = 20
_MOST_WHOLE_STEPS = 10
_OFTEN = 3
"""How often numbers that are no even steps must occur on average to be taken for names, not for measurements."""


def fields_of_scale(labels: Iterable[str]) -> dict[str, Any]:
    """The fields of a `LabelScale`; see `LabelScale.infer`.

    Raises:
        ValueError: One label only, or so many that they are no labels.
    """
    counts = Counter(clean(label) for label in labels)
    if not counts:
        raise ValueError("cannot tell the scale from no labels at all")
    values = {label: value for label in counts if (value := number(label)) is not None}
    if len(values) < len(counts):
        return _of_names(counts, words=counts.keys() - values.keys())
    numbers = Counter[float]()
    for label, value in values.items():
        numbers[value] += counts[label]
    return _of_numbers(numbers)


def _of_numbers(counts: Mapping[float, int]) -> dict[str, Any]:
    values = sorted(counts)
    if len(values) < 3:
        return _of_names({plain_number(value): counts[value] for value in values})
    low, high = values[0], values[-1]
    if all(value.is_integer() for value in values) and high - low <= _MOST_WHOLE_STEPS:
        return _ordinal(float(value) for value in range(int(low), int(high) + 1))
    step = _step(values)
    steps = (Fraction(repr(high)) - Fraction(repr(low))) / step
    if steps <= _MOST_STEPS:
        if 2 * len(values) > steps:
            values = [float(Fraction(repr(low)) + k * step) for k in range(int(steps) + 1)]
        return _ordinal(values)
    if len(values) <= _MOST_NAMES and sum(counts.values()) >= _OFTEN * len(values):
        return _of_names({plain_number(value): counts[value] for value in values})
    return {"kind": "numeric", "low": low, "high": high}


def _step(values: list[float]) -> Fraction:
    """The largest step that leads from the first of these numbers to all others."""
    first = Fraction(repr(values[0]))
    step = Fraction(0)
    for value in values[1:]:
        other = Fraction(repr(value)) - first
        while other:
            step, other = other, step % other
    return step


def _ordinal(values: Iterable[float]) -> dict[str, Any]:
    return {"kind": "ordinal", "labels": tuple(map(plain_number, values))}


def _of_names(counts: Mapping[str, int], words: Collection[str] = ()) -> dict[str, Any]:
    spelled: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        spelled.setdefault(folded(label), label)  # of several spellings the most frequent
    if not 2 <= len(spelled) <= _MOST_NAMES:
        few = words if 2 * len(words) < len(counts) else counts
        shown = ", ".join(f"{label:.60}" for label in sorted(few)[:5]) + (", …" if len(few) > 5 else "")
        which = f"all numbers but {shown}" if few is words else shown
        raise ValueError(f"cannot tell the scale from {len(spelled)} different label(s) ({which})")
    return {"kind": "unordered", "labels": tuple(sorted(spelled.values(), key=str.casefold))}
