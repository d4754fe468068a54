"""Explaining a miss: the planted nearest request is found, and exactly the planted differences are shown."""

import copy
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.cache import explain
from blpo_inspect.cache.entry import Entry, key_of
from blpo_inspect.cache.explain import Difference, describe_miss, nearest
from blpo_inspect.cache.store import Store
from tests.cache.recorded import filled, recorded, request
from tests.cache.test_store import change

PROMPT = """You check photographs of kitchens.
Look at the floor first.
Say no if there is a knife within reach of a child.
Otherwise say yes."""

FAR = [recorded(request(f"A prompt about ships, number {n}", image=str(n))) for n in range(50)]


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(request(PROMPT)), **fields}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return filled(tmp_path / "store", recorded(request(PROMPT)), *FAR)


def test_an_edited_prompt_is_shown_as_a_diff(store: Store) -> None:
    asked = request(PROMPT.replace("a knife", "anything sharp"))
    (near, *_) = nearest(store, asked).nearest
    assert near.entry.key == key_of(request(PROMPT))
    assert [(difference.path, difference.kind) for difference in near.differences] == [
        ("messages[0].content[1].text", "text")
    ]
    assert describe_miss(store, asked).splitlines() == [
        f"Looked up {key_of(asked)[:12]}… among 51 recorded requests. Nearest:",
        f"{near.entry.key[:12]}… of scripted/m, recorded 2026-01-01T00:00:00+00:00; recorded → asked:",
        "  messages[0].content[1].text:",
        "    --- recorded",
        "    +++ asked",
        "    @@ -2,3 +2,3 @@",
        "     Look at the floor first.",
        "    -Say no if there is a knife within reach of a child.",
        "    +Say no if there is anything sharp within reach of a child.",
        "     Otherwise say yes.",
    ]


def test_one_long_line_is_compared_sentence_by_sentence(tmp_path: Path) -> None:
    line = PROMPT.replace("\n", " ") * 3
    store = filled(tmp_path, recorded(request(line)))
    text = describe_miss(store, request(line.replace("a knife", "a fork", 1)))
    assert "-Say no if there is a knife within reach of a child." in text
    assert len(text) < 900


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (request(PROMPT, temperature=0.7), "config.temperature: 0.0 → 0.7"),
        (request(PROMPT, max_tokens=5), "config.max_tokens: not there → 5"),
        (changed(config={}), "config.temperature: 0.0 → not there"),
        (changed(model={"provider": "scripted", "name": "m", "revision": "abc"}), "model.revision: not there → "),
        (changed(draw={"epoch": 1, "nth": 3}), "draw.nth: 0 → 3"),
        (changed(schema=2), "schema: 1 → 2"),
        (changed(tools=[{"name": "zoom"}]), 'tools: not there → [{"name": "zoom"}]'),
    ],
)
def test_one_other_field(asked: dict[str, Any], shown: str, store: Store) -> None:
    (near, *_) = nearest(store, asked).nearest
    assert near.entry.key == key_of(request(PROMPT))
    lines = describe_miss(store, asked).splitlines()
    assert len(lines) == 3
    assert lines[-1].strip().startswith(shown)


def test_another_image_of_the_same_prompt(store: Store) -> None:
    asked = request(PROMPT, image="another")
    recorded_digest = request(PROMPT)["messages"][0]["content"][0]["sha256"]
    asked_digest = asked["messages"][0]["content"][0]["sha256"]
    assert f"messages[0].content[0]: another image ({recorded_digest[:12]}… → {asked_digest[:12]}…)" in describe_miss(
        store, asked
    )


def test_the_nearest_comes_first(tmp_path: Path) -> None:
    same_image = recorded(request("Quite another question", image="x"))
    same_prompt = recorded(request(PROMPT, image="y"))
    same_both = recorded(request(PROMPT, image="x", temperature=1.0, top_p=0.5))
    store = filled(tmp_path, same_image, same_prompt, same_both, *FAR)
    entries = [near.entry for near in nearest(store, request(PROMPT, image="x"), 3).nearest]
    assert entries[0] == same_both
    assert same_image in entries[1:] and same_prompt in entries[1:]


def test_lists_of_other_lengths_and_types() -> None:
    fields = list(explain.differences({"a": [1, {"b": None}], "t": True}, {"a": [1, {"b": 0}, 2], "t": 1}))
    assert fields == [
        Difference("a[1].b", "value", None, 0),
        Difference("a[2]", "added", asked=2),
        Difference("t", "value", True, 1),
    ]


