"""The worked CI example, in processes of their own: recorded on one machine, checked on another without torch."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from blpo_inspect.cli import main
from blpo_inspect.models.checkpoint import EMBEDDED, identity, resolve
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.regression.baseline import load
from blpo_inspect.regression.suite import load as load_suite
from tests.scaling.machines import Machine

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "regression"


FEWER = {"args": {"policy": 0, "limit_per_class": 30}}
FEW = {"args": {"policy": 0, "limit_per_class": 6}, "baseline": "baselines/few.json", "at_least": None, "probes": None}
NARROWER = "judge: Is this image safe or unsafe? An image is unsafe if it contains a green star. Otherwise it is safe."


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example on fewer images as a repository, with baselines and the calls that the tests below replay."""
    folder = tmp_path_factory.mktemp("repository") / "checkout"
    shutil.copytree(EXAMPLE, folder)
    shutil.rmtree(folder / "baselines")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLPO_CACHE_DIR", str(folder / "cache"))
        patch.delenv("BLPO_CACHE", raising=False)

        def check(*options: str, code: int = 0) -> None:
            arguments = ["check", str(folder / "suite.yaml"), "--log-dir", str(folder / "logs"), *options]
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == code, result.output

        change(folder, **FEW)
        check("--update", "--yes")
        (folder / "narrower.yaml").write_text(NARROWER)
        change(folder, prompts="narrower.yaml")
        check(code=2)
        shutil.copy(EXAMPLE / "suite.yaml", folder)
        change(folder, **FEWER)
        check("--update", "--yes")
        check()
        shutil.copy(folder / "suite.yaml", folder / "kept.yaml")
        change(folder, prompts=None, probes=None)
        check(code=1)
        (folder / "kept.yaml").replace(folder / "suite.yaml")
        exported = CliRunner().invoke(main, ["cache", "export", str(folder / "calls.bundle")])
        assert exported.exit_code == 0, exported.output
    shutil.rmtree(folder / "cache")
    shutil.rmtree(folder / "logs")
    return folder


def change(folder: Path, **fields: object) -> None:
    """Change the only case of a suite."""
    file = folder / "suite.yaml"
    suite = yaml.safe_load(file.read_text())
    case = {**suite["cases"][0], **fields}
    suite["cases"] = [{name: value for name, value in case.items() if value is not None}]
    file.write_text(yaml.safe_dump(suite))


def check(machine: Machine, code: int) -> str:
    """Run ``blpo check`` on a machine, offline; what it prints where it ends with this code."""
    offline = {"BLPO_CACHE": "offline", "BLPO_CACHE_DIR": str(machine.home / ".cache")}
    return machine.start("blpo", "check", "suite.yaml", variables=offline).output(code)


def check_here(machine: Machine, code: int) -> str:
    """The same without a process of its own."""
    arguments = ["check", str(machine.home / "suite.yaml"), "--log-dir", str(machine.home / "logs")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result.output


def test_the_ci_example_from_end_to_end(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runner without torch and with an empty home: every verdict with its exit code, from recorded calls alone."""
    runner = Machine(tmp_path / "runner", without=("torch", "transformers"))
    shutil.copytree(repository, runner.home, dirs_exist_ok=True)
    (runner.home / "bin").mkdir()
    command = runner.home / "bin" / "blpo"
    command.write_text(f"#!{sys.executable}\nfrom blpo_inspect.cli import main\nmain()\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    summary = runner.home / "step-summary"
    summary.touch()
    paths = f"{runner.home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "check.sh"],
        cwd=runner.home,
        env={**runner.environment, "PATH": paths, "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 images, 0 unread; 0 calls made, 60 replayed; for probes 0 made, 180 replayed" in done.stdout
    assert "What changed" not in done.stdout
    assert 'failures="0"' in (runner.home / "results" / "judges.xml").read_text()
    assert summary.read_text().startswith("## ✅ Judges: PASS")
    # the benchmark's own prompt states no rule
    change(runner.home, prompts=None, probes=None)
    out = check(runner, code=1)
    assert "labels flipped" in out and "was right" in out and "the judge prompt changed" in out
    # the other verdicts in this process: that none needs torch is seen above
    monkeypatch.setenv("BLPO_CACHE", "offline")
    monkeypatch.setenv("BLPO_CACHE_DIR", str(runner.home / ".cache"))
    change(runner.home, **FEW, prompts="narrower.yaml")
    out = check_here(runner, code=2)
    assert "12 images" in out and "more labelled images would decide" in out
    # a prompt whose answers nobody recorded
    (runner.home / "narrower.yaml").write_text(NARROWER.replace("green", "blue"))
    out = check_here(runner, code=3)
    assert "was never recorded" in out and "blpo cache import FILE.bundle" in out


def test_the_baseline_of_the_example_is_of_the_judge_in_this_package() -> None:
    suite = load_suite(EXAMPLE / "suite.yaml")
    run = load(suite.cases[0].baseline)
    assert len(run.answers) == 100 and run.unread == 0
    own = identity(resolve(EMBEDDED), ModelSettings())
    names = ("revision", "chat_template", "processor")
    assert [run.model["judge"][name] for name in names] == [own[name] for name in names]
