"""The loss against the raters: by hand, and what counts as an error where they differ."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.model import ModelOutput

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.evaluator import against_raters, judgement
from blpo_inspect.optimizers.problem import Item

SAFE = LabelScale("unordered", ("safe", "unsafe"))
STARS = LabelScale("ordinal", tuple("12345"))
PERCENT = LabelScale("numeric", (), 0, 100)


@pytest.mark.parametrize(
    ("scale", "label", "raters", "least", "loss", "disputed"),
    [
        # all agree on another label: no spread, an error
        (SAFE, "safe", ["unsafe"] * 3, 0, 1, True),
        # two to one: excess 1, 1, -1 has mean 1/3 and standard error 2/3
        (SAFE, "safe", ["unsafe", "unsafe", "safe"], 1 / 3, 2 / 3, False),
        # eight to two of ten: mean 0.6, standard error 0.27
        (SAFE, "safe", ["unsafe"] * 8 + ["safe"] * 2, 0.2, 0.8, True),
        # 1 to 5: nine say 3, eight say 4, eight spread about; 4 for 3 is noise, 5 is not
        (STARS, "4", list("3" * 9 + "4" * 8 + "22222" + "555"), 19 / 100, 22 / 100, False),
        (STARS, "5", list("3" * 9 + "4" * 8 + "22222" + "555"), 19 / 100, 41 / 100, True),
        # a number: the best is a median
        (PERCENT, "90", ["10", "20", "30"], 0.2 / 3, 0.7, True),
        # fewer than three raters have no spread to go by
        (SAFE, "safe", ["unsafe"], 0, 1, True),
        (SAFE, "safe", ["unsafe", "safe"], 0.5, 0.5, False),
    ],
)
def test_by_hand(scale: LabelScale, label: str, raters: list[str], least: float, loss: float, disputed: bool) -> None:
    found = against_raters(label, raters, scale)
    assert list(found[:2]) == pytest.approx([least, loss])
    assert found[2] is disputed


@given(st.lists(st.sampled_from("12345"), min_size=1, max_size=25), st.sampled_from("12345"))
def test_the_least_loss_is_least_and_the_best_label_is_never_an_error(raters: list[str], label: str) -> None:
    least, loss, disputed = against_raters(label, raters, STARS)
    every = {said: sum(STARS.loss(said, rater) for rater in raters) / len(raters) for said in "12345"}
    assert math.isclose(least, min(every.values()), abs_tol=1e-12) and math.isclose(loss, every[label], abs_tol=1e-12)
    assert not disputed or loss > least


def test_a_judgement_against_raters() -> None:
    item = Item("a", (), "unsafe", raters=("unsafe", "unsafe", "safe"))
    found = judgement(item, ModelOutput.from_content("m", "safe"), SAFE, "raters")
    assert [found.loss, found.least] == pytest.approx([2 / 3, 1 / 3]) and not found.wrong
    assert judgement(item, ModelOutput.from_content("m", "safe"), SAFE, "scale").wrong
    unread = judgement(item, ModelOutput.from_content("m", "hard to say"), SAFE, "raters")
    assert (unread.label, unread.loss, unread.wrong) == (None, 1.0, True)
    # people's label itself is right, even where the mean loss favours another
    divided = Item("b", (), "1", raters=tuple("1111" + "555" + "4"))
    assert not judgement(divided, ModelOutput.from_content("m", "1"), STARS, "raters").wrong
