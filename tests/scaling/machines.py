"""Machines as far as one computer can have several: each its own home, cache and processes.

machine = Machine(tmp_path / "one")
machine.run("inspect", "eval", "blpo_inspect/shapes_safety", "--model", "hf-vlm/shapes-judge")
machine.blpo("cache", "export", "calls.bundle")
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from inspect_ai.log import EvalLog, read_eval_log

OPTIMIZE = ["blpo_inspect/optimize", "-T", "benchmark=shapes_safety", "-T", 'benchmark_args={"limit_per_class": 12}']
OPTIMIZE += ["--model-role", "optimizer=induction/rules", "-T", "save=pair.yaml"]
OPTIMIZE += ["--solver", "blpo_inspect/blpo", "-S", "outer_steps=1", "-S", "inner_steps=2"]
"""A whole run on few images; it finds a better prompt."""

_PROGRAMS = {
    "inspect": ["-m", "inspect_ai"],
    "blpo": ["-c", "from blpo_inspect.cli import main; main()"],
    "transformers": ["-m", "transformers.cli.transformers"],
}
_OURS = ("BLPO_", "INSPECT_", "SERVED_", "OPENAI_", "XDG_", "HF_")
_ROOT = Path(__file__).parents[2]


class Machine:
    """A home folder that is also the working folder of every process, with the platform's default cache in it.

    Args:
        home: Is created.
        without: Packages that this machine does not have; importing one fails.
        **variables: Added to the environment of every process.
    """

    def __init__(self, home: Path, without: tuple[str, ...] = (), **variables: str) -> None:
        self.home = home
        home.mkdir(parents=True)
        for name in without:
            (home / "absent" / name).mkdir(parents=True)
            (home / "absent" / name / "__init__.py").write_text(f"raise ImportError('{name} was imported')\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        paths = [str(home / "absent"), *filter(None, [os.environ.get("PYTHONPATH")]), str(_ROOT)]
        self.environment = {
            **kept,
            "HOME": str(home),
            "LOCALAPPDATA": str(home),
            "PYTHONPATH": os.pathsep.join(paths),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            **variables,
        }

    def start(
        self, program: str, *arguments: str, folder: Path | None = None, variables: Mapping[str, str] | None = None
    ) -> "Process":
        """A process of its own: ``inspect``, ``blpo`` or ``transformers``, without waiting for it."""
        command = [sys.executable, *_PROGRAMS[program], *arguments]
        return Process(command, folder or self.home, {**self.environment, **(variables or {})})

    def run(self, program: str, *arguments: str) -> str:
        """What a process printed that ended well."""
        return self.start(program, *arguments).output()

    def optimize(self, model: str, **variables: str) -> "Process":
        """Start `OPTIMIZE` with a judge that also describes; leaves ``pair.yaml`` and one log in ``logs``."""
        return self.start("inspect", "eval", *OPTIMIZE, "--model", model, "--display", "plain", variables=variables)

    def cache(self) -> Path:
        """The folder of its only cache."""
        [database] = self.home.rglob("cache.db")
        return database.parent

    def logs(self, folder: str = "logs") -> list[Path]:
        """The logs in a folder, by name."""
        return sorted((self.home / folder).glob("*.eval"))

    def log(self) -> EvalLog:
        """The only log."""
        [path] = self.logs()
        return read_eval_log(str(path))


class Process:
    """A running process; its output goes to one file."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        home = Path(environment["HOME"])
        self.command = command
        self.file = home / f"output-{len(list(home.glob('output-*')))}.txt"
        with self.file.open("wb") as out:
            self.running = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )

    def output(self, code: int = 0) -> str:
        """Wait for the end, which must have this exit code; everything that was printed."""
        try:
            ended = self.running.wait(150)
        finally:
            self.running.kill()
        printed = self.printed()
        assert ended == code, f"{' '.join(self.command)} ended with {ended}:\n{printed[-4000:]}"
        return printed

    def printed(self) -> str:
        """What was printed so far."""
        return self.file.read_text(errors="replace")

    def stop(self) -> None:
        """End it now."""
        self.running.terminate()
        try:
            self.running.wait(10)
        except subprocess.TimeoutExpired:
            self.running.kill()
            self.running.wait()


@contextmanager
def stopped(process: Process) -> Iterator[Process]:
    """The process, ended at the end of the block."""
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="package")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine that has optimized with the judge in its own process."""
    machine = Machine(tmp_path_factory.mktemp("machines") / "recorded")
    machine.optimize("hf-vlm/shapes-judge").output()
    return machine
