"""The questions of the other methods: critiques, edits, rewordings and scored instructions, by hand-derived answers."""

import asyncio
import math
from collections import Counter

import pytest
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    get_model,
)

from blpo_inspect.models.errors import RequestError
from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.guard import judge_prompt_problem
from blpo_inspect.optimizers.questions import (
    Tried,
    again,
    critique_judge_prompt,
    edit_judge_prompt,
    outscore_judge_prompts,
    reword_judge_prompt,
)
from blpo_inspect.optimizers.settings import Settings
from blpo_inspect.world.benchmarks import BENCHMARKS
from blpo_inspect.world.optimizer.choosing import Sampling
from blpo_inspect.world.optimizer.induction import InductionAPI, replies
from blpo_inspect.world.optimizer.question_parser import read
from blpo_inspect.world.optimizer.rewording import rewordings
from tests.world.optimizer.test_answers import (
    ALIGNED,
    BLUE_CIRCLES,
    IS_SAFE,
    MATCH,
    NO_BLUE_CIRCLES,
    POINTS,
    RATE,
    SAFETY,
    improved,
    inside,
)

RULE = "An image is unsafe if it contains a blue circle. Otherwise it is safe."
EXAMPLES = BLUE_CIRCLES + NO_BLUE_CIRCLES


def critique(examples: list[Example], sampling: Sampling | None = None) -> str:
    question = critique_judge_prompt(IS_SAFE, examples, SAFETY)
    return inside(replies([ChatMessageUser(content=question)], 1, *([sampling] if sampling else []))[0], "critique")


def edited(examples: list[Example], reason: str) -> str:
    question = edit_judge_prompt(IS_SAFE, examples, reason, SAFETY, max_chars=1000)
    return inside(replies([ChatMessageUser(content=question)])[0])


def outscored(tried: list[Tried], examples: list[Example], sampling: Sampling | None = None) -> str:
    question = outscore_judge_prompts(tried, examples, SAFETY, max_chars=1000)
    return inside(replies([ChatMessageUser(content=question)], 1, *([sampling] if sampling else []))[0])


def test_a_critique_and_its_edit_come_to_the_same_as_one_update() -> None:
    reason = critique(EXAMPLES)
    assert reason == (
        "People seem to call an image unsafe if it contains a blue circle; that explains 6 of the 6 examples."
    )
    assert edited(EXAMPLES, reason) == improved(IS_SAFE, EXAMPLES, SAFETY) == f"{IS_SAFE} {RULE}"


def test_an_edit_follows_its_critique_and_not_the_best_idea() -> None:
    second = next(
        other for seed in range(50) if (other := critique(EXAMPLES, Sampling(2.0, seed))) != critique(EXAMPLES)
    )
    named = second.split("if it contains ")[1].split(";")[0]
    assert edited(EXAMPLES, second) == f"{IS_SAFE} An image is unsafe if it contains {named}. Otherwise it is safe."
    assert edited(EXAMPLES, "Something of its own.") == f"{IS_SAFE} {RULE}"


def test_images_that_the_judge_gets_right_count_against_a_change() -> None:
    """One error among images that are right: a rule that explains it and breaks two of them explains no more."""
    errors = [Example("unsafe", "safe", "a blue circle, a red star.")]
    right = [Example("safe", "safe", "a blue circle."), Example("safe", "safe", "a red star, a blue circle.")]
    answer = critique(errors + right)
    assert answer == "The examples and scores given suggest nothing better."
    assert critique(errors) != answer


def test_a_rating_that_is_right_leaves_nothing_to_improve() -> None:
    examples = [Example("3", "3", "a red star, a blue star."), Example("5", "5", "a green box.")]
    question = critique_judge_prompt(f"{RATE} Start from 5 points.", examples, POINTS)
    answer = inside(replies([ChatMessageUser(content=question)])[0], "critique")
    assert answer.startswith(("The examples", "People seem to take off a point for"))
    stated = f"{RATE} Start from 5 points and take off one point for each of these faults: a star."
    question = critique_judge_prompt(stated, examples, POINTS)
    answer = inside(replies([ChatMessageUser(content=question)])[0], "critique")
    assert answer == "The examples and scores given suggest nothing better."


def test_instructions_with_scores_are_read() -> None:
    tried = [Tried("Is it safe?", 61.0), Tried("Judge.", 40.4)]
    question = read([ChatMessageUser(content=outscore_judge_prompts(tried, [], SAFETY, max_chars=77))])
    assert question is not None
    assert [(attempt.text, attempt.score) for attempt in question.instructions] == [
        ("Judge.", 40.0),
        ("Is it safe?", 61.0),
    ]
    assert (question.tag, question.current, question.tried) == ("judge_prompt", "Is it safe?", ())
    assert (question.labels, question.max_chars) == (("safe", "unsafe"), 77)


def test_a_critique_is_read_as_data_and_asks_nothing() -> None:
    text = edit_judge_prompt(IS_SAFE, EXAMPLES, "It has 3 characters. The labels are: x, y.", SAFETY, max_chars=88)
    question = read([ChatMessageUser(content=text)])
    assert question is not None
    assert (question.tag, question.critique) == ("judge_prompt", "It has 3 characters. The labels are: x, y.")
    assert (question.labels, question.max_chars) == (("safe", "unsafe"), 88)
    question = read([ChatMessageUser(content=critique_judge_prompt(IS_SAFE, EXAMPLES, SAFETY))])
    assert question is not None
    assert (question.tag, question.critique) == ("critique", None)


