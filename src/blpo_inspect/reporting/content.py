"""Everything a report says, computed once for all formats; the options that decide what it says.

Does not know how it will look (`page`, `export`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blpo_inspect.cache.logs import LogError
from blpo_inspect.logs.optimize_run import OptimizeRun
from blpo_inspect.reporting import comparison, failures, jury, significance
from blpo_inspect.reporting.breakdown import Breakdown, breakdowns
from blpo_inspect.reporting.comparison import Group, Row
from blpo_inspect.reporting.failures import Disagreement
from blpo_inspect.reporting.jury import Jury
from blpo_inspect.reporting.run_data import Gathered, LeftOut
from blpo_inspect.reporting.significance import Pair
from blpo_inspect.statistics.alternative_annotator import (
    EPSILON,
    AlternativeAnnotatorTest,
    alternative_annotator_test,
)
from blpo_inspect.statistics.selective import Alone

CATEGORY = "category"
"""The metadata by which there are figures unasked, where samples have it."""

DELTA = 0.05
"""How often the guarantee of what may be decided alone fails."""

UNSAFE = ("unsafe", "nsfw", "harmful", "toxic", "violent", "sexual", "explicit")
"""A label or benchmark whose name begins with one of these is taken for unsafe content."""


@dataclass(frozen=True)
class Options:
    """What a report shows.

    Attributes:
        title: Its title.
        images: Whether the gallery has images.
        blur: Whether they are blurred until asked for; None: where labels or benchmark say unsafe.
        most: How many runs of a group are tested against each other and shown in detail.
        gallery: How many samples the gallery has of each kind and group.
        by: Metadata of samples, beside ``category``, over whose values there are figures too.
        level: The agreement to guarantee where a judge or jury decides alone.
        epsilon: What a judge may lack and still replace a rater (`statistics.alternative_annotator_test`).

    Raises:
        ValueError: A number out of range.
    """

    title: str = "Judges compared"
    images: bool = True
    blur: bool | None = None
    most: int = 20
    gallery: int = 12
    by: tuple[str, ...] = ()
    epsilon: float = EPSILON
    level: float = 0.9

    def __post_init__(self) -> None:
        if self.most < 1 or self.gallery < 0:
            raise ValueError("most must be at least 1, and gallery at least 0")
        if not 0 <= self.epsilon < 1:
            raise ValueError(f"epsilon must be from 0 to below 1, not {self.epsilon}")
        if not 0 < self.level < 1:
            raise ValueError(f"level must be between 0 and 1, not {self.level}")


@dataclass(frozen=True)
class Part:
    """What the report says of one group.

    Attributes:
        group: The group.
        pairs: Its tests.
        replacing: By the letter of the run, whether it may replace a rater.
        jury: What its judges are worth together; None where there are no two.
        alone: By the letter of the run, what it may decide alone; None where its answers do not say how sure it is.
        breakdowns: Figures by metadata.
        wrong: Samples on which all judges are wrong.
        split: Samples on which they disagree.
        blurred: Whether images are.
    """

    group: Group
    pairs: tuple[Pair, ...]
    replacing: Mapping[str, AlternativeAnnotatorTest]
    jury: Jury | None
    alone: Mapping[str, Alone | None]
    breakdowns: tuple[Breakdown, ...]
    wrong: tuple[Disagreement, ...]
    split: tuple[Disagreement, ...]
    blurred: bool


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        options: What was asked for.
        parts: One per group of comparable runs.
        optimizations: In order.
        left_out: What is in no figure, and why; and what to know of figures, such as verdicts from a second question.
        logs: How many logs it rests on.
    """

    options: Options
    parts: tuple[Part, ...]
    optimizations: tuple[OptimizeRun, ...]
    left_out: tuple[LeftOut, ...]
    logs: int


def report(gathered: Gathered, options: Options) -> Report:
    """Compare what was gathered.

    Raises:
        LogError: Figures by metadata that no sample has.
    """
    _check(gathered, options.by)
    groups, notes = comparison.compared(gathered)
    left_out: list[LeftOut] = [*gathered.left_out, *notes]
    parts = []
    for group in groups:
        pairs, untested = significance.pairs_of(group, options.most)
        by, not_shown = breakdowns(group, list(dict.fromkeys([CATEGORY, *options.by])), options.most)
        not_shown += [
            LeftOut(f"{group.name}: figures by {name}", "none of its samples has this metadata")
            for name in options.by
            if name not in [one.field for one in by]
        ]
        wrong, split = failures.disagreements(group, options.gallery, options.most)
        left_out += [*untested, *not_shown]
        left_out += [
            LeftOut(
                f"{group.name}: {pair.first} against {pair.second}",
                f"{pair.unread} shared answers are in no test, for one of the two could not be read",
            )
            for pair in pairs
            if pair.unread
        ]
        left_out += [
            LeftOut(
                f"{group.name}: {row.letter}",
                f"{row.run.asked_again} of {len(row.run.by_unit)} verdicts came from a second question,"
                " after a reply that could not be read",
            )
            for row in group.rows
            if row.run.asked_again
        ]
        replacing = {row.letter: _replacing(row, options.epsilon) for row in group.rows}
        guarantee = {"level": options.level, "delta": DELTA}
        alone = {row.letter: jury.decided_by(row, **guarantee) for row in group.rows}
        try:
            together = jury.jury_of(group, most=options.most, each=False, resamples=500, **guarantee)
        except ValueError:
            together = None
        shown = tuple(wrong), tuple(split), _blurred(group, options)
        parts.append(Part(group, tuple(pairs), replacing, together, alone, tuple(by), *shown))
    logs = {run.record.log for run in gathered.judges} | {run.record.log for run in gathered.optimizations}
    return Report(options, tuple(parts), gathered.optimizations, tuple(sorted(set(left_out))), len(logs))


def wanted_images(report: Report) -> dict[str, list[str]]:
    """The samples whose images the gallery shows: log file → ids."""
    wanted: dict[str, list[str]] = {}
    if report.options.images:
        for part in report.parts:
            for disagreement in (*part.wrong, *part.split):
                wanted.setdefault(str(disagreement.source.log), []).append(disagreement.sample.id)
    return wanted


def _replacing(row: Row, epsilon: float) -> AlternativeAnnotatorTest:
    """Of several epochs the first counts, for a rater rates once too."""
    once = list({answer.id: answer for answer in reversed(row.run.by_unit.values())}.values())
    return alternative_annotator_test(
        [answer.label for answer in once],
        [answer.raters for answer in once],
        row.run.scale,
        epsilon=epsilon,
        clusters=comparison.clusters(once),
    )


def _check(gathered: Gathered, by: Sequence[str]) -> None:
    known = {name for run in gathered.judges for answer in run.answers for name in answer.metadata}
    missing = [name for name in by if name not in known]
    if missing:
        raise LogError(
            f"no sample has the metadata {', '.join(missing)}, by which figures are to be shown; samples have: "
            f"{', '.join(sorted(known)) or 'none'}"
        )


def _blurred(group: Group, options: Options) -> bool:
    if options.blur is not None:
        return options.blur
    names = [*group.scale.labels, group.rows[0].run.benchmark]
    return any(name.casefold().startswith(UNSAFE) for name in names)
