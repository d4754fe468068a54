"""The value of a statistic on one sample: its vectorized form, every row counted once."""

import math
from collections.abc import Sequence
from typing import Any

from blpo_inspect.statistics.interval import Statistic


def point(
    statistic: Statistic, human: Sequence[Any], judge: Sequence[Any], weights: Sequence[float] | None = None
) -> float:
    """The statistic of equally long columns; NaN for no rows.

    Args:
        statistic: One with a fast form.
        human: People's column.
        judge: The judge's.
        weights: How much each row counts; default: 1.

    Raises:
        ValueError: Columns of different lengths.
    """
    if len(human) != len(judge):
        raise ValueError(f"inconsistent numbers of samples: {len(human)} and {len(judge)}")
    if not len(human):
        return math.nan
    # takes a while to import, and Inspect loads this package at every start
    import numpy as np

    from blpo_inspect.statistics import vectorized

    row = np.ones((1, len(human))) if weights is None else np.asarray([weights], dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(vectorized.fast_form(statistic)(human, judge, row)[0])
