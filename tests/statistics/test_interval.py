"""Wilson's and Fisher's intervals, clusters, BCa, and which interval a figure gets."""

import itertools
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import (
    Interval,
    accuracy,
    fisher_z,
    macro_f1,
    mae,
    paired_difference,
    proportion,
    resampled,
)
from blpo_inspect.statistics.units import Units

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)


@given(st.integers(1, 60), st.integers(0, 60), st.sampled_from([0.5, 0.9, 0.95]))
def test_wilson_is_that_of_scipy(n: int, hits: int, level: float) -> None:
    hits = min(n, hits)
    found = proportion([place < hits for place in range(n)], level=level)
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.low <= found.value <= found.high
    assert (found.value, found.n, found.level) == (hits / n, n, level)


def test_wilson_of_clusters_by_hand() -> None:
    # clusters 11 10 00 and half a pseudo cluster each of 11 and 00: share 1/2, squares of excess 1 + 0 + 1 + 1/2 + 1/2;
    # effect 4/3 · 3 / (8/4) = 2: 3 samples
    found = proportion([True, True, True, False, False, False], clusters="aabbcc")
    # Wilson's for 1.5 of 3 by its formula, z² = 3.8415
    z2 = 1.959964**2
    reach = math.sqrt(z2) * math.sqrt(3 * 0.25 + z2 / 4) / (3 + z2)
    assert (found.low, found.high) == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-6)
    assert found.reason == "6 samples in 3 clusters count as 3 independent ones"
    # all hits: share 7/8 with the pseudo clusters; squares 3 · 1/16 + 2 · (1/64 + 49/64) = 7/4;
    # effect 4/3 · 7/4 / (7/8) = 8/3
    same = proportion([True] * 6, clusters="aabbcc")
    assert same.low == pytest.approx(2.25 / (2.25 + z2))
    one = proportion([True, False], clusters="aa")
    assert math.isnan(one.low) and one.value == 0.5 and one.reason == "all samples are of one cluster"
    with pytest.raises(ValueError, match="cluster"):
        proportion([True, False], clusters="a")


