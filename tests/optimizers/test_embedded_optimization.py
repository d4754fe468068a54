"""The whole product in the embedded world, for real: trained judge, rule-inducing optimizer, cache, task, solver."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.judging.prompts import PromptPair

PROGRAM = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if {blocked} and name.split(".")[0] in ("torch", "transformers"):
            raise ImportError("blocked: " + name)

sys.meta_path.insert(0, Blocked())
from inspect_ai import eval
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.judging.prompts import RESULT
from blpo_inspect.tasks.optimize import optimize
import json

save, log_dir = sys.argv[1:3]
args = {{"policy": 4, "limit_per_class": 30}}
[log] = eval(
    optimize("shapes_safety", args, save=save),
    model="hf-vlm/shapes-judge", model_roles={{"optimizer": "induction/rules"}},
    solver=blpo(outer_steps=2, inner_steps=3, **json.loads(sys.argv[3])), display="none", log_dir=log_dir,
)
assert log.status == "success", log.error
print(json.dumps(log.samples[0].metadata[RESULT]["uses"]))
"""


def run(folder: Path, cache: Path, *, blocked: bool = False, **settings: Any) -> dict[str, dict[str, int]]:
    """Optimize in a process of its own; the uses by role. ``blocked``: offline, and torch cannot be imported."""
    folder.mkdir()
    program = PROGRAM.format(blocked=blocked)
    environment = {**os.environ, "BLPO_CACHE_DIR": str(cache), "BLPO_CACHE": "offline" if blocked else "readwrite"}
    command = [sys.executable, "-c", program, str(folder / "pair.yaml"), str(folder), json.dumps(settings)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    uses: dict[str, dict[str, int]] = json.loads(done.stdout.splitlines()[-1])
    return uses


def test_blpo_finds_the_policy_and_replays_without_torch(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    live = run(tmp_path / "live", cache)
    pair = PromptPair.load(tmp_path / "live" / "pair.yaml")
    test = pair.provenance["test"]
    assert test["after"]["accuracy"] >= 0.85 > test["before"]["accuracy"] + 0.1
    assert test["difference"]["accuracy"]["low"] > 0
    assert "colours" in pair.i2t, "the inner loop found what the captions have to tell"
    assert live["judge"]["made"] > 0

    replay = run(tmp_path / "replay", cache, blocked=True)
    assert (tmp_path / "replay" / "pair.yaml").read_bytes() == (tmp_path / "live" / "pair.yaml").read_bytes()
    assert {role: use["made"] for role, use in replay.items()} == {"judge": 0, "i2t": 0, "optimizer": 0}
    assert replay["judge"]["replayed"] == live["judge"]["made"] + live["judge"]["replayed"]


@pytest.mark.parametrize("settings", [{"loss": "likelihood"}, {"caption_only": True}])
def test_other_losses_and_judges_improve_too(settings: dict[str, Any], tmp_path: Path) -> None:
    run(tmp_path / "run", tmp_path / "cache", **settings)
    provenance = PromptPair.load(tmp_path / "run" / "pair.yaml").provenance
    losses = provenance["validation_loss"]
    assert losses["after"] < losses["before"]
    if settings.get("loss") == "likelihood":
        assert losses["before"] != round(losses["before"] * 60) / 60, "no share of errors, but a mean of nats"
