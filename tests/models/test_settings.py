from pathlib import Path

import pytest

from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.model_args import ModelSettings


def test_no_arguments_are_the_defaults() -> None:
    assert ModelSettings.from_args({}) == ModelSettings()
    assert ModelSettings.from_args({"dtype": None, "max_batch_size": None}) == ModelSettings()


def test_an_unknown_argument_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match=r"no model argument dtyp; known are revision, dtype"):
        ModelSettings.from_args({"dtyp": "float16"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dtype", "foo"),
        ("dtype", 16),
        ("device", "gpu"),
        ("device", "cuda:first"),
        ("device", "cpu:1"),
        ("quantization", "3bit"),
        ("quantization", ["4bit"]),
        ("max_batch_size", 0),
        ("max_batch_size", True),
        ("max_batch_size", 2.0),
        ("max_batch_tokens", -1),
        ("trust_remote_code", "yes"),
        ("revision", 1e40),
        ("attn_implementation", ""),
        ("chat_template", "no-such-file.jinja"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=f"{name}="):
        ModelSettings.from_args({name: value})


def test_a_commit_of_digits_only_arrives_as_a_number() -> None:
    assert ModelSettings.from_args({"revision": 1234567}).revision == "1234567"


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "mps"])
def test_devices(device: str) -> None:
    assert ModelSettings.from_args({"device": device}).device == device


def test_a_chat_template_is_text_or_a_file(tmp_path: Path) -> None:
    text = "{{ messages }}"
    path = tmp_path / "template.jinja"
    path.write_text(text)
    assert ModelSettings.from_args({"chat_template": text}).chat_template == text
    assert ModelSettings.from_args({"chat_template": str(path)}).chat_template == text


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("prefix_cache_gb", 0, 0.0),
        ("prefix_cache_gb", 0.25, 0.25),
        ("prefix_cache_gb", 12, 12.0),
        ("prefix_cache_gb", None, None),
        ("prefix_offload", True, True),
        ("prefix_offload", None, False),
        ("deterministic", True, True),
        ("deterministic", False, False),
        ("max_batch_tokens", 1, 1),
        ("max_batch_tokens", 100_000, 100_000),
        ("max_batch_tokens", None, None),
        ("max_batch_size", 1, 1),
    ],
)
def test_a_good_value_is_taken(name: str, value: object, wanted: object) -> None:
    found = getattr(ModelSettings.from_args({name: value}), name)
    assert found == wanted
    assert type(found) is type(wanted)
    others = {field: getattr(ModelSettings(), field) for field in ModelSettings.__dataclass_fields__ if field != name}
    made = ModelSettings.from_args({name: value})
    assert {field: getattr(made, field) for field in others} == others


GIGABYTES = "a number of gigabytes from 0 to 1,000,000"
FLAG = "true or false"
COUNT = "a whole number of at least 1"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("prefix_cache_gb", -0.5, GIGABYTES),
        ("prefix_cache_gb", float("nan"), GIGABYTES),
        ("prefix_cache_gb", float("inf"), GIGABYTES),
        ("prefix_cache_gb", 1_000_001, GIGABYTES),
        ("prefix_cache_gb", 10**400, GIGABYTES),
        ("prefix_cache_gb", True, GIGABYTES),
        ("prefix_cache_gb", False, GIGABYTES),
        ("prefix_cache_gb", "4", GIGABYTES),
        ("prefix_cache_gb", "4GB", GIGABYTES),
        ("prefix_cache_gb", [4], GIGABYTES),
        ("prefix_offload", 1, FLAG),
        ("prefix_offload", "yes", FLAG),
        ("deterministic", 0, FLAG),
        ("deterministic", "true", FLAG),
        ("max_batch_tokens", 0, COUNT),
        ("max_batch_tokens", 1.5, COUNT),
        ("max_batch_tokens", True, COUNT),
        ("max_batch_tokens", "1000", COUNT),
    ],
)
def test_a_bad_value_says_what_is_wanted(name: str, value: object, wanted: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        ModelSettings.from_args({name: value})
    assert str(caught.value) == f"hf-vlm model argument {name}={value!r}: must be {wanted}"