def test_fisher_is_that_of_scipy_and_of_its_formula() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(30)
    y = x + rng.standard_normal(30)
    theirs = stats.pearsonr(x, y).confidence_interval(0.9)
    ours = fisher_z(statistics.pearson(x.tolist(), y.tolist()), 30, level=0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    # r = .5, n = 28: z = .5493, error √(1.125/25) = .2121: z from .1335 to .9651
    rank = fisher_z(0.5, 28, kind="spearman")
    assert (rank.low, rank.high) == pytest.approx((math.tanh(0.13353), math.tanh(0.96508)), abs=1e-4)


def test_bca_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    human, judge = rng.integers(0, 5, 40), rng.integers(0, 5, 40)

    def rms(human: object, judge: object, axis: int = -1) -> object:
        return np.sqrt(((np.asarray(human) - np.asarray(judge)) ** 2).mean(axis=axis))

    theirs = stats.bootstrap(
        (human, judge), rms, paired=True, vectorized=True, n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    ours = resampled(human.tolist(), judge.tolist(), statistics.rmse, method="bca", resamples=20_000)
    plain = resampled(human.tolist(), judge.tolist(), statistics.rmse, resamples=20_000)
    width = theirs.high - theirs.low
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * width)
    assert (plain.low, plain.high) != (ours.low, ours.high)


def test_bca_gives_way_with_the_reason() -> None:
    perfect = resampled(list("aab"), list("aab"), accuracy, method="bca")
    assert perfect.low < perfect.high == 1 and "every resample" in str(perfect.reason)
    # all in the first row is the lowest value there is: no resample is below
    edge = resampled([0.0] * 9, [1.0] * 9, lambda human, judge: -float(len(set(human))), method="bca")
    assert edge.low == edge.high
    lonely = resampled(["a", "b", "b"], ["a", "b", "b"], statistics.cohens_kappa, method="bca", resamples=200)
    assert lonely.reason is not None
    with pytest.raises(ValueError, match="method"):
        resampled(["a"], ["a"], accuracy, method="other")  # type: ignore[arg-type]


def test_clusters_are_drawn_as_wholes() -> None:
    """Against all 27 resamples of three clusters."""
    human, judge = [1.0, 2, 3, 4, 5, 6], [1.0, 4, 3, 9, 9, 6]
    clusters = "abbccc"
    units = Units.of(list(zip(human, judge, strict=True)), clusters)
    drawn = np.concatenate(list(units.draws(0, 20_000)))
    found = units.statistic_values(mae, drawn)
    members = {name: [k for k, one in enumerate(clusters) if one == name] for name in "abc"}
    everything = [
        mae([human[k] for k in places], [judge[k] for k in places])
        for choice in itertools.product("abc", repeat=3)
        for places in [[k for name in choice for k in members[name]]]
    ]
    assert set(np.round(found, 9)) == set(np.round(everything, 9))
    assert found.mean() == pytest.approx(np.mean(everything), abs=0.02)
    assert found.std() == pytest.approx(np.std(everything), abs=0.02)
    for share in (0.1, 0.4, 0.75):
        assert np.quantile(found, share) == pytest.approx(np.quantile(everything, share, method="inverted_cdf"))


def test_clusters_widen_the_interval_and_singles_change_nothing() -> None:
    rng = random.Random(0)
    human = [one for one in rng.choices("ab", k=40) for _ in range(5)]
    judge = [one for one in rng.choices("ab", k=40) for _ in range(5)]
    clusters = [k // 5 for k in range(200)]
    alone, together = resampled(human, judge, macro_f1), resampled(human, judge, macro_f1, clusters=clusters)
    assert together.high - together.low > 1.8 * (alone.high - alone.low)
    assert resampled(human, judge, macro_f1, clusters=range(200)) == alone
    names = [f"cluster {k}" for k in clusters]
    assert resampled(human[::-1], judge[::-1], macro_f1, clusters=names[::-1]) == together
    paired = paired_difference(human, judge, judge[::-1], macro_f1, clusters=clusters)
    assert paired == paired_difference(human, judge, judge[::-1], macro_f1, clusters=names)
    one = resampled(human, judge, macro_f1, clusters=["a"] * 200)
    assert math.isnan(one.low) and one.reason == "one cluster cannot be resampled"
    with pytest.raises(ValueError, match="zip"):
        resampled(human, judge, macro_f1, clusters=["a"])


def test_the_ends_for_clusters_are_those_of_a_t_distribution() -> None:
    human, judge = [float(k // 2) for k in range(20)], [0.0] * 20
    clusters = [k // 2 for k in range(20)]
    pairs = resampled(human, judge, statistics.bias, clusters=clusters, resamples=50_000)
    # 10 clusters: t with 9 degrees of freedom 2.2622, times √(10/9): 2.3846 standard deviations of the normal
    share = stats.norm.cdf(-2.3846)
    means = np.random.default_rng(0).integers(0, 10, (50_000, 10)).mean(1)
    assert (pairs.low, pairs.high) == pytest.approx(tuple(np.quantile(-means, [share, 1 - share])), abs=0.15)


FEW: list[tuple[list[str], list[str]]] = [
    ([], []),
    (["1"], ["1"]),
    (["1"], ["2"]),
    (["1", "1"], ["1", "1"]),
    (["1", "1"], ["2", "2"]),
    (["1", "2"], ["1", "2"]),
    (["1", "2"], ["2", "1"]),
    (["1", "2"], ["1", "1"]),
    (["1"] * 30, ["1"] * 30),
    (["1"] * 30, ["2"] * 30),
    (["1", "2"] * 15, ["2"] * 30),
    (["1", "2"] * 15, ["1", "2"] * 15),
    (["1", "2"] * 15, ["2", "1"] * 15),
]


@pytest.mark.parametrize("few", FEW, ids=str)
@pytest.mark.parametrize("scale", [LabelScale("unordered", ("1", "2")), RATING, NUMBER])
def test_degenerate_samples_give_nan_with_a_reason(few: tuple[list[str], list[str]], scale: LabelScale) -> None:
    human, judge = few
    for clusters in (None, ["c"] * len(human)):
        for name, found in statistics.all_statistics(human, judge, scale, clusters=clusters, resamples=50).items():
            assert found.n == len(human)
            for number in (found.value, found.low, found.high):
                if math.isnan(number):
                    assert found.reason, name
            if found.low == found.high and len(human) > 1:
                assert found.reason, name
    for one in statistics.label_intervals(human, judge, "1", resamples=50).values():
        assert one.reason or one.low <= one.value <= one.high


def test_each_figure_gets_the_interval_that_suits_it() -> None:
    rng = random.Random(3)
    human = rng.choices(RATING.labels, k=60)
    judge = [one if rng.random() < 0.6 else rng.choice(RATING.labels) for one in human]
    found = statistics.all_statistics(human, judge, RATING)
    figures = statistics.statistics_of(RATING)
    assert found["accuracy"] == proportion([h == j for h, j in zip(human, judge, strict=True)])
    values = [float(label) for label in human], [float(label) for label in judge]
    assert found["spearman"] == resampled(*values, statistics.spearman, method="bca")
    assert found["macro_f1"] == resampled(human, judge, macro_f1, method="bca")
    clustered = statistics.with_interval(
        figures["spearman"], human, judge, RATING, clusters=[k // 2 for k in range(60)]
    )
    assert clustered.high - clustered.low != found["spearman"].high - found["spearman"].low
    assert set(statistics.statistics_of(SAFETY)) == {
        "accuracy", "macro_f1", "cohens_kappa", "balanced_accuracy", "weighted_f1", "mcc", "krippendorff_alpha",
    }  # fmt: skip
    assert found == statistics.all_statistics(human, judge, RATING)
    assert found != statistics.all_statistics(human, judge, RATING, seed=1)


def test_a_whole_report_takes_less_than_a_second() -> None:
    rng = random.Random(4)
    human = rng.choices(RATING.labels, k=200)
    judge = [one if rng.random() < 0.6 else rng.choice(RATING.labels) for one in human]
    statistics.all_statistics(human, judge, RATING)  # libraries are imported
    timed: list[Callable[[], dict[str, Interval]]] = [
        lambda: statistics.all_statistics(human, judge, RATING),
        lambda: statistics.all_statistics(human, judge, RATING, clusters=[k // 4 for k in range(200)]),
    ]
    for report in timed:
        began = time.process_time()
        report()
        assert time.process_time() - began < 1


def test_libraries_are_imported_where_they_are_needed() -> None:
    heavy = ("numpy", "scipy", "sklearn", "statsmodels", "pandas", "krippendorff")
    script = (
        "import sys, blpo_inspect.statistics, blpo_inspect.scorers;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("clusters", ["xxyy", "xxxy", "xyxy"])
def test_two_clusters_have_an_interval_whatever_the_labels(clusters: str) -> None:
    """The ends for two clusters are so far out that the upper one is 1 in floating point."""
    for human, judge in itertools.product(map("".join, itertools.product("ab", repeat=4)), repeat=2):
        found = resampled(list(human), list(judge), accuracy, method="bca", clusters=list(clusters), resamples=50)
        assert 0 <= found.low <= found.value <= found.high <= 1, (human, judge)
