"""The alternative annotator test: by hand, beside a plain implementation, on public ratings where they are there."""

import csv
import json
import math
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from statsmodels.stats.multitest import multipletests

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import alternative_annotator_test
from blpo_inspect.statistics.alternative_annotator import p_of_margin, wins

SAFETY = LabelScale("unordered", ("s", "u"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
TENTHS = LabelScale("numeric", low=0, high=1)
NLVR = Path(__file__).parents[3] / "shared" / "data" / "nlvr" / "labels.csv"


def named(labels: str | Sequence[str]) -> dict[str, str]:
    return dict(zip("abcdef", labels, strict=False))


@pytest.mark.parametrize(
    ("judge", "labels", "scale", "expected"),
    [
        # of a's others one says s: a ½, judge ½. Of c's none says u: c 0, judge 1
        ("s", "ssu", SAFETY, {"a": (1, 1), "b": (1, 1), "c": (1, 0)}),
        # of a's others one says u: ½ each. c's say s: both 0
        ("u", "ssu", SAFETY, {"a": (1, 1), "b": (1, 1), "c": (1, 1)}),
        # an unread answer loses also where the rater agrees with nobody
        (None, "ssu", SAFETY, {"a": (0, 1), "b": (0, 1), "c": (0, 1)}),
        # √((1 + 4)/2) of 3 from 2 and 5, of a's 1 √((1 + 16)/2); b's 2 from 1 and 5: √((1 + 9)/2), judge √((4 + 4)/2);
        # c's 5 from 1 and 2: √((16 + 9)/2), judge √((4 + 1)/2)
        ("3", "125", RATING, {"a": (1, 0), "b": (1, 0), "c": (1, 0)}),
        # b's 2 and the judge's 4 are as far from 1 and 5
        ("4", "125", RATING, {"a": (1, 0), "b": (1, 1), "c": (1, 0)}),
        # a's 0.1 and the judge's 0.3 are as far from 0.2 and 0.2, but for rounding
        ("0.3", ("0.1", "0.2", "0.2"), TENTHS, {"a": (1, 1), "b": (0, 1), "c": (0, 1)}),
        # two raters: nobody remains to agree with each other
        ("s", "ss", SAFETY, {}),
    ],
)
def test_who_agrees_better_with_the_remaining_raters(
    judge: str | None, labels: str, scale: LabelScale, expected: dict[str, tuple[int, int]]
) -> None:
    assert wins(judge, named(labels), scale) == expected


def test_the_test_by_hand() -> None:
    """36 items on which all say s, and 4 on which c alone says u, where the judge says s.

    a and b: the judge ties with them on all. c: it ties on 36 and wins on 4: the mean of d is -0.1, its variance
    40/39 · 0.1 · 0.9, t = -0.25 / √(0.09 / 39) = -5.2042 with 39 degrees of freedom. p of a and b: 0.85⁴⁰.
    """
    test = alternative_annotator_test(["s"] * 40, [named("sss")] * 36 + [named("ssu")] * 4, SAFETY)
    a, b, c = test.raters
    assert (a.rho_f, a.rho_h, b.rho_f, b.rho_h, c.rho_f, c.rho_h) == (1, 1, 1, 1, 1, 0.9)
    assert [one.items for one in test.raters] == [40, 40, 40]
    assert (a.p, b.p) == pytest.approx((0.85**40, 0.85**40))
    assert c.p == pytest.approx(3.3e-6, rel=0.02)
    assert (test.winning_rate, test.advantage, test.verdict, test.reason) == (1, 1, "pass", None)
    assert "wins over 3 of 3 (ω = 1.00" in test.sentence and "100% of the items" in test.sentence


def test_a_rater_is_won_over_only_after_the_correction() -> None:
    """p = 0.85³⁰ = 0.0076 thrice is 0.0140 by Benjamini and Yekutieli (× 11/6); 0.9³⁰ = 0.0424 is 0.0777, no win."""
    judge, ratings = ["s"] * 30, [named("sss")] * 30
    assert alternative_annotator_test(judge, ratings, SAFETY).verdict == "pass"
    careful = alternative_annotator_test(judge, ratings, SAFETY, epsilon=0.1)
    assert [one.p for one in careful.raters] == pytest.approx([0.9**30] * 3)
    assert (careful.winning_rate, careful.verdict) == (0, "inconclusive")
    assert "It is open whether" in careful.sentence


def test_half_of_the_raters_are_enough() -> None:
    """a and b are noise, c and d say what the judge says: it wins over the former only, ω = 0.5."""
    rng = random.Random(0)
    truth = [rng.choice("su") for _ in range(200)]
    other = {"s": "u", "u": "s"}
    judge = [label if rng.random() < 0.75 else other[label] for label in truth]
    ratings = [named((rng.choice("su"), rng.choice("su"), label, label)) for label in truth]
    test = alternative_annotator_test(judge, ratings, SAFETY)
    assert [one.won for one in test.raters] == [True, True, False, False]
    assert (test.winning_rate, test.verdict) == (0.5, "pass")


def test_a_judge_that_raters_beat_fails_and_unread_answers_count() -> None:
    rng = random.Random(1)
    truth = [rng.choice("su") for _ in range(100)]
    ratings = [named(label * 3) for label in truth]
    assert alternative_annotator_test(truth, ratings, SAFETY).verdict == "pass"
    assert alternative_annotator_test(["s"] * 100, ratings, SAFETY).verdict == "fail"
    half: list[str | None] = [None if k % 2 else label for k, label in enumerate(truth)]
    unread = alternative_annotator_test(half, ratings, SAFETY)
    assert (unread.verdict, unread.advantage, unread.winning_rate) == ("fail", 0.5, 0)
    assert unread.sentence.startswith("The judge may not replace a rater: it wins over 0 of 3")


@pytest.mark.parametrize(
    ("labels", "items", "said"),
    [
        ("", 50, "there are none"),
        ("ss", 50, "there are none (beside a with 0, b with 0)"),
        ("sss", 29, "there are none (beside a with 29, b with 29, c with 29)"),
        ("ssssss", 29, "there are none (beside a with 29, b with 29, c with 29, d with 29, e with 29 and 1 more)"),
    ],
)
def test_too_few_raters_are_no_evidence(labels: str, items: int, said: str) -> None:
    test = alternative_annotator_test(["s"] * items, [named(labels)] * items, SAFETY)
    assert math.isnan(test.winning_rate) and math.isnan(test.advantage)
    assert (test.verdict, test.raters) == ("inconclusive", ())
    assert str(test.reason).startswith("not enough raters: the test needs 3 with 30 items") and said in test.sentence


def test_raters_with_few_items_are_left_out_and_named() -> None:
    ratings = [named("sssu")] * 29 + [named("sss")] * 11
    test = alternative_annotator_test(["s"] * 40, ratings, SAFETY)
    assert [one.rater for one in test.raters] == ["a", "b", "c"]
    assert test.reason == "without raters with fewer than 30 common items: d with 29"
    two = alternative_annotator_test(["s"] * 40, [named("sss")] * 29 + [named("ss")] * 11, SAFETY)
    assert two.verdict == "inconclusive"


@pytest.mark.parametrize("epsilon", [-0.1, 1, math.nan])
def test_an_epsilon_that_is_none(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon must be from 0"):
        alternative_annotator_test([], [], SAFETY, epsilon=epsilon)


def test_clusters_count_as_clusters() -> None:
    """The same differences thrice are no more evidence than once; one cluster is none."""
    once = [(1, 1)] * 20 + [(0, 1)] * 3 + [(1, 0)] * 7
    alone = p_of_margin([(*won, k) for k, won in enumerate(once)], 0.15)
    thrice = p_of_margin([(*won, k // 3) for k, won in enumerate(won for won in once for _ in range(3))], 0.15)
    ignored = p_of_margin([(*won, k) for k, won in enumerate(won for won in once for _ in range(3))], 0.15)
    assert ignored < alone < thrice < 0.05
    assert math.isnan(p_of_margin([(1, 1, "x")] * 40, 0.15))
    # ties alone: with one lost and one won pseudo cluster of 5, 6 clusters are not enough, 40 are
    few, many = (p_of_margin([(1, 1, k // 5) for k in range(5 * count)], 0.15) for count in (6, 40))
    assert few > 0.1 and many < 0.01


def test_clustered_p_by_hand() -> None:
    """Clusters of 2: one lost on both, one half, two tied; with pseudo clusters of 2 that are won and lost.

    Mean with them 3/12, squares 3 + 4: variance 7/12 - 1/16 = 25/48. Sums of clusters less 2 · ¼: 1.5, 0.5, -0.5, -0.5
    and pseudo 1.5, -2.5: between 2.25 + 0.25 + 0.25 + 0.25 + 2.25 + 6.25 = 11.5. Within 12 · 25/48 = 6.25.
    Design effect 6/5 · 11.5 / 6.25 = 2.208. t = (3/8 - 0.15) / √(25/48 · 2.208 / 8) = 0.5933 with 3 degrees of freedom.
    """
    rows = [(1 - d, 1, k // 2) for k, d in enumerate((1, 1, 1, 0, 0, 0, 0, 0))]
    assert p_of_margin(rows, 0.15) == pytest.approx(0.7026, abs=5e-4)


def plain(
    judge: Sequence[str | None], ratings: Sequence[Mapping[str, str]], ordered: bool, epsilon: float
) -> tuple[float, float, dict[str, float]] | None:
    """The test as the paper has it, item by item, for independent items."""
    ps, advantages = {}, []
    for rater in sorted({name for labels in ratings for name in labels}):
        of_judge, of_rater = [], []
        for label, labels in zip(judge, ratings, strict=True):
            others = [other for name, other in labels.items() if name != rater]
            if rater not in labels or len(others) < 2:
                continue
            if ordered:
                scores = [
                    -math.inf
                    if said is None
                    else -np.sqrt(np.mean([(float(said) - float(other)) ** 2 for other in others]))
                    for said in (label, labels[rater])
                ]
            else:
                scores = [
                    -1.0 if said is None else np.mean([said == other for other in others])
                    for said in (label, labels[rater])
                ]
            of_judge.append(int(scores[0] >= scores[1]))
            of_rater.append(int(scores[1] >= scores[0]))
        if len(of_judge) >= 30:
            differences = np.subtract(of_rater, of_judge)
            if len(set(differences.tolist())) == 1:
                return None  # where a t test is not defined
            ps[rater] = float(ttest_1samp(differences, epsilon, alternative="less").pvalue)
            advantages.append(np.mean(of_judge))
    if len(ps) < 3:
        return math.nan, math.nan, {}
    rejected = multipletests(list(ps.values()), alpha=0.05, method="fdr_by")[0]
    return float(np.mean(rejected)), float(np.mean(advantages)), ps


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(28, 90),
    raters=st.integers(1, 6),
    present=st.sampled_from([0.5, 0.8, 1.0]),
    skill=st.sampled_from([0.4, 0.7, 0.9]),
    epsilon=st.sampled_from([0.0, 0.1, 0.15, 0.2]),
    scale=st.sampled_from([SAFETY, RATING]),
)
def test_it_is_what_a_plain_implementation_says(
    seed: int, n: int, raters: int, present: float, skill: float, epsilon: float, scale: LabelScale
) -> None:
    rng = random.Random(seed)
    truth = [rng.choice(scale.labels) for _ in range(n)]

    def said(label: str, right: float) -> str:
        return label if rng.random() < right else rng.choice(scale.labels)

    ratings = [{name: said(label, 0.8) for name in "abcdef"[:raters] if rng.random() < present} for label in truth]
    judge = [None if rng.random() < 0.05 else said(label, skill) for label in truth]
    expected = plain(judge, ratings, scale is RATING, epsilon)
    test = alternative_annotator_test(judge, ratings, scale, epsilon=epsilon)
    if expected is not None:
        assert (test.winning_rate, test.advantage) == pytest.approx(expected[:2], nan_ok=True)
        assert {one.rater: one.p for one in test.raters} == pytest.approx(expected[2])
    assert all(one.rho_f + one.rho_h >= 1 - 1e-9 for one in test.raters)
    shuffled = list(zip(judge, ratings, strict=True))
    rng.shuffle(shuffled)
    again = alternative_annotator_test(
        [one for one, _ in shuffled], [two for _, two in shuffled], scale, epsilon=epsilon
    )
    assert [one.p for one in again.raters] == pytest.approx([one.p for one in test.raters])


@pytest.mark.skipif(not NLVR.exists(), reason="the public ratings of NLVR are not on this machine")
def test_real_raters() -> None:
    """Ten people who each rated about half of the pictures: who says their label passes, who says one word does not."""
    with NLVR.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    ratings = [json.loads(row["raters"]) for row in rows]
    ratings = [{name: label for name, label in labels.items() if label in ("true", "false")} for labels in ratings]
    scale = LabelScale("unordered", ("true", "false"))
    groups = [row["group"] for row in rows]
    test = alternative_annotator_test([row["label"] for row in rows], ratings, scale, clusters=groups)
    assert test.verdict == "pass" and test.advantage > 0.9 and len(test.raters) >= 5
    assert alternative_annotator_test(["true"] * len(rows), ratings, scale, clusters=groups).verdict == "fail"
