"""An offline miss as people see it: one sentence and the nearest call, in displays, in logs and in Python."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task_with
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalSample

from blpo_inspect.cache import explain
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.scorers import unread
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI

N = 6


def judging(red: Path, prompt: str, n: int = N) -> Task:
    records = [Record(str(number), str(red), "yes", text=f"Text {number}.") for number in range(n)]
    task = judging_task(records, LabelScale.of(["yes", "no"]), name="t", default_prompt=prompt)
    return task_with(task, scorer=unread())


@pytest.fixture
def ask(
    red: Path, tmp_path: Path, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., EvalLog]:
    """Runs a prompt offline; another is recorded, and so are its answers."""
    scripted.script = staticmethod(lambda messages: "yes")

    def run(prompt: str, n: int = N, **options: Any) -> EvalLog:
        [log] = inspect_eval(
            judging(red, prompt, n), model="scripted/m", log_dir=str(tmp_path), display="none", **options
        )
        return log

    assert run("Is it red?").status == "success"
    monkeypatch.setenv("BLPO_CACHE", "offline")
    return run


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keys that a nearest call was looked for."""
    keys: list[str] = []
    describe = explain.describe_miss

    def counted(store: Store, request: Any) -> str:
        keys.append(str(request))
        return describe(store, request)

    monkeypatch.setattr(explain, "describe_miss", counted)
    return keys


def errors(samples: list[EvalSample] | None) -> list[str]:
    return [
        sample.error.message for sample in samples or [] if sample.error and "never recorded" in sample.error.message
    ]


def test_one_sentence_and_the_nearest_call(ask: Callable[..., EvalLog], searches: list[str]) -> None:
    log = ask("Is it blue?")
    assert log.status == "error" and log.error is not None
    sentence, _, nearest = log.error.message.partition("\n")
    assert sentence.startswith(f"offline, and this call of scripted/m was never recorded in {default_folder()} (key ")
    assert "Looked up " in nearest and "\n    -Is it red?\n    +Is it blue?\n" in nearest
    assert len(searches) == 1, "calls that miss together are looked up once"
    for message in (log.error.message, *errors(log.samples)):
        assert "-Is it red?" in message and message.endswith("`blpo cache explain`.")


def test_displays_and_the_viewer_show_no_frames(ask: Callable[..., EvalLog]) -> None:
    """Of a run's and a sample's error: what rich writes of it, once without colours."""
    log = ask("Is it blue?", n=1)
    assert log.samples and log.samples[0].error and log.error
    for error in (log.error, log.samples[0].error):
        assert "CacheMissError" in error.traceback_ansi and "+Is it blue?" in error.traceback_ansi
        assert "Traceback" not in error.traceback_ansi and ".py" not in error.traceback_ansi


def test_a_run_that_goes_on_repeats_the_sentence_alone(ask: Callable[..., EvalLog], searches: list[str]) -> None:
    for again in range(2):  # each run shows it once
        found = errors(ask("Is it blue?", fail_on_error=False).samples)
        assert len(found) == N and len(searches) == again + 1
        assert sum("-Is it red?" in message for message in found) == 1
        assert sum(message.endswith(", like one before; that error shows the nearest.") for message in found) == N - 1


def test_a_second_question_that_was_not_recorded_is_not_looked_up(
    ask: Callable[..., EvalLog], scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch, searches: list[str]
) -> None:
    monkeypatch.setenv("BLPO_CACHE", "readwrite")
    scripted.script = staticmethod(lambda messages: "Hm." if len(messages) == 1 else "Hm, hm.")
    store = Store(default_folder())
    ask("Is it green?")
    store.delete([entry.key for entry in store.entries() if len(entry.request["messages"]) > 1])
    monkeypatch.setenv("BLPO_CACHE", "offline")
    assert ask("Is it green?").status == "success"
    assert searches == []


def test_what_else_the_store_cannot_answer_is_shown_as_plainly(
    ask: Callable[..., EvalLog], cache_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "cache.db").write_bytes(b"something else entirely, and long enough" * 20)
    monkeypatch.setenv("BLPO_CACHE_DIR", str(other))
    log = ask("Is it red?", n=1)
    assert log.error is not None
    assert log.error.message.startswith(f"cannot open the cache in {other}: ")
    assert "Traceback" not in log.error.traceback_ansi
