"""Scales: what is refused, canonical labels, losses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale

RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("unordered", {"labels": ("safe",)}, "at least two"),
        ("unordered", {"labels": ("safe", "Safe")}, "more than case"),
        ("unordered", {"labels": ("safe", " ")}, "empty"),
        ("unordered", {"labels": ("a", "b"), "aliases": {"c": "d"}}, "not on the scale"),
        ("unordered", {"labels": ("a", "b"), "aliases": {"A": "b"}}, "more than case"),
        ("unordered", {"labels": ("a", "b"), "low": 1.0}, "numeric"),
        ("numeric", {}, "low < high"),
        ("numeric", {"low": 2.0, "high": 2.0}, "low < high"),
        ("numeric", {"low": 1.0, "high": 2.0, "labels": ("1", "2")}, "no labels"),
        ("nominal", {"labels": ("a", "b")}, "unknown kind"),
    ],
)
def test_bad_scales_are_refused(kind: str, fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LabelScale(kind, **fields)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["5", "1", "3"], LabelScale("ordinal", ("1", "2", "3", "4", "5"))),
        (["0", "1", "1"], LabelScale("unordered", ("0", "1"))),
        (["Unsafe", "Safe", "safe"], LabelScale("unordered", ("Safe", "Unsafe"))),
    ],
)
def test_inferred(labels: list[str], expected: LabelScale) -> None:
    assert LabelScale.infer(labels) == expected


@pytest.mark.parametrize("labels", [["a"], [], [f"text {i}" for i in range(21)], ["1", "2", "1000"] * 10 + ["x"] * 0])
def test_not_inferred(labels: list[str]) -> None:
    if labels[:1] == ["1"]:
        assert LabelScale.infer(labels).kind == "unordered"  # too far apart to fill the gaps
        return
    with pytest.raises(ValueError, match="cannot tell the scale"):
        LabelScale.infer(labels)


def test_canonical() -> None:
    safety = LabelScale("unordered", ("Safe", "Unsafe"), aliases={"ok": "Safe"})
    assert [safety.canonical(raw) for raw in ("safe", " UNSAFE ", "ok")] == ["Safe", "Unsafe", "Safe"]
    assert [RATING.canonical(raw) for raw in (4, 4.0, "4", "4.0")] == ["4"] * 4
    assert LabelScale("numeric", low=0, high=1).canonical("0.50") == "0.5"
    for scale, raw in ((safety, "maybe"), (RATING, 6), (RATING, 4.5), (LabelScale("numeric", low=0, high=1), "nan")):
        with pytest.raises(ValueError, match=r"not (on|between)"):
            scale.canonical(raw)


def test_loss_by_hand() -> None:
    assert LabelScale("unordered", ("a", "b", "c")).loss("a", "c") == 1.0
    assert RATING.loss("2", "5") == pytest.approx(3 / 4)
    assert LabelScale("ordinal", ("bad", "fair", "good")).loss("bad", "fair") == pytest.approx(1 / 2)
    assert LabelScale("numeric", low=0, high=10).loss("2.5", "5") == pytest.approx(0.25)


def test_value() -> None:
    assert RATING.value("4") == 4.0
    assert LabelScale("ordinal", ("bad", "fair", "good")).value("good") == 2.0
    with pytest.raises(ValueError, match="unordered"):
        LabelScale("unordered", ("a", "b")).value("a")


@given(st.sampled_from(RATING.labels), st.sampled_from(RATING.labels))
def test_loss_is_a_distance(one: str, other: str) -> None:
    assert 0 <= RATING.loss(one, other) == RATING.loss(other, one) <= 1
    assert (RATING.loss(one, other) == 0) == (one == other)


@pytest.mark.parametrize(
    "scale",
    [
        RATING,
        LabelScale("numeric", low=-1, high=1.5),
        LabelScale("unordered", ("0", "1"), aliases={"yes": "1", "no": "0"}),
    ],
)
def test_dict_round_trip(scale: LabelScale) -> None:
    assert LabelScale.from_dict(scale.to_dict()) == scale


def test_from_dict_names_what_it_got() -> None:
    with pytest.raises(ValueError, match="colour"):
        LabelScale.from_dict({"kind": "unordered", "labels": ["a", "b"], "colour": 1})


def test_instruction_names_every_label() -> None:
    assert RATING.instruction() == "Answer with exactly one of: 1, 2, 3, 4, 5."
    assert LabelScale("numeric", low=0, high=10).instruction() == "Answer with exactly one number from 0 to 10."
