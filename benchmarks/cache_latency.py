"""How long a replayed call takes, beside Inspect's own ``--cache`` and beside what it costs at least.

One run, one process, the ways taking turns; prints medians as Markdown tables. The floor is SHA-256
over the image's data URI, a read from plain diskcache, and parsing JSON. A *new* image is one whose
data URI this process has not seen; a *seen* one is the same string once more, as when several prompts
are tried on one image.

    python benchmarks/cache_latency.py [--repeats 60] [--full]

Does not measure how long models take.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import ClassVar

import diskcache  # type: ignore[import-untyped]
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentImage,
    ContentText,
    GenerateConfig,
    Logprob,
    Logprobs,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    get_model,
    modelapi,
)
from inspect_ai.model._cache import CacheEntry, CachePolicy, cache_fetch
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect.cache.entry import Entry, key_of
from blpo_inspect.cache.memo import CachedAPI, memoized
from blpo_inspect.cache.request import canonical_request
from blpo_inspect.cache.store import Store

SIZES = (50_000, 200_000, 1_000_000)
"""Bytes of an image file."""

CONFIG = GenerateConfig(temperature=0.0, logprobs=True, top_logprobs=20, max_connections=100)
PROMPT = "Look at the image. Is anything in it unsafe for children? " * 8

Way = Callable[[ChatMessage], Awaitable[object]]
"""Answers one recorded request."""


class JudgeLikeAPI(ModelAPI):
    """Answers a verdict with log-probabilities, after 20 ms where a test of concurrency wants it."""

    calls: ClassVar[int] = 0
    delay: ClassVar[float] = 0.0

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Two tokens, each with 20 alternatives."""
        JudgeLikeAPI.calls += 1
        await asyncio.sleep(self.delay)
        top = [TopLogprob(token=f"token{rank}", logprob=-0.1234567 * rank) for rank in range(20)]
        tokens = [Logprob(token=token, logprob=-0.01234567, top_logprobs=top) for token in ("un", "safe")]
        choice = ChatCompletionChoice(
            message=ChatMessageAssistant(content="unsafe", source="generate"),
            stop_reason="stop",
            logprobs=Logprobs(content=tokens),
        )
        usage = ModelUsage(input_tokens=900, output_tokens=2, total_tokens=902)
        return ModelOutput(model="m", choices=[choice], usage=usage)


@modelapi(name="judge-like")
def judge_like() -> type[ModelAPI]:
    """Registers the provider."""
    return JudgeLikeAPI


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=60, help="measurements of each way")
    parser.add_argument("--full", action="store_true", help="also a store of 1,000,000 entries (4.5 GB, minutes)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLPO_CACHE_DIR"] = f"{folder}/ours"
        os.environ["INSPECT_CACHE_DIR"] = f"{folder}/inspect"
        os.environ.pop("BLPO_CACHE", None)
        asyncio.run(latency(Path(folder), options.repeats))
        asyncio.run(concurrent_calls())
        sizes(Path(folder), [1_000, 100_000, *([1_000_000] if options.full else [])], options.repeats * 10)


async def latency(folder: Path, repeats: int) -> None:
    """Hits by size of the image: the lookup alone, and through ``Model.generate``."""
    print("Milliseconds per hit (median), by size of the image file; × is against the floor of that size.\n")
    print("| way | " + " | ".join(f"{size // 1000} kB" for size in SIZES) + " |")
    print("| --- |" + " ---: |" * len(SIZES))
    columns = [await measure(folder / str(size), size, repeats) for size in SIZES]
    for way in columns[0]:
        cells = [f"{column[way]:.2f} ({column[way] / column['floor']:.1f}×)" for column in columns]
        print(f"| {way} | {' | '.join(cells)} |")
    big = columns[-1]
    print(
        f"\nAt 1 MB a hit costs {big['ours, new image'] / big['floor']:.2f}× the floor with a new image,"
        f" {big['ours, seen image'] / big['floor']:.2f}× with a seen one, and is"
        f" {big['Inspect --cache'] / big['ours, new image']:.1f}× / "
        f"{big['Inspect --cache'] / big['ours, seen image']:.1f}× faster than Inspect's lookup.\n"
    )


async def measure(folder: Path, size: int, repeats: int) -> dict[str, float]:
    """Medians in milliseconds of each way."""
    model = get_model("judge-like/m", memoize=False)
    ours = memoized(model)
    api = ours.api
    assert isinstance(api, CachedAPI)
    messages = [picture(size) for _ in range(repeats)]
    with closing(diskcache.Cache(str(folder))) as plain:
        for message in messages:
            await ours.generate([message], config=CONFIG)
            output = await model.generate([message], config=CONFIG, cache=True)
            plain[hashlib.sha256(uri(message).encode()).hexdigest()] = output.model_dump_json()

        async def floor(message: ChatMessage) -> object:
            return json.loads(plain[hashlib.sha256(uri(message).encode()).hexdigest()])

        async def lookup(message: ChatMessage) -> object:
            answer = await api.generate([message], [], "none", CONFIG)
            assert isinstance(answer, ModelOutput)
            return answer

        async def inspects(message: ChatMessage) -> object:
            return inspect_lookup(model, message)

        calls = JudgeLikeAPI.calls
        measured: dict[str, list[float]] = {}
        for message in messages:
            new = renewed(message)
            for name, way, asked in (
                ("floor", floor, new),
                ("ours, new image", lookup, new),
                ("ours, seen image", lookup, new),
                ("Inspect --cache", inspects, new),
                ("`generate`, ours, new image", partial_generate(ours), renewed(message)),
                ("`generate`, ours, seen image", partial_generate(ours), new),
                ("`generate`, Inspect --cache", partial_generate(model, cache=True), new),
            ):
                start = time.perf_counter()
                answer = await way(asked)
                measured.setdefault(name, []).append((time.perf_counter() - start) * 1000)
                assert answer, name
        assert JudgeLikeAPI.calls == calls, "everything was a hit"
    return {name: statistics.median(times) for name, times in measured.items()}


