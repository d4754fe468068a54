"""How much memory is there and how much a token takes; batches that fit into little."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from inspect_ai.model import ModelCall, ModelOutput

from blpo_inspect.models import engine as engines
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.memory import SHARE_FOR_BATCH, bytes_per_token, free_bytes, is_out_of_memory
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.models.reuse import PrefixReuse

from .test_reuse import answer_all, requests, told
from .tiny import hf, loaded

Api = Callable[..., HfVlmAPI]

GB = 1 << 30


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /sys/fs/cgroup, on a machine with 64 GB free."""
    monkeypatch.setattr("blpo_inspect._util.memory.CGROUP", str(tmp_path))
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=64 * GB))
    return tmp_path


def write(folder: Path, **files: object) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


CPU = torch.device("cpu")


def test_this_machine_has_memory() -> None:
    free = free_bytes(CPU)
    assert isinstance(free, int)
    assert 1 << 20 < free < 1 << 50


def test_without_a_container_it_is_the_machines(cgroup: Path) -> None:
    assert free_bytes(CPU) == 64 * GB


@pytest.mark.parametrize(
    ("most", "now", "free"),
    [
        (16 * GB, 6 * GB, 10 * GB),
        (16 * GB, 17 * GB, 0),
        (200 * GB, 6 * GB, 64 * GB),
        ("max", 6 * GB, 64 * GB),
        ("", 6 * GB, 64 * GB),
    ],
)
def test_the_container_limits(cgroup: Path, most: object, now: int, free: int) -> None:
    write(cgroup, memory__max=most, memory__current=now, memory__stat="inactive_file 0")
    assert free_bytes(CPU) == free


def test_the_older_kind_of_container_limits_too(cgroup: Path) -> None:
    stat = "total_inactive_file 0"
    write(cgroup / "memory", memory__limit_in_bytes=8 * GB, memory__usage_in_bytes=5 * GB, memory__stat=stat)
    assert free_bytes(CPU) == 3 * GB
    write(cgroup / "memory", memory__limit_in_bytes=9223372036854771712)
    assert free_bytes(CPU) == 64 * GB
    write(cgroup, memory__max=4 * GB, memory__current=3 * GB, memory__stat="anon 7")
    assert free_bytes(CPU) == GB, "the newer one first"


@pytest.mark.parametrize(("folder", "prefix"), [("", ""), ("memory", "total_")])
def test_files_that_were_read_are_free_in_a_container(cgroup: Path, folder: str, prefix: str) -> None:
    """The kernel counts them as used, and gives them back when the memory is wanted."""
    names = ("limit_in_bytes", "usage_in_bytes") if folder else ("max", "current")
    numbers = (16 * GB, 15 * GB)
    write(cgroup / folder, **{f"memory__{name}": number for name, number in zip(names, numbers, strict=True)})
    stat = f"anon {3 * GB}\nactive_file {2 * GB}\n{prefix}active_file 7\n{prefix}inactive_file {9 * GB}"
    write(cgroup / folder, memory__stat=stat)
    assert free_bytes(CPU) == 10 * GB


@pytest.mark.parametrize("stat", [None, "", "inactive_file many", "no number at all"])
def test_a_container_limits_whatever_its_statistics_say(cgroup: Path, stat: str | None) -> None:
    write(cgroup, memory__max=16 * GB, memory__current=6 * GB, **({} if stat is None else {"memory__stat": stat}))
    assert free_bytes(CPU) == 10 * GB


def test_files_of_a_container_that_cannot_be_read(cgroup: Path) -> None:
    write(cgroup, memory__max=4 * GB)
    assert free_bytes(CPU) == 64 * GB


def test_a_gpus_memory_counts_what_torch_holds_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10 * GB, 80 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7 * GB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 5 * GB)
    assert free_bytes(torch.device("cuda")) == 12 * GB


def test_an_apple_gpus_memory_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 20 * GB)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 5 * GB)
    for free, wanted in ((64 * GB, 15 * GB), (9 * GB, 9 * GB)):
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: SimpleNamespace(available=free))
        assert free_bytes(torch.device("mps")) == wanted


def model(text: dict[str, Any], vision: dict[str, Any] | None, dtype: torch.dtype = torch.float32) -> Any:
    """Only what is asked of a model here."""
    config = SimpleNamespace(get_text_config=lambda decoder: SimpleNamespace(**text))
    if vision is not None:
        config.vision_config = SimpleNamespace(**vision)
    return SimpleNamespace(config=config, dtype=dtype)


