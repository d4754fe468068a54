"""The style of language models: what is written is read back, and what is found is what the plain style finds."""

import asyncio
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, GenerateConfig, ModelOutput, get_model

from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.optimizers import proposal
from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.guard import i2t_prompt_problem, judge_prompt_problem
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
from blpo_inspect.optimizers.settings import Settings
from blpo_inspect.world.benchmarks import BENCHMARKS, Name
from blpo_inspect.world.optimizer import i2t_search, judge_forms, request_forms
from blpo_inspect.world.optimizer.choosing import Sampling
from blpo_inspect.world.optimizer.framing import undecorated
from blpo_inspect.world.optimizer.induction import VERSION, InductionAPI, replies
from blpo_inspect.world.optimizer.language import CaptionFeature
from blpo_inspect.world.optimizer.restating import in_forms, in_plain_words
from blpo_inspect.world.optimizer.statements import ASPECTS, Prompt, state_aspects, state_labels, state_points
from blpo_inspect.world.optimizer.styles import Style

from .induction_world import optimized
from .test_answers import ALIGNED, BLUE_CIRCLES, IS_SAFE, NO_BLUE_CIRCLES, SAFETY, inside
from .test_language import some

EXAMPLES = BLUE_CIRCLES + NO_BLUE_CIRCLES
QUESTION = update_judge_prompt(IS_SAFE, EXAMPLES, SAFETY, max_chars=1000)
RULE = "An image is unsafe if it contains a blue circle. Otherwise it is safe."
tasks = st.sampled_from(
    [
        "",
        IS_SAFE,
        "Is {text} true of it? Be strict.",
        "## Task\nLook:\n- closely\n- twice\n\nThen decide.",
        "You are an expert reviewer of images. Decide.",
        "| a | b |\n| --- | --- |\n| c | d |",
    ]
)
label_sets = st.sampled_from([("safe", "unsafe"), ("0", "1"), ("not ok", "ok"), ("a", "b", "c"), ("Ad (fine)", "Ad+")])


def said(question: str, seed: int, temperature: float = 0.0) -> str:
    return replies([ChatMessageUser(content=question)], 1, Sampling(temperature, seed), style="llm")[0]


def proposed(answer: str, tag: str = "judge_prompt") -> str:
    """What the answer proposes; a note after it may mention the tags."""
    text, reason = proposal.read_answer(ModelOutput.from_content("m", answer), tag)
    assert reason is None, answer
    return text


def all_forms_read_back(plain: str, labels: tuple[str, ...], *, ordered: bool) -> int:
    forms = list(in_forms(plain, labels, ordered=ordered))
    for text in forms:
        assert text != plain
        assert in_plain_words(text, labels, ordered=ordered) == plain
        assert in_plain_words(f"```\n{text}\n```", labels, ordered=ordered) == plain
    return len(set(forms))


@settings(max_examples=50)
@given(some, tasks, label_sets, st.data())
@example((CaptionFeature(noun="star"),), IS_SAFE, ("safe", "unsafe"), None)
def test_rules_about_labels_are_read_back_from_every_form(
    them: tuple[CaptionFeature, ...], task: str, labels: tuple[str, ...], data: st.DataObject | None
) -> None:
    ruled = data.draw(st.lists(st.sampled_from(labels), min_size=1, unique=True)) if data else ["unsafe"]
    plain = Prompt(task, {}).with_rule(state_labels(dict.fromkeys(ruled, them), labels))
    needs_two_labels = 0 if len(labels) == 2 and len(ruled) == 1 else 1
    has_exceptions = any(len(feature.needs()) > 1 for feature in them) or needs_two_labels
    expected = len(judge_forms.LABELS) - needs_two_labels - (not has_exceptions)
    assert all_forms_read_back(plain, labels, ordered=False) == expected


@settings(max_examples=50)
@given(some, tasks, st.integers(-2, 1), st.integers(1, 9))
def test_rules_about_points_are_read_back_from_every_form(
    them: tuple[CaptionFeature, ...], task: str, low: int, steps: int
) -> None:
    labels = tuple(str(mark) for mark in range(low, low + steps + 1))
    plain = Prompt(task, {}).with_rule(state_points(them, labels[-1]))
    has_exceptions = any(len(feature.needs()) > 1 for feature in them)
    assert all_forms_read_back(plain, labels, ordered=True) == len(judge_forms.POINTS) - (not has_exceptions)


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_rules_about_aspects_are_read_back_from_every_form(size: int, ordered: bool) -> None:
    labels = ("1", "2", "3") if ordered else ("0", "1")
    for aspects in combinations(ASPECTS, size):
        plain = f"{ALIGNED} {state_aspects(frozenset(aspects))}"
        assert all_forms_read_back(plain, labels, ordered=ordered) == len(judge_forms.ASPECTS)


