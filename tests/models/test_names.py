"""Names that stand for no model are refused in one sentence before a run starts, unless its calls are recorded."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.solver import generate

import blpo_inspect._registry  # noqa: F401  # registers the providers
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.memo import memoized
from blpo_inspect.cache.misses import CacheMissError
from blpo_inspect.cache.store import default_folder
from tests.cache.recorded import filled, recorded, request

NEAR = "neither an existing folder nor a Hub id (owner/name); did you mean hf-vlm/shapes-judge?"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, where names of folders start."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def refused(model: str, **args: Any) -> str:
    """What is said of a model that cannot be made, in one line."""
    with pytest.raises(PrerequisiteError) as caught:
        get_model(model, memoize=False, **args)
    said = str(caught.value)
    assert said and "\n" not in said
    return said


@pytest.mark.parametrize("name", ["shape-judge", "shapes_judge", "shapesjudge", "Shapes-Judge", "SHAPES-JUDGES"])
@pytest.mark.parametrize("provider", ["hf-vlm", "cached/hf-vlm"])
def test_the_embedded_model_misspelt(provider: str, name: str) -> None:
    assert refused(f"{provider}/{name}") == f"{name}: {NEAR}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qwen", "qwen: neither an existing folder nor a Hub id (owner/name)"),
        ("./judge", "./judge: no such folder: judge"),
        ("~/no-such-judge", "~/no-such-judge: no such folder: "),
        ("~nobody-at-all/judge", "~nobody-at-all/judge: no such folder: "),
        ("/no/such/judge", "/no/such/judge: no such folder: "),
        ("a/b/c", "a/b/c: neither an existing folder nor a Hub id"),
        ("models/jugde", "did you mean hf-vlm/models/judge?"),
        ("./models/jugde", "did you mean hf-vlm/models/judge?"),
    ],
)
def test_what_is_surely_not_there(name: str, words: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (here / "models" / "judge").mkdir(parents=True)
    (here / "models" / "judge" / "config.json").write_text("{}")
    assert words in refused(f"hf-vlm/{name}")


def test_a_hub_id_is_for_the_hub_to_know_unless_it_may_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    get_model("hf-vlm/nobody/nothing", memoize=False)
    get_model("cached/hf-vlm/nobody/nothing", memoize=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused("hf-vlm/nobody/nothing")


def test_arguments_and_other_models_of_this_package_are_refused_as_plainly(here: Path) -> None:
    assert "no model argument dtyp" in refused("hf-vlm/shapes-judge", dtyp="float16")
    assert "no model argument dtyp" in refused("cached/hf-vlm/shapes-judge", dtyp="float16")
    assert "use induction/rules" in refused("induction/rulez")
    assert "use induction/rules" in refused("cached/induction/rulez")


@pytest.mark.parametrize("options", [{"model": "hf-vlm/shape-judge"}, {"model_roles": {"i2t": "hf-vlm/shape-judge"}}])
def test_no_sample_starts(options: dict[str, Any], here: Path) -> None:
    task = Task(dataset=[Sample(input="a")], solver=generate())
    with pytest.raises(PrerequisiteError, match=r"did you mean hf-vlm/shapes-judge\?"):
        inspect_eval(task, log_dir=str(here / "logs"), display="none", **{"model": "none/none", **options})
    assert not list(here.glob("logs/*.eval"))


@pytest.mark.parametrize("mode", ["readwrite", "offline"])
@pytest.mark.parametrize("name", ["gone-judge", "./gone-judge"])
@pytest.mark.parametrize("provider", ["hf-vlm", "cached/hf-vlm"])
def test_what_is_recorded_replays_without_the_model(
    provider: str, name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLPO_CACHE", mode)
    asked = request(model=f"hf-vlm/{name}")
    asked["messages"][0]["content"] = [{"type": "text", "text": "Is it safe?"}]
    filled(default_folder(), recorded(asked, "surely"))
    model = memoized(get_model(f"{provider}/{name}", memoize=False))
    config = GenerateConfig(temperature=0.0)
    assert asyncio.run(model.generate("Is it safe?", config=config)).completion == "surely"
    with pytest.raises(CacheMissError if mode == "offline" else PrerequisiteError):
        asyncio.run(model.generate("Is it red?", config=config))


def test_a_store_that_cannot_be_read_says_so_when_it_is_asked(cache_folder: Path) -> None:
    (cache_folder / "cache.db").write_bytes(b"something else entirely, and long enough" * 20)
    get_model("hf-vlm/gone-judge", memoize=False)
