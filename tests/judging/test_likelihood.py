"""Label probabilities from hand-made log-probabilities, and from the embedded judge."""

import asyncio
import math
from collections.abc import Mapping

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentImage,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelOutput,
    TopLogprob,
    get_model,
)

from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities, negative_log_likelihood
from blpo_inspect.world.benchmarks import BENCHMARKS, records, statement

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
FIVE = LabelScale.of("12345")
TEN = LabelScale.of(str(n) for n in range(1, 11))

Step = tuple[str, dict[str, float]]


def answered(*steps: Step) -> ModelOutput:
    """An answer of these produced tokens, each with the probabilities of what is listed there."""
    content = [
        Logprob(
            token=token,
            logprob=math.log(listed.get(token, 1e-3)),
            top_logprobs=[TopLogprob(token=other, logprob=math.log(p)) for other, p in listed.items()],
        )
        for token, listed in steps
    ]
    message = ChatMessageAssistant(content="".join(token for token, _ in steps))
    return ModelOutput(choices=[ChatCompletionChoice(message=message, logprobs=Logprobs(content=content))])


def probabilities(scale: LabelScale, *steps: Step) -> Mapping[str, float]:
    found = label_probabilities(answered(*steps), scale)
    assert found is not None
    assert list(found) == list(scale.labels)
    assert sum(found.values()) == pytest.approx(1)
    return found


def test_one_token_per_label() -> None:
    found = probabilities(FIVE, ("4", {"4": 0.5, "5": 0.2, "3": 0.1, "2": 0.1, "1": 0.05, "The": 0.05}))
    assert found == pytest.approx(
        {"1": 0.05 / 0.95, "2": 0.1 / 0.95, "3": 0.1 / 0.95, "4": 0.5 / 0.95, "5": 0.2 / 0.95}
    )


def test_the_beginning_of_a_label() -> None:
    found = probabilities(SAFETY, ("un", {"un": 0.6, "safe": 0.3}), ("safe", {"safe": 1.0}))
    assert found["unsafe"] == pytest.approx(0.6 / 0.9)


def test_spellings_of_one_label_add_up() -> None:
    listed = {"safe": 0.2, " Safe": 0.2, "SAFE.": 0.1, "“safe": 0.1, "unsafe": 0.1, "safely": 0.2, "saf": 0.05}
    assert probabilities(SAFETY, ("safe", listed))["safe"] == pytest.approx(0.65 / 0.75)


def test_white_space_quotes_and_markdown_come_before_the_answer() -> None:
    steps: list[Step] = [("\n", {"unsafe": 0.9}), (" **", {"unsafe": 0.9}), ("Safe", {"Safe": 0.8, "Uns": 0.2})]
    assert probabilities(SAFETY, *steps)["safe"] == pytest.approx(0.8)


def test_a_scale_of_stars_keeps_its_stars() -> None:
    stars = LabelScale("unordered", ("*", "**"))
    assert probabilities(stars, ("**", {"**": 0.7, "* ": 0.3}))["**"] == pytest.approx(0.7)


def test_aliases() -> None:
    scale = LabelScale("unordered", ("0", "1"), aliases={"no": "0", "yes": "1"})
    found = probabilities(scale, ("Yes", {"Yes": 0.4, "1": 0.2, "No": 0.2, "0": 0.1, "N": 0.1}))
    assert found == pytest.approx({"0": 0.4, "1": 0.6})


def test_an_open_beginning_is_settled_by_the_next_token() -> None:
    first = {"1": 0.8, "9": 0.2}
    # of the 0.8, three quarters go on to 10 and a quarter ends: </s> and "." both mean 1
    found = probabilities(TEN, ("1", first), ("0", {"0": 0.75, "</s>": 0.2, ".": 0.05, "1": 1e-9}))
    bound = 1e-12  # what the two listed leave of 1
    assert found["10"] == pytest.approx(0.6, abs=bound + 1e-6)
    assert (found["1"], found["9"]) == pytest.approx((0.2, 0.2), abs=1e-6)
    # an end that is listed as an empty text, and an answer that is over
    for produced in ("", "0"):
        ended = probabilities(TEN, ("1", first), (produced, {"": 0.25, "0": 0.75}))
        assert ended["1"] == pytest.approx(0.2, abs=1e-6)
    assert probabilities(TEN, ("1", first))["1"] == pytest.approx(0.8, abs=1e-6)


def test_an_open_beginning_that_was_not_produced_is_shared() -> None:
    found = probabilities(TEN, ("9", {"9": 0.6, "1": 0.4}), (".", {".": 1.0}))
    assert (found["1"], found["10"], found["9"]) == pytest.approx((0.2, 0.2, 0.6), abs=1e-6)
    three = LabelScale("unordered", ("safe", "unsafe", "unsure"))
    cut = probabilities(three, ("un", {"un": 0.6, "safe": 0.4}))  # the answer was cut here
    assert cut == pytest.approx({"safe": 0.4, "unsafe": 0.3, "unsure": 0.3})


def test_labels_that_begin_with_another_label() -> None:
    scale = LabelScale("unordered", ("very good", "very", "good"))
    going_on: list[Step] = [("very", {"very": 0.9, "good": 0.1}), (" good", {" good": 0.7, "!": 0.3})]
    assert probabilities(scale, *going_on) == pytest.approx({"very good": 0.63, "very": 0.27, "good": 0.1})