TEXT = {
    "num_hidden_layers": 2,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def test_bytes_of_a_token_by_hand() -> None:
    # keys and values of 2 layers with 2 heads of 32 / 4 = 8 numbers: 2 × 2 × 2 × 8 = 64, which are kept and laid out;
    # while a layer runs, 10 × 32 + 3 × 48 = 464 of the text's; of 4 bytes each
    assert bytes_per_token(model(TEXT, None)) == 4 * (2 * 64 + 464) == 2368
    # four patches of 10 × 16 + 3 × 20 = 220 are wider; its heads have a size of their own: 2 × 2 × 2 × 16 = 128
    vision = {"hidden_size": 16, "intermediate_size": 20}
    assert bytes_per_token(model({**TEXT, "head_dim": 16}, vision, torch.bfloat16)) == 2 * (2 * 128 + 4 * 220) == 2272
    # a narrow vision part does not count beside the text's
    assert bytes_per_token(model(TEXT, {"hidden_size": 2, "intermediate_size": 2})) == 2368


def test_bytes_of_a_token_where_the_configuration_says_less() -> None:
    # all 4 heads have keys and values: 2 × 2 × 4 × 8 = 128; inner layers are taken to be 4 times as wide
    bare = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": None}
    assert bytes_per_token(model(bare, None)) == 4 * (2 * 128 + 10 * 32 + 3 * 128) == 3840
    # Qwen2-VL's vision part calls its width embed_dim: 4 × (10 × 40 + 3 × 160) = 3520
    assert bytes_per_token(model(TEXT, {"embed_dim": 40})) == 4 * (2 * 64 + 3520)


def test_bytes_of_a_token_of_a_real_configuration() -> None:
    # LLaVA 1.5 7B: 2 × 32 layers × 32 heads × 128 = 262144; 10 × 4096 + 3 × 11008 = 73984 against
    # 4 × (10 × 1024 + 3 × 4096) = 90112
    config = hf.LlavaConfig()
    found = bytes_per_token(SimpleNamespace(config=config, dtype=torch.float16))
    assert found == 2 * (2 * 262144 + 90112)


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("anything"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried …"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (OSError("can't allocate memory"), False),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception, short: bool) -> None:
    assert is_out_of_memory(error) is short


def sizes_of(answers: list[tuple[ModelOutput, ModelCall]]) -> set[int]:
    """Of the batches that requests were in."""
    return {cast(int, call.response["batch_size"]) for _, call in answers if call.response}


@pytest.mark.parametrize("reuse", [True, False])
def test_little_memory_makes_small_batches(api: Api, monkeypatch: pytest.MonkeyPatch, fresh: None, reuse: bool) -> None:
    more = {} if reuse else {"prefix_cache_gb": 0}
    free = api("llava", **more)
    asked = requests(count=2)
    answers = answer_all(free, asked)
    assert max(sizes_of(answers)) > 3
    one = bytes_per_token(loaded(free).weights.model)
    longest = max(output.usage.input_tokens for output, _ in answers if output.usage) + 5
    forget_engines()

    # half of the memory holds two of the longest requests
    monkeypatch.setattr(engines, "free_bytes", lambda device: int(2 * longest * one / SHARE_FOR_BATCH) + one)
    few = api("llava", **more)
    again = answer_all(few, asked)
    sizes = sizes_of(again)
    assert sizes <= {1, 2, 3}
    assert 2 in sizes
    assert told(again) == told(answers)
    # the user's own limit goes before
    own = answer_all(api("llava", max_batch_tokens=10**6, **more), asked)
    assert max(sizes_of(own)) > 3
    assert told(own) == told(answers)


def test_no_memory_at_all_runs_one_by_one(api: Api, monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    answers = told(answer_all(api("llava"), requests(count=1)))
    forget_engines()
    monkeypatch.setattr(engines, "free_bytes", lambda device: 0)
    monkeypatch.setattr("blpo_inspect.models.reuse.free_bytes", lambda device: 0)
    scarce = answer_all(api("llava"), requests(count=1))
    assert sizes_of(scarce) == {1}
    assert told(scarce) == answers


@pytest.mark.parametrize("offload", [True, False])
def test_kept_images_take_a_quarter_of_what_is_free_where_they_lie(
    api: Api, monkeypatch: pytest.MonkeyPatch, offload: bool
) -> None:
    model = api("llava")
    answer_all(model, requests(count=1))
    free = {torch.device("cpu"): 4000, torch.device("cuda"): 8000}
    monkeypatch.setattr("blpo_inspect.models.reuse.free_bytes", free.__getitem__)
    engine = loaded(model)
    reuse = PrefixReuse(replace(engine.weights, device=torch.device("cuda")), engine.processing)
    assert reuse.wanted(ModelSettings(prefix_offload=offload))
    assert reuse.store.budget == (1000 if offload else 2000)
