"""Which proposals are accepted: prompts as strong models write them for the four real benchmarks, good and bad."""

import re
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.guard import critique_problem, i2t_prompt_problem, judge_prompt_problem
from blpo_inspect.optimizers.settings import Settings

SETTINGS = Settings()
AGIN = "Rate how natural the image appears on a 5-point scale."
SEETRUE = "Is the image aligned with the text? Answer 1 if yes, 0 if no."
REWARD = "Is the image aligned with the text? Give a score of 1-7."
UNSAFE = "Is this ad image safe or unsafe?"
TEXTS = "Does the image show {text}? Answer 1 if yes, 0 if no."
SCALES = {
    AGIN: LabelScale("ordinal", tuple("12345")),
    SEETRUE: LabelScale("unordered", ("1", "0")),
    REWARD: LabelScale("ordinal", tuple("1234567")),
    UNSAFE: LabelScale("unordered", ("safe", "unsafe")),
    TEXTS: LabelScale("unordered", ("1", "0")),
}


def problem(new: str, old: str, *captions: str, settings: Settings = SETTINGS) -> str | None:
    """What is wrong with a proposal for one of the benchmarks."""
    return judge_prompt_problem(new, old, SCALES[old], captions, settings)


GOOD = [
    (
        AGIN,
        """Rate how natural the image appears on a 5-point scale.

Consider, in this order:
1. **Anatomy**: Consider from 2 to 5 fingers on a hand as plausible; hands with 6 to 8 fingers are not.
2. **Physics**: shadows, reflections and gravity agree with each other.
3. **Texture**: skin, hair and fabric are not waxy or smeared.

Hard caps:
- The score must not exceed 2 if anatomy is broken.
- The score must not exceed 3 if text in the image is garbled.
When in doubt between neighbouring scores, choose the lower one.""",
    ),
    (
        AGIN,
        "Rate how natural the image appears on a 5-point scale, where 1 means obviously artificial and 5 means a "
        "photograph. A score of 3 to 4 means that flaws are visible only on close inspection.",
    ),
    (
        AGIN,
        "Rate how natural the image appears on a scale from 1 (clearly synthetic) to 5 (could be a photograph). "
        "Style alone is no flaw: a painting can be natural. Deduct 1 to 2 points for impossible geometry.",
    ),
    (
        AGIN,
        "Rate how natural the image appears on a five-point scale. Do not raise the rating because the scene is "
        "beautiful. Give a 5 only when no flaw is found; give a 1 when the main subject is deformed. Reserve a score "
        "of 4 for images with 1 or 2 minor flaws in the background.",
    ),
    (
        AGIN,
        "Rate how natural the image appears on a 5-point scale.\n\n- 5 = indistinguishable from a photo\n"
        "- 4 = minor flaws\n- 3 = some flaws\n- 2 = major flaws\n- 1 = unnatural\n\nThe answer does not depend on the "
        "medium. First look at faces and hands, then check the background, before you settle on a rating.",
    ),
    (
        AGIN,
        "Score the naturalness of the image (1-5). Scores of 1 or 2 are for broken scenes, 4 or 5 for plausible ones. "
        "Images in a 16:9 or 4/3 format are judged alike, and one defect in 10 objects matters less than 3 out of 4.",
    ),
    (
        SEETRUE,
        """Is the image aligned with the text? Answer 1 if yes, 0 if no.

Check each of these separately:
* every object that the text names is visible;
* counts are exact ("two dogs" is not three dogs);
* colours, materials and other attributes belong to the right object;
* relations such as *on*, *behind* or *holding* are as stated.
Answer 1 only if all of these hold. If any object is missing, answer 0.
Details that the text leaves open are no error.""",
    ),
    (
        SEETRUE,
        "Is the image aligned with the text? Answer 1 if yes, 0 if no, going by the literal meaning of the text. If "
        "the text asks a question, the answer in the image must not contradict it. Answer 0 if no person is visible "
        "although the text names one.",
    ),
    (
        SEETRUE,
        "You verify captions. Is the image aligned with the text? Answer 1 if yes, 0 if no. A paraphrase is aligned. "
        "Treat 3 out of 5 named objects as not aligned; ignore between 10 and 20 background people.",
    ),
    (
        REWARD,
        """Is the image aligned with the text? Give a score of 1-7.

- **7**: every element of the text is shown, with the right attributes.
- **5 to 6**: small details differ.
- **3 to 4**: an important element is missing; a score of 3 to 4 means that the main subject is still recognisable.
- **1 to 2**: the image has little to do with the text.
Score at most 2 if fewer than 3 out of 5 named elements are visible. Between neighbouring scores take the lower one.""",
    ),
    (
        REWARD,
        "Is the image aligned with the text? Give a score of 1-7. Aesthetic quality counts less than content: lower "
        "the score by one point for each wrong attribute. Fine print in the picture need not be legible. A score of "
        "7 does not require that all 10 people of a crowd are visible.",
    ),
    (
        REWARD,
        "Is the image aligned with the text? Rate it from 1 (no relation) to 7 (perfect). The number of objects and "
        "nothing else decides between 6 and 7. Prompts with JSON-like keyword lists are read as plain wishes.",
    ),
    (
        UNSAFE,
        """Is this ad image safe or unsafe?

Label as unsafe if it
- shows weapons, drugs, nudity, gore or self-harm, even in a cartoon,
- asks people to click and respond with their bank details, or
- promises to explain how to make money within 24/7 and gives an explanation of illegal methods.
Label as safe if products for adults (18+) are shown without minors, e.g. wine with 12 to 15 percent of alcohol.""",
    ),
    (
        UNSAFE,
        "Is this ad image safe or unsafe? Content that incites viewers to respond with violence is unsafe. Ads that "
        "do not explain the side effects of medicine are unsafe. If unsure, answer unsafe. Otherwise answer safe.",
    ),
    (
        UNSAFE,
        "Is this ad image safe or unsafe? Consider the intent (what the ad wants people to do), the audience (would "
        "the output of a search show it to minors?) and the overlay text. People standing in a single line, "
        "a 5-star rating or a score of 3 to 1 on a scoreboard are harmless. A rationale such as 'art' does not help.",
    ),
    (TEXTS, "Does the image show {text}, all parts of it included? Answer 1 if yes, 0 if no. Sets {{a, b}} are lists."),
    (TEXTS, "Look at {text} word by word. Does the image show {text}? Answer 1 if yes, 0 if no."),
]


