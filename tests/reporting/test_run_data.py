"""What is read from logs: real evaluations, broken files, other people's logs, and what must not get out of them."""

import json
import shutil
from pathlib import Path

import fsspec  # type: ignore[import-untyped]
import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import read_eval_log, write_eval_log

from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.reporting.run_data import gather
from blpo_inspect.reporting.writing import as_bytes
from tests.conftest import ScriptedAPI
from tests.optimizers import toy
from tests.reporting.runs import RATING, Benchmark, judged, reported

SMALL = Benchmark(["safe", "unsafe", "safe"])
SECRET = "sk-proj-abcdefghijklmnop123456"


def test_answers_calls_and_how_to_repeat_them(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    first = judged(SMALL, ["safe", "unsafe", "dunno"], tmp_path / "one", prompt="Is it safe?")
    second = judged(SMALL, ["-", "-", "-"], tmp_path / "two", prompt="Is it safe?")  # replays the first
    found = gather([str(tmp_path)])
    assert not found.left_out
    assert {run.record.log for run in found.judges} == {first.name, second.name}
    by_log = {run.record.log: run for run in found.judges}
    run, again = by_log[first.name], by_log[second.name]
    assert [(answer.id, answer.human, answer.label) for answer in run.answers] == [
        ("s0", "safe", "safe"),
        ("s1", "unsafe", "unsafe"),
        ("s2", "safe", None),
    ]
    assert run.answers[2].unread
    assert (run.usage.made, run.usage.replayed, run.usage.input_tokens) == (3, 0, 3)
    assert (again.usage.made, again.usage.replayed, again.usage.input_tokens) == (0, 3, 3)
    assert again.usage.cost == 0
    assert run.digest == again.digest
    assert (run.benchmark, run.prompt, run.failed) == ("toy_safety", "Is it safe?", 0)
    assert run.record.command.startswith("BLPO_CACHE=offline inspect eval ")
    assert "--model scripted/judge" in run.record.command


def test_failed_samples_are_missing_and_named_without_paths(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    judged(SMALL, ["safe", "!", "safe"], tmp_path)
    found = gather([str(tmp_path)])
    [run] = found.judges
    assert run.failed == 1
    [note] = found.left_out
    assert "1 of 3 samples have no answer" in note.why
    assert "/home/" not in note.why


def test_json_logs_and_several_epochs(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    judged(SMALL, ["safe", "unsafe", "safe"], tmp_path, log_format="json", epochs=2)
    [run] = gather([str(tmp_path)]).judges
    assert [(answer.id, answer.epoch) for answer in run.answers] == [(f"s{n}", e) for n in range(3) for e in (1, 2)]
    assert all(answer.image for answer in run.answers)


def test_an_optimization_is_read_whole(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    world = toy.World(
        wrong={"P0?": {"train0", "train2", "validation0", "test0"}, "P1?": {"test0"}},
        judge_prompts={"P0?": "P1?", "P1?": "P1? again"},
        i2t_prompts=["Q1?"],
    )
    toy.run(world, blpo(outer_steps=1, inner_steps=1, batch_size=2), log_dir=str(tmp_path))
    [run] = gather([str(tmp_path)]).optimizations
    assert run.name == "blpo on toy, seed 0"
    assert run.judge == "P1?"
    assert run.provenance["start"]["judge"] == "P0?"
    assert [step["step"] for step in run.provenance["trajectory"]] == [1]
    assert set(run.uses) == {"judge", "i2t", "optimizer"}
    assert run.uses["judge"].made > 0


def test_what_cannot_be_used_is_named_and_the_rest_is_read(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    good = judged(SMALL, ["safe"] * 3, tmp_path / "good")
    cut = tmp_path / "cut.eval"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    (tmp_path / "no.json").write_text("{}")
    shutil.copy(good, tmp_path / "zz-copy.eval")
    ScriptedAPI.script = staticmethod(lambda messages: "hello")
    [other] = inspect_eval(
        Task([Sample(input="hi", id="x")], name="chat"), "scripted/m", log_dir=str(tmp_path / "chat"), display="none"
    )
    found = gather([str(tmp_path), str(tmp_path / "missing.eval")])
    why = {note.what: note for note in found.left_out}
    assert [run.record.log for run in found.judges] == [good.name]
    assert set(why) == {"cut.eval", "no.json", "zz-copy.eval", Path(other.location).name, "missing.eval"}
    assert "cannot be read as an Inspect log" in why["cut.eval"].why
    assert str(tmp_path) not in str(found.left_out)
    assert "the same run as" in why["zz-copy.eval"].why and not why["zz-copy.eval"].problem
    assert "no samples with a label scale" in why[Path(other.location).name].why
    assert all(why[name].problem for name in ("cut.eval", "no.json", "missing.eval"))
    with pytest.raises(LogError, match=r"nothing to report. cut\.eval: cannot be read"):
        gather([str(cut)])


def test_a_log_whose_writer_was_killed(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    log = read_eval_log(str(judged(SMALL, ["safe"] * 3, tmp_path / "whole")))
    log.status, log.results = "started", None
    log.eval.eval_id = "killed"
    log.samples = (log.samples or [])[:2]
    write_eval_log(log, str(tmp_path / "killed.eval"))
    found = gather([str(tmp_path / "killed.eval")])
    [run] = found.judges
    assert (run.record.status, run.failed, run.expected) == ("started", 1, 3)
    assert "the log ended with status started" in found.left_out[0].why


def test_patterns_folders_and_other_file_systems(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    log = judged(SMALL, ["safe"] * 3, tmp_path / "a" / "b")
    for given in (
        str(tmp_path),
        str(tmp_path / "a" / "*" / "*.eval"),
        str(tmp_path / "**" / "*.eval"),
        f"file://{log}",
    ):
        assert len(gather([given, given]).judges) == 1, given
    with fsspec.open("memory://bucket/runs/x.eval", "wb") as file:
        file.write(log.read_bytes())
    for given in ("memory://bucket/runs/x.eval", "memory://bucket/runs", "memory://bucket/runs/*.eval"):
        assert [run.record.log for run in gather([given]).judges] == ["x.eval"], given


def test_keys_passwords_and_folders_stay_out(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    log = read_eval_log(str(judged(SMALL, ["safe"] * 3, tmp_path / "x")))
    log.eval.model_args = {"api_key": SECRET, "note": f"uses {SECRET}", "revision": "abc"}
    log.eval.model_base_url = "https://user:hunter2@host.example/v1?key=hunter2"
    log.eval.task_args = {"data": "/home/someone/secret-folder/labels.csv"}
    log.eval.task_args_passed = dict(log.eval.task_args)
    log.eval.model = "hf-vlm//home/someone/secret-folder/tiny"
    write_eval_log(log, str(tmp_path / "y.eval"))
    [run] = gather([str(tmp_path / "y.eval")]).judges
    shown = json.dumps([run.record.settings, run.record.command, run.record.model])
    assert not [word for word in (SECRET, "hunter2", "secret-folder", "someone") if word in shown]
    assert run.record.model == "hf-vlm/…/tiny"
    assert "-T data=labels.csv" in run.record.command
    assert "revision=abc" in run.record.command


def test_scales_that_differ_within_a_log(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    log = read_eval_log(str(judged(SMALL, ["safe"] * 3, tmp_path / "x")))
    assert log.samples
    log.samples[0].metadata["scale"] = RATING.to_dict()
    write_eval_log(log, str(tmp_path / "y.eval"))
    with pytest.raises(LogError, match="2 different scales"):
        gather([str(tmp_path / "y.eval")])


def test_a_run_with_a_map_stands_beside_its_raw_labels(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    """The judge is one too high on four of five: accuracy .2, and 1 where its labels are mapped."""
    map = {"1": "1", "2": "1", "3": "2", "4": "3", "5": "5"}
    PromptPair("Rate it.", scale=RATING, map=map).save(tmp_path / "pair.yaml")
    rated = Benchmark(["1", "2", "3", "5", "1"], RATING, prompts=str(tmp_path / "pair.yaml"))
    judged(rated, ["2", "3", "4", "5", "2"], tmp_path / "logs")
    found = reported(tmp_path / "logs")
    [part] = found.parts
    figures = {row.prompt_name: row.figures["accuracy"].value for row in part.group.rows}
    assert figures == {"default prompt, with its map": 1.0, "default prompt": 0.2}
    assert found.logs == 1 and not found.left_out
    html, plain = as_bytes(found, "html").decode(), json.loads(as_bytes(found, "json"))
    assert "Map of labels: 1 → 1, 2 → 1, 3 → 2, 4 → 3, 5 → 5" in html
    assert [run["map"] is not None for run in plain["groups"][0]["runs"]] == [True, False]
