"""May the judge replace one of the raters? The alternative annotator test ("alt-test").

Calderon, Reichart and Dror, 2025, arXiv 2501.10970 (ACL 2025, pages 16051-16081). One rater at a time is left out, and
judge and rater are compared as to who agrees better with the remaining raters. No label of "people" is needed, but
raters who can be told apart: a name stands for one person on all items.
"""

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.interval import design_effect

EPSILON = 0.15
"""By how much a rater may be better more often than the judge, for what the judge saves; for skilled raters."""

RATERS = 3
"""The fewest raters of the test, and of an item that counts: with one other rater there is no group to agree with."""

ITEMS = 30
"""The fewest items of a rater; below, the t test does not hold."""

FALSE_DISCOVERIES = 0.05
"""The share of raters that the judge is at most expected to win over falsely, among those it wins over."""

HALF = 0.5
"""The winning rate with which the judge passes."""

Against = tuple[int, int, Hashable]
"""Of one item and rater: whether the judge is as good or better, whether the rater is, and the item's cluster."""


@dataclass(frozen=True)
class AgainstRater:
    """The judge against one rater, by agreement with the remaining ones.

    Attributes:
        rater: The rater's name.
        items: Items that this rater and two others rated.
        rho_f: Share of them on which the judge agrees with the others as well as this rater or better, 0 to 1.
        rho_h: Share of them on which this rater agrees as well as the judge or better; where both do, both have it.
        p: Of "the rater is better more often, by ε or more" (`rho_h` - `rho_f` ≥ ε); NaN where all items are of one
            cluster.
        won: Whether this is rejected, after the correction for all raters.
    """

    rater: str
    items: int
    rho_f: float
    rho_h: float
    p: float
    won: bool = False


@dataclass(frozen=True)
class AlternativeAnnotatorTest:
    """What the test says.

    Attributes:
        epsilon: See `EPSILON`.
        raters: The judge against each rater with enough items, by name.
        winning_rate: ω, the share of raters that the judge wins over, 0 to 1; NaN where there are not enough raters.
        advantage: ρ, the mean of `AgainstRater.rho_f` over raters, 0 to 1: to compare judges by. NaN as above.
        reason: Why there is no test, or which raters it leaves out; None where there is nothing to say.
    """

    epsilon: float
    raters: tuple[AgainstRater, ...]
    winning_rate: float
    advantage: float
    reason: str | None

    @property
    def verdict(self) -> Literal["pass", "fail", "inconclusive"]:
        """*pass*: ω ≥ 0.5. *fail*: as it is, more than half of the raters are better by ε or more. *inconclusive*:
        neither, so that more items may tell; also where there are not enough raters.
        """
        if math.isnan(self.winning_rate):
            return "inconclusive"
        if self.winning_rate >= HALF:
            return "pass"
        within_reach = sum(one.won or one.rho_h - one.rho_f < self.epsilon for one in self.raters)
        return "inconclusive" if within_reach >= HALF * len(self.raters) else "fail"

    @property
    def sentence(self) -> str:
        """The verdict in a sentence."""
        if math.isnan(self.winning_rate):
            return f"Whether the judge may replace a rater cannot be said: {self.reason}."
        begin = {
            "pass": "The judge may replace a rater",
            "fail": "The judge may not replace a rater",
            "inconclusive": "It is open whether the judge may replace a rater",
        }[self.verdict]
        won = sum(one.won for one in self.raters)
        said = (
            f"{begin}: it wins over {won} of {len(self.raters)} (ω = {self.winning_rate:.2f}, where 0.5 passes, at"
            f" ε = {self.epsilon:g}); on {self.advantage:.0%} of the items it is as good as a rater or better (ρ)"
        )
        return f"{said}; {self.reason}." if self.reason else f"{said}."


def wins(judge: str | None, labels: Mapping[str, str], scale: LabelScale) -> dict[str, tuple[int, int]]:
    """Who agrees as well as the other or better with the remaining raters of an item: rater → (judge, rater), 0 or 1.

    Agreement is the share of the remaining raters who gave the same label, and on a scale with an order minus the root
    of the mean squared difference from them. A tie counts for both. An answer that could not be read never counts for
    the judge.

    Args:
        judge: Its label; None where its answer could not be read.
        labels: Rater → label. With fewer than three raters, an item says nothing.
        scale: Of the labels.
    """
    if len(labels) < RATERS:
        return {}
    found = {}
    for rater, own in labels.items():
        others = [label for other, label in labels.items() if other != rater]
        theirs = _alignment(own, others, scale)
        its = -math.inf if judge is None else _alignment(judge, others, scale)
        tie = math.isclose(its, theirs, rel_tol=1e-9, abs_tol=1e-12)
        found[rater] = int(tie or its > theirs), int(tie or theirs > its)
    return found


