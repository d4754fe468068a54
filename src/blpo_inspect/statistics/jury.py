"""Several judges of the same samples as one: what they say together, and how far their errors depend on each other.

On a scale with an order a jury gives a value, on any other a label. A judge whose answer could not be read counts as
wrong by itself (`unread_as_wrong`), and not at all in a jury.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from blpo_inspect.judging import combining
from blpo_inspect.judging.combining import Weights
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.interval import Interval
from blpo_inspect.statistics.resampling import bootstrap
from blpo_inspect.statistics.units import Units
from blpo_inspect.statistics.unread_as_wrong import with_unread

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FOLDS = 10
"""Of the cross-validation of weights."""


@dataclass(frozen=True)
class Panel:
    """Judges of the same samples.

    Attributes:
        human: People's label of each sample.
        verdicts: For each judge its label of each sample; None where it could not be read.
        scale: Of the labels.
        clusters: The cluster of each sample.
    """

    human: Sequence[str]
    verdicts: Sequence[Sequence[str | None]]
    scale: LabelScale
    clusters: Sequence[Hashable]

    def __post_init__(self) -> None:
        sizes = {len(self.human), len(self.clusters), *map(len, self.verdicts)}
        if len(sizes) > 1 or len(self.verdicts) < 2:
            raise ValueError("a jury is at least two judges of the same samples")

    def value(self, label: str) -> float | str:
        """A label as figures of a jury take it."""
        return self.scale.value(label) if self.scale.ordered else label

    @property
    def people(self) -> list[float | str]:
        """People's values or labels."""
        return [self.value(label) for label in self.human]

    def alone(self, judge: int) -> list[float | str]:
        """What one judge says, unread answers as wrong ones."""
        return [self.value(label) for label in with_unread(self.human, self.verdicts[judge], self.scale)]

    def errors(self) -> "Floats":
        """Judges × samples: value minus people's where labels have an order, else 1 for a wrong label and 0."""
        import numpy as np

        if self.scale.ordered:
            people = np.array([self.scale.value(label) for label in self.human])
            errors: Floats = np.array([self.alone(judge) for judge in range(len(self.verdicts))], dtype=float) - people
            return errors
        return np.array(
            [
                [float(said != truth) for said, truth in zip(self.alone(judge), self.human, strict=True)]
                for judge in range(len(self.verdicts))
            ]
        )


def together(panel: Panel, how: str) -> list[float | str]:
    """What a jury says of each sample, by `combining.together`; where no judge could be read, it is wrong.

    Args:
        panel: The judges.
        how: ``majority``, or on a scale with an order ``mean`` or ``median``.

    Raises:
        ValueError: Another way, or a mean of labels without an order.
    """
    if how not in ("majority", "mean", "median") or (how != "majority" and not panel.scale.ordered):
        raise ValueError(f"{how!r} is no way to put verdicts on this scale together")
    way = cast(combining.Way, how)
    return _or_wrong(panel, [combining.together(said, panel.scale, way) for said in zip(*panel.verdicts, strict=True)])


def _or_wrong(panel: Panel, said: Sequence[float | str | None]) -> list[float | str]:
    wrong = [panel.value(label) for label in with_unread(panel.human, [None] * len(panel.human), panel.scale)]
    return [instead if one is None else one for one, instead in zip(said, wrong, strict=True)]


def weighted(panel: Panel, seed: int = 0) -> tuple[list[float | str], Weights]:
    """What a jury says whose judges have weights, each sample by weights of other samples; and the weights of all.

    Weights are those of Breiman's stacking (1996, doi 10.1007/BF00117832): not below 0, and with least squares between
    people's values and the weighted sum of the judges'; on a scale without an order, between 0 and 1 for each label.

    Args:
        panel: The judges.
        seed: Of the division into `FOLDS` parts of whole clusters.
    """
    import numpy as np

    truth, said = _columns(panel)
    fold = _folds(panel.clusters, seed)
    of = {part: _fit(said[:, fold != part], truth[fold != part]) for part in np.unique(fold)}
    found = [
        combining.together(labels, panel.scale, "weighted", of[part])
        for labels, part in zip(zip(*panel.verdicts, strict=True), fold, strict=True)
    ]
    return _or_wrong(panel, found), _fit(said, truth)


def error_correlation(panel: Panel, *, seed: int = 0, resamples: int = 1000) -> Interval:
    """Mean correlation of two judges' errors, -1 to 1, with its bootstrap interval; judges without errors do not count.

    The more the errors agree, the less a further judge brings: `effective`.
    """
    rows = [tuple(column) for column in panel.errors().T.tolist()]
    units = Units.of(rows, panel.clusters)

    def statistic(units: Units, weights: "Floats") -> "Floats":
        import numpy as np

        values = np.array(units.rows, dtype=float)
        share = weights / weights.sum(1, keepdims=True)
        middle = share @ values
        between = np.einsum("rs,sj,sk->rjk", share, values, values) - middle[:, :, None] * middle[:, None, :]
        spread = np.sqrt(np.maximum(np.einsum("rjj->rj", between), 0.0))
        spread = np.where(spread > 1e-9, spread, math.nan)
        each = between / (spread[:, :, None] * spread[:, None, :])
        pairs = each[:, *np.triu_indices(values.shape[1], 1)]
        counted = (~np.isnan(pairs)).sum(1)
        total = np.nan_to_num(pairs).sum(1)
        return np.where(counted > 0, total / np.maximum(counted, 1), math.nan)

    return bootstrap(units, float(statistic(units, units.whole)[0]), statistic, seed=seed, resamples=resamples)


def effective(judges: int, correlation: float) -> float:
    """How many judges with independent errors would be worth as much as so many with this correlation (Kish, 1965).

    judges / (1 + (judges - 1) · correlation): the mean of their errors has the variance of so many independent ones.
    """
    return judges / (1 + (judges - 1) * max(0.0, correlation))


def _columns(panel: Panel) -> tuple["Floats", "Floats"]:
    """People's samples × columns and the judges' judges × samples × columns; unread is NaN."""
    import numpy as np

    truth = np.array([combining.numbers(label, panel.scale) for label in panel.human])
    unread = [math.nan] * truth.shape[1]

    def row(label: str | None) -> list[float]:
        return unread if label is None else combining.numbers(label, panel.scale)

    return truth, np.array([[row(label) for label in verdicts] for verdicts in panel.verdicts])


def _folds(clusters: Sequence[Hashable], seed: int) -> "NDArray[np.int64]":
    import numpy as np

    names = list(dict.fromkeys(clusters))
    part = np.random.default_rng(seed).permutation(len(names)) % min(FOLDS, max(2, len(names)))
    of = dict(zip(names, part.tolist(), strict=True))
    return np.array([of[cluster] for cluster in clusters])


def _fit(said: "Floats", truth: "Floats") -> Weights:
    import numpy as np
    from scipy.optimize import nnls

    there = ~np.isnan(said)
    means = np.where(there, said, 0.0).sum(1) / np.maximum(there.sum(1), 1)
    centre = truth.mean(0)
    rows = np.where(there, said - means[:, None], 0.0).reshape(len(said), -1).T
    return Weights(nnls(rows, (truth - centre).ravel())[0].tolist(), means.tolist(), centre.tolist())
