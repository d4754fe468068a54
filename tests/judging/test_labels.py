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
        ("unordered", {"labels": ("not safe", "not-safe")}, "more than case"),
        ("unordered", {"labels": ("\u200b", "b")}, "empty"),
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
        (["Unsafe", *["safe"] * 59, "SAFE"], LabelScale("unordered", ("safe", "Unsafe"))),
        (["not safe", "not_safe", "Not-Safe", "not safe", "ok"], LabelScale("unordered", ("not safe", "ok"))),
        (["sa\u200bfe", "unsafe", "safe"], LabelScale("unordered", ("safe", "unsafe"))),
        ([str(k / 2) for k in range(1, 10)], LabelScale.of(["0.5", "1", "1.5", "2", "2.5", "3", "3.5", "4", "4.5"])),
        (["0.5", "1.0", "2.5", "3.5"], LabelScale.of(["0.5", "1", "1.5", "2", "2.5", "3", "3.5"])),  # half of the steps
        (["0,5", "1", "1,5"], LabelScale("ordinal", ("0.5", "1", "1.5"))),
        (["-2", "+2", "−1"], LabelScale("ordinal", ("-2", "-1", "0", "1", "2"))),
        (["0", "25", "50", "75", "100"], LabelScale("ordinal", ("0", "25", "50", "75", "100"))),
        (["0", "10", "50", "100"], LabelScale("ordinal", ("0", "10", "50", "100"))),  # fewer than half of the steps
        (["0.1", "0.2", "0.3"], LabelScale("ordinal", ("0.1", "0.2", "0.3"))),
        ([str(k) for k in range(15)], LabelScale("ordinal", tuple(str(k) for k in range(15)))),
        ([str(k) for k in range(0, 101, 3)], LabelScale("numeric", low=0, high=99)),
        (["0.12", "0.87", "0.5"], LabelScale("numeric", low=0.12, high=0.87)),
        (["1e-05", "0.5", "0.30000000000000004"], LabelScale("numeric", low=1e-05, high=0.5)),
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
    assert [LabelScale("numeric", low=0, high=1).canonical(raw) for raw in ("0.50", "0,5", ".5")] == ["0.5"] * 3
    assert LabelScale("numeric", low=-1, high=1).canonical("−0.5") == "-0.5"
    halves = LabelScale("ordinal", ("0.5", "1.0", "1.50"))
    assert [halves.canonical(raw) for raw in (0.5, ".5", "0,5", "1", 1.5, "+1.5")] == ["0.5"] * 3 + ["1.0"] + [
        "1.50"
    ] * 2
    accents = LabelScale("unordered", ("d\xe9j\xe0", "x"))
    assert [accents.canonical(raw) for raw in ("de\u0301ja\u0300", "D\xc9J\xc0", "d\u200b\xe9j\xe0")] == [
        "d\xe9j\xe0"
    ] * 3
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
    assert [LabelScale("ordinal", ("-0.5", "0", "0,5")).value(label) for label in ("-0.5", "0,5")] == [-0.5, 0.5]
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


def test_an_alias_may_be_another_spelling_of_its_own_label() -> None:
    scale = LabelScale("unordered", ("not safe", "safe"), aliases={"not-safe": "not safe", "ok": "safe"})
    assert scale.canonical("NOT_SAFE") == "not safe"


def test_the_loss_of_uneven_steps_counts_the_steps() -> None:
    assert LabelScale("ordinal", ("1", "2", "1000")).loss("1", "2") == pytest.approx(1 / 2)
