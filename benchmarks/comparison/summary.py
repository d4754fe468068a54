"""A row per benchmark and method: means over seeds, and the paired difference from a reference method.

The differences are tested by the paired t test, its p-values corrected within each benchmark and figure (Holm).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, stdev

from scipy import stats

from blpo_inspect.statistics import Comparison, holm
from comparison.methods import Method
from comparison.outcome import Outcome
from comparison.plan import Key

ORDERED = {"quadratic_kappa": "quadratic kappa", "spearman": "Spearman", "mae": "MAE"}
"""Figures of scales with an order: shown where a run has them."""
FIGURES = {"macro_f1": "macro-F1", "accuracy": "accuracy", "kappa": "kappa", **ORDERED}
COMPARED = ("accuracy", "macro_f1", "mae")
EQUAL = "equal"
"""Reason of a difference that is zero with every seed."""
CONSTANT = "the same with every seed"
"""Reason of another difference that is the same with every seed."""


@dataclass(frozen=True)
class Mean:
    """Mean and standard deviation over the seeds on which a figure is defined; NaN without enough of them."""

    value: float
    spread: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of some values, those that are NaN left out."""
        known = [value for value in values if not math.isnan(value)]
        return cls(
            fmean(known) if known else math.nan,
            stdev(known) if len(known) > 1 else math.nan,
            len(known),
        )


@dataclass(frozen=True)
class Row:
    """A method on a benchmark.

    Attributes:
        benchmark: The benchmark.
        method: The method.
        runs: Finished runs.
        figures: By name, as in `FIGURES`.
        unread: Test answers per run that could not be read, on average.
        calls: Calls per run, on average, without the final test.
        less: The method's figure less the reference's, by name as in `COMPARED`, with the 95 % t interval over seeds
            and p; NaN with the reason where there is none. Empty for the reference itself and where it did not run.
        holm: p, corrected.
    """

    benchmark: str
    method: Method
    runs: int
    figures: Mapping[str, Mean]
    unread: float
    calls: float
    less: Mapping[str, Comparison]
    holm: Mapping[str, float]


def shown(rows: Iterable[Row], names: Iterable[str]) -> list[str]:
    """Those of the figures that a table of these rows has."""
    known = {name for row in rows for name, mean in row.figures.items() if mean.n}
    return [name for name in names if name in known or name not in ORDERED]


def summarize(
    outcomes: Mapping[Key, Outcome],
    benchmark: str,
    methods: Sequence[Method],
    seeds: Sequence[int],
    reference: str | None,
) -> list[Row]:
    """The rows of a benchmark, in the order of the methods; a method without finished runs has none.

    Args:
        outcomes: Outcomes of the runs.
        benchmark: The benchmark.
        methods: The methods, in the order of the rows.
        seeds: The seeds.
        reference: The label of the method that others are compared with, if there is one.
    """
    rows = []
    for method in methods:
        own = {seed: outcomes[key] for seed in seeds if (key := (benchmark, method.label, seed)) in outcomes}
        if not own:
            continue
        other = {seed: outcomes[key] for seed in own if (key := (benchmark, reference or "", seed)) in outcomes}
        less = {}
        if method.label != reference and other:
            for name in COMPARED:
                pairs = [getattr(own[seed].after, name) - getattr(other[seed].after, name) for seed in other]
                less[name] = paired([pair for pair in pairs if not math.isnan(pair)])
        rows.append(
            Row(
                benchmark,
                method,
                len(own),
                {name: Mean.of([getattr(outcome.after, name) for outcome in own.values()]) for name in FIGURES},
                fmean(outcome.after.unread for outcome in own.values()),
                fmean(outcome.calls for outcome in own.values()),
                less,
                {},
            )
        )
    for name in COMPARED:
        corrected = holm({row.method.label: row.less[name].p for row in rows if name in row.less})
        rows = [
            replace(row, holm={**row.holm, name: corrected[row.method.label]}) if name in row.less else row
            for row in rows
        ]
    return rows


def paired(differences: Sequence[float], level: float = 0.95) -> Comparison:
    """Mean of paired differences with its t interval and the p of the paired t test (SciPy's ``ttest_1samp``).

    Where all differences are equal there is neither, and with fewer than two neither; the reason says so.
    """
    n = len(differences)
    if n == 0:
        return Comparison(math.nan, math.nan, math.nan, 0, level, "no pairs")
    value = fmean(differences)
    # figures have six decimals; rounding errors below do not make differences differ
    if len({round(difference, 9) for difference in differences}) == 1:
        reason = EQUAL if round(value, 9) == 0 else CONSTANT
        if n == 1:
            reason = "fewer than two pairs"
        return Comparison(value, math.nan, math.nan, n, level, reason)
    test = stats.ttest_1samp(differences, 0.0)
    low, high = test.confidence_interval(level)
    return Comparison(value, float(low), float(high), n, level, None, float(test.pvalue))
