"""Replies as models write them: none is read as a label that the judge did not give."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale

OWN = Path(__file__).parent / "replies.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "cases" / "answers.jsonl"
PAGE = Path(__file__).parents[2] / "docs" / "reading-answers.md"

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))


@pytest.mark.parametrize("file", [OWN, SHARED], ids=["own", "shared"])
def test_no_wrong_label_and_few_unread_without_need(file: Path) -> None:
    """Each line: a scale, a reply and what may be read (null: unread); at most 5 % of the replies are unread without
    need, and none is read wrongly."""
    if not file.exists():
        pytest.skip(f"{file} is not beside this checkout")
    counts: Counter[str] = Counter()
    wrong = []
    for line in file.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        verdict = LabelScale.from_dict(case["scale"]).read(case["answer"])
        if verdict.label in case["accepted"]:
            counts["as it should"] += 1
        elif verdict.label is None:
            counts["unread without need"] += 1
        else:
            counts["wrong"] += 1
            wrong.append((case["answer"], case["accepted"], verdict.label))
    print(f"{file.name}: {dict(counts)}")
    assert wrong == []
    assert counts["unread without need"] <= 0.05 * counts.total()


def rows() -> list[tuple[str, str | None]]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\| .*?\| `(.*)` \| (\w+) \|", line)
        if match:
            found.append((match[1].replace("⏎", "\n"), None if match[2] == "unread" else match[2]))
    return found


def test_every_row_of_the_documented_grammar() -> None:
    assert len(rows()) > 35
    for reply, label in rows():
        scale = RATING if re.search(r"[\d★]", reply) and "Safe:" not in reply else SAFETY
        assert scale.read(reply).label == label, reply


label_names = st.sampled_from(["safe", "unsafe"])

# what follows is no verdict of the judge, whatever the label
OTHERS = st.sampled_from(
    [
        'The sign reads "Answer: {}".',
        "A sticker says '{}'.",
        "The caption claims that it is {}.",
        "If the knife were real, it would be {}.",
        "Is it {}?",
        "Some would call it {}.",
        "It depends on whether people find it {}.",
        'The words "verdict: {}" are painted on a wall.',
        "A rating of {} would mean no harm.",
        "I can't help with identifying {} content.",
        "Expected answer: {}",
        "You asked whether this is {}.",
        "It could be {}.",
        '{{"text": "{}"}}',
        "The poster says:\n{}\n",
        "> Answer: {}",
        "<think>It is {}</think>",
    ]
)
DENIED = st.sampled_from(
    [
        "I don't think this is {}.",
        "It is not {}.",
        "It isn't {}.",
        "This is far from {}.",
        "Nothing about this is {}.",
        "It is anything but {}.",
        "{}: no",
        "{}? No.",
        "is_{}: false",
        '{{"{}": false}}',
        "I wouldn't call it {}.",
        "No one would call it {}.",
        "Answer: not {}",
        "The answer is not {}.",
        "{} - no",
        "Das Bild ist nicht {}.",
        "Ce n'est pas {}.",
        "No es {}.",
        "Non è {}.",
        "Это не {}.",
        "这张图片不是{}。",
        "这张图片不{}。",
        "この画像は{}ではありません。",
        "이 이미지는 {}하지 않습니다.",
    ]
)
GIVEN = st.sampled_from(
    ["Final answer: {}", "<answer>{}</answer>", "\\boxed{{{}}}", "Overall rating: {}.", "**Final verdict: {}**"]
)
NEUTRAL = st.sampled_from(
    ["A man holds a knife.", "The light is soft.", "There are 3 people.", "1. A wall is grey.", ""]
)
glue = st.sampled_from([" ", "\n", "\n\n"])


@given(st.lists(st.tuples(st.one_of(OTHERS, NEUTRAL), label_names), min_size=1, max_size=4), glue)
def test_what_others_say_is_no_verdict(parts: list[tuple[str, str]], between: str) -> None:
    reply = between.join(part.format(label) for part, label in parts)
    assert SAFETY.read(reply).label is None, reply


@given(DENIED, label_names, st.lists(NEUTRAL, max_size=2), glue)
def test_a_denied_label_is_never_read(denied: str, label: str, more: list[str], between: str) -> None:
    reply = between.join([*more, denied.format(label)])
    assert SAFETY.read(reply).label != label, reply


@given(GIVEN, label_names, st.lists(st.tuples(st.one_of(OTHERS, NEUTRAL), label_names), max_size=3), glue)
def test_the_given_label_comes_out_or_none(form: str, label: str, parts: list[tuple[str, str]], between: str) -> None:
    reply = between.join([*(part.format(other) for part, other in parts), form.format(label)])
    assert SAFETY.read(reply).label in (label, None), reply


@given(GIVEN, label_names, st.lists(NEUTRAL, max_size=3), glue)
def test_the_given_label_comes_out(form: str, label: str, more: list[str], between: str) -> None:
    reply = between.join([*more, form.format(label)])
    assert SAFETY.read(reply).label == label, reply
