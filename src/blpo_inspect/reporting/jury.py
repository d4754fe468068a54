"""Logs of several judges of the same benchmark → what they would be worth as a jury, beside the best of them alone.

Does not compute (`statistics.jury`, `statistics.selective`) and does not decide what may be compared (`comparison`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect import statistics
from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.reporting.comparison import Group, compared
from blpo_inspect.reporting.run_data import LeftOut, OnLog, gather
from blpo_inspect.statistics import Comparison, Interval, jury
from blpo_inspect.statistics.selective import Alone, decides_alone


@dataclass(frozen=True)
class Line:
    """A judge, or the judges together.

    Attributes:
        name: Model and prompt of a judge, or how verdicts are put together.
        figures: By name, those of `figures_of`; unread answers are wrong.
        difference: To the best judge alone, by the first figure; None for a single judge.
        unread: How many answers of a judge could not be read.
        weight: A judge's in the weighted jury.
        alone: What it may decide alone; None where it says nothing of how sure it is.
    """

    name: str
    figures: dict[str, Interval]
    difference: Comparison | None = None
    unread: int = 0
    weight: float | None = None
    alone: Alone | None = None


@dataclass(frozen=True)
class Jury:
    """What judges of one benchmark are worth together.

    Attributes:
        benchmark: Its name.
        samples: Those that all judges were asked about, once each.
        clusters: How many clusters they are.
        judges: Best first.
        best: The best judge alone, chosen on other samples than it is measured on.
        juries: The ways to put verdicts together.
        correlation: Of two judges' errors, on average.
        effective: So many judges with independent errors would be worth as much.
        simulated: Whether the logs say that the data are a simulation.
    """

    benchmark: str
    samples: int
    clusters: int
    judges: tuple[Line, ...]
    best: Line
    juries: tuple[Line, ...]
    correlation: Interval
    effective: float
    simulated: bool


def figures_of(scale: LabelScale) -> tuple[str, ...]:
    """The figures of a jury, the first decides: a mean of ordinal labels lies between them."""
    return ("spearman", "mae") if scale.ordered else ("accuracy", "cohens_kappa")


def juries(
    logs: Sequence[str],
    on_log: OnLog = lambda done, total, name: None,
    *,
    level: float = 0.9,
    delta: float = 0.05,
) -> tuple[list[Jury], list[LeftOut]]:
    """What the judges of logs are worth together, benchmark by benchmark.

    Args:
        logs: Files, folders, patterns; see `log_files.find`.
        on_log: See `OnLog`.
        level: The agreement to guarantee where a judge or jury decides alone.
        delta: How often the guarantee may fail.

    Returns:
        The juries, and what is in none of them.

    Raises:
        LogError: No benchmark has two judges.
    """
    gathered = gather(logs, on_log)
    groups, notes = compared(gathered)
    left_out = [*gathered.left_out, *notes]
    found = []
    for group in groups:
        if len(group.rows) < 2:
            left_out.append(LeftOut(group.name, "one judge is no jury: give logs of others of the same pictures"))
            continue
        try:
            found.append(_jury(group, level, delta))
        except ValueError as error:
            left_out.append(LeftOut(group.name, str(error), problem=True))
    if not found:
        why = "; ".join(f"{item.what}: {item.why}" for item in left_out[:3])
        raise LogError(f"no two judges of the same pictures. {why}")
    return found, left_out


def _jury(group: Group, level: float, delta: float) -> Jury:
    runs = [row.run for row in group.rows]
    shared = set.intersection(*({answer.id for answer in run.answers if answer.epoch == 1} for run in runs))
    if not shared:
        raise ValueError("no picture was judged by all")
    ids = sorted(shared)
    columns = [[run.by_unit.get((sample, 1), run.by_id[sample]) for sample in ids] for run in runs]
    clusters = [answer.group or f"sample {answer.id}" for answer in columns[0]]
    panel = jury.Panel(
        [answer.human for answer in columns[0]],
        [[answer.label for answer in column] for column in columns],
        group.scale,
        clusters,
    )
    names = figures_of(group.scale)
    best = jury.best_alone(panel)

    def alone(right: Sequence[bool], sure: Sequence[float | None]) -> Alone | None:
        # what was not read cannot be decided: it is the least sure
        if all(one is None for one in sure):
            return None
        return decides_alone(right, [one or 0.0 for one in sure], level=level, delta=delta, clusters=clusters)

    said, weights = jury.weighted(panel)
    judges = []
    for place, (row, column) in enumerate(zip(group.rows, columns, strict=True)):
        right = [answer.label == answer.human for answer in column]
        sure = [
            max(answer.probabilities.values()) if answer.label and answer.probabilities else None for answer in column
        ]
        judges.append(
            Line(
                row.name,
                _figures(panel, panel.alone(place), names),
                unread=sum(answer.label is None for answer in column),
                weight=weights[place],
                alone=alone(right, sure),
            )
        )
    ways = [(how, jury.together(panel, how)) for how in (("mean", "median") if group.scale.ordered else ("majority",))]
    figure = statistics.statistics_of(group.scale)[names[0]].figure
    correlation = jury.error_correlation(panel)
    return Jury(
        benchmark=group.name,
        samples=len(ids),
        clusters=len(set(clusters)),
        judges=tuple(judges),
        best=Line("best judge alone", _figures(panel, best, names)),
        juries=tuple(
            Line(
                name,
                _figures(panel, together, names),
                difference=statistics.paired_difference(panel.people, best, together, figure, clusters=clusters),
                alone=alone(*_votes(panel, together)) if name == "majority" else None,
            )
            for name, together in (*ways, ("weighted", said))
        ),
        correlation=correlation,
        effective=jury.effective(len(runs), correlation.value),
        simulated=group.simulated,
    )


def _figures(panel: jury.Panel, said: Sequence[float | str], names: Sequence[str]) -> dict[str, Interval]:
    known = statistics.statistics_of(panel.scale)
    people, clusters = panel.people, panel.clusters
    return {
        name: statistics.proportion([one == other for one, other in zip(people, said, strict=True)], clusters=clusters)
        if name == "accuracy"
        else statistics.resampled(people, said, known[name].figure, clusters=clusters, method="bca")
        for name in names
    }


def _votes(panel: jury.Panel, together: Sequence[float | str]) -> tuple[list[bool], list[float | None]]:
    """Whether the majority is right, and the share of all judges that say so."""
    votes = zip(*panel.verdicts, strict=True)
    sure = [sum(label == said for label in labels) / len(labels) for labels, said in zip(votes, together, strict=True)]
    return [said == human for said, human in zip(together, panel.human, strict=True)], list(sure)
