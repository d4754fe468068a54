"""From answers with and without a perturbation to a verdict.

People's labels matter for the direction of a change only, never for the verdict.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.regression.probes import Change, Probe, ProbeResult
from blpo_inspect.statistics import Interval, Verdict, accuracy_difference, proportion, with_unread
from blpo_inspect.statistics.search import smallest

MOVED = 0.05
"""On a numeric scale, an answer changed if it moved by more than this share of the scale."""

EXAMPLES = 5
"""How many changed answers a result names."""


def probe_result(
    probe: Probe,
    ids: Sequence[str],
    human: Sequence[str],
    before: Sequence[str | None],
    after: Sequence[str | None],
    *,
    scale: LabelScale,
    alpha: float = 0.05,
    clusters: Sequence[Hashable] | None = None,
) -> ProbeResult:
    """Decide one probe from the answers as they are and under the perturbation.

    - *fail*: there is evidence, at level `alpha`, that more answers change than tolerated (the exact binomial test; of
      clusters, Wilson's interval for the effective number of samples), or that they move further on average.
    - *pass*: the upper end of the interval of the share is at most the tolerance, and the shift's interval lies within
      its own.
    - *inconclusive*: neither. With a tolerance of 0 there is no such case: one change fails.

    An answer that could not be read, before or after, counts as changed. Where a shift is tested too, either test has
    half of `alpha` for *fail*.

    Args:
        probe: With its tolerances.
        ids: Of the samples.
        human: People's labels.
        before: Labels of the requests as they are; None where unread.
        after: Labels under the perturbation.
        scale: Of the labels.
        alpha: The level, below 0.5.
        clusters: The cluster of each sample; none, or all different: independent.

    Raises:
        ValueError: No samples, lengths differ, or `alpha` is out of range.
    """
    n = len(ids)
    if not n or not n == len(human) == len(before) == len(after):
        raise ValueError(f"inconsistent numbers of samples, or none: {n}, {len(human)}, {len(before)}, {len(after)}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, not {alpha}")
    if clusters is not None and len(set(clusters)) == n:
        clusters = None
    hits = [_changed(old, new, scale) for old, new in zip(before, after, strict=True)]
    changed = proportion(hits, clusters=clusters, level=1 - 2 * alpha)
    verdict, p = _share_verdict(hits, changed, probe.tolerance, alpha, clusters)
    ordered = scale.ordered
    if ordered:
        most = None if probe.shift_tolerance is None else probe.shift_tolerance * _width(scale)
        shift, moved = _mean_shift(before, after, scale, most or 0.0, alpha, clusters)
        if most is not None:
            inside = shift.low >= -most and shift.high <= most
            p = min(1.0, 2 * min(p, moved))  # of two tests
            verdict = "fail" if p <= alpha else "pass" if verdict == "pass" and inside else "inconclusive"
    else:
        sides = [with_unread(human, side, scale) for side in (before, after)]
        shift = accuracy_difference(human, *sides, alpha=alpha, clusters=clusters)
    more = _more(changed, probe.tolerance, alpha) if verdict == "inconclusive" else None
    changes = [Change(*row) for row, hit in zip(zip(ids, before, after, strict=True), hits, strict=True) if hit]
    return ProbeResult(
        name=probe.name,
        n=n,
        unread=sum(None in pair for pair in zip(before, after, strict=True)),
        changed=changed,
        shift=shift,
        tolerance=probe.tolerance,
        verdict=verdict,
        p=p,
        more=more,
        reason=_sentence(probe, changed, shift, verdict, more, ordered),
        examples=tuple(changes[:EXAMPLES]),
    )


def _changed(before: str | None, after: str | None, scale: LabelScale) -> bool:
    if before is None or after is None:
        return True
    return scale.loss(after, before) > MOVED if scale.kind == "numeric" else before != after


def _share_verdict(
    hits: Sequence[bool],
    changed: Interval,
    tolerance: float,
    alpha: float,
    clusters: Sequence[Hashable] | None,
) -> tuple[Verdict, float]:
    count, n = sum(hits), len(hits)
    if tolerance == 0:
        return ("fail", 0.0) if count else ("pass", 1.0)
    if math.isnan(changed.low):
        return "inconclusive", math.nan
    if clusters is None:
        from scipy.stats import binom

        p = float(binom.sf(count - 1, n, tolerance))
    else:
        p = _level_of(lambda level: proportion(hits, clusters=clusters, level=level).low > tolerance)
    if p <= alpha:
        return "fail", p
    return ("pass" if changed.high <= tolerance else "inconclusive"), p


def _level_of(rejects: Callable[[float], bool]) -> float:
    """The smallest one-sided alpha whose interval, at 1 - 2·alpha, rejects; 1 where none below 1/2 does."""
    inside, outside = 0.0, 0.5
    if not rejects(1e-9):
        return 1.0
    while outside - inside > 1e-6:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if rejects(1 - 2 * middle) else (middle, outside)
    return outside


def _mean_shift(
    before: Sequence[str | None],
    after: Sequence[str | None],
    scale: LabelScale,
    most: float,
    alpha: float,
    clusters: Sequence[Hashable] | None,
) -> tuple[Interval, float]:
    """Mean change in the scale's units with a t interval over samples or clusters, and p of "no further than most"."""
    level = 1 - 2 * alpha
    named = clusters if clusters is not None else range(len(before))
    moves = [
        (scale.value(new) - scale.value(old), of)
        for old, new, of in zip(before, after, named, strict=True)
        if old is not None and new is not None
    ]
    n = len(moves)
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, level, "no image was read both times"), 1.0
    mean = math.fsum(move for move, _ in moves) / n
    sums: defaultdict[Hashable, float] = defaultdict(float)
    for move, of in moves:
        sums[of] += move - mean
    count = len(sums)
    if count == 1:
        return Interval(mean, math.nan, math.nan, n, level, "one sample or cluster has no interval"), 1.0
    from scipy.special import stdtr, stdtrit

    error = math.sqrt(count / (count - 1) * math.fsum(part**2 for part in sums.values())) / n
    beyond = abs(mean) - most
    if error == 0:
        reason = "all answers moved alike, so the interval says nothing about other images"
        return Interval(mean, mean, mean, n, level, reason), float(beyond <= 0)
    reach = -float(stdtrit(count - 1, alpha)) * error
    return Interval(mean, mean - reach, mean + reach, n, level), float(stdtr(count - 1, -beyond / error))


