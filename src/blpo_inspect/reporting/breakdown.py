"""Figures of the runs over groups of samples: one table per figure, for the category and other metadata.

Computes only. A group holds the samples that have one value in a field of their metadata.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedSample
from blpo_inspect.reporting.comparison import HEADLINE, SHOWN, Group, clusters
from blpo_inspect.reporting.run_data import LeftOut
from blpo_inspect.statistics import Interval

FEW = 10
"""Figures over fewer answers are marked."""

COLUMNS = 12
"""Of more groups, each has a row instead of a column."""

MOST = 50
"""Of more groups, only those with most answers are shown."""

NONE = "(none)"
"""The group of the samples that lack the field, where others have it."""


@dataclass(frozen=True)
class Cell:
    """A run on a group.

    Attributes:
        read: Number of answers that could be read, over which the figures are.
        unread: Number of answers that could not be read.
        figures: The figures of `comparison.SHOWN`.
    """

    read: int
    unread: int
    figures: dict[str, Interval]

    @property
    def few(self) -> bool:
        """Whether the figures rest on so few answers that they say little."""
        return self.read < FEW


@dataclass(frozen=True)
class Breakdown:
    """The runs over the groups of one field.

    Attributes:
        field: Its name in the samples' metadata.
        figures: The names of the figures, the leading one first.
        runs: The runs' letters, best first.
        groups: The groups' names.
        cells: (Run, group) → cell; none where the run has no answer of the group.
    """

    field: str
    figures: tuple[str, ...]
    runs: tuple[str, ...]
    groups: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]

    def table(self) -> tuple[str, tuple[str, ...], list[tuple[str, list[Cell | None]]]]:
        """What rows are, the columns, and each row: runs by groups; where there are many groups, groups by runs."""
        if len(self.groups) <= COLUMNS:
            rows = [(run, [self.cells.get((run, group)) for group in self.groups]) for run in self.runs]
            return "run", self.groups, rows
        return self.field, self.runs, [(g, [self.cells.get((run, g)) for run in self.runs]) for g in self.groups]


def breakdowns(group: Group, fields: Sequence[str], most: int) -> tuple[list[Breakdown], list[LeftOut]]:
    """The figures of a group's first runs by each field that its samples have, and what is not in them.

    Args:
        group: Runs that may be compared.
        fields: Names in the samples' metadata.
        most: How many runs are shown.
    """
    rows = group.rows[:most]
    found, notes = [], []
    for field in fields:
        sizes = Counter(_of(answer, field) for row in rows for answer in row.run.by_unit.values())
        if not set(sizes) - {NONE}:
            continue
        kept = sorted(sizes, key=lambda name: (-sizes[name], _natural(name)))[:MOST]
        if len(kept) < len(sizes):
            count = sum(sizes.values()) - sum(sizes[name] for name in kept)
            why = f"only the {MOST} largest of {len(sizes)} groups are shown; the others have {count} answers"
            notes.append(LeftOut(f"{group.name}: figures by {field}", why))
        names = sorted(kept, key=lambda name: (name == NONE, _natural(name)))
        cells: dict[tuple[str, str], Cell] = {}
        for row in rows:
            parts: dict[str, list[JudgedSample]] = {}
            for answer in row.run.by_unit.values():
                parts.setdefault(_of(answer, field), []).append(answer)
            cells |= {(row.letter, name): _cell(parts[name], group.scale) for name in names if name in parts}
        letters = tuple(row.letter for row in rows)
        found.append(Breakdown(field, _figures(group.scale), letters, tuple(names), cells))
    return found, notes


def _cell(answers: Sequence[JudgedSample], scale: LabelScale) -> Cell:
    read = [answer for answer in answers if answer.label is not None]
    human, judge = [answer.human for answer in read], [str(answer.label) for answer in read]
    known, held = statistics.statistics_of(scale), clusters(read)
    figures = {
        name: statistics.with_interval(known[name], human, judge, scale, clusters=held) for name in _figures(scale)
    }
    return Cell(len(read), len(answers) - len(read), figures)


def _figures(scale: LabelScale) -> tuple[str, ...]:
    return tuple(dict.fromkeys([HEADLINE[scale.kind], *SHOWN[scale.kind]]))


def _of(answer: JudgedSample, field: str) -> str:
    return answer.metadata.get(field) or NONE


def _natural(name: str) -> list[int | str]:
    """Numbers within names count as such: 2 before 10."""
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"([0-9]+)", name))]
