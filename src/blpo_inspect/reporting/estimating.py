"""Verdicts on unlabelled pictures and some labelled ones → what people would say of them all, with intervals.

Does not read files (`labelled_pictures`) and does not compute intervals (`statistics`).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.reporting.labelled_pictures import Verdicts
from blpo_inspect.reporting.matched_labels import (
    EstimateError,
    Row,
    Side,
    inferred,
    looked_up,
    matched,
    on_scale,
    same_judge,
    side_of,
)
from blpo_inspect.statistics import Interval
from blpo_inspect.statistics.prediction_powered import Corrected, Labelled, Unlabelled, prediction_powered
from blpo_inspect.statistics.rogan_gladen import Errors, Share, rogan_gladen, rogan_gladen_difference

UNLIKE = 0.001
"""Below this p the verdicts on labelled and unlabelled pictures are said to be unlike."""


@dataclass(frozen=True)
class Figure:
    """A share of a label or a mean over the unlabelled pictures, or the difference of two.

    Attributes:
        name: ``share of LABEL`` or ``mean``.
        judged: The same of the judge's readable verdicts, as they are.
        estimate: Of people's labels, from verdicts and labels (PPI++).
        labels_only: Of people's labels, from the labelled pictures alone.
        rogan_gladen: Of people's labels, by sensitivity and specificity; None for means and stratified labels.
        alike: How likely verdicts on labelled and unlabelled pictures differ as much in a random sample (Mann and
            Whitney's p, the smaller of two tables); NaN where labels are stratified.
    """

    name: str
    judged: float
    estimate: Corrected
    labels_only: Corrected
    rogan_gladen: Interval | None
    alike: float


@dataclass(frozen=True)
class Estimate:
    """What is estimated and what it rests on.

    Attributes:
        figures: One for each label, or one.
        difference: Whether they are differences, first table minus second.
        verdicts: Unlabelled pictures of each table.
        unread: Those of them without a verdict.
        labelled: Labelled pictures of each table.
        labelled_unread: Those of them without a verdict.
        assumptions: What must hold for the figures to be right.
        notes: What else to know of them.
    """

    figures: tuple[Figure, ...]
    difference: bool
    verdicts: tuple[int, ...]
    unread: tuple[int, ...]
    labelled: tuple[int, ...]
    labelled_unread: tuple[int, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


def estimate(
    tables: Sequence[Verdicts],
    labelled: Verdicts,
    *,
    label: str | None = None,
    scale: LabelScale | None = None,
    stratified: bool = False,
    shares: Mapping[str, float] | None = None,
) -> Estimate:
    """Estimate the share of a label, of all labels of a scale without an order, or the mean of one with an order.

    Pictures of a table that are labelled (by their id) are no longer among its unlabelled ones, unless shares of strata
    are stated: then the mixture of the whole table is needed. An unread verdict counts as the mean of the read ones in
    PPI++, which holds for any fixed number, and as another label in Rogan-Gladen.

    Args:
        tables: One table of verdicts; or two, whose difference is estimated.
        labelled: The labelled pictures.
        label: Whose share; None: see above.
        scale: Of the labels; None: that of the log, else what the labels look like.
        stratified: Whether labels were drawn by stratum.
        shares: Stratum → share of all pictures, where the tables of verdicts do not say the strata.

    Raises:
        EstimateError: Labels of another judge or not on the scale, or pictures or strata that lack.
    """
    pictures, owners = matched(tables, labelled)
    without = sum(picture.human is None for picture in pictures)
    usable = [(own, one) for own, one in zip(owners, pictures, strict=True) if one.human is not None]
    if not usable:
        raise EstimateError(f"{labelled.source}: no picture has a label of people")
    scale = scale or labelled.scale or inferred(tables, [one for _, one in usable])
    if label is not None:
        label = on_scale(scale, label, "--label")
    sides = [
        side_of(table, [one for own, one in usable if own == place], scale, stratified, shares)
        for place, table in enumerate(tables)
    ]
    judged_by, checked = same_judge(tables, labelled)
    names: list[str | None] = [label] if label is not None else [None] if scale.ordered else list(scale.labels)
    read = [row.judge for side in sides for row in side.rest if row.judge is not None]
    if not read:
        raise EstimateError(f"{' and '.join(table.source for table in tables)}: no picture has a verdict")
    find = partial(_figure, sides, scale=scale, stratified=stratified)
    figures = tuple(find(name) for name in names)
    return Estimate(
        figures,
        len(tables) > 1,
        tuple(len(side.rest) for side in sides),
        tuple(_unread(side.rest) for side in sides),
        tuple(len(side.labelled) for side in sides),
        tuple(_unread(side.labelled) for side in sides),
        tuple(_assumptions(figures, stratified, judged_by, checked)),
        tuple(_notes(figures, sides, without, tables, labelled)),
    )


class _Values:
    """Labels and verdicts as numbers: 1 for the label that is asked for, else the value on the scale."""

    def __init__(self, sides: Sequence[Side], scale: LabelScale, label: str | None) -> None:
        self._scale, self._label = scale, label
        self._sides = sides

    def of(self, label: str) -> float:
        """A label's number."""
        return self._scale.value(label) if self._label is None else float(label == self._label)

    def verdict(self, label: str | None) -> float:
        """A verdict's number."""
        return self._unread if label is None else self.of(label)

    @cached_property
    def _unread(self) -> float:
        return _mean([self.of(row.judge) for side in self._sides for row in side.rest if row.judge is not None])

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest number of a label."""
        return self._scale.ends if self._label is None else (0.0, 1.0)


def _figure(sides: Sequence[Side], label: str | None, *, scale: LabelScale, stratified: bool) -> Figure:
    values = _Values(sides, scale, label)
    labelled: list[Labelled] = []
    rest: list[Unlabelled] = []
    for side, sign in zip(sides, (1.0, -1.0), strict=False):
        for name, rows in _by_stratum(side.labelled).items():
            labelled.append(
                Labelled(
                    [values.verdict(row.judge) for row in rows],
                    [row.cluster for row in rows],
                    sign * side.shares[name],
                    human=[values.of(row.human) for row in rows if row.human is not None],
                )
            )
        for name, rows in _by_stratum(side.rest).items():
            judged = [values.verdict(row.judge) for row in rows]
            rest.append(Unlabelled(judged, [row.cluster for row in rows], sign * side.shares[name]))
    find = partial(prediction_powered, labelled, rest, ends=values.ends, share=label is not None)
    means = [_mean([values.of(row.judge) for row in side.rest if row.judge is not None]) for side in sides]
    return Figure(
        "mean" if label is None else f"share of {label}",
        means[0] - (means[1] if len(sides) > 1 else 0.0),
        find(),
        find(weight=0.0),
        None if label is None or stratified else _rogan_gladen(sides, label),
        math.nan if stratified else min(_alike(one, other) for one, other in zip(labelled, rest, strict=True)),
    )


def _alike(labelled: Labelled, rest: Unlabelled) -> float:
    from scipy.stats import mannwhitneyu

    return float(mannwhitneyu(labelled.judge, rest.judge, method="asymptotic").pvalue)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _by_stratum(rows: Sequence[Row]) -> dict[str | None, list[Row]]:
    found: defaultdict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.stratum].append(row)
    return found


def _rogan_gladen(sides: Sequence[Side], label: str) -> Interval:
    rows = [row for side in sides for row in side.labelled]
    errors = Errors.of(
        [row.human == label for row in rows], [row.judge == label for row in rows], [row.cluster for row in rows]
    )
    said = [Share.of([row.judge == label for row in side.rest], [row.cluster for row in side.rest]) for side in sides]
    return rogan_gladen(said[0], errors) if len(said) == 1 else rogan_gladen_difference(said[0], said[1], errors)


def _unread(rows: Sequence[Row]) -> int:
    return sum(row.judge is None for row in rows)


def _assumptions(figures: Sequence[Figure], stratified: bool, judge: str, checked: bool) -> Iterator[str]:
    drawn = "within each stratum the labelled pictures" if stratified else "the labelled pictures"
    yield f"{drawn} are a random sample of those that the verdicts are about"
    if any(figure.rogan_gladen for figure in figures):
        yield (
            "for Rogan-Gladen instead: given what a picture is, the judge is right as often on the labelled pictures "
            "as on the others"
        )
    if checked:
        yield f"the same judge on both (checked: {judge} and its prompt pair)"
    else:
        yield "the same judge on both (not checked: the files do not all say their model and prompt pair)"


def _notes(
    figures: Sequence[Figure], sides: Sequence[Side], without: int, tables: Sequence[Verdicts], labelled: Verdicts
) -> Iterator[str]:
    if any(figure.alike < UNLIKE for figure in figures):
        yield (
            "the judge's verdicts on the labelled pictures are unlike those on the others (p < "
            f"{UNLIKE:g}): they hardly are a random sample, and PPI++ and labels only then hold for another mixture"
        )
    if without:
        yield f"{without:,} rows of {labelled.source} have no label of people and are left out"
    if any(_unread(rows) for side in sides for rows in (side.labelled, side.rest)):
        yield (
            "a picture without a verdict counts as the mean verdict, which keeps PPI++ valid (in Rogan-Gladen: as one "
            "on which the judge says another label); only the figure as judged leaves it out"
        )
    twice = [
        (picture.judge, own.judge)
        for picture in (labelled.pictures if labelled.has_verdicts else ())
        for _, own in looked_up(tables, picture.id)
    ]
    if other := sum(one != second for one, second in twice):
        yield (
            f"{other:,} of {len(twice):,} labelled pictures have another verdict in the table of verdicts: is it the "
            "same judge?"
        )
    groups = [
        {row.cluster for row in rows if row.cluster[0] == "group"}
        for rows in ([row for side in sides for row in side.labelled], [row for side in sides for row in side.rest])
    ]
    if groups[0]:
        yield f"labelled pictures are in {len(groups[0]):,} groups, which are clusters to the intervals"
    if groups[0] and not groups[1]:
        yield "unlabelled pictures count as independent: the verdicts do not say their groups"
