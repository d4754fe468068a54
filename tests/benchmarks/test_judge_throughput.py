"""`benchmarks/judge_throughput.py` on tiny models: every way has its row, and all give the same answers."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from blpo_inspect.models import engine
from judge_throughput import main
from throughput import child, processes, tables
from throughput.material import make_material
from throughput.plan import WAYS, WORKLOADS, Facts, Job, Limits, Result, job

SIZES = ["--size", "tiny", "--images", "6", "--prompts", "3", "--plain-prompts", "2", "--plain-images", "4"]
TINY = [*SIZES, "--batch", "3"]


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Children are functions: libraries are loaded once, not by each of many processes."""

    def make(name: str, size: str, folder: Path, images: int, prompts: int, *, text: bool) -> Facts:
        return child.make(name, size, folder, images, prompts, text=text)

    def measure(asked: Job, checkpoint: str, repeat: int) -> Result:
        engine._engines.clear()  # `forget_engines` looks for garbage, which takes half a second
        return Result(**json.loads(json.dumps(asdict(child.measure(asked, checkpoint, repeat)))))

    monkeypatch.setattr(processes, "make", make)
    monkeypatch.setattr(processes, "measure", measure)
    monkeypatch.setenv("BLPO_CACHE", "off")
    yield
    engine.forget_engines()


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("checkpoint", ["qwen", "qwen-hires", "llava", "shapes-judge"])
def test_all_ways_answer_alike(checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw.json"
    ways = [way for way in WAYS if way != "hf-text" or checkpoint == "llava"]  # which waits seconds for more requests
    workloads = list(WORKLOADS) if checkpoint == "llava" else ["pattern"]
    options = [*TINY, "--checkpoints", checkpoint, "--ways", *ways, "--workloads", *workloads, "--repeats", "1"]
    assert main([*options, "--json", str(raw)]) == 0
    printed = capsys.readouterr().out
    found = {(one["workload"], one["way"]): Result(**one) for one in json.loads(raw.read_text())["results"]}
    assert set(found) == {(workload, way) for workload in workloads for way in ways}
    for (workload, name), one in found.items():
        way = WAYS[name]
        rows = [line for line in printed.splitlines() if line.startswith(f"| {way.title} |")]
        assert len(rows) == len(workloads)
        if name == "vllm":
            assert one.missing and all("not measured" in row for row in rows)
            continue
        prompts = 1 if workload == "fresh" else 2 if way.repeats_itself else 3
        images = 4 if name == "plain-single" else 6
        assert [len(answers) for answers in one.answers] == [images] * prompts
        assert (one.calls, len(one.rounds)) == (images * prompts, prompts)
        if way.comparable:
            plain = found[workload, "plain-batch"].answers
            every = found[workload, "hf-vlm"].answers
            assert one.answers[:2] == [answers[:images] for answers in plain][:prompts]
            assert one.answers == [answers[:images] for answers in every][:prompts]
            if name != "plain-batch":
                assert any(f"{images * min(prompts, 2)} of {images * min(prompts, 2)} |" in row for row in rows)
    if checkpoint != "shapes-judge":
        plain = found["pattern", "plain-batch"].answers
        assert len({text for answers in plain for text in answers}) > 1, "equal answers tell nothing otherwise"
        assert {len(text.split()) for answers in plain for text in answers} == {3}, "no answer ends by itself"


def test_a_way_is_measured_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BLPO_CACHE", "offline")
    options = [*TINY, "--checkpoints", "shapes-judge", "--workloads", "fresh", "--ways", "hf-vlm"]
    assert main([*options, "--repeats", "1"]) == 0
    out = capsys.readouterr()
    assert "| `hf-vlm` | 6 |" in out.out
    assert "[1/1] shapes-judge, fresh, hf-vlm: 6 calls" in out.err


def test_a_way_that_fails_takes_nothing_from_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(*args: object, **more: object) -> Facts:
        return Facts(1_000_000, 16, (80, 120), "CPU", 2)

    def measure(asked: Job, checkpoint: str, repeat: int) -> Result:
        result = Result(checkpoint, asked.workload, asked.way, repeat)
        if asked.way == "hf-vlm":
            result.failed = "MemoryError"
            return result
        result.answers = [["a"] * asked.images] * asked.prompts
        result.rounds = [1.0 + repeat] * asked.prompts
        result.calls, result.seconds = asked.images * asked.prompts, sum(result.rounds)
        return result

    monkeypatch.setattr(processes, "make", make)
    monkeypatch.setattr(processes, "measure", measure)
    options = [*TINY, "--checkpoints", "llava", "--workloads", "pattern", "--repeats", "2"]
    assert main([*options, "--ways", "plain-batch", "hf-vlm", "hf-vlm-model"]) == 1
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert "failed: MemoryError" in rows[3]
    assert rows[4].split("|")[2:6] == [" 18 ", " 4.50 ", " 4.50 (4.50 after the first prompt) ", " 1.00 "]


def test_slow_ways_make_fewer_calls() -> None:
    limits = Limits(images=110, prompts=30, plain_images=32, plain_prompts=2, batch=32, tokens=3)
    counts = {way: (one.images, one.prompts) for way in WAYS for one in [job(way, "pattern", "", limits)]}
    assert (counts["plain-single"], counts["plain-batch"], counts["hf-vlm"]) == ((32, 2), (110, 2), (110, 30))
    assert job("hf-vlm", "fresh", "", limits).prompts == 1


def test_answers_that_differ_are_counted() -> None:
    own = Result("qwen", "pattern", "hf-vlm", 0, answers=[["a", "b"], ["c", "d"], ["e", "f"]], calls=6, seconds=1)
    plain = Result("qwen", "pattern", "plain-batch", 0, answers=[["a", "x"], ["c", "d"]], calls=4, seconds=1)
    limits = Limits(images=2, prompts=3, plain_images=2, plain_prompts=2, batch=2, tokens=1)
    facts = {"qwen": Facts(1, 1, (1, 1), "CPU", 1)}
    own.rounds, plain.rounds = [0.5, 0.25, 0.25], [0.5, 0.5]
    text = tables.report(facts, [own, plain], limits, ["pattern"], ["plain-batch", "hf-vlm"], "machine")
    assert "| 6 | 1.00 | 6.00 (8.00 after the first prompt) | 1.50 | 0.00 GB | 3 of 4 |" in text


def test_images_and_prompts_are_all_different() -> None:
    for checkpoint in ("qwen", "shapes-judge"):
        material = make_material(checkpoint, 6, 20)
        pictures = [*material.pattern, *material.fresh, material.warm_up]
        assert len({one.uri for one in pictures}) == 13
        assert len(set(material.prompts)) == 21
        assert make_material(checkpoint, 6, 20) == material
