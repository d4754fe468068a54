"""The provider against tiny models: the same answers as transformers, alone and in a batch."""

import asyncio
import dataclasses
import hashlib
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from inspect_ai.model import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelCall,
    ModelOutput,
    get_model,
)

from blpo_inspect._util.images import decode
from blpo_inspect.models import engine as engines
from blpo_inspect.models import weights
from blpo_inspect.models.collate import group_of, join
from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.hf_vlm import HfVlmAPI

from .tiny import MAKERS, ask, hf, image_bytes, loaded, picture

Api = Callable[..., HfVlmAPI]
Answer = tuple[ModelOutput, ModelCall]

REQUESTS = [
    ask("is this image good ?", picture(1)),
    ask("is this image good or bad or unsafe , yes or no ? " * 3, picture(2, (30, 60))),
    ask("w1", picture(3), picture(4, (64, 20)), picture(5)),
    ask("a b c d", picture(6, (90, 90))),
    ask("is this", picture(7), picture(8)),
    ask("safe ?", picture(9, (20, 20))),
]


async def answer(api: HfVlmAPI, messages: list[Any], **config: Any) -> Answer:
    config.setdefault("max_tokens", 8)
    return await api.generate(messages, [], "none", GenerateConfig(**config))


def answer_all(api: HfVlmAPI, requests: list[list[Any]], **config: Any) -> list[Answer]:
    async def run() -> list[Answer]:
        return list(await asyncio.gather(*(answer(api, one, **config) for one in requests)))

    return asyncio.run(run())


def answer_one(api: HfVlmAPI, messages: list[Any], **config: Any) -> Answer:
    return asyncio.run(answer(api, messages, **config))


def tokens_of(call: ModelCall) -> list[list[int]]:
    assert call.response is not None
    return cast(list[list[int]], call.response["tokens"])


def texts(answers: list[Answer]) -> list[str]:
    return [output.completion for output, _ in answers]