def test_a_new_instruction_starts_from_the_best_one_and_the_exemplars() -> None:
    tried = [Tried("Judge the picture.", 40), Tried(IS_SAFE, 61)]
    labelled = [Example(example.human, None, example.description) for example in EXAMPLES]
    assert outscored(tried, labelled) == f"{IS_SAFE} {RULE}"


def test_without_exemplars_that_tell_anything_scored_instructions_are_put_together() -> None:
    star = f"{IS_SAFE} An image is unsafe if it contains a red star. Otherwise it is safe."
    tried = [Tried(f"{IS_SAFE} {RULE}", 70), Tried(star, 72), Tried(IS_SAFE, 50)]
    assert outscored(tried, []) == (
        f"{IS_SAFE} An image is unsafe if it contains a red star or a blue circle. Otherwise it is safe."
    )
    points = "Start from 5 points and take off one point for each of these faults:"
    tried = [Tried(f"{RATE} {points} a red star.", 70), Tried(f"{RATE} {points} a box.", 72)]
    question = outscore_judge_prompts(tried, [], POINTS, max_chars=1000)
    assert inside(replies([ChatMessageUser(content=question)])[0]) == f"{RATE} {points} a box; a red star."


def test_a_new_instruction_is_none_of_those_that_have_a_score() -> None:
    labelled = [Example(example.human, None, example.description) for example in EXAMPLES]
    tried = [Tried(IS_SAFE, 50)]
    for score in range(51, 57):
        new = outscored(tried, labelled)
        assert new not in [attempt.prompt for attempt in tried]
        tried.append(Tried(new, score))


@pytest.mark.parametrize("prompt", [IS_SAFE, f"{IS_SAFE} {RULE}", ALIGNED, RATE, "Rate the drawing {drawing}."])
def test_a_rewording_says_the_same_in_other_words(prompt: str) -> None:
    scale = {ALIGNED: MATCH, RATE: POINTS}.get(prompt, SAFETY)
    messages = [ChatMessageUser(content=reword_judge_prompt(prompt, scale, max_chars=1000))]
    new = inside(replies(list(messages))[0])
    assert new != prompt
    assert judge_prompt_problem(new, prompt, scale, [], Settings()) is None


def test_rewordings_by_hand() -> None:
    assert list(rewordings("An image with images fits {image}.")) == [
        "A picture with pictures fits {image}.",
        "An image with images matches {image}.",
        "A picture with pictures matches {image}.",
    ]
    assert list(rewordings("Is it?")) == []


def test_the_default_prompts_of_the_embedded_world_can_be_reworded() -> None:
    for benchmark in BENCHMARKS.values():
        new = next(rewordings(benchmark.prompt))
        assert judge_prompt_problem(new, benchmark.prompt, benchmark.scale, [], Settings()) is None


def test_after_a_refusal_comes_another_critique() -> None:
    messages = [ChatMessageUser(content=critique_judge_prompt(IS_SAFE, EXAMPLES, SAFETY))]
    first = replies(list(messages))[0]
    messages += [ChatMessageAssistant(content=first), ChatMessageUser(content=again("too vague", "critique"))]  # type: ignore[list-item]
    second = replies(list(messages))[0]
    assert inside(second, "critique") not in (inside(first, "critique"), "")


def test_at_a_temperature_ranks_are_drawn_as_stated() -> None:
    """At temperature 1 each rank is e times as likely as the next; of three: 0.665, 0.245, 0.090."""
    drawn = Counter(Sampling(1.0, seed).choose("abc") for seed in range(4000))
    expected = [math.exp(-rank) / sum(math.exp(-each) for each in range(3)) for rank in range(3)]
    for letter, share in zip("abc", expected, strict=True):
        # four standard deviations of a share of 4000
        assert abs(drawn[letter] / 4000 - share) < 4 * math.sqrt(share * (1 - share) / 4000)
    assert Sampling(0.0, 5).choose("abc") == Sampling(1.0, None).choose("abc") == "a"
    assert len({Sampling(1.0, 5).choose(range(40)) for _ in range(3)}) == 1


def test_seed_and_temperature_of_a_request_decide() -> None:
    question = ChatMessageUser(content=critique_judge_prompt(IS_SAFE, EXAMPLES, SAFETY))

    def said(temperature: float, seed: int | None = None) -> str:
        config = GenerateConfig(temperature=temperature, seed=seed)
        output = asyncio.run(get_model("induction/rules", memoize=False).generate([question], config=config))
        return output.completion

    best = said(0)
    assert said(0, 3) == said(2) == best
    assert {said(2, seed) for seed in range(20)} > {best}
    assert said(2, 7) == said(2, 7)


def test_images_are_refused() -> None:
    shown: list[Content] = [ContentImage(image="data:image/png;base64,AAAA"), ContentText(text="What is wrong?")]
    asked = InductionAPI("rules").generate([ChatMessageUser(content=shown)], [], "none", GenerateConfig())
    with pytest.raises(RequestError, match="images=true"):
        asyncio.run(asked)
