"""Real processes, killed by signal 9 again and again: a restarted run goes on by replay and ends with equal bytes."""

import itertools
import multiprocessing
from pathlib import Path

from blpo_inspect.judging.prompts import PromptPair
from tests.optimizers.killed import killed_run

# processes that are forked from one that has imported everything: importing takes longer than a run
PROCESSES = multiprocessing.get_context("forkserver")
IN_EVAL = ["inspect_ai._control.server", "inspect_ai.agent._acp.server", "inspect_ai.model._openai_responses"]
"""What Inspect imports only when it evaluates."""
PROCESSES.set_forkserver_preload(["tests.optimizers.killed", *IN_EVAL])


def start(folder: Path, cache: Path, calls: int) -> int | None:
    """One process that dies at the call after so many; its exit code."""
    process = PROCESSES.Process(target=killed_run, args=(folder, cache, calls))
    process.start()
    process.join(120)
    return process.exitcode


def test_a_run_killed_at_many_points_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert start(whole, tmp_path / "one cache", 10_000) == 0
    total = int((whole / "logs" / "answered").read_text())
    wanted = (whole / "pair.yaml").read_bytes()
    assert PromptPair.from_yaml(wanted.decode()).provenance["test"]["after"]["accuracy"] == 1.0

    killed = 0
    for calls in itertools.cycle((2, 7, 11)):
        exit_code = start(broken, tmp_path / "other cache", calls)
        if exit_code == 0:
            break
        assert exit_code == -9
        killed += 1
        assert killed < total
        if (broken / "pair.yaml").exists():
            PromptPair.load(broken / "pair.yaml")  # whole at every moment
        assert not [path for path in broken.iterdir() if path.name not in ("pair.yaml", "logs")], "nothing half-written"
    assert killed >= 6, "the run was killed at many points"
    assert (broken / "pair.yaml").read_bytes() == wanted
