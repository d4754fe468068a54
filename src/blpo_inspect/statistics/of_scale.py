"""Figures that depend on which labels a scale has, not only on those that were used.

Each takes positions on its scale, 0 to ``size`` - 1, and knows its own fast form (`vectorized`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from blpo_inspect.statistics.vectorized import Column, Floats


@dataclass(frozen=True)
class OfScale:
    """A figure of a scale with so many labels."""

    size: int

    def fast(self, human: "Column", judge: "Column", weights: "Floats") -> "Floats":
        """The figure of each resample (a form as `vectorized.FAST` has them)."""
        raise NotImplementedError

    def __call__(self, human: Sequence[int], judge: Sequence[int]) -> float:
        """The figure of equally long columns; NaN for no samples."""
        import numpy as np

        if len(human) != len(judge):
            raise ValueError(f"inconsistent numbers of samples: {len(human)} and {len(judge)}")
        if not len(human):
            return math.nan
        return float(self.fast(human, judge, np.ones((1, len(human))))[0])


@dataclass(frozen=True)
class MacroF1All(OfScale):
    """Mean F1 over all labels of the scale, 0 to 1; one that neither side used has an F1 of 0.

    scikit-learn's ``average="macro"`` with ``labels`` given and ``zero_division=0``. A single stray answer hardly moves
    it, where it gives `agreement.macro_f1` one more label with an F1 of 0. It cannot reach 1 where a label is unused.
    """

    def fast(self, human: "Column", judge: "Column", weights: "Floats") -> "Floats":
        """See `OfScale.fast`."""
        import numpy as np

        people, verdicts, hits = _sums(self.size, human, judge, weights)
        both = people + verdicts
        values: Floats = np.divide(2 * hits, both, out=np.zeros_like(both), where=both > 0).mean(1)
        return values


@dataclass(frozen=True)
class Gwet(OfScale):
    """Gwet's agreement coefficient, at most 1: AC1, or AC2 with distances weighted by their squares.

    Chance agreement is that of raters who guess only where they are unsure, so that it does not fall where nearly all
    samples have one label, as kappa does (Gwet, 2008, doi 10.1348/000711006X126600; package irrCAC). NaN on a scale of
    one label.
    """

    weighted: bool = False

    def fast(self, human: "Column", judge: "Column", weights: "Floats") -> "Floats":
        """See `OfScale.fast`."""
        import numpy as np

        if self.size < 2:
            return np.full(len(weights), math.nan)
        people, verdicts, hits = _sums(self.size, human, judge, weights)
        n = weights.sum(1)
        if self.weighted:
            apart = (np.asarray(human) - np.asarray(judge)) ** 2 / (self.size - 1) ** 2
            places = np.arange(self.size)
            total = (1 - (places[:, None] - places) ** 2 / (self.size - 1) ** 2).sum()
            agreed = 1 - weights @ apart / n
        else:
            total, agreed = float(self.size), hits.sum(1) / n
        used = (people + verdicts) / (2 * n[:, None])
        by_chance = total / (self.size * (self.size - 1)) * (used * (1 - used)).sum(1)
        values: Floats = (agreed - by_chance) / (1 - by_chance)
        return values


def _sums(size: int, human: "Column", judge: "Column", weights: "Floats") -> tuple["Floats", "Floats", "Floats"]:
    """How often people used each label, how often the judge did, and how often both: resamples × labels."""
    import numpy as np

    left, right = (np.eye(size)[np.asarray(column, dtype=int)] for column in (human, judge))
    return weights @ left, weights @ right, weights @ (left * right)
