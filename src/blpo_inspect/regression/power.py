"""How many labelled images decide a margin: what the gate (`non_inferiority`, accuracy) would say, computed exactly.

The number of samples that a change makes right or wrong follows a multinomial distribution; the chance of a verdict is
the sum over all outcomes that give it. For other figures than accuracy the numbers are only a guide.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blpo_inspect.statistics.noninferiority import evidence
from blpo_inspect.statistics.paired_proportions import tango_score
from blpo_inspect.statistics.search import FARTHEST, smallest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


MANY = 2_000
"""Images beyond which the chance to pass hardly goes up and down."""

LARGE = 20_000
"""Beyond, the normal distribution says how many labels are needed."""

_TAIL = 7.0
"""Outcomes further than this many standard deviations from the mean are left out."""


@dataclass(frozen=True)
class Chances:
    """How likely each verdict is.

    Attributes:
        passing: Of *pass*.
        failing: Of *fail*.
        open: Of *inconclusive*.
    """

    passing: float
    failing: float
    open: float


def chances(
    n: int,
    margin: float,
    *,
    discordant: float,
    drop: float = 0.0,
    alpha: float = 0.05,
    clusters: int | None = None,
) -> Chances:
    """How likely each verdict on accuracy is after a change.

    Where images come in clusters, changes are taken to be independent in these too. That is not sure to the gate: its
    design effect has a pseudo cluster that is lost and one that is gained (`accuracy_difference`), so that few clusters
    seldom pass. A judge that changes cluster by cluster passes and fails less often than this says.

    Args:
        n: Labelled images, at least 1.
        margin: The drop that must not pass.
        discordant: The share of images that only one of the two judges has right, from `drop` to 1. For a judge that
            did not change this is how often its answers flip from run to run.
        drop: By how much accuracy really fell.
        alpha: The level of the decision.
        clusters: In how many clusters of one size the images come, at least 2; None: each is its own.

    Raises:
        ValueError: An argument is out of range.
    """
    import numpy as np
    from scipy.special import ndtri
    from scipy.stats import binom

    _check(margin, alpha)
    if n < 1:
        raise ValueError(f"n must be at least 1, not {n}")
    if clusters is not None and not 2 <= clusters <= n:
        raise ValueError(f"clusters must be from 2 to n ({n}), not {clusters}")
    if not abs(drop) <= discordant <= 1:
        raise ValueError(f"discordant must be from the drop ({abs(drop):g}) to 1, not {discordant}")
    gain, loss = (discordant - drop) / 2, (discordant + drop) / 2
    lost = _outcomes(n, loss)
    gained = _outcomes(n, gain)
    weight = binom.pmf(lost, n, loss)[:, None] * binom.pmf(
        gained[None, :], np.maximum(n - lost, 0)[:, None], gain / (1 - loss) if loss < 1 else 0.0
    )
    lost, gained = np.broadcast_arrays(lost[:, None], gained[None, :])
    possible = lost + gained <= n
    lost, gained, weight = lost[possible], gained[possible], weight[possible]
    told = 1.0 if clusters is None else 1 / np.maximum(1.0, _design_effect(gained, lost, n, clusters))
    passes = (tango_score(gained * told, lost * told, n * told, -margin) > -float(ndtri(alpha))) | (
        (lost == 0) & ((clusters or n) >= evidence(margin, alpha))
    )
    low = gained - lost <= -margin * n + 1e-9
    fails = ~passes & low & (binom.sf(lost - 1, gained + lost, 0.5) <= alpha)
    passing, failing = (float(weight[verdict].sum()) for verdict in (passes, fails))
    return Chances(passing, failing, max(0.0, 1 - passing - failing))


def labels_needed(
    margin: float, *, discordant: float, alpha: float = 0.05, power: float = 0.8, cluster: float = 1.0
) -> int | None:
    """The fewest labelled images with which a judge that is as good as before passes with this probability.

    A judge whose drop is the margin still passes with a probability of about `alpha` at most. The chance to pass goes
    up and down a little from one n to the next, since images are whole; this is the n from which on it is reached. It
    is never below `evidence`. Above `LARGE` it is (z₁₋α + z_power)² · discordant / margin².

    Args:
        margin: The drop that must not pass.
        discordant: As in `chances`; 0: answers never flip.
        alpha: The level of the decision.
        power: The probability to pass, between 0 and 1.
        cluster: Images of a cluster, on average; more than 1 where they come in clusters (see `chances`).

    Returns:
        The number; None above `FARTHEST`.

    Raises:
        ValueError: An argument is out of range.
    """
    _check(margin, alpha)
    if not 0 < power < 1:
        raise ValueError(f"power must be between 0 and 1, not {power}")

    def enough(n: int) -> bool:
        clusters = min(n, max(2, round(n / cluster))) if cluster > 1 else None
        return chances(n, margin, discordant=discordant, alpha=alpha, clusters=clusters).passing >= power

    from scipy.special import ndtri

    about = float(ndtri(1 - alpha) + ndtri(power)) ** 2 * discordant / margin**2
    if about > LARGE:
        return math.ceil(about) if about <= FARTHEST else None
    n = smallest(enough, evidence(margin, alpha))
    # the chance falls until one more loss is allowed, which takes about 1 / margin images; with many that is nothing
    while n is not None and n < MANY and (gaps := [k for k in range(n, n + math.ceil(2 / margin)) if not enough(k)]):
        n = gaps[-1] + 1
    return n


def _design_effect(
    gained: "NDArray[np.int64]", lost: "NDArray[np.int64]", n: int, clusters: int
) -> "NDArray[np.float64]":
    """What `interval.design_effect` gives on average where changes do not depend on the cluster."""
    size = n / clusters
    middle = (gained - lost) / (n + 2 * size)
    apart = (1 - middle) ** 2 + (1 + middle) ** 2
    within = gained + lost - 2 * middle * (gained - lost) + n * middle**2
    effect: NDArray[np.float64] = (clusters + 2) / (clusters + 1) * (within + size**2 * apart) / (within + size * apart)
    return effect


def _check(margin: float, alpha: float) -> None:
    if not 0 < margin <= 1:
        raise ValueError(f"margin must be above 0 and at most 1 (a share of images), not {margin}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, not {alpha}")


def _outcomes(n: int, share: float) -> "NDArray[np.int64]":
    """The counts that a binomial variable takes, but for a negligible part."""
    import numpy as np

    reach = _TAIL * math.sqrt(n * share * (1 - share)) + _TAIL**2
    return np.arange(max(0, math.floor(n * share - reach)), min(n, math.ceil(n * share + reach)) + 1)
