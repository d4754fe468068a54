"""``blpo check``: verdicts and exit codes, what is never counted as agreement, updates, logs, wrong usage."""

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ScriptedAPI
from tests.regression.toy import Suite, flip, human, picture


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite's folder with the baseline of a judge that was right on all 40 squares, and the log of its run."""
    folder = tmp_path_factory.mktemp("recording")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BLPO_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("BLPO_CACHE", raising=False)
        suite = Suite(folder, ScriptedAPI)
        suite.answer()
        suite.record()
    return folder


@pytest.fixture
def suite(recording: Path, tmp_path: Path, scripted: type[ScriptedAPI]) -> Suite:
    """A suite whose judge is as it was when its baseline was recorded; no call is recorded."""
    shutil.copytree(recording, tmp_path, dirs_exist_ok=True)
    suite = Suite(tmp_path, scripted)
    suite.answer()
    return suite


def wrong_on(*numbers: int) -> Any:
    return lambda prompt, number: flip(number) if number in numbers else None


def test_the_same_judge_passes_without_a_call(suite: Suite) -> None:
    assert "40 images, 0 unread; 40 calls made, 0 replayed" in suite.check(code=0).stdout
    result = suite.check(code=0)
    assert len(suite.scripted.requests) == 40
    assert "PASS" in result.stdout and "40 images, 0 unread; 0 calls made, 40 replayed" in result.stdout


def test_a_worse_judge_fails_and_every_flip_is_named(suite: Suite) -> None:
    suite.answer(wrong_on(*range(10)))
    case = suite.json(code=1)["cases"][0]
    assert "FAIL" in suite.printed and "10 labels flipped" in suite.printed
    assert "square 0 yes yes no was right" in " ".join(suite.printed.split())
    assert [one["id"] for one in case["flips"]] == [f"square {n}" for n in range(10)]
    accuracy = case["figures"][0]
    assert (accuracy["before"]["value"], accuracy["after"]["value"]) == (1.0, 0.75)
    assert accuracy["difference"]["value"] == -0.25 and accuracy["difference"]["low"] < -0.25
    # squares 0 to 19 are "low", the others "high"
    categories = {one["name"]: (one["n"], one["lost"], one["after"]) for one in case["categories"]}
    assert categories == {"low": (20, 10, 0.5), "high": (20, 0, 1.0)}


def test_too_few_images_are_inconclusive_and_say_how_many_more(suite: Suite) -> None:
    suite.write(args={"n": 12}, baseline="baselines/few.json")
    suite.answer()
    suite.record()
    suite.answer(wrong_on(0, 1))
    more = suite.json(code=2)["cases"][0]["more_labels"]
    assert more > 0 and f"About {more:,} more labelled images would decide" in suite.printed


def test_without_a_baseline_the_check_is_broken(suite: Suite) -> None:
    suite.write(baseline="baselines/absent.json")
    assert "absent.json: there is no such baseline" in suite.check(code=3).stdout


@pytest.mark.parametrize("unread", [1, 40])
def test_an_unread_answer_never_agrees(suite: Suite, unread: int) -> None:
    """Leaving out what cannot be read would give these judges an accuracy of 1."""
    suite.write(unread_at_most=0.01)
    suite.answer(lambda prompt, number: "hm" if number < unread else None)
    case = suite.json(code=1)["cases"][0]
    assert case["unread"] == {"before": 0, "after": unread}
    assert case["figures"][0]["after"]["value"] == 1 - unread / 40
    assert [one["turn"] for one in case["flips"]] == ["lost"] * unread
    assert case["flips"][0]["after"] is None and case["flips"][0]["unread"]
    outcomes = {one["kind"]: one["outcome"] for one in case["criteria"]}
    assert outcomes == {"margin": "inconclusive" if unread == 1 else "fail", "unread": "fail"}


def test_what_was_unread_before_too_is_no_agreement_either(suite: Suite) -> None:
    suite.write(at_least={"accuracy": 0.9})
    suite.answer(lambda prompt, number: "hm" if number < 20 else None)
    suite.record()
    case = suite.json(code=1)["cases"][0]
    outcomes = [(one["kind"], one["outcome"]) for one in case["criteria"]]
    assert outcomes == [("margin", "pass"), ("first", "fail"), ("at_least", "fail")]
    assert case["flips"] == [] and case["figures"][0]["before"]["value"] == 0.5


def test_absolute_bars(suite: Suite) -> None:
    suite.answer(wrong_on(0, 1, 2, 3))
    suite.record()
    for bar, code in (
        ({"accuracy": 0.9}, 0),
        ({"accuracy": 0.91}, 1),
        ({"accuracy": {"low": 0.7}}, 0),
        ({"accuracy": {"low": 0.9}}, 2),
        ({"accuracy": {"low": 0.99}}, 1),
        ({"cohens_kappa": 0.6, "accuracy": {"value": 0.9, "low": 0.7}}, 0),
    ):
        suite.write(margin=None, at_least=bar)
        suite.check("--log", suite.log(), code=code)
    suite.write(at_least={"spearman": 0.5})
    assert "the figure spearman does not apply" in suite.check("--log", suite.log(), code=3).stdout


