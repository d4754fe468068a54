"""Monotone maps of labels: exact, and kept only where they help on other images."""

from itertools import combinations_with_replacement

from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics.label_map import fit_map, kept_map

FIVE = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
SAID = list("1122334455")
PEOPLE = [[label] for label in "1122224455"]


def test_a_judge_that_says_three_for_two_is_mapped() -> None:
    assert list(fit_map(FIVE, SAID, PEOPLE).values()) == list("12245")
    kept = kept_map(FIVE, SAID, PEOPLE, [str(place) for place in range(10)])
    assert kept is not None and list(kept.values()) == list("12245")


def test_noise_is_not_fitted() -> None:
    people = [*PEOPLE[:4], ["2"], ["3"], *PEOPLE[6:]]
    assert kept_map(FIVE, SAID, people, [str(place) for place in range(10)]) is None


def test_a_group_is_left_out_whole() -> None:
    assert kept_map(FIVE, SAID, PEOPLE, list("abcdeefghi")) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("12345"), st.lists(st.sampled_from("12345"), min_size=1)), min_size=1))
def test_no_monotone_map_is_better(pairs: list[tuple[str, list[str]]]) -> None:
    def loss(mapping: dict[str, str]) -> float:
        return sum(sum(FIVE.loss(mapping[said], rater) for rater in raters) / len(raters) for said, raters in pairs)

    fitted = fit_map(FIVE, [said for said, _ in pairs], [raters for _, raters in pairs])
    every = [dict(zip("12345", places, strict=True)) for places in combinations_with_replacement("12345", 5)]
    assert fitted in every
    assert loss(fitted) <= min(map(loss, every)) + 1e-6
