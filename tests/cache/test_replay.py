"""The embedded benchmarks, recorded with the embedded judge and replayed where torch cannot be imported."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log

from blpo_inspect.tasks.shapes import shapes_alignment, shapes_rating, shapes_safety

TASKS = {task.__name__: task for task in (shapes_alignment, shapes_rating, shapes_safety)}

REPLAY = """
import sys
from tests.cache.test_replay import run_all
for model in sys.argv[2:]:
    run_all(f"{sys.argv[1]}/{model.replace('/', '-')}", model)
assert "torch" not in sys.modules and "transformers" not in sys.modules
"""


def run_all(log_dir: str, model: str) -> list[EvalLog]:
    """Each benchmark once, four samples a class."""
    logs = []
    for task in TASKS.values():
        [log] = inspect_eval(task(limit_per_class=4), model=model, log_dir=log_dir, display="none", max_tasks=1)
        assert log.status == "success", log.error
        logs.append(read_eval_log(log.location))
    return logs


def answers(log: EvalLog) -> bytes:
    """Every answer whole: text, stop reason and log-probabilities, in the order of the samples."""
    found = [
        (str(sample.id), sample.epoch, [choice.model_dump(mode="json") for choice in sample.output.choices])
        for sample in log.samples or []
    ]
    return json.dumps(sorted(found, key=lambda one: one[:2])).encode()


def scores(log: EvalLog) -> Any:
    assert log.results is not None
    return [
        (score.name, {name: metric.value for name, metric in score.metrics.items()}) for score in log.results.scores
    ]


MODELS = ("hf-vlm/shapes-judge", "cached/hf-vlm/shapes-judge")


def test_a_replay_without_torch_gives_the_same_bytes(tmp_path: Path) -> None:
    """Recorded once, replayed by both names in one process."""
    recorded = {log.eval.task: log for log in run_all(str(tmp_path / "recorded"), "hf-vlm/shapes-judge")}
    traps = tmp_path / "traps"
    for name in ("torch", "transformers"):
        (traps / name).mkdir(parents=True)
        (traps / name / "__init__.py").write_text(f"raise ImportError('{name} was imported')")
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", REPLAY, str(tmp_path / "replayed"), *MODELS],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(traps), str(root)]),
            "BLPO_CACHE": "offline",
            "OPENAI_API_KEY": "sk-hush-hush",
        },
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    for model in MODELS:
        folder = tmp_path / "replayed" / model.replace("/", "-")
        replayed = {log.eval.task: log for log in map(read_eval_log, map(str, folder.iterdir()))}
        check(replayed, recorded)


def check(replayed: Mapping[str, EvalLog], recorded: Mapping[str, EvalLog]) -> None:
    """A replay says what the recorded run said, made no call and kept no key."""
    assert set(replayed) == set(recorded) == {f"blpo_inspect/{name}" for name in TASKS}
    for name, log in replayed.items():
        assert answers(log) == answers(recorded[name])
        assert json.dumps(scores(log)) == json.dumps(scores(recorded[name]))
        assert log.stats.model_usage == {}
        assert sum(usage.total_tokens for usage in recorded[name].stats.model_usage.values()) > 0
        assert b"sk-hush-hush" not in Path(log.location).read_bytes()
        samples = log.samples or []
        assert samples
        for sample in samples:
            assert (sample.output.metadata or {})["blpo_cache"]["hit"] is True
