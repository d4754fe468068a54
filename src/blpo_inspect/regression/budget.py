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
    """

    discordant: float
    labels: int | None
    passing: float | None


@dataclass(frozen=True)
class Budget:
    """What a case takes.

    Attributes:
        case: Its name.
        figure: The figure with a margin; the numbers are exact for accuracy and a guide for any other.
        margin: The margin.
        images: How many labelled images the case has; None where that is not known.
        needs: By how many images judges differ.
    """

    case: str
    figure: str
    margin: float
    images: int | None
    needs: tuple[Need, ...]


def budgets(suite: Suite, case: Case, discordant: tuple[float, ...] = DISCORDANT) -> list[Budget]:
    """One budget per margin of a case that is a share; runs no model."""
    images = _images(suite, case)
    of_margins = []
    for figure, margin in case.margin.items():
        if margin >= 1:
            continue
        needs = []
        for share in discordant:
            labels = labels_needed(margin, discordant=share, alpha=suite.alpha, power=POWER)
            passing = None
            if images:
                passing = chances(images, margin, discordant=share, alpha=suite.alpha).passing
            needs.append(Need(share, labels, passing))
        of_margins.append(Budget(case.name, figure, margin, images, tuple(needs)))
    return of_margins


def _images(suite: Suite, case: Case) -> int | None:
    try:
        return len(baseline.load(case.baseline).answers)
    except BrokenError:
        pass
    try:
        return len(prepare(case, suite.folder).facts)
    except BrokenError:
        return None
