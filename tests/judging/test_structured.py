"""Verdicts on a schema: who is asked for one, what is read of the reply, and what a server of the field is sent."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import GenerateConfig, ModelOutput, get_model

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.answer_mode import answer_config, resolve_label
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.judging.samples import Record
from blpo_inspect.judging.structured import honours_schema
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI
from tests.openai_handler import handler

SAFETY = LabelScale("unordered", ("safe", "unsafe"), aliases={"ok": "safe"})
SCHEMA = {
    "type": "object",
    "properties": {"label": {"type": "string", "enum": ["safe", "unsafe"]}},
    "required": ["label"],
    "additionalProperties": False,
}

Answer = Callable[[dict[str, Any]], str]


@contextmanager
def served(answer: Answer) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A served model: its address, and the bodies that it was sent."""
    bodies: list[dict[str, Any]] = []

    def noted(body: dict[str, Any], who: str) -> str:
        bodies.append(body)
        return answer(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(noted))
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", bodies
    finally:
        server.shutdown()
        server.server_close()


def judged(model: str, red: Path, log_dir: Path, **options: Any) -> EvalLog:
    records = [Record("one", str(red), "safe")]
    task = judging_task(records, SAFETY, name="squares", default_prompt="Is it?", answer="structured")
    [log] = inspect_eval(task, model=model, log_dir=str(log_dir), display="none", **options)
    return read_eval_log(log.location) if log.status == "success" else log


def of(text: str, **fields: Any) -> ModelOutput:
    output = ModelOutput.from_content("m", text, **fields)
    return resolve_label("structured", output, SAFETY)


def accuracy(log: EvalLog) -> tuple[float, int]:
    assert log.results is not None
    scores = {score.name: score for score in log.results.scores}
    return scores["agreement"].metrics["acc"].value, int(scores["unread"].metrics["count"].value)


def test_a_server_is_sent_the_schema_and_its_object_is_the_verdict(
    red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVED_API_KEY", "none")
    with served(lambda body: '{"label": "safe"}' if "response_format" in body else "unsafe") as (url, bodies):
        log = judged("openai-api/served/judge", red, tmp_path, model_base_url=url)
    assert accuracy(log) == (1.0, 0)
    [body] = bodies
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "verdict", "schema": SCHEMA, "description": None, "strict": True},
    }
    monkeypatch.setenv("BLPO_CACHE", "offline")
    assert accuracy(judged("openai-api/served/judge", red, tmp_path, model_base_url=url)) == (1.0, 0)


def test_a_server_that_ignores_the_schema_gives_no_verdict(
    red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVED_API_KEY", "none")
    with served(lambda body: "safe") as (url, bodies):
        log = judged("openai-api/served/judge", red, tmp_path, model_base_url=url)
    assert accuracy(log)[1] == 1
    assert len(bodies) == 2  # it was asked once more
    [sample] = log.samples or []
    assert sample.scores is not None
    assert "off the schema: 'safe'" in str(sample.scores["agreement"].explanation)


@pytest.mark.parametrize(
    "text",
    [
        "safe",
        "The image is safe.",
        "",
        "null",
        '"safe"',
        '["safe"]',
        '[["label", "safe"]]',
        "{}",
        '{"label": "Safe"}',
        '{"label": "ok"}',
        '{"label": "maybe"}',
        '{"label": true}',
        '{"label": ["safe"]}',
        '{"label": {"safe": 1}}',
        '{"verdict": "safe"}',
        '{"label": "safe", "why": "x"}',
        '{"label": "safe", "label": "unsafe"}',
        "{'label': 'safe'}",
        '```json\n{"label": "safe"}\n```',
        '{"label": "safe"',
        '{"label": "safe"} {"label": "unsafe"}',
        '<think>{"label": "safe"}',
        "[" * 100_000,
    ],
)
def test_what_is_off_the_schema_is_unread(text: str) -> None:
    verdict = verdict_of(of(text), SAFETY)
    assert verdict.label is None
    assert verdict.reason


def test_what_is_on_the_schema_is_read() -> None:
    for text in ('{"label": "unsafe"}', ' {"label":\n"unsafe"}\n', '<think>Safe?</think>{"label": "unsafe"}'):
        assert verdict_of(of(text), SAFETY).label == "unsafe"
    assert verdict_of(of('{"label": "unsafe"}', stop_reason="max_tokens"), SAFETY).label == "unsafe"
    assert verdict_of(of('{"label": "unsafe"}', stop_reason="content_filter"), SAFETY).label is None


@given(st.data())
def test_every_label_comes_out_as_it_is(data: st.DataObject) -> None:
    words = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12).map(str.strip)
    try:
        scale = LabelScale("unordered", tuple(data.draw(st.lists(words, min_size=2, max_size=5))))
    except ValueError:
        return  # two that differ only in case
    label = data.draw(st.sampled_from(scale.labels))
    for ascii_only in (True, False):
        output = ModelOutput.from_content("m", json.dumps({"label": label}, ensure_ascii=ascii_only))
        assert verdict_of(resolve_label("structured", output, scale), scale).label == label


def test_the_given_output_stays_as_it_is() -> None:
    output = ModelOutput.from_content("m", "safe")
    assert resolve_label("structured", output, SAFETY) is not output
    assert output.metadata is None
    assert verdict_of(output, SAFETY).label == "safe"  # asked for as text, it is one


@pytest.mark.parametrize("model", ["openai/gpt-5", "google/gemini-3", "vllm/x/y", "bedrock/us.anthropic.claude-opus"])
def test_providers_that_honour_a_schema(model: str) -> None:
    assert honours_schema(model)


@pytest.mark.parametrize("model", ["deepseek/chat", "bedrock/amazon.nova-pro", "azureai/x", "hf/openai/x", "mockllm/m"])
def test_providers_that_do_not(model: str) -> None:
    assert not honours_schema(model)


@pytest.mark.parametrize("model", ["scripted/m", "cached/scripted/m"])
def test_others_are_refused_by_name(model: str, scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    log = judged(model, red, tmp_path)
    assert log.status == "error"
    assert log.error is not None
    assert "answer=structured: scripted/m is not known to hold answers to a schema" in log.error.message
    assert not scripted.requests


def test_a_numeric_scale_is_refused(red: Path) -> None:
    with pytest.raises(PrerequisiteError, match="numeric scale"):
        judging_task(
            [Record("one", str(red), "4")],
            LabelScale("numeric", low=0, high=10),
            name="squares",
            default_prompt="How many?",
            answer="structured",
        )


def test_a_schema_of_ones_own_is_refused() -> None:
    model = get_model("openai-api/served/judge", base_url="http://127.0.0.1:1/v1", api_key="none")
    config = answer_config("structured", SAFETY, model)
    assert config.response_schema is not None
    own = get_model(
        "openai-api/served/judge",
        base_url="http://127.0.0.1:1/v1",
        api_key="none",
        config=GenerateConfig(response_schema=config.response_schema),
    )
    with pytest.raises(PrerequisiteError, match="--response-schema"):
        answer_config("structured", SAFETY, own)
