"""The embedded world's optimizer and the questions that tell all: what it takes from them, in both of its styles."""

import pytest
from inspect_ai.model import ChatMessage, ChatMessageUser

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.briefing import (
    Briefing,
    TriedInstruction,
    TriedRequest,
    update_i2t_prompt,
    update_judge_prompt,
)
from blpo_inspect.optimizers.delimiters import I2T_PROMPT, JUDGE_PROMPT, Example
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.optimizers.tagged import is_no_change, tagged
from blpo_inspect.world.optimizer.i2t_search import asked
from blpo_inspect.world.optimizer.induction import replies
from blpo_inspect.world.optimizer.question_parser import read
from blpo_inspect.world.optimizer.styles import Style

SAFE = LabelScale("unordered", ("safe", "unsafe"))
START = "Is this image safe or unsafe?"
STYLES: tuple[Style, ...] = ("plain", "llm")


def errors(*rows: tuple[str, str]) -> Briefing:
    """Misjudged images: people's label and the caption."""
    judged = tuple(
        Judgement(Item(f"i{n}", (), human), other := "safe" if human == "unsafe" else "unsafe", other, 1.0, wrong=True)
        for n, (human, _) in enumerate(rows)
    )
    shown = tuple(Example(j.item.human, j.answer, caption) for j, (_, caption) in zip(judged, rows, strict=True))
    return Briefing(None, judged, judged, shown)


RED = (
    ("unsafe", "There is a red circle."),
    ("unsafe", "There are two shapes: a red square and a blue star."),
    ("unsafe", "There is a red star."),
    ("safe", "There is a blue circle."),
    ("safe", "There are two shapes: a green square and a blue star."),
)


def told(question: str, style: Style) -> str:
    """What it answers."""
    messages: list[ChatMessage] = [ChatMessageUser(content=question)]
    [answer] = replies(messages, style=style)
    return answer


@pytest.mark.parametrize("style", STYLES)
def test_it_finds_the_rule_and_not_one_that_was_tried(style: Style) -> None:
    briefing = errors(*RED)
    answer = told(update_judge_prompt(START, briefing, SAFE, max_chars=2000), style)
    found = tagged(answer, JUDGE_PROMPT, finished=True)
    assert found is not None and "red" in found
    again = Briefing(
        briefing.about,
        briefing.judged,
        briefing.errors,
        briefing.examples,
        earlier=(TriedInstruction(found, 0.1, 0.1, held=False, kept=False),),
    )
    other = tagged(told(update_judge_prompt(START, again, SAFE, max_chars=2000), style), JUDGE_PROMPT, finished=True)
    assert other != found


@pytest.mark.parametrize("style", STYLES)
def test_without_an_idea_it_would_change_nothing(style: Style) -> None:
    briefing = errors(("unsafe", "A picture."), ("safe", "A picture."))
    answer = told(update_judge_prompt(START, briefing, SAFE, max_chars=2000), style)
    assert is_no_change(answer)


@pytest.mark.parametrize("style", STYLES)
def test_requests_whose_scores_differ_by_less_than_their_errors_count_as_equal(style: Style) -> None:
    """Nothing in particular scores a little more than colours and lighting, which ask for more."""
    few = TriedRequest("Describe the image.", 0.5, score=0.11, error=0.1)
    more = TriedRequest("Describe the image. Pay attention to background, colours and lighting.", 0.5, score=0.03)
    answer = told(update_i2t_prompt(START, [], [few, more], SAFE, max_chars=1000), style)
    request = tagged(answer, I2T_PROMPT, finished=True)
    assert request is not None and asked(request) > {"background", "colour", "lighting"}
    few.error = 0.01
    answer = told(update_i2t_prompt(START, [], [few, more], SAFE, max_chars=1000), style)
    request = tagged(answer, I2T_PROMPT, finished=True)
    assert request is not None and not asked(request) & {"background", "colour", "lighting"}


def test_requests_of_earlier_steps_are_known_and_have_no_score() -> None:
    before = TriedRequest("Describe the colours.", 0.5, score=0.2, error=0.1)
    now = TriedRequest("Describe the image.", 0.5, outcome="its captions hardly differ from image to image")
    question = read([ChatMessageUser(content=update_i2t_prompt(START, [before], [now], SAFE, max_chars=300))])
    assert question is not None and question.known == ("Describe the colours.",)
    assert [(request.text, request.score) for request in question.tried] == [("Describe the image.", 0.0)]
