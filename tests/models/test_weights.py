"""Checkpoints of which a part would be random, left out or taken from elsewhere are refused by name."""

import asyncio
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai.model import GenerateConfig
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken

from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.processing import Processing

from .tiny import ask, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Tensors = dict[str, torch.Tensor]


def changed(llava: Path, folder: Path, change: Callable[[Tensors], Tensors]) -> HfVlmAPI:
    """The checkpoint with other tensors."""
    shutil.copytree(llava, folder)
    [file] = folder.glob("*.safetensors")
    save_file(change(load_file(file)), file, metadata={"format": "pt"})
    return HfVlmAPI(str(folder))


def answer(model: HfVlmAPI) -> Any:
    """One short answer; loads the weights."""
    output, _ = asyncio.run(model.generate(ask("w1", picture(0)), [], "none", GenerateConfig(max_tokens=2)))
    return output


def without_first(tensors: Tensors) -> Tensors:
    name = next(name for name in sorted(tensors) if "mlp" in name)
    return {other: value for other, value in tensors.items() if other != name}


def renamed(tensors: Tensors) -> Tensors:
    return {name.replace("mlp", "ffn"): value for name, value in tensors.items()}


def cut(tensors: Tensors) -> Tensors:
    name = next(name for name in sorted(tensors) if "mlp" in name)
    return {**tensors, name: tensors[name][:-1].contiguous()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_first, "1 tensors are missing.*mlp"),
        (renamed, "are missing.*mlp.*old names.*ffn"),
        (cut, "shape.*mlp|mlp.*"),
    ],
)
def test_missing_renamed_and_mismatched_tensors(
    llava: Path, tmp_path: Path, change: Callable[[Tensors], Tensors], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        answer(changed(llava, tmp_path / "copy", change))


def test_left_over_tensors_are_a_warning(llava: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "blpo_inspect"):
        answer(changed(llava, tmp_path / "copy", lambda tensors: {**tensors, "extra.weight": torch.zeros(2)}))
    assert "extra.weight" in caplog.text


def test_an_adapter_is_not_left_out_silently(llava: Path, tmp_path: Path) -> None:
    shutil.copytree(llava, tmp_path / "copy")
    (tmp_path / "copy" / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA"}))
    with pytest.raises(CheckpointError, match=r"adapter_config\.json"):
        answer(HfVlmAPI(str(tmp_path / "copy")))


def test_an_image_token_may_be_an_added_token(llava: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = HfVlmAPI(str(llava))
    answer(model)
    weights: Any = loaded(model).weights
    monkeypatch.setattr(weights.processor, "image_token", AddedToken(weights.processor.image_token, special=True))
    assert isinstance(Processing(weights)._image_token, str)
    assert answer(model).choices
