"""The figure: test accuracy against model calls, a panel per benchmark, a line per method."""

import io
import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from comparison.methods import Method
from comparison.outcome import Outcome
from comparison.plan import Key
from comparison.summary import Mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BAND = "Lines: mean over seeds of the best pair so far; bands: ± one standard error over seeds."
# Okabe and Ito's colours, which people of every colour vision tell apart; dashes and marks for print in grey
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (1, 3)))
_MARKS = "osD^vPX*"
_LEVELS = ("#000000", "#777777")


@dataclass(frozen=True)
class Curve:
    """Test accuracy against calls: a step function over ``calls``, each value holding up to the next place.

    Attributes:
        calls: Places, ascending; the first is 0 and the last is where the axis ends.
        mean: Mean over runs from each place on.
        error: Standard error of the mean; NaN for a single run.
    """

    calls: tuple[int, ...]
    mean: tuple[float, ...]
    error: tuple[float, ...]


def accuracy_at(curve: Sequence[tuple[int, float]], calls: int) -> float:
    """Test accuracy of the best pair that a run had after so many calls."""
    return curve[bisect_right([at for at, _ in curve], calls) - 1][1]


def mean_curve(curves: Sequence[Sequence[tuple[int, float]]], end: int) -> Curve:
    """The mean of several runs' step functions from 0 to ``end`` calls."""
    places = sorted({0, end} | {at for curve in curves for at, _ in curve if at <= end})
    # numbers have no accuracy
    means = [Mean.of([accuracy_at(curve, at) for curve in curves]) for at in places]
    return Curve(
        tuple(places),
        tuple(mean.value for mean in means),
        tuple(mean.spread / math.sqrt(mean.n) if mean.n else math.nan for mean in means),
    )


def draw(
    outcomes: Mapping[Key, Outcome], benchmarks: Sequence[str], methods: Sequence[Method], end: int
) -> dict[str, bytes]:
    """The figure as ``svg`` and ``png``; the same outcomes and the same matplotlib give the same bytes.

    Args:
        outcomes: Outcomes of the runs.
        benchmarks: The panels.
        methods: The lines; a method that makes no calls is a level line.
        end: Where the axis of calls ends.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever this user has set
        matplotlib.rcParams.update({"svg.hashsalt": "blpo-inspect", "font.size": 10})
        figure = Figure(figsize=(max(6.0, 4.4 * len(benchmarks)), 4.6), layout="constrained")
        panels = figure.subplots(1, len(benchmarks), squeeze=False, sharey=True)[0]
        for panel, benchmark in zip(panels, benchmarks, strict=True):
            _panel(panel, outcomes, benchmark, methods, end)
        panels[0].set_ylabel("accuracy on the test split")
        handles = {label: line for panel in panels for line, label in zip(*_legend(panel), strict=True)}
        if handles:
            figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(4, len(handles)))
        figure.suptitle(BAND, fontsize=9)
        files = {}
        for kind, metadata in (("svg", {"Date": None}), ("png", {"Software": None})):
            buffer = io.BytesIO()
            figure.savefig(buffer, format=kind, metadata=metadata, dpi=150)
            files[kind] = buffer.getvalue()
        return files


def _panel(panel: "Axes", outcomes: Mapping[Key, Outcome], benchmark: str, methods: Sequence[Method], end: int) -> None:
    levels, lines = 0, 0
    for method in methods:
        own = [outcome for key, outcome in outcomes.items() if key[:2] == (benchmark, method.label)]
        if not method.optimizes:
            colour, levels = _LEVELS[levels % len(_LEVELS)], levels + 1
            if own:
                level = fmean(outcome.after.accuracy for outcome in own)
                panel.axhline(level, color=colour, linewidth=1.0, dashes=(2, 2), label=method.label)
            continue
        number, lines = lines, lines + 1
        if own:
            curve = mean_curve([outcome.curve for outcome in own], end)
            _line(panel, curve, method.label, number)
    panel.set_title(benchmark)
    panel.set_xlabel("model calls")
    panel.set_xlim(0, end)
    panel.grid(alpha=0.25)


def _line(panel: "Axes", curve: Curve, label: str, number: int) -> None:
    style: dict[str, Any] = {
        "color": _COLOURS[number % len(_COLOURS)],
        "linestyle": _DASHES[number % len(_DASHES)],
        "marker": _MARKS[number % len(_MARKS)],
        "markersize": 4,
        "linewidth": 1.8,
    }
    panel.plot(curve.calls, curve.mean, drawstyle="steps-post", label=label, **style)
    if not any(map(math.isnan, curve.error)):
        low = [mean - error for mean, error in zip(curve.mean, curve.error, strict=True)]
        high = [mean + error for mean, error in zip(curve.mean, curve.error, strict=True)]
        panel.fill_between(curve.calls, low, high, step="post", color=style["color"], alpha=0.13, linewidth=0)


def _legend(panel: "Axes") -> tuple[list[Any], list[str]]:
    handles, labels = panel.get_legend_handles_labels()
    return handles, [str(label) for label in labels]
