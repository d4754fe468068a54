"""What columns mean and how scores become labels."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.data.tables import TableError
from blpo_inspect.importing.rule import Rule, ScoreRule, given_rule, read_rule
from blpo_inspect.judging.labels import LabelScale

RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
SHARE = LabelScale("numeric", low=0, high=1)
SAFETY = LabelScale("unordered", ("safe", "unsafe"))


def test_scores_in_proportion_and_by_cuts() -> None:
    ends = ScoreRule(low=0.0, high=10.0)
    assert [ends.label(score, SHARE) for score in (0, 2.5, 10)] == ["0", "0.25", "1"]
    # 10/4 a step, to the nearest
    assert [ends.label(score, RATING) for score in (0, 1.2, 1.3, 5, 8.8, 10)] == ["1", "1", "2", "3", "5", "5"]
    cuts = ScoreRule(cuts=[0.5])
    assert [cuts.label(score, SAFETY) for score in (-3, 0.49, 0.5, 7)] == ["safe", "safe", "unsafe", "unsafe"]
    with pytest.raises(ValueError, match="the score 11 is not from 0 to 10"):
        ends.label(11, SHARE)


@given(st.floats(0, 10), st.floats(0, 10))
def test_a_higher_score_is_no_lower_label(one: float, other: float) -> None:
    for rule in (ScoreRule(low=0.0, high=10.0), ScoreRule(cuts=[2.0, 4.0, 6.0, 8.0])):
        labels = [int(rule.label(score, RATING)) for score in sorted((one, other))]
        assert labels[0] <= labels[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("columns: {itm: uid}", "itm"),
        ("score: {low: 0}", "give low and high, or cuts"),
        ("score: {low: 0, high: 10, cuts: [1]}", "give low and high, or cuts"),
        ("score: {low: 5, high: 5}", "must be above low"),
        ("score: {cuts: [3, 2]}", "must rise"),
        ("version: 2", "must be 1"),
        ("scores: 1", "scores: no such key"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "import.yaml"
    file.write_text(text)
    with pytest.raises(TableError) as caught:
        read_rule(file)
    assert message in str(caught.value) and "import.yaml" in str(caught.value)


def test_options_go_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "import.yaml"
    file.write_text(
        "columns: {item: uid, judge: model}\nscale: ordinal:1-5\nraters: [a, b]\nscore: {cuts: [1, 2, 3, 4]}\n"
    )
    kept = given_rule(read_rule(file), (), (), None, None, None)
    assert kept == read_rule(file)
    changed = given_rule(read_rule(file), ["item=name"], ["c"], "numeric:0:1", "0:100", None)
    assert (changed.columns, changed.raters, changed.scale) == (
        {"item": "name", "judge": "model"},
        ["c"],
        "numeric:0:1",
    )
    assert changed.score == ScoreRule(low=0.0, high=100.0)
    for options, message in (
        ((["itm=x"], (), None, None, None), "WHAT is one of item, judge"),
        (((), (), None, "0-10", None), "write LOW:HIGH"),
        (((), (), None, None, "a"), "write numbers"),
        (((), (), None, "0:1", "2"), "not both"),
    ):
        with pytest.raises(TableError, match=message):
            given_rule(Rule(), *options)


def test_a_rule_must_fit_the_scale() -> None:
    for scale, score, message in (
        ("", None, "state the scale"),
        ("ordinal:1-5", ScoreRule(cuts=[1.0]), "5 labels take 4 cuts"),
        ("unordered:a,b", ScoreRule(low=0.0, high=1.0), "need a scale with an order"),
        ("numeric:0:1", ScoreRule(cuts=[1.0]), "0 labels take 0 cuts"),
    ):
        with pytest.raises(TableError, match=message):
            Rule(scale=scale, score=score).of_scale()
