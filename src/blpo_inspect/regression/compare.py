"""Two runs of a judge on the same samples, side by side: what flipped, figures before and after, by category.

Answers that could not be read count as wrong in every figure, as in the decision (`statistics.noninferiority`).
Decides nothing (`decide`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect import statistics
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.statistics import Comparison, Interval, accuracy_difference, with_unread

ALWAYS_SHOWN = ("accuracy", "cohens_kappa", "quadratic_kappa", "spearman")


@dataclass(frozen=True)
class Flip:
    """A sample about which the judge says something else than before.

    Attributes:
        id: The sample's.
        human: People's label.
        before: The judge's label; None where its answer could not be read.
        after: Its label now.
        turn: ``lost`` (right before, not now), ``gained``, or ``other`` (wrong both times).
        category: The sample's kind, where known.
        unread: Why the answer now could not be read, where it could not.
    """

    id: str
    human: str
    before: str | None
    after: str | None
    turn: str
    category: str | None = None
    unread: str | None = None


@dataclass(frozen=True)
class StatisticChange:
    """One figure of both runs.

    Attributes:
        name: The figure's.
        before: Of the baseline, with its 95 % interval.
        after: Of this run.
        difference: After minus before, paired, with its interval (which says its level).
    """

    name: str
    before: Interval
    after: Interval
    difference: Comparison


@dataclass(frozen=True)
class Category:
    """One kind of samples.

    Attributes:
        name: The kind.
        n: How many samples it has.
        lost: How many were right before and are not now.
        gained: How many are right now and were not before.
        unread: How many answers cannot be read now.
        before: Accuracy of the baseline.
        after: Accuracy of this run.
        difference: Paired, with its interval; of a category by itself, so that among many some stand out by chance.
    """

    name: str
    n: int
    lost: int
    gained: int
    unread: int
    before: float
    after: float
    difference: Comparison


def flips(before: JudgedRun, after: JudgedRun) -> tuple[Flip, ...]:
    """Every sample whose label changed: what got worse first, then by id."""
    flipped = []
    for new in after.answers:
        old = before.by_id[new.id]
        if old.label != new.label:
            turn = {(True, False): "lost", (False, True): "gained"}.get((right(old), right(new)), "other")
            flipped.append(Flip(new.id, new.human, old.label, new.label, turn, new.category, new.unread))
    return tuple(sorted(flipped, key=lambda flip: (("lost", "other", "gained").index(flip.turn), flip.id)))


def right(answer: JudgedSample) -> bool:
    """Whether the judge says what people say; an answer that could not be read does not."""
    return answer.label == answer.human


def figures(
    before: JudgedRun, after: JudgedRun, names: Sequence[str], known: dict[str, Comparison], *, alpha: float
) -> tuple[StatisticChange, ...]:
    """Figures of both runs: those that are always shown where they apply, and these.

    Args:
        before: The baseline.
        after: The run, of the same data.
        names: Further figures; must apply to the scale.
        known: Differences that were computed already.
        alpha: The intervals of other differences are at 1 - 2·alpha, as those of decisions.
    """
    scale = after.scale
    of_scale = statistics.statistics_of(scale)
    columns = Columns.of(before, after)
    changes = []
    for name in dict.fromkeys([*(shown for shown in ALWAYS_SHOWN if shown in of_scale), *names]):
        named = of_scale[name]
        difference = known.get(name)
        if difference is None and name == "accuracy":
            difference = accuracy_difference(
                columns.human, columns.before, columns.after, alpha=alpha, clusters=columns.clusters
            )
        if difference is None:
            human, old, new = (named.columns(side, scale) for side in (columns.human, columns.before, columns.after))
            difference = statistics.paired_difference(
                human, old, new, named.figure, clusters=columns.clusters, level=1 - 2 * alpha
            )
        earlier, later = (
            statistics.with_interval(named, columns.human, side, scale, clusters=columns.clusters)
            for side in (columns.before, columns.after)
        )
        changes.append(StatisticChange(name, earlier, later, difference))
    return tuple(changes)


def categories(before: JudgedRun, after: JudgedRun, *, alpha: float) -> tuple[Category, ...]:
    """Accuracy by category, those that lost most first; empty where samples have none."""
    by_category = []
    for name in sorted({answer.category for answer in after.answers if answer.category is not None}):
        pairs = [(before.by_id[new.id], new) for new in after.answers if new.category == name]
        olds, news = [right(old) for old, _ in pairs], [right(new) for _, new in pairs]
        difference = accuracy_difference(
            ["right"] * len(pairs),
            ["right" if hit else "wrong" for hit in olds],
            ["right" if hit else "wrong" for hit in news],
            alpha=alpha,
            clusters=clusters([new for _, new in pairs]),
        )
        by_category.append(
            Category(
                name=name,
                n=len(pairs),
                lost=sum(old and not new for old, new in zip(olds, news, strict=True)),
                gained=sum(new and not old for old, new in zip(olds, news, strict=True)),
                unread=sum(new.label is None for _, new in pairs),
                before=sum(olds) / len(pairs),
                after=sum(news) / len(pairs),
                difference=difference,
            )
        )
    return tuple(sorted(by_category, key=lambda category: (category.gained - category.lost, category.name)))


@dataclass(frozen=True)
class Columns:
    """Both runs as the statistics take them, unread answers as wrong labels.

    Attributes:
        human: People's labels.
        before: The judge's before.
        after: The judge's now.
        clusters: What each sample belongs to; None where every sample is its own.
    """

    human: list[str]
    before: list[str]
    after: list[str]
    clusters: list[str] | None

    @classmethod
    def of(cls, before: JudgedRun, after: JudgedRun) -> "Columns":
        """The columns of two runs of the same data."""
        human = [answer.human for answer in after.answers]
        olds = [before.by_id[answer.id].label for answer in after.answers]
        news = [answer.label for answer in after.answers]
        return cls(
            human,
            with_unread(human, olds, after.scale),
            with_unread(human, news, after.scale),
            clusters(after.answers),
        )


def clusters(answers: Sequence[JudgedSample]) -> list[str] | None:
    """The cluster of each sample: its group, else itself; None where no two samples belong together."""
    named = [f"sample {answer.id}" if answer.group is None else f"group {answer.group}" for answer in answers]
    return named if len(set(named)) < len(named) else None
