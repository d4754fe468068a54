"""The paired decision: hand-derived values, a published interval, independent implementations, and its promises."""

import math
import random
from collections.abc import Sequence
from functools import partial
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import (
    Decision,
    Interval,
    accuracy_difference,
    bar,
    mcnemar,
    no_worse,
    non_inferiority,
    suite_wide,
    tango,
    with_unread,
)
from blpo_inspect.statistics.unread_as_wrong import wrong_label

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
THREE = LabelScale("unordered", ("a", "b", "c"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)
ORDER = {"pass": 2, "inconclusive": 1, "fail": 0}


def judged(gained: int, lost: int, n: int) -> tuple[list[str], list[str], list[str]]:
    """People say safe; the judge gained and lost these of n samples, and has the others right."""
    before = ["unsafe"] * gained + ["safe"] * (n - gained)
    after = ["safe"] * gained + ["unsafe"] * lost + ["safe"] * (n - gained - lost)
    return ["safe"] * n, before, after


def decided(gained: int, lost: int, n: int, margin: float = 0.05, alpha: float = 0.05) -> Decision:
    return non_inferiority(
        *judged(gained, lost, n), figure="accuracy", scale=SAFETY, margin=margin, alpha=alpha, seed=0
    )


def test_tango_on_a_published_example() -> None:
    # Bentur et al., 2009, in Fagerland, Lydersen and Laake, 2014, table VI: 1, 1, 7, 12 of 21; Tango's -0.517 to -0.026
    assert tango(1, 7, 21, level=0.95) == pytest.approx((-0.517, -0.026), abs=0.0005)
    assert tango(7, 1, 21, level=0.95) == pytest.approx((0.026, 0.517), abs=0.0005)


@pytest.mark.parametrize("seed", range(8))
def test_tango_is_the_test_at_the_likeliest_share(seed: int) -> None:
    # an independent way: the share of losses that makes the counts likeliest if the difference is delta, by search
    rng = random.Random(seed)
    n = rng.randint(10, 200)
    gained, lost = rng.randint(0, n // 3), rng.randint(0, n // 3)
    for delta, goal in zip(tango(gained, lost, n), (1.6448536, -1.6448536), strict=True):
        least = max(0.0, -delta)

        def unlikely(share: float, delta: float = delta) -> float:
            cells = ((gained, share + delta), (lost, share), (n - gained - lost, 1 - 2 * share - delta))
            return -sum(count * math.log(max(part, 1e-300)) for count, part in cells if count)

        share = minimize_scalar(unlikely, bounds=(least, (1 - delta) / 2), method="bounded", options={"xatol": 1e-12}).x
        score = (gained - lost - n * delta) / math.sqrt(n * (2 * share + delta - delta**2))
        assert score == pytest.approx(goal, abs=1e-3)


def test_tango_without_differences_is_no_point() -> None:
    # z²/(n + z²) = 2.7055/112.7055
    assert tango(0, 0, 110) == pytest.approx((-0.0240054, 0.0240054), abs=1e-6)
    assert tango(50, 0, 50)[1] == 1 and tango(0, 50, 50)[0] == -1
    with pytest.raises(ValueError, match="level"):
        tango(0, 0, 10, level=1)


@given(st.integers(0, 40), st.integers(0, 40))
def test_no_worse_is_half_a_coin(gained: int, lost: int) -> None:
    n = gained + lost
    assert no_worse(gained, lost) == pytest.approx(sum(comb(n, k) for k in range(lost, n + 1)) / 2**n)
    if lost > gained:
        assert 2 * no_worse(gained, lost) == pytest.approx(mcnemar(*judged(gained, lost, n)).p)


def test_the_verdicts_by_hand() -> None:
    # 12 lost of 110: p = 2⁻¹², and a drop of 10.9 points
    fails = decided(0, 12, 110)
    assert fails.verdict == "fail" and fails.p == pytest.approx(2**-12)
    assert fails.difference.value == pytest.approx(-12 / 110)
    assert "-0.109" in fails.reason and "not by chance" in fails.reason and fails.more is None
    # 6 of 110: a drop of 5.5 points and p = 1/64, but below a margin of 6 points it is no fail
    assert decided(0, 6, 110).verdict == "fail"
    assert decided(0, 6, 110, margin=0.06).verdict == "inconclusive"
    # 4 of 60: 6.7 points, but p = 1/16
    chance = decided(0, 4, 60)
    assert chance.verdict == "inconclusive" and chance.p == pytest.approx(1 / 16)
    assert "may be chance" in chance.reason
    # 5 lost would be 1/32; with 8 further samples, 4 of 60 make 4.53 of 68, which counts as 5
    assert chance.more == 8
    # equal gains and losses on many samples pass
    assert decided(10, 10, 1000).verdict == "pass"
    assert decided(20, 0, 110).verdict == "pass"


def test_answers_that_did_not_change_pass_and_the_interval_says_what_they_leave_open() -> None:
    found = decided(0, 0, 110, margin=0.03)
    assert found.verdict == "pass" and found.difference.low == pytest.approx(-0.0240, abs=1e-4)
    few = decided(0, 0, 10, margin=0.03)
    assert few.verdict == "inconclusive" and few.difference.low < -0.03
    assert "no sample got worse, but 10 independent ones are few; about 78 more labels would tell" in few.reason
    assert decided(0, 0, 1, margin=0.03).verdict == "inconclusive"
    many = ["safe"] * 1000
    for clusters in ([0] * 1000, [k // 500 for k in range(1000)]):
        for figure in ("accuracy", "macro_f1"):
            found = non_inferiority(
                many, many, many, figure=figure, scale=SAFETY, margin=0.05, alpha=0.05, seed=0, clusters=clusters
            )
            assert found.verdict == "inconclusive"
    for figure in ("cohens_kappa", "macro_f1", "quadratic_kappa", "spearman"):
        human = [str(1 + k % 5) for k in range(60)]
        judge = [str(1 + (k + (k % 7 == 0)) % 5) for k in range(60)]
        same = non_inferiority(human, judge, judge, figure=figure, scale=RATING, margin=0.05, alpha=0.05, seed=0)
        assert same.verdict == "pass" and same.p == 1 and same.difference.value == 0
        assert -0.2 < same.difference.low < -0.005 and 0.005 < same.difference.high < 0.2


def test_more_labels_by_hand() -> None:
    found = decided(3, 4, 110, margin=0.03)
    assert found.verdict == "inconclusive" and found.more is not None
    n = 110 + found.more
    low = tango(3 * n / 110, 4 * n / 110, n)[0]
    before = tango(3 * (n - 1) / 110, 4 * (n - 1) / 110, n - 1)[0]
    assert before <= -0.03 < low
    # a drop within rounding of the margin that chance explains well is decided late, by McNemar's test alone
    assert decided(2, 5, 100, margin=0.03).more is not None
    assert "more labels" in decided(2, 5, 100, margin=0.03).reason


def test_kappa_with_the_bootstrap_is_near_an_independent_one() -> None:
    rng = np.random.default_rng(0)
    human = rng.random(150) < 0.5
    sides = [np.where(rng.random(150) < 0.15, ~human, human) for _ in range(2)]
    names = np.array(["safe", "unsafe"])
    columns = [names[side.astype(int)].tolist() for side in (human, *sides)]
    found = non_inferiority(*columns, figure="cohens_kappa", scale=SAFETY, margin=0.05, alpha=0.05, seed=0)
    human_labels, first, second = columns
    plain = statistics.paired_difference(human_labels, first, second, statistics.cohens_kappa, level=0.9)
    assert found.difference.value == pytest.approx(plain.value)
    assert (found.difference.low, found.difference.high) == pytest.approx((plain.low, plain.high), abs=0.02)
    drawn = []
    for _ in range(400):
        k = rng.integers(0, 150, 150)
        one, other, third = (np.array(column)[k].tolist() for column in columns)
        drawn.append(statistics.cohens_kappa(one, third) - statistics.cohens_kappa(one, other))
    ends = np.quantile(drawn, (0.05, 0.95))
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(ends), abs=0.03)


def test_one_sample_alone_decides_nothing_by_resampling() -> None:
    one = non_inferiority(["1"], ["2"], ["3"], figure="macro_f1", scale=RATING, margin=0.1, alpha=0.05, seed=0)
    assert math.isnan(one.difference.low) and "cannot be resampled" in str(one.difference.reason)


def test_what_is_not_defined_is_inconclusive() -> None:
    nothing = non_inferiority([], [], [], figure="accuracy", scale=SAFETY, margin=0.1, alpha=0.05, seed=0)
    assert (nothing.verdict, nothing.more) == ("inconclusive", None) and "no samples" in nothing.reason
    none = non_inferiority([], [], [], figure="macro_f1", scale=SAFETY, margin=0.1, alpha=0.05, seed=0)
    assert none.verdict == "inconclusive"
    same = ["safe"] * 30
    kappa = non_inferiority(same, same, same, figure="cohens_kappa", scale=SAFETY, margin=0.1, alpha=0.05, seed=0)
    assert kappa.verdict == "inconclusive" and "not defined" in kappa.reason


def test_bad_arguments() -> None:
    def ask(figure: str = "accuracy", margin: float = 0.1, alpha: float = 0.05, scale: LabelScale = SAFETY) -> None:
        non_inferiority(["safe"], ["safe"], ["safe"], figure=figure, scale=scale, margin=margin, alpha=alpha, seed=0)

    with pytest.raises(ValueError, match="margin"):
        ask(margin=0)
    with pytest.raises(ValueError, match="margin"):
        ask(margin=math.nan)
    with pytest.raises(ValueError, match=r"below 0\.5"):
        ask(alpha=0.5)
    with pytest.raises(ValueError, match="level"):
        ask(alpha=0)
    with pytest.raises(ValueError, match=r"spearman.*one of accuracy"):
        ask("spearman")
    with pytest.raises(ValueError, match="lower is better"):
        ask("mae", scale=RATING)
    with pytest.raises(ValueError, match="inconsistent"):
        non_inferiority(["a"], [], ["a"], figure="accuracy", scale=SAFETY, margin=0.1, alpha=0.05, seed=0)
    one = ["safe"]
    with pytest.raises(ValueError, match="cluster"):
        non_inferiority(one, one, one, figure="accuracy", scale=SAFETY, margin=0.1, alpha=0.05, seed=0, clusters=[])


def test_unread_answers_are_wrong_ones() -> None:
    # a is what people use most besides b
    assert with_unread(["a", "a", "b", "c"], [None, "a", None, None], THREE) == ["b", "a", "a", "a"]
    # 2 is nearer to 1, 3 lies in the middle
    assert with_unread(["2", "3", "4", "5"], [None] * 4, RATING) == ["5", "1", "1", "1"]
    assert with_unread(["4", "6.5", "5"], [None] * 3, NUMBER) == ["10", "0", "0"]
    assert wrong_label("a", THREE, {}) == "b"
    human, before, after = judged(0, 0, 60)
    unread: list[str | None] = [None] * 10 + after[10:]
    for figure in ("accuracy", "macro_f1"):
        found = non_inferiority(human, before, unread, figure=figure, scale=SAFETY, margin=0.05, alpha=0.05, seed=0)
        assert found.verdict == "fail"
    # unread both times: nothing got worse
    both = non_inferiority(human, unread, unread, figure="accuracy", scale=SAFETY, margin=0.05, alpha=0.05, seed=0)
    assert both.verdict == "pass"


rows = st.lists(
    st.tuples(*[st.sampled_from(["safe", "unsafe"])] * 2, st.sampled_from(["safe", "unsafe", None])),
    min_size=2,
    max_size=60,
)


def of(drawn: Sequence[tuple[str, str, str | None]], figure: str = "accuracy", margin: float = 0.05) -> Decision:
    human, before, after = ([row[k] for row in drawn] for k in range(3))
    return non_inferiority(human, before, after, figure=figure, scale=SAFETY, margin=margin, alpha=0.05, seed=0)  # type: ignore[arg-type]


@settings(max_examples=60)
@given(rows, st.data())
def test_an_unread_answer_never_improves_the_verdict(
    drawn: list[tuple[str, str, str | None]], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(drawn) - 1))
    worse = [(*row[:2], None) if k == place else row for k, row in enumerate(drawn)]
    one, other = of(drawn), of(worse)
    assert ORDER[other.verdict] <= ORDER[one.verdict]
    assert other.difference.low <= one.difference.low + 1e-9


@given(
    st.lists(st.tuples(st.sampled_from("12345"), st.sampled_from("12345")), min_size=3, max_size=40), st.integers(0, 99)
)
def test_an_unread_answer_never_raises_accuracy_or_kappa(drawn: list[tuple[str, str]], place: int) -> None:
    human, judge = ([row[k] for row in drawn] for k in (0, 1))
    place %= len(human)
    scale = LabelScale("unordered", tuple("12345"))
    holed = with_unread(human, [None if k == place else label for k, label in enumerate(judge)], scale)
    assert statistics.accuracy(human, holed) <= statistics.accuracy(human, judge) + 1e-12
    if judge[place] != human[place]:
        values = statistics.cohens_kappa(human, holed), statistics.cohens_kappa(human, judge)
        assert any(map(math.isnan, values)) or values[0] <= values[1] + 1e-12


@settings(max_examples=40)
@given(rows, st.sampled_from(["accuracy", "cohens_kappa"]), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(
    drawn: list[tuple[str, str, str | None]], figure: str, shuffled: random.Random
) -> None:
    other = list(drawn)
    shuffled.shuffle(other)
    assert repr(of(drawn, figure)) == repr(of(other, figure))  # repr: NaN is not itself


@settings(max_examples=40)
@given(rows, st.sampled_from(["accuracy", "macro_f1"]), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_a_wider_margin_never_turns_the_verdict_down(
    drawn: list[tuple[str, str, str | None]], figure: str, one: float, other: float
) -> None:
    strict, lenient = sorted((one, other))
    first, second = of(drawn, figure, strict).verdict, of(drawn, figure, lenient).verdict
    if first == "pass":
        assert second == "pass"
    if second == "fail":
        assert first == "fail"


def test_clusters_count_as_fewer_samples() -> None:
    # ten clusters of five that change together
    human = ["safe"] * 50
    clusters = [k // 5 for k in range(50)]
    after = ["unsafe" if c in (0, 1) else "safe" for c in clusters]
    alone = accuracy_difference(human, human, after, alpha=0.05)
    together = accuracy_difference(human, human, after, alpha=0.05, clusters=clusters)
    assert together.value == alone.value == -0.2
    assert together.low < alone.low and together.high > alone.high
    # by hand, with five pseudo samples that are lost and five that are gained: the mean is -1/6. Squares of samples:
    # 10 · (5/6)² + 40 · (1/6)² + 5 · 74/36 = 55/3; of sums: 2 · (25/6)² + 8 · (5/6)² + 25 · 74/36 = 275/3.
    # Effect 12/11 · 5 = 60/11, so 50 samples count as 55/6, a fifth of them lost
    assert (together.low, together.high) == pytest.approx(tango(0, 11 / 6, 55 / 6))
    # two of ten clusters: swapped both the same way in a quarter of the cases each
    assert together.p == pytest.approx(0.25, abs=0.03)
    assert "10 clusters count as 9" in str(together.reason)
    # nothing changed: squares 10 and 50 of the pseudo samples alone
    same = accuracy_difference(human, human, human, alpha=0.05, clusters=clusters)
    assert same.low == pytest.approx(tango(0, 0, 55 / 6)[0])
    one = accuracy_difference(human, human, after, alpha=0.05, clusters=[0] * 50)
    assert math.isnan(one.low) and "one cluster" in str(one.reason)
    with_groups = non_inferiority(
        human, human, after, figure="macro_f1", scale=SAFETY, margin=0.05, alpha=0.05, seed=0, clusters=clusters
    )
    assert with_groups.verdict == "inconclusive"
    independent = non_inferiority(
        human, human, after, figure="accuracy", scale=SAFETY, margin=0.05, alpha=0.05, seed=0, clusters=list(range(50))
    )
    assert independent.difference == alone


def test_bars_by_hand() -> None:
    value = Interval(0.7, 0.6, 0.8, 100)
    assert bar(value, 0.6).verdict == "pass"
    assert bar(value, 0.81).verdict == "fail"
    between = bar(value, 0.65)
    # the interval reaches .1 below the figure and may reach .05: four times as many
    assert (between.verdict, between.more) == ("inconclusive", 300)
    assert bar(value, 0.75).more == 300
    assert bar(value, 0.7).more is None and "no number" in bar(value, 0.7).reason
    assert bar(value, 0.7, on="value").verdict == "pass"
    assert bar(value, 0.71, on="value").verdict == "fail"
    undefined = bar(Interval(math.nan, math.nan, math.nan, 0, reason="no samples"), 0.6)
    assert undefined.verdict == "inconclusive" and "no samples" in undefined.reason
    with pytest.raises(ValueError, match="on must be"):
        bar(value, 0.6, on="high")  # type: ignore[arg-type]


def test_a_suite_fails_only_on_what_stands_among_its_tests() -> None:
    cases = {
        "worse": decided(0, 12, 110),
        "about": decided(0, 6, 110),
        **{str(k): decided(0, 0, 110) for k in range(3)},
    }
    found = suite_wide(cases, 0.05)
    # Holm: 2⁻¹²·5, then 2⁻⁶·4 = .0625
    assert [one.verdict for one in found.values()] == ["fail", "inconclusive", "pass", "pass", "pass"]
    assert "Holm's p = 0.062" in found["about"].reason
    assert suite_wide({"about": cases["about"]}, 0.05) == {"about": cases["about"]}
    assert suite_wide({}, 0.05) == {}


@pytest.mark.parametrize(("figure", "replications", "most"), [("accuracy", 200, 19), ("cohens_kappa", 40, 7)])
def test_both_errors_keep_their_level(figure: str, replications: int, most: int) -> None:
    # benchmarks/gate_characteristic.py has the numbers; this holds a wrong sign or a wrong end
    rng = np.random.default_rng(0)
    names = np.array(["safe", "unsafe"])
    alarms = passes = 0
    n, drop = 120, 0.08
    for seed in range(replications):
        human = rng.random(n) < 0.5
        first, second = (np.where(rng.random(n) < 0.08, ~human, human) for _ in range(2))
        worse = np.where(rng.random(n) < drop / 0.84, ~second, second)  # 0.92 - 0.08 of 1
        columns = [names[side.astype(int)].tolist() for side in (human, first, second, worse)]
        margin = drop if figure == "accuracy" else 2 * drop
        decide = partial(non_inferiority, figure=figure, scale=SAFETY, margin=margin, alpha=0.05, seed=seed)
        alarms += decide(columns[0], columns[1], columns[2]).verdict == "fail"
        passes += decide(columns[0], columns[1], columns[3]).verdict == "pass"
    # of 5 %, more have a probability below 1 %
    assert alarms <= most and passes <= most
