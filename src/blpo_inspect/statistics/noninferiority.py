"""Did a judge get worse? A paired decision with two kinds of error, each kept at its level.

A drop of at least the margin must not pass, and a judge that is no worse must not fail; what the labels cannot tell is
inconclusive. The interval for accuracy is Tango's score interval; other figures are resampled with a pair of pseudo
samples, so that few or no differences between the judges do not look like certainty. Does not judge images and reads no
logs.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, TypeVar

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.interval import Comparison, Interval, check_level
from blpo_inspect.statistics.named_statistics import AGREEMENT, CORRELATION, ERROR, Named
from blpo_inspect.statistics.paired import holm
from blpo_inspect.statistics.paired_proportions import accuracy_difference, no_worse, tango_score
from blpo_inspect.statistics.search import FARTHEST, smallest
from blpo_inspect.statistics.smoothed_bootstrap import smoothed_difference
from blpo_inspect.statistics.unread_as_wrong import with_unread

Verdict = Literal["pass", "fail", "inconclusive"]


class Tested(Protocol):
    """A verdict whose *fail* rests on a p-value: `Decision`, or a probe's result."""

    @property
    def verdict(self) -> Verdict:
        """The verdict."""

    @property
    def p(self) -> float:
        """How likely evidence as strong for *fail* is where there is nothing to fail for; NaN where untested."""

    def doubted(self, reason: str) -> Self:
        """The same, inconclusive, for this reason besides its own."""


AnyTested = TypeVar("AnyTested", bound=Tested)


@dataclass(frozen=True)
class Decision:
    """Whether a judge is still as good as before, by one figure.

    Attributes:
        verdict: ``pass``, ``fail`` or ``inconclusive``.
        figure: Its name.
        difference: After minus before on the same samples, with the two-sided interval at 1 - 2·alpha. Its p is
            one-sided: how likely a drop as large is for a judge that is no worse.
        margin: The drop that must not pass, above 0, in the figure's units.
        alpha: The level of either kind of error.
        more: Where inconclusive: so many further labels would decide if things stay as they are, which is as likely
            as not; None where none would (the drop is about the margin).
        reason: One sentence for people.
    """

    verdict: Verdict
    figure: str
    difference: Comparison
    margin: float
    alpha: float
    more: int | None
    reason: str

    @property
    def p(self) -> float:
        """The p-value of `difference`."""
        return self.difference.p

    def doubted(self, reason: str) -> "Decision":
        """The same, inconclusive, for this reason besides its own."""
        return replace(self, verdict="inconclusive", reason=f"{self.reason}; {reason}")


@dataclass(frozen=True)
class Bar:
    """Whether a figure clears an absolute bar.

    Attributes:
        verdict: ``pass``, ``fail`` or ``inconclusive``.
        value: The figure with its interval.
        at_least: The bar.
        on: What has to clear it: the figure itself or the lower end of its interval.
        more: Where inconclusive: so many further labels would decide if the figure stays; None where none would.
        reason: One sentence for people.
    """

    verdict: Verdict
    value: Interval
    at_least: float
    on: Literal["value", "low"]
    more: int | None
    reason: str