def test_a_label_that_is_not_listed_gets_at_most_the_smallest_listed() -> None:
    found = probabilities(FIVE, ("4", {"4": 0.6, "5": 0.2, "The": 0.1}))
    assert found == pytest.approx({"1": 0.1 / 1.1, "2": 0.1 / 1.1, "3": 0.1 / 1.1, "4": 0.6 / 1.1, "5": 0.2 / 1.1})
    # nor more than the listed ones leave
    assert probabilities(SAFETY, ("safe", {"safe": 0.98}))["unsafe"] == pytest.approx(0.02)
    alone = answered(("safe", {"safe": 0.9}))
    assert alone.choices[0].logprobs is not None
    alone.choices[0].logprobs.content[0].top_logprobs = None
    assert (label_probabilities(alone, SAFETY) or {})["unsafe"] == pytest.approx(0.1)


def test_the_produced_token_counts_though_it_is_not_listed() -> None:
    found = probabilities(SAFETY, ("unsafe", {"safe": 0.9}))  # at a high temperature; 0.001 in `answered`
    assert found["unsafe"] == pytest.approx(0.001 / 0.901)


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [(" ", {" ": 1.0})],
        [("The", {"The": 0.5, "safe": 0.5})],
        [("safely", {"safely": 0.5, "safe": 0.5})],
        [("un", {"un": 0.9, "safe": 0.1}), ("clear", {"clear": 0.9, "safe": 0.1})],
        [("<think>", {"<think>": 1.0}), ("safe", {"safe": 1.0})],
    ],
)
def test_an_answer_that_does_not_begin_with_a_label(steps: list[Step]) -> None:
    assert label_probabilities(answered(*steps), SAFETY) is None


def test_a_number_off_the_scale_is_no_label() -> None:
    assert label_probabilities(answered(("10", {"10": 0.9, "1": 0.1})), FIVE) is None
    assert label_probabilities(answered(("4", {"4": 1.0}), (".", {".": 1.0}), ("5", {"5": 1.0})), FIVE) is None


def test_no_log_probabilities() -> None:
    assert label_probabilities(ModelOutput.from_content("m", "safe"), SAFETY) is None
    assert label_probabilities(ModelOutput(), SAFETY) is None
    assert label_probabilities(answered(("4", {"4": 1.0})), LabelScale("numeric", low=1, high=5)) is None


tokens = st.sampled_from(["1", "2", "3", "4", "5", " 4", "**", "The", "10", "", "4."])


def bound(listed: dict[str, float]) -> float:
    """What a label that is not listed has at most."""
    return max(0.0, min(*listed.values(), 1 - sum(listed.values())))


@given(st.dictionaries(tokens, st.floats(1e-6, 1.0), min_size=1), st.data())
def test_what_always_holds(weights: dict[str, float], data: st.DataObject) -> None:
    listed = {token: weight / sum(weights.values()) * 0.99 for token, weight in weights.items()}
    label = data.draw(st.sampled_from(FIVE.labels))
    listed.setdefault(label, 0.01)
    found = probabilities(FIVE, (label, listed))
    assert all(0 <= p <= 1 for p in found.values())
    more = dict(listed)
    more[label] = min(1.0, listed[label] * data.draw(st.floats(1, 3)))
    # where the label's token is the least probable one, it also raises the bound of labels that are not listed
    assume(bound(more) <= bound(listed))
    assert probabilities(FIVE, (label, more))[label] >= found[label] - 1e-12


@given(st.floats(0, 1), st.floats(0, 1))
def test_less_probable_is_a_greater_loss(p: float, q: float) -> None:
    loss, other = (negative_log_likelihood({"safe": x, "unsafe": 1 - x}, "safe") for x in (p, q))
    assert 0 <= loss <= -math.log(1e-6)
    assert (loss - other) * (p - q) <= 0


def test_loss_by_hand() -> None:
    assert negative_log_likelihood({"a": 0.25, "b": 0.75}, "a") == pytest.approx(math.log(4))
    assert negative_log_likelihood({"a": 0.0, "b": 1.0}, "a", floor=0.01) == pytest.approx(math.log(100))
    assert negative_log_likelihood({"a": 0.0, "b": 1.0}, "b") == 0
    with pytest.raises(ValueError, match="no probability of label 'c'"):
        negative_log_likelihood({"a": 1.0}, "c")
    with pytest.raises(ValueError, match="floor"):
        negative_log_likelihood({"a": 1.0}, "a", floor=0)


def test_the_embedded_judge_says_what_it_finds_most_probable() -> None:
    """Through the real checkpoint; and stating the policy makes people's labels more probable."""
    scale = BENCHMARKS["safety"].scale
    found = records("safety", policy=0, split="test", per_class=4)
    config = GenerateConfig(temperature=0.0, logprobs=True, top_logprobs=10, max_tokens=8)

    async def loss(prompt: str) -> float:
        model = get_model("hf-vlm/shapes-judge")
        losses = []
        for record in found:
            message = judge_message(prompt, scale, images=[ContentImage(image=record.image)])
            output = await model.generate([message], config=config)
            probabilities = label_probabilities(output, scale)
            assert probabilities is not None
            assert sum(probabilities.values()) == pytest.approx(1)
            assert max(probabilities, key=lambda label: probabilities[label]) == scale.read(output.completion).label
            losses.append(negative_log_likelihood(probabilities, str(record.label)))
        return sum(losses) / len(losses)

    async def both() -> tuple[float, float]:
        return await loss(statement("safety", 0)), await loss(BENCHMARKS["safety"].prompt)

    stated, unstated = asyncio.run(both())
    assert stated < unstated
