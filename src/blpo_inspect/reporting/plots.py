"""Plots as inline SVG: text stays text, colours follow the page, the same data give the same bytes.

Every plot of a report has a title and a description for readers who do not see it. Names of models and prompts do not
occur there: runs are letters, as in the tables.
"""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from blpo_inspect._util.text import shortened, visible
from blpo_inspect.reporting.comparison import NAMES, Group
from blpo_inspect.reporting.failures import Calibration
from blpo_inspect.reporting.ranking import Ranking
from blpo_inspect.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FAINT, _SOFT = "#010203", "#040506", "#0d0e0f"
_SERIES = ("#070809", "#0a0b0c")
_COLOURS = {
    _INK: "currentColor",
    _FAINT: "var(--faint)",
    _SOFT: "var(--soft)",
    **{colour: f"var(--series-{place})" for place, colour in enumerate(_SERIES, 1)},
}
"""Stand-ins while drawing → colours of the page, which has its own for light and dark."""

_ON_WHITE = {_INK: "#1b1f24", _FAINT: "#c3cad2", _SERIES[0]: "#0a5fa8", _SERIES[1]: "#b34700"}
"""The page's colours by day (style.css), for a picture that is a file of its own."""

MOST_RUNS = 40
"""Runs in the plot of intervals; further ones are in the table."""

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "blpo-inspect",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": _INK,
    "text.parse_math": False,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "grid.color": _FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "legend.frameon": False,
}


