"""What several judges say together, by hand."""

import pytest

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.scorers.panel import Reducer, as_on, combined, scale_of_verdicts

WORDS = LabelScale("ordinal", ("bad", "fair", "good"))
NUMBER = LabelScale("numeric", low=0, high=10)


@pytest.mark.parametrize(
    ("scale", "reducer", "labels", "label"),
    [
        (WORDS, "mode", ["good", "bad", "good"], "good"),
        (WORDS, "mean", ["good", "bad", None], "1"),
        (WORDS, "median", ["good", "good", "bad", "fair"], "1.5"),
        (NUMBER, "mean", ["2.5", "4"], "3.25"),
        (NUMBER, "mode", ["2.5", "4"], None),
        (WORDS, "median", [None, None], None),
    ],
)
def test_combined(scale: LabelScale, reducer: Reducer, labels: list[str | None], label: str | None) -> None:
    assert combined(labels, scale, reducer).label == label


def test_a_mean_of_words_is_on_a_numeric_scale_of_their_ranks() -> None:
    assert scale_of_verdicts(WORDS, "mean") == LabelScale("numeric", low=0, high=2)
    assert as_on(WORDS, "good", "median") == "2" and as_on(WORDS, "good", "mode") == "good"
    assert scale_of_verdicts(NUMBER, "mean") == NUMBER and as_on(NUMBER, "2.5", "mean") == "2.5"
