"""What went wrong, or could, around kept prefixes: each test shows one fault."""

import json
import logging
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers.cache_utils import DynamicLayer

from blpo_inspect.models import labelling
from blpo_inspect.models.batching import Load, padded_tokens
from blpo_inspect.models.continuation import compute
from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.errors import CheckpointError
from blpo_inspect.models.generation import BatchRow
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.memory import bytes_per_token, free_bytes
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.processor_cache import Halves
from blpo_inspect.models.weights import _window

from . import test_label_answers as labels
from .test_reuse import PROMPTS, answer_all, logprobs, requests, told
from .tiny import ask, hf, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Api = Callable[..., HfVlmAPI]

IMAGE_LAST = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }} {% endif %}{% endfor %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}{% endfor %}"
)
"""Nothing stands behind the image."""


def test_a_prompt_that_ends_with_its_image_is_answered(api: Api) -> None:
    whole = told(answer_all(api("llava", prefix_cache_gb=0, chat_template=IMAGE_LAST), requests()))
    forget_engines()
    answer_all(api("llava"), requests())  # the model is known to continue
    assert told(answer_all(api("llava", chat_template=IMAGE_LAST), requests())) == whole


def test_a_prompt_that_ends_with_its_image_does_not_refuse_the_model(api: Api) -> None:
    model = api("llava", chat_template=IMAGE_LAST)
    answer_all(model, requests())
    assert loaded(model).reuse.refused is None


@pytest.mark.parametrize(
    "config", ["Gemma3nConfig", "Gemma4Config", "Gemma4UnifiedConfig", "DiffusionGemmaConfig", "Dots3NoteConfig"]
)
def test_memory_of_a_token_in_families_whose_layers_differ(config: str) -> None:
    if not hasattr(hf, config):
        pytest.skip("this transformers does not have it")
    model = SimpleNamespace(config=getattr(hf, config)(), dtype=torch.bfloat16)
    assert bytes_per_token(model) > 0


def test_a_file_cache_is_no_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's usage counts files that were read, such as the weights; the kernel gives them back on demand."""
    (tmp_path / "memory.max").write_text("16000000000\n")
    (tmp_path / "memory.current").write_text("15999000000\n")
    (tmp_path / "memory.stat").write_text("anon 2000000000\nfile 13999000000\ninactive_file 13000000000\n")
    monkeypatch.setattr("blpo_inspect._util.memory.CGROUP", str(tmp_path))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10**12))
    assert free_bytes(torch.device("cpu")) == pytest.approx(13e9, rel=0.01)


def test_memory_that_ran_out_is_remembered_with_a_budget_of_the_users_own(api: Api) -> None:
    model = api("llava", prefix_cache_gb=1)
    answer_all(model, requests(PROMPTS[:1]))
    store = loaded(model).reuse.store
    store.shrink()
    answer_all(model, requests(PROMPTS[1:2]))
    assert store.budget == 500_000_000


def test_halves_that_cannot_be_used_warn_once_and_hold_nothing(caplog: pytest.LogCaptureFixture) -> None:
    halves = Halves()
    pixels = torch.zeros(10)
    with caplog.at_level(logging.WARNING):
        for number in range(6):
            tokens = {"input_ids": torch.tensor([[9, number]]), "pixel_values": pixels}
            halves.learn(f"head {number}", "tail", tokens, 1, ())  # the tail is another each time
    assert len(caplog.records) == 1
    assert halves._held == sum(head.nbytes for head in halves._heads.values())
    assert halves._held == 0


def test_memory_that_runs_out_in_the_trial_of_one_pass_decides_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, failures = labelling.in_one_pass, [1]

    def scarce(*args: Any) -> Any:
        if failures:
            failures.pop()
            raise torch.OutOfMemoryError("CUDA out of memory")
        return kept(*args)

    monkeypatch.setattr(labelling, "in_one_pass", scarce)
    model = api("llava")
    for _ in range(2):
        labels.answer_all(model, labels.ASKED)
    assert loaded(model).labeller._one_pass is True


def test_a_batch_of_long_prefixes_beside_long_texts_stays_within_its_tokens() -> None:
    """Prefixes end in one column and texts in one, so a row of 90 + 10 beside one of 10 + 90 takes 180, not 100."""
    one = Load(group=0, length=100, room=1, max_size=9, max_tokens=10**6, prefix="a", prefix_length=90)
    other = Load(group=0, length=100, room=1, max_size=9, max_tokens=10**6, prefix="b", prefix_length=10)
    assert padded_tokens([one, other]) == 2 * (90 + 90 + 1)


def test_a_huge_cache_is_refused_or_taken_but_does_not_crash() -> None:
    for value in (10**400, 1e308):
        try:
            settings = ModelSettings.from_args({"prefix_cache_gb": value})
        except CheckpointError:
            continue
        assert settings.prefix_cache_gb is not None
        assert math.isfinite(settings.prefix_cache_gb * 1e9)


