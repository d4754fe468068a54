"""How many labelled images a case needs, before anybody labels them: `power` for the cases of a suite."""

from dataclasses import dataclass

from blpo_inspect.regression import baseline
from blpo_inspect.regression.case_task import prepare
from blpo_inspect.regression.data_differences import BrokenError
from blpo_inspect.regression.power import chances, labels_needed
from blpo_inspect.regression.suite import Case, Suite

DISCORDANT = (0.0, 0.02, 0.05, 0.1, 0.2)
"""Shares of images that only one of two equally good judges has right."""

POWER = 0.8


@dataclass(frozen=True)
class Need:
    """What a margin takes if two equally good judges differ on so many images.

    Attributes:
        discordant: The share of images that only one of the two has right.
        labels: Labelled images with which such a judge passes with probability `POWER`; None for too many to count.
        passing: How likely it passes with the images that there are; None without any.
        failing: How likely a judge fails with these whose accuracy fell by just the margin, besides such flips.
    """

    discordant: float
    labels: int | None
    passing: float | None
    failing: float | None


@dataclass(frozen=True)
class Budget:
    """What a case takes.

    Attributes:
        case: Its name.
        figure: The figure with a margin; the numbers are exact for accuracy and a guide for any other.
        margin: The margin.
        images: How many labelled images the case has; None where that is not known.
        clusters: In how many clusters they come; None where each is its own.
        needs: By how many images judges differ.
    """

    case: str
    figure: str
    margin: float
    images: int | None
    clusters: int | None
    needs: tuple[Need, ...]


def budgets(suite: Suite, case: Case, discordant: tuple[float, ...] = DISCORDANT) -> list[Budget]:
    """One budget per margin of a case that is a share; runs no model."""
    images, clusters = _images(suite, case)
    of_margins = []
    for figure, margin in case.margin.items():
        if margin >= 1:
            continue
        needs = []
        for share in discordant:
            size = images / clusters if images and clusters else 1.0
            labels = labels_needed(margin, discordant=share, alpha=suite.alpha, power=POWER, cluster=size)
            passing, failing = None, None
            if images:
                same, fallen = (
                    chances(images, margin, discordant=share + drop, drop=drop, alpha=suite.alpha, clusters=clusters)
                    for drop in (0.0, min(margin, 1 - share))
                )
                passing, failing = same.passing, fallen.failing
            needs.append(Need(share, labels, passing, failing))
        of_margins.append(Budget(case.name, figure, margin, images, clusters, tuple(needs)))
    return of_margins


def _images(suite: Suite, case: Case) -> tuple[int | None, int | None]:
    """How many labelled images a case has, and in how many clusters, where several are of one."""
    try:
        groups = [answer.group for answer in baseline.load(case.baseline).answers]
    except BrokenError:
        try:
            groups = [facts["group"] for facts in prepare(case, suite.folder).facts.values()]
        except BrokenError:
            return None, None
    clusters = groups.count(None) + len(set(groups) - {None})
    return len(groups), clusters if 1 < clusters < len(groups) else None
