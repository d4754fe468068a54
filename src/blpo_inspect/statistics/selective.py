"""On what share may a judge decide alone: a threshold of its confidence with a guarantee.

Follows Jung et al., 2024 (arXiv 2407.18370): thresholds are tested in a fixed order, from the most confident answers
down, each by the exact binomial test, until one does not hold (fixed-sequence testing), from several starts.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from blpo_inspect.statistics.interval import share_effect

THRESHOLDS = (1.0, 0.9999, 0.999, 0.995, *(k / 100 for k in range(99, -1, -1)))
"""Confidences that are tested, in this order: they do not depend on the data."""

STARTS = (0.0, 0.25, 0.5)
"""Shares of the samples from which on thresholds are tested, each with its part of delta: one wrong answer among the
surest few would else end it."""


@dataclass(frozen=True)
class Alone:
    """What a judge may decide alone.

    Attributes:
        threshold: It decides where its confidence is at least this; None: nowhere.
        decided: How many of the samples these are.
        right: On how many of them it agrees with people.
        n: All samples.
        level: The agreement that is guaranteed among what it decides.
        delta: The guarantee fails with this probability at most.
        reason: Why it may decide nothing; None where it may.
    """

    threshold: float | None
    decided: int
    right: int
    n: int
    level: float
    delta: float
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """The same in a sentence."""
        guarantee = f"agreement of {self.level:.0%} or more with probability {1 - self.delta:.0%}"
        if self.threshold is None:
            return f"may decide nothing alone ({self.reason}), for {guarantee}"
        return (
            f"may decide {self.decided / self.n:.0%} alone, where it is sure by {self.threshold:g} or more "
            f"({self.right} of {self.decided} right): {guarantee}"
        )


def decides_alone(
    right: Sequence[bool],
    confidence: Sequence[float],
    *,
    level: float = 0.9,
    delta: float = 0.05,
    clusters: Sequence[Hashable] | None = None,
) -> Alone:
    """The lowest threshold of confidence at which agreement is at least a level, with probability 1 - delta.

    With probability 1 - `delta` over such samples, the judge agrees with people on a share of `level` or more of all
    further images from where these come from on which its confidence reaches the threshold.

    Args:
        right: Whether the judge agrees with people on each sample.
        confidence: How sure it was of each, 0 to 1.
        level: The agreement to guarantee, between 0 and 1.
        delta: How often the guarantee may fail, between 0 and 1.
        clusters: The cluster of each sample. Counts are then divided by the design effect (as in
            `interval.proportion`), and the guarantee is about right instead of exact.

    Raises:
        ValueError: Lengths differ, or an argument is out of range.
    """
    for name, value in (("level", level), ("delta", delta)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must be between 0 and 1, not {value}")
    if not len(right) == len(confidence) == len(clusters or right):
        raise ValueError(f"inconsistent numbers of samples: {len(right)} and {len(confidence)}")
    order = sorted(range(len(right)), key=lambda k: -confidence[k])
    hits = [bool(right[k]) for k in order]
    held = None if clusters is None else [clusters[k] for k in order]
    share = delta / len(STARTS)
    # fewer could not show it even if all were right; this looks at confidences only
    least = math.ceil(math.log(share) / math.log(level) - 1e-9)
    reached = {threshold: sum(confidence[k] >= threshold for k in order) for threshold in THRESHOLDS}
    best: Alone | None = None
    for start in STARTS:
        for threshold, decided in reached.items():
            if decided < max(least, start * len(hits)):
                continue
            if not _holds(hits[:decided], None if held is None else held[:decided], level, share):
                break
            if best is None or decided > best.decided:
                best = Alone(threshold, decided, sum(hits[:decided]), len(hits), level, delta)
    if best is not None:
        return best
    few = f"{len(hits)} samples are too few: {least} that are all right would show it"
    reason = few if len(hits) < least else f"its surest answers do not agree with people on {level:.0%} for sure"
    return Alone(None, 0, 0, len(hits), level, delta, reason)


def _holds(hits: Sequence[bool], clusters: Sequence[Hashable] | None, level: float, delta: float) -> bool:
    """Whether so many hits reject, at level `delta`, that the share of hits is below `level`."""
    from scipy.special import betainc

    if clusters is not None and len(set(clusters)) == 1 < len(hits):
        return False
    told = 1 / share_effect(hits, clusters)
    n, wrong = len(hits) * told, (len(hits) - sum(hits)) * told
    if wrong >= n:
        return False
    # P(at most `wrong` of n are wrong) where a share of 1 - level is
    return float(betainc(n - wrong, wrong + 1, level)) <= delta
