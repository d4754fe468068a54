"""Maps of labels: exact or isotonic, and said to help only where they help on other images."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.judging.label_map import checked
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.label_map import Judged, fit_map, fitted_map

FIVE = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
TEN = LabelScale("numeric", low=0, high=10)
SAFETY = LabelScale("unordered", ("safe", "unsafe"))


def of(said: Sequence[str], people: Sequence[str], groups: Sequence[str] = ()) -> list[Judged]:
    """Judged images with one rater each, each a group of its own unless groups are given."""
    return [
        Judged(label, (human,), groups[place] if groups else str(place))
        for place, (label, human) in enumerate(zip(said, people, strict=True))
    ]


def unsure(*of: tuple[float, str]) -> list[Judged]:
    """Images by the probability of ``unsafe`` and people's label."""
    return [
        Judged("unsafe" if unsafe > 0.5 else "safe", (human,), str(place), {"safe": 1 - unsafe, "unsafe": unsafe})
        for place, (unsafe, human) in enumerate(of)
    ]


def test_a_judge_that_says_three_for_two_is_mapped() -> None:
    found = fitted_map(FIVE, of("1122334455", "1122224455"))
    assert found.map == dict(zip("12345", "12245", strict=True))
    # two of ten are off by one of four steps
    assert found.before == pytest.approx(0.05) and found.after == 0
    assert found.helps


def test_noise_is_not_fitted() -> None:
    assert not fitted_map(FIVE, of("1122334455", "1122234455")).helps


def test_a_group_is_left_out_whole() -> None:
    assert not fitted_map(FIVE, of("1122334455", "1122224455", "abcdeefghi")).helps


def test_each_rater_counts() -> None:
    """Two of three raters say 2 where the judge says 3: the map loses a third of a step instead of two thirds."""
    judged = [Judged("3", ("2", "2", "3"), str(place)) for place in range(4)]
    assert fit_map(FIVE, judged)["3"] == "2"
    found = fitted_map(FIVE, judged)
    assert found.before == pytest.approx(2 / 3 / 4)
    assert found.after == pytest.approx(1 / 3 / 4)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("12345"), st.lists(st.sampled_from("12345"), min_size=1)), min_size=1))
def test_no_monotone_map_is_better(pairs: list[tuple[str, list[str]]]) -> None:
    def loss(mapping: dict[str, str]) -> float:
        return sum(sum(FIVE.loss(mapping[said], rater) for rater in raters) / len(raters) for said, raters in pairs)

    fitted = fit_map(FIVE, [Judged(said, tuple(raters), "") for said, raters in pairs])
    every = [dict(zip("12345", places, strict=True)) for places in combinations_with_replacement("12345", 5)]
    assert fitted in every
    assert loss(fitted) <= min(map(loss, every)) + 1e-6


def test_numbers_are_mapped_by_isotonic_regression() -> None:
    """4 and 5 are out of order, so both mean 3.5; the constant stretch is kept by its two ends."""
    assert fit_map(TEN, of(["2", "4", "5", "9"], ["1", "4", "3", "8.5"])) == {
        "2": "1",
        "4": "3.5",
        "5": "3.5",
        "9": "8.5",
    }
    assert fit_map(TEN, of(["2", "2", "7"], ["1", "2", "2"])) == {"2": "1.5", "7": "2"}
    flat = of(["1", "2", "3"], ["4", "4", "4"])
    assert fit_map(TEN, flat) == {"1": "4", "3": "4"}


def test_rounding_leaves_no_number_off_the_scale() -> None:
    thirds = LabelScale("numeric", low=1 / 3, high=2 / 3)
    judged = of([thirds.canonical(0.5), thirds.canonical(0.6)], [thirds.canonical(1 / 3)] * 2)
    found = fit_map(thirds, judged)
    assert checked(found, thirds) == found


def test_a_judge_that_is_two_too_high_is_mapped() -> None:
    said = [str(value) for value in range(2, 11)]
    found = fitted_map(TEN, of(said, [str(int(label) - 2) for label in said]))
    assert found.before == pytest.approx(0.2) and found.helps
    # each end alone is mapped to its neighbour's value
    assert found.after == pytest.approx(2 * 0.1 / 9)


@given(
    st.lists(st.tuples(st.floats(0, 10), st.lists(st.floats(0, 10), min_size=1, max_size=3)), min_size=1, max_size=8)
)
def test_a_map_of_numbers_is_always_valid(pairs: list[tuple[float, list[float]]]) -> None:
    judged = [
        Judged(TEN.canonical(said), tuple(TEN.canonical(rater) for rater in raters), "") for said, raters in pairs
    ]
    found = fit_map(TEN, judged)
    assert checked(found, TEN) == found


def test_a_threshold_is_put_between_what_people_tell_apart() -> None:
    """People say unsafe from .2 on: the weight of unsafe makes up for the odds between .1 and .2."""
    judged = unsure((0.05, "safe"), (0.1, "safe"), (0.2, "unsafe"), (0.3, "unsafe"), (0.9, "unsafe"))
    found = fit_map(SAFETY, judged)
    assert found["safe"] == "1"
    assert float(found["unsafe"]) == pytest.approx(((0.9 / 0.1) * (0.8 / 0.2)) ** 0.5, rel=1e-5)
    assert fitted_map(SAFETY, judged).helps


def test_a_threshold_that_is_right_stays() -> None:
    judged = unsure((0.05, "safe"), (0.4, "safe"), (0.7, "unsafe"), (0.9, "unsafe"))
    assert fit_map(SAFETY, judged) == {"safe": "1", "unsafe": "1"}
    assert not fitted_map(SAFETY, judged).helps


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(SAFETY.labels)), min_size=1, max_size=9))
def test_no_threshold_is_better(pairs: list[tuple[int, str]]) -> None:
    judged = unsure(*((tenth / 6 + 0.05, human) for tenth, human in pairs))
    found = fit_map(SAFETY, judged)

    def errors(weight: float) -> int:
        return sum(
            ("unsafe" if weight * one.probabilities["unsafe"] > one.probabilities["safe"] else "safe") != one.people[0]
            for one in judged
            if one.probabilities
        )

    assert errors(float(found["unsafe"])) == min(errors(2.0**power) for power in range(-12, 13))


def test_weights_of_three_labels() -> None:
    """The judge is too fond of b: lowering its weight gives a and c theirs back."""
    scale = LabelScale("unordered", ("a", "b", "c"))
    rows = [((0.4, 0.5, 0.1), "a"), ((0.1, 0.5, 0.4), "c"), ((0.1, 0.8, 0.1), "b")]
    judged = [
        Judged("b", (human,), f"{human}{copy}", dict(zip(scale.labels, row, strict=True)))
        for row, human in rows
        for copy in range(2)
    ]
    found = fit_map(scale, judged)
    assert 1 / 8 < float(found["b"]) < 0.8
    assert fitted_map(scale, judged).after == 0