@pytest.mark.parametrize("family", MAKERS)
def test_a_batch_answers_like_one_by_one(api: Api, family: str) -> None:
    model = api(family)
    alone = [answer_one(model, one, logprobs=True) for one in REQUESTS]
    together = answer_all(model, REQUESTS, logprobs=True)
    assert texts(together) == texts(alone)
    assert len(set(texts(alone))) > 3, "the models must not say one thing only"
    assert all(call.response and call.response["batch_size"] == 1 for _, call in alone)
    if family != "gemma3":  # its window is smaller than these requests, so batches have texts of one length
        assert all(call.response and call.response["batch_size"] == 6 for _, call in together)
    for (one, _), (other, _) in zip(alone, together, strict=True):
        assert one.usage == other.usage
        assert one.stop_reason == other.stop_reason
        assert one.choices[0].logprobs is not None
        assert other.choices[0].logprobs is not None
        for left, right in zip(one.choices[0].logprobs.content, other.choices[0].logprobs.content, strict=True):
            assert left.token == right.token
            assert left.logprob == pytest.approx(right.logprob, abs=1e-4)


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_answers_are_those_of_transformers(api: Api, checkpoints: Callable[[str], Path], family: str) -> None:
    model = api(family)
    folder = checkpoints(family)
    reference = hf.AutoModelForImageTextToText.from_pretrained(folder).eval()
    reference.generation_config = hf.GenerationConfig(eos_token_id=3, pad_token_id=1)
    processor = hf.AutoProcessor.from_pretrained(folder)
    for request in REQUESTS[:4]:
        content = request[0].content
        images = [decode(image_bytes(part.image), name="x") for part in content if isinstance(part, ContentImage)]
        turns = [
            {"type": "image", "image": images.pop(0)}
            if isinstance(part, ContentImage)
            else {"type": "text", "text": part.text}
            for part in content
        ]
        inputs = processor.apply_chat_template(
            [{"role": "user", "content": turns}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        tokens = reference.generate(**inputs, max_new_tokens=8, do_sample=False)
        new = tokens[0, inputs["input_ids"].shape[1] :].tolist()
        output, call = answer_one(model, request)
        assert tokens_of(call) == [new]
        assert output.completion == processor.tokenizer.decode(new, skip_special_tokens=True)
        assert output.usage is not None
        assert output.usage.input_tokens == inputs["input_ids"].shape[1]


def test_log_probabilities_are_those_of_a_plain_forward_pass(api: Api) -> None:
    model = api("llava")
    output, call = answer_one(model, REQUESTS[0], logprobs=True, top_logprobs=5)
    engine = loaded(model)
    (tokens,) = tokens_of(call)
    image = decode(image_bytes(REQUESTS[0][0].content[0].image), name="x")
    inputs = engine.weights.processor(text=[call.request["prompt"]], images=[[image]], return_tensors="pt")
    ids = torch.cat([inputs["input_ids"], torch.tensor([tokens])], dim=1)
    with torch.no_grad():
        logits = engine.weights.model(input_ids=ids, pixel_values=inputs["pixel_values"]).logits[0]
    first = inputs["input_ids"].shape[1] - 1
    decode_one = engine.weights.tokenizer.decode
    assert output.choices[0].logprobs is not None
    content = output.choices[0].logprobs.content
    assert len(content) == len(tokens)
    for step, token in enumerate(tokens):
        expected = logits[first + step].log_softmax(-1)
        assert int(expected.argmax()) == token
        assert content[step].token == decode_one([token])
        assert content[step].logprob == pytest.approx(float(expected[token]), abs=1e-4)
        best = expected.topk(5)
        top = content[step].top_logprobs
        assert top is not None
        assert [one.token for one in top] == [decode_one([int(t)]) for t in best.indices]
        assert [one.logprob for one in top] == pytest.approx(best.values.tolist(), abs=1e-4)


def test_sampled_tokens_are_reported_with_the_models_probability(api: Api) -> None:
    model = api("llava")
    plain = {"logprobs": True, "top_logprobs": 20, "max_tokens": 1, "seed": 5}
    output, _ = answer_one(model, REQUESTS[0], temperature=50.0, **plain)
    greedy, _ = answer_one(model, REQUESTS[0], **plain)
    assert output.choices[0].logprobs is not None
    assert greedy.choices[0].logprobs is not None
    # the distribution is the model's, not the one flattened by the temperature
    assert output.choices[0].logprobs.content[0].top_logprobs == pytest.approx(
        greedy.choices[0].logprobs.content[0].top_logprobs
    )
    assert output.choices[0].logprobs.content[0].token != greedy.choices[0].logprobs.content[0].token


def test_usage_by_hand_llava(api: Api) -> None:
    # "user : <image> is this image good ? assistant :" is 10 tokens with one per image;
    # a 28-pixel image in patches of 14 has (28/14)² = 4 tokens, so 3 more
    output, _ = answer_one(api("llava"), ask("is this image good ?", picture(1)), max_tokens=4)
    assert output.usage is not None
    assert output.usage.input_tokens == 10 + 3
    two, _ = answer_one(api("llava"), ask("is this image good ?", picture(1), picture(2)))
    assert two.usage is not None
    assert two.usage.input_tokens == 10 + 3 + 4
    assert output.usage.output_tokens == len(output.completion.split()) == 4
    assert output.usage.total_tokens == 17


def test_usage_by_hand_qwen(api: Api) -> None:
    # a 56×28 image in patches of 14 is 4×2 patches, merged 2×2: 2 tokens. Around it:
    # <|im_start|> user <|vision_start|> … <|vision_end|> is this <|im_end|> <|im_start|> assistant
    model = api("qwen2.5-vl")
    output, _ = answer_one(model, ask("is this", picture(1, (56, 28))))
    assert output.usage is not None
    assert output.usage.input_tokens == 9 + 2
    prepared = loaded(model).processing.prepare(
        take_apart(ask("is this", picture(1, (56, 28)), picture(2, (56, 56))), model="test"), None
    )
    assert prepared.inputs["image_grid_thw"].tolist() == [[1, 2, 4], [1, 4, 4]]
    assert prepared.inputs["pixel_values"].shape[0] == 8 + 16
    place = loaded(model).weights.processor.image_token_id
    is_image = prepared.inputs["input_ids"] == place
    assert int(is_image.sum()) == 2 + 4
    assert prepared.inputs["mm_token_type_ids"].tolist() == is_image.long().tolist()


def test_the_assembled_qwen_inputs_fit_the_model(api: Api) -> None:
    """As many image tokens as the vision tower gives features, and images that matter."""
    model = api("qwen2.5-vl")
    answer_one(model, ask("is this", picture(1)))
    engine = loaded(model)
    prepared = engine.processing.prepare(take_apart(ask("is this", picture(1)), model="test"), None)
    with torch.no_grad():
        features = engine.weights.model.model.get_image_features(
            prepared.inputs["pixel_values"], prepared.inputs["image_grid_thw"]
        )
    tokens = int(prepared.inputs["mm_token_type_ids"].sum())
    assert sum(part.shape[0] for part in features.pooler_output) == tokens
    one, _ = answer_one(model, ask("is this", picture(1)), logprobs=True)
    other, _ = answer_one(model, ask("is this", picture(2)), logprobs=True)
    assert one.choices[0].logprobs != other.choices[0].logprobs


def test_text_system_and_assistant_turns(api: Api) -> None:
    messages = [
        ChatMessageSystem(content="yes or no"),
        *ask("is this good ?", picture(1)),
        ChatMessageAssistant(content="yes"),
        ChatMessageUser(content="and this ?"),
    ]
    _, call = answer_one(api("llava"), messages)
    assert call.request["prompt"] == (
        "system : yes or no user : <image> is this good ? assistant : yes </s>user : and this ? assistant :"
    )
    text_only, _ = answer_one(api("llava"), [ChatMessageUser(content="is this good ?")])
    assert text_only.completion


def test_text_and_images_of_one_model_do_not_share_a_batch(api: Api) -> None:
    requests = [ask("a b c"), ask("a b c", picture(1)), ask("a b")]
    model = api("llava")
    alone = [answer_one(model, one) for one in requests]
    together = answer_all(model, requests)
    assert texts(alone) == texts(together)


def test_the_image_is_told_by_digest_in_the_call(api: Api) -> None:
    _, call = answer_one(api("llava"), ask("is this", picture(1, (33, 22))))
    digest = hashlib.sha256(image_bytes(picture(1, (33, 22)))).hexdigest()
    assert call.request["images"] == [{"sha256": digest, "width": 33, "height": 22}]
    assert "base64" not in call.model_dump_json()


def test_greedy_ignores_the_checkpoints_sampling(api: Api) -> None:
    """The tiny checkpoints say do_sample, temperature 1.7 and a repetition penalty."""
    model = api("llava")
    first, _ = answer_one(model, REQUESTS[0])
    for temperature in (None, 0.0):
        again, _ = answer_one(model, REQUESTS[0], temperature=temperature)
        assert again.completion == first.completion
    assert first.metadata is not None
    assert first.metadata["checkpoint"] == model.identity()
    assert first.metadata["runtime"] == {"device": "cpu", "dtype": "float32"}


@pytest.mark.parametrize("family", MAKERS)
def test_a_seeded_draw_does_not_depend_on_its_batch(api: Api, family: str) -> None:
    model = api(family)
    how = {"temperature": 1.5, "top_p": 0.95, "top_k": 40, "seed": 7}
    alone = [answer_one(model, one, **how) for one in REQUESTS]
    assert texts(answer_all(model, REQUESTS, **how)) == texts(alone)
    assert texts(answer_all(model, REQUESTS[::-1], **how))[::-1] == texts(alone)
    assert texts(answer_all(model, REQUESTS, **{**how, "seed": 8})) != texts(alone)


def test_equal_requests_draw_apart_without_a_seed_and_alike_with_one(api: Api) -> None:
    model = api("llava")
    unseeded = texts(answer_all(model, [REQUESTS[0]] * 6, temperature=2.0))
    assert len(set(unseeded)) > 3
    seeded = texts(answer_all(model, [REQUESTS[0]] * 6, temperature=2.0, seed=1))
    assert len(set(seeded)) == 1


def test_greedy_and_sampled_rows_share_a_batch(api: Api) -> None:
    model = api("llava")
    answer_one(model, REQUESTS[0])  # so that the next ones start together

    async def both() -> list[Answer]:
        return list(
            await asyncio.gather(answer(model, REQUESTS[0]), answer(model, REQUESTS[1], temperature=1.5, seed=3))
        )

    mixed = asyncio.run(both())
    assert all(call.response and call.response["batch_size"] == 2 for _, call in mixed)
    assert texts(mixed) == [
        answer_one(model, REQUESTS[0])[0].completion,
        answer_one(model, REQUESTS[1], temperature=1.5, seed=3)[0].completion,
    ]


def test_several_choices(api: Api) -> None:
    output, _ = answer_one(api("llava"), REQUESTS[0], num_choices=4, temperature=2.0, seed=1)
    assert len(output.choices) == 4
    assert len({choice.message.text for choice in output.choices}) > 1
    assert output.usage is not None
    assert output.usage.output_tokens <= 32
    assert output.usage.input_tokens == 13


def test_stop_sequences_cut_each_row_by_itself(api: Api) -> None:
    model = api("llava")
    full = [output.completion.split() for output, _ in (answer_one(model, one) for one in REQUESTS)]
    stop = full[0][3]
    together = answer_all(model, REQUESTS, stop_seqs=[stop])
    for words, (output, _) in zip(full, together, strict=True):
        assert output.usage is not None
        if stop in words:
            at = words.index(stop)
            assert output.completion.split() == words[:at]
            assert output.usage.output_tokens == at + 1
            assert output.stop_reason == "stop"
        else:
            assert output.completion.split() == words
    assert together[0][0].stop_reason == "stop"
    assert {output.stop_reason for output, _ in together} == {"stop", "max_tokens"}


def test_an_end_token_stops_and_is_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    _, call = answer_one(model, REQUESTS[0], max_tokens=6)
    (tokens,) = tokens_of(call)
    engine = loaded(model)
    at = tokens.index(tokens[3])
    ending = dataclasses.replace(engine.weights, end_tokens=frozenset({tokens[3]}))
    monkeypatch.setattr(engine, "weights", ending)
    answers = answer_all(model, REQUESTS, max_tokens=6, logprobs=True)
    output = answers[0][0]
    assert output.stop_reason == "stop"
    assert output.usage is not None
    assert output.usage.output_tokens == at + 1
    assert output.choices[0].logprobs is not None
    assert len(output.choices[0].logprobs.content) == at + 1


def test_the_limit_is_a_reason_of_its_own(api: Api) -> None:
    output, _ = answer_one(api("llava"), REQUESTS[0], max_tokens=2)
    assert output.stop_reason == "max_tokens"
    assert output.usage is not None
    assert output.usage.output_tokens == 2
    # the context is 256 tokens
    long, _ = answer_one(api("llava"), ask("w1 " * 244, picture(1)), max_tokens=200)
    assert long.usage is not None
    assert long.stop_reason in ("model_length", "stop")
    assert long.usage.total_tokens <= 256
    if long.stop_reason == "model_length":
        assert long.usage.total_tokens == 256


def test_max_tokens_is_the_checkpoints_or_512(api: Api, llava: Path, tmp_path: Path) -> None:
    assert api("llava").max_tokens() == 24
    shutil.copytree(llava, tmp_path / "copy")
    (tmp_path / "copy" / "generation_config.json").unlink()
    assert HfVlmAPI(str(tmp_path / "copy")).max_tokens() == 512


def test_forbidden_words_are_kept_out_and_out_of_the_record(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    plain, call = answer_one(model, REQUESTS[0], logprobs=True, top_logprobs=3, max_tokens=1)
    ((token,),) = tokens_of(call)
    engine = loaded(model)
    bad = dataclasses.replace(engine.weights, bad_words=[[token]])
    monkeypatch.setattr(engine, "weights", bad)
    other, _ = answer_one(model, REQUESTS[0], logprobs=True, top_logprobs=3, max_tokens=1)
    assert plain.choices[0].logprobs is not None
    assert other.choices[0].logprobs is not None
    was, now = plain.choices[0].logprobs.content[0], other.choices[0].logprobs.content[0]
    assert now.token != was.token
    assert now.top_logprobs == was.top_logprobs


def test_weights_load_once_for_all_roles(llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(llava, copy)
    loads = []

    def load(*args: Any) -> Any:
        loads.append(args)
        return weights.load_weights(*args)

    monkeypatch.setattr(engines, "load_weights", load)

    async def run() -> None:
        roles = [get_model(f"hf-vlm/{copy}", role=role, memoize=False) for role in ("a", "b", "c")]
        assert len({id(role.api) for role in roles}) == 3
        assert len({role.api.connection_key() for role in roles}) == 1
        await asyncio.gather(*(role.generate(ask("is this", picture(1))) for role in roles * 2))

    asyncio.run(run())
    assert len(loads) == 1
    other = HfVlmAPI(str(copy), dtype="bfloat16")
    assert other.connection_key() != HfVlmAPI(str(copy)).connection_key()
    output, _ = answer_one(other, REQUESTS[0])
    assert len(loads) == 2
    assert output.metadata is not None
    assert output.metadata["runtime"]["dtype"] == "bfloat16"


def test_event_loops_in_sequence(api: Api) -> None:
    model = api("llava")
    first = answer_one(model, REQUESTS[0])[0].completion
    assert [answer_one(model, REQUESTS[0])[0].completion for _ in range(3)] == [first] * 3


def test_a_cancelled_request_leaves_the_others_alone(api: Api) -> None:
    model = api("llava")
    expected = texts(answer_all(model, REQUESTS))

    async def run() -> list[str]:
        tasks = [asyncio.create_task(answer(model, one)) for one in REQUESTS]
        endless = asyncio.create_task(answer(model, REQUESTS[0], max_tokens=200))
        await asyncio.sleep(0)
        endless.cancel()
        await asyncio.sleep(0)
        tasks[2].cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[2], asyncio.CancelledError)
        return ["" if isinstance(one, BaseException) else one[0].completion for one in done]

    said = asyncio.run(run())
    assert said[:2] + said[3:] == expected[:2] + expected[3:]
    assert texts(answer_all(model, REQUESTS)) == expected


def test_the_event_loop_is_not_blocked(api: Api) -> None:
    model = api("llava")
    answer_one(model, REQUESTS[0])
    engine = loaded(model)
    seen = []
    run = engine.batcher._run

    async def main() -> None:
        loop_thread = threading.get_ident()

        def spy(rows: Any) -> Any:
            seen.append(threading.get_ident() != loop_thread)
            return run(rows)

        engine.batcher._run = spy
        try:
            await answer(model, REQUESTS[0])
        finally:
            engine.batcher._run = run

    asyncio.run(main())
    assert seen == [True]


def test_max_batch_size_bounds_the_batches(api: Api) -> None:
    model = api("llava", max_batch_size=2)
    assert model.max_connections() == 4
    answer_one(model, REQUESTS[0])  # so that the next ones start together
    answers = answer_all(model, REQUESTS)
    assert {call.response["batch_size"] for _, call in answers if call.response} == {2}
    assert texts(answers) == texts(answer_all(api("llava"), REQUESTS))


def test_an_unknown_input_keeps_requests_apart(api: Api) -> None:
    model = api("llava")
    answer_one(model, REQUESTS[0])
    inputs = loaded(model).processing.prepare(take_apart(REQUESTS[0], model="test"), None).inputs
    assert group_of(inputs) == group_of(inputs)
    inputs["novel_input"] = torch.zeros(1)
    assert group_of(inputs) != group_of(inputs)


def test_joining_fills_on_the_left_and_vision_at_the_end() -> None:
    ones = {
        "input_ids": torch.tensor([[5, 6]]),
        "attention_mask": torch.ones(1, 2, dtype=torch.long),
        "pixel_values": torch.ones(1, 1, 2),
    }
    longer = {
        "input_ids": torch.tensor([[7, 8, 9]]),
        "attention_mask": torch.ones(1, 3, dtype=torch.long),
        "pixel_values": torch.ones(1, 2, 1),
    }
    joined = join([ones, longer], pad_token=1)
    assert joined["input_ids"].tolist() == [[1, 5, 6], [7, 8, 9]]
    assert joined["attention_mask"].tolist() == [[0, 1, 1], [1, 1, 1]]
    assert joined["pixel_values"].tolist() == [[[1, 1], [0, 0]], [[1, 0], [1, 0]]]


def test_tokens_can_be_counted_without_a_download(api: Api) -> None:
    model = api("llava")
    assert asyncio.run(model.count_text_tokens("is this good ?")) == 4


def test_a_template_of_a_text_model_gets_text(api: Api) -> None:
    template = "{% for m in messages %}{{ m['role'] + ' : ' + m['content'] + ' ' }}{% endfor %}"
    model = api("llava", chat_template=template)
    _, call = answer_one(model, [ChatMessageUser(content=[ContentText(text="is"), *_image()])])
    assert call.request["prompt"] == "user : is\n<image> "


def _image() -> list[ContentImage]:
    return [ContentImage(image=picture(1))]