@pytest.mark.parametrize(
    ("raters", "wrong", "epsilon", "code", "said"),
    [
        (3, (), 0.15, 0, "The judge may replace a rater: it wins over 3 of 3"),
        (3, tuple(range(10)), 0.15, 1, "The judge may not replace a rater: it wins over 0 of 3"),
        # 0.95⁴⁰ = 0.129
        (3, (), 0.05, 2, "It is open whether the judge may replace a rater: it wins over 0 of 3"),
        (2, (), 0.15, 2, "not enough raters: the test needs 3 with 30 items"),
        (0, (), 0.15, 2, "not enough raters: the test needs 3 with 30 items"),
    ],
)
def test_a_judge_must_be_able_to_replace_a_rater(
    suite: Suite, raters: int, wrong: tuple[int, ...], epsilon: float, code: int, said: str
) -> None:
    suite.write(margin=None, alt_test={"epsilon": epsilon}, args={"raters": raters})
    suite.answer(wrong_on(*wrong))
    suite.record()
    [case] = suite.json("--log", suite.log(), code=code)["cases"]
    [asked] = case["criteria"]
    assert (asked["kind"], asked["name"]) == ("alt_test", "winning rate")
    assert asked["reason"].startswith(said) or said in asked["reason"]


def test_an_unread_answer_is_lost_to_every_rater(suite: Suite) -> None:
    suite.write(margin=None, alt_test={}, args={"raters": 3})
    suite.answer(lambda prompt, number: "hm" if number < 10 else None)
    suite.record()
    assert "on 75% of the items" in suite.check("--log", suite.log(), code=1).stdout


def test_another_data_set_is_broken_and_says_what_differs(suite: Suite) -> None:
    for args, sentence in (
        ({"n": 41}, "1 sample added: square 40"),
        ({"n": 39}, "1 sample removed: square 39"),
        ({"flipped": 3}, "1 sample labelled otherwise by people: square 3 (no → yes)"),
    ):
        suite.write(args=args)
        assert sentence in suite.check(code=3).stdout


def test_the_worst_case_counts(suite: Suite) -> None:
    few = {"name": "few", "args": {"n": 12}, "baseline": "baselines/few.json"}
    suite.write(few)
    suite.record()
    suite.answer(wrong_on(0, 1))
    found = suite.json(code=2)
    assert [case["outcome"] for case in found["cases"]] == ["inconclusive", "inconclusive"]
    suite.answer(wrong_on(*range(12)))
    found = suite.json("--case", "few", code=1)
    assert [case["name"] for case in found["cases"]] == ["few"]
    suite.write(few, {"name": "gone", "baseline": "baselines/gone.json"})
    outcomes = {case["name"]: case["outcome"] for case in suite.json(code=3)["cases"]}
    assert outcomes == {"squares": "fail", "few": "fail", "gone": "broken"}
    assert "no case 'x'; it has squares, few, gone" in suite.check("--case", "x", code=3).stderr


def test_the_level_is_that_of_the_suite_even_for_one_case(suite: Suite) -> None:
    """Five losses of 40 by chance: p = 1/32, too much among 2 tests of 5 % (Holm: 1/16), whichever cases are run."""
    suite.answer(wrong_on(*range(5)))
    assert suite.json(code=1)["tests"] == 1
    log = suite.log()
    suite.write({"name": "second", "baseline": "baselines/second.json"})
    case = suite.json("--case", "squares", "--log", log, code=2)["cases"][0]
    assert "among 2 tests this may be chance" in case["headline"]


def test_a_level_of_many_runs_together(suite: Suite) -> None:
    """Seven losses of 40: p = 1/128, which is chance enough among 365 nights, but not in one run."""
    suite.answer(wrong_on(*range(7)))
    suite.check(code=1)
    log = suite.log()
    suite.file.write_text(suite.file.read_text().replace('"version": 1', '"version": 1, "runs": 365'))
    found = suite.json("--log", log, code=2)
    assert found["runs"] == 365 and "among 1 tests in 365 runs this may be chance" in found["cases"][0]["headline"]
    assert "1 test in 365 runs together at most 5%" in suite.printed
    # 20 losses are no chance in a year either: 365/2**20
    suite.answer(wrong_on(*range(20)))
    assert suite.json(code=1)["runs"] == 365


