"""Hits, misses, modes and equal calls in flight, with a provider that counts what reaches it."""

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import diskcache  # type: ignore[import-untyped]
import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    GenerateConfig,
    Logprob,
    Logprobs,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.cache import memo
from blpo_inspect.cache.memo import CachedAPI, cache_mode, memoized
from blpo_inspect.cache.misses import CacheMissError, UnknownIdentityError
from blpo_inspect.cache.request import draw
from blpo_inspect.cache.store import Store
from blpo_inspect.cache.store_errors import StoreError
from blpo_inspect.judging.solvers import judge

USAGE = ModelUsage(input_tokens=3, output_tokens=2, total_tokens=5)


class CountingAPI(ModelAPI):
    """Says how often it was asked; fails, waits or answers as a test wants."""

    made: ClassVar[int] = 0
    asked: ClassVar[list[tuple[list[ChatMessage], GenerateConfig]]] = []
    behave: ClassVar[Callable[[int], Awaitable[ModelOutput | None]] | None] = None

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        CountingAPI.made += 1
        if "identify" in model_args:
            self.identity = model_args["identify"]

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The number of the call, as text with log-probabilities."""
        CountingAPI.asked.append((input, config))
        number = len(CountingAPI.asked)
        if CountingAPI.behave is not None and (output := await CountingAPI.behave(number)) is not None:
            return output
        await asyncio.sleep(0.02)
        return answer(f"answer {number}")

    def max_tokens(self) -> int:
        """A default that only the provider knows."""
        return 77

    def collapse_user_messages(self) -> bool:
        """As chat templates of local models want."""
        return True

    def should_retry(self, ex: Exception) -> bool:
        """What a test calls a hiccup."""
        return "hiccup" in str(ex)


@modelapi(name="counting")
def counting_api() -> type[ModelAPI]:
    """Registers the provider."""
    return CountingAPI


def answer(text: str, **fields: Any) -> ModelOutput:
    choice = ChatCompletionChoice(
        message=ChatMessageAssistant(content=text, source="generate"),
        stop_reason=fields.pop("stop_reason", "stop"),
        logprobs=Logprobs(content=[Logprob(token=text, logprob=fields.pop("logprob", -0.1 - 0.2))]),
    )
    return ModelOutput(model="m", choices=[choice], usage=USAGE, **{"metadata": {"from": "inner"}, **fields})


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountingAPI, "made", 0)
    monkeypatch.setattr(CountingAPI, "asked", [])
    monkeypatch.setattr(CountingAPI, "behave", None)
    monkeypatch.setattr(memo, "_warned", set())


def model(name: str = "counting/m", **args: Any) -> Model:
    return get_model(name, memoize=False, **args)


def ask(cached: Model, text: str = "a", **config: Any) -> ModelOutput:
    return asyncio.run(cached.generate(text, config=GenerateConfig(**config)))


def note(output: ModelOutput) -> dict[str, Any]:
    info = (output.metadata or {})["blpo_cache"]
    assert isinstance(info, dict)
    return info


def test_a_hit_is_the_recorded_answer_and_spends_nothing() -> None:
    first = ask(memoized(model()))
    again = ask(memoized(model()))
    assert len(CountingAPI.asked) == 1
    assert (first.usage, again.usage) == (USAGE, None)
    assert note(first) | {"hit": True} == note(again)
    assert note(again)["usage"] == USAGE.model_dump(exclude_none=True)
    assert again.metadata is not None and again.metadata["from"] == "inner"
    assert json.dumps([choice.model_dump() for choice in first.choices]) == json.dumps(
        [choice.model_dump() for choice in again.choices]
    )


def test_what_is_stored_knows_nothing_of_hits(cache_folder: Path) -> None:
    ask(memoized(model()))
    ask(memoized(model()))
    [entry] = Store(cache_folder).entries()
    assert entry.output["metadata"] == {"from": "inner"}
    assert entry.output["usage"]["total_tokens"] == 5
    assert "time" not in entry.output
    assert entry.model == "counting/m"


def test_both_ways_share_entries_and_a_hit_needs_no_provider() -> None:
    text = ask(memoized(model(revision="r"))).completion
    made = CountingAPI.made
    cached = model("cached/counting/m", revision="r")
    assert ask(cached).completion == text
    assert (CountingAPI.made, len(CountingAPI.asked)) == (made, 1)
    assert str(cached) == "cached/counting/m"
    assert ask(cached, "b").completion == "answer 2"
    assert CountingAPI.made == made + 1
    assert ask(memoized(model(revision="r")), "b").completion == "answer 2"
    assert ask(memoized(model(revision="other")), "b").completion == "answer 3"


def test_the_inner_provider_sees_what_it_would_see_alone() -> None:
    two: list[ChatMessage] = [ChatMessageUser(content="a"), ChatMessageUser(content="b")]
    for cached in (model(), memoized(model()), model("cached/counting/m")):
        asyncio.run(cached.generate(two, config=GenerateConfig(temperature=0.5, cache=False)))
    (plain, plain_config), (wrapped, config) = CountingAPI.asked  # the third was a hit
    assert [message.text for message in wrapped] == [message.text for message in plain] == ["a\nb"]
    limits = {"max_retries": config.max_retries, "attempt_timeout": config.attempt_timeout}
    assert config == plain_config.model_copy(update=limits)
    assert config.max_tokens == 77


def test_memoizing_is_idempotent_and_keeps_names() -> None:
    original = get_model("counting/m", role="i2t", memoize=False)
    once = memoized(original)
    assert memoized(once) is once is memoized(original)
    assert (str(once), once.role, once.name) == ("counting/m", "i2t", "m")
    assert once == original
    cached = model("cached/counting/m")
    assert memoized(cached).api is cached.api
    assert isinstance(once.api, CachedAPI)
    assert once.api.max_connections() == original.api.max_connections()


def test_settings_epochs_and_draws_are_other_calls() -> None:
    cached = memoized(model())
    assert ask(cached, temperature=0.0).completion == "answer 1"
    assert ask(cached, temperature=1.0).completion == "answer 2"
    with draw(1):
        assert ask(cached, temperature=1.0).completion == "answer 3"
        assert ask(cached, temperature=1.0).completion == "answer 3"
    assert ask(cached, temperature=1.0, timeout=9).completion == "answer 2"


def test_64_equal_calls_are_one() -> None:
    async def all_at_once() -> list[ModelOutput]:
        cached = memoized(model())
        config = GenerateConfig(max_connections=64)
        return await asyncio.gather(*(cached.generate("a", config=config) for _ in range(64)))

    outputs = asyncio.run(all_at_once())
    assert len(CountingAPI.asked) == 1
    assert {output.completion for output in outputs} == {"answer 1"}
    assert sum(output.usage is not None for output in outputs) == 1


def test_equal_calls_of_several_event_loops_are_one() -> None:
    outputs: list[ModelOutput] = []
    threads = [threading.Thread(target=lambda: outputs.append(ask(memoized(model())))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(CountingAPI.asked) == 1
    assert {output.completion for output in outputs} == {"answer 1"}
    assert sum(output.usage is not None for output in outputs) == 1


def test_who_looked_too_early_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    get = Store.get

    def early(store: Store, key: str) -> Any:
        looks.append(key)
        if len(looks) > 1:
            return get(store, key)
        memo._flights.landed += 1  # in another thread, with the answer
        return None

    first = ask(memoized(model()))
    monkeypatch.setattr(Store, "get", early)
    assert ask(memoized(model())).completion == first.completion
    assert len(CountingAPI.asked) == 1 and len(looks) == 2
    ask(memoized(model()), "another")
    assert len(looks) == 3, "a miss takes one look where nothing else lands"


def test_who_waits_takes_over_when_the_leader_is_cancelled(cache_folder: Path) -> None:
    async def leader_cancelled() -> list[ModelOutput]:
        cached = memoized(model())
        leader = asyncio.ensure_future(cached.generate("a"))
        await asyncio.sleep(0.01)
        while not CountingAPI.asked:
            await asyncio.sleep(0.001)
        waiters = [asyncio.ensure_future(cached.generate("a")) for _ in range(5)]
        await asyncio.sleep(0.01)
        leader.cancel()
        outputs = await asyncio.gather(*waiters)
        with pytest.raises(asyncio.CancelledError):
            await leader
        return outputs

    async def slow_at_first(number: int) -> None:
        if number == 1:
            await asyncio.sleep(60)

    CountingAPI.behave = staticmethod(slow_at_first)
    outputs = asyncio.run(leader_cancelled())
    assert {output.completion for output in outputs} == {"answer 2"}
    assert len(CountingAPI.asked) == 2
    assert [entry.output["completion"] for entry in Store(cache_folder).entries()] == ["answer 2"]


def test_who_waits_takes_over_when_the_leader_fails() -> None:
    async def fail_first(number: int) -> None:
        await asyncio.sleep(0.01)
        if number == 1:
            raise ValueError("no luck")

    async def all_at_once() -> list[ModelOutput | BaseException]:
        cached = memoized(model())
        return await asyncio.gather(*(cached.generate("a") for _ in range(6)), return_exceptions=True)

    CountingAPI.behave = staticmethod(fail_first)
    outputs = asyncio.run(all_at_once())
    assert [str(output) for output in outputs if isinstance(output, BaseException)] == ["no luck"]
    assert {output.completion for output in outputs if isinstance(output, ModelOutput)} == {"answer 2"}
    assert len(CountingAPI.asked) == 2


@pytest.mark.parametrize(
    "trouble",
    [
        answer("", error="content moderation", stop_reason="content_filter"),
        ModelOutput(model="m", choices=[], usage=USAGE),
        answer("", stop_reason="unknown"),
        answer("a", logprob=float("-inf")),
        answer("a", metadata={"no": object()}),
    ],
)
def test_trouble_is_never_stored(trouble: ModelOutput, cache_folder: Path) -> None:
    async def misbehave(number: int) -> ModelOutput:
        return trouble.model_copy(deep=True)

    CountingAPI.behave = staticmethod(misbehave)
    for _ in range(2):
        assert ask(memoized(model())).choices == trouble.choices
    assert len(CountingAPI.asked) == 2
    assert list(Store(cache_folder).keys()) == []


@pytest.mark.parametrize("name", ["counting/m", "cached/counting/m"])
@pytest.mark.parametrize("lasting", [True, False])
def test_that_a_request_cannot_be_answered_is_recorded_where_it_lasts(
    lasting: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(number: int) -> ModelOutput:
        error = UnanswerableError("image 1 is too thin", lasting=lasting)
        error.metadata = {"checkpoint": "c"}
        raise error

    CountingAPI.behave = staticmethod(refuse)
    first, again = (ask(memoized(model(name))) for _ in range(2))
    assert (first.error, first.completion, first.model) == ("image 1 is too thin", "", "m")
    assert (again.error, again.completion, again.stop_reason) == (first.error, "", "unknown")
    assert (first.metadata or {})["checkpoint"] == "c"
    assert len(CountingAPI.asked) == (1 if lasting else 2)
    monkeypatch.setenv("BLPO_CACHE", "offline")
    if lasting:
        assert ask(memoized(model(name))).error == first.error
    else:
        with pytest.raises(CacheMissError):
            ask(memoized(model(name)))
    monkeypatch.setenv("BLPO_CACHE", "off")
    assert ask(memoized(model(name))).error == first.error


def test_answers_that_are_empty_or_refuse_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "LOCAL_PROVIDERS", {"counting"})  # a greedy model in this process may say nothing

    async def behave(number: int) -> ModelOutput:
        return answer("") if number == 1 else answer("I will not", stop_reason="content_filter")

    CountingAPI.behave = staticmethod(behave)
    for text in ("a", "b"):
        first, again = (ask(memoized(model()), text) for _ in range(2))
        assert (first.completion, first.stop_reason) == (again.completion, again.stop_reason)
    assert len(CountingAPI.asked) == 2


def test_retries_are_the_inner_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    api = memoized(model()).api
    assert api.should_retry(ValueError("hiccup"))
    assert not api.should_retry(ValueError("else"))
    assert not api.should_retry(CacheMissError("hiccup", "k", {}))
    assert not model("cached/counting/m").api.should_retry(ValueError("hiccup"))  # nothing can have been asked


def test_offline_misses_explain_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    ask(memoized(model()), "What is in the picture?")
    monkeypatch.setenv("BLPO_CACHE", "offline")
    assert ask(memoized(model()), "What is in the picture?").usage is None
    made = CountingAPI.made
    with pytest.raises(CacheMissError, match=r"offline.* counting/m .*never recorded") as caught:
        ask(model("cached/counting/m"), "What is on the picture?")
    assert caught.value.key[:12] in str(caught.value)
    assert "picture" in str(caught.value), "the nearest recorded request is shown"
    assert (CountingAPI.made, len(CountingAPI.asked)) == (made, 1)


def test_refresh_asks_once_more_and_replaces(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(memoized(model())).completion == "answer 1"
    monkeypatch.setenv("BLPO_CACHE", "refresh")
    assert [ask(memoized(model())).completion for _ in range(2)] == ["answer 2", "answer 2"]
    monkeypatch.delenv("BLPO_CACHE")
    assert ask(memoized(model())).completion == "answer 2"


def test_off_leaves_the_store_alone(cache_folder: Path) -> None:
    outputs = [ask(model("cached/counting/m", cache=mode)) for mode in ("off", False, "readwrite", True)]
    assert [output.completion for output in outputs] == ["answer 1", "answer 2", "answer 3", "answer 3"]
    assert outputs[0].metadata == {"from": "inner"}


def test_bad_modes_say_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"cache=never.*readwrite, offline, refresh, off"):
        model("cached/counting/m", cache="never")
    monkeypatch.setenv("BLPO_CACHE", "on")
    with pytest.raises(ValueError, match="BLPO_CACHE=on"):
        cache_mode()
    with pytest.raises(ValueError, match="<provider>/<model>"):
        model("cached/counting")


@pytest.mark.parametrize("mode", ["readwrite", "offline"])
def test_without_weights_the_recorded_identity_counts_if_there_is_one(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> dict[str, Any]:
        raise OSError("no such checkpoint")

    def version(revision: str) -> Callable[[], dict[str, Any]]:
        return lambda: {"revision": revision}

    assert ask(memoized(model(identify=version("cached")))).completion == "answer 1"
    monkeypatch.setenv("BLPO_CACHE", mode)
    lost = memoized(model(identify=gone))
    assert ask(lost).completion == "answer 1"
    # nothing new may be recorded under a borrowed identity
    with pytest.raises(CacheMissError if mode == "offline" else OSError):
        ask(lost, "b")
    monkeypatch.setenv("BLPO_CACHE", "readwrite")
    assert ask(memoized(model(identify=version("two")))).completion == "answer 2"
    monkeypatch.setenv("BLPO_CACHE", mode)
    with pytest.raises(UnknownIdentityError, match=r"2 models of that name:\n  revision=cached\n  revision=two"):
        ask(memoized(model(identify=gone)))
    assert len(CountingAPI.asked) == 2


def fail_with(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


def test_a_store_that_cannot_be_written_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    monkeypatch.setattr(diskcache.Cache, "add", fail_with(full))
    with caplog.at_level(logging.WARNING):
        assert [ask(memoized(model())).completion for _ in range(3)] == ["answer 1", "answer 2", "answer 3"]
    [warning] = [record.getMessage() for record in caplog.records if record.name == memo.__name__]
    assert "disk is full" in warning and "uncached" in warning


def test_a_store_that_is_none(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (cache_folder / "cache.db").write_bytes(b"something else entirely, and long enough" * 20)
    with caplog.at_level(logging.WARNING):
        assert [ask(memoized(model())).completion for _ in range(2)] == ["answer 1", "answer 2"]
    assert sum(record.name == memo.__name__ for record in caplog.records) == 1
    monkeypatch.setenv("BLPO_CACHE", "offline")
    with pytest.raises(StoreError, match=str(cache_folder)):
        ask(memoized(model()))


def test_a_corrupt_entry_is_asked_anew_and_said(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(memoized(model()))
    with sqlite3.connect(cache_folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?", (b"{",))
    with caplog.at_level(logging.WARNING):
        assert [ask(memoized(model())).completion for _ in range(2)] == ["answer 2", "answer 3"]
    assert sum("cannot be used: not JSON" in record.getMessage() for record in caplog.records) == 1
    monkeypatch.setenv("BLPO_CACHE", "offline")
    with pytest.raises(StoreError, match="not JSON"):
        ask(memoized(model()))


def test_another_process_that_was_first_wins(cache_folder: Path) -> None:
    cached = memoized(model())
    ask(cached)
    [entry] = Store(cache_folder).entries()
    Store(cache_folder).delete([entry.key])

    async def meanwhile(number: int) -> None:
        Store(cache_folder).put(entry)

    CountingAPI.behave = staticmethod(meanwhile)
    output = ask(cached)
    assert len(CountingAPI.asked) == 2
    assert output.completion == "answer 1"
    assert output.usage == USAGE  # it was paid all the same
    assert ask(cached).completion == "answer 1"


@solver
def memoized_twice() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        cached = memoized(get_model())
        first = await cached.generate(state.messages)
        state.output = await cached.generate(state.messages)
        state.metadata["same"] = first.completion == state.output.completion
        return state

    return solve


def run(task: Task, tmp_path: Path, name: str = "counting/m", **options: Any) -> Any:
    [log] = inspect_eval(task, model=name, log_dir=str(tmp_path), display="none", **options)
    assert log.status == "success", log.error
    return log


def test_in_a_task_the_tasks_settings_and_epochs_count(tmp_path: Path) -> None:
    task = Task(dataset=[Sample(input="a")], solver=memoized_twice(), config=GenerateConfig(temperature=0.25))
    log = run(task, tmp_path, epochs=2, seed=5)
    assert [sample.metadata["same"] for sample in log.samples] == [True, True]
    assert len(CountingAPI.asked) == 2
    assert {(config.temperature, config.seed) for _, config in CountingAPI.asked} == {(0.25, 5)}
    assert log.stats.model_usage["counting/m"].total_tokens == 10
    run(task, tmp_path, epochs=2, seed=6)
    assert len(CountingAPI.asked) == 4


def test_any_task_through_cached_replays_with_nothing_spent(tmp_path: Path, cache_folder: Path) -> None:
    task = Task(dataset=[Sample(input="a"), Sample(input="b")], solver=generate())
    key = "sk-hush-hush"
    for _ in range(2):
        log = run(task, tmp_path, "cached/counting/m", model_args={"cache": "readwrite", "api_key": key})
    assert len(CountingAPI.asked) == 2
    assert log.stats.model_usage == {}
    events = [event for sample in log.samples for event in sample.events if event.event == "model"]
    assert [event.output.metadata["blpo_cache"]["hit"] for event in events] == [True, True]
    for file in cache_folder.iterdir():
        assert key.encode() not in file.read_bytes()


def test_judging_passes_the_store_under_its_role(red: Path, tmp_path: Path, cache_folder: Path) -> None:
    from blpo_inspect._util.images import data_uri
    from blpo_inspect.judging.labels import LabelScale
    from blpo_inspect.judging.samples import Record, to_dataset

    scale = LabelScale("unordered", ("safe", "unsafe"))
    records = [Record("a", data_uri(red.read_bytes(), "image/png"), "safe")]
    task = Task(dataset=to_dataset(records, scale, name="t"), solver=judge("Is it safe?", reask=0))
    for _ in range(2):
        log = run(task, tmp_path)
        assert log.samples[0].messages[0].role == "user"
    assert len(CountingAPI.asked) == 1
    [entry] = Store(cache_folder).entries()
    assert entry.role == "judge"
    memo._stores[cache_folder].hits.flush()
    assert Store(cache_folder).hits.totals() == {("counting/m", "judge"): 1}
    assert red.read_bytes() not in entry.to_bytes()


@pytest.mark.parametrize("recovers", [True, False])
def test_an_empty_answer_of_a_server_is_trouble_on_the_way(recovers: bool, cache_folder: Path) -> None:
    """``content: null`` and the like: asked for again, and never recorded."""
    cached = memoized(model())

    async def nothing_at_first(number: int) -> ModelOutput | None:
        return None if recovers and number == 3 else ModelOutput.from_content("m", "")

    CountingAPI.behave = staticmethod(nothing_at_first)
    output = ask(cached)
    assert len(CountingAPI.asked) == 3
    assert output.completion == ("answer 3" if recovers else "")
    assert len(list(Store(cache_folder).keys())) == int(recovers)


@pytest.mark.parametrize("stop", ["max_tokens", "content_filter"])
def test_an_empty_answer_that_says_why_is_an_answer(stop: Any, cache_folder: Path) -> None:
    cached = memoized(model())

    async def empty(number: int) -> ModelOutput | None:
        return ModelOutput.from_content("m", "", stop_reason=stop)

    CountingAPI.behave = staticmethod(empty)
    assert ask(cached).stop_reason == stop
    assert len(CountingAPI.asked) == 1
    assert len(list(Store(cache_folder).keys())) == 1
