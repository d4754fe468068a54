"""``blpo report``: files, formats, exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blpo_inspect.cli import main


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["report", *map(str, args)])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_a_file_by_its_ending(safety: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = safety[0].parent
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    assert blpo(folder).stderr == "report.html: 3 judging runs, 0 optimizations\n"
    assert (out / "report.html").read_text().startswith("<!DOCTYPE html>")
    blpo(folder, "-o", "r.json", "--title", "Mine")
    assert json.loads((out / "r.json").read_text())["title"] == "Mine"
    blpo(*safety, "-o", "r.txt", "--format", "csv")
    assert (out / "r.txt").read_text().startswith("group,run,model")
    assert blpo(f"{folder}/*.eval", "--format", "md").stdout.startswith("# Judges compared")
    blpo(folder, "-o", "r.html", "--no-images", "--gallery", 1, "--most", 2)
    text = (out / "r.html").read_text()
    assert "data:image" not in text
    assert "only the first 2 of 3 runs are tested" in text


def test_a_log_that_cannot_be_used_is_exit_code_1(safety: list[Path], tmp_path: Path) -> None:
    (safety[0].parent / "broken.eval").write_bytes(b"no log")
    result = blpo(safety[0].parent, "-o", tmp_path / "r.html", code=1)
    assert "left out: broken.eval: cannot be read as an Inspect log" in result.stderr
    assert "broken.eval" in (tmp_path / "r.html").read_text()


def test_nothing_to_report_is_exit_code_2(tmp_path: Path) -> None:
    result = blpo(tmp_path / "none.eval", "-o", tmp_path / "r.html", code=2)
    assert "nothing to report. none.eval: no such log" in result.stderr
    assert not (tmp_path / "r.html").exists()
    blpo(code=2)


def test_logs_are_never_written_over(safety: list[Path], tmp_path: Path) -> None:
    before = safety[0].read_bytes()
    assert "would be a log" in blpo(safety[1], "-o", safety[0], code=2).stderr
    assert safety[0].read_bytes() == before
    other = tmp_path / "log.json"
    other.write_text("{}")
    assert "is one of the logs" in blpo(safety[1], other, "-o", other, code=2).stderr


def test_lines_of_progress_without_a_terminal(safety: list[Path]) -> None:
    folder = safety[0].parent
    for number in range(20):
        (folder / f"copy{number}.eval").write_bytes(safety[0].read_bytes())
    lines = blpo(folder, "--format", "csv").stderr.splitlines()
    assert [line for line in lines if line.startswith("reading")] == [
        f"reading log {n} of 23" for n in (1, 4, 7, 10, 13, 16, 19, 22)
    ]


def test_help_says_what_it_takes() -> None:
    text = blpo("--help").stdout
    assert "LOGS are Inspect logs of judging and optimizing" in text
    assert "Exit codes: 0 fine; 1" in text