@settings(max_examples=50)
@given(st.text(max_size=200), st.booleans())
def test_other_prompts_stay_as_they_are(text: str, ordered: bool) -> None:
    assert in_plain_words(text, ("1", "2"), ordered=ordered) in (text, undecorated(text))
    list(in_forms(text, ("1", "2"), ordered=ordered))


def test_a_form_with_a_phrase_that_is_not_understood_stays() -> None:
    text = f"{IS_SAFE}\n\nAn image is unsafe if at least one of the following is present:\n- a red star\n- violence"
    assert in_plain_words(text, SAFETY.labels, ordered=False) == text


def test_what_stands_after_a_rule_is_kept() -> None:
    [form] = [text for text in in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False) if "| none" in text]
    assert in_plain_words(f"{form}\n\nBe strict.", SAFETY.labels, ordered=False) == f"{IS_SAFE}\n\nBe strict. {RULE}"


def test_every_set_of_properties_is_asked_for_in_every_form_and_nothing_else() -> None:
    for size in range(1, len(i2t_search.MENU) + 1):
        for names in combinations(i2t_search.MENU, size):
            requests = list(request_forms.forms(frozenset(names)))
            assert len(set(requests)) == 6
            for request in requests:
                assert i2t_search.asked(request) == set(names), request
                assert i2t_prompt_problem(request, [], SAFETY, Settings()) is None
    assert not list(request_forms.forms(frozenset()))


@pytest.mark.parametrize("name", ["safety", "alignment", "rating"])
def test_the_guard_takes_every_form(name: Name) -> None:
    benchmark = BENCHMARKS[name]
    ordered = benchmark.scale.kind == "ordinal"
    rules = {
        "safety": RULE,
        "rating": state_points((CaptionFeature(colour="red", noun="star"), CaptionFeature(more_than=2)), "5"),
        "alignment": state_aspects(frozenset({"number", "shape"})),
    }
    forms = list(in_forms(f"{benchmark.prompt} {rules[name]}", benchmark.scale.labels, ordered=ordered))
    assert len(forms) >= 7
    for text in forms:
        assert judge_prompt_problem(text, benchmark.prompt, benchmark.scale, [], Settings()) is None, text


def test_the_same_idea_in_many_ways() -> None:
    answers = [said(QUESTION, seed) for seed in range(60)]
    prompts = {undecorated(proposed(answer)) for answer in answers}
    assert prompts == set(in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False))
    assert {in_plain_words(prompt, SAFETY.labels, ordered=False) for prompt in prompts} == {f"{IS_SAFE} {RULE}"}
    for sign in (
        "Sure!",
        "Hypothesis 2",
        "<think>",
        "**Notes**",
        "```xml",
        "rests on one",
        "Only the text between",
        "\n```\nIs",
        ">\n**",
    ):
        assert any(sign in answer for answer in answers), sign


def test_question_seed_and_temperature_decide() -> None:
    assert said(QUESTION, 3) == said(QUESTION, 3)
    assert len({said(QUESTION, seed) for seed in range(10)}) > 5
    assert len({said(QUESTION, 3, temperature) for temperature in (0.0, 1e-6, 1e-5, 1e-4)}) > 1
    other = update_judge_prompt(IS_SAFE, EXAMPLES, SAFETY, max_chars=1001)
    assert any(said(QUESTION, seed) != said(other, seed) for seed in range(3))


def test_rules_in_force_are_found_in_every_form_and_the_task_is_not_repeated() -> None:
    for text in in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False):
        red = [
            Example("unsafe", "safe", caption)
            for caption in ("a red star.", "a red star, a green box.", "a white box, a red star.")
        ]
        more = [*red, Example("safe", "unsafe", "a red box."), Example("safe", "unsafe", "a white star.")]
        answer = said(update_judge_prompt(text, more, SAFETY, max_chars=1000), 1)
        prompt = proposed(answer)
        assert in_plain_words(prompt, SAFETY.labels, ordered=False) == (
            f"{IS_SAFE} An image is unsafe if it contains a blue circle or a red star. Otherwise it is safe."
        )
        assert prompt.count(IS_SAFE) == 1 and prompt.count("You are") <= 1 and prompt.count("## Task") <= 1


def test_an_answer_that_was_refused_is_not_given_again() -> None:
    messages: list[ChatMessage] = [ChatMessageUser(content=QUESTION)]
    plain = []
    for _ in range(6):
        [reply] = replies(messages, style="llm")
        plain.append(in_plain_words(proposed(reply), SAFETY.labels, ordered=False))
        messages += [ChatMessageAssistant(content=reply), ChatMessageUser(content=again("no", "judge_prompt"))]
    assert plain == [inside(reply) for reply in replies([ChatMessageUser(content=QUESTION)], 6)]


