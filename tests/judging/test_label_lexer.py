"""Where a label begins and ends: the same for whole replies, growing ones and tokens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.label_lexer import LabelLexer, normalized
from blpo_inspect.judging.labels import LabelScale

STARTS = LabelLexer({name: name for name in ("safe", "unsafe", "very safe", "very", "4", "4.5", "安全", "不安全")})


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("safe.\n", "safe"),
        ("**Safe**", "**Safe"),
        (" safe because", " safe"),
        ("(safe)", "(safe"),
        ("“Safe”, as", "“Safe"),
        ("safe,5", "safe"),
        ("very safe.\n", "very safe"),
        ("very much", "very"),
        ("4 points", "4"),
        ("4.\nIt", "4"),
        ("4.5 of", "4.5"),
        ('"unsafe"', '"unsafe'),
        ("ｓａｆｅ ", "ｓａｆｅ"),
        ("安全。", "安全"),
        ("不安全, 因为", "不安全"),
        ("safe", None),  # safely?
        ("safe.", None),  # safe.ty?
        ("safe_", None),  # safe_x?
        ("safe_x ", None),
        ("safely yours", None),
        ("very ", None),  # very safe?
        ("very sa", None),
        ("4.", None),  # 4.5?
        ("4,5", None),
        ("4/10 ", None),
        ("4%", None),
        ("not safe ", None),
        ("safe-ish ", None),
        ("安全ではない", None),
        ("❌ safe ", None),
        ("", None),
    ],
)
def test_where_a_label_is_sure(text: str, label: str | None) -> None:
    end = STARTS.sure_end(text)
    assert (None if end is None else text[:end]) == label


CHARS = " safevryun4.5,-_/(\n*x安全不"
texts = st.text(CHARS, max_size=12) | st.lists(
    st.sampled_from(["safe", "unsafe", "very", " ", ".", ",", "_", "(", "4", "5", "*", "安全", "不", "\n"]), max_size=6
).map("".join)


@given(texts, texts)
def test_what_is_sure_stays_whatever_comes(text: str, more: str) -> None:
    end = STARTS.sure_end(text)
    if end is not None:
        assert STARTS.sure_end(text + more) == end


@given(texts)
def test_growing_texts_whole_texts_and_tokens_agree(text: str) -> None:
    end = STARTS.sure_end(text)
    if end is not None:
        whole = STARTS.exactly(normalized(text[:end]))
        assert whole is not None
        begun = STARTS.begins(normalized(text))
        assert begun is not None
        assert begun.label == whole.label
        assert whole.label in STARTS.fitting(text)


@pytest.mark.parametrize(
    ("text", "fitting"),
    [
        ("un", {"unsafe"}),
        ("sa", {"safe"}),
        ("safe_x", set()),
        ("(safe", {"safe"}),
        ("safe,5", {"safe"}),
        ("v", {"very", "very safe"}),
        ("very", {"very", "very safe"}),
        ("very good", {"very"}),
        ("4", {"4", "4.5"}),
        ("4,5", set()),
        ("不", {"不安全"}),
        ("x", set()),
    ],
)
def test_what_tokens_may_become(text: str, fitting: set[str]) -> None:
    assert STARTS.fitting(text) == fitting


@pytest.mark.parametrize("text", ["safe_x", "safety", "safe-ish", "un-safe", "unsafe_false", "!safe", "safe?"])
def test_another_word_is_no_label(text: str) -> None:
    assert STARTS.exactly(normalized(text)) is None


@pytest.mark.parametrize(
    ("labels", "label", "opposite"),
    [
        (("safe", "unsafe"), "safe", "unsafe"),
        (("safe", "unsafe"), "unsafe", "safe"),
        (("match", "mismatch"), "match", "mismatch"),
        (("acceptable", "not acceptable"), "acceptable", "not acceptable"),
        (("安全", "不安全"), "不安全", "安全"),
        (("sicher", "unsicher"), "sicher", "unsicher"),
        (("good", "bad"), "good", None),
        (("art", "tart"), "art", None),
        (("safe", "unsafe", "unclear"), "safe", None),
    ],
)
def test_only_labels_that_deny_each_other_are_opposite(
    labels: tuple[str, ...], label: str, opposite: str | None
) -> None:
    lexer = LabelScale("unordered", labels).lexer
    found = lexer.exactly(label)
    assert found is not None
    assert lexer.opposite(found) == opposite
