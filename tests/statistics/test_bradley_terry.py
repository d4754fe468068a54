"""Strengths from comparisons: against closed forms, statsmodels, Davidson's likelihood equations, and simulations."""

import math
import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.statistics.bradley_terry import Compared, parts, strengths

NO_RIDGE = 1e-6


def values(comparisons: Sequence[Compared], ridge: float = NO_RIDGE) -> dict[str, float]:
    found = strengths(comparisons, resamples=1, ridge=ridge)
    return {name: interval.value for name, interval in found.items()}


def played(first: str, second: str, wins: int, ties: int, losses: int) -> list[Compared]:
    return [(first, second, 1.0)] * wins + [(first, second, 0.5)] * ties + [(first, second, 0.0)] * losses


def simulated(strength: dict[str, float], tie: float, n: int, seed: int) -> list[Compared]:
    rng = random.Random(seed)
    drawn = []
    for _ in range(n):
        first, second = rng.sample(sorted(strength), 2)
        half = (strength[first] - strength[second]) / 2
        [score] = rng.choices([1.0, 0.5, 0.0], [math.exp(half), tie, math.exp(-half)])
        drawn.append((first, second, score))
    return drawn


@pytest.mark.parametrize(("wins", "ties", "losses"), [(30, 20, 10), (30, 0, 10), (7, 100, 7), (1, 1, 9)])
def test_two_names_have_a_closed_form(wins: int, ties: int, losses: int) -> None:
    # the model is saturated: π_a / π_b is wins over losses, whatever the ties
    found = values(played("a", "b", wins, ties, losses))
    assert found["a"] == pytest.approx(math.log(wins / losses) / 2, abs=1e-5)
    assert found["b"] == -found["a"]


def test_three_names_without_ties_are_a_logistic_regression() -> None:
    comparisons = played("a", "b", 12, 0, 5) + played("b", "c", 9, 0, 4) + played("c", "a", 6, 0, 8)
    design = [[(row[0] == name) - (row[1] == name) for name in "ab"] for row in comparisons]
    a, b = sm.Logit([row[2] for row in comparisons], np.array(design)).fit(disp=0).params
    found = values(comparisons)
    assert [found["a"] - found["c"], found["b"] - found["c"]] == pytest.approx([a, b], abs=1e-4)
    assert sum(found.values()) == pytest.approx(0, abs=1e-5)


def test_with_ties_the_likelihood_equations_hold() -> None:
    """Davidson: at the maximum, each name's expected wins and half ties are those seen, and so are all ties."""
    comparisons = simulated({"a": 1.0, "b": 0.2, "c": -0.4, "d": -0.8}, 0.8, 300, seed=1)
    found = values(comparisons)
    seen, expected, ties = Counter[str](), Counter[str](), sum(row[2] == 0.5 for row in comparisons)

    def odds(first: str, second: str, tie: float) -> list[float]:
        half = (found[first] - found[second]) / 2
        whole = math.exp(half) + tie + math.exp(-half)
        return [math.exp(half) / whole, tie / whole, math.exp(-half) / whole]

    low, high = 1e-3, 1e3  # the tie parameter by bisection, from the equation of ties
    for _ in range(80):
        middle = math.sqrt(low * high)
        too_many = sum(odds(*row[:2], middle)[1] for row in comparisons) > ties
        low, high = (low, middle) if too_many else (middle, high)
    for first, second, score in comparisons:
        win, tie, loss = odds(first, second, low)
        seen.update({first: score, second: 1 - score})
        expected.update({first: win + tie / 2, second: loss + tie / 2})
    assert {name: expected[name] for name in "abcd"} == pytest.approx(dict(seen), abs=1e-3)


def test_what_was_simulated_is_found_again() -> None:
    truth = {f"g{k}": (k - 4) / 4 for k in range(9)}
    found = strengths(simulated(truth, 0.5, 4000, seed=2), resamples=200)
    assert list(found) == sorted(truth)
    assert all(abs(found[name].value - truth[name]) < 0.15 for name in truth)
    covered = sum(found[name].low <= truth[name] <= found[name].high for name in truth)
    assert covered >= 7
    # the standard error of a strength on 890 comparisons of about 0.2 information each is near 0.07
    assert all(0.15 < found[name].high - found[name].low < 0.45 for name in truth)


def test_the_ridge_hardly_moves_what_comparisons_settle() -> None:
    comparisons = simulated({"a": 1.0, "b": 0.0, "c": -1.0}, 0.5, 300, seed=3)
    with_ridge, without = values(comparisons, 0.01), values(comparisons)
    assert all(abs(with_ridge[name] - without[name]) < 0.002 for name in "abc")


