"""Tiny checkpoints, made once per session, and providers for them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI

from .tiny import MAKERS, PALIGEMMA


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny checkpoint, made at first use."""
    made: dict[str, Path] = {}

    def folder(family: str) -> Path:
        if family not in made:
            made[family] = MAKERS[family](tmp_path_factory.mktemp(family))
        return made[family]

    return folder


@pytest.fixture(scope="session")
def llava(checkpoints: Callable[[str], Path]) -> Path:
    return checkpoints("llava")


@pytest.fixture(scope="session")
def api(checkpoints: Callable[[str], Path]) -> Callable[..., HfVlmAPI]:
    """A provider for one of the families, or for a folder."""

    def make(model: str | Path, **model_args: Any) -> HfVlmAPI:
        folder = model if isinstance(model, Path) else checkpoints(model)
        if model == "paligemma":
            model_args.setdefault("chat_template", PALIGEMMA)
        return HfVlmAPI(str(folder), **model_args)

    return make


@pytest.fixture
def fresh() -> Iterator[None]:
    """Engines with empty stores."""
    forget_engines()
    yield
    forget_engines()
