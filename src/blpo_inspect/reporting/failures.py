"""Where judges fail: confusion, calibration, and the most telling disagreements. By category: `breakdown`.

Computes only; pictures are drawn in `plots` and cut in `thumbnails`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.reporting.comparison import Group, Row, clusters, readable
from blpo_inspect.statistics import Interval
from blpo_inspect.statistics.probabilities import BINS, bin_of, top

UNREAD = "unread"


@dataclass(frozen=True)
class Confusion:
    """How often which label of people met which answer.

    Attributes:
        labels: Of the scale.
        counts: People's label → answer (a label, or `UNREAD`) → how often.
        unread: Whether any answer could not be read.
    """

    labels: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    unread: bool


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence.

    Attributes:
        low: Least confidence, not included.
        high: Greatest.
        n: How many.
        confidence: Their mean confidence.
        right: Share of them where the most probable label is people's.
    """

    low: float
    high: float
    n: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities can be believed: expected calibration error, Brier score and bins."""

    n: int
    error: Interval
    brier: Interval
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Given:
    """One judge's answer in the gallery; `right` is None where it could not be read."""

    letter: str
    answer: JudgedSample
    right: bool | None


@dataclass(frozen=True)
class Disagreement:
    """A sample that says much about the judges.

    Attributes:
        sample: As the first judge saw it.
        given: All judges' answers.
        loss: Mean distance from people's label, 0 to 1; an unread answer is 1.
        spread: Greatest less smallest distance.
        unanimous: Share of raters who gave people's label; None where they are not known.
    """

    sample: JudgedSample
    given: tuple[Given, ...]
    loss: float
    spread: float
    unanimous: float | None
    source: JudgedRun = field(repr=False, compare=False)


def confusion(run: JudgedRun, scale: LabelScale) -> Confusion | None:
    """The confusion matrix; None for a numeric scale."""
    if scale.kind == "numeric":
        return None
    counts: Counter[tuple[str, str]] = Counter(
        (answer.human, UNREAD if answer.label is None else answer.label) for answer in run.by_unit.values()
    )
    unread = any(answer.label is None for answer in run.by_unit.values())
    columns = (*scale.labels, UNREAD) if unread else scale.labels
    table = {human: {label: counts[human, label] for label in columns} for human in scale.labels}
    return Confusion(scale.labels, table, unread)


def calibration(run: JudgedRun) -> Calibration | None:
    """None where the log has no probabilities."""
    answers = [answer for answer in readable(run) if answer.probabilities]
    if not answers:
        return None
    tops = [top(answer.probabilities or {}) for answer in answers]
    right = [float(label == answer.human) for (label, _), answer in zip(tops, answers, strict=True)]
    sure = [confidence for _, confidence in tops]
    bins = []
    for number in range(BINS):
        inside = [place for place, confidence in enumerate(sure) if bin_of(confidence) == number]
        if inside:
            confidence = sum(sure[place] for place in inside) / len(inside)
            share = sum(right[place] for place in inside) / len(inside)
            bins.append(Bin(number / BINS, (number + 1) / BINS, len(inside), confidence, share))
    probabilities = [tuple((answer.probabilities or {}).items()) for answer in answers]
    held = clusters(answers)
    return Calibration(
        len(answers),
        statistics.resampled(right, sure, statistics.calibration_error, clusters=held),
        statistics.resampled([answer.human for answer in answers], probabilities, statistics.brier, clusters=held),
        tuple(bins),
    )


def disagreements(group: Group, most: int, judges: int) -> tuple[list[Disagreement], list[Disagreement]]:
    """Samples where every judge is wrong, and samples on which judges disagree, the most telling first.

    Every judge wrong: by mean distance from people's label, then by how unanimous raters were, then by id. Judges
    disagree, so at least one is right: by the distance between best and worst, then by how unanimous raters were, then
    by how evenly judges are divided, then by id. Of several epochs the first counts.

    Args:
        group: The group.
        most: Of each kind.
        judges: How many of the group's first runs take part.
    """
    rows = group.rows[:judges]
    every = [item for item in (_sample(group, rows, id) for id in _ids(rows)) if item is not None]
    wrong = [item for item in every if not any(given.right for given in item.given)]
    split = [item for item in every if 0 < sum(bool(given.right) for given in item.given) < len(item.given)]
    wrong.sort(key=lambda item: (-item.loss, -(item.unanimous or 0), item.sample.id))
    split.sort(key=lambda item: (-item.spread, -(item.unanimous or 0), abs(item.loss - 0.5), item.sample.id))
    return wrong[:most], split[:most]


def _ids(rows: Sequence[Row]) -> list[str]:
    return sorted({unit[0] for row in rows for unit in row.run.by_unit})


def _sample(group: Group, rows: Sequence[Row], id: str) -> Disagreement | None:
    given = []
    losses = []
    source = None
    for row in rows:
        answer = row.run.by_unit.get((id, 1))
        if answer is None:
            continue
        source = source or (answer, row.run)
        right = None if answer.label is None else answer.label == answer.human
        given.append(Given(row.letter, answer, right))
        losses.append(1.0 if answer.label is None else group.scale.loss(answer.label, answer.human))
    if source is None:
        return None
    sample, run = source
    raters = sample.raters.values()
    unanimous = sum(rater == sample.human for rater in raters) / len(raters) if raters else None
    spread = max(losses) - min(losses)
    return Disagreement(sample, tuple(given), sum(losses) / len(losses), spread, unanimous, run)
