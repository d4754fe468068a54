"""The true share behind a judge's share, by its sensitivity and specificity (Rogan and Gladen, 1978).

Supposes that the judge hits and misses as often as on the labelled pictures, given what a picture is; how many of them
are what is asked for may differ. The interval knows that sensitivity and specificity are estimates: Lang and Reiczigel
(2014, doi 10.1016/j.prevetmed.2013.09.015). Knows no labels and no files.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Self

from blpo_inspect.statistics.interval import Interval, check_level, no_interval, share_effect

LEAST = 5
"""Labelled pictures of either kind below which there is no figure."""


@dataclass(frozen=True)
class Share:
    """How many of how many, as independent ones: counts over a design effect.

    Attributes:
        hits: How many count.
        n: Of how many.
    """

    hits: float
    n: float

    @classmethod
    def of(cls, values: Sequence[bool], clusters: Sequence[Hashable] | None) -> Self:
        """The share of values that are true; clusters as in `interval.proportion`."""
        effect = share_effect(values, clusters)
        return cls(sum(values) / effect, len(values) / effect)

    @property
    def value(self) -> float:
        """The share itself."""
        return self.hits / self.n

    def with_pseudo(self, pseudo: float) -> "Share":
        """With so many pseudo samples, half of which count."""
        return Share(self.hits + pseudo / 2, self.n + pseudo)

    @property
    def variance(self) -> float:
        """Of the share."""
        return self.value * (1 - self.value) / self.n


@dataclass(frozen=True)
class Errors:
    """How a judge does on labelled pictures.

    Attributes:
        sensitivity: The share of pictures with the label on which it says so.
        specificity: The share of the other pictures on which it says something else.
        least: The smaller number of labelled pictures of the two kinds.
    """

    sensitivity: Share
    specificity: Share
    least: int

    @classmethod
    def of(cls, human: Sequence[bool], judge: Sequence[bool], clusters: Sequence[Hashable] | None = None) -> "Errors":
        """Count labelled pictures.

        Args:
            human: Whether people say the label.
            judge: Whether the judge does.
            clusters: The cluster of each picture; none: each is its own.

        Raises:
            ValueError: Lengths differ.
        """
        rows = list(zip(human, judge, range(len(human)) if clusters is None else clusters, strict=True))
        kinds = [[(said == kind, cluster) for truth, said, cluster in rows if truth == kind] for kind in (True, False)]
        found, rejected = (
            Share.of([right for right, _ in kind], None if clusters is None else [cluster for _, cluster in kind])
            for kind in kinds
        )
        return cls(found, rejected, min(map(len, kinds)))

    def fault(self) -> str | None:
        """Why no share can be corrected; None where one can."""
        if self.least < LEAST:
            return (
                f"only {self.least} labelled pictures have the label, or have another; sensitivity and specificity "
                f"need at least {LEAST} of each"
            )
        if self.sensitivity.value + self.specificity.value <= 1:
            return (
                f"sensitivity {self.sensitivity.value:.2f} and specificity {self.specificity.value:.2f} add up to 1 at "
                "most: such verdicts say nothing"
            )
        return None


def rogan_gladen(said: Share, errors: Errors, *, level: float = 0.95) -> Interval:
    """The share of pictures with a label, 0 to 1, behind the share on which a judge says it.

    Args:
        said: Of unlabelled pictures, those on which it says so.
        errors: Its errors.
        level: Of the interval.

    Returns:
        The share with Lang and Reiczigel's interval; NaN, with the reason, where `Errors.fault` has one.

    Raises:
        ValueError: `level` is out of range.
    """
    check_level(level)
    n = round(said.n)
    if reason := errors.fault():
        return no_interval(math.nan, n, level, reason)
    found, rejected = errors.sensitivity, errors.specificity
    value = _within((said.value + rejected.value - 1) / (found.value + rejected.value - 1), 0.0)
    z = _quantile(level)
    said, found, rejected = said.with_pseudo(z**2), found.with_pseudo(2), rejected.with_pseudo(2)
    youden = found.value + rejected.value - 1
    if youden <= 0:
        return no_interval(value, n, level, "sensitivity and specificity add up to hardly more than 1")
    share = (said.value + rejected.value - 1) / youden
    shift = 2 * z**2 * (share * found.variance - (1 - share) * rejected.variance)
    variance = said.variance + share**2 * found.variance + (1 - share) ** 2 * rejected.variance
    reach = z * math.sqrt(variance) / youden
    low, high = (_within(share + shift + side * reach, 0.0) for side in (-1, 1))
    return Interval(value, min(low, value), max(high, value), n, level)


def rogan_gladen_difference(first: Share, second: Share, errors: Errors, *, level: float = 0.95) -> Interval:
    """The difference of two true shares, first minus second, -1 to 1, where the judge errs alike on both.

    The interval is Wald's on shares with the pseudo samples of `rogan_gladen`. Arguments, result and errors are as
    there.
    """
    check_level(level)
    n = round(first.n + second.n)
    if reason := errors.fault():
        return no_interval(math.nan, n, level, reason)
    found, rejected = errors.sensitivity, errors.specificity
    value = _within((first.value - second.value) / (found.value + rejected.value - 1), -1.0)
    z = _quantile(level)
    first, second = first.with_pseudo(2), second.with_pseudo(2)
    found, rejected = found.with_pseudo(2), rejected.with_pseudo(2)
    youden = found.value + rejected.value - 1
    if youden <= 0:
        return no_interval(value, n, level, "sensitivity and specificity add up to hardly more than 1")
    apart = (first.value - second.value) / youden
    variance = first.variance + second.variance + apart**2 * (found.variance + rejected.variance)
    reach = z * math.sqrt(variance) / youden
    low, high = (_within(apart + side * reach, -1.0) for side in (-1, 1))
    return Interval(value, min(low, value), max(high, value), n, level)


def _within(value: float, low: float) -> float:
    return min(1.0, max(low, value))


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))
