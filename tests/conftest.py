"""What tests of several rooms share: a scripted model, pictures, and a clean environment."""

import functools
import gc
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import inspect_ai._display.rich.display as rich_display
import inspect_ai._util.package as package
import pytest
from hypothesis import settings
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from PIL import Image

# Inspect has one display in a process, as loud as the first test wants it
os.environ["INSPECT_DISPLAY"] = "none"
# as many processes as cores run the tests, and tiny models gain nothing from threads
os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("any machine", deadline=None)  # a busy machine is no failure
settings.load_profile("any machine")


def quicken(module: ModuleType, name: str, quicker: Callable[[Any], Any]) -> None:
    """Put another function in the place of one of Inspect's, if it is there."""
    if hasattr(module, name):
        setattr(module, name, quicker(getattr(module, name)))


# half of a small evaluation: what is installed stays as it is, and nobody sees the tables of a display that is off
quicken(package, "packages_distributions", functools.cache)
quicken(rich_display, "tasks_results", lambda drawn: lambda tasks: "")


LONGEST_FIRST = (
    *(
        "models/test_label_answers",
        "scaling/test_bundles",
        "regression/test_ci",
        "optimizers/test_embedded_optimization",
    ),
    *("benchmarks/test_judge_throughput", "test_package", "scaling/test_served", "scaling/test_shards"),
    *("judging/test_answer_mode", "regression/test_check", "benchmarks/test_compare_methods", "models/test_reuse"),
    *("world/test_judge", "docs/test_examples", "benchmarks/test_optimize_cost", "reporting/test_page"),
    *("cache/test_replay", "optimizers/test_killed", "optimizers/test_run", "models/test_checkpoint"),
)
"""Files of 10 to 60 seconds: where files are handed out in order, a long one at the end would leave a worker idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first; the order within a file stays."""
    folder = Path(__file__).parent
    places = {folder / f"{name}.py": place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_collection_finish() -> None:
    """Take what was imported out of sight of the garbage collector, which each test of a model calls."""
    gc.collect()
    gc.freeze()


Script = Callable[[list[ChatMessage]], str | ModelOutput]


class ScriptedAPI(ModelAPI):
    """Answers by a function of the messages; needs no tokenizer and no network."""

    script: Script = staticmethod(lambda messages: "")
    requests: list[list[ChatMessage]] = []  # noqa: RUF012  # shared by design: a test reads what was asked
    configs: list[GenerateConfig] = []  # noqa: RUF012  # what each request was asked with; the script reads the last

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Ask the script."""
        type(self).requests.append(input)
        type(self).configs.append(config)
        answer = type(self).script(input)
        output = answer if isinstance(answer, ModelOutput) else ModelOutput.from_content(self.model_name, answer)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output


@modelapi(name="scripted")
def scripted_api() -> type[ModelAPI]:
    """Registers the provider."""
    return ScriptedAPI


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's calls are recorded: a folder of its own, empty, in the default mode."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("BLPO_CACHE_DIR", str(folder))
    monkeypatch.delenv("BLPO_CACHE", raising=False)
    return folder


@pytest.fixture
def scripted() -> type[ScriptedAPI]:
    """The scripted provider, with no requests recorded yet; set its ``script``."""
    ScriptedAPI.requests = []
    ScriptedAPI.configs = []
    ScriptedAPI.script = staticmethod(lambda messages: "")
    return ScriptedAPI


@pytest.fixture
def red(tmp_path: Path) -> Path:
    """A small red PNG."""
    path = tmp_path / "red.png"
    Image.new("RGB", (8, 6), (255, 0, 0)).save(path)
    return path