@pytest.mark.parametrize(("old", "new"), GOOD)
def test_good_criteria_are_accepted(old: str, new: str) -> None:
    assert problem(new, old) is None


@pytest.mark.parametrize(("old", "new"), GOOD)
def test_what_was_accepted_can_be_refined_in_the_next_step(old: str, new: str) -> None:
    """No criterion locks itself in: the start plus one other criterion may follow a long list."""
    following = f"{old} Shadows that fall in two directions count as an error."
    assert judge_prompt_problem(following, new, SCALES[old], [], SETTINGS) is None
    assert judge_prompt_problem(f"{new}\nShadows count too.", new, SCALES[old], [], SETTINGS) is None


LEAVE = "the labels stay as they are"
BAD = [
    # another scale
    (AGIN, f"{AGIN} Give a score from 0 to 100.", f'another scale ("Give a score from 0 to 100"); {LEAVE}'),
    (AGIN, "Rate how natural the image appears on a 10-point scale.", 'another scale ("10-point scale")'),
    (AGIN, "Rate how natural the image appears on a ten-point scale.", "another scale"),
    (AGIN, "Rate how natural the image appears on a scale of one to ten.", "another scale"),
    (AGIN, "Rate how natural the image appears from 0 (worst) to 10 (best).", "another scale"),
    (AGIN, "Rate how natural the image appears on a scale of 1 to 3.", "another scale"),
    (AGIN, f"{AGIN} Use half points where needed.", 'another scale ("half points")'),
    (AGIN, f"{AGIN} A score of 0 means that nothing is recognisable.", 'another scale ("score of 0")'),
    (AGIN, f"{AGIN} Natural photos deserve 9 out of 10 points, a rating of 8/10 is good.", "another scale"),
    (REWARD, "Is the image aligned with the text? Give a score of 1-10.", 'another scale ("Give a score of 1-10")'),
    (REWARD, f"{REWARD} Think of it as a 0-100 scale first.", "another scale"),
    (SEETRUE, f"{SEETRUE} Rate the alignment between 1 and 5.", "another scale"),
    (UNSAFE, f"{UNSAFE} Give a safety score from 0 to 10; above 5 is unsafe.", "another scale"),
    (UNSAFE, f"{UNSAFE} Grade the risk on a 5-point scale.", "another scale"),
    # what the labels mean
    (SEETRUE, f"{SEETRUE} If you cannot tell, answer 'unclear'.", 'another scale ("unclear")'),
    (SEETRUE, f"{SEETRUE} Say 0 if yes, 1 if no.", 'what a label stands for ("0 if yes")'),
    (SEETRUE, "Is the image aligned with the text?", "it names none of the labels (1, 0)"),
    (SEETRUE, "Is the image aligned with the text? Answer 0 if yes, 1 if no.", 'stands for ("0 if yes")'),
    # placeholders
    (TEXTS, "Does the image show what is asked? Answer 1 if yes, 0 if no.", "lost the placeholder {text}"),
    (TEXTS, "Does the {image} show {text}? Answer 1 if yes, 0 if no.", "does not have: {image}"),
    (TEXTS, "Does it show {text}? Answer 1 if yes, 0 if no. Sets {a, b} are lists.", "does not have: {a, b}"),
    (UNSAFE, "Is this ad image safe or unsafe? Smileys such as :-} are safe.", "does not have: }; write {{ and }}"),
    (UNSAFE, 'Is this ad image safe or unsafe? {"label": "safe"}', "for braces that stand for themselves"),
    # nothing new, nothing at all, too much, and what belongs to the question
    (UNSAFE, "is this ad  image\nSAFE or unsafe?", "the same as the instruction in force"),
    (UNSAFE, "", "it is empty"),
    (UNSAFE, " \n\t", "it is empty"),
    (UNSAFE, "Is this safe? " * 400, "it has 5600 characters, and 4000 are allowed"),
    (UNSAFE, f"{UNSAFE} <example>A gun.</example>", "the tag <example>, which belongs to the question"),
    (UNSAFE, f"{UNSAFE} < / Judge_Prompt >", "the tag </judge_prompt>"),
    (UNSAFE, f"{UNSAFE} \ud83d", "a character that is no text (U+D83D)"),
    (UNSAFE, f"{UNSAFE}\x00", "a character that is no text (U+0000)"),
]


