"""A model that is gone or hangs: every kind of call ends, people are told once, and what they set holds."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from inspect_ai import Task, task_with
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from tenacity.wait import WaitBaseT, wait_none

from blpo_inspect.cache import maintenance, patience
from blpo_inspect.cache.lazy import LazyAPI
from blpo_inspect.cache.memo import memoized
from blpo_inspect.cache.model_identity import Target
from blpo_inspect.cache.patience import ATTEMPT_TIMEOUT, MAX_RETRIES, NoAnswerError, bounded
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.judging.solvers import describe
from blpo_inspect.regression.probes import PROBES
from blpo_inspect.regression.probing import probe_task
from blpo_inspect.scorers import unread
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI
from tests.optimizers import toy

SCALE = LabelScale.of(["yes", "no"])


class FrailAPI(ModelAPI):
    """Fails, hangs or answers, as a test wants."""

    asked: ClassVar[list[GenerateConfig]] = []
    behave: ClassVar[Callable[[int], Awaitable[str]]]

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Note the settings, then behave."""
        FrailAPI.asked.append(config)
        output = ModelOutput.from_content(self.model_name, await FrailAPI.behave(len(FrailAPI.asked)))
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output

    def should_retry(self, ex: Exception) -> bool:
        """As providers of servers do."""
        return isinstance(ex, ConnectionError)

    def retry_wait(self) -> WaitBaseT:
        """None, where nothing stands before it."""
        return wait_none()


@modelapi(name="frail")
def frail_api() -> type[ModelAPI]:
    """Registers the provider."""
    return FrailAPI


async def gone(number: int) -> str:
    raise ConnectionError(f"nobody there, call {number}\nand a second line")


@pytest.fixture(autouse=True)
def frail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider is gone, no outage is known, and nobody waits between tries."""
    monkeypatch.setattr(LazyAPI, "retry_wait", lambda self: wait_none())
    monkeypatch.setattr(FrailAPI, "asked", [])
    monkeypatch.setattr(FrailAPI, "behave", staticmethod(gone), raising=False)
    monkeypatch.setattr(patience, "_outages", {})


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What people see."""
    lines: list[str] = []
    monkeypatch.setattr(patience, "say", lines.append)
    return lines


def run(task: Task, tmp_path: Path, model: str = "frail/m", **options: Any) -> EvalLog:
    [log] = inspect_eval(task, model=model, log_dir=str(tmp_path / "logs"), display="none", **options)
    return log


def judging(red: Path, n: int = 1) -> Task:
    records = [Record(str(number), str(red), "yes", text=f"Text {number}.") for number in range(n)]
    return task_with(judging_task(records, SCALE, name="t", default_prompt="Red?"), scorer=unread())


