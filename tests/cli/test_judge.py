"""``blpo judge``: a row a picture, from whatever pictures are given, and a stopped run goes on."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import list_eval_logs, read_eval_log
from PIL import Image

from blpo_inspect.cli import main
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.verdicts import running
from tests.conftest import ScriptedAPI

SAFETY = LabelScale.of(["safe", "unsafe"])
Judge = Callable[..., Result]


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scripted: type[ScriptedAPI]) -> Judge:
    """The command in an empty folder with a pair; by default the judge says safe."""
    monkeypatch.chdir(tmp_path)
    PromptPair("Is it safe?", scale=SAFETY).save("pair.yaml")
    scripted.script = staticmethod(lambda messages: "safe")

    def run(*given: str, out: str = "v.jsonl", **more: Any) -> Result:
        arguments = ["judge", *given, "--prompts", "pair.yaml", "--model", "scripted/judge", "-o", out]
        return CliRunner().invoke(main, arguments, **more)

    return run


def pictures(*names: str) -> None:
    for number, name in enumerate(names):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 10, 20)).save(name)


def rows(name: str = "v.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def test_a_folder_gives_a_row_an_image_in_the_order_of_names(judge: Judge) -> None:
    pictures("new/b.png", "new/a.png", "new/deep/c.png")
    Path("new/.hidden.png").write_bytes(b"no")
    Path("new/notes.txt").write_text("no picture")
    result = judge("new", out="v.csv")
    assert (result.exit_code, result.exception) == (0, None)
    with Path("v.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [(row["id"], row["path"], row["label"], row["calls"]) for row in found] == [
        (name, name, "safe", "1") for name in ("new/a.png", "new/b.png", "new/deep/c.png")
    ]
    assert "v.csv: 3 pictures: safe 3" in result.stderr
    assert "3 calls made, 0 replayed" in result.stderr
    assert not Path("v.csv.partial").exists()


def test_every_way_to_name_pictures(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("one.png", "many/x1.png", "many/x2.png", "many/y.png", "table/t.png", "listed.png", "odd[1].png")
    Path("table/new.csv").write_text("id,image,text,other\nfirst,t.png,a cat,1\nsecond,gone.png,,2\n")
    result = judge("one.png", "many/x*.png", "table/new.csv", "-", "odd[1].png", input="listed.png\n\nnowhere.png\n")
    assert result.exit_code == 1
    found = {row["id"]: (row["path"], row["label"], row["reason"]) for row in rows()}
    assert list(found) == [
        "one.png", "many/x1.png", "many/x2.png", "first", "second", "listed.png", "nowhere.png", "odd[1].png"
    ]  # fmt: skip
    assert found["first"] == ("t.png", "safe", None)
    assert found["second"][:2] == ("gone.png", None)
    assert "new.csv, row 3: gone.png: no such image" in found["second"][2]
    assert found["nowhere.png"] == ("nowhere.png", None, "nowhere.png: no such file")
    asked = [message.text for messages in scripted.requests for message in messages]
    assert sum("<text>a cat</text>" in text for text in asked) == 1


def test_what_is_said_and_what_is_not(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("a.png", "b.png", "c.png")
    answers = iter(["unsafe", "=1+1 hm", "=1+1 hm", "safe"])
    scripted.script = staticmethod(lambda messages: next(answers))
    result = judge("a.png", "b.png", "c.png", "--max-connections", "1", out="v.csv")
    assert result.exit_code == 1
    with Path("v.csv").open(newline="") as file:
        found = {row["id"]: row for row in csv.DictReader(file)}
    unread = next(row for row in found.values() if not row["label"])
    assert unread["answer"] == "'=1+1 hm", "no spreadsheet takes an answer for a formula"
    assert unread["reason"]
    assert unread["calls"] == "2", "it was asked once more"
    assert sorted(row["label"] for row in found.values()) == ["", "safe", "unsafe"]
    assert "without a verdict 1" in result.stderr


def test_a_map_and_its_probabilities(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    scale = LabelScale("ordinal", ("1", "2", "3"))
    PromptPair("How good?", scale=scale, map={"1": "1", "2": "3", "3": "3"}).save("pair.yaml")
    pictures("a.png")
    scripted.script = staticmethod(lambda messages: "2")
    assert judge("a.png").exit_code == 0
    assert [(row["label"], row["said"], row["answer"]) for row in rows()] == [("3", "2", "2")]


def test_the_same_command_again_replays(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("a.png", "b.png")
    assert judge("a.png", "b.png").exit_code == 0
    assert "is there already" in judge("a.png", "b.png").stderr
    result = judge("a.png", "b.png", "--overwrite")
    assert result.exit_code == 0
    assert "0 calls made, 2 replayed" in result.stderr
    assert len(scripted.requests) == 2


def test_a_failed_sample_is_tried_again_and_nothing_else(
    judge: Judge, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PART", 2)
    pictures("a.png", "b.png", "c.png")
    broken = True

    def script(messages: Any) -> str:
        if broken and len(scripted.requests) >= 3:
            raise RuntimeError("the server is gone")
        return "safe"

    scripted.script = staticmethod(script)
    result = judge("a.png", "b.png", "c.png", "--max-connections", "1")
    assert result.exit_code == 1
    assert [row["label"] for row in rows()] == ["safe", "safe", None]
    assert "the server is gone" in rows()[2]["reason"]
    assert Path("v.jsonl.partial").exists()
    broken = False
    scripted.requests.clear()
    again = judge("a.png", "b.png", "c.png")
    assert again.exit_code == 0
    assert [row["label"] for row in rows()] == ["safe"] * 3
    assert len(scripted.requests) == 1
    assert "2 rows were there from a stopped run" in again.stderr


def test_rows_of_another_run_are_refused(
    judge: Judge, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("a.png")

    def broken(messages: Any) -> str:
        raise RuntimeError("gone")

    scripted.script = staticmethod(broken)
    assert judge("a.png").exit_code == 1
    PromptPair("Another prompt?", scale=SAFETY).save("pair.yaml")
    result = judge("a.png")
    assert result.exit_code == 2
    assert "another prompt pair" in result.stderr
    assert "remove it" in result.stderr
    Path("v.jsonl.partial").write_bytes(b"something else entirely, " * 50)
    assert "no rows of a stopped run" in judge("a.png").stderr


def test_kept_rows_hold_no_key(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("a.png")

    def broken(messages: Any) -> str:
        raise RuntimeError("gone")

    scripted.script = staticmethod(broken)
    assert judge("a.png", "-M", "api_key=sk-hush").exit_code == 1
    assert b"sk-hush" not in Path("v.jsonl.partial").read_bytes()
    assert "another model" in judge("a.png").stderr


def test_a_picture_that_changed_is_judged_again(
    judge: Judge, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures("a.png", "b.png")

    def script(messages: Any) -> str:
        if len(scripted.requests) > 1:
            raise RuntimeError("gone")
        return "safe"

    scripted.script = staticmethod(script)
    assert judge("a.png", "b.png", "--max-connections", "1").exit_code == 1
    for name in ("a.png", "b.png"):
        Image.new("RGB", (9, 9), (200, 0, 0)).save(name)
    scripted.script = staticmethod(lambda messages: "unsafe")
    assert judge("a.png", "b.png").exit_code == 0
    assert [row["label"] for row in rows()] == ["unsafe", "unsafe"]


_SLOW = """
import sys, time
import tests.conftest as conftest
from blpo_inspect.cli import main
from blpo_inspect.verdicts import running
running.PART = 3
def script(messages):
    time.sleep(float(sys.argv[1]) if len(conftest.ScriptedAPI.requests) > 3 else 0)
    return "safe"
