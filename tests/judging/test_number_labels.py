"""Replies on scales of decimals and of numbers below zero: read where they are plain, never with another number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale

HALVES = LabelScale.of([f"{k / 2:g}" for k in range(1, 11)])
SIGNED = LabelScale.of(["-2", "-1", "0", "1", "2"])
RATING = LabelScale.of("12345")


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("4.5", "4.5"),
        ("4,5", "4.5"),
        ("4.0", "4"),
        ("4.50", "4.5"),
        (".5", "0.5"),
        ("0,5.", "0.5"),
        ("Rating: .5", "0.5"),
        ("Rating: 4.5/5", "4.5"),
        ("**4.5** out of 5", "4.5"),
        ("4.5 stars", "4.5"),
        ("★★★★", "4"),
        ("four", "4"),
        ("I rate it 3.5.", "3.5"),
        ("Rating (0.5-5): 4.5", "4.5"),
        ("On a scale from 0.5 to 5, I rate it 4", "4"),
        ("The image deserves a 2,5 because the hands are odd", "2.5"),
        ('{"rating": 4.5}', "4.5"),
        ('{"rating": "4,5"}', "4.5"),
        ("4.25", None),
        ("4, 5", None),
        ("4,5,1", None),
        ("4.5 or 5", None),
        ("10", None),
        ("-4.5", None),
        ("4.5 out of 10", None),
        ("one and a half", None),
        ("Rating: 4 (and a half)", None),
        ("four point five", None),
        ("4½", None),
        ("★★★★½", None),
        ("0.5-5", None),
        ("Rating: 4.5\nRating: 4", None),
    ],
)
def test_decimals(reply: str, label: str | None) -> None:
    assert HALVES.read(reply).label == label


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        ("-1", "-1"),
        ("−1", "-1"),
        ("(-2)", "-2"),
        ("+1", "1"),
        ("2", "2"),
        ("-1.0", "-1"),
        ("Rating: -1", "-1"),
        ("Rating -1", "-1"),
        ("Rating: +2", "2"),
        ("I rate it -2.", "-2"),
        ("On a scale from -2 to 2, I rate it 1.", "1"),
        ("Rating (-2 to 2): -1", "-1"),
        ("The rating is -1 because 2 hands are odd", "-1"),
        ('{"rating": -1}', "-1"),
        ("Rating - 1", None),
        ("- 2", None),
        ("–2", None),
        ("Rating: – 1", None),
        ("Rating –1", None),
        ("minus one", None),
        ("negative 1", None),
        ("-3", None),
        ("-2 to 2", None),
        ("1 - 2", None),
    ],
)
def test_below_zero(reply: str, label: str | None) -> None:
    assert SIGNED.read(reply).label == label


def test_whole_numbers_are_read_as_before() -> None:
    assert [RATING.read(reply).label for reply in ("4,5", "- 4", "Rating - 4", ".4", "+4")] == [
        None,
        "4",
        "4",
        None,
        None,
    ]


@given(
    st.sampled_from(HALVES.labels), st.sampled_from([",", "."]), st.sampled_from(["{}", "Rating: {}", "I rate it {}."])
)
def test_every_label_is_read_from_plain_replies(label: str, point: str, reply: str) -> None:
    assert HALVES.read(reply.format(label.replace(".", point))).label == label


@given(st.sampled_from([HALVES, SIGNED]), st.text("0123456789.,-−+/ ½\n", max_size=8))
def test_no_other_number_is_ever_read(scale: LabelScale, reply: str) -> None:
    label = scale.read(reply).label
    if label is not None:
        value = abs(float(label))
        assert f"{value:g}" in reply.replace(",", ".") or f"{value:g}".removeprefix("0") in reply.replace(",", ".")
        signed = scale is SIGNED and value > 0  # zero has no sign
        assert (float(label) < 0) == (signed and reply.strip().startswith(("-", "−")))