KINDS: dict[str, tuple[Callable[[Path], Task], dict[str, Any]]] = {
    "judge": (judging, {}),
    "cached": (judging, {"model": "cached/frail/m"}),
    "i2t": (
        lambda red: task_with(judging(red), solver=describe()),
        {"model": "scripted/m", "model_roles": {"i2t": "frail/m"}},
    ),
    "optimizer": (
        lambda red: optimize(toy.toy.__name__),
        {"model": "scripted/m", "model_roles": {"optimizer": "frail/m"}},
    ),
    "probe": (
        lambda red: probe_task(judging(red).dataset, "Red?", [next(iter(PROBES.values()))]),
        {"max_samples": 1},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_call_ends_and_names_the_model(
    kind: str, red: Path, tmp_path: Path, scripted: type[ScriptedAPI], said: list[str]
) -> None:
    scripted.script = staticmethod(lambda messages: "no")
    task, options = KINDS[kind]
    log = run(task(red), tmp_path, **options)
    assert log.status == "error" and log.error is not None
    last = f"ConnectionError: nobody there, call {MAX_RETRIES + 1}"
    assert log.error.message.startswith(
        f"frail/m gave no answer in {MAX_RETRIES + 1} tries; the last ended with {last}."
    )
    assert "--max-retries" in log.error.message
    assert {(asked.max_retries, asked.attempt_timeout) for asked in FrailAPI.asked} == {(MAX_RETRIES, ATTEMPT_TIMEOUT)}
    [line] = said
    first = "ConnectionError: nobody there, call 1"
    assert line == f"frail/m does not answer ({first}); each call is tried up to {MAX_RETRIES + 1} times"


def test_the_second_question_ends_too(red: Path, tmp_path: Path, said: list[str]) -> None:
    async def unread_then_gone(number: int) -> str:
        return "Hm." if number == 1 else await gone(number)

    FrailAPI.behave = staticmethod(unread_then_gone)
    log = run(judging(red), tmp_path)
    assert log.error is not None and "frail/m gave no answer" in log.error.message
    assert len(FrailAPI.asked) == 1 + MAX_RETRIES + 1
    [entry] = Store(default_folder()).entries()
    assert entry.request["config"] == {"temperature": 0.0}, "no limit is part of a key"


async def gone_for_good(number: int) -> str:
    """Once nobody answers, then the call fails in a way that is not tried again."""
    raise ConnectionError if number == 1 else RuntimeError


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({"max_retries": 1}, (1, ATTEMPT_TIMEOUT, None)),
        ({"max_retries": 0}, (0, ATTEMPT_TIMEOUT, None)),
        ({"attempt_timeout": 7}, (MAX_RETRIES, 7, None)),
        ({"attempt_timeout": 7000}, (MAX_RETRIES, 7000, None)),
        ({"timeout": 9}, (None, 9, 9)),
        ({"timeout": 9, "max_retries": 2}, (2, 9, 9)),
        ({"timeout": 9000}, (None, ATTEMPT_TIMEOUT, 9000)),
        ({"timeout": 9000, "attempt_timeout": 7}, (None, 7, 9000)),
    ],
)
@pytest.mark.parametrize("role", [None, "i2t"])
def test_what_the_user_sets_holds(
    role: str | None, given: dict[str, Any], used: tuple[int | None, ...], red: Path, tmp_path: Path
) -> None:
    FrailAPI.behave = staticmethod(gone_for_good)
    if role is None:
        run(judging(red), tmp_path, **given)
    else:
        run(KINDS["i2t"][0](red), tmp_path, model="none/none", model_roles={role: "frail/m"}, **given)
    limits = [(config.max_retries, config.attempt_timeout, config.timeout) for config in FrailAPI.asked]
    assert set(limits) == {used} and len(limits) == (1 if used[0] == 0 else 2)


@pytest.mark.parametrize("given", [{"attempt_timeout": 7, "max_retries": 1}, {"timeout": 5}])
@pytest.mark.parametrize("flags", [{}, {"attempt_timeout": 3}])
def test_a_models_own_settings_hold(given: dict[str, Any], flags: dict[str, Any], red: Path, tmp_path: Path) -> None:
    """Of a role (``{model: …, attempt_timeout: …}``), and of a main model that was made in Python, where no flag is."""
    FrailAPI.behave = staticmethod(gone_for_good)
    own = get_model("frail/m", config=GenerateConfig(**given), memoize=False)
    run(KINDS["i2t"][0](red), tmp_path, model="none/none", model_roles={"i2t": own}, timeout=None, **flags)
    expected = {"max_retries": None, "attempt_timeout": flags.get("attempt_timeout", 5), **given}
    asked = FrailAPI.asked[0]
    assert {name: getattr(asked, name) for name in expected} == expected
    FrailAPI.asked.clear()
    [_] = inspect_eval(judging(red), model=own, log_dir=str(tmp_path), display="none", **flags)
    asked = FrailAPI.asked[0]
    assert {name: getattr(asked, name) for name in expected} == {**expected, **flags}


