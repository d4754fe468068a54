"""Real processes, killed by signal 9 again and again: a restarted run goes on by replay and ends with equal bytes."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

from blpo_inspect.judging.prompts import PromptPair

ROOT = Path(__file__).parents[2]


def start(folder: Path, cache: Path, calls: int) -> subprocess.CompletedProcess[str]:
    """One process that dies at the call after so many."""
    command = [
        sys.executable,
        "-m",
        "tests.optimizers.killed",
        str(folder / "pair.yaml"),
        str(folder / "logs"),
        str(calls),
    ]
    environment = {**os.environ, "BLPO_CACHE_DIR": str(cache)}
    return subprocess.run(command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_a_run_killed_at_many_points_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    undisturbed = start(whole, tmp_path / "one cache", 10_000)
    assert undisturbed.returncode == 0, undisturbed.stderr
    total = int(undisturbed.stdout.split()[-1])
    wanted = (whole / "pair.yaml").read_bytes()
    assert PromptPair.from_yaml(wanted.decode()).provenance["test"]["after"]["accuracy"] == 1.0

    killed = 0
    for calls in itertools.cycle((2, 7, 18)):
        process = start(broken, tmp_path / "other cache", calls)
        if process.returncode == 0:
            break
        assert process.returncode == -9, process.stderr
        killed += 1
        assert killed < total
        if (broken / "pair.yaml").exists():
            PromptPair.load(broken / "pair.yaml")  # whole at every moment
        assert not [path for path in broken.iterdir() if path.name not in ("pair.yaml", "logs")], "nothing half-written"
    assert killed >= 6, "the run was killed at many points"
    assert (broken / "pair.yaml").read_bytes() == wanted