conftest.ScriptedAPI.script = staticmethod(script)
main(["judge", "new", "--prompts", "pair.yaml", "--model", "scripted/judge", "-o", "v.jsonl", "--max-connections", "1"])
"""


def test_a_killed_run_goes_on(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures(*(f"new/{number}.png" for number in range(7)))
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "BLPO_CACHE": "off"}
    process = subprocess.Popen([sys.executable, "-c", _SLOW, "60"], env=environment)

    def kept() -> int:
        if not Path("v.jsonl.partial").exists():
            return 0
        with closing(sqlite3.connect("v.jsonl.partial")) as database:
            try:
                return int(database.execute("SELECT COUNT(*) FROM verdicts").fetchone()[0])
            except sqlite3.OperationalError:
                return 0  # its tables are not there yet

    deadline = time.monotonic() + 60
    while kept() < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("v.jsonl").exists()
    assert judge("new").exit_code == 0
    assert len(scripted.requests) == 4
    assert [row["id"] for row in rows()] == [f"new/{number}.png" for number in range(7)]


@pytest.mark.parametrize(
    ("pair", "given", "words"),
    [
        (PromptPair("Safe?"), ["a.png"], "does not say which labels there are"),
        (PromptPair("Fits {text}?", scale=SAFETY), ["a.png"], "a.png has none; give a table with a column text"),
        (PromptPair("Safe?", scale=SAFETY), ["nothing/here"], "nothing/here: no such file or folder"),
        (PromptPair("Safe?", scale=SAFETY), ["x*.png"], "no file fits this pattern"),
        (PromptPair("Safe?", scale=SAFETY), ["t.csv"], "no column image; it has 'picture'"),
    ],
)
def test_what_cannot_be_judged_is_said(judge: Judge, pair: PromptPair, given: list[str], words: str) -> None:
    pictures("a.png")
    Path("t.csv").write_text("picture\na.png\n")
    pair.save("pair.yaml")
    result = judge(*given)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert not Path("v.jsonl").exists()


def test_an_output_that_is_no_table_is_refused_before_anything_runs(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("a.png")
    result = judge("a.png", out="v.txt")
    assert result.exit_code == 2
    assert ".csv, .jsonl, .parquet" in result.stderr
    assert not scripted.requests


def test_parquet_holds_the_same(judge: Judge) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    pictures("a.png", "b.png")
    assert judge("a.png", "b.png").exit_code == 0
    assert judge("a.png", "b.png", out="v.parquet").exit_code == 0
    replayed = parquet.read_table("v.parquet").to_pylist()
    names = ("id", "path", "label", "answer", "reason")
    assert [[row[name] for name in names] for row in replayed] == [[row[name] for name in names] for row in rows()]


def test_the_embedded_judge_and_its_log(judge: Judge) -> None:
    from blpo_inspect.world.benchmarks import records

    [record, *_] = records("safety", policy=3, split="test", per_class=1)
    Path("t.jsonl").write_text(json.dumps({"image": "d.png"}) + "\n")
    import base64

    Path("d.png").write_bytes(base64.b64decode(record.image.partition(",")[2]))
    arguments = ["judge", "t.jsonl", "--prompts", "pair.yaml", "--model", "hf-vlm/shapes-judge", "-o", "v.jsonl"]
    result = CliRunner().invoke(main, [*arguments, "--answer", "likelihood"])
    assert result.exit_code == 0, result.output
    [row] = rows()
    assert row["label"] in SAFETY.labels
    assert 0.5 <= row["probability"] <= 1
    [info] = list_eval_logs("logs")
    log = read_eval_log(info)
    assert (log.eval.task, log.eval.metadata) == ("verdicts", {"judge_prompt": "Is it safe?"})


def test_pairs_of_pictures_are_judged_in_both_orders(judge: Judge, scripted: type[ScriptedAPI]) -> None:
    pictures("a.png", "b.png")
    Path("pairs.csv").write_text("id,image_1,image_2\none,a.png,b.png\n")
    PromptPair("Which is better?", scale=LabelScale.pair()).save("pair.yaml")
    scripted.script = staticmethod(lambda messages: "first")
    result = judge("pairs.csv")
    assert result.exit_code == 1  # no verdict
    [row] = rows()
    assert (row["id"], row["label"], row["calls"]) == ("one", None, 2)
    assert row["reason"].startswith("the verdict follows the order")
    alone = judge("a.png", out="other.jsonl")
    assert alone.exit_code == 2 and "the judge is of pairs, and a.png is none" in alone.stderr