@pytest.mark.parametrize(("old", "new", "words"), BAD)
def test_bad_proposals_are_rejected_with_the_reason(old: str, new: str, words: str) -> None:
    reason = problem(new, old)
    assert reason is not None
    assert words in reason
    assert reason.startswith("it ")
    assert len(reason) < 300 and "\n" not in reason
    assert not any(jargon in reason for jargon in ("None", "re.", "match", "\\", "frozenset"))


MORE_GOOD = {
    AGIN: [
        "Start at 5 and subtract one point for each visible defect, but never go below 1.",
        "Use the full range of the scale: 1 is for images that no one would take for real, 5 for convincing ones.",
        "Score 1: severe distortions. Score 2: clear distortions. Score 3: noticeable issues.",
        "Rating 5 - completely natural. Rating 4 - almost natural.",
        "If the image shows more than 10 people, look at faces in the foreground only.",
        "An image with 2 to 3 minor defects should receive a 3.",
        "Cartoons should be rated no higher than 3.",
        "Do not penalize the image for low resolution or compression unless these give away that it is fake.",
        "The final score is limited by the worst defect.",
        "Before rating, check hands, eyes and text.",
        "Rate 4 or 5 only if lighting and shadows are consistent.",
        "Describe to yourself what would be expected in such a scene, and compare.",
        "Ask yourself: could this be a photograph?",
        "Images taken between 1900 and 1950 look grainy, which is natural.",
        "The rating should reflect the overall impression, not the number of objects.",
        "Give the image a lower score when the explanation for an odd detail is not physical.",
        "A 16:9 image is as natural as a 1:1 image; 100% sharpness is not needed.",
        "Your rating should reflect realism, not beauty.",
    ],
    SEETRUE: [
        'Count objects exactly: "three" means 3, not 2 or 4.',
        "The text is aligned only if all 5 of 5 facts are right.",
        "Answer 1 (yes) only if every fact is shown.",
        "If yes to all of the above, answer 1; otherwise answer 0.",
        'When the text says "no", the absence must be visible.',
        "Return 0 if any colour differs.",
        "Output 1 only if nothing contradicts the text.",
        'Numbers such as 7 to 9 birds count as "several".',
    ],
    UNSAFE: [
        "Classify as unsafe when the ad shows alcohol to people under 18 or 21.",
        'Respond "unsafe" if the ad targets children with gambling.',
        "Ads that report confidence tricks as jobs are unsafe.",
        "An ad rated PG-13 or 12+ is safe; a 5-star product rating is safe.",
        "Discounts such as 50% or 1/2 price, and 9 out of 10 dentists recommend it, are safe.",
        "Unsafe: nudity, hate, weapons. Safe: everything else.",
        "Ads with tags or labels on clothes, and ads in the format of a news page, are judged by content.",
        "Think of who sees the ad.",
    ],
}
MORE_BAD = {
    AGIN: [
        "Rate from 1 to 100.",
        "Use a 7-point Likert scale.",
        "The rating is a number between 0 and 10.",
        "Rate the image from 1 to 10, where 10 means fully natural.",
        "Assign a score from 0-10 based on realism.",
        "Use decimals such as 3.5 where needed.",
        "You may give half scores such as 3.5.",
    ],
    UNSAFE: ["Answer with safe, unsafe or unclear.", 'If unsure, respond "needs review".'],
}
FORM = {
    AGIN: [
        "Report the score only.",
        "Score: <number>",
        "Provide the rating as a single integer between 1 and 5.",
        "Please respond with just the number, nothing else.",
        "Give your reasoning in two sentences.",
        "Let's think step by step.",
        'Output your answer as: {{"score": 3}}',
        "Use whole numbers only.",
        "Give only a single number.",
    ],
    UNSAFE: [
        "Reply with exactly one word: safe or unsafe.",
        "Return your verdict as JSON.",
        "Also list the policy categories that are violated.",
        "Justify your decision.",
        "Respond in JSON.",
        "Wrap it in <answer></answer>.",
        "Do not include any explanation or extra text.",
    ],
}


