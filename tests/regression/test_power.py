"""What the gate would say, computed: against enumeration, against the gate itself on simulated judges, and by hand."""

import math
from math import comb

import numpy as np
import pytest

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.regression.power import chances, labels_needed
from blpo_inspect.statistics import non_inferiority
from blpo_inspect.statistics.noninferiority import evidence
from blpo_inspect.statistics.paired_proportions import accuracy_difference

SAFETY = LabelScale("unordered", ("safe", "unsafe"))


def verdict(gained: int, lost: int, n: int, margin: float) -> str:
    """The gate's own."""
    before = ["unsafe"] * gained + ["safe"] * (n - gained)
    after = ["safe"] * gained + ["unsafe"] * lost + ["safe"] * (n - gained - lost)
    return non_inferiority(
        ["safe"] * n, before, after, figure="accuracy", scale=SAFETY, margin=margin, alpha=0.05, seed=0
    ).verdict


@pytest.mark.parametrize(("n", "discordant", "drop"), [(12, 0.3, 0.0), (15, 0.4, 0.2), (10, 0.2, 0.2), (9, 1.0, 0.0)])
def test_chances_are_the_sum_over_every_outcome(n: int, discordant: float, drop: float) -> None:
    gain, loss = (discordant - drop) / 2, (discordant + drop) / 2
    expected = {"pass": 0.0, "fail": 0.0, "inconclusive": 0.0}
    for lost in range(n + 1):
        for gained in range(n + 1 - lost):
            ways = comb(n, lost) * comb(n - lost, gained)
            weight = ways * loss**lost * gain**gained * (1 - discordant) ** (n - lost - gained)
            expected[verdict(gained, lost, n, 0.1)] += weight
    found = chances(n, 0.1, discordant=discordant, drop=drop)
    assert (found.passing, found.failing, found.open) == pytest.approx(tuple(expected.values()), abs=1e-9)


def test_chances_against_simulated_judges() -> None:
    rng = np.random.default_rng(0)
    n, replications = 150, 400
    seen = {"pass": 0, "fail": 0, "inconclusive": 0}
    for _ in range(replications):
        gained, lost, _ = rng.multinomial(n, [0.03, 0.08, 0.89])
        seen[verdict(int(gained), int(lost), n, 0.05)] += 1
    found = chances(n, 0.05, discordant=0.11, drop=0.05)
    for share, count in zip((found.passing, found.failing, found.open), seen.values(), strict=True):
        error = math.sqrt(share * (1 - share) / replications)
        assert count / replications == pytest.approx(share, abs=3.5 * error + 1e-3)
    assert found.passing + found.failing + found.open == pytest.approx(1)


@pytest.mark.parametrize("n", [60, 110, 200, 500])
@pytest.mark.parametrize("discordant", [0.03, 0.1, 0.3])
def test_both_errors_keep_their_level_exactly(n: int, discordant: float) -> None:
    # the score interval is near its level, not under it
    assert chances(n, 0.03, discordant=discordant).failing <= 0.05
    assert chances(n, 0.03, discordant=discordant, drop=0.03).passing <= (0.06 if n >= 98 else 0.17)


def test_labels_needed() -> None:
    found = labels_needed(0.05, discordant=0.1)
    assert found is not None
    assert chances(found, 0.05, discordant=0.1).passing >= 0.8
    assert chances(found - 1, 0.05, discordant=0.1).passing < 0.8
    # by the normal approximation (1.645 + 1.282)² · .1/.05²; the power against a drop of nothing is one-sided
    about = (1.6449 + 0.8416) ** 2 * 0.1 / 0.05**2
    assert found == pytest.approx(about, rel=0.1)
    more = labels_needed(0.05, discordant=0.1, power=0.9)
    assert more is not None and more > found
    assert labels_needed(0.0005, discordant=0.9) is None


def test_without_flips_a_loss_must_be_ruled_out() -> None:
    # .97⁹⁹ = .049
    assert evidence(0.03) == 99 == math.ceil(math.log(0.05) / math.log(0.97))
    assert labels_needed(0.03, discordant=0.0) == 99
    assert evidence(1.0) == 1
    assert chances(50, 0.03, discordant=0.0).passing == 0
    assert chances(99, 0.03, discordant=0.0).passing == 1


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="margin"):
        chances(10, 0, discordant=0.1)
    with pytest.raises(ValueError, match="alpha"):
        chances(10, 0.1, discordant=0.1, alpha=0.7)
    with pytest.raises(ValueError, match="n must"):
        chances(0, 0.1, discordant=0.1)
    with pytest.raises(ValueError, match="discordant"):
        chances(10, 0.1, discordant=0.05, drop=0.1)
    with pytest.raises(ValueError, match="power"):
        labels_needed(0.1, discordant=0.1, power=1)


@pytest.mark.parametrize(("margin", "discordant"), [(0.05, 0.02), (0.03, 0.02), (0.1, 0.1)])
def test_from_the_labels_needed_on_the_power_holds(margin: float, discordant: float) -> None:
    """The chance goes up and down with n: the first n that reaches the power once is not enough."""
    needed = labels_needed(margin, discordant=discordant)
    assert needed is not None
    reached = [chances(n, margin, discordant=discordant).passing >= 0.8 for n in range(needed - 1, 2 * needed)]
    assert not reached[0] and all(reached[1:])


def test_clusters_against_the_gate_itself() -> None:
    """Independent flips in clusters: the gate is not sure of that, and the computed chance knows it."""
    rng = np.random.default_rng(0)
    count, size, replications = 30, 5, 300
    n = count * size
    clusters = [k // size for k in range(n)]
    passed = 0
    for _ in range(replications):
        flips = rng.choice([-1, 0, 1], n, p=[0.02, 0.96, 0.02])
        before = ["unsafe" if flip > 0 else "safe" for flip in flips]
        after = ["unsafe" if flip < 0 else "safe" for flip in flips]
        passed += accuracy_difference(["safe"] * n, before, after, alpha=0.05, clusters=clusters).low > -0.1
    share = chances(n, 0.1, discordant=0.04, clusters=count).passing
    assert 0.2 < share < 0.98
    assert passed / replications == pytest.approx(share, abs=3.5 * math.sqrt(share * (1 - share) / replications) + 0.03)
    assert share < chances(n, 0.1, discordant=0.04).passing


def test_more_labels_are_needed_in_clusters() -> None:
    alone, together = (labels_needed(0.05, discordant=0.05, cluster=size) for size in (1.0, 5.0))
    assert alone is not None and together is not None and together > 1.5 * alone
    with pytest.raises(ValueError, match="clusters must be"):
        chances(10, 0.1, discordant=0.1, clusters=11)
