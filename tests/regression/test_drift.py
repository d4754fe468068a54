"""What changed about a judge, in sentences; and what of a log may lie in a repository."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from inspect_ai.model import GenerateConfig

from blpo_inspect.cache.request import TRAVEL
from blpo_inspect.regression.baseline import to_bytes
from blpo_inspect.regression.drift import drift
from blpo_inspect.regression.judge_identity import settings
from tests.conftest import ScriptedAPI
from tests.regression.toy import Suite, recorded

JUDGE: dict[str, Any] = {"provider": "hf-vlm", "name": "m", "revision": "a" * 40, "chat_template": None}
BEFORE = recorded({"a": "yes"}, model={"judge": JUDGE}, versions={"torch": "2.12.0", "pillow": "13.0.0"})


def judge(**changes: Any) -> list[str]:
    return drift(BEFORE, replace(BEFORE, model={"judge": {**JUDGE, **changes}}))


def test_every_change_is_a_sentence() -> None:
    assert drift(BEFORE, BEFORE) == []
    assert judge(revision="b" * 40) == ["the model's revision changed: aaaaaaaaaaaa… → bbbbbbbbbbbb…"]
    assert judge(chat_template="c" * 64) == ["the chat template changed: none → cccccccccccc…"]
    assert judge(processor="x") == ["the processor (image and text preparation) changed: none → x"]
    assert judge(answered={"model": "gpt-4o-2024-08-06"}) == [
        "the model's answered changed: none → {'model': 'gpt-4o-2024-08-06'}"
    ]
    assert judge(args={"seed": 3}) == ["the model's args changed: none → {'seed': 3}"]
    other = replace(BEFORE, versions={"torch": "2.13.0"})
    assert drift(BEFORE, other) == [
        "the package pillow changed: 13.0.0 → none",
        "the package torch changed: 2.12.0 → 2.13.0",
    ]
    assert drift(BEFORE, replace(BEFORE, settings={"temperature": 1.0})) == [
        "the setting temperature changed: 0.0 → 1.0"
    ]
    assert drift(BEFORE, replace(BEFORE, prompts={"judge": "No?", "i2t": "Describe."})) == ["the judge prompt changed"]
    roles = replace(BEFORE, model={"judge": JUDGE, "i2t": {"name": "d"}})
    assert drift(BEFORE, roles) == ["i2t: the model changed: none → {'name': 'd'}"]


@pytest.mark.parametrize("name", sorted(TRAVEL))
def test_what_changes_no_answer_is_no_drift(name: str) -> None:
    """The gate and the cache key have one list of such settings; an older baseline may still hold some of them."""
    assert drift(BEFORE, replace(BEFORE, settings={**BEFORE.settings, name: 7})) == []


def test_a_log_gives_settings_that_change_answers_and_of_headers_the_names() -> None:
    config = GenerateConfig(
        temperature=0.5, extra_headers={"X-Corp": "hush"}, cache_prompt=True, fail_on_refusal=True, max_tool_output=9
    )
    log = SimpleNamespace(
        plan=SimpleNamespace(config=GenerateConfig()),
        eval=SimpleNamespace(model_generate_config=config, metadata=None),
    )
    assert settings(cast(Any, log)) == {"temperature": 0.5, "extra_headers": ["x-corp"]}


def test_drift_is_reported_where_no_figure_moved(
    tmp_path: Any, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    suite = Suite(tmp_path, scripted)
    suite.answer()
    suite.record()
    monkeypatch.setattr("blpo_inspect.regression.running.versions", lambda model: {"torch": "99"})
    assert suite.json("--log", suite.log(), code=0)["cases"][0]["drift"]
    assert "What changed about the judge:" in suite.printed and "→ 99" in suite.printed
    assert "fail  identity: the package" in suite.check("--strict-identity", "--log", suite.log(), code=1).stdout


def test_a_baseline_holds_no_keys_paths_or_times(tmp_path: Any, scripted: type[ScriptedAPI]) -> None:
    suite = Suite(tmp_path, scripted, model_args={"api_token": "sk-hush", "weights": "/home/me/weights", "seed": 3})
    suite.scripted.script = staticmethod(lambda messages: "yes")

    def accept(self: ScriptedAPI, model_name: str, base_url: Any = None, api_key: Any = None, **rest: Any) -> None:
        super(ScriptedAPI, self).__init__(model_name, base_url, api_key, [], rest["config"])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ScriptedAPI, "__init__", accept)
        suite.record()
    text = (tmp_path / "baselines" / "squares.json").read_text()
    found = json.loads(text)
    assert found["model"]["judge"] == {
        "provider": "scripted",
        "name": "m",
        "args": {"seed": 3, "weights": "weights"},
    }
    for forbidden in ("hush", "/home", str(tmp_path), "202", "data:image"):
        assert forbidden not in text.replace(found["versions"].get("pillow", ""), "")
    assert text.encode() == to_bytes(recorded_again(text))


def recorded_again(text: str) -> Any:
    from blpo_inspect.regression.baseline import from_bytes

    return from_bytes(text.encode(), "b.json")
