"""Several people's labels of one image → the one label that it is taken to have."""

import hashlib
from collections.abc import Sequence
from math import isclose

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import consensus


def consensus_label(ratings: Sequence[str], scale: LabelScale, *, draw: bool, seed: str) -> tuple[str | None, bool]:
    """The label, and whether it was drawn by chance.

    The most frequent label of an unordered scale; the median of the others. Between two middle labels the median is
    their mean on a numeric scale. On an ordinal one it is the label nearer to the mean of all ratings, and where both
    are as near (always with two raters) one of them by chance: always the lower one would make a judge who rates as
    one of the raters look too high.

    Args:
        ratings: At least one, on the scale.
        scale: The scale.
        draw: Whether to draw one of the labels of an unordered scale that tie; else there is none.
        seed: What the draw depends on: the same for the same image.
    """
    tied = consensus(ratings, scale)
    if len(tied) == 1:
        return tied[0], False
    if scale.kind == "numeric":
        return scale.canonical(sum(map(scale.value, tied)) / len(tied)), False
    if scale.kind == "ordinal":
        mean = sum(map(scale.value, ratings)) / len(ratings)
        low, high = (abs(scale.value(label) - mean) for label in tied)
        if not isclose(low, high, rel_tol=1e-9):
            return tied[low > high], False
    elif not draw:
        return None, False
    number = int.from_bytes(hashlib.sha256(seed.encode()).digest())
    return tied[number % len(tied)], True
