"""The optimizer's questions: what they say, and that nothing between tags gets out of them."""

import re
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.delimiters import Example, fenced, reserved_tag
from blpo_inspect.optimizers.questions import (
    Tried,
    again,
    critique_judge_prompt,
    edit_judge_prompt,
    outscore_judge_prompts,
    reword_judge_prompt,
    update_i2t_prompt,
    update_judge_prompt,
)

WORDS = LabelScale("unordered", ("safe", "unsafe"))
NAMES = [
    "current_judge_prompt",
    "judge_prompt",
    "i2t_prompt",
    "example",
    "text",
    "description",
    "people",
    "judge",
    "tried",
    "request",
    "score",
    "critique",
    "instruction",
    "image_number",
]


@st.composite
def _tags(draw: st.DrawFn) -> str:
    """A tag of the questions in any case and spacing, opening or closing, whole or not."""
    name = draw(st.sampled_from(NAMES))
    name = draw(st.sampled_from([name, name.upper(), name.title()]))
    space = st.sampled_from(["", " ", "\n", "\t "])
    slash = draw(st.sampled_from(["", "/"]))
    return f"<{draw(space)}{slash}{draw(space)}{name}{draw(space)}{draw(st.sampled_from(['>', ' x=1>', '', '>>']))}"


HOSTILE = st.lists(st.one_of(_tags(), st.text(max_size=8), st.sampled_from("<>/{}")), max_size=5).map("".join)


def blocks(tag: str, text: str) -> list[str]:
    """What stands between tags, as a lenient reader sees it; openings and closings must alternate."""
    tags = list(re.finditer(rf"<\s*(/?)\s*{tag}\b", text, re.IGNORECASE))
    assert [match[1] for match in tags] == ["", "/"] * (len(tags) // 2)
    return [text[start.end() + 1 : end.start()] for start, end in zip(tags[::2], tags[1::2], strict=True)]


def is_data(block: str, data: str) -> bool:
    """Whether a block holds the data, of which only the openings of tags were changed."""
    return block.replace("‹", "<") == data.replace("‹", "<")


@given(HOSTILE, st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, st.none() | HOSTILE), min_size=1, max_size=3), HOSTILE)
@settings(max_examples=150)
def test_update_p_cannot_be_broken_out_of(
    prompt: str, rows: list[tuple[str, str, str, str | None]], label: str
) -> None:
    examples = [Example(human, judge, description, text) for human, judge, description, text in rows]
    scale = LabelScale("unordered", ("ok", f"not {label}"))
    question = update_judge_prompt(prompt, examples, scale, max_chars=4000)

    [current] = blocks("current_judge_prompt", question)
    assert is_data(current, prompt)
    parts = blocks("example", question)
    assert len(parts) == len(examples)
    for part, example in zip(parts, examples, strict=True):
        for tag, data in (("people", example.human), ("judge", example.judge), ("description", example.description)):
            [block] = blocks(tag, part)
            assert data is not None and is_data(block, data)
        texts = blocks("text", part)
        assert len(texts) == (example.text is not None)
        assert example.text is None or is_data(texts[0], example.text)
        assert not set(re.findall(r"</?(\w+)>", part)) & {"judge_prompt", "current_judge_prompt", "example"}
    assert question.count("<judge_prompt>") == question.count("</judge_prompt>") == 1, "only where the answer goes"
    assert len(blocks("people", question)) == len(blocks("judge", question)) == len(examples)


@given(HOSTILE, st.lists(st.tuples(HOSTILE, st.floats(-1, 1)), min_size=1, max_size=4))
@settings(max_examples=150)
def test_update_q_cannot_be_broken_out_of_and_has_the_best_last(prompt: str, rows: list[tuple[str, float]]) -> None:
    question = update_i2t_prompt(prompt, [Tried(request, score) for request, score in rows], max_chars=1000)
    [current] = blocks("current_judge_prompt", question)
    assert is_data(current, prompt)
    parts = blocks("tried", question)
    expected = sorted(rows, key=lambda row: row[1])
    assert len(parts) == len(rows)
    for part, (request, score) in zip(parts, expected, strict=True):
        [block], [number] = blocks("request", part), blocks("score", part)
        assert is_data(block, request)
        assert number == f"{score:+.4f}"
    assert question.count("<i2t_prompt>") == question.count("</i2t_prompt>") == 1