names = st.sampled_from("abcd")
compared = st.tuples(names, names, st.sampled_from([0.0, 0.5, 1.0])).filter(lambda row: row[0] != row[1])


@given(st.lists(compared, min_size=1, max_size=25), st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_order_makes_no_difference(comparisons: list[Compared], rng: random.Random) -> None:
    clusters = [rng.randrange(4) for _ in comparisons]
    turned = [
        ((second, first, 1 - score) if rng.random() < 0.5 else (first, second, score), cluster)
        for (first, second, score), cluster in zip(comparisons, clusters, strict=True)
    ]
    rng.shuffle(turned)
    if len(parts(comparisons)) > 1:
        with pytest.raises(ValueError, match="connect all names"):
            strengths(comparisons)
        return
    once = strengths(comparisons, clusters=clusters, resamples=10)
    again = strengths([row for row, _ in turned], clusters=[cluster for _, cluster in turned], resamples=10)
    assert repr(once) == repr(again)
    renamed = {name: "dcba"["abcd".index(name)] for name in once}
    other = strengths([(renamed[a], renamed[b], score) for a, b, score in comparisons], resamples=1)
    assert {name: other[renamed[name]].value for name in once} == pytest.approx(
        {name: interval.value for name, interval in once.items()}, abs=2e-6
    )


def test_clusters_widen_the_interval() -> None:
    comparisons = simulated({"a": 0.5, "b": 0.0, "c": -0.5}, 0.5, 60, seed=4)
    five = [row for row in comparisons for _ in range(5)]
    alone = strengths(five, resamples=200)["a"]
    together = strengths(five, clusters=[k // 5 for k in range(len(five))], resamples=200)["a"]
    assert together.value == alone.value
    # five copies say as much as one: √5 times as wide, a little more for 60 clusters
    assert 1.8 < (together.high - together.low) / (alone.high - alone.low) < 2.8


def test_one_cluster_has_no_interval() -> None:
    found = strengths(played("a", "b", 3, 1, 1), clusters=["same"] * 5, resamples=5)
    assert math.isnan(found["a"].low) and found["a"].reason == "one cluster cannot be resampled"


def test_what_won_everything_has_a_finite_strength_that_grows_with_the_evidence() -> None:
    few, many = (values(played("a", "b", n, 0, 0), ridge=0.01)["a"] for n in (3, 300))
    assert 1 < few < many < 8
    assert parts(played("a", "b", 3, 0, 0)) == [["a", "b"]]
    assert parts(played("a", "b", 3, 0, 0), both_ways=True) == [["a"], ["b"]]
    assert parts(played("a", "b", 3, 1, 0), both_ways=True) == [["a", "b"]]
    alike = values(played("a", "b", 0, 9, 0), ridge=0.01)
    assert alike == {"a": 0, "b": 0}


def test_names_that_nothing_connects_are_refused() -> None:
    apart = played("a", "b", 2, 0, 1) + played("c", "d", 1, 1, 1) + played("d", "e", 1, 0, 1)
    assert parts(apart) == [["c", "d", "e"], ["a", "b"]]
    with pytest.raises(ValueError, match="connect all names"):
        strengths(apart)
    assert parts([]) == []
    with pytest.raises(ValueError, match="connect all names"):
        strengths([])
    assert len(parts([(a, b, 0.5) for a, b in combinations("abcd", 2)])) == 1


def test_resamples_that_lose_the_connection_are_left_out_and_counted() -> None:
    bridge = played("a", "b", 10, 0, 8) + played("b", "c", 2, 0, 2)
    reason = strengths(bridge, resamples=300)["c"].reason or ""
    stated = re.fullmatch(r"over the ([\d.]+)% of the resamples on which the figure is defined", reason)
    # (1 - 4/22)²² = 1.2 % of the resamples have none of the four comparisons with c
    assert stated and 96 < float(stated[1]) < 100
    lone = strengths([*played("a", "b", 10, 0, 8), ("b", "c", 1.0), ("c", "d", 1.0)], resamples=100)
    assert math.isnan(lone["a"].low) and "of the resamples only" in (lone["a"].reason or "")


def test_a_seed_is_a_result() -> None:
    comparisons = simulated({"a": 0.5, "b": 0.0, "c": -0.5}, 0.5, 60, seed=5)
    assert strengths(comparisons, resamples=50) == strengths(comparisons, resamples=50)
    assert strengths(comparisons, resamples=50) != strengths(comparisons, resamples=50, seed=1)
