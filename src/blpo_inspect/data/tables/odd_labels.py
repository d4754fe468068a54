"""Rare labels that are probably slips: a word that is another one mistyped, a number apart from the others."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from itertools import pairwise

from blpo_inspect.judging.label_lexer import folded
from blpo_inspect.judging.labels import LabelScale

_RARE = 0.05
_RARE_ROWS = 2
_MORE_FREQUENT = 3
_OFTEN = 3
_MOST_LABELS = 25
_SHORTEST_WORD = 3
_LONG_WORD = 10
_ALIKE = 0.85
"""Of difflib's ratio, for long words, where two slips are as likely as one in a short word."""

_GAP = 2
"""Steps beyond the other numbers of a scale at which a rare one is no surprise: the lowest or highest rating."""


def rare_labels(counts: Mapping[str, int]) -> list[str]:
    """Labels that few rows have, in a table in which another one is much more frequent."""
    most, few = max(counts.values(), default=0), max(_RARE_ROWS, _RARE * sum(counts.values()))
    return [label for label, count in counts.items() if count <= few and count * _MORE_FREQUENT <= most]


def odd_names(counts: Mapping[str, int]) -> dict[str, str]:
    """Rare label → the much more frequent one that it is probably a slip of."""
    odd = {}
    for label in rare_labels(counts):
        frequent = [other for other in counts if counts[other] >= _MORE_FREQUENT * counts[label]]
        near = [other for other in frequent if _is_slip(folded(label), folded(other))]
        if near:
            odd[label] = max(near, key=counts.__getitem__)
    return odd


def odd_numbers(counts: Mapping[str, int], values: Mapping[str, float]) -> list[str]:
    """Rare labels whose numbers are no step of the scale of the other numbers, or lie far beyond it."""
    odd: list[str] = []
    if not 3 < len(counts) <= _MOST_LABELS:
        return odd
    for label in rare_labels(counts):
        others = [other for other, count in counts.items() for _ in range(min(count, _OFTEN)) if other != label]
        steps = [float(step) for step in LabelScale.infer(others).labels]
        if not steps:
            continue  # a numeric scale without it too
        step = min(high - low for low, high in pairwise(sorted(steps)))
        place = (values[label] - min(steps)) / step
        beyond = max(-place, (values[label] - max(steps)) / step)
        if abs(place - round(place)) > 1e-6 or beyond > _GAP:
            odd.append(label)
    return odd


def _is_slip(one: str, other: str) -> bool:
    """Whether two names differ by a slip of the hand, not by a number, a single letter or a syllable before a word."""
    if one.replace(" ", "") == other.replace(" ", ""):
        return True
    if [char for char in one if char.isdigit()] != [char for char in other if char.isdigit()]:
        return False
    pairs = zip(one.split(), other.split(), strict=False)
    differing = [pair for pair in pairs if pair[0] != pair[1]]
    if len(one.split()) != len(other.split()) or len(differing) != 1:
        return False
    short, long = sorted(differing[0], key=len)
    if len(short) < _SHORTEST_WORD or long.endswith(short):
        return False
    return _one_slip(short, long) or (len(short) >= _LONG_WORD and SequenceMatcher(None, short, long).ratio() >= _ALIKE)


def _one_slip(short: str, long: str) -> bool:
    """Whether one letter was changed, left out or added, or two beside each other were swapped."""
    start = next((k for k, pair in enumerate(zip(short, long, strict=False)) if pair[0] != pair[1]), len(short))
    short, long = short[start:], long[start:]
    while short and long and short[-1] == long[-1]:
        short, long = short[:-1], long[:-1]
    return len(long) < 2 or (len(long) == 2 and short == long[::-1])