@pytest.mark.parametrize(("old", "added"), [(old, sentence) for old, some in MORE_GOOD.items() for sentence in some])
@pytest.mark.parametrize("between", [" ", "\n- ", "\n\n**Note:** "])
def test_one_more_criterion_is_accepted(old: str, added: str, between: str) -> None:
    assert problem(f"{old}{between}{added}", old) is None


@pytest.mark.parametrize(("old", "added"), [(old, sentence) for old, some in MORE_BAD.items() for sentence in some])
@pytest.mark.parametrize("between", [" ", "\n- ", "\n\n### Note\n"])
def test_another_scale_is_rejected(old: str, added: str, between: str) -> None:
    assert "another scale" in str(problem(f"{old}{between}{added}", old))


@pytest.mark.parametrize(("old", "added"), [(old, sentence) for old, some in FORM.items() for sentence in some])
def test_the_form_of_the_answer_is_not_guarded(old: str, added: str) -> None:
    """What harms it shows in answers that cannot be read, and these cost the largest loss."""
    assert problem(f"{old} {added}", old) is None


def test_what_the_start_says_of_another_scale_may_stay() -> None:
    old = "Is it safe or unsafe? Risk is rated from 0 to 10 by law."
    new = "Is it safe for children, or unsafe?\nRisk is rated from 0 to 10 by law. Guns are unsafe."
    assert judge_prompt_problem(new, old, SCALES[UNSAFE], [], SETTINGS) is None
    reason = judge_prompt_problem(f"{new} Rate it from 1 to 7.", old, SCALES[UNSAFE], [], SETTINGS)
    assert reason is not None and "Rate it from 1 to 7" in reason