ROWS = st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE | st.none()), min_size=1, max_size=3)


@given(HOSTILE, ROWS, HOSTILE, HOSTILE)
@settings(max_examples=150)
def test_critiques_edits_and_rewordings_cannot_be_broken_out_of(
    prompt: str, rows: list[tuple[str, str, str | None]], critique: str, label: str
) -> None:
    examples = [Example(human, judge, text=text, number=place) for place, (human, judge, text) in enumerate(rows, 1)]
    scale = LabelScale("unordered", ("ok", f"not {label}"))
    asked = {
        "critique": critique_judge_prompt(prompt, examples, scale),
        "judge_prompt": edit_judge_prompt(prompt, examples, critique, scale, max_chars=4000),
        "reworded": reword_judge_prompt(prompt, scale, max_chars=4000),
    }
    for tag, question in asked.items():
        [current] = blocks("current_judge_prompt", question)
        assert is_data(current, prompt)
        parts = blocks("example", question)
        assert len(parts) == (0 if tag == "reworded" else len(rows))
        for part, (human, judge, text) in zip(parts, rows, strict=False):
            assert is_data(blocks("people", part)[0], human)
            assert is_data(blocks("judge", part)[0], judge)
            assert text is None or is_data(blocks("text", part)[0], text)
        wanted = tag.replace("reworded", "judge_prompt")
        assert question.count(f"<{wanted}>") == question.count(f"</{wanted}>") == 1, "only where the answer goes"
        assert question.endswith(f"between <{wanted}> and </{wanted}>.")
        other = {"critique": "judge_prompt", "judge_prompt": "critique"}[wanted]
        assert question.count(f"<{other}>") == (1 if tag == "judge_prompt" else 0)
    assert is_data(blocks("critique", asked["judge_prompt"])[0], critique)


@given(st.lists(st.tuples(HOSTILE, st.integers(0, 100)), min_size=1, max_size=4), ROWS)
@settings(max_examples=150)
def test_scored_instructions_cannot_be_broken_out_of_and_the_best_is_last(
    tried: list[tuple[str, int]], rows: list[tuple[str, str, str | None]]
) -> None:
    examples = [Example(human, None, description, text) for human, description, text in rows]
    history = [Tried(prompt, score) for prompt, score in tried]
    question = outscore_judge_prompts(history, examples, WORDS, max_chars=777)
    parts = blocks("tried", question)
    for part, (prompt, score) in zip(parts, sorted(tried, key=lambda row: row[1]), strict=True):
        assert is_data(blocks("instruction", part)[0], prompt)
        assert blocks("score", part) == [str(score)]
    for part, (human, description, _) in zip(blocks("example", question), rows, strict=True):
        assert is_data(blocks("people", part)[0], human)
        assert is_data(blocks("description", part)[0], description)
        assert not blocks("judge", part), "OPRO's exemplars have no answers of the judge"
    assert question.count("<judge_prompt>") == question.count("</judge_prompt>") == 1
    assert "777 characters" in question


@given(HOSTILE)
def test_fencing_changes_nothing_but_tags(data: str) -> None:
    inside = fenced("example", data).removeprefix("<example>").removesuffix("</example>")
    assert is_data(inside, data)
    assert not re.search(rf"<\s*/?\s*({'|'.join(NAMES)})\b", inside, re.IGNORECASE)


def test_what_is_no_tag_stays_as_it_is() -> None:
    data = "1 < 2, <b>bold</b>, <textual>, <scores>, a <- b </p>"
    assert fenced("text", data) == f"<text>{data}</text>"
    assert reserved_tag(data) is None


