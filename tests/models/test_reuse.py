"""Kept prefixes: the same answers as without them, for every family, in any batch, within a budget."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai.model import GenerateConfig, ModelCall, ModelOutput

from blpo_inspect.models import continuation, reuse
from blpo_inspect.models import engine as engines
from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.generation import generate
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.processing import Processing

from .tiny import MAKERS, ask, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Api = Callable[..., HfVlmAPI]

PROMPTS = ("is this image good or bad ?", "safe or unsafe ? w1 w2 w3 w4 w5 w6", "w7 w8 yes or no", "the image")
PICTURES = ((40, 30), (90, 30), (60, 80), (30, 30))
CONTINUING = [family for family in MAKERS if family != "paligemma"]


def requests(prompts: tuple[str, ...] = PROMPTS, count: int = 4) -> list[list[Any]]:
    return [ask(prompt, picture(number, PICTURES[number % 4])) for prompt in prompts for number in range(count)]


def answer_all(model: HfVlmAPI, asked: list[list[Any]], **config: Any) -> list[tuple[ModelOutput, ModelCall]]:
    async def run() -> list[tuple[ModelOutput, ModelCall]]:
        settings = GenerateConfig(**({"max_tokens": 5, "logprobs": True, "top_logprobs": 3} | config))
        return await asyncio.gather(*(model.generate(messages, [], "none", settings) for messages in asked))

    return asyncio.run(run())


def told(answers: list[tuple[ModelOutput, ModelCall]]) -> list[str]:
    return [output.completion for output, _ in answers]


def logprobs(answers: list[tuple[ModelOutput, ModelCall]]) -> torch.Tensor:
    return torch.tensor(
        [
            [step.logprob for step in output.choices[0].logprobs.content]
            for output, _ in answers
            if output.choices[0].logprobs
        ],
        dtype=torch.float64,
    )


@pytest.mark.parametrize("family", CONTINUING)
def test_answers_are_those_without_reuse(api: Api, family: str) -> None:
    whole = answer_all(api(family, prefix_cache_gb=0), requests())
    model = api(family)
    for _ in range(2):  # computed in the first round, kept in the second
        parts = answer_all(model, requests())
        assert told(parts) == told(whole)
        assert [output.usage for output, _ in parts] == [output.usage for output, _ in whole]
        torch.testing.assert_close(logprobs(parts), logprobs(whole), rtol=0, atol=5e-6)
    store = loaded(model).reuse.store
    assert len(store) == 4
    assert store.hits >= 12
    assert loaded(model).reuse.refused is None


def test_without_a_cache_nothing_is_kept(api: Api) -> None:
    model = api("llava", prefix_cache_gb=0)
    answer_all(model, requests())
    assert len(loaded(model).reuse.store) == 0


@pytest.mark.parametrize("family", CONTINUING)
def test_only_new_tokens_are_run(api: Api, family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api(family)
    answer_all(model, requests(PROMPTS[:1]))
    engine = loaded(model)
    vision: list[int] = []
    widths: list[int] = []
    inner = engine.weights.model.base_model
    kept_features, kept_embedding = inner.get_image_features, inner.get_input_embeddings()

    def seeing(*args: Any, **kwargs: Any) -> Any:
        vision.append(1)
        return kept_features(*args, **kwargs)

    monkeypatch.setattr(inner, "get_image_features", seeing)
    handle = kept_embedding.register_forward_hook(lambda module, inputs, output: widths.append(inputs[0].shape[1]))
    answer_all(model, requests(PROMPTS[2:3]), max_tokens=2)
    handle.remove()
    prepared = engine.processing.prepare(take_apart(requests(PROMPTS[2:3])[0], model="test"), None)
    assert vision == []
    assert widths == [prepared.length - prepared.prefix_length, 1]


def test_a_known_image_and_a_known_text_are_not_processed_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    answer_all(model, requests(PROMPTS[:2], count=1))
    answer_all(model, requests(PROMPTS[:1], count=2))
    processing = loaded(model).processing

    def fails(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("processed again")

    monkeypatch.setattr(processing, "_process", fails)
    whole = answer_all(api("llava"), requests(PROMPTS[1:2], count=2))  # the second image under the second prompt
    monkeypatch.undo()
    forget_engines()
    assert told(whole) == told(answer_all(api("llava", prefix_cache_gb=0), requests(PROMPTS[1:2], count=2)))


@pytest.mark.parametrize("family", CONTINUING)
def test_tokens_put_together_are_those_of_the_processor(api: Api, family: str) -> None:
    model = api(family)
    answer_all(model, requests())
    processing = loaded(model).processing
    anew = Processing(loaded(model).weights)
    for messages in requests():
        together = processing.prepare(take_apart(messages, model="test"), None, lambda prefix: True)
        apart = anew.prepare(take_apart(messages, model="test"), None)
        assert together.prompt == apart.prompt
        assert (together.prefix, together.prefix_length, together.images) == (
            apart.prefix,
            apart.prefix_length,
            apart.images,
        )
        for key, value in together.inputs.items():
            assert torch.equal(value, apart.inputs[key]), key


def test_a_model_that_looks_both_ways_falls_back_and_says_so(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(answer_all(api("paligemma", prefix_cache_gb=0), requests()))
    forget_engines()
    model = api("paligemma")
    with caplog.at_level(logging.WARNING):
        assert told(answer_all(model, requests())) == whole
        assert told(answer_all(model, requests())) == whole
    said = [record.getMessage() for record in caplog.records if "anew for every prompt" in record.getMessage()]
    assert len(said) == 1
    assert "its text changes what it sees in the image before" in said[0]
    assert len(loaded(model).reuse.store) == 0


def test_a_model_whose_past_cannot_be_continued_falls_back(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **kwargs: Any) -> Any:
        raise TypeError("a layer keeps its past as Novelty")

    monkeypatch.setattr("blpo_inspect.models.continuation_check.compute", fails)
    with caplog.at_level(logging.WARNING):
        answers = answer_all(api("llava"), requests())
    assert "a layer keeps its past as Novelty" in caplog.text
    forget_engines()
    assert told(answers) == told(answer_all(api("llava", prefix_cache_gb=0), requests()))


def test_the_least_recently_used_goes_when_the_budget_is_full(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1], count=1))
    one = loaded(model).reuse.store.nbytes
    forget_engines()
    model = api("llava", prefix_cache_gb=2.5 * one / 1e9)
    first = answer_all(model, requests(count=4), max_tokens=3)
    assert "pushed out" not in caplog.text
    answer_all(model, requests(PROMPTS[:1]), max_tokens=3)
    answer_all(model, requests(PROMPTS[1:2]), max_tokens=3)
    assert caplog.text.count("pushed out: 2 fit into") == 1
    store = loaded(model).reuse.store
    assert len(store) == 2
    assert store.nbytes <= 2.5 * one
    assert store.evicted >= 2
    forget_engines()
    assert told(first) == told(answer_all(api("llava", prefix_cache_gb=0), requests(count=4), max_tokens=3))


def test_a_budget_too_small_for_one_keeps_none_and_answers(api: Api) -> None:
    model = api("qwen2.5-vl", prefix_cache_gb=1e-9)
    answers = told(answer_all(model, requests()))
    assert len(loaded(model).reuse.store) == 0
    forget_engines()
    assert answers == told(answer_all(api("qwen2.5-vl", prefix_cache_gb=0), requests()))


def test_offloaded_prefixes_answer_alike(api: Api) -> None:
    model = api("llava", prefix_offload=True)
    answers = [told(answer_all(model, requests())) for _ in range(2)]
    assert all(state.device.type == "cpu" for one in loaded(model).reuse.store._kept.values() for state in one.states)
    forget_engines()
    assert answers == [told(answer_all(api("llava", prefix_cache_gb=0), requests()))] * 2


def test_an_answer_longer_than_its_room(api: Api) -> None:
    asked = requests(PROMPTS[:2], count=2)
    long = answer_all(api("llava"), asked, max_tokens=90)
    forget_engines()
    assert told(long) == told(answer_all(api("llava", prefix_cache_gb=0), asked, max_tokens=90))
    assert max(output.usage.output_tokens for output, _ in long if output.usage) > 40


def test_out_of_memory_gives_up_half_of_what_is_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1]))
    store = loaded(model).reuse.store
    budget, failures = store.budget, [1]

    def scarce(*args: Any, **kwargs: Any) -> Any:
        if failures:
            failures.pop()
            raise torch.OutOfMemoryError("out of memory")
        return generate(*args, **kwargs)

    monkeypatch.setattr(engines, "generate", scarce)
    answers = told(answer_all(model, requests(PROMPTS[1:2])))
    assert store.budget == budget // 2
    forget_engines()
    monkeypatch.undo()
    assert answers == told(answer_all(api("llava", prefix_cache_gb=0), requests(PROMPTS[1:2])))


def test_the_same_image_twice_in_a_batch_is_computed_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1], count=1))
    counted: list[int] = []
    kept = continuation.compute

    def counting(weights: Any, rows: Any) -> Any:
        counted.append(len(rows))
        return kept(weights, rows)

    monkeypatch.setattr(reuse, "compute", counting)
    asked = [ask(prompt, picture(9)) for prompt in PROMPTS] + [ask(prompt, picture(5)) for prompt in PROMPTS]
    answer_all(model, asked)
    assert sum(counted) == 2


def test_several_choices_share_a_prefix(api: Api) -> None:
    asked = requests(PROMPTS[:1], count=2)
    config: dict[str, Any] = {"num_choices": 3, "temperature": 1.0, "seed": 7}
    drawn = answer_all(api("llava"), asked, **config)
    forget_engines()
    whole = answer_all(api("llava", prefix_cache_gb=0), asked, **config)
    assert [[choice.message.text for choice in output.choices] for output, _ in drawn] == [
        [choice.message.text for choice in output.choices] for output, _ in whole
    ]


@pytest.mark.parametrize("family", list(MAKERS))
def test_deterministic_answers_have_the_same_bits_in_any_company(api: Api, family: str) -> None:
    asked = requests()
    together = answer_all(api(family, deterministic=True), asked)
    again = answer_all(api(family, deterministic=True), asked[::-1])[::-1]
    forget_engines()
    model = api(family, deterministic=True)
    alone = [answer_all(model, [messages])[0] for messages in asked]
    assert told(together) == told(alone) == told(again)
    assert torch.equal(logprobs(together), logprobs(alone))
    assert torch.equal(logprobs(together), logprobs(again))
    assert {call.response["batch_size"] for _, call in together if call.response} == {1}


def test_deterministic_is_part_of_the_identity_and_caching_is_not(api: Api) -> None:
    plain = api("llava").identity()
    assert api("llava", prefix_cache_gb=0, max_batch_size=2, prefix_offload=True).identity() == plain
    assert api("llava", deterministic=True).identity() == {**plain, "deterministic": True}


def test_a_row_of_a_batch_is_bit_close_to_itself_alone(api: Api) -> None:
    model = api("qwen2.5-vl")
    together = logprobs(answer_all(model, requests()))
    alone = torch.cat([logprobs(answer_all(model, [messages])) for messages in requests()])
    torch.testing.assert_close(together, alone, rtol=0, atol=5e-6)


def test_half_precision_stays_within_its_tolerance(api: Api, llava: Path) -> None:
    whole = logprobs(answer_all(api("llava", dtype="bfloat16", prefix_cache_gb=0), requests(), max_tokens=1))
    forget_engines()
    model = api("llava", dtype="bfloat16")
    parts = logprobs(answer_all(model, requests(), max_tokens=1))
    assert loaded(model).reuse.refused is None
    assert float((parts - whole).abs().max()) < 0.15


TEXT = " ".join(f"w{number}" for number in range(30))
"""Of a sample: the same under every prompt."""


@pytest.mark.parametrize("family", CONTINUING)
def test_what_requests_on_an_image_have_in_common_is_kept_too(api: Api, family: str) -> None:
    model = api(family)
    ends = ("good or bad ? c d e", "is it safe ?", "w40 w41 yes or no")
    asked = [[ask(f"{TEXT} {end}", picture(number, PICTURES[number])) for number in range(3)] for end in ends]
    found = [told(answer_all(model, each, max_tokens=1)) for each in asked[:2]]
    widths: list[int] = []
    embedding = loaded(model).weights.model.get_input_embeddings()
    handle = embedding.register_forward_hook(lambda module, inputs, output: widths.append(inputs[0].shape[1]))
    found.append(told(answer_all(model, asked[2], max_tokens=1)))
    handle.remove()
    if family != "gemma3":  # beyond its window nothing but images is kept
        assert len(widths) == 1
        assert widths[0] < 10
    forget_engines()
    whole = api(family, prefix_cache_gb=0)
    assert found == [told(answer_all(whole, each, max_tokens=1)) for each in asked]


def test_prompts_that_alternate(api: Api) -> None:
    """Kept beginnings of one prompt are cut to what the next one shares."""
    one, other = " ".join(f"w{n}" for n in range(40)), " ".join(f"w{n}" for n in (*range(8), *range(50, 20, -1)))
    prompts = [one, f"{one} a", other, f"{other} b", one, f"{other} c d", f"{one} e", one, one]
    model, whole = api("qwen2.5-vl"), api("qwen2.5-vl", prefix_cache_gb=0)
    for prompt in prompts:
        asked = [ask(prompt, picture(number, PICTURES[number])) for number in range(3)]
        parts = answer_all(model, asked, max_tokens=3)
        forced = answer_all(whole, asked, max_tokens=3)
        assert told(parts) == told(forced)
        torch.testing.assert_close(logprobs(parts), logprobs(forced), rtol=0, atol=5e-6)
