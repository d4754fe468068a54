"""The package as Inspect and pip see it."""

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

ROOT = Path(__file__).parent.parent


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command; its output, or a failed test that shows it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


STEPS = [
    "import blpo_inspect",
    "import blpo_inspect._registry",
    "from inspect_ai._cli.main import inspect; inspect(['eval', '--help'], standalone_mode=False)",
    "from inspect_ai.model import get_model; get_model('hf-vlm/shapes-judge').api.identity()",
]


def test_torch_is_not_imported_before_it_is_needed() -> None:
    """One process takes the steps one after the other, and says after each what is loaded."""
    loaded = "print('LOADED', [m for m in ('torch', 'transformers', 'sklearn') if m in sys.modules])"
    script = "\n".join(["import sys", *(f"{step}\n{loaded}" for step in STEPS)])
    said = [line for line in run(sys.executable, "-c", script, cwd=ROOT).splitlines() if line.startswith("LOADED")]
    assert dict(zip(STEPS, said, strict=True)) == dict.fromkeys(STEPS, "LOADED []")


@pytest.mark.parametrize("name", ["tasks", "scorers", "cache"])
def test_root_links(name: str) -> None:
    link = ROOT / name
    assert link.is_symlink()
    assert link.readlink() == Path("src/blpo_inspect") / name  # relative, so that a clone has it too
    assert (link / "__init__.py").is_file()


def test_inspect_lists_everything_under_our_name() -> None:
    from inspect_ai._util.registry import registry_find, registry_info

    import blpo_inspect._registry  # noqa: F401  # registers

    found = registry_find(lambda info: info.name.startswith("blpo_inspect/"))
    names = {(registry_info(item).type, registry_info(item).name) for item in found}
    assert {
        ("task", "blpo_inspect/shapes_safety"),
        ("task", "blpo_inspect/shapes_alignment"),
        ("task", "blpo_inspect/shapes_rating"),
        ("task", "blpo_inspect/folder"),
        ("solver", "blpo_inspect/judge"),
        ("solver", "blpo_inspect/describe"),
        ("scorer", "blpo_inspect/agreement"),
        ("scorer", "blpo_inspect/unread"),
        ("modelapi", "blpo_inspect/hf-vlm"),
    } <= names


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


def test_wheel_holds_what_a_user_needs_and_no_more(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("py.typed", "_registry.py", "world/judge/model.safetensors", "world/judge/chat_template.jinja"):
        assert f"blpo_inspect/{needed}" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"blpo_inspect"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".bin", ".pt", ".pkl", ".resume"))]
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert not [item.name for item in archive if item.issym() or ".venv" in item.name]


def test_wheel_runs_in_a_clean_environment(built: Path, tmp_path: Path) -> None:
    """Only the dependencies come from here (through a .pth file); the package comes from the wheel."""
    home = tmp_path / "clean"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    [wheel] = built.glob("*.whl")
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    [site] = home.glob("lib/python*/site-packages")
    [ours] = {path for path in map(Path, sys.path) if (path / "inspect_ai").is_dir()}
    (site / "dependencies.pth").write_text(f"{ours}\n")
    where = run(python, "-c", "import blpo_inspect; print(blpo_inspect.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(home)
    logs = tmp_path / "logs"
    command = ["-m", "inspect_ai", "eval", "blpo_inspect/shapes_safety", "--model", "hf-vlm/shapes-judge"]
    options = ["--limit", "4", "--log-dir", str(logs), "--display", "plain"]
    run(python, *command, *options, cwd=tmp_path, env={"HF_HUB_OFFLINE": "1"})
    [info] = list_eval_logs(str(logs))
    log = read_eval_log(info)
    assert log.status == "success"
    assert log.eval.task == "blpo_inspect/shapes_safety"
    assert log.results is not None
    assert log.results.completed_samples == 4


BY_PATH = """
import sys
from inspect_ai._cli.main import inspect
from inspect_ai.log import list_eval_logs, read_eval_log

common = ["--display", "plain"]
command = ["eval", "tasks/shapes.py@shapes_rating", "--model", "hf-vlm/shapes-judge", "-T", "policy=3"]
inspect([*command, "--limit", "2", "--log-dir", sys.argv[1], *common], standalone_mode=False)
[info] = list_eval_logs(sys.argv[1])
assert read_eval_log(info).status == "success"
# and an old log is scored again by a scorer's path
score = ["score", info.name, "--scorer", "scorers/agreement.py", "--action", "overwrite", "--overwrite"]
inspect([*score, *common], standalone_mode=False)
"""


def test_tasks_run_by_path(tmp_path: Path) -> None:
    run(sys.executable, "-c", BY_PATH, tmp_path, cwd=ROOT)
    [info] = list_eval_logs(str(tmp_path))
    again = read_eval_log(info)
    assert again.results is not None
    assert [item.name for item in again.results.scores] == ["agreement"]


def test_prompt_files_are_read_without_inspect() -> None:
    code = "import sys, blpo_inspect.judging.prompts; print('LOADED', [m for m in ('inspect_ai',) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert "LOADED []" in done.stdout
