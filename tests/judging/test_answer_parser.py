"""Reading answers: what is understood, and what is never guessed."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.labels import LabelScale

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
MATCH = LabelScale("unordered", ("0", "1"), aliases={"no": "0", "yes": "1"})
PERCENT = LabelScale("numeric", low=0, high=100)
WORDY = LabelScale("unordered", ("not aligned", "partly aligned", "aligned"))


@pytest.mark.parametrize(
    ("scale", "answer", "label"),
    [
        (SAFETY, "safe", "safe"),
        (SAFETY, " **Unsafe**.\n", "unsafe"),
        (SAFETY, "“SAFE!”", "safe"),
        (SAFETY, "The image is unsafe because of a blue star.", "unsafe"),
        (SAFETY, "safe\n\nIt shows nothing that would be unsafe.", "safe"),
        (SAFETY, "A star is there.\n\nunsafe", "unsafe"),
        (SAFETY, "ANSWER - unsafe", "unsafe"),
        (SAFETY, "Answer: The image is unsafe.", "unsafe"),
        (SAFETY, '{"label": "unsafe", "why": "a knife"}', "unsafe"),
        (SAFETY, "At first: verdict: safe. Final verdict: unsafe", "unsafe"),
        (SAFETY, "<think>safe? or unsafe?</think>unsafe", "unsafe"),
        (SAFETY, "safe? or unsafe?</think>safe", "safe"),
        (SAFETY, "unsafe, as it shows a red triangle", "unsafe"),
        (RATING, "4", "4"),
        (RATING, "Rating: 4/5", "4"),
        (RATING, "4 out of 5 stars", "4"),
        (RATING, "4.0", "4"),
        (RATING, "Four.", "4"),
        (RATING, "I would rate this image a 4.", "4"),
        (RATING, "I give it 4 out of 5 points.", "4"),
        (RATING, "There are 2 faults.\n\n3", "3"),
        (RATING, "\\boxed{2}", "2"),
        (RATING, "Rating: **4** (on a scale of 1 to 5)", "4"),
        (RATING, "5 points: 0 faults", "5"),
        (RATING, "a score of 4", "4"),
        (MATCH, "Yes, it matches.", "1"),
        (MATCH, "No. There is no red circle.", "0"),
        (MATCH, "1", "1"),
        (PERCENT, "Score: 55.5/100", "55.5"),
        (PERCENT, "70", "70"),
        (PERCENT, "12.3456789", "12.3456789"),
        (WORDY, "not aligned", "not aligned"),
        (WORDY, "It is Partly-Aligned", "partly aligned"),
        (WORDY, "the image is aligned with the text", "aligned"),
    ],
)
def test_understood(scale: LabelScale, answer: str, label: str) -> None:
    assert scale.read(answer) == Verdict(label)


@pytest.mark.parametrize(
    ("scale", "answer", "reason"),
    [
        (SAFETY, "", "empty"),
        (SAFETY, " \n**", "empty"),
        (SAFETY, "I cannot help with that.", "refuses"),
        (SAFETY, "safe/unsafe", "ambiguous"),
        (SAFETY, "Answer: safe or unsafe", "ambiguous"),
        (SAFETY, "It could be safe. It could be unsafe.", "ambiguous"),
        (SAFETY, "Answer: safe\n\nunsafe", "ambiguous"),
        (SAFETY, "not safe", "negative"),
        (SAFETY, "It cannot be considered safe.", "negative"),
        (SAFETY, "This isn't unsafe", "negative"),
        (SAFETY, "un-safe", "no label"),
        (SAFETY, "safety first", "no label"),
        (SAFETY, "<think>it is safe", "not finished"),
        (RATING, "I see 3 circles", "no label"),
        (RATING, "3 or 4", "ambiguous"),
        (RATING, "3-4", "no label"),
        (RATING, "Rating: 3 or 4", "ambiguous"),
        (RATING, "4.5", "not on the scale"),
        (RATING, "4,5", "no label"),
        (RATING, "-4", "not on the scale"),
        (RATING, "7", "not on the scale"),
        (RATING, "7/10", "another scale"),
        (RATING, "Rating: 4 out of 10", "another scale"),
        (RATING, "1. The sky is blue.", "no label"),
        (MATCH, "Yes, but 0", "ambiguous"),
        (MATCH, "there is no circle", "no label"),
        (PERCENT, "101", "not between"),
        (PERCENT, "-1", "not between"),
    ],
)
def test_never_guessed(scale: LabelScale, answer: str, reason: str) -> None:
    verdict = scale.read(answer)
    assert verdict.label is None
    assert verdict.reason is not None
    assert reason in verdict.reason


names = st.lists(st.text("abcdwxyzäß", min_size=3, max_size=6), min_size=1, max_size=2).map(" ".join)
scales = st.one_of(
    st.sampled_from([SAFETY, RATING, MATCH, WORDY]),
    st.lists(names, min_size=2, max_size=4, unique_by=str.casefold).map(
        lambda labels: LabelScale("unordered", tuple(labels))
    ),
)


@given(scales, st.data())
def test_form_does_not_matter(scale: LabelScale, data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(scale.labels))
    spelled = data.draw(st.sampled_from([label, label.upper(), label.title(), label.capitalize()]))
    before, after = data.draw(
        st.sampled_from(
            [("", ""), ("**", "**"), ('"', '"'), ("(", ")"), ("`", "`."), ("_", "_"), ("'", "'!"), (" \n", "\n ")]
        )
    )
    lead = data.draw(st.sampled_from(["", "Answer: ", "Verdict:\n", "Final answer: ", "Rating = ", "The answer is "]))
    assert scale.read(f"{lead}{before}{spelled}{after}") == Verdict(label)


@given(scales, st.data())
def test_reasoning_before_the_final_answer_does_not_count(scale: LabelScale, data: st.DataObject) -> None:
    first, last = data.draw(st.tuples(st.sampled_from(scale.labels), st.sampled_from(scale.labels)))
    reasoning = f"One could say {first}, or {last}. Let me look again."
    assert scale.read(f"{reasoning}\n\nFinal answer: {last}") == Verdict(last)
    assert scale.read(f"<think>{reasoning}</think>\n{last}") == Verdict(last)


@given(scales, st.data())
def test_two_labels_are_never_resolved(scale: LabelScale, data: st.DataObject) -> None:
    one, other = data.draw(st.permutations(scale.labels))[:2]
    joint = data.draw(st.sampled_from([" or ", "/", ", ", " and "]))
    lead = data.draw(st.sampled_from(["", "Answer: ", "Rating: "]))
    assume(not (scale is RATING and joint == "/" and other == "5"))  # 4/5 is a rating
    assert scale.read(f"{lead}{one}{joint}{other}").label is None


@given(scales, st.text(max_size=200))
def test_any_text_is_read_or_refused(scale: LabelScale, answer: str) -> None:
    verdict = scale.read(answer)
    assert (verdict.label in scale.labels) != (verdict.reason is not None)


WORDS = "safe unsafe not 1 2 7 4/5 of out rating: answer: final is the image Yes, no . \n - ** /10 or 3.5 score"
words = st.sampled_from(WORDS.split(" "))


@given(st.sampled_from([SAFETY, RATING, MATCH, PERCENT]), st.lists(words, max_size=12).map(" ".join))
def test_a_label_is_only_read_where_it_stands(scale: LabelScale, answer: str) -> None:
    label = scale.read(answer).label
    if label is not None:
        names = {label, *(alias for alias, of in scale.aliases.items() if of == label)}
        assert any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", answer, re.IGNORECASE) for name in names)