def alternative_annotator_test(
    judge: Sequence[str | None],
    ratings: Sequence[Mapping[str, str]],
    scale: LabelScale,
    *,
    epsilon: float = EPSILON,
    clusters: Sequence[Hashable] | None = None,
) -> AlternativeAnnotatorTest:
    """Test whether the judge may replace one of the raters.

    For each rater a one-sided t test of the differences between rater and judge (see `wins`) against ε; over raters
    Benjamini and Yekutieli's correction of false discoveries, at 5 %.

    - Raters need not rate every item. An item counts with three raters, a rater with 30 such items; the authors' code
      takes items with two raters.
    - In clusters, the standard error is that of n over the design effect, with one pseudo cluster that the judge lost
      and one that it won, as in `accuracy_difference`; and there are as many degrees of freedom as clusters less one.
    - Where all items of a rater are alike, such as all ties, a t test would be certain. p is then how likely it is that
      no loss was drawn, if there are just so many losses that the mean is ε: (1 - ε)ⁿ for ties.

    Args:
        judge: The judge's label of each item; None where its answer could not be read, which counts as lost.
        ratings: Rater → label of each item.
        scale: Of the labels.
        epsilon: What the judge may lack: 0.2 for experts, 0.15 for skilled raters, 0.1 for crowd workers.
        clusters: The cluster of each item; none: all are independent.

    Raises:
        ValueError: Lengths differ, or `epsilon` is not from 0 to below 1.
    """
    if not 0 <= epsilon < 1:
        raise ValueError(f"epsilon must be from 0 to below 1, not {epsilon}")
    found: dict[str, list[Against]] = {rater: [] for labels in ratings for rater in sorted(labels)}
    held = range(len(judge)) if clusters is None else clusters
    for label, labels, cluster in zip(judge, ratings, held, strict=True):
        for rater, won in wins(label, labels, scale).items():
            found[rater].append((*won, cluster))
    return decided(found, epsilon)


def decided(found: Mapping[str, Sequence[Against]], epsilon: float) -> AlternativeAnnotatorTest:
    """The test, from who won on each item of each rater."""
    enough = {rater: rows for rater, rows in sorted(found.items()) if len(rows) >= ITEMS}
    few = {rater: len(rows) for rater, rows in sorted(found.items()) if len(rows) < ITEMS}
    if len(enough) < RATERS:
        return AlternativeAnnotatorTest(epsilon, (), math.nan, math.nan, _not_enough(len(enough), few))
    from scipy.stats import false_discovery_control

    ps = [p_of_margin(rows, epsilon) for rows in enough.values()]
    corrected = false_discovery_control([1.0 if math.isnan(p) else p for p in ps], method="by")
    tested = tuple(
        AgainstRater(
            rater,
            len(rows),
            sum(of_judge for of_judge, _, _ in rows) / len(rows),
            sum(of_rater for _, of_rater, _ in rows) / len(rows),
            p,
            bool(q <= FALSE_DISCOVERIES),
        )
        for (rater, rows), p, q in zip(enough.items(), ps, corrected, strict=True)
    )
    return AlternativeAnnotatorTest(
        epsilon,
        tested,
        sum(one.won for one in tested) / len(tested),
        math.fsum(one.rho_f for one in tested) / len(tested),
        f"without raters with fewer than {ITEMS} common items: {_named(few)}" if few else None,
    )


def p_of_margin(rows: Sequence[Against], epsilon: float) -> float:
    """p of "the rater is better more often, by ε or more"; NaN where all items are of one cluster."""
    from scipy.special import stdtr

    lost = [of_rater - of_judge for of_judge, of_rater, _ in rows]
    clusters = [cluster for _, _, cluster in rows]
    n, count = len(lost), len(set(clusters))
    mean = sum(lost) / n
    if count == 1:
        return math.nan
    if count < n:
        size = n / count
        among = n + 2 * size  # with the pseudo clusters
        variance = (sum(d * d for d in lost) + 2 * size) / among - (sum(lost) / among) ** 2
        variance *= max(1.0, design_effect(lost, clusters, ends=(-1, 1), pseudo=1))
    else:
        variance = math.fsum((d - mean) ** 2 for d in lost) / (n - 1)
        if not variance:
            return float(((1 - epsilon) / (1 - mean)) ** n) if mean < epsilon else 1.0
    return float(stdtr(count - 1, (mean - epsilon) / math.sqrt(variance / n)))


def _alignment(label: str, others: Sequence[str], scale: LabelScale) -> float:
    if not scale.ordered:
        return sum(other == label for other in others) / len(others)
    value = scale.value(label)
    return -math.sqrt(math.fsum((value - scale.value(other)) ** 2 for other in others) / len(others))


def _not_enough(enough: int, few: Mapping[str, int]) -> str:
    said = f"not enough raters: the test needs {RATERS} with {ITEMS} items each that two others rated too, and there "
    said += "is 1" if enough == 1 else f"are {enough or 'none'}"
    return f"{said} (beside {_named(few)})" if few else said


def _named(few: Mapping[str, int]) -> str:
    """Who has most first, for they lack least."""
    most = Counter(few).most_common(5)
    said = ", ".join(f"{rater} with {items}" for rater, items in most)
    return f"{said} and {len(few) - len(most)} more" if len(few) > len(most) else said