def test_probes(suite: Suite) -> None:
    suite.write(probes=[{"name": "lossless", "tolerance": 0.1}, {"name": "spaces", "tolerance": 0}])
    suite.check(code=0)
    assert "0 calls made, 40 replayed; for probes 0 made, 120 replayed" in suite.check(code=0).stdout
    # right on every image as it is, so that no figure moves, and fickle where only white space differs
    suite.answer()
    suite.scripted.script = staticmethod(_fickle(suite))
    result = suite.check(code=1)
    assert "pass  margin: accuracy +0.000" in result.stdout and "fail  probe: white space" in result.stdout
    assert "such as square 0 (yes → no)" in result.stdout


def _fickle(suite: Suite) -> Any:
    """A judge that white space around the prompt confuses on four squares."""
    from inspect_ai.model import ChatMessage, ContentText

    from tests.regression.toy import judging

    def script(messages: list[ChatMessage]) -> str:
        content = messages[-1].content
        text = "".join(part.text for part in content if isinstance(part, ContentText))
        spaced = not text.startswith("Yes?\n\nAnswer")
        return judging(lambda prompt, number: flip(number) if spaced and number < 4 else None)(messages)

    return script


def test_an_offline_miss_is_broken_and_says_what_helps(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.answer()
    monkeypatch.setenv("BLPO_CACHE", "offline")
    out = suite.check(code=3).stdout
    assert "sample square 0: " in out and "was never recorded" in out
    assert "Nearest" not in out, "nothing is recorded"
    assert "blpo cache import FILE.bundle" in out and "blpo cache explain --log" in out
    assert "\\n" not in out and "Error(" not in out, "a message, not its repr"


def test_models_and_benchmarks_that_are_not_there_are_broken(suite: Suite) -> None:
    for change, message in (
        ({"model": "nobody/m"}, "nobody"),
        ({"model": "hf-vlm/shape-judge"}, "did you mean hf-vlm/shapes-judge?"),
        ({"model_roles": {"i2t": "cached/hf-vlm/shape-judge"}}, "did you mean hf-vlm/shapes-judge?"),
        ({"benchmark": "nothing"}, "no benchmark 'nothing'"),
        ({"benchmark": "gone.py@x"}, "there is no such file in the suite's folder"),
        ({"args": {"colour": "red"}}, "it does not take colour; its arguments: flipped, from_, n, raters, split"),
        ({"args": {"n": 0}}, "dataset is empty"),
        ({"args": {"split": "train"}}, "AssertionError"),
        ({"prompts": "gone.yaml"}, "no such prompt file"),
    ):
        suite.write(**{"args": None, "model_roles": None, "benchmark": "squares", "model": "scripted/m", **change})
        assert message in suite.check(code=3).stdout


def test_a_model_that_fails_is_broken_not_worse(suite: Suite) -> None:
    def explode(messages: Any) -> str:
        raise RuntimeError("no more credit\x1b[2J")

    suite.answer()
    suite.scripted.script = staticmethod(explode)
    out = suite.check(code=3).stdout
    assert "no more credit" in out and "\x1b" not in out


def test_a_benchmark_of_a_file_beside_the_suite(suite: Suite) -> None:
    (suite.folder / "own.py").write_text(
        "from inspect_ai import Task, task\nfrom tests.regression.toy import squares\n\n"
        "@task\ndef mine(n: int = 30, prompts: str | None = None) -> Task:\n    return squares(n, prompts=prompts)\n"
    )
    suite.write(benchmark="own.py@mine", baseline="baselines/own.json")
    suite.record()
    assert "30 images" in suite.check(code=0).stdout


def test_update_shows_what_changes_and_writes_only_with_yes(suite: Suite) -> None:
    file = suite.folder / "baselines" / "squares.json"
    before = file.read_bytes()
    assert "stays as it is" in suite.check("--update", code=0).stdout
    suite.answer(wrong_on(0))
    result = suite.check("--update", code=3)
    assert "nothing was written; --yes writes" in result.stderr and file.read_bytes() == before
    result = suite.check("--update", "--yes", code=0)
    assert "1 of 40 labels" in result.stdout and "square 0" in result.stdout
    assert file.read_bytes() != before
    file.write_text("{}")
    assert "in place of one that cannot be used" in suite.check("--update", "--yes", code=0).stdout
    suite.write(args={"n": 41})
    assert "1 sample added" in suite.check("--update", "--yes", code=0).stdout
    suite.write(benchmark="nothing")
    assert "no benchmark 'nothing'" in suite.check("--update", "--yes", code=3).stderr


def test_drops_that_were_accepted_one_by_one_do_not_add_up(suite: Suite) -> None:
    """Four of 60 images are lost and accepted, then four more, each time within the margin of 10 points."""
    suite.write(args={"n": 60})
    suite.record()
    file = suite.folder / "baselines" / "squares.json"
    first = file.read_bytes()
    suite.answer(wrong_on(*range(4)))
    out = suite.check("--update", "--yes", code=0).stdout
    assert "4 labels are others than in the first baseline, which stays a bar" in out
    assert json.loads(file.read_bytes())["first"] == {f"square {number}": human(number) for number in range(4)}
    suite.answer(wrong_on(*range(8)))
    out = suite.check(code=1).stdout
    assert "inconclusive  margin: accuracy -0.067" in out
    assert "fail  first: since the first baseline: accuracy -0.133" in out
    # a judge that is repaired has the first baseline again
    suite.answer()
    suite.check("--update", "--yes", code=0)
    assert file.read_bytes() == first


def test_a_finished_log_is_taken_instead_of_a_run(suite: Suite, scripted: type[ScriptedAPI]) -> None:
    [log] = (suite.folder / "logs").glob("*.eval")
    suite.answer(wrong_on(*range(10)))
    assert "40 images" in suite.check("--log", log, code=0).stdout and not scripted.requests
    suite.write(args={"n": 39})
    result = suite.check("--log", log, code=3)
    assert "is not of a case that could be run: squares: its samples are others (square 39)" in result.stderr
    for change, message in (
        ({"args": {"flipped": 3}}, "its sample square 3 has another label"),
        ({"model": "scripted/other"}, "it is of the model scripted/m"),
    ):
        suite.write(**{"args": None, **change})
        assert message in suite.check("--log", log, code=3).stderr
    assert "cannot be read as an Inspect log" in suite.check("--log", suite.file, code=3).stderr


def test_list_and_power_run_no_model(suite: Suite) -> None:
    calls = len(suite.scripted.requests)
    suite.write({"name": "new", "baseline": "baselines/new.json", "margin": {"cohens_kappa": 0.1}})
    lines = suite.check("--list", code=0).stdout.splitlines()
    assert lines[0] == "squares: squares with scripted/m, squares.json"
    assert lines[1] == "new: squares with scripted/m, new.json (no baseline yet)"
    out = suite.check("--power", code=0).stdout
    assert "squares: accuracy, margin 0.1; there are 40" in out and "new: cohens_kappa, margin 0.1" in out
    # without any loss, log(0.05)/log(0.9) = 28.4 images are evidence of a drop below 10 points
    assert next(line for line in out.splitlines() if line.strip().startswith("0%")).split()[1] == "29"
    assert len(suite.scripted.requests) == calls


@pytest.mark.parametrize(
    "options",
    [
        ["--update", "--power"],
        ["--yes"],
        ["--junit", "x.xml", "--list"],
        ["--unknown"],
        ["--log", "absent.eval"],
        ["--display", "loud"],
        ["--junit", "/proc/none/x.xml"],
    ],
)
def test_wrong_usage_is_broken_never_a_verdict(suite: Suite, options: list[str]) -> None:
    result = suite.check(*options, code=3)
    assert "Error: " in result.stderr and "Traceback" not in result.output


def test_a_suite_that_cannot_be_read_is_broken_in_every_output(suite: Suite) -> None:
    suite.file.write_text("version: 1\ncases: 3\n")
    out = suite.folder / "out"
    result = suite.check("--junit", out / "j.xml", "--json", out / "j.json", "--markdown", out / "m.md", code=3)
    assert result.stderr == f"Error: {suite.file}, line 2: cases: must be a list, not a number\n"
    assert json.loads((out / "j.json").read_bytes())["outcome"] == "broken"
    assert b'errors="1"' in (out / "j.xml").read_bytes() and b"BROKEN" in (out / "m.md").read_bytes()


def test_a_fault_of_this_program_is_broken_too(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*args: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("blpo_inspect.regression.check.check", explode)
    assert "unexpected ZeroDivisionError: oh" in suite.check(code=3).stderr

    # raised, not sent: a process that a shell started in the background ignores the signal
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("blpo_inspect.regression.check.check", interrupt)
    assert "interrupted" in suite.check(code=3).stderr


def test_every_human_label_is_as_expected() -> None:
    assert [human(number) for number in range(3)] == ["yes", "no", "yes"]


def test_paths_in_arguments_start_from_the_suite(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    (suite.folder / "photos").mkdir()
    rows = ["image,label"]
    for number in range(30):
        (suite.folder / "photos" / f"{number}.png").write_bytes(base64.b64decode(picture(number).partition(",")[2]))
        rows.append(f"photos/{number}.png,{human(number)}")
    (suite.folder / "labels.csv").write_text("\n".join(rows))
    elsewhere = suite.folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    suite.write(benchmark="folder", args={"data": "labels.csv", "split": "all"}, baseline="baselines/folder.json")
    suite.record()
    assert "30 images, 0 unread; 0 calls made, 30 replayed" in suite.check(code=0).stdout
    assert str(suite.folder) not in (suite.folder / "baselines" / "folder.json").read_text()
