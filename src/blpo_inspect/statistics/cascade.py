"""Judges one after the other: how sure each must be to decide, so that a guarantee holds for all that they decide."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from blpo_inspect.statistics.selective import Alone, decides_alone


@dataclass(frozen=True)
class Stage:
    """One judge of a cascade, on all samples.

    Attributes:
        right: Whether it agrees with people; an unread answer does not.
        confidence: How sure it is of each, 0 to 1; 0 where it could not be read.
    """

    right: Sequence[bool]
    confidence: Sequence[float]


@dataclass(frozen=True)
class Cascade:
    """Where each judge decides.

    Attributes:
        stages: What each judge may decide alone of the samples that the judges before it pass on.
        decided: For each sample the place of the judge that decides it; None: left to a person.
    """

    stages: tuple[Alone, ...]
    decided: tuple[int | None, ...]


def cascade(
    judges: Sequence[Stage],
    *,
    level: float = 0.9,
    delta: float = 0.05,
    clusters: Sequence[Hashable] | None = None,
) -> Cascade:
    """Thresholds of a cascade, with agreement of `level` or more among all that it answers, with probability 1 - delta.

    Each judge has a threshold by `selective.decides_alone` on the samples that those before it pass on, with its part
    of delta; a judge that may decide nothing passes all on. If each holds, so does the whole. What is passed on depends
    on thresholds that were found on the same samples, which the exact test does not know: `benchmarks/
    cascade_guarantee.py` shows that the guarantee holds all the same.

    Args:
        judges: In the order in which they are asked.
        level: The agreement to guarantee.
        delta: How often the guarantee may fail.
        clusters: The cluster of each sample.

    Raises:
        ValueError: As `selective.decides_alone`.
    """
    decided: list[int | None] = [None] * (len(judges[0].right) if judges else 0)
    stages = []
    for place, judge in enumerate(judges):
        left = [k for k, by in enumerate(decided) if by is None]
        found = decides_alone(
            [judge.right[k] for k in left],
            [judge.confidence[k] for k in left],
            level=level,
            delta=delta / len(judges),
            clusters=None if clusters is None else [clusters[k] for k in left],
        )
        stages.append(found)
        if found.threshold is not None:
            for k in left:
                if judge.confidence[k] >= found.threshold:
                    decided[k] = place
    return Cascade(tuple(stages), tuple(decided))
