"""What a log says of a judge: the one reader that report, gate and prompt pairs share."""

from dataclasses import replace
from pathlib import Path

import pytest
from inspect_ai.log import EvalLog, write_eval_log

from blpo_inspect.cache.logs import LogError, read_log
from blpo_inspect.logs.reader import MAX_SAID, judged_run
from tests.conftest import ScriptedAPI
from tests.reporting.runs import SAFETY, Benchmark, judged

PEOPLE = ["safe", "unsafe", "safe", "unsafe"]


@pytest.fixture
def log(scripted: type[ScriptedAPI], tmp_path: Path) -> EvalLog:
    """A judge that is right, cannot be read, fails, and says much."""
    known = {"category": ["a", "b", "a", "b"], "group": ["g", "g", None, None]}
    said = ["safe", "dunno", "!", "unsafe. " + "so " * MAX_SAID]
    return read_log(judged(Benchmark(PEOPLE, known=known), said, tmp_path, prompt="Safe?"), images=True)


def test_each_sample_has_a_label_or_a_reason(log: EvalLog) -> None:
    run = judged_run(log)
    right, unread, failed, long = run.answers
    assert (right.label, right.unread, right.error, right.said) == ("safe", None, None, "safe")
    assert (unread.label, unread.error, unread.category, unread.group) == (None, None, "b", "g") and unread.unread
    assert failed.label is None and failed.unread and "failed" in str(failed.error)
    assert long.label == "unsafe" and long.said.endswith(f"({8 + 3 * MAX_SAID:,} characters)")
    assert [answer.human for answer in run.answers] == PEOPLE
    assert (run.failed, run.unread, len(run.by_unit), len(run.by_id)) == (1, 2, 3, 4)
    assert (run.prompt, run.prompts["judge"], run.scale) == ("Safe?", "Safe?", SAFETY)
    assert (run.usage.made, run.usage.replayed) == (3, 0)


def test_images_are_named_alike_with_and_without_them(log: EvalLog) -> None:
    without = judged_run(read_log(log.location))
    assert without == judged_run(log)
    assert len({answer.image for answer in without.answers}) == len(PEOPLE)


def test_another_scale_may_read_the_answers(log: EvalLog) -> None:
    lenient = replace(SAFETY, aliases={"dunno": "unsafe"})
    run = judged_run(log, lenient)
    assert [answer.label for answer in run.answers] == ["safe", "unsafe", None, "unsafe"]
    assert run.scale == lenient


def test_logs_of_other_tasks_are_refused(log: EvalLog, tmp_path: Path) -> None:
    for sample in log.samples or []:
        del sample.metadata["scale"]
    write_eval_log(log, str(tmp_path / "other.eval"))
    with pytest.raises(LogError, match=r"no samples with a label scale.*4 samples, status success"):
        judged_run(read_log(tmp_path / "other.eval"))