def test_chunked_attention_counts_as_a_window() -> None:
    config = hf.Llama4Config()  # its local layers see chunks of 8192 columns, padding between counted
    assert _window(SimpleNamespace(config=config)) == config.text_config.attention_chunk_size


@pytest.mark.parametrize("when", ["before the trial", "after it"])
def test_where_a_model_may_not_continue_only_what_can_be_joined_is(api: Api, when: str) -> None:
    """Rows that were prepared before the trial said no are run as a whole; their images may not fit together."""
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1], count=1))
    engine = loaded(model)
    engine.reuse.refused, engine.reuse.tried = ("no", True) if when == "after it" else (None, False)
    made = [engine.processing.prepare(take_apart(messages, model="test"), None) for messages in requests(count=2)[:2]]
    large = replace(made[1], inputs={**made[1].inputs, "pixel_values": torch.zeros(1, 3, 56, 56)})
    rows = [BatchRow(prepared=one, max_new_tokens=5, prefix=one.prefix) for one in (made[0], large)]
    one, other = (engine._load(row, model.settings) for row in rows)
    assert one.group != other.group


def test_labels_step_by_step_where_the_model_ends_its_answer(api: Api) -> None:
    """A path that was forced to its end may be followed by the end token: other paths have more steps."""
    model = api("llava", prefix_cache_gb=0)
    answer_all(model, requests(PROMPTS[:1], count=1))
    head = loaded(model).weights.model.lm_head
    hook = head.register_forward_hook(lambda module, inputs, output: output.index_fill(-1, torch.tensor([3]), 200.0))
    alone = labels.answer_all(model, labels.ASKED[:1])
    together = labels.answer_all(model, labels.ASKED)
    hook.remove()
    assert (alone[0][0].metadata or {})["label_logprobs"] == pytest.approx(
        (together[0][0].metadata or {})["label_logprobs"], abs=1e-3
    )


def test_prefixes_of_different_growth_beyond_the_window(checkpoints: Callable[[str], Path], tmp_path: Path) -> None:
    """Short requests made one image's beginning grow; long ones on it and on a new image must not share a batch, as
    padding between beginning and rest pushes tokens out of the window."""
    folder = Path(shutil.copytree(checkpoints("gemma3"), tmp_path / "window"))
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["sliding_window"] = 120
    (folder / "config.json").write_text(json.dumps(config))
    shared = " ".join(f"w{number}" for number in range(30))
    long = " ".join(f"w{number % 50}" for number in range(30, 88))
    asked = [ask(f"{shared} {long}", picture(number)) for number in (1, 2)]
    whole = answer_all(HfVlmAPI(str(folder), prefix_cache_gb=0), asked)
    forget_engines()
    model = HfVlmAPI(str(folder))
    for end in ("good", "bad"):
        answer_all(model, [ask(f"{shared} {end}", picture(1))])
    assert loaded(model).reuse.refused is None
    parts = answer_all(model, asked)
    assert told(parts) == told(whole)
    torch.testing.assert_close(logprobs(parts), logprobs(whole), rtol=0, atol=5e-6)


def test_a_layer_that_keeps_something_else_than_the_tokens_is_refused() -> None:
    """As those of Mllama that look at images: their states have the images' length."""
    text, vision = DynamicLayer(), DynamicLayer()
    text.update(torch.zeros(1, 2, 5, 4), torch.zeros(1, 2, 5, 4))
    vision.update(torch.zeros(1, 2, 20, 4), torch.zeros(1, 2, 20, 4))

    def fill(**inputs: Any) -> None:
        inputs["past_key_values"].layers = [text, vision]

    weights: Any = SimpleNamespace(
        device=torch.device("cpu"),
        dtype=torch.float32,
        pad_token=0,
        model=SimpleNamespace(generate=fill, base_model=SimpleNamespace()),
    )
    tokens = torch.ones(1, 7, dtype=torch.long)
    request = Prepared({"input_ids": tokens, "attention_mask": tokens}, "", (), "p", 5)
    with pytest.raises(TypeError):
        compute(weights, [request])


def test_labels_step_by_step_stay_within_the_batch_limit(api: Api) -> None:
    """Every path of a label is a row of its own: a batch limit holds for those rows too."""
    model = api("paligemma", max_batch_size=2)
    widths: list[int] = []
    answer_all(model, requests(PROMPTS[:1], count=1))
    hook = (
        loaded(model)
        .weights.model.get_input_embeddings()
        .register_forward_hook(lambda module, inputs, output: widths.append(inputs[0].shape[0]))
    )
    labels.answer_all(model, labels.ASKED)
    hook.remove()
    assert max(widths) <= 2
