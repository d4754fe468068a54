"""What judges say together, by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.combining import Weights, label_of, shares, together
from blpo_inspect.judging.labels import LabelScale

SAFETY = LabelScale("unordered", ("safe", "unsafe", "unsure"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)


def test_a_tie_goes_to_the_label_of_the_judge_that_is_listed_first() -> None:
    assert together(["unsafe", "safe", "safe", "unsafe"], SAFETY, "majority") == "unsafe"
    assert together([None, "safe", "unsafe"], SAFETY, "majority") == "safe"
    assert together(["unsafe", "safe", "safe"], SAFETY, "weighted", Weights([0.5, 0.25, 0.25])) == "unsafe"
    assert together([None, None], SAFETY, "majority") is None


def test_a_mean_is_the_nearest_label() -> None:
    def rated(said: list[str | None], scale: LabelScale = RATING) -> str:
        value = together(said, scale, "mean")
        assert value is not None
        return label_of(value, scale, said)

    assert rated(["1", "2", "2"]) == "2"
    # 2.5 is as near to 2 as to 3: the first judge's side
    assert rated(["2", "3"]) == "2" and rated(["3", "2"]) == "3" and rated([None, "5", None]) == "5"
    assert rated(["1", "2.5"], NUMBER) == "1.75"


def test_weights_by_hand() -> None:
    votes = Weights([3, 1])
    assert together(["1", "5"], RATING, "weighted", votes) == 2
    assert together([None, "5"], RATING, "weighted", Weights([1, 0])) == 5, "who has a weight could not be read"
    # 3 + .5 · (5 - 4) + 1 · (2 - 2.5)
    centred = Weights([0.5, 1], [[4], [2.5]], [3])
    assert together(["5", "2"], RATING, "weighted", centred) == 3
    assert together(["5", None], RATING, "weighted", centred) == 3.5, "one that could not be read says its mean"
    assert shares(["safe", "unsafe", None], SAFETY, "weighted", Weights([3, 1, 9])) == {
        "safe": 0.75, "unsafe": 0.25, "unsure": 0.0
    }  # fmt: skip


def test_shares_of_votes() -> None:
    assert shares(["safe", None, "safe", "unsafe"], SAFETY, "majority") == {"safe": 2 / 3, "unsafe": 1 / 3, "unsure": 0}
    assert shares(["1", "2"], RATING, "mean") is None and shares([None], SAFETY, "majority") is None


@given(st.lists(st.sampled_from([None, *SAFETY.labels]), min_size=2, max_size=6), st.data())
def test_the_label_has_the_largest_share(said: list[str | None], data: st.DataObject) -> None:
    weights = Weights(data.draw(st.lists(st.floats(0, 10), min_size=len(said), max_size=len(said))))
    for way in ("majority", "weighted"):
        label, votes = together(said, SAFETY, way, weights), shares(said, SAFETY, way, weights)
        if label is None:
            assert votes is None
            continue
        assert label in said and votes is not None and votes[str(label)] == max(votes.values())
        assert sum(votes.values()) == pytest.approx(1)
