"""Equal meaning gives equal keys, a changed meaning another one, and no secret gets in."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelAPI,
    get_model,
)
from inspect_ai.tool import ToolCall, ToolFunction, ToolInfo

from blpo_inspect._util import image_digest as module
from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.text import without_credentials
from blpo_inspect.cache.entry import canonical, key_of
from blpo_inspect.cache.model_identity import Target, fits, identity, is_secret, public
from blpo_inspect.cache.request import TRAVEL, canonical_request, draw

MODEL = {"provider": "p", "name": "n"}


def uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def key(messages: list[ChatMessage] | None = None, **rest: Any) -> str:
    return key_of(canonical_request(rest.pop("identity", MODEL), messages or [ChatMessageUser(content="a")], **rest))


texts = st.text(max_size=20)
images = st.binary(max_size=40).map(lambda data: ContentImage(image=uri(data)))
parts: st.SearchStrategy[list[Content]] = st.lists(
    st.one_of(texts.map(lambda text: ContentText(text=text)), images), max_size=3
)
contents = st.one_of(texts, parts)
messages_of: st.SearchStrategy[list[ChatMessage]] = st.lists(
    st.one_of(
        contents.map(lambda content: ChatMessageUser(content=content)),
        contents.map(lambda content: ChatMessageAssistant(content=content)),
        texts.map(lambda content: ChatMessageSystem(content=content)),
    ),
    min_size=1,
    max_size=3,
)
configs = st.builds(
    GenerateConfig,
    temperature=st.one_of(st.none(), st.floats(0, 2)),
    seed=st.one_of(st.none(), st.integers(0, 9)),
    max_tokens=st.one_of(st.none(), st.integers(1, 9)),
    stop_seqs=st.one_of(st.none(), st.lists(texts, max_size=2)),
    logprobs=st.one_of(st.none(), st.booleans()),
)


def rewritten(message: ChatMessage) -> ChatMessage:
    """The same message, put differently in every way that must not matter."""
    content = message.content
    if isinstance(content, str):
        content = [ContentText(text=content)]
    elif len(content) == 1 and isinstance(content[0], ContentText):
        content = content[0].text
    if isinstance(content, list):
        content = [part.model_copy() for part in content]
        for part in content:
            if isinstance(part, ContentImage):
                part.image = part.image.replace("image/png", "image/jpeg").replace("data:", "data:", 1) + ""
            if isinstance(part, ContentText):
                part.cache_breakpoint = True
    changes: dict[str, Any] = {"id": None, "source": "input", "metadata": {"any": 1}, "content": content}
    if isinstance(message, ChatMessageAssistant):
        changes["model"] = "other"
    return message.model_copy(update=changes)


@settings(max_examples=50)
@given(messages_of, configs)
def test_equal_meaning_equal_key(messages: list[ChatMessage], config: GenerateConfig) -> None:
    travel = config.model_copy(
        update={
            "timeout": 7,
            "max_retries": 2,
            "max_connections": 3,
            "cache": True,
            "cache_prompt": True,
            "batch": 9,
            "attempt_timeout": 4,
            "adaptive_connections": False,
        }
    )
    again = [rewritten(message) for message in messages]
    assert key(messages, config=config) == key(again, config=travel, tool_choice="auto")


@settings(max_examples=50)
@given(messages_of, messages_of)
def test_other_messages_other_key(one: list[ChatMessage], other: list[ChatMessage]) -> None:
    def meaning(messages: list[ChatMessage]) -> list[Any]:
        contents = []
        for message in messages:
            content = [ContentText(text=message.content)] if isinstance(message.content, str) else message.content
            contents.append(
                (
                    message.role,
                    [part.text if isinstance(part, ContentText) else ("image", part.image) for part in content],  # type: ignore[union-attr]
                )
            )
        return contents

    assert (key(one) == key(other)) == (meaning(one) == meaning(other))


CHANGES: dict[str, Any] = {
    "system_message": "s",
    "max_tokens": 5,
    "top_p": 0.5,
    "temperature": 0.5,
    "stop_seqs": ["x"],
    "best_of": 2,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logit_bias": {42: 10.0},
    "seed": 1,
    "top_k": 5,
    "num_choices": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "prompt_logprobs": 3,
    "parallel_tool_calls": True,
    "internal_tools": True,
    "fallback_models": ["m"],
    "verbosity": "low",
    "effort": "low",
    "reasoning_effort": "low",
    "reasoning_mode": "pro",
    "reasoning_tokens": 5,
    "reasoning_summary": "auto",
    "reasoning_history": "all",
    "response_schema": {"name": "r", "json_schema": {"type": "object"}},
    "extra_headers": {"anthropic-beta": "x"},
    "extra_body": {"min_tokens": 3},
    "modalities": ["image"],
}


def test_every_setting_is_known_to_count_or_not() -> None:
    assert set(CHANGES) | TRAVEL == set(GenerateConfig.model_fields)
    assert not set(CHANGES) & TRAVEL


@pytest.mark.parametrize("field", sorted(CHANGES))
def test_settings_that_change_answers_change_the_key(field: str) -> None:
    assert key(config=GenerateConfig(**{field: CHANGES[field]})) != key()


def test_what_is_not_set_does_not_count() -> None:
    assert key(config=GenerateConfig(stop_seqs=[], extra_body={}, logit_bias={})) == key()
    assert key(config=GenerateConfig(temperature=0)) == key(config=GenerateConfig(temperature=0.0)) != key()


def test_an_image_is_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    data = os.urandom(1000)
    path = tmp_path / "some image.png"
    path.write_bytes(data)
    plain = base64.b64encode(data).decode()
    forms = [
        uri(data),
        uri(data, "image/webp"),
        str(path),
        path.as_uri(),
        "data:image/png;base64," + base64.urlsafe_b64encode(data).decode(),
        "data:image/png;base64," + plain.rstrip("="),
        "data:image/png;base64," + plain.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
        "data:image/png;base64," + plain[:100] + "\n" + plain[100:],
    ]
    assert {image_digest(form) for form in forms} == {image_digest(uri(data))}
    assert len({key([ChatMessageUser(content=[ContentImage(image=form)])]) for form in forms}) == 1
    assert image_digest(uri(data[:-1])) != image_digest(uri(data))


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_images_are_decoded_as_the_standard_library_does(data: bytes) -> None:
    assert module.decoded(uri(data)) == base64.b64decode(uri(data).partition(",")[2], validate=True) == data


@pytest.mark.parametrize(
    "reference", ["data:image/png;base64", "data:image/png;base64,????", "attachment://1234", "/no/such/file.png"]
)
def test_images_that_cannot_be_resolved_are_errors(reference: str) -> None:
    with pytest.raises((ValueError, OSError)):
        image_digest(reference)


def test_remembered_digests_are_bounded() -> None:
    digests = module._Digests(characters=2000)
    uris = [uri(os.urandom(600)) for _ in range(5)]
    first = [digests.of(uri) for uri in uris]
    assert [digests.of(uri) for uri in uris] == first == [image_digest(uri) for uri in uris]
    assert [kept for kept, _ in digests._kept.values()] == uris[-2:], "the latest are kept"
    digests.of(uri(os.urandom(3000)))
    assert len(digests._kept) == 2


def test_detail_and_order_count() -> None:
    picture, text = ContentImage(image=uri(b"a")), ContentText(text="t")
    low = ContentImage(image=uri(b"a"), detail="low")
    auto = ContentImage(image=uri(b"a"), detail="auto")
    orders: list[list[Content]] = [[picture, text], [text, picture], [low, text]]
    keys = [key([ChatMessageUser(content=content)]) for content in orders]
    assert len(set(keys)) == 3
    assert keys[0] == key([ChatMessageUser(content=[auto, text])])


def test_ids_of_tool_calls_count_by_what_belongs_together() -> None:
    def conversation(first: str, second: str, answered: str) -> list[ChatMessage]:
        calls = [ToolCall(id=call_id, function="f", arguments={"x": 1}) for call_id in (first, second)]
        return [
            ChatMessageAssistant(content="", tool_calls=calls),
            ChatMessageTool(content="r", tool_call_id=answered, function="f"),
        ]

    assert key(conversation("a", "b", "a")) == key(conversation("x", "y", "x"))
    assert key(conversation("a", "b", "a")) != key(conversation("a", "b", "b"))


def test_tools_count_and_their_choice_only_with_them() -> None:
    tools = [ToolInfo(name="f", description="d")]
    assert key(tools=tools) != key() == key(tool_choice="none")
    keys = {key(tools=tools, tool_choice=choice) for choice in ("auto", "any", "none", ToolFunction("f"))}
    assert len(keys) == 4
    assert key(tools=[ToolInfo(name="f", description="other")]) != key(tools=tools)


def test_draws() -> None:
    plain = key()
    with draw(0):
        assert key() == plain
    with draw(1):
        assert key() != plain
        with draw(2):
            second = key()
    assert len({plain, second}) == 2
    assert key() == plain
    with pytest.raises(ValueError, match="count from 0"), draw(-1):
        pass


SECRETS = ["api_key", "apiKey", "hf_token", "Authorization", "client_secret", "password", "x-api-key", "token", "key"]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_stay_out(name: str) -> None:
    args = {name: "hush", "nested": {name: "hush", "list": [{name: "hush"}]}, "keep": 1}
    target = Target("p", "n", "https://user:hush@host/v1?key=hush#hush", args)
    known = identity(target, None)
    config = GenerateConfig(extra_headers={name: "hush", "beta": "b"}, extra_body={name: "hush", "keep": 2})
    request = canonical_request(known, [ChatMessageUser(content="a")], config=config)
    assert b"hush" not in canonical(request)
    assert "hush" not in repr(target)
    assert known == {
        "provider": "p",
        "name": "n",
        "base_url": "https://host/v1",
        "args": {"nested": {"list": [{}]}, "keep": 1},
    }
    # headers of any name may hold a secret: the key knows a digest of their values
    assert request["config"]["extra_headers"] == {"beta": "sha256:c100f95c1913f9c7"}


@pytest.mark.parametrize("field", ["default_headers", "default_query", "headers", "extra_query", "query"])
def test_no_value_of_headers_and_parameters_is_kept(field: str) -> None:
    """Neutral names hide secrets too; yet two deployments are two models, and a renewed key asks nothing anew."""

    def known(**sent: str) -> dict[str, Any]:
        return identity(Target("p", "n", None, {field: {**sent, "Authorization": "hush"}}), None)

    assert b"deployment-7" not in canonical(known(**{"X-Corp": "deployment-7"}))
    assert known(**{"X-Corp": "one"}) != known(**{"X-Corp": "other"})
    assert known(**{"X-Corp": "one"}) == known(**{"X-Corp": "one", "X-Api-Key": "renewed"})


@pytest.mark.parametrize("name", ["max_tokens", "eos_token", "stop_token", "keyboard", "tokenizer", "monkey", "top_k"])
def test_settings_that_sound_like_secrets_stay(name: str) -> None:
    assert not is_secret(name)
    assert public({name: 1}) == {name: 1}


def test_arguments_of_the_model_count_except_how_requests_travel() -> None:
    plain = identity(Target("p", "n"), None)
    assert plain == MODEL
    travel = {"timeout": 3, "max_retries": 1, "client_timeout": 600, "retry_delay": 1, "lazy_init": False}
    assert identity(Target("p", "n", None, travel), None) == plain
    assert identity(Target("p", "n", None, {"revision": "x"}), None) != plain
    assert identity(Target("p", "n", None, {"thing": object()}), None)["args"] == {"thing": "<builtins.object>"}


def test_the_address_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", "http://me:hush@localhost:8000/v1/")
    monkeypatch.setenv("SOME_HOST_BASE_URL", "http://some")
    assert identity(Target("vllm", "n"), None)["base_url"] == "http://localhost:8000/v1"
    assert identity(Target("openai-api", "some-host/n"), None)["base_url"] == "http://some"
    assert Target("vllm", "n", "http://asked").address() == "http://asked"
    assert without_credentials("not a url") == "not a url"


def test_a_provider_that_knows_itself_is_asked() -> None:
    api: ModelAPI = get_model("hf-vlm/shapes-judge", memoize=False).api
    known = identity(Target("hf-vlm", "shapes-judge"), api)
    assert known["provider"] == "hf-vlm"
    assert str(known["revision"]).startswith("sha256:")
    assert fits(known, Target("hf-vlm", "shapes-judge", None, {"quantization": "none", "max_batch_size": 3}))
    assert not fits(known, Target("hf-vlm", "shapes-judge", None, {"dtype": "float16"}))
    assert fits(known, Target("hf-vlm", "x", None, {"revision": "main"}))
    assert not fits(known, Target("hf-vlm", "x", None, {"revision": "a" * 40}))


def test_an_upgrade_of_a_library_changes_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from blpo_inspect.cache.model_identity import Target, identity
    from blpo_inspect.models.hf_vlm import HfVlmAPI

    def known(version: str) -> dict[str, object]:
        monkeypatch.setattr("importlib.metadata.version", lambda name: version)
        return identity(Target("hf-vlm", "shapes-judge"), HfVlmAPI("shapes-judge"))

    before = known("1.0")
    assert before == known("2.0")
    assert before["revision"]
    assert HfVlmAPI("shapes-judge").identity()["torch"] == "2.0"  # recorded with each answer all the same
