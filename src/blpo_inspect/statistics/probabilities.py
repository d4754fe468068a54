"""Whether a judge's probabilities can be believed: calibration error, Brier score, expected score.

Probabilities are those of `likelihood.label_probabilities`, or any mapping label → probability with sum 1.
"""

import math
from collections.abc import Mapping, Sequence

from blpo_inspect.judging.labels import LabelScale

BINS = 10
"""Bins of equal width of the expected calibration error: (0, 0.1], (0.1, 0.2], … (0.9, 1]; 0 falls into the first."""

Probabilities = tuple[tuple[str, float], ...]
"""Label → probability as a tuple, so that equal samples can be counted: ``tuple(probabilities.items())``."""


def calibration_error(correct: Sequence[float], confidence: Sequence[float]) -> float:
    """Expected calibration error, 0 to 1: mean distance of confidence and accuracy over bins, weighted by their size.

    The confidence is the probability of the most probable label, and `correct` 1 where that is people's label, else 0
    (Guo et al., 2017, arXiv 1706.04599), in `BINS` bins of equal width. NaN for no samples. With few samples in a bin
    it is above 0 even for a calibrated judge: `calibrated_error` says how far. It has no interval: resampled samples
    have the noise of the samples and their own besides, so that intervals of a calibrated judge never hold 0.
    """
    if len(correct) != len(confidence):
        raise ValueError(f"inconsistent numbers of samples: {len(correct)} and {len(confidence)}")
    if not len(correct):
        return math.nan
    excess = [0.0] * BINS
    for hit, sure in zip(correct, confidence, strict=True):
        excess[bin_of(sure)] += hit - sure
    return math.fsum(map(abs, excess)) / len(correct)


def calibrated_error(confidence: Sequence[float], *, seed: int = 0, draws: int = 1000) -> float:
    """What `calibration_error` a calibrated judge of these confidences has on average, by chance alone; NaN for none.

    Each draw makes every sample correct with the probability of its confidence; samples are taken as independent.
    """
    if not len(confidence):
        return math.nan
    import numpy as np

    sure = np.asarray(confidence, dtype=float)
    correct = np.random.default_rng(seed).random((draws, len(sure))) < sure
    member = np.eye(BINS)[[bin_of(one) for one in confidence]]
    return float(np.abs((correct - sure) @ member).sum(axis=1).mean() / len(sure))


def bin_of(confidence: float) -> int:
    """The bin of a confidence, counted from 0."""
    # 0.7 * 10 is above 7 in floating point, and 0.7 belongs into the bin that it ends
    return min(BINS - 1, max(0, math.ceil(round(confidence * BINS, 9)) - 1))


def brier(human: Sequence[str], probabilities: Sequence[Probabilities]) -> float:
    """Brier score over all labels, 0 (certain and right) to 2 (certain and wrong); NaN for no samples.

    The mean of Σ (p(label) - [label is people's])² (Brier, 1950; twice the score of one probability for two labels).
    """
    if len(human) != len(probabilities):
        raise ValueError(f"inconsistent numbers of samples: {len(human)} and {len(probabilities)}")
    if not len(human):
        return math.nan
    return math.fsum(map(_brier, human, probabilities)) / len(human)


def expected_score(probabilities: Mapping[str, float], scale: LabelScale) -> float:
    """The mean value on an ordinal scale under the probabilities, in units of `LabelScale.value`.

    A finer verdict than the most probable label (as in G-Eval, arXiv 2303.16634).

    Raises:
        ValueError: An unordered scale.
    """
    return math.fsum(probability * scale.value(label) for label, probability in probabilities.items())


def top(probabilities: Mapping[str, float]) -> tuple[str, float]:
    """The most probable label, the first of equal ones, and its probability."""
    label = max(probabilities, key=lambda name: probabilities[name])
    return label, probabilities[label]


def _brier(human: str, probabilities: Probabilities) -> float:
    return math.fsum((probability - (label == human)) ** 2 for label, probability in probabilities)
