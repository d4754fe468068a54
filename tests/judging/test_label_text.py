"""What of a label's text counts, and which labels are numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.label_text import clean, has_unseen, number, plain_number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4", 4.0),
        ("4.0", 4.0),
        ("007", 7.0),
        ("-2", -2.0),
        ("−2", -2.0),
        ("+1", 1.0),
        (".5", 0.5),
        ("0,5", 0.5),
        ("0,125", 0.125),
        ("1e-05", 1e-05),
        ("0.30000000000000004", 0.1 + 0.2),
        *((text, None) for text in ("", "four", "1,000", "1.2.3", "4/5", "4:3", "80%", "0x1F", "1_000", "nan", "inf")),
        *((text, None) for text in ("٣", "9" * 16, "9" * 5000, "--1", "1 2", ".", "-", "½")),
    ],
)
def test_numbers(text: str, value: float | None) -> None:
    assert number(text) == value


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_number_as_a_label_is_read_back(value: float) -> None:
    if abs(value) < 1e15:
        assert number(plain_number(value)) == value


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  very \\n good ".replace("\\n", "\n"), "very good"),
        ("sa\u200bfe", "safe"),
        ("\ufeffsafe\u2060", "safe"),
        ("sa\u00adfe", "safe"),
        ("\u202asafe\u202c", "safe"),
        ("a\u200d\u200cb", "ab"),
        ("\u200d", ""),
        ("e\u0301", "é"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\xa0b", "a b"),
    ],
)
def test_clean(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned and clean(cleaned) == cleaned
    assert has_unseen(text) == any(char in text and char not in cleaned for char in "\u200b\ufeff\u00ad\u202a\u200d")


@given(st.text())
def test_clean_text_stays_as_it_is(text: str) -> None:
    assert clean(clean(text)) == clean(text)
