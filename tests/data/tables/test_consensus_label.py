"""Several raters, one label: between two middle ones neither the lower nor the higher is preferred."""

from itertools import product
from statistics import mean

import pytest

from blpo_inspect.data.tables.consensus_label import consensus_label
from blpo_inspect.judging.labels import LabelScale

FIVE = LabelScale.of("12345")
HALVES = LabelScale.of(["0.1", "0.2", "0.3"])
WORDS = LabelScale("ordinal", ("bad", "fair", "good"))
NAMES = LabelScale("unordered", ("a", "b", "c"))
NUMERIC = LabelScale("numeric", low=0, high=10)


@pytest.mark.parametrize(
    ("scale", "ratings", "label"),
    [
        (FIVE, "3", "3"),
        (FIVE, "414", "4"),  # the median
        (FIVE, "3344", None),  # 3 and 4 are as near to 3.5
        (FIVE, "1234", None),  # 2 and 3 are as near to 2.5
        (FIVE, "1235", "3"),  # the mean is 2.75
        (FIVE, "1345", "3"),  # of 3 and 4; the mean is 3.25
        (FIVE, "1144", None),  # 1 and 4 are as near to 2.5
        (HALVES, ["0.1", "0.2"], None),  # whatever floats make of the mean
        (WORDS, ["bad", "fair", "good", "good"], "fair"),  # ranks 0, 1, 2, 2: the mean is 1.25
        (WORDS, ["bad", "good"], None),
        (NAMES, "aab", "a"),
    ],
)
@pytest.mark.parametrize("seed", ["one", "two"])
def test_by_hand(scale: LabelScale, ratings: list[str], label: str | None, seed: str) -> None:
    found, drawn = consensus_label(list(ratings), scale, draw=False, seed=seed)
    assert drawn == (label is None)
    assert found in ratings if label is None else found == label


def test_a_numeric_scale_has_a_value_between_two() -> None:
    assert consensus_label(["4", "2.5"], NUMERIC, draw=False, seed="x") == ("3.25", False)


def test_unordered_labels_that_tie_have_none_unless_one_is_to_be_drawn() -> None:
    assert consensus_label(["c", "a"], NAMES, draw=False, seed="x") == (None, False)
    found = {consensus_label(["c", "a"], NAMES, draw=True, seed=str(seed)) for seed in range(20)}
    assert found == {("a", True), ("c", True)}


def test_a_draw_depends_on_the_seed_alone_and_is_fair() -> None:
    drawn = [consensus_label(["2", "3"], FIVE, draw=False, seed=str(seed))[0] for seed in range(1000)]
    assert drawn == [consensus_label(["3", "2"], FIVE, draw=False, seed=str(seed))[0] for seed in range(1000)]
    assert 437 < drawn.count("2") < 563  # 4 standard deviations of a fair coin


def test_a_judge_who_is_one_of_two_raters_has_no_bias() -> None:
    """The judge rates as the first rater does; the lower label of the two would give a bias of +0.8 here."""
    pairs = [(str(one), str(other)) for one, other in product(range(1, 6), repeat=2)] * 100
    labels = [consensus_label(pair, FIVE, draw=False, seed=str(k))[0] for k, pair in enumerate(pairs)]
    bias = mean(int(one) - int(label or 0) for (one, _), label in zip(pairs, labels, strict=True))
    # the difference has a standard deviation of at most 2 on each of 2,500 images
    assert abs(bias) < 4 * 2 / 50