def partial_generate(model: Model, cache: bool = False) -> Way:
    """Asking through Inspect's model, with all that it does around a call."""

    async def ask(message: ChatMessage) -> object:
        return await model.generate([message], config=CONFIG, cache=cache)

    return ask


def inspect_lookup(model: Model, message: ChatMessage) -> ModelOutput | None:
    """What ``Model.generate`` does for ``--cache``, alone; it has filled in the provider's ``max_tokens``."""
    return cache_fetch(
        CacheEntry(
            base_url=None,
            config=deepcopy(CONFIG),
            input=[message],
            model=str(model),
            policy=CachePolicy(),
            tool_choice="none",
            tools=[],
        )
    )


async def concurrent_calls() -> None:
    """How many of 64 equal requests at once reach the provider."""
    JudgeLikeAPI.delay = 0.02
    model = get_model("judge-like/m", memoize=False)
    print("| 64 equal requests at once | calls made |\n| --- | ---: |")
    for name, ask in (
        ("ours", partial_generate(memoized(model))),
        ("Inspect --cache", partial_generate(model, cache=True)),
    ):
        message, before = picture(1000), JudgeLikeAPI.calls
        await asyncio.gather(*(ask(message) for _ in range(64)))
        print(f"| {name} | {JudgeLikeAPI.calls - before} |")
    print()


def sizes(folder: Path, counts: list[int], repeats: int) -> None:
    """Reads of random entries, by how many there are."""
    print(
        "| entries | ms per read (median) | 95th percentile | bytes per entry on disk |\n| ---: | ---: | ---: | ---: |"
    )
    output = asyncio.run(JudgeLikeAPI("m").generate([], [], "none", CONFIG)).model_dump(mode="json")
    source = random.Random(0)
    store = Store(folder / "many")
    filled = 0
    for count in counts:
        fill(store, filled, count, output)
        filled = count
        times = []
        for _ in range(repeats):
            key = entry(source.randrange(count), output).key
            start = time.perf_counter()
            read = store.get(key)
            times.append((time.perf_counter() - start) * 1000)
            assert read is not None
        size = store.size()
        times.sort()
        middle, late = statistics.median(times), times[int(len(times) * 0.95)]
        print(f"| {count:,} | {middle:.3f} | {late:.3f} | {size.bytes / size.entries:,.0f} |")


def fill(store: Store, start: int, stop: int, output: dict[str, object]) -> None:
    """Entries in one transaction, as a run of `put` would leave them."""
    store.put(entry(start, output))
    with closing(sqlite3.connect(store.folder / "cache.db")) as database, database:
        database.executemany(
            "INSERT INTO Cache (key, raw, store_time, tag, size, mode, value) VALUES (?, 1, 0, ?, 0, 1, ?)",
            (
                (recorded.key, recorded.model, recorded.to_bytes())
                for recorded in (entry(number, output) for number in range(start + 1, stop))
            ),
        )
    with closing(sqlite3.connect(store.folder / "cache.db")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def entry(number: int, output: dict[str, object]) -> Entry:
    """A judge's call like any other."""
    image = {"type": "image", "sha256": hashlib.sha256(str(number).encode()).hexdigest()}
    request = canonical_request(
        {"provider": "judge-like", "name": "m"}, [ChatMessageUser(content=PROMPT)], (), None, CONFIG
    )
    request["messages"][0]["content"].insert(0, image)
    return Entry(key_of(request), request, output, "2026-01-01T00:00:00+00:00", "judge-like/m", "judge")


def picture(size: int) -> ChatMessage:
    """A judge's message with an image of so many random bytes."""
    data = base64.b64encode(os.urandom(size)).decode()
    return ChatMessageUser(
        content=[ContentImage(image=f"data:image/png;base64,{data}"), ContentText(text=PROMPT)], id="fixed"
    )


def uri(message: ChatMessage) -> str:
    """The message's image."""
    assert not isinstance(message.content, str)
    [image] = [part.image for part in message.content if isinstance(part, ContentImage)]
    return image


def renewed(message: ChatMessage) -> ChatMessage:
    """The same message, with its image in a string of its own."""
    assert not isinstance(message.content, str)
    copy = uri(message).encode().decode()
    return message.model_copy(update={"content": [ContentImage(image=copy), *message.content[1:]]})


if __name__ == "__main__":
    main()
