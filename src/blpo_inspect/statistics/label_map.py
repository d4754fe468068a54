"""Fits a map of a judge's labels to people's (`judging.label_map`), and says whether it helps on other images.

An ordinal scale's map is the monotone one of least loss, found exactly. A numeric scale's is isotonic regression: a
judge that shifts, stretches or squeezes the scale is monotone, and where it does so is not known before. An unordered
scale's weighs the probabilities of the labels.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import isotonic_regression

from blpo_inspect.judging.label_map import meant, within
from blpo_inspect.judging.label_text import plain_number
from blpo_inspect.judging.labels import LabelScale

_FOLDS = 50
"""At most so many maps are fitted to see whether one helps; of fewer groups each is left out once."""
_ROUNDS = 10
_LEAST = 1e-9
"""A probability or a gain below this is none."""


@dataclass(frozen=True)
class Judged:
    """What a judge and people say of one image.

    Attributes:
        said: The judge's label.
        people: The labels of its raters, at least one.
        group: Images of one group depend on each other.
        probabilities: The judge's, of each label; only an unordered scale needs them.
    """

    said: str
    people: tuple[str, ...]
    group: Hashable
    probabilities: Mapping[str, float] | None = None

    @cached_property
    def shares(self) -> dict[str, float]:
        """The share of raters that gave each label."""
        return {label: count / len(self.people) for label, count in Counter(self.people).items()}

    def loss(self, scale: LabelScale, label: str) -> float:
        """The loss of a label, the mean over raters."""
        return sum(share * scale.loss(label, rater) for rater, share in self.shares.items())


@dataclass(frozen=True)
class FittedMap:
    """A map, and the mean loss without and with it on images that it was not fitted on.

    Attributes:
        map: Fitted on all images.
        before: Of the judge's own labels.
        after: Of the labels that maps fitted on other groups make of them.
    """

    map: dict[str, str]
    before: float
    after: float

    @property
    def helps(self) -> bool:
        """Whether the loss is lower with it."""
        return self.after < self.before - _LEAST


def fit_map(scale: LabelScale, judged: Sequence[Judged]) -> dict[str, str]:
    """The map of the kind that the scale has which fits the images best; of those that do equally well, the nearest.

    Args:
        scale: The labels.
        judged: At least one image; for an unordered scale all with probabilities.
    """
    if scale.kind == "numeric":
        return _isotonic(scale, judged)
    costs = np.array([[one.loss(scale, label) for label in scale.labels] for one in judged])
    if not scale.ordered:
        given = [[(one.probabilities or {})[label] for label in scale.labels] for one in judged]
        return _weights(scale.labels, np.maximum(given, _LEAST), costs)
    said = np.array([scale.labels.index(one.said) for one in judged])
    return _monotone(scale.labels, [costs[said == row].sum(axis=0) for row in range(len(scale.labels))])


def fitted_map(scale: LabelScale, judged: Sequence[Judged]) -> FittedMap:
    """The map of `fit_map`, with its cross-validated loss: groups are left out in turn, each once.

    Args:
        scale: The labels.
        judged: Images of at least two groups; for an unordered scale all with probabilities.
    """
    folds = {group: place % _FOLDS for place, group in enumerate(dict.fromkeys(one.group for one in judged))}
    after = 0.0
    for fold in set(folds.values()):
        found = fit_map(scale, [one for one in judged if folds[one.group] != fold])
        left_out = [one for one in judged if folds[one.group] == fold]
        after += sum(one.loss(scale, meant(found, scale, one.said, one.probabilities)) for one in left_out)
    before = sum(one.loss(scale, one.said) for one in judged)
    return FittedMap(fit_map(scale, judged), before / len(judged), after / len(judged))


def _monotone(labels: Sequence[str], costs: Sequence[np.ndarray]) -> dict[str, str]:
    """Of an ordinal scale; ``costs[said][meant]`` is the loss of all images of a label under a meaning."""
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())] * len(labels)
    for row, of_row in enumerate(costs):
        reached: list[tuple[float, int, tuple[int, ...]]] = []
        for place in range(len(labels)):
            loss, moved, path = min(best[: place + 1])
            reached.append((round(loss + float(of_row[place]), 9), moved + abs(place - row), (*path, place)))
        best = reached
    return {label: labels[place] for label, place in zip(labels, min(best)[2], strict=True)}


def _isotonic(scale: LabelScale, judged: Sequence[Judged]) -> dict[str, str]:
    """Of a numeric scale: the ends of each stretch on which the regression of people's mean is constant."""
    people = [sum(share * float(label) for label, share in one.shares.items()) for one in judged]
    said, places = np.unique([float(one.said) for one in judged], return_inverse=True)
    counts = np.bincount(places)
    found = isotonic_regression(np.bincount(places, weights=people) / counts, weights=counts)
    ends = sorted({*found.blocks[:-1], *(found.blocks[1:] - 1)})
    return {plain_number(float(said[end])): within(scale, found.x[end]) for end in ends}


def _weights(labels: Sequence[str], given: np.ndarray, costs: np.ndarray) -> dict[str, str]:
    """Of an unordered scale: each weight in turn is put where the loss is least, until none moves.

    Args:
        labels: The labels.
        given: Probabilities, image × label, above 0.
        costs: The loss of each label, image × label.
    """
    weights, images = np.ones(len(labels)), np.arange(len(given))
    for _ in range(_ROUNDS):
        old = weights.copy()
        for place in range(1, len(labels)):  # only ratios count: the first label's stays 1
            others = given * weights
            others[:, place] = 0
            rival = others.argmax(axis=1)
            bounds = others[images, rival] / given[:, place]  # from this weight on the label wins an image
            order = np.argsort(bounds, kind="stable")
            bounds = bounds[order]
            losses = np.concatenate([[0], np.cumsum((costs[:, place] - costs[images, rival])[order])])
            losses[1:-1][bounds[1:] <= bounds[:-1]] = np.inf  # no weight parts equal bounds
            if losses[np.searchsorted(bounds, weights[place])] > losses.min() + _LEAST:
                between = np.sqrt(bounds[:-1] * bounds[1:])
                cuts = np.concatenate([bounds[:1] / 2, between, bounds[-1:] * 2])
                best = cuts[losses <= losses.min() + _LEAST]
                weights[place] = best[np.abs(np.log(best / weights[place])).argmin()]
        if np.allclose(old, weights):
            break
    return {label: f"{weight:.6g}" for label, weight in zip(labels, weights, strict=True)}
