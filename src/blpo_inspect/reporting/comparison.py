"""Which runs may be compared, and their figures side by side.

Runs are in one group if they judge the same benchmark on the same scale, share samples, and have the same human label,
image and text for every sample they share. Nothing is averaged over runs. Whether differences are real: `significance`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample, Unit
from blpo_inspect.logs.optimize_run import OptimizeRun
from blpo_inspect.reporting.run_data import Gathered, LeftOut
from blpo_inspect.statistics import Interval

HEADLINE = {"unordered": "cohens_kappa", "pair": "cohens_kappa", "ordinal": "quadratic_kappa", "numeric": "spearman"}
"""Kind of scale → the figure by which judges are ordered, and for which differences are tested."""

SHOWN = {
    "unordered": ("accuracy", "macro_f1", "cohens_kappa"),
    "pair": ("accuracy", "macro_f1", "cohens_kappa"),
    "ordinal": ("accuracy", "macro_f1", "cohens_kappa", "quadratic_kappa", "spearman", "mae"),
    "numeric": ("pearson", "spearman", "mae", "krippendorff_alpha"),
}
"""Kind of scale → the figures of the table."""

NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "cohens_kappa": "Cohen's kappa",
    "quadratic_kappa": "quadratic kappa",
    "spearman": "Spearman",
    "pearson": "Pearson",
    "mae": "mean absolute error",
    "bias": "bias",
    "krippendorff_alpha": "Krippendorff's alpha",
}


@dataclass(frozen=True)
class Row:
    """A run in its group.

    Attributes:
        letter: What the report calls it.
        run: The run.
        prompt_name: Where its prompt comes from, in words, and whether the pair's map is applied.
        figures: The figures of `SHOWN` over the answers that could be read.
        unread: Share of answers that could not be read.
        share: Of the human ceiling, by the headline figure; None where raters are not known.
        missing: Samples of the group that it has no answer to.
    """

    letter: str
    run: JudgedRun
    prompt_name: str
    figures: dict[str, Interval]
    unread: Interval
    share: Interval | None
    missing: int

    @property
    def name(self) -> str:
        """Model and prompt."""
        return f"{self.run.record.model}, {self.prompt_name}"


@dataclass(frozen=True)
class Group:
    """Runs that may be compared.

    Attributes:
        name: The benchmark, numbered where there are several groups of it.
        scale: Its labels.
        rows: The runs, best first; those with missing samples last.
        ceiling: One rater against the consensus of the others, by the headline figure; None where raters are not known.
        samples: How many samples the group has.
        clustered: Whether samples depend on each other.
        simulated: Whether the logs say that the data are a simulation.
    """

    name: str
    scale: LabelScale
    rows: tuple[Row, ...]
    ceiling: Interval | None
    samples: int
    clustered: bool
    simulated: bool

    @property
    def headline(self) -> str:
        """The figure that decides."""
        return HEADLINE[self.scale.kind]

    @cached_property
    def digests(self) -> list[str]:
        """The data digests of its runs."""
        return sorted({row.run.digest for row in self.rows})


def compared(gathered: Gathered) -> tuple[list[Group], list[LeftOut]]:
    """The groups, and why runs of one benchmark are in different groups."""
    parts, notes = _grouped(gathered.judges)
    names = _numbered([part[0].benchmark for part in parts])
    groups = [_group(name, part, gathered.optimizations) for name, part in zip(names, parts, strict=True)]
    for group in groups:
        notes += [
            LeftOut(
                f"{group.name}: {row.letter} ({row.run.record.log})",
                f"it has no answer to {row.missing} of the group's {group.samples} samples. Its figures rest on the "
                "others, it is listed below the complete runs, and tests use shared samples only",
            )
            for row in group.rows
            if row.missing
        ]
    return groups, notes


def clusters(answers: Sequence[JudgedSample]) -> list[Any]:
    """What each answer belongs to: its group, else its sample, so that epochs stay together."""
    return [("sample", answer.id) if answer.group is None else ("group", answer.group) for answer in answers]


def readable(run: JudgedRun) -> list[JudgedSample]:
    """The answers that could be read."""
    return [answer for answer in run.by_unit.values() if answer.label is not None]


def _grouped(runs: Sequence[JudgedRun]) -> tuple[list[list[JudgedRun]], list[LeftOut]]:
    """Groups of runs, the largest of a benchmark first, and why the runs of its others are not in that one."""
    parts: list[_Part] = []
    for run in sorted(runs, key=lambda run: (run.benchmark, -len(run.facts), run.order)):
        same = (part for part in parts if part.benchmark == run.benchmark)
        place = next((part for part in same if _why_not(run, part) is None), None)
        if place is None:
            place = _Part(run.benchmark, run.scale)
            parts.append(place)
        place.runs.append(run)
        place.facts.update(run.facts)
    parts.sort(key=lambda part: (part.benchmark, -len(part.runs), part.runs[0].order))
    notes = []
    for number, part in enumerate(parts):
        first = next(other for other in parts if other.benchmark == part.benchmark)
        place_name = f"data {1 + sum(other.benchmark == part.benchmark for other in parts[:number])}"
        for run in part.runs if part is not first else []:
            why = _why_not(run, first) or "its samples contradict those of other runs there"
            notes.append(LeftOut(run.record.log, f"kept apart as {part.benchmark}, {place_name}: {why}"))
    return [part.runs for part in parts], notes


@dataclass
class _Part:
    benchmark: str
    scale: LabelScale
    runs: list[JudgedRun] = field(default_factory=list)
    facts: dict[str, tuple[Any, ...]] = field(default_factory=dict)


def _why_not(run: JudgedRun, part: _Part) -> str | None:
    """Why a run cannot be compared with those of a part; None where it can."""
    if run.scale != part.scale:
        return f"another scale than data 1 ({run.scale.instruction()} There: {part.scale.instruction()})"
    shared = sorted(set(run.facts) & set(part.facts))
    if not shared:
        return "other data, no sample is shared with data 1"
    for place, what in enumerate(("human labels", "images", "texts")):
        differ = [sample for sample in shared if run.facts[sample][place] != part.facts[sample][place]]
        if differ:
            return f"other {what} than data 1 for {len(differ)} of {len(shared)} shared samples, such as {differ[0]}"
    return None


def _group(name: str, runs: Sequence[JudgedRun], optimizations: Sequence[OptimizeRun]) -> Group:
    scale = runs[0].scale
    units: dict[Unit, JudgedSample] = {}
    for run in runs:
        units.update((unit, answer) for unit, answer in run.by_unit.items() if unit not in units)
    wanted = {unit[0] for unit in units}
    rows = [
        _row(run, scale, len(wanted - {unit[0] for unit in run.by_unit}), _pair_name(run, optimizations))
        for run in runs
    ]
    headline = HEADLINE[scale.kind]

    def place(row: Row) -> tuple[Any, ...]:
        value = row.figures[headline].value
        return row.missing > 0, math.isnan(value), -value if value == value else 0.0, row.run.order

    ordered = sorted(rows, key=place)
    return Group(
        name=name,
        scale=scale,
        rows=tuple(replace(row, letter=letter(number)) for number, row in enumerate(ordered)),
        ceiling=_ceiling(list(units.values()), scale),
        samples=len(wanted),
        clustered=len(set(clusters(list(units.values())))) < len(units),
        simulated=any(run.record.data.get("simulation") is True for run in runs),
    )


def _row(run: JudgedRun, scale: LabelScale, missing: int, prompt_name: str) -> Row:
    answers = readable(run)
    judged = list(run.by_unit.values())
    human, judge = [answer.human for answer in answers], [str(answer.label) for answer in answers]
    known = statistics.statistics_of(scale)
    figures = {
        name: statistics.with_interval(known[name], human, judge, scale, clusters=clusters(answers))
        for name in dict.fromkeys([*SHOWN[scale.kind], HEADLINE[scale.kind]])
    }
    unread = statistics.proportion([answer.label is None for answer in judged], clusters=clusters(judged))
    return Row("", run, prompt_name, figures, unread, _share(answers, scale), missing)


def _share(answers: Sequence[JudgedSample], scale: LabelScale) -> Interval | None:
    if not any(len(answer.raters) > 1 for answer in answers):
        return None
    named = statistics.statistics_of(scale)[HEADLINE[scale.kind]]
    return statistics.share_of_ceiling(
        [str(answer.label) for answer in answers],
        _ratings(answers),
        scale,
        named.figure,
        value=lambda label: named.value(label, scale),
        clusters=clusters(answers),
    )


def _ceiling(answers: Sequence[JudgedSample], scale: LabelScale) -> Interval | None:
    once = list({answer.id: answer for answer in reversed(answers)}.values())
    once.sort(key=lambda answer: answer.id)
    if not any(len(answer.raters) > 1 for answer in once):
        return None
    named = statistics.statistics_of(scale)[HEADLINE[scale.kind]]
    return statistics.rater_consensus(
        _ratings(once),
        scale,
        named.figure,
        value=lambda label: named.value(label, scale),
        clusters=clusters(once),
    )


def _ratings(answers: Sequence[JudgedSample]) -> list[list[str]]:
    return [[answer.raters[name] for name in sorted(answer.raters)] for answer in answers]


def _pair_name(run: JudgedRun, optimizations: Sequence[OptimizeRun]) -> str:
    return _prompt_name(run, optimizations) + (", with its map" if "map" in run.prompts else "")


def _prompt_name(run: JudgedRun, optimizations: Sequence[OptimizeRun]) -> str:
    if run.prompt is None:
        return "unknown prompt"
    same = [other for other in optimizations if other.benchmark.rpartition("@")[2] == run.benchmark]
    ended = sorted({f"{other.method}, seed {other.seed}" for other in same if other.judge == run.prompt.strip()})
    if ended:
        return f"prompt of {' and '.join(ended)}"
    if run.prompt_file:
        return f"prompt of {run.prompt_file}"
    starts = {str((other.provenance.get("start") or {}).get("judge")) for other in same}
    return "first prompt" if run.prompt in starts else "default prompt"


def _numbered(names: Sequence[str]) -> list[str]:
    counts: dict[str, int] = {}
    numbered = []
    for name in names:
        counts[name] = counts.get(name, 0) + 1
        numbered.append(f"{name}, data {counts[name]}" if names.count(name) > 1 else name)
    return numbered


def letter(number: int) -> str:
    """A, B, … Z, AA, AB, …"""
    return (letter(number // 26 - 1) if number >= 26 else "") + chr(ord("A") + number % 26)