def intervals(group: Group, key: str) -> str:
    """The headline figure of every run with its interval, and the human ceiling."""
    known = [row for row in group.rows if not math.isnan(row.figures[group.headline].value)]
    rows = known[:MOST_RUNS]
    name = NAMES[group.headline]
    told = [
        f"{row.letter} {row.figures[group.headline].value:.2f} "
        f"({row.figures[group.headline].low:.2f} to {row.figures[group.headline].high:.2f})"
        for row in rows
    ]
    ceiling = group.ceiling.value if group.ceiling else float("nan")
    more = f" {len(known) - len(rows)} further runs are in the table." if len(known) > len(rows) else ""
    people = f"{more} One rater against the others: {ceiling:.2f}." if ceiling == ceiling else more
    # against the consensuses that the raters are held against, of one rater less than the label of the figure
    shares = [row.share.value * ceiling if row.share is not None else math.nan for row in rows]
    alike = [(value, place) for place, value in enumerate(shares) if not math.isnan(value)]
    if alike:
        people += " Judges against those same others: " + ", ".join(f"{rows[k].letter} {v:.2f}" for v, k in alike) + "."

    def draw(axes: "Axes") -> None:
        for place, row in enumerate(rows):
            _interval(axes, row.figures[group.headline], place, _SERIES[0])
        if alike:
            axes.plot(*zip(*alike, strict=True), "D", color="none", markeredgecolor=_SERIES[1], markersize=5)
        if ceiling == ceiling:
            axes.axvline(ceiling, color=_SERIES[1], linestyle="--", linewidth=1.5)
            axes.annotate(
                "one rater",
                (ceiling, 1),
                (-4, 3),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                ha="right",
            )
        axes.set_yticks(range(len(rows)), [row.letter for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlabel(f"{name}, with 95 % intervals")
        axes.grid(axis="x")

    height = 1.3 + 0.3 * len(rows)
    return _svg(key, draw, height, f"{name} by run", f"{name} with 95 % intervals: {'; '.join(told)}.{people}")


def trajectory(steps: Sequence[Mapping[str, Any]], losses: Mapping[str, Any], key: str) -> str:
    """Training and validation loss by step, and which steps were kept."""
    training = [(_number(step.get("step")), _number(step.get("train_loss"))) for step in steps]
    validation = [(_number(step.get("step")), _number(step.get("validation_loss"))) for step in steps]
    train = [(x, y) for x, y in training if x is not None and y is not None]
    valid = [(x, y) for x, y in validation if x is not None and y is not None]
    start = _number(losses.get("before"))
    if start is not None:
        valid.insert(0, (0.0, start))
    kept = [(x, y) for x, y in valid if any(step.get("accepted") and step.get("step") == x for step in steps)]
    told = "Training loss at the start of each step: " + (_points(train) or "not judged") + ". "
    told += "Validation loss of each step's best prompt: " + (_points(valid) or "not judged") + ". "
    told += "Steps whose prompt was kept: " + (", ".join(f"{x:g}" for x, _ in kept) or "none") + "."

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator

        if train:
            axes.plot(*zip(*train, strict=True), "s--", color=_SERIES[1], label="training, at the start of the step")
        if valid:
            axes.plot(*zip(*valid, strict=True), "o-", color=_SERIES[0], label="validation, best prompt of the step")
        if kept:
            points: Any = list(zip(*kept, strict=True))
            axes.plot(*points, "o", color="none", markeredgecolor=_INK, markersize=13, label="kept")
        axes.set_xlabel("step (0: start)")
        axes.set_ylabel("loss")
        axes.set_ylim(bottom=0)
        axes.margins(y=0.15)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y")
        if train or valid:
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=1)

    return _svg(key, draw, 3.6, "Loss by step", told)


def scores(steps: Sequence[Mapping[str, Any]], key: str) -> str | None:
    """The scores of the candidates of every step, which are BLPO's inner steps; None where there are fewer than two."""
    points = [
        (_number(step.get("step")), _number(item.get("number")), _number(item.get("score")), step.get("chosen"))
        for step in steps
        for candidates in [step.get("candidates")]
        for item in (candidates if isinstance(candidates, list) else [])
        if isinstance(item, Mapping)
    ]
    known = [(s, n, score, chosen) for s, n, score, chosen in points if None not in (s, n, score)]
    if len(known) < 2:
        return None
    told = "; ".join(f"step {s:g} candidate {n:g}: {score:+.3f}" for s, n, score, _ in known)

    def draw(axes: "Axes") -> None:
        numbers = sorted({n for _, n, _, _ in known if n is not None})
        width = 0.8 / max(1, len(numbers))
        for s, n, score, chosen in known:
            assert s is not None and n is not None and score is not None
            x = s - 0.4 + width * (numbers.index(n) + 0.5)
            best = chosen == n
            axes.bar(x, score, width * 0.85, color=_SERIES[0] if best else _SOFT)
            axes.annotate(f"{n:g}", (x, max(score, 0)), (0, 2), textcoords="offset points", ha="center", fontsize=9)
        axes.axhline(0, color=_INK, linewidth=0.8)
        axes.set_xticks(sorted({s for s, _, _, _ in known if s is not None}))
        axes.set_xlabel("outer step; bars: inner steps by number, the best one strong")
        axes.set_ylabel("score")
        axes.margins(y=0.15)

    return _svg(key, draw, 2.9, "Scores of candidates", f"Score of each candidate, higher is better: {told}.")


def reliability(calibration: Calibration, key: str) -> str:
    """How often answers of a given confidence are right."""
    bins = calibration.bins
    told = "; ".join(f"confidence {part.confidence:.2f}: right {part.right:.2f} of {part.n}" for part in bins)

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], "--", color=_SOFT, linewidth=1)
        axes.plot([part.confidence for part in bins], [part.right for part in bins], "o-", color=_SERIES[0])
        axes.set_xlim(0, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("mean confidence of the bin")
        axes.set_ylabel("share right")

    return _svg(key, draw, 3.0, "Calibration", f"On the dashed line a judge is as sure as it is right. {told}.", 4.2)


def rankings(found: Sequence[Ranking], form: Literal["svg", "png"]) -> bytes:
    """A file of its own: the strengths of every ranking with their intervals, those by people beside them."""
    judge, people = (_ON_WHITE[colour] for colour in _SERIES)
    both = any(place.people for ranking in found for place in ranking.places)

    def drawing(ranking: Ranking) -> "Callable[[Axes], None]":
        def draw(axes: "Axes") -> None:
            for place, one in enumerate(ranking.places):
                _interval(axes, one.strength, place - 0.12, judge)
                if one.people is not None:
                    _interval(axes, one.people, place + 0.12, people, "s")
            axes.set_yticks(range(len(ranking.places)), [shortened(visible(one.name), 40) for one in ranking.places])
            axes.set_ylim(len(ranking.places) - 0.4, -0.6)
            axes.set_xlabel("strength, with 95 % intervals")
            axes.set_title(shortened(visible(ranking.judge), 80), fontsize=11)
            axes.grid(axis="x")
            if both and ranking is found[-1]:
                shown = [("by the judge", judge, "o"), ("by people's labels", people, "s")]
                handles = [axes.plot([], [], marker, color=colour, label=name)[0] for name, colour, marker in shown]
                axes.figure.legend(handles=handles, loc="outside lower center", ncols=2)

        return draw

    heights = [1.5 + 0.4 * len(ranking.places) for ranking in found]
    return _drawn([drawing(ranking) for ranking in found], heights, 8, form, _ON_WHITE)


def _interval(axes: "Axes", figure: Interval, place: float, colour: str, marker: str = "o") -> None:
    axes.plot([figure.low, figure.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([figure.value], [place], marker, color=colour, markersize=7)


def _svg(key: str, draw: "Callable[[Axes], None]", height: float, title: str, about: str, width: float = 6.4) -> str:
    return _inline(_drawn([draw], [height], width, "svg").decode(), key, title, about)


def _drawn(
    draws: "Sequence[Callable[[Axes], None]]",
    heights: Sequence[float],
    width: float,
    form: Literal["svg", "png"],
    colours: Mapping[str, str] | None = None,
) -> bytes:
    """Drawings below each other, as a file: with the stand-ins on nothing, or with these colours on white."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    # whatever this user's matplotlib is set to, the report looks the same
    defaults: dict[Any, Any] = {k: v for k, v in matplotlib.rcParamsDefault.items() if not k.startswith("backend")}
    settings = {name: (colours or {}).get(value, value) for name, value in _SETTINGS.items()}
    with matplotlib.rc_context({**defaults, **settings}):
        figure = Figure(figsize=(width, sum(heights)), layout="constrained")
        FigureCanvasSVG(figure)
        rows = figure.subplots(len(draws), squeeze=False, height_ratios=heights)
        for draw, (axes,) in zip(draws, rows, strict=True):
            draw(axes)
        buffer = io.BytesIO()
        metadata: Any = {"Date": None, "Creator": None, "Format": None, "Type": None} if form == "svg" else None
        figure.savefig(buffer, format=form, transparent=colours is None, metadata=metadata, dpi=150)
    return buffer.getvalue()


def _inline(svg: str, key: str, title: str, about: str) -> str:
    """The drawing as a part of a page: without what a file needs, with ids of its own and the page's colours."""
    body = svg[svg.index("<svg") :]
    head, _, body = body.partition(">")
    box = re.search(r'viewBox="([^"]+)"', head)
    # a style element would hold for the whole page
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{key}-\1"', body)
    body = re.sub(r'(href="|url\()#', rf"\1#{key}-", body)
    for stand_in, colour in _COLOURS.items():
        body = body.replace(stand_in, colour)
    names = f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-desc">{escape(about)}</desc>'
    labels = f'role="img" aria-labelledby="{key}-title" aria-describedby="{key}-desc"'
    return f'<svg class="plot" viewBox="{box[1] if box else "0 0 460 300"}" {labels}>{names}{body}'


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _points(points: Sequence[tuple[float, float]]) -> str:
    return ", ".join(f"step {x:g} {y:.3f}" for x, y in points)
