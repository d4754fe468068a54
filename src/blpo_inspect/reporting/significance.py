"""Are the differences within a group real? Paired tests between all pairs of its runs, corrected for their number."""

import math
from dataclasses import dataclass, replace

from blpo_inspect import statistics
from blpo_inspect.reporting.comparison import Group, Row, clusters
from blpo_inspect.reporting.run_data import LeftOut
from blpo_inspect.statistics import Comparison

LEVEL = 0.05
"""Below, the report calls a difference real."""


@dataclass(frozen=True)
class Pair:
    """Two runs on the samples that both answered readably.

    Attributes:
        first: The better run's letter.
        second: The other's.
        shared: How many answers the comparison rests on.
        unread: Shared samples that one of the two did not answer readably.
        difference: Of the headline figure, second minus first; the p-value is uncorrected.
        p: Corrected for all pairs of the group.
        accuracy: Of accuracies; None for a numeric scale. McNemar's test, or the permutation test where samples depend
            on each other.
        accuracy_p: Corrected.
    """

    first: str
    second: str
    shared: int
    unread: int
    difference: Comparison
    p: float
    accuracy: Comparison | None
    accuracy_p: float

    @property
    def real(self) -> bool:
        """Whether the corrected p-value is below `LEVEL`."""
        return self.p < LEVEL


def pairs_of(group: Group, most: int) -> tuple[list[Pair], list[LeftOut]]:
    """All pairs of the group's first runs, by letter, and what was left out.

    Args:
        group: The group.
        most: How many runs take part; pairs grow with its square.
    """
    rows = group.rows[:most]
    pairs = {}
    for place, first in enumerate(rows):
        for second in rows[place + 1 :]:
            pairs[f"{first.letter}-{second.letter}"] = _pair(group, first, second)
    p = statistics.holm({name: pair.difference.p for name, pair in pairs.items()})
    accuracies = {name: math.nan if pair.accuracy is None else pair.accuracy.p for name, pair in pairs.items()}
    accuracy_p = statistics.holm(accuracies)
    corrected = [replace(pair, p=p[name], accuracy_p=accuracy_p[name]) for name, pair in pairs.items()]
    notes = []
    if len(group.rows) > most:
        notes.append(
            LeftOut(
                f"{group.name}: tests of {group.rows[most].letter} to {group.rows[-1].letter}",
                f"only the first {most} of {len(group.rows)} runs are tested against each other and shown in detail;"
                " --most N changes it",
            )
        )
    return corrected, notes


def _pair(group: Group, first: Row, second: Row) -> Pair:
    units = sorted(set(first.run.by_unit) & set(second.run.by_unit))
    both = [(first.run.by_unit[unit], second.run.by_unit[unit]) for unit in units]
    read = [(a, b) for a, b in both if a.label is not None and b.label is not None]
    human = [answer.human for answer, _ in read]
    labels = [[str(answer.label) for answer in side] for side in zip(*read, strict=True)] if read else [[], []]
    held = clusters([answer for answer, _ in read])
    named = statistics.statistics_of(group.scale)[group.headline]
    if not read:
        none = Comparison(math.nan, math.nan, math.nan, 0, reason="no sample that both answered readably")
        return Pair(first.letter, second.letter, 0, len(both), none, math.nan, None, math.nan)
    columns = [named.columns(side, group.scale) for side in (human, *labels)]
    difference = statistics.paired_difference(
        columns[0], columns[1], columns[2], named.figure, clusters=held if group.clustered else None
    )
    accuracy = None
    if group.scale.kind != "numeric":
        accuracy = (
            statistics.paired_difference(human, labels[0], labels[1], statistics.accuracy, clusters=held)
            if group.clustered
            else statistics.mcnemar(human, labels[0], labels[1])
        )
    return Pair(first.letter, second.letter, len(read), len(both) - len(read), difference, math.nan, accuracy, math.nan)
