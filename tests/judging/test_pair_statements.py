"""What judges write about two pictures: which replies say which one it is, and which only speak of one."""

import pytest

from blpo_inspect.judging.labels import LabelScale

PAIR, WITH_TIES = LabelScale.pair(), LabelScale.pair(ties=True)

CHOSEN = [
    ("first", "first"),
    ("**Second**.", "second"),
    ("Image 2", "second"),
    ("Image B", "second"),
    ("The first image.", "first"),
    ("Answer: second", "second"),
    ("image 2 is better", "second"),
    ("The second image is better.", "second"),
    ("The second image is better than the first.", "second"),
    ("Picture 1 is clearly the better one because the hands look natural.", "first"),
    ("The second image matches the text better.", "second"),
    ("I think the first image matches the caption more closely, since it shows two dogs.", "first"),
    ("The first one wins.", "first"),
    ("I prefer the second image.", "second"),
    ("The better image is the first one.", "first"),
    ("The first image shows a cat and the second image shows a dog. The second image is better.", "second"),
    ("first. The first image shows a dog, as the text says; the second image shows a cat.", "first"),
    ("Image 2 follows the prompt more accurately. Image 1 leaves out the hat.", "second"),
    ("The first image has sharper edges.\n\nThe second has six fingers.\n\nfirst", "first"),
    ('{"label": "second", "why": "the first image is blurred"}', "second"),
    ("First, because the second image is blurred.", "first"),
]

NOT_CHOSEN = [
    "First, let me look at both images.",
    "First, the lighting in image 2 is soft.",
    "First: the lighting. Second: the colours.",
    "The first image shows a red triangle.",
    "The second image has fewer faults.",
    "The second image is worse.",
    "The second image is not better.",
    "Is the second image better?",
    "If the hat were red, the first image would be better.",
    "The first image is better. The second image is better.",
    "The first image is better in colour, but the second image is better in shape.",
    "The first image is better than the first.",
    "Both images show a cat.",
    "The second image might be better.",
    "I can't compare people in these images.",
    "The first image is better or the second.",
]


@pytest.mark.parametrize(("reply", "label"), CHOSEN)
def test_a_choice_is_read(reply: str, label: str) -> None:
    assert PAIR.read(reply).label == label
    assert WITH_TIES.read(reply).label == label


@pytest.mark.parametrize("reply", NOT_CHOSEN)
def test_what_is_no_choice_stays_unread(reply: str) -> None:
    assert PAIR.read(reply).label is None
    assert WITH_TIES.read(reply).label is None


@pytest.mark.parametrize(
    "reply", ["tie", "It's a tie.", "Both images are equally good.", "Neither.", "Answer: tie", "They are equal."]
)
def test_ties_count_where_there_are_some(reply: str) -> None:
    assert WITH_TIES.read(reply).label == "tie"
    assert PAIR.read(reply).label is None
