"""Kept prefixes and probabilities of labels in further families; those that cannot continue say why."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai.model import ModelOutput

from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI

from .more_families import CONTINUING, FALLING_BACK
from .test_label_answers import ASKED, NAMES, reference
from .test_label_answers import answer_all as label_all
from .test_reuse import answer_all, logprobs, requests, told
from .tiny import loaded

Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made: dict[str, Path] = {}
    makers = CONTINUING | {family: maker for family, (maker, _) in FALLING_BACK.items()}

    def of(family: str) -> Path:
        if family not in made:
            made[family] = makers[family](tmp_path_factory.mktemp(family))
        return made[family]

    return of


def new(folder: Path, **settings: Any) -> HfVlmAPI:
    """A provider with an engine of its own."""
    forget_engines()
    return HfVlmAPI(str(folder), **settings)


@pytest.mark.parametrize("family", CONTINUING)
def test_answers_are_those_without_reuse(folder: Folder, family: str) -> None:
    whole = answer_all(new(folder(family), prefix_cache_gb=0), requests())
    assert len(set(told(whole))) > 8, "the models must see images and texts"
    model = new(folder(family))
    for _ in range(2):
        parts = answer_all(model, requests())
        assert told(parts) == told(whole)
        torch.testing.assert_close(logprobs(parts), logprobs(whole), rtol=0, atol=5e-6)
    assert loaded(model).reuse.refused is None
    assert len(loaded(model).reuse.store) == 4
    assert {call.response["batch_size"] for _, call in parts if call.response} == {16}


@pytest.mark.parametrize("family", FALLING_BACK)
def test_what_cannot_continue_answers_the_same_and_says_why(
    folder: Folder, family: str, caplog: pytest.LogCaptureFixture
) -> None:
    plain = new(folder(family), prefix_cache_gb=0)
    alone = [told(answer_all(plain, [messages]))[0] for messages in requests()]
    assert len(set(alone)) > 4
    model = new(folder(family))
    for _ in range(2):
        assert told(answer_all(model, requests())) == alone
    refused = loaded(model).reuse.refused
    assert refused is not None
    assert FALLING_BACK[family][1] in refused
    assert caplog.text.count(refused) == 1
    assert len(loaded(model).reuse.store) == 0


def probabilities(output: ModelOutput) -> dict[str, float]:
    found = (output.metadata or {})["label_logprobs"]
    return {label: 0.0 if value is None else math.exp(value) for label, value in found.items()}


@pytest.mark.parametrize("family", [*CONTINUING, *FALLING_BACK])
def test_probabilities_of_labels(folder: Folder, family: str) -> None:
    """In one pass where a model continues, else step by step: those of plain forward passes."""
    model = new(folder(family))
    answers = label_all(model, ASKED)
    assert loaded(model).labeller._one_pass is (True if family in CONTINUING else None)
    if family != "qwen3.5":  # its tokenizer leaves out what it does not know, down to nothing
        for messages, (output, _) in list(zip(ASKED, answers, strict=True))[::4]:
            wanted = reference(model, messages, None, NAMES)
            assert probabilities(output) == pytest.approx(wanted, rel=5e-4, abs=1e-9)
    steps = label_all(new(folder(family), prefix_cache_gb=0), ASKED)
    for (output, _), (step, _) in zip(answers, steps, strict=True):
        assert output.completion == step.completion
        assert probabilities(output) == pytest.approx(probabilities(step), rel=5e-4, abs=1e-9)