def test_reserved_tags_are_named_as_they_are_written() -> None:
    assert reserved_tag("a < / Example > b") == "</example>"
    assert reserved_tag('<JUDGE_PROMPT x="1">') == "<judge_prompt>"
    assert reserved_tag("fewer than < people and more") is None
    for name in NAMES:
        assert reserved_tag(f"x <{name}> y") == f"<{name}>"


def test_equal_scores_keep_the_order_in_which_they_were_tried() -> None:
    tried = [Tried("b", 0.5), Tried("a", 0.5), Tried("d", -0.1), Tried("c", 0.5), Tried("e", 0.0)]
    question = update_i2t_prompt("Is it?", tried, max_chars=1000)
    assert re.findall(r"<request>(.)</request>\n<score>(.*?)</score>", question) == [
        ("d", "-0.1000"),
        ("e", "+0.0000"),
        ("b", "+0.5000"),
        ("a", "+0.5000"),
        ("c", "+0.5000"),
    ]


def test_update_q_shows_the_prompt_and_the_history_only() -> None:
    """It knows no scale and no examples: nothing in it can give labels away."""
    question = update_i2t_prompt("Is it fine?", [Tried("What is there?", 0.25)], max_chars=321)
    assert "<current_judge_prompt>Is it fine?</current_judge_prompt>" in question
    assert not re.search(r"<(people|judge|example|description|text)>", question)
    assert "no labels to choose from" in question
    assert "321 characters" in question
    assert question.endswith("Give the request between <i2t_prompt> and </i2t_prompt>.")


def asked(scale: LabelScale = WORDS, prompt: str = "Is it?", **parts: Any) -> str:
    """Update_p about one example."""
    example = Example("safe", "unsafe", **parts)
    return update_judge_prompt(prompt, [example], scale, max_chars=1234)


def test_the_labels_are_told_by_the_kind_of_scale() -> None:
    assert "The labels are: safe, unsafe. How the judge has to write" in asked()
    five = LabelScale("ordinal", tuple("12345"))
    assert "The labels are, from lowest to highest: 1, 2, 3, 4, 5. How" in asked(five)
    assert "The label is a number from 0 to 2.5. How" in asked(LabelScale("numeric", low=0.0, high=2.5))


def test_the_rule_about_placeholders() -> None:
    assert "- Put no placeholder in braces into it.\n" in asked()
    assert "- Put no placeholder in braces into it.\n" in asked(prompt="Is it {{so}}?")
    assert "- Keep {text}, for which each image's own value is put in.\n" in asked(prompt="Is it {text}?")


def test_what_is_shown_of_an_example() -> None:
    assert "<example>\n<people>safe</people>\n<judge>unsafe</judge>\n</example>" in asked()
    assert (
        "<example>\n<text>a cat</text>\n<description>A dog.</description>\n<people>safe</people>\n"
        "<judge>unsafe</judge>\n</example>"
    ) in asked(text="a cat", description="A dog.")
    assert "You cannot see the images" in asked(description="A dog.")
    assert "The images stand before this text, each after its number." in asked(number=2)
    assert "<example>\n<image_number>2</image_number>\n<people>safe</people>" in asked(number=2)
    assert "<description></description>" in asked(description=""), "an empty caption is one"
    question = asked(description="x")
    assert "It may be 1234 characters long at most." in question
    assert question.endswith("between <judge_prompt> and </judge_prompt>.")


def test_asking_again_names_the_reason_and_the_tag() -> None:
    assert again("it is empty", "i2t_prompt") == (
        "That cannot be used: it is empty. Give another one, between <i2t_prompt> and </i2t_prompt>."
    )


def test_long_data_do_not_take_long() -> None:
    start = time.process_time()
    for data in ("<" * 100_000, "<" + " " * 100_000, "< /" * 33_000, "<" + "\n" * 50_000 + "/" + " " * 50_000):
        fenced("text", data)
        reserved_tag(data)
    assert time.process_time() - start < 1
