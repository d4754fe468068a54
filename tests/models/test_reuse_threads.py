"""Kept prefixes under providers of different settings, event loops of their own, and requests that are given up."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.models.continuation import compute
from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.engine import Engine, forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI

from .test_label_answers import NAMES
from .test_label_answers import answer_all as label_all
from .test_reuse import PICTURES, PROMPTS, answer_all, requests, told
from .tiny import ask, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Api = Callable[..., HfVlmAPI]

WAIT = 20.0


def consistent(engine: Engine) -> None:
    """What is counted is what is there, and nothing waits for nobody."""
    store = engine.reuse.store
    assert store.nbytes == sum(one.nbytes for one in store._kept.values()) <= store.budget
    halves = engine.processing._halves
    assert halves._held == sum(head.nbytes for head in halves._heads.values())
    assert engine.batcher._queue == []
    assert engine.batcher._announced == 0


MIXED = [*requests(), ask("is it good or bad ? w1 w2"), ask("w3 w4 yes or no"), ask("w5", picture(1), picture(2))]
"""With one image, none and two."""


@pytest.mark.parametrize("family", ["llava", "qwen2.5-vl", "gemma3"])
def test_providers_of_different_settings_at_the_same_time(api: Api, family: str) -> None:
    """One keeps, one keeps nothing, one is deterministic, one keeps little: one set of weights, equal answers."""
    whole = told(answer_all(api(family, prefix_cache_gb=0), MIXED))
    labels = [
        (output.metadata or {})["label_logprobs"] for output, _ in label_all(api(family, prefix_cache_gb=0), MIXED[:4])
    ]
    forget_engines()
    models = [
        api(family),
        api(family, prefix_cache_gb=0),
        api(family, deterministic=True),
        api(family, prefix_cache_gb=1e-5),
        api(family, max_batch_size=3, prefix_offload=True),
        api(family, deterministic=True, prefix_cache_gb=0),
    ]
    together = threading.Barrier(len(models) + 1)

    def ask_all(model: HfVlmAPI) -> list[str]:
        together.wait(WAIT)
        return told(answer_all(model, MIXED, temperature=0.0))

    def ask_labels() -> list[dict[str, float]]:
        model = api(family)
        together.wait(WAIT)
        return [(output.metadata or {})["label_logprobs"] for output, _ in label_all(model, MIXED[:4])]

    with ThreadPoolExecutor(len(models) + 1) as pool:
        labelled = pool.submit(ask_labels)
        assert [list(answers) for answers in pool.map(ask_all, models)] == [whole] * len(models)
        for found, wanted in zip(labelled.result(WAIT), labels, strict=True):
            assert found == pytest.approx(wanted, abs=1e-4)
            assert set(found) == set(NAMES.values())
    assert len({id(loaded(model)) for model in models}) == 1
    consistent(loaded(models[0]))


def test_what_is_deterministic_keeps_what_it_computed_apart(api: Api) -> None:
    plain, alone = api("llava"), api("llava", deterministic=True)
    answer_all(plain, requests(PROMPTS[:1]))
    store = loaded(plain).reuse.store
    shared = dict(store._kept)
    assert len(shared) == 4
    answer_all(alone, requests(PROMPTS[:1]))
    assert len(store) == 8
    for key, prefix in shared.items():
        assert store._kept[key] is prefix
        assert store._kept[f"{key} alone"] is not prefix


def test_many_event_loops_after_and_beside_each_other(api: Api) -> None:
    whole = told(answer_all(api("llava", prefix_cache_gb=0), requests()))
    forget_engines()
    model = api("llava")

    def one_by_one(number: int) -> str:
        (answer,) = answer_all(model, [requests()[number]])  # a loop of its own
        return told([answer])[0]

    numbers = list(range(len(whole))) * 3
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one_by_one, numbers)) == [whole[number] for number in numbers]
    consistent(loaded(model))
    assert len(loaded(model).reuse.store) == 4


def test_requests_given_up_while_their_prefix_is_computed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1], count=1))
    engine = loaded(model)
    kept = compute
    started, go = threading.Event(), threading.Event()

    def slow(*args: Any) -> Any:
        started.set()
        assert go.wait(WAIT)
        return kept(*args)

    monkeypatch.setattr("blpo_inspect.models.reuse.compute", slow)
    asked = [ask(PROMPTS[1], picture(number, PICTURES[number % 4])) for number in range(10, 14)]

    async def give_up() -> str:
        config = GenerateConfig(max_tokens=50)
        tasks = [asyncio.create_task(model.generate(messages, [], "none", config)) for messages in asked]
        while not started.is_set():
            await asyncio.sleep(0.005)
        for task in tasks[1:]:
            task.cancel()
        await asyncio.sleep(0.01)
        go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError) for one in done[1:])
        assert not isinstance(done[0], BaseException)
        return done[0][0].completion

    first = asyncio.run(give_up())
    monkeypatch.undo()
    consistent(engine)
    # what was computed for those who left is kept for others
    assert len(engine.reuse.store) == 5
    hits = engine.reuse.store.hits
    later = told(answer_all(model, asked, max_tokens=50))
    assert engine.reuse.store.hits - hits >= 4
    forget_engines()
    whole = told(answer_all(api("llava", prefix_cache_gb=0), asked, max_tokens=50))
    assert [first, later] == [whole[0], whole]


def test_all_give_up_and_ask_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("qwen2.5-vl")
    answer_all(model, requests(PROMPTS[:1], count=1))
    engine = loaded(model)

    async def impatient(seconds: float) -> None:
        config = GenerateConfig(max_tokens=60)
        tasks = [asyncio.create_task(model.generate(messages, [], "none", config)) for messages in requests()]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    for turn in range(8):
        asyncio.run(impatient(0.01 * turn))
    answers = told(answer_all(model, requests()))
    consistent(engine)
    forget_engines()
    assert answers == told(answer_all(api("qwen2.5-vl", prefix_cache_gb=0), requests()))


def test_an_image_that_fails_while_its_prefix_is_computed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault of one request is that request's alone, and leaves nothing behind in the store."""
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1], count=1))
    engine = loaded(model)
    kept = compute
    bad = ask(PROMPTS[0], picture(33))
    asked = [ask(PROMPTS[0], picture(number)) for number in (31, 32)]

    def faulty(weights: Any, prepared: Any) -> Any:
        if any(one.images[0]["sha256"] == sha for one in prepared):
            raise RuntimeError("a kernel that failed")
        return kept(weights, prepared)

    monkeypatch.setattr("blpo_inspect.models.reuse.compute", faulty)
    sha = engine.processing.prepare(take_apart(bad, model="test"), None).images[0]["sha256"]

    async def run() -> list[Any]:
        config = GenerateConfig(max_tokens=4)
        return await asyncio.gather(
            *(model.generate(messages, [], "none", config) for messages in (asked[0], bad, asked[1])),
            return_exceptions=True,
        )

    one, failed, other = asyncio.run(run())
    assert isinstance(failed, UnanswerableError)
    assert "(40×30 pixels): RuntimeError: a kernel that failed" in str(failed)
    consistent(engine)
    assert len(engine.reuse.store) == 4  # the first, two good ones, and the ordinary picture that was tried instead
    monkeypatch.undo()
    mended = told(answer_all(model, [bad], max_tokens=4))
    forget_engines()
    whole = told(answer_all(api("llava", prefix_cache_gb=0), [asked[0], bad, asked[1]], max_tokens=4))
    assert [one[0].completion, *mended, other[0].completion] == whole
