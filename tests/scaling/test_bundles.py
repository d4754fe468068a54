"""Calls recorded on two machines, carried as bundles to a third that has no model, no torch and no network."""

import json
import shutil
from pathlib import Path

from click.testing import CliRunner
from inspect_ai.log import EvalLog, read_eval_log

from blpo_inspect.cli import main
from tests.scaling.machines import Machine

JUDGE = "hf-vlm/shapes-judge"


def evaluate(machine: Machine) -> dict[str, EvalLog]:
    """Two benchmarks in one process, whose log folder is ``judged``; the logs by task.

    The safety images are those that `Machine.optimize` judges last with the first prompt.
    """
    tasks = ["blpo_inspect/shapes_safety", "blpo_inspect/shapes_rating", "-T", "limit_per_class=12"]
    machine.run("inspect", "eval", *tasks, "--model", JUDGE, "--log-dir", "judged", "--display", "plain")
    return {log.eval.task: log for log in map(read_eval_log, map(str, machine.logs("judged")))}


def answers(log: EvalLog) -> list[tuple[str, str, bool]]:
    """Every answer, sorted by sample, and whether it was replayed."""
    return sorted(
        (str(sample.id), sample.output.completion, (sample.output.metadata or {})["blpo_cache"]["hit"])
        for sample in log.samples or []
    )


def cache(machine: Machine, *arguments: str) -> str:
    """Run ``blpo cache`` on a machine's cache, without a process; what it prints."""
    result = CliRunner().invoke(main, ["cache", "--dir", str(machine.cache()), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def carry(file: str, source: Machine, target: Machine) -> dict[str, object]:
    """Copy a bundle to another machine and import it there; what the import says."""
    shutil.copy(source.home / file, target.home)
    done: dict[str, object] = json.loads(cache(target, "import", str(target.home / file), "--json"))
    return done


def test_bundles_of_two_machines_make_one_cache_that_replays_both(recorded: Machine, tmp_path: Path) -> None:
    """The optimization of the one ends with equal bytes, the evaluations of the other with equal answers."""
    two = Machine(tmp_path / "two")
    judged = evaluate(two)
    [log] = recorded.logs()
    cache(recorded, "export", str(recorded.home / "one.bundle"), "--log", str(log))
    cache(two, "export", str(two.home / "two.bundle"))

    three = Machine(tmp_path / "three", ("torch", "transformers"), BLPO_CACHE="offline")
    shutil.copy(recorded.home / "one.bundle", three.home)
    first = json.loads(three.run("blpo", "cache", "import", "one.bundle", "--json"))  # makes its cache, without torch
    second = carry("two.bundle", two, three)
    again = carry("two.bundle", two, three)
    total = sum(len(log.samples or []) for log in judged.values())
    assert first["new"] and not first["equal"] and not first["conflicts"]
    assert (second["new"], second["equal"], second["conflicts"]) == (total - 24, 24, [])
    assert (again["new"], again["equal"], again["conflicts"]) == (0, total, [])

    three.optimize(JUDGE).output()
    assert (three.home / "pair.yaml").read_bytes() == (recorded.home / "pair.yaml").read_bytes()
    replayed = evaluate(three)
    assert set(replayed) == set(judged) and len(judged) == 2
    for task, there in replayed.items():
        assert there.status == "success"
        assert there.stats.model_usage == {}
        assert answers(there) == [(name, text, True) for name, text, _ in answers(judged[task])]
