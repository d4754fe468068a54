"""The command line: what it prints, and above all how it exits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import Task, eval

from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.cli import main
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.judging.solvers import judge
from tests.cache.recorded import filled, recorded, request
from tests.cache.test_store import change
from tests.conftest import ScriptedAPI

A, B = recorded(request("A prompt")), recorded(request("B prompt", model="p/n"), role=None)


@pytest.fixture
def store() -> Store:
    """Two entries in the default folder."""
    return filled(default_folder(), A, B)


@pytest.fixture
def log(scripted: type[ScriptedAPI], tmp_path: Path, red: Path) -> Path:
    """One recorded call of a judge."""
    scripted.script = staticmethod(lambda messages: "yes")
    dataset = to_dataset([Record("one", str(red), label="yes")], LabelScale.of(["yes", "no"]), name="one")
    (log,) = eval(
        Task(dataset=dataset, solver=judge("Is it red?"), config=GREEDY),
        "scripted/m",
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success", log.error
    return Path(log.location)


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["cache", *map(str, args)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def as_json(*args: object, code: int = 0) -> Any:
    return json.loads(blpo(*args, "--json", code=code).stdout)


def damage(store: Store) -> None:
    change(store, "UPDATE Cache SET value = ? WHERE key = ?", b"{}", A.key)


def test_stats(store: Store) -> None:
    lines = blpo("stats").stdout.splitlines()
    assert "2 entries" in lines[0].replace("\n", "")
    assert [line.split()[:3] for line in lines[-2:]] == [["p/n", "–", "1"], ["scripted/m", "judge", "1"]]
    found = as_json("stats")
    assert (found["entries"], found["damaged"], [use["model"] for use in found["usage"]]) == (
        2,
        0,
        ["p/n", "scripted/m"],
    )
    damage(store)
    assert "1 DAMAGED" in blpo("stats", code=1).stdout


def test_names_neither_style_nor_steer_the_terminal() -> None:
    entry = recorded(request(model="p/[red]n\x1b[2J"))
    filled(default_folder(), entry)
    for command in (["stats"], ["explain", entry.key]):
        assert "p/[red]n\\x1b[2J" in blpo(*command).stdout


def test_a_cache_that_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    for command in (["stats"], ["verify"], ["export", tmp_path / "f"], ["clear"], ["explain", A.key]):
        result = blpo("--dir", folder, *command, code=2)
        assert result.stderr == f"Error: no cache in {folder}; give its folder by --dir or BLPO_CACHE_DIR\n"
    assert not folder.exists()


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "cache.db").write_bytes(b"\x80\x04 no database" * 100)
    result = blpo("--dir", tmp_path, "stats", code=2)
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1


def test_verify(store: Store) -> None:
    assert "2 entries checked, 0 damaged" in blpo("verify").stdout
    damage(store)
    assert f"damaged {A.key[:12]}…" in blpo("verify", code=1).stdout
    assert as_json("verify", code=1)["damaged"][0][0] == A.key


def test_verify_with_a_live_model(log: Path, red: Path, scripted: type[ScriptedAPI]) -> None:
    live = ("verify", "--sample", 5, "--model", "scripted/m")
    assert "1 same, 0 changed" in blpo(*live, "--log", log).stdout
    assert as_json(*live, "--images", red.parent)["drift"]["same"] == 1
    assert "image" in blpo(*live, code=2).stdout  # not checked is not fine
    scripted.script = staticmethod(lambda messages: "no\x1b[2J")
    assert "'yes' → 'no\\x1b[2J'" in blpo(*live, "--log", log, code=1).stdout
    assert "another one: base_url" in blpo(*live, "--log", log, "--base-url", "http://localhost:9", code=2).stdout
    assert "cannot make the model scripted/m" in blpo(*live, "-M", "colour=red", code=2).stderr


@pytest.mark.parametrize(
    "args",
    [
        ["verify", "--sample", "3"],
        ["verify", "--sample", "0", "--model", "p/n"],
        ["verify", "--sample", "3", "--model", "noslash"],
        ["verify", "--sample", "3", "--model", "p/n", "-M", "novalue"],
        ["verify", "--model", "p/n"],
        ["verify", "--sample", "1", "--model", "gone/m"],
        ["prune"],
        ["prune", "--older-than", "-3"],
        ["prune", "--unused-by", "absent.eval"],
        ["clear"],
        ["export"],
        ["export", "/nowhere/at/all"],
        ["export", "out", "--model", "gone/m"],
        ["import", "absent"],
        ["explain"],
        ["explain", "abc"],
        ["explain", "--log", __file__],
        ["explain", "--log", __file__, "--sample", "one"],
        ["unknown"],
    ],
)
def test_misuse_exits_with_2_and_changes_nothing(args: list[str], store: Store, tmp_path: Path) -> None:
    result = blpo(*args, code=2)
    assert "Error: " in result.stderr and "Traceback" not in result.output
    assert store.size().entries == 2


def test_export_and_import(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "calls.bundle"
    assert "2 entries" in blpo("export", file).stdout
    other = tmp_path / "other"
    assert "2 new entries, 0 were there, 0 conflicts" in blpo("--dir", other, "import", file).stdout
    assert as_json("--dir", other, "import", file)["equal"] == 2
    assert list(Store(other).entries()) == list(store.entries())
    store.replace(recorded(request("A prompt"), "no"))
    assert f"conflict {A.key[:12]}…" in blpo("import", file, code=1).stdout
    file.write_bytes(file.read_bytes()[:-1])
    third = tmp_path / "third"
    result = blpo("--dir", third, "import", file, code=2)
    assert result.stderr == f"Error: {file}: truncated; nothing was imported\n"
    assert not third.exists()


def test_export_of_some(store: Store, log: Path, tmp_path: Path) -> None:
    assert as_json("export", tmp_path / "model", "--model", "p/n")["entries"] == 1
    assert as_json("export", tmp_path / "log", "--log", log)["entries"] == 1
    assert store.size().entries == 3
    damage(store)
    assert "damaged" in blpo("export", tmp_path / "all", code=1).stdout
    (key,) = set(store.keys()) - {A.key, B.key}
    store.delete([key])
    store.put(recorded())
    assert blpo("export", tmp_path / "gone", "--log", log, code=2).stderr.count("nothing to export") == 1


def test_prune_asks_first(store: Store, log: Path) -> None:
    assert "would delete 1 of 3" in blpo("prune", "--model", "p/n").stdout
    assert as_json("prune", "--unused-by", log) == {"deleted": 0, "selected": sorted([A.key, B.key])}
    assert store.size().entries == 3
    assert "deleted 1 of 3" in blpo("prune", "--model", "p/n", "--yes").stdout
    damage(store)
    assert as_json("prune", "--damaged", "--yes") == {"deleted": 1, "selected": [A.key]}
    assert store.size().entries == 1


def test_clear(store: Store) -> None:
    assert "all 2 entries" in blpo("clear", code=2).stderr
    assert blpo("clear", "--yes").stdout == "deleted 2 entries\n"
    assert store.size().entries == 0


def test_explain_a_key(store: Store) -> None:
    for key in (A.key, A.key[:8], A.key[:12] + "…"):
        out = blpo("explain", key).stdout
        assert out.startswith(f"{A.key} of scripted/m")
        assert "-A prompt" not in out and "-B prompt" in out  # the other one, as recorded
    assert "not recorded" in blpo("explain", "0" * 64, code=1).stdout


def test_explain_the_calls_of_a_log(log: Path) -> None:
    store = Store(default_folder())
    (entry,) = store.entries()
    assert f"{entry.key[:12]}… is recorded" in blpo("explain", "--log", log, "--sample", "one").stdout
    changed = json.loads(json.dumps(entry.request))
    text = changed["messages"][0]["content"][-1]
    text["text"] = text["text"].replace("Is it red?", "Is it blue?")
    filled(store.folder, recorded(changed))
    store.delete([entry.key])
    out = blpo("explain", "--log", log, "--sample", "one", code=1).stdout
    assert "call 1: scripted/m" in out and "-Is it blue?" in out and "+Is it red?" in out
    assert "'one'" not in out
    assert "it has one" in blpo("explain", "--log", log, "--sample", "two", code=2).stderr


def test_the_command_itself(store: Store, run: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = run("cache", "stats", "--json")
    assert (done.returncode, json.loads(done.stdout)["entries"], done.stderr) == (0, 2, "")
    done = run("cache", "clear")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    (script,) = entry_points(group="console_scripts", name="blpo")
    assert script.load() is main


def test_reading_a_log_needs_no_torch(log: Path, run: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = run("cache", "explain", "--log", str(log), "--sample", "one")
    assert (done.returncode, "is recorded" in done.stdout) == (0, True), done.stderr


@pytest.fixture
def run() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run ``blpo`` as a process in which torch cannot be imported."""
    code = "import sys; sys.modules['torch'] = None; from blpo_inspect.cli import main; main(prog_name='blpo')"

    def run(*args: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60, env=os.environ, check=False
        )

    return run


@pytest.mark.parametrize("command", ["stats", "verify", "export", "import", "prune", "clear", "explain"])
def test_every_command_states_its_exit_codes(command: str) -> None:
    assert "Exit codes: 0 fine; 1 a problem was found; 2" in " ".join(blpo(command, "--help").stdout.split())