def non_inferiority(
    human: Sequence[str],
    before: Sequence[str | None],
    after: Sequence[str | None],
    *,
    figure: str,
    scale: LabelScale,
    margin: float,
    alpha: float,
    seed: int,
    clusters: Sequence[Hashable] | None = None,
) -> Decision:
    """Decide whether a judge's answers after a change are worse than before, on the same labelled samples.

    - *pass*: the lower end of the interval is above -margin. A judge whose true drop is the margin or more passes with
      a probability of about `alpha` at most.
    - *fail*: the drop is at least the margin, and too large (p ≤ alpha) for a judge that is no worse. A judge that is
      no worse fails with a probability of `alpha` at most (exactly so for accuracy).
    - *inconclusive*: neither, or the figure is not defined.

    A drop between nothing and the margin may give any verdict, until enough labels let it pass. Where no single sample
    got worse and the figure did not fall, the verdict is *pass* if there are enough independent samples or clusters for
    that to be evidence (`evidence`: 99 for 3 points at 5 %). With fewer it is inconclusive unless the interval tells.

    Accuracy has Tango's interval and McNemar's exact test, one-sided (`accuracy_difference`); other figures a smoothed
    bootstrap interval and a permutation test (`smoothed_difference`). Both take clusters.

    **An answer that could not be read counts as a wrong label**, before and after alike: on a scale with an order the
    label farthest from people's, else the wrong label that people use most. (A category of its own would be a gift for
    kappa and F1: nobody agrees with it by chance, so an unread answer would cost less than a wrong label.)

    Args:
        human: Labels of people, one per sample.
        before: The judge's labels before, in the same order; None where its answer could not be read.
        after: Its labels after.
        figure: Of agreement or correlation (`statistics_of`), where higher is better.
        scale: Of the labels.
        margin: The drop that must not pass, above 0.
        alpha: The level, below 0.5.
        seed: Of the resampling, at least 0.
        clusters: The cluster of each sample; none: all are independent.

    Raises:
        ValueError: Lengths differ, the figure does not apply, or `margin` or `alpha` is out of range.
    """
    check_level(alpha)
    if alpha >= 0.5:
        raise ValueError(f"alpha must be below 0.5, not {alpha}")
    if not margin > 0:
        raise ValueError(f"margin must be above 0, not {margin}: how large a drop must not pass?")
    named = _named(figure, scale)
    if not len(human) == len(before) == len(after):
        raise ValueError(f"inconsistent numbers of samples: {len(human)}, {len(before)} and {len(after)}")
    if clusters is not None:
        if len(clusters) != len(human):
            raise ValueError(f"{len(human)} samples, but the cluster of {len(clusters)}")
        clusters = None if len(set(clusters)) == len(clusters) else clusters
    first, second = (with_unread(human, side, scale) for side in (before, after))
    if figure == "accuracy":
        difference = accuracy_difference(human, first, second, alpha=alpha, seed=seed, clusters=clusters)
    else:
        difference = smoothed_difference(named, human, first, second, scale, alpha=alpha, seed=seed, clusters=clusters)
    if math.isnan(difference.value):
        return Decision("inconclusive", figure, difference, margin, alpha, None, f"{figure}: {difference.reason}")
    worse = sum(
        _loss(figure, scale, b, h) > _loss(figure, scale, a, h) for h, a, b in zip(human, first, second, strict=True)
    )
    units = len(human) if clusters is None else len(set(clusters))
    verdict = decide(difference, margin, alpha, lost=worse, units=units)
    more = None
    if verdict == "inconclusive":
        counts = None
        if figure == "accuracy" and clusters is None:
            gained = round(difference.n * difference.value) + worse
            counts = gained, worse
        more = _more(difference, margin, alpha, counts)
    return Decision(
        verdict,
        figure,
        difference,
        margin,
        alpha,
        more,
        _sentence(verdict, figure, difference, margin, alpha, more, lost=worse, units=units),
    )


def evidence(margin: float, alpha: float = 0.05) -> int:
    """The fewest independent samples on which not one loss is evidence, at level alpha, of a drop below the margin.

    log(alpha) / log(1 - margin), rounded up: where a share of `margin` is lost, so many samples show none with a
    probability of `alpha` at most.
    """
    return math.ceil(math.log(alpha) / math.log1p(-margin)) if margin < 1 else 1


def decide(difference: Comparison, margin: float, alpha: float, *, lost: int, units: int) -> Verdict:
    """The verdict on a difference; see `non_inferiority`.

    Args:
        difference: With its interval at 1 - 2·alpha and its one-sided p.
        margin: The drop that must not pass.
        alpha: The level.
        lost: How many samples got worse.
        units: How many independent samples or clusters there are.
    """
    none_lost = lost == 0 and difference.value >= 0 and units >= evidence(margin, alpha)
    if difference.low > -margin or none_lost:
        return "pass"
    if difference.value <= -margin + _ROUNDING and difference.p <= alpha:
        return "fail"
    return "inconclusive"


def bar(value: Interval, at_least: float, on: Literal["value", "low"] = "low") -> Bar:
    """Decide whether a figure clears an absolute bar.

    Args:
        value: The figure with its interval.
        at_least: The bar.
        on: ``value``: the figure passes or fails, whatever its interval. ``low``: it passes if its interval is above
            the bar, fails if the interval is below, and is inconclusive where the bar lies inside.

    Returns:
        The decision; inconclusive where the figure or the end that is asked for is NaN.

    Raises:
        ValueError: `on` is neither.
    """
    if on not in ("value", "low"):
        raise ValueError(f"on must be 'value' or 'low', not {on!r}")
    shown = f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f}, n = {value.n})"
    if math.isnan(value.value) or (on == "low" and math.isnan(value.low)):
        return Bar("inconclusive", value, at_least, on, None, f"no figure to hold against {at_least:g}: {value.reason}")
    if on == "value":
        cleared = value.value >= at_least
        text = f"{shown} is {'at least' if cleared else 'below'} {at_least:g}"
        return Bar("pass" if cleared else "fail", value, at_least, on, None, text)
    if value.low >= at_least:
        return Bar("pass", value, at_least, on, None, f"{shown} is above {at_least:g} with its whole interval")
    if value.high < at_least:
        return Bar("fail", value, at_least, on, None, f"{shown} is below {at_least:g} with its whole interval")
    above = value.value > at_least
    reach = value.value - value.low if above else value.high - value.value
    more = _further(value.n, reach, abs(value.value - at_least))
    return Bar(
        "inconclusive", value, at_least, on, more, f"{shown} leaves open whether it is {at_least:g}{_asking(more)}"
    )


