"""How well people agree with each other, which is as well as a judge can be asked to agree with them.

Two measures: raters pair by pair, and one rater against the consensus of the others. The judge is compared with the
second on equal terms: with the same consensuses, from which one rater is left out.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.interval import Interval, Statistic, no_interval
from blpo_inspect.statistics.resampling import bootstrap
from blpo_inspect.statistics.units import Units

if TYPE_CHECKING:
    from blpo_inspect.statistics.units import Floats

Value = Callable[[str], Any]
"""A label as the value that a figure takes: itself, its position, or its number."""


def consensus(labels: Sequence[str], scale: LabelScale) -> list[str]:
    """The label that a group of raters agrees on, or the tied labels in the scale's order.

    The most frequent label of an unordered scale; the median of an ordinal or numeric scale (the two middle labels
    where they differ).

    Raises:
        ValueError: No labels.
    """
    if not labels:
        raise ValueError("no labels, no consensus")
    if not scale.ordered:
        counts = Counter(labels)
        top = max(counts.values())
        return [label for label in scale.labels if counts[label] == top]
    ordered = sorted(labels, key=scale.value)
    middle = ordered[(len(ordered) - 1) // 2 : len(ordered) // 2 + 1]
    return list(dict.fromkeys(middle))


def rater_consensus(
    ratings: Sequence[Sequence[str]],
    scale: LabelScale,
    figure: Statistic,
    *,
    value: Value = str,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """A figure between each rater and the consensus of the others, over all (image, rater) pairs; with its interval.

    Args:
        ratings: For each image its raters' labels; images with fewer than two are left out.
        scale: Their scale; decides the kind of consensus. Where others tie, each tied label counts in equal parts.
        figure: A figure of `blpo_inspect.statistics` with a fast form.
        value: The labels as the figure takes them.
        clusters: The cluster of each image.
        seed: Of the bootstrap over images (clusters), at least 0.
        resamples: How many, at least 1.
        level: Of the percentile interval.

    Returns:
        The figure, `n` being the number of images.
    """
    units = _units([None] * len(ratings), ratings, scale, value, clusters)
    if units is None:
        return no_interval(math.nan, 0, level, "no image has two raters")

    def statistic(units: Units, weights: "Floats") -> "Floats":
        return _of_kind(units, weights, figure, "rater")

    at = float(statistic(units, units.whole)[0])
    return bootstrap(units, at, statistic, seed=seed, resamples=resamples, level=level)


def share_of_ceiling(
    judge: Sequence[str],
    ratings: Sequence[Sequence[str]],
    scale: LabelScale,
    figure: Statistic,
    *,
    value: Value = str,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """The judge's part of what people reach: its figure over that of one rater, both against the others' consensus.

    1 says that the judge agrees with people as well as a person does; above 1, better than the average person. Both
    figures are on the same images and the same consensuses, so a consensus of more raters does not flatter the judge.
    For figures where more is better and 0 says nothing.

    Args:
        judge: The judge's label of each image.
        ratings: As in `rater_consensus`, and the others too.
        scale: See there.
        figure: See there.
        value: See there.
        clusters: See there.
        seed: See there.
        resamples: See there.
        level: See there.

    Returns:
        The quotient; NaN where the raters' figure is not above 0, and resamples where it is not are left out.
    """
    units = _units(judge, ratings, scale, value, clusters)
    if units is None:
        return no_interval(math.nan, 0, level, "no image has two raters")

    def statistic(units: Units, weights: "Floats") -> "Floats":
        import numpy as np

        people = _of_kind(units, weights, figure, "rater")
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(people > 0, _of_kind(units, weights, figure, "judge") / people, math.nan)

    ceiling = float(_of_kind(units, units.whole, figure, "rater")[0])
    if ceiling <= 0:
        return no_interval(math.nan, units.n, level, f"people's own agreement is {ceiling:.3f}, not above 0")
    return bootstrap(
        units, float(statistic(units, units.whole)[0]), statistic, seed=seed, resamples=resamples, level=level
    )


def rater_rater(
    ratings: Sequence[Mapping[str, str]],
    figure: Statistic,
    *,
    value: Value = str,
    least: int = 10,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 500,
    level: float = 0.95,
) -> Interval:
    """Mean of a figure over all pairs of raters, each weighted by the images that both rated; with its interval.

    For kappa this is Light's (1971, doi 10.1037/h0031643), but for the weights.

    Args:
        ratings: For each image rater → label.
        figure: A figure with a fast form that is the same both ways round.
        value: The labels as the figure takes them.
        least: Pairs that share fewer images are left out, for their figures say nothing.
        clusters: The cluster of each image.
        seed: Of the bootstrap over images (clusters), at least 0.
        resamples: How many, at least 1.
        level: Of the percentile interval.

    Returns:
        The mean over the pairs on which the figure is defined, `n` being the number of images that count.
    """
    shared = Counter(pair for labels in ratings for pair in combinations(sorted(labels), 2))
    pairs = {pair: place for place, pair in enumerate(sorted(pair for pair, count in shared.items() if count >= least))}
    rows, images = [], []
    for image, labels in enumerate(ratings):
        for pair in combinations(sorted(labels), 2):
            if pair in pairs:
                rows.append((pairs[pair], value(labels[pair[0]]), value(labels[pair[1]])))
                images.append(image)
    if not rows:
        return no_interval(math.nan, 0, level, f"no two raters share {least} images")
    units = Units.of(rows, [clusters[image] if clusters is not None else image for image in images])
    units = replace(units, n=len(set(images)))

    def statistic(units: Units, weights: "Floats") -> "Floats":
        import numpy as np

        total, used = np.zeros(len(weights)), np.zeros(len(weights))
        for place in range(len(pairs)):
            agreements = _of_kind(units, weights, figure, place)
            there = weights[:, [row[0] == place for row in units.rows]].sum(1)
            counts = np.where(np.isnan(agreements), 0.0, there)
            total += counts * np.nan_to_num(agreements)
            used += counts
        with np.errstate(invalid="ignore"):
            return np.where(used > 0, total / used, math.nan)

    interval = bootstrap(
        units, float(statistic(units, units.whole)[0]), statistic, seed=seed, resamples=resamples, level=level
    )
    left = len(shared) - len(pairs)
    if left:
        note = f"without {left} of {len(shared)} pairs of raters, who share fewer than {least} images"
        interval = replace(interval, reason=f"{interval.reason}; {note}" if interval.reason else note)
    return interval


def _left_out(labels: Sequence[str], scale: LabelScale) -> Iterator[tuple[str, str, float]]:
    """(one rater's label, what the others agree on, weight): a weight of 1 for each rater."""
    if len(labels) < 2:
        return
    for k, label in enumerate(labels):
        tied = consensus([*labels[:k], *labels[k + 1 :]], scale)
        for other in tied:
            yield label, other, 1 / len(tied)


def _units(
    judge: Sequence[str | None],
    ratings: Sequence[Sequence[str]],
    scale: LabelScale,
    value: Value,
    clusters: Sequence[Hashable] | None,
) -> Units | None:
    """Images as units of (who, their value, the others' consensus); None where no image has two raters."""
    rows, weights, held = [], [], []
    images = 0
    for image, (verdict, labels) in enumerate(zip(judge, ratings, strict=True)):
        images += len(labels) > 1
        for label, other, weight in _left_out(labels, scale):
            for who, said in (("rater", label), ("judge", verdict)):
                if said is not None:
                    rows.append((who, value(said), value(other)))
                    weights.append(weight)
                    held.append(clusters[image] if clusters is not None else image)
    return replace(Units.of(rows, held, weights), n=images) if rows else None


def _of_kind(units: Units, weights: "Floats", figure: Statistic, kind: str | int) -> "Floats":
    """The figure over the rows that begin with this kind; NaN where a resample has none."""
    import numpy as np

    from blpo_inspect.statistics import vectorized

    places = [k for k, row in enumerate(units.rows) if row[0] == kind]
    held = weights[:, places]
    values = vectorized.statistic_values(
        figure, [units.rows[k][2] for k in places], [units.rows[k][1] for k in places], held
    )
    return np.where(held.sum(1) > 0, values, math.nan)