def test_an_empty_cache_and_a_recorded_request(tmp_path: Path, store: Store) -> None:
    assert "the cache is empty" in describe_miss(Store(tmp_path / "absent"), request())
    assert "no difference" in describe_miss(store, request(PROMPT))
    others = nearest(store, request(PROMPT), 60, but=key_of(request(PROMPT)))
    assert request(PROMPT) not in [near.entry.request for near in others.nearest]
    assert len(nearest(store, request(PROMPT), 2).nearest) == 2


def test_new_and_deleted_entries_are_noticed(store: Store) -> None:
    asked = request(PROMPT, temperature=0.5)
    assert nearest(store, asked).nearest[0].entry.key == key_of(request(PROMPT))
    closer = recorded(request(PROMPT, temperature=0.5, seed=1))
    store.put(closer)
    store.delete([key_of(request(PROMPT))])
    search = nearest(store, asked)
    assert search.nearest[0].entry == closer
    assert search.total == 51


def test_damaged_rows_are_passed_over(store: Store) -> None:
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", FAR[0].key)
    assert nearest(store, request(PROMPT, seed=1)).total == 50


def test_the_same_model_images_and_lines_are_compared_first_and_the_text_says_if_not_all_were(store: Store) -> None:
    asked = request("Something else", image="17", seed=1)
    search = nearest(store, asked, compared=10)
    assert search.nearest[0].entry == FAR[17]
    assert (search.searched, search.total) == (10, 51)
    text = explain.describe(search, "0" * 64)
    assert "among 10 of 51 recorded requests (the same model, images and lines first)" in text
    other = recorded(request(PROMPT, image="another", model="other/m"))
    store.put(other)
    assert nearest(store, {**other.request, "draw": {"epoch": 2}}, compared=1).nearest[0].entry == other
    assert nearest(store, request()).searched == 52
    edited = request(PROMPT.replace("\n", " ").replace("a knife", "a fork"), image="none of them")
    assert nearest(store, edited, compared=2).nearest[0].entry.key == key_of(request(PROMPT))


def test_long_and_hostile_texts_are_trimmed_and_escaped(tmp_path: Path) -> None:
    store = filled(tmp_path, recorded(request("\x1b[2J" + "x" * 10**6)))
    text = describe_miss(store, request("\u202e" + "y " * 10**5, extra="z" * 10**6))
    assert len(text) < 3000 and "config.extra" in text
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\\x1b[2J" in text and "\\u202e" in text


def test_requests_of_any_shape_do_not_stop_it(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    deeper = {"config": {"a": [deep]}, "messages": [deep]}
    odd: list[dict[str, Any]] = [
        deeper,
        {"config": {"a": deep}, "messages": deep},
        {},
        {"messages": 3},
        {"model": "m", "config": None},
        {"messages": [None, "a", [1]]},
    ]
    entries = [Entry(key_of(asked), asked, {}, "", "p/n") for asked in odd]
    store = filled(tmp_path, *entries)
    for asked in [*odd, request()]:
        assert describe_miss(store, asked)


def test_thousands_of_entries_take_no_time(tmp_path: Path) -> None:
    entries = {
        entry.key: entry
        for entry in (
            recorded(request(f"{PROMPT} Number {n}. " + f"word{n % 97} " * 20, image=str(n % 100))) for n in range(5000)
        )
    }
    store = filled(tmp_path, recorded())
    with sqlite3.connect(store.folder / "cache.db") as database:  # as `put` would, one by one
        database.executemany(
            "INSERT INTO Cache (key, raw, store_time, tag, size, mode, value) VALUES (?, 1, 0, ?, 0, 1, ?)",
            ((entry.key, entry.model, entry.to_bytes()) for entry in entries.values()),
        )
    database.close()
    asked = request(f"{PROMPT} Number 4321. " + "word53 " * 20, image="21", temperature=0.1)
    start = time.monotonic()
    search = nearest(store, asked)
    seconds = time.monotonic() - start
    assert search.nearest[0].entry.request["config"] == {"temperature": 0.0}
    assert [difference.path for difference in search.nearest[0].differences] == ["config.temperature"]
    assert seconds < 5  # about 0.4 s; the machine may be busy
