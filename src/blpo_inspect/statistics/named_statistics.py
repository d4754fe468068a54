"""Every figure by name, on labels of a scale, with the interval that suits it.

What the scorers show, and what code that reads logs may call. A figure that does not apply to a scale has no entry.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from blpo_inspect.judging.labels import Kind, LabelScale
from blpo_inspect.statistics import agreement, numbers
from blpo_inspect.statistics.interval import Interval, Statistic, proportion
from blpo_inspect.statistics.of_scale import Gwet, MacroF1All
from blpo_inspect.statistics.resampling import Method, resampled

Takes = Literal["labels", "positions", "values"]


@dataclass(frozen=True)
class Named:
    """A figure and what it takes.

    Attributes:
        figure: The figure.
        takes: Labels, their positions on an ordinal scale, or their values (`LabelScale.value`).
        method: Of its bootstrap interval, where it has one.
    """

    figure: Statistic
    takes: Takes
    method: Method = "bca"

    def columns(self, labels: Sequence[str], scale: LabelScale) -> list[Any]:
        """Labels as the figure takes them."""
        return [self.value(label, scale) for label in labels]

    def value(self, label: str, scale: LabelScale) -> Any:
        """One label as the figure takes it."""
        if self.takes == "labels":
            return label
        return scale.labels.index(label) if self.takes == "positions" else scale.value(label)


_ANY: dict[str, Named] = {
    "accuracy": Named(agreement.accuracy, "labels"),
    "macro_f1": Named(agreement.macro_f1, "labels"),
    "cohens_kappa": Named(agreement.cohens_kappa, "labels"),
}
_CLASSES: dict[str, Named] = {
    "balanced_accuracy": Named(agreement.balanced_accuracy, "labels"),
    "weighted_f1": Named(agreement.weighted_f1, "labels"),
    "mcc": Named(agreement.mcc, "labels"),
}
_ORDINAL: dict[str, Named] = {
    "linear_kappa": Named(agreement.linear_kappa, "positions"),
    "quadratic_kappa": Named(agreement.quadratic_kappa, "positions"),
}

_NOMINAL = {**_ANY, **_CLASSES, "krippendorff_alpha": Named(agreement.nominal_alpha, "labels")}

AGREEMENT: dict[Kind, dict[str, Named]] = {
    "unordered": _NOMINAL,
    "pair": _NOMINAL,
    "ordinal": {**_ANY, **_CLASSES, **_ORDINAL, "krippendorff_alpha": Named(agreement.ordinal_alpha, "positions")},
    "numeric": {**_ANY, "krippendorff_alpha": Named(agreement.interval_alpha, "values")},
}
"""Kind of scale → the figures of agreement that apply to it."""

CORRELATION: dict[str, Named] = {
    "pearson": Named(numbers.pearson, "values"),
    "spearman": Named(numbers.spearman, "values"),
    "kendall_tau": Named(numbers.kendall_tau, "values", "percentile"),
}
"""Correlations, for scales with an order."""

ERROR: dict[str, Named] = {
    "mae": Named(numbers.mae, "values"),
    "rmse": Named(numbers.rmse, "values"),
    "bias": Named(numbers.bias, "values"),
}
"""Errors in the scale's units, for scales with an order."""


LIMITS: dict[str, Named] = {
    "lower_limit": Named(numbers.lower_limit, "values"),
    "upper_limit": Named(numbers.upper_limit, "values"),
}
"""Limits of agreement, for numeric scales."""


def statistics_of(scale: LabelScale) -> dict[str, Named]:
    """The figures that are usual for a scale, by name."""
    ordered = {**CORRELATION, **ERROR} if scale.ordered else {}
    return {**AGREEMENT[scale.kind], **ordered}


def further_statistics_of(scale: LabelScale) -> dict[str, Named]:
    """Figures of a scale that are for those who ask for them, by name."""
    if scale.kind == "numeric":
        return dict(LIMITS)
    size = len(scale.labels)
    ac2 = {"gwet_ac2": Named(Gwet(size, weighted=True), "positions")} if scale.kind == "ordinal" else {}
    return {
        "macro_f1_all": Named(MacroF1All(size), "positions"),
        "gwet_ac1": Named(Gwet(size), "positions"),
        **ac2,
    }


def with_interval(
    named: Named,
    human: Sequence[str],
    judge: Sequence[str],
    scale: LabelScale,
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> Interval:
    """One figure of labels with its interval.

    Wilson's for accuracy; else the bootstrap, BCa but for Kendall's tau. (Fisher's z supposes normal values: of ratings
    that are mostly exact its 95 % intervals hold the true correlation 44 to 92 % of the time.)

    Args:
        named: The figure, from `statistics_of` or `further_statistics_of`.
        human: Labels of people, one per sample.
        judge: The judge's labels of the same samples.
        scale: Their scale.
        clusters: The cluster of each sample; where every sample is its own, the same as none.
        seed: Of the resampling, at least 0.
        resamples: How many, at least 1.
        level: Of the interval.

    Raises:
        ValueError: As `resampled`, or a label that is not on the scale.
    """
    if clusters is not None and len(set(clusters)) == len(human) == len(clusters):
        clusters = None
    if named.figure is agreement.accuracy:
        hits = [theirs == verdict for theirs, verdict in zip(human, judge, strict=True)]
        return proportion(hits, clusters=clusters, level=level)
    left, right = named.columns(human, scale), named.columns(judge, scale)
    return resampled(
        left,
        right,
        named.figure,
        clusters=clusters,
        method=named.method,
        seed=seed,
        resamples=resamples,
        level=level,
    )


def all_statistics(
    human: Sequence[str],
    judge: Sequence[str],
    scale: LabelScale,
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Every figure that applies to the scale, with its interval; the arguments are those of `with_interval`."""
    return {
        name: with_interval(named, human, judge, scale, clusters=clusters, seed=seed, resamples=resamples, level=level)
        for name, named in statistics_of(scale).items()
    }


def label_intervals(
    human: Sequence[str],
    judge: Sequence[str],
    label: str,
    *,
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
    resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Interval]:
    """``precision``, ``recall`` and ``f1`` of one label with intervals; the arguments are those of `with_interval`.

    Wilson's for the first two, given how often each side used the label (`n`), and the bootstrap for F1.
    """
    held: Sequence[Hashable] = range(len(human)) if clusters is None else clusters
    rows = [(person == label, verdict == label, of) for person, verdict, of in zip(human, judge, held, strict=True)]
    sides = {
        "precision": [(person, of) for person, verdict, of in rows if verdict],
        "recall": [(verdict, of) for person, verdict, of in rows if person],
    }
    intervals = {
        name: proportion([hit for hit, _ in side], clusters=[of for _, of in side], level=level)
        for name, side in sides.items()
    }
    columns = [row[0] for row in rows], [row[1] for row in rows]
    f1 = resampled(
        *columns, agreement.binary_f1, clusters=held, method="bca", seed=seed, resamples=resamples, level=level
    )
    return {**intervals, "f1": f1}
