"""What holds for all four benchmark tasks as Inspect and a reader see them."""

import inspect
from pathlib import Path

import pytest
from inspect_ai._util.registry import registry_lookup

import blpo_inspect._registry  # noqa: F401  # registers
from blpo_inspect.tasks import agin, image_reward, seetrue, unsafebench
from tests.data.hub.server import TOKEN, Hub
from tests.tasks import worlds

MODULES = {"agin": agin, "image_reward": image_reward, "seetrue": seetrue, "unsafebench": unsafebench}


@pytest.mark.parametrize("name", MODULES)
def test_each_is_registered_and_says_what_it_is(
    name: str, benchmarks: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    task = registry_lookup("task", f"blpo_inspect/{name}")
    assert callable(task)
    assert {"split", "limit_per_class", "full", "seed", "prompts"} <= set(inspect.signature(task).parameters)
    arguments = {"data": str(worlds.agin(tmp_path / "AGIN"))} if name == "agin" else {}
    made = task(limit_per_class=1, **arguments)
    assert {"licence", "citation", "split", "seed", "skipped_rows", "judge_prompt"} <= set(made.metadata)
    described = MODULES[name].__doc__ or ""
    assert made.metadata["citation"].removeprefix("arXiv ") in described
    assert "licence" in described.lower() or "terms" in described