def test_numbers_of_a_numeric_scale() -> None:
    scale = LabelScale("numeric", low=0, high=100)
    old = "How sharp is the image, from 0 to 100?"
    for good in (
        "How sharp is the image, from 0 to 100? A score of 20 to 40 means motion blur.",
        "How sharp is the image on a scale of 0 to 100? Score 62.5 if only the edges are soft.",
    ):
        assert judge_prompt_problem(good, old, scale, [], SETTINGS) is None
    for bad in ("Give a score from 0 to 500.", "A score of 120 is perfect.", "Rate it on a scale of 0 to 10."):
        assert "another scale" in str(judge_prompt_problem(f"{old} {bad}", old, scale, [], SETTINGS))


CAPTION = "A brown dog with a red collar sits on a wooden bench next to a sleeping cat."


def test_a_copied_run_of_words_is_rejected() -> None:
    eight = "a red collar sits on a wooden bench"
    reason = problem(f"{UNSAFE} If {eight} it is safe.", UNSAFE, "Another one.", CAPTION)
    assert reason == f'it copies from a description ("{eight}"); state what holds for images in general'
    assert problem(f"{UNSAFE} If a red collar sits on a wooden table it is safe.", UNSAFE, CAPTION) is None
    shouted = "A RED collar, sits: on (a) wooden\nbench"
    assert "copies" in str(problem(f"{UNSAFE} {shouted}", UNSAFE, CAPTION)), "case and punctuation hide nothing"


def test_words_of_the_prompt_in_force_may_stay_though_a_caption_has_them() -> None:
    old = f"{UNSAFE} Unsafe is what shows weapons, drugs or other goods that are illegal."
    caption = "It shows weapons, drugs or other goods that are illegal, in a shop."
    new = f"{old} Smoke is unsafe."
    assert judge_prompt_problem(new, old, SCALES[UNSAFE], [caption], SETTINGS) is None
    assert judge_prompt_problem(new, UNSAFE, SCALES[UNSAFE], [caption], SETTINGS) is not None


@given(st.integers(2, 12), st.integers(0, 3), st.integers(1, 16))
def test_copies_are_found_from_the_set_length_on(run: int, start: int, length: int) -> None:
    words = CAPTION.split()[start : start + length]
    words = [word.replace("a", "zza").replace("with", "wiz").replace("on", "onn") for word in words]  # no stop words
    caption = " ".join(word.replace("a", "zza").replace("with", "wiz").replace("on", "onn") for word in CAPTION.split())
    reason = problem(
        f"{UNSAFE} Xyz {' '.join(words)} xyz.", UNSAFE, caption, settings=replace(SETTINGS, copied_words=run)
    )
    assert (reason is not None) == (len(words) >= run)


def test_runs_of_mostly_stop_words_are_no_copies() -> None:
    caption = "On the left side of the image and in front of the two of them there is a tall fence of wood."
    assert problem(f"{UNSAFE} Look at what is in front of the two of them there.", UNSAFE, caption) is None
    assert problem(f"{UNSAFE} Look at the left of the image and in front of it.", UNSAFE, caption) is None


@given(st.integers(1, 200), st.integers(1, 200))
def test_the_limit_of_length_is_exact(length: int, limit: int) -> None:
    settings = Settings(max_prompt_chars=limit, max_i2t_chars=limit)
    new = "x" * length
    for reason in (problem(new, AGIN, settings=settings), i2t_prompt_problem(new, ["y"], SCALES[UNSAFE], settings)):
        assert (reason is None) == (length <= limit)


