"""Maintenance: figures that are counted by hand, planted damage and planted drift."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.model import ChatMessage

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.cache import maintenance
from blpo_inspect.cache.maintenance import CacheUsage, MaintenanceError
from blpo_inspect.cache.model_identity import Target
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.judging.solvers import describe, judge
from tests.cache.recorded import filled, recorded, request
from tests.cache.test_store import change
from tests.conftest import ScriptedAPI

TARGET = Target("scripted", "m")


@pytest.fixture
def log(scripted: type[ScriptedAPI], tmp_path: Path, red: Path) -> Path:
    """A run of describe and judge on one sample, recorded: 2 calls."""
    scripted.script = staticmethod(answers("yes"))
    dataset = to_dataset([Record("one", str(red), label="yes")], LabelScale.of(["yes", "no"]), name="one")
    task = Task(dataset=dataset, solver=[describe(), judge("Is it red?")], config=GREEDY)
    (log,) = eval(task, "scripted/m", log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    return Path(log.location)


def answers(verdict: str) -> Callable[[list[ChatMessage]], str]:
    return lambda messages: verdict if "red?" in messages[-1].text else "A red picture."


def drift(store: Store, sample: int = 10, target: Target = TARGET, **images: Any) -> maintenance.Drift:
    return asyncio.run(maintenance.drift(store, target, sample, find_image=maintenance.image_finder(**images)))


def test_stats_by_model_and_role(tmp_path: Path) -> None:
    judged = [recorded(request(f"{n}"), role="judge") for n in range(3)]
    other = recorded(request(model="p/n"), role=None)
    store = filled(tmp_path, *judged, other)
    for _ in range(5):
        store.hits.count("scripted/m", "judge")
    store.hits.count("gone/m", "i2t")
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", judged[0].key)
    stats = maintenance.stats(store)
    assert (stats.entries, stats.damaged, stats.bytes) == (3, 1, store.size().bytes)
    assert stats.usage == (
        CacheUsage("gone/m", "i2t", 0, 0, 1),
        CacheUsage("p/n", None, 1, len(other.to_bytes()), 0),
        CacheUsage("scripted/m", "judge", 2, sum(len(entry.to_bytes()) for entry in judged[1:]), 5),
    )


def test_an_unchanged_model_has_not_drifted(log: Path, scripted: type[ScriptedAPI]) -> None:
    store = Store(default_folder())
    before = [entry.to_bytes() for entry in store.entries()]
    asked = len(scripted.requests)
    assert drift(store, log=log) == maintenance.Drift(2, (), (), ())
    assert len(scripted.requests) == asked + 2  # really asked, not replayed
    assert [entry.to_bytes() for entry in store.entries()] == before


def test_a_request_that_cannot_be_answered_still_cannot(red: Path, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    lasting = [True]

    def refuse(messages: list[ChatMessage]) -> str:
        raise UnanswerableError("too thin", lasting=lasting[0])

    scripted.script = staticmethod(refuse)
    dataset = to_dataset([Record("one", str(red), label="yes")], LabelScale.of(["yes", "no"]), name="one")
    task = Task(dataset=dataset, solver=judge("Is it red?"), config=GREEDY)
    (log,) = eval(task, "scripted/m", log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success", log.error
    store, file = Store(default_folder()), Path(log.location)
    assert drift(store, log=file) == maintenance.Drift(1, (), (), ())
    lasting[0] = False
    [(_, why)] = drift(store, log=file).unchecked
    assert why == "the model failed: too thin"
    scripted.script = staticmethod(lambda messages: "yes")
    assert len(drift(store, log=file).changed) == 1


def test_a_changed_answer_is_drift(log: Path, scripted: type[ScriptedAPI]) -> None:
    scripted.script = staticmethod(lambda messages: "A green picture." if "red?" not in messages[-1].text else "yes")
    result = drift(Store(default_folder()), log=log)
    assert (result.same, len(result.varied), result.unchecked) == (1, 0, ())
    (change_,) = result.changed
    assert (change_.recorded, change_.now) == ("A red picture.", "A green picture.")


def test_a_sampled_answer_that_changes_is_no_drift(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    asked = request(temperature=0.7)
    asked["messages"][0]["content"].pop(0)
    scripted.script = staticmethod(lambda messages: "no")
    result = drift(filled(tmp_path, recorded(asked, "yes")))
    assert (result.same, result.changed, len(result.varied)) == (0, (), 1)


@pytest.mark.parametrize(
    ("config", "model", "greedy"),
    [
        ({"temperature": 0.0}, "p/n", True),
        ({"temperature": 0.1}, "p/n", False),
        ({}, "p/n", False),
        ({}, "hf-vlm/n", True),
        ({"temperature": 0.1}, "hf-vlm/n", False),
    ],
)
def test_only_greedy_calls_can_drift(config: dict[str, Any], model: str, greedy: bool) -> None:
    assert maintenance._is_greedy({**request(model=model), "config": config}) is greedy


def test_images_come_from_a_folder_by_content(log: Path, red: Path, tmp_path: Path) -> None:
    store = Store(default_folder())
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    (tmp_path / "photos" / "deep" / "no name").write_bytes(red.read_bytes())
    assert drift(store, folder=tmp_path / "photos").same == 2
    with pytest.raises(MaintenanceError, match="no such folder"):
        maintenance.image_finder(folder=tmp_path / "absent")


def test_without_its_image_a_call_is_not_checked(log: Path, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    asked = len(scripted.requests)
    result = drift(Store(default_folder()))
    assert (result.same, result.changed, len(result.unchecked)) == (0, (), 2)
    assert all("image" in why and "not found" in why for _, why in result.unchecked)
    assert len(scripted.requests) == asked


def test_another_model_is_not_compared(log: Path, scripted: type[ScriptedAPI]) -> None:
    asked = len(scripted.requests)
    result = drift(Store(default_folder()), log=log, target=Target("scripted", "m", "http://localhost:9"))
    assert len(result.unchecked) == 2 and "base_url" in result.unchecked[0][1]
    assert len(scripted.requests) == asked


def test_a_failing_model_is_not_checked(log: Path, scripted: type[ScriptedAPI]) -> None:
    def fail(messages: list[ChatMessage]) -> str:
        raise RuntimeError("out of order\nat line 3")

    scripted.script = staticmethod(fail)
    result = drift(Store(default_folder()), log=log)
    assert (result.same, len(result.unchecked)) == (0, 2)
    assert result.unchecked[0][1].endswith("out of order")


def test_what_cannot_be_made_again_is_not_checked(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    unknown = request()
    unknown["messages"] = [{"role": "user", "content": [{"type": "text", "text": "hi"}], "colour": "green"}]
    broken = {**request(), "messages": [{"role": "nobody", "content": []}]}
    video = request()
    video["messages"][0]["content"][0]["type"] = "video"
    result = drift(filled(tmp_path, recorded(unknown), recorded(broken), recorded(video)))
    assert (result.same, len(result.unchecked), scripted.requests) == (0, 3, [])


def test_tools_and_whole_conversations_are_asked_again(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    asked = request()
    call = {"id": "call-0", "function": "zoom", "arguments": {"x": 1}}
    asked["messages"] = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "Zoom."}]},
        {"role": "assistant", "content": [{"type": "text", "text": ""}], "tool_calls": [call]},
        {"role": "tool", "content": [{"type": "text", "text": "done"}], "call": "call-0", "function": "zoom"},
    ]
    asked["tools"] = [{"name": "zoom", "description": "Look closer."}]
    asked["tool_choice"] = "auto"
    scripted.script = staticmethod(lambda messages: "fine")
    result = drift(filled(tmp_path, recorded(asked, "fine")))
    assert (result.same, result.unchecked) == (1, ())
    assert [message.role for message in scripted.requests[0]] == ["system", "user", "assistant", "tool"]


def test_the_draw_is_seeded(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    store = filled(tmp_path, *(recorded(request(f"{n}")) for n in range(30)))

    def drawn(seed: int) -> list[str]:
        result = asyncio.run(maintenance.drift(store, TARGET, 5, seed=seed, find_image=lambda digest: None))
        return [key for key, _ in result.unchecked]

    assert len(drawn(0)) == 5
    assert drawn(0) == drawn(0) != drawn(1)


def test_a_model_that_is_not_recorded_or_not_there(tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    store = filled(tmp_path, recorded(request(model="nobody/m")))
    with pytest.raises(MaintenanceError, match="nothing is recorded"):
        drift(store)
    with pytest.raises(MaintenanceError, match="cannot make the model nobody/m"):
        drift(store, target=Target("nobody", "m"))


NOW = datetime(2026, 1, 31, tzinfo=UTC)


def test_prune_meets_all_conditions(tmp_path: Path) -> None:
    old = recorded(request("old"), on="2026-01-01")
    new = recorded(request("new"), on="2026-01-30")
    other = recorded(request("old", model="p/n"), on="2026-01-01")
    undated = recorded(request("undated"), on="once")
    store = filled(tmp_path, old, new, other, undated)

    def chosen(**conditions: Any) -> list[str]:
        return maintenance.select(store, now=NOW, **conditions)

    assert chosen(older_than=29) == sorted([old.key, other.key])
    assert chosen(older_than=30) == []  # exactly 30 days is not more than 30
    assert chosen(older_than=0) == sorted([old.key, new.key, other.key])
    assert chosen(models=["p/n"]) == [other.key]
    assert chosen(models=["p/n"], older_than=60) == []
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", new.key)
    assert chosen(damaged=True) == [new.key]
    assert chosen(damaged=True, models=["p/n"]) == sorted([new.key, other.key])
    for bad in ({}, {"older_than": -1}, {"older_than": float("nan")}):
        with pytest.raises(MaintenanceError):
            chosen(**bad)


def test_prune_keeps_what_logs_used(log: Path) -> None:
    store = Store(default_folder())
    used = set(store.keys())
    unused = recorded()
    store.put(unused)
    assert len(used) == 2
    assert maintenance.select(store, unused_by=[log]) == [unused.key]


def test_clear_takes_damaged_rows_too(tmp_path: Path) -> None:
    store = filled(tmp_path, recorded(), recorded(request("other")))
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", recorded().key)
    assert maintenance.clear(store) == 2
    assert store.size().entries == 0


def test_images_of_a_log(log: Path, red: Path) -> None:
    find = maintenance.image_finder(log=log)
    uri = find(hashlib.sha256(red.read_bytes()).hexdigest())
    assert uri is not None and uri.startswith("data:image/png;base64,")
    assert find("0" * 64) is None
