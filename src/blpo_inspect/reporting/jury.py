"""Logs of several judges of the same benchmark → what they would be worth as a jury, beside the best of them alone.

Does not compute (`statistics.jury`, `statistics.selective`) and does not decide what may be compared (`comparison`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect import statistics
from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedSample
from blpo_inspect.reporting import comparison
from blpo_inspect.reporting.comparison import Group, Row
from blpo_inspect.reporting.run_data import LeftOut, OnLog, gather
from blpo_inspect.statistics import Comparison, Interval, Statistic, jury
from blpo_inspect.statistics.selective import Alone, decides_alone


@dataclass(frozen=True)
class Line:
    """A judge, or the judges together.

    Attributes:
        name: Model and prompt of a judge, or how verdicts are put together.
        figures: By name, those of `figures_of`; unread answers are wrong. Empty where they were not asked for.
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
        best: The judge that is best on these very samples, which favours it.
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
) -> tuple[list[tuple[Group, Jury]], list[LeftOut]]:
    """What the judges of logs are worth together, benchmark by benchmark.

    Args:
        logs: Files, folders, patterns; see `log_files.find`.
        on_log: See `OnLog`.
        level: The agreement to guarantee where a judge or jury decides alone.
        delta: How often the guarantee may fail.

    Returns:
        The juries with their judges' runs, and what is in none of them.

    Raises:
        LogError: No benchmark has two judges.
    """
    gathered = gather(logs, on_log)
    groups, notes = comparison.compared(gathered)
    left_out = [*gathered.left_out, *notes]
    found = []
    for group in groups:
        try:
            found.append((group, jury_of(group, level=level, delta=delta)))
        except ValueError as error:
            left_out.append(LeftOut(group.name, str(error)))
    if not found:
        why = "; ".join(f"{item.what}: {item.why}" for item in left_out[:3])
        raise LogError(f"no two judges of the same pictures. {why}")
    return found, left_out


def jury_of(
    group: Group, *, level: float, delta: float, most: int | None = None, each: bool = True, resamples: int = 2000
) -> Jury:
    """What the judges of a group are worth together; of a run with a map and without, the one with it counts.

    Args:
        group: Of runs that may be compared.
        level: The agreement to guarantee where a judge or jury decides alone.
        delta: How often the guarantee may fail.
        most: How many of the best judges; None for all.
        each: Whether to give the figures of each judge too.
        resamples: Of intervals and tests.

    Raises:
        ValueError: There are no two judges of the same picture.
    """
    rows = judges_of(group)[:most]
    columns = answers_of(rows)
    panel = panel_of(group.scale, columns)
    names = figures_of(group.scale)
    figure = statistics.statistics_of(group.scale)[names[0]].figure
    best = _best(panel, figure)
    said, weights = jury.weighted(panel)
    judges = [
        Line(
            row.name,
            _figures(panel, panel.alone(place), names, resamples) if each else {},
            unread=sum(answer.label is None for answer in column),
            weight=weights.each[place],
            alone=decided_by(row, level=level, delta=delta),
        )
        for place, (row, column) in enumerate(zip(rows, columns, strict=True))
    ]
    ways = [(how, jury.together(panel, how)) for how in (("mean", "median") if group.scale.ordered else ("majority",))]
    correlation = jury.error_correlation(panel, resamples=resamples)

    def figures_of_all(said: Sequence[float | str]) -> dict[str, Interval]:
        return _figures(panel, said, names, resamples)

    def difference(together: Sequence[float | str]) -> Comparison:
        return statistics.paired_difference(
            panel.people, best, together, figure, clusters=panel.clusters, resamples=resamples
        )

    return Jury(
        benchmark=group.name,
        samples=len(panel.human),
        clusters=len(set(panel.clusters)),
        judges=tuple(judges),
        best=Line("best judge alone", figures_of_all(best)),
        juries=tuple(
            Line(
                name,
                figures_of_all(together),
                difference=difference(together),
                alone=_decided_by_majority(panel, together, level, delta) if name == "majority" else None,
            )
            for name, together in (*ways, ("weighted", said))
        ),
        correlation=correlation,
        effective=jury.effective(len(rows), correlation.value),
        simulated=group.simulated,
    )


def _best(panel: jury.Panel, figure: Statistic) -> list[float | str]:
    """What the judge says that is best by a figure; a judge whose figure is not defined is not."""
    columns = [panel.alone(judge) for judge in range(len(panel.verdicts))]
    values = [figure(panel.people, column) for column in columns]
    return columns[
        max(range(len(columns)), key=lambda judge: -math.inf if math.isnan(values[judge]) else values[judge])
    ]


def judges_of(group: Group) -> tuple[Row, ...]:
    """The judges of a group; of a run with a map and without, the one with it."""
    mapped = {row.run.log for row in group.rows if "map" in row.run.prompts}
    return tuple(
        row for row in group.rows if "map" in row.run.prompts or row.run.log is None or row.run.log not in mapped
    )


def answers_of(rows: Sequence[Row]) -> list[list[JudgedSample]]:
    """The answers of each judge to the pictures that all were asked about.

    Raises:
        ValueError: There are no two judges of the same picture.
    """
    if len(rows) < 2:
        raise ValueError("one judge is no jury: give logs of others of the same pictures")
    known = [{answer.id: answer for answer in _once(row)} for row in rows]
    ids = sorted(set.intersection(*map(set, known)))
    if not ids:
        raise ValueError("no picture was judged by all")
    return [[answers[sample] for sample in ids] for answers in known]


def panel_of(scale: LabelScale, columns: Sequence[Sequence[JudgedSample]]) -> jury.Panel:
    """What `answers_of` found, for statistics."""
    return jury.Panel(
        [answer.human for answer in columns[0]],
        [[answer.label for answer in column] for column in columns],
        scale,
        comparison.clusters(columns[0]),
    )


def decided_by(row: Row, *, level: float, delta: float) -> Alone | None:
    """What a judge may decide alone, by the probability of its label; None where it gives none."""
    answers = _once(row)
    if not any(answer.probabilities for answer in answers):
        return None
    sure = [answer.confidence for answer in answers]  # what was not read is the least sure
    right = [answer.label == answer.human for answer in answers]
    return decides_alone(right, sure, level=level, delta=delta, clusters=comparison.clusters(answers))


def _decided_by_majority(panel: jury.Panel, together: Sequence[float | str], level: float, delta: float) -> Alone:
    """What the majority may decide, by the share of all judges that say so."""
    votes = zip(*panel.verdicts, strict=True)
    sure = [sum(label == said for label in labels) / len(labels) for labels, said in zip(votes, together, strict=True)]
    right = [said == human for said, human in zip(together, panel.human, strict=True)]
    return decides_alone(right, sure, level=level, delta=delta, clusters=panel.clusters)


def _once(row: Row) -> list[JudgedSample]:
    """The answers of the first epoch."""
    return [answer for answer in row.run.by_unit.values() if answer.epoch == 1]


def _figures(
    panel: jury.Panel, said: Sequence[float | str], names: Sequence[str], resamples: int
) -> dict[str, Interval]:
    known = statistics.statistics_of(panel.scale)
    people, clusters = panel.people, panel.clusters
    return {
        name: statistics.proportion([one == other for one, other in zip(people, said, strict=True)], clusters=clusters)
        if name == "accuracy"
        else statistics.resampled(
            people, said, known[name].figure, clusters=clusters, method="bca", resamples=resamples
        )
        for name in names
    }
