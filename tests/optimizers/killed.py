"""A process that optimizes the toy and dies at a given call."""

import os
import signal
from pathlib import Path

from inspect_ai._util.package import get_distribution_for_object
from inspect_ai.model import modelapi

import blpo_inspect._registry  # noqa: F401  # what Inspect would import in each process
from blpo_inspect.optimizers.methods.blpo import blpo
from tests.conftest import ScriptedAPI
from tests.optimizers.test_run import improving
from tests.optimizers.toy import run

get_distribution_for_object(run)  # what is installed is known to every process that is forked from this one


def killed_run(folder: Path, cache: Path, calls: int) -> None:
    """Optimize; at the call after so many the process is gone. If it lives, ``logs/answered`` has their number."""
    os.environ["BLPO_CACHE_DIR"] = str(cache)
    modelapi(name="scripted")(lambda: ScriptedAPI)
    world = improving()
    answered = 0

    def die() -> None:
        nonlocal answered
        if answered == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        answered += 1

    world.on_call = die
    run(world, blpo(), log_dir=str(folder / "logs"), save=str(folder / "pair.yaml"))
    (folder / "logs" / "answered").write_text(str(answered))