def suite_wide(decisions: Mapping[str, AnyTested], alpha: float, runs: int = 1) -> dict[str, AnyTested]:
    """The decisions of a suite, with *fail* only where it stands among so many tests (Holm, 1979) and runs.

    Where nothing in the suite is worse, some *fail* comes with a probability of `alpha` at most, however the cases
    depend on each other. A *pass* stays as it is: a suite passes only if every case does, so that a suite with a case
    that is worse by its margin passes with a probability of `alpha` at most without any correction (the
    intersection-union test; Berger, 1982, doi 10.1080/00401706.1982.10487790).

    Args:
        decisions: All of the suite, failed or not, each decided at `alpha`.
        alpha: The suite's level.
        runs: Of how many runs together: p-values count so many times (Bonferroni), as runs share most of their images.
    """
    found = holm({name: decision.p for name, decision in decisions.items()})
    adjusted = {name: min(1.0, p * runs) for name, p in found.items()}
    among = f"among {len(decisions)} tests" + (f" in {runs:,} runs" if runs > 1 else "")
    return {
        name: decision.doubted(f"{among} this may be chance (Holm's p = {adjusted[name]:.3f})")
        if decision.verdict == "fail" and adjusted[name] > alpha
        else decision
        for name, decision in decisions.items()
    }


_ROUNDING = 1e-9


def _named(figure: str, scale: LabelScale) -> Named:
    known = {**AGREEMENT[scale.kind], **(CORRELATION if scale.ordered else {})}
    if figure not in known:
        note = " (of errors, lower is better)" if figure in ERROR else ""
        raise ValueError(f"{figure!r} cannot be held against a margin here{note}; one of {', '.join(sorted(known))}")
    return known[figure]


def _loss(figure: str, scale: LabelScale, label: str, human: str) -> float:
    return float(label != human) if figure == "accuracy" else scale.loss(label, human)


def _more(comparison: Comparison, margin: float, alpha: float, counts: tuple[int, int] | None) -> int | None:
    """Further labels until a verdict, if every share stays."""
    from scipy.special import ndtri

    if math.isnan(comparison.low):
        return None
    above = comparison.value + margin
    if counts is None:
        if above > _ROUNDING:
            return _further(comparison.n, comparison.value - comparison.low, above)
        z = -float(ndtri(comparison.p))
        return _further(comparison.n, -float(ndtri(alpha)), z) if z > 0 else None
    gained, lost = (count / comparison.n for count in counts)

    def decided(n: int) -> bool:
        if above > _ROUNDING:
            return float(tango_score(gained * n, lost * n, n, -margin)) > -float(ndtri(alpha))
        return no_worse(round(gained * n), round(lost * n)) <= alpha

    return smallest(lambda further: decided(comparison.n + further))


def _further(n: int, reach: float, distance: float) -> int | None:
    """Further samples until an interval, whose width goes as 1/√n, reaches no further than this distance."""
    if distance <= _ROUNDING or n * (reach / distance) ** 2 - n > FARTHEST:
        return None
    return max(1, math.ceil(n * (reach / distance) ** 2 - n - 1e-6))


def _asking(more: int | None) -> str:
    return "; no number of labels would tell" if more is None else f"; about {more} more labels would tell"


def _sentence(
    verdict: Verdict,
    figure: str,
    comparison: Comparison,
    margin: float,
    alpha: float,
    more: int | None,
    *,
    lost: int,
    units: int,
) -> str:
    shown = f"{figure} {comparison.value:+.3f} ({comparison.low:+.3f} to {comparison.high:+.3f}, n = {comparison.n})"
    if verdict == "fail":
        return f"{shown} is down by the margin of {margin:g} or more, and not by chance (p = {comparison.p:.3f})"
    if verdict == "inconclusive":
        if comparison.value <= -margin + _ROUNDING:
            chance = f"but that may be chance (p = {comparison.p:.3f})"
            return f"{shown} is down by the margin of {margin:g}, {chance}{_asking(more)}"
        none = f": no sample got worse, but {units} independent ones are few" if lost == 0 else ""
        return f"{shown} leaves open whether it fell by the margin of {margin:g}{none}{_asking(more)}"
    if comparison.low > -margin:
        return f"{shown} did not fall by the margin of {margin:g}"
    return f"{shown}: no sample of {units} independent ones got worse, which few would show after a drop of {margin:g}"
