"""Figures that depend on which labels a scale has, not only on those that were used.

Each takes positions on its scale, 0 to ``size`` - 1. The computation is `vectorized`'s, as of all figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect.statistics.point import point


@dataclass(frozen=True)
class OfScale:
    """A figure of a scale with so many labels."""

    size: int

    def __call__(self, human: Sequence[int], judge: Sequence[int]) -> float:
        """The figure of equally long columns; NaN for no samples."""
        return point(self, human, judge)


@dataclass(frozen=True)
class MacroF1All(OfScale):
    """Mean F1 over all labels of the scale, 0 to 1; one that neither side used has an F1 of 0.

    scikit-learn's ``average="macro"`` with ``labels`` given and ``zero_division=0``. A single stray answer hardly moves
    it, where it gives `agreement.macro_f1` one more label with an F1 of 0. It cannot reach 1 where a label is unused.
    """


@dataclass(frozen=True)
class Gwet(OfScale):
    """Gwet's agreement coefficient, at most 1: AC1, or AC2 with distances weighted by their squares.

    Chance agreement is that of raters who guess only where they are unsure, so that it does not fall where nearly all
    samples have one label, as kappa does (Gwet, 2008, doi 10.1348/000711006X126600; package irrCAC). NaN on a scale of
    one label.
    """

    weighted: bool = False
