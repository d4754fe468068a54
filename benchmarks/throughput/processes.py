"""Runs `child` in processes of their own, one after the other."""

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from throughput.plan import Facts, Job, Result

SCRIPT = Path(__file__).parent.parent / "judge_throughput.py"


class ChildError(Exception):
    """A process ended with an error."""


def make(name: str, size: str, folder: Path, images: int, prompts: int, *, text: bool) -> Facts:
    """`child.make` in a process of its own, so that its memory, a GPU's too, is free again."""
    arguments = {"name": name, "size": size, "folder": str(folder), "images": images, "prompts": prompts, "text": text}
    found = _run({"make": arguments})
    return Facts(**{**found, "prompt_tokens": tuple(found["prompt_tokens"])})


def measure(job: Job, checkpoint: str, repeat: int) -> Result:
    """`child.measure` in a process of its own; what goes wrong there is a result too."""
    try:
        return Result(**_run({"measure": asdict(job), "checkpoint": checkpoint, "repeat": repeat}))
    except ChildError as error:
        return Result(checkpoint, job.workload, job.way, repeat, failed=str(error))


def answer(request: str, out: Path) -> None:
    """The child's side."""
    from throughput import child

    asked = json.loads(request)
    made: Facts | Result
    if "make" in asked:
        made = child.make(**{**asked["make"], "folder": Path(asked["make"]["folder"])})
    else:
        made = child.measure(Job(**asked["measure"]), asked["checkpoint"], asked["repeat"])
    out.write_text(json.dumps(asdict(made)))


def _run(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--child", json.dumps(request), str(out)],
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stderr.strip() or f"ended with status {done.returncode}").splitlines()[-1]
            raise ChildError(re.sub(r"^(\w+\.)+(?=\w+: )", "", last))  # the exception's module
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def _environment() -> dict[str, str]:
    # a replayed call takes no model. Beside other programs, threads that spin cost many times the work; `hf-vlm` sees
    # to that by itself, which `busy_machine.py` measures, so here all ways have it alike
    return {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "BLPO_CACHE": "off"}