def test_no_form_is_longer_than_allowed() -> None:
    forms = sorted(in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False), key=len)
    short = update_judge_prompt(IS_SAFE, EXAMPLES, SAFETY, max_chars=len(forms[2]))
    prompts = [proposed(said(short, seed)) for seed in range(40)]
    assert max(map(len, prompts)) <= len(forms[2])
    assert set(map(undecorated, prompts)) == {form for form in forms if len(form) <= len(forms[2])}
    tight = update_judge_prompt(IS_SAFE, EXAMPLES, SAFETY, max_chars=len(IS_SAFE) + len(RULE) + 1)
    assert undecorated(proposed(said(tight, 0))) == f"{IS_SAFE} {RULE}"


def test_without_an_idea_the_prompt_in_force_comes_back_as_it_is() -> None:
    text = next(in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False))
    assert proposed(said(update_judge_prompt(text, [Example("unsafe", "safe")], SAFETY, max_chars=1000), 0)) == text
    assert replies([ChatMessageUser(content="What is the capital?")], style="llm") == replies(
        [ChatMessageUser(content="What is the capital?")]
    )


def test_the_other_questions() -> None:
    [form, *_, last] = in_forms(f"{IS_SAFE} {RULE}", SAFETY.labels, ordered=False)
    critique = proposed(said(critique_judge_prompt(IS_SAFE, EXAMPLES, SAFETY), 0), "critique")
    assert critique == inside(
        replies([ChatMessageUser(content=critique_judge_prompt(IS_SAFE, EXAMPLES, SAFETY))])[0], "critique"
    )
    edited = proposed(said(edit_judge_prompt(IS_SAFE, EXAMPLES, critique, SAFETY, max_chars=1000), 0))
    assert in_plain_words(edited, SAFETY.labels, ordered=False) == f"{IS_SAFE} {RULE}"
    reworded = undecorated(proposed(said(reword_judge_prompt(form, SAFETY, max_chars=1000), 0)))
    assert "blue circle" in reworded and reworded != form
    star = f"{IS_SAFE} An image is unsafe if it contains a red star. Otherwise it is safe."
    *_, other = in_forms(star, SAFETY.labels, ordered=False)
    tried = [Tried(last, 70), Tried(other, 72), Tried(IS_SAFE, 50)]
    joined = proposed(said(outscore_judge_prompts(tried, [], SAFETY, max_chars=1000), 0))
    assert in_plain_words(joined, SAFETY.labels, ordered=False) == (
        f"{IS_SAFE} An image is unsafe if it contains a red star or a blue circle. Otherwise it is safe."
    )


@pytest.mark.parametrize("useful", [{"colour", "shape"}, {"number", "size", "shape"}])
def test_the_search_for_a_request_goes_on_from_its_own_requests(useful: set[str]) -> None:
    carried = "Please describe this image in details."
    for _ in range(2):
        tried = [Tried(carried, len(i2t_search.asked(carried) & useful) / len(useful))]
        for seed in range(5):
            answer = said(update_i2t_prompt("Judge.", tried, max_chars=800), seed)
            request = undecorated(proposed(answer, "i2t_prompt"))
            tried.append(Tried(request, len(i2t_search.asked(request) & useful) / len(useful)))
        carried = max(tried, key=lambda attempt: attempt.score).prompt
    assert useful <= i2t_search.asked(carried)


@pytest.mark.parametrize("name", ["safety", "alignment", "rating"])
def test_it_finds_the_rules_that_the_plain_style_finds(name: Name) -> None:
    told = frozenset({"number", "size", "colour", "shape"})
    styles: tuple[Style, Style] = ("plain", "llm")
    plain, styled = (optimized(name, 1, told, steps=3, slip=0.02, style=style) for style in styles)
    scale = BENCHMARKS[name].scale
    assert styled != plain
    assert in_plain_words(styled, scale.labels, ordered=scale.kind == "ordinal") == plain


def test_the_argument() -> None:
    assert InductionAPI("rules", style="llm").identity() == {"name": "rules", "version": VERSION, "style": "llm"}
    assert InductionAPI("rules", style="plain").identity() == {"name": "rules", "version": VERSION}
    with pytest.raises(CheckpointError, match=r"'prose'.*style=plain or style=llm"):
        InductionAPI("rules", style="prose")  # type: ignore[arg-type]
    model = get_model("induction/rules", style="llm", memoize=False)
    config = GenerateConfig(seed=5, temperature=0.5)
    output = asyncio.run(model.generate([ChatMessageUser(content=QUESTION)], config=config))
    assert output.completion == said(QUESTION, 5, 0.5)
    plain = asyncio.run(get_model("induction/rules", style="plain", memoize=False).generate(QUESTION))
    assert plain.completion == replies([ChatMessageUser(content=QUESTION)])[0]
