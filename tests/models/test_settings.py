from pathlib import Path

import pytest

from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.settings import ModelSettings


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
