"""Simulated raters: people who know the hidden rule and still disagree, as people do.

Each rater errs at a rate of their own; some images are ambiguous to all of them. The consensus is the benchmark's
label, and what one rater shares with the others' consensus is the human ceiling.
"""

import random
from collections.abc import Sequence

RATERS = 5
AMBIGUOUS = 0.12
"""Share of images that are hard for everyone."""
SLIP, SLIP_IF_AMBIGUOUS = 0.05, 0.33
"""How often the average rater errs on a clear and on an ambiguous image."""


def rate(truth: str, labels: Sequence[str], *, ordinal: bool, seed: int | str, image: str) -> dict[str, str]:
    """Labels that the raters of a world give to one image.

    Args:
        truth: What the hidden rule says.
        labels: The scale, in order where ``ordinal`` (an error then mostly is one step).
        ordinal: Whether the labels are ordered.
        seed: The world: fixes each rater's error rate.
        image: The image's id: fixes everything else.

    Returns:
        ``{"rater 1": label, …}``.
    """
    people = random.Random(f"raters/{seed}")
    carelessness = [people.uniform(0.5, 1.5) for _ in range(RATERS)]
    rng = random.Random(f"ratings/{seed}/{image}")
    slip = SLIP_IF_AMBIGUOUS if rng.random() < AMBIGUOUS else SLIP
    # an ambiguous image is mistaken for the same other label by all
    mistaken = _mistaken(rng, truth, labels, ordinal)
    return {
        f"rater {k + 1}": mistaken if rng.random() < slip * factor else truth for k, factor in enumerate(carelessness)
    }


def _mistaken(rng: random.Random, truth: str, labels: Sequence[str], ordinal: bool) -> str:
    if not ordinal:
        return rng.choice([label for label in labels if label != truth])
    place = list(labels).index(truth)
    near = [k for k in (place - 1, place + 1) if 0 <= k < len(labels)]
    return labels[rng.choice(near)]