def test_what_answers_here_may_take_its_time_and_a_batch_too() -> None:
    none = GenerateConfig()
    assert bounded(none, none, local=True).attempt_timeout is None
    assert bounded(none, GenerateConfig(attempt_timeout=5), local=True).attempt_timeout == 5
    assert bounded(GenerateConfig(batch=True), none, local=False).attempt_timeout is None
    local = {
        name: memoized(get_model(name)) for name in ("hf-vlm/shapes-judge", "induction/rules", "cached/induction/rules")
    }
    for name, model in local.items():
        assert isinstance(model, patience.PatientModel)
        assert model.settled(none, none).attempt_timeout is None, name


def test_one_line_an_outage(red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """However many calls wait, whatever their roles; a later outage is said again, but not at once."""

    async def back_soon(number: int) -> str:
        return await gone(number) if number <= 6 else "yes"

    FrailAPI.behave = staticmethod(back_soon)
    assert run(judging(red, 4), tmp_path).status == "success"
    assert len(said) == 1 and len(FrailAPI.asked) == 10
    assert {outage.waiting for outage in patience._outages.values()} == {0}
    FrailAPI.asked.clear()
    Store(default_folder()).delete(list(Store(default_folder()).keys()))
    assert run(judging(red, 4), tmp_path).status == "success"
    assert len(said) == 1
    FrailAPI.asked.clear()
    Store(default_folder()).delete(list(Store(default_folder()).keys()))
    monkeypatch.setattr(patience, "QUIET", 0.0)
    assert run(judging(red, 4), tmp_path).status == "success"
    assert len(said) == 2


def test_no_secret_in_the_line(red: Path, tmp_path: Path, said: list[str]) -> None:
    async def chatty(number: int) -> str:
        raise ConnectionError("POST https://me:pass@host/v1?key=hush with sk-abcdefghijklmnopqrstuvwxyz: \x1b[31mno")

    FrailAPI.behave = staticmethod(chatty)
    log = run(judging(red), tmp_path, model_base_url="https://me:pass@host/v1?key=hush")
    assert log.error is not None
    for text in (*said, log.error.message):
        assert text.startswith("frail/m at https://host/v1 ")
        assert "ConnectionError: POST https://host/v1 with (left out)" in text
        assert not any(secret in text for secret in ("pass", "hush", "sk-abc", "\x1b"))


def test_outside_of_an_evaluation_the_log_says_it(caplog: pytest.LogCaptureFixture, said: list[str]) -> None:
    with caplog.at_level(logging.WARNING), pytest.raises(NoAnswerError, match="frail/m gave no answer"):
        asyncio.run(memoized(get_model("frail/m", memoize=False)).generate("a"))
    [warning] = [record.getMessage() for record in caplog.records if record.name == patience.__name__]
    assert "frail/m does not answer" in warning and not said


def test_asking_a_live_model_again_ends_too(red: Path, tmp_path: Path) -> None:
    FrailAPI.behave = staticmethod(lambda number: asyncio.sleep(0, "yes"))
    assert run(judging(red), tmp_path).status == "success"
    FrailAPI.behave = staticmethod(gone)
    store = Store(default_folder())
    drift = asyncio.run(
        maintenance.drift(store, Target("frail", "m"), 1, find_image=maintenance.image_finder(folder=red.parent))
    )
    [(_, why)] = drift.unchecked
    assert "could not be asked again: frail/m gave no answer" in why


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes every call and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.fixture
def absent() -> str:
    """An address where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.parametrize("how", ["absent", "silent"])
def test_a_real_server(
    how: str,
    red: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    said: list[str],
) -> None:
    address = request.getfixturevalue(how)
    monkeypatch.setenv("SERVED_API_KEY", "none")
    log = run(
        judging(red, 3),
        tmp_path,
        model="openai-api/served/judge",
        model_base_url=address,
        model_args={"max_retries": 0},
        max_retries=1,
        attempt_timeout=1,
    )
    assert log.error is not None
    trouble = {"absent": "APIConnectionError", "silent": "AttemptTimeoutError"}[how]
    where = f"openai-api/served/judge at {address}"
    assert log.error.message.startswith(f"{where} gave no answer in 2 tries; the last ended with {trouble}")
    [line] = said
    assert line.startswith(f"{where} does not answer ({trouble}") and line.endswith("tried up to 2 times")
