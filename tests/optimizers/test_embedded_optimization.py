"""The whole product in the embedded world, for real: trained judge, rule-inducing optimizer, cache, task, solver."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval

from blpo_inspect.judging.prompts import RESULT, PromptPair
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.tasks.optimize import optimize

ROOT = Path(__file__).parents[2]
REPLAY = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocked())
import json
from pathlib import Path
from tests.optimizers.test_embedded_optimization import run
print(json.dumps(run(Path(sys.argv[1]))))
"""


def run(folder: Path, per_class: int = 30, **settings: Any) -> dict[str, dict[str, int]]:
    """Optimize in this process; ``folder`` gets the pair and the log, and the uses by role come back."""
    folder.mkdir()
    [log] = inspect_eval(
        optimize("shapes_safety", {"policy": 4, "limit_per_class": per_class}, save=str(folder / "pair.yaml")),
        model="hf-vlm/shapes-judge",
        model_roles={"optimizer": "induction/rules"},
        solver=blpo(**{"outer_steps": 2, "inner_steps": 3, **settings}),
        display="none",
        log_dir=str(folder),
    )
    assert log.status == "success", log.error
    assert log.samples
    uses: dict[str, dict[str, int]] = log.samples[0].metadata[RESULT]["uses"]
    return uses


def replayed(folder: Path, cache: Path) -> dict[str, dict[str, int]]:
    """The same in a process of its own, which is offline and where torch cannot be imported."""
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(folder)],
        cwd=ROOT,
        env={**os.environ, "BLPO_CACHE_DIR": str(cache), "BLPO_CACHE": "offline"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    uses: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return uses


def test_blpo_finds_the_policy_and_replays_without_torch(tmp_path: Path, cache_folder: Path) -> None:
    live = run(tmp_path / "live")
    pair = PromptPair.load(tmp_path / "live" / "pair.yaml")
    test = pair.provenance["test"]
    assert test["after"]["accuracy"] >= 0.85 > test["before"]["accuracy"] + 0.1
    assert test["difference"]["accuracy"]["low"] > 0
    assert "colours" in pair.i2t, "the inner loop found what the captions have to tell"
    assert live["judge"]["made"] > 0

    replay = replayed(tmp_path / "replay", cache_folder)
    assert (tmp_path / "replay" / "pair.yaml").read_bytes() == (tmp_path / "live" / "pair.yaml").read_bytes()
    assert {role: use["made"] for role, use in replay.items()} == {"judge": 0, "i2t": 0, "optimizer": 0}
    assert replay["judge"]["replayed"] == live["judge"]["made"] + live["judge"]["replayed"]


@pytest.mark.parametrize("settings", [{"loss": "likelihood"}, {"caption_only": True}])
def test_other_losses_and_judges_improve_too(settings: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path / "run", per_class=12, outer_steps=1, inner_steps=4, **settings)
    provenance = PromptPair.load(tmp_path / "run" / "pair.yaml").provenance
    losses = provenance["validation_loss"]
    assert losses["after"] < losses["before"]
    if settings.get("loss") == "likelihood":
        shares = losses["before"] * 24
        assert abs(shares - round(shares)) > 1e-3, "no share of errors, but a mean of nats"