@given(st.text(alphabet="{}ab \n", max_size=12))
def test_placeholders_are_neither_lost_nor_invented(text: str) -> None:
    """What is accepted can be filled with exactly the values of the prompt before."""
    reason = problem(f"{TEXTS} xyz {text}", TEXTS)
    # doubled braces go in one pass: what is left may not come together to new ones
    rest = re.sub(r"\{\{|\}\}", " ", text)
    if "{" not in rest and "}" not in rest:
        assert reason is None
    else:
        assert reason is not None and "placeholders" in reason


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("What is in the picture? Name colours and counts.", None),
        ("Describe the image in JSON.", None),
        ("Describe {text}.", "braces ({text}), and a request has no placeholders"),
        ("Describe } it.", "braces (}), and a request"),
        ("DESCRIBE  the image.", "the same as a request that was tried"),
        ("", "it is empty"),
        ("Describe. " * 101, "it has 1010 characters, and 1000 are allowed"),
        ("Describe it. <score>9</score>", "the tag <score>"),
    ],
)
def test_requests(new: str, words: str | None) -> None:
    reason = i2t_prompt_problem(new, ["Describe the image.", "List all."], SCALES[UNSAFE], SETTINGS)
    assert reason is None if words is None else words in str(reason)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ("The instruction says nothing about weapons.", None),
        ("It should say {text}; answer with one word, on a scale of 1 to 9.", None),
        ('It asks "Is this ad image safe or unsafe?", which is too general.', None),
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("x" * 4000, None),
        ("x" * 4001, "it has 4001 characters, and 4000 are allowed"),
        ("See <example>", "the tag <example>, which belongs to the question"),
        ("<critique>", "the tag <critique>"),
        ("\ud83d", "a character that is no text (U+D83D)"),
    ],
)
def test_critiques_are_free_but_for_their_length_and_tags(new: str, words: str | None) -> None:
    """They go to the optimizer alone, which may read of placeholders and formats."""
    reason = critique_problem(new, SETTINGS)
    assert reason is None if words is None else words in str(reason)


SETTINGS_FOR_LONG = Settings(max_prompt_chars=10**6, max_i2t_chars=10**6)
PIECES = [
    "<",
    " ",
    "\n",
    "\t",
    "{",
    "a",
    "1-",
    "answer ",
    "Answer with ",
    "answer 1 or ",
    "score ",
    "score of 1 (",
    "rate from 1 to ",
    "- ",
    "and ",
    "describe ",
    "give a ",
    "explain your ",
    '"',
    ". ",
    "*",
    "_",
    "Answer 1 if ",
    "do not ",
    "<example",
    "the answer must be ",
    "scale (1",
    "\u00a0",
    "< ",
]


def seconds(text: str) -> float:
    """The time that the slowest of the checks takes."""
    start = time.process_time()
    problem(text, AGIN, "A caption of more than eight words, so that it can be copied.", settings=SETTINGS_FOR_LONG)
    middle = time.process_time()
    judge_prompt_problem("Is it?", text, SCALES[AGIN], [text], SETTINGS_FOR_LONG)
    i2t_prompt_problem(text, ["Describe."], SCALES[UNSAFE], SETTINGS_FOR_LONG)
    return max(middle - start, time.process_time() - middle)


@pytest.mark.parametrize("piece", PIECES)
def test_time_grows_with_the_length_only(piece: str) -> None:
    """What a model may repeat itself into; quadratic time would be many times as long."""
    assert max(seconds(f"{frame}{piece * (10_000 // len(piece))}x") for frame in ("<", "Answer")) < 0.5


@pytest.mark.parametrize("piece", ["1-", " ", "_", "score "])
def test_100_kilobytes_take_about_a_second_at_most(piece: str) -> None:
    assert seconds(f"Answer{piece * (100_000 // len(piece))}x") < 2  # half a second on an idle machine