def _width(scale: LabelScale) -> float:
    low, high = scale.ends
    return high - low


def _more(changed: Interval, tolerance: float, alpha: float) -> int | None:
    """Further images until the share's interval leaves the tolerance, if the share stays."""
    from statsmodels.stats.proportion import proportion_confint

    if math.isnan(changed.low) or abs(changed.value - tolerance) < 1e-9:
        return None

    def decided(further: int) -> bool:
        n = changed.n + further
        low, high = proportion_confint(changed.value * n, n, alpha=2 * alpha, method="wilson")
        return bool(high <= tolerance or low > tolerance)

    return smallest(decided)


def _sentence(
    probe: Probe, changed: Interval, shift: Interval, verdict: Verdict, more: int | None, ordered: bool
) -> str:
    said = {"pass": "within", "fail": "beyond", "inconclusive": "not shown to be within"}[verdict]
    moved = f"answers moved by {shift.value:+.3g} on average" if ordered else f"agreement {shift.value:+.1%}"
    asking = "" if verdict != "inconclusive" or more is None else f"; about {more} more images would tell"
    return (
        f"{probe.perturbation.summary}: {changed.value:.1%} of {changed.n} answers changed "
        f"({changed.low:.1%} to {changed.high:.1%}), {moved}; {said} the tolerance of {probe.tolerance:.0%}{asking}"
    )
