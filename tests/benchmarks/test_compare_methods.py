"""`benchmarks/compare_methods.py` on the toy: runs, resumption, tables, curve, replay, and what people mistype."""

import csv
import io
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from inspect_ai.log import EvalLog, read_eval_log, write_eval_log
from scipy import stats
from statsmodels.stats.weightstats import DescrStatsW

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.logs.run_record import command
from blpo_inspect.optimizers.problem import _load as load_problem
from compare_methods import main
from comparison import paper, runner
from comparison.figure import accuracy_at, mean_curve
from comparison.methods import ENDLESS, NONE, parse
from comparison.outcome import Figures, Outcome, with_first_prompts
from comparison.plan import SEED, Key, Run, Setting, arguments, model_role
from comparison.summary import CONSTANT, EQUAL, paired, summarize
from comparison.tables import runs_csv, table_csv, table_md
from tests.conftest import ScriptedAPI
from tests.optimizers.test_run import improving
from tests.optimizers.toy import START, World

FILES = ("runs.csv", "table.csv", "table.md", "figure.svg", "figure.png")
SETTING = Setting("scripted/judge", {}, {"optimizer": "scripted/optimizer"}, 100)


@pytest.fixture
def world(scripted: type[ScriptedAPI]) -> World:
    """Models that follow a script."""
    world = improving()
    scripted.script = staticmethod(world)
    return world


def compare(out: Path, *more: str) -> int:
    """The command on the toy, in this process."""
    models = ["--model", "scripted/judge", "--optimizer", "scripted/optimizer", "--i2t", "scripted/describer"]
    usual = ["--benchmarks", "toy", "--seeds", "2", "--max-calls", "100", "--jobs", "1"]
    methods = [] if "--methods" in more else ["--methods", "none", "blpo", "blpo:i2t=fixed"]
    return main(["--out", str(out), *usual, *models, *methods, *more])


@dataclass
class Kept:
    """A comparison that several tests look at: where it is kept, once one of them has made it, and its calls."""

    folder: Path
    calls: list[tuple[Any, ...]] = field(default_factory=list)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("compared"))


@pytest.fixture
def compared(world: World, kept: Kept, cache_folder: Path, tmp_path: Path) -> Path:
    """A copy of what the command left, as if it had just run in this test: its files, its calls, what was recorded."""
    if not kept.calls:
        assert compare(kept.folder / "out") == 0
        shutil.copytree(cache_folder, kept.folder / "cache")
        kept.calls = list(world.calls)
    else:
        shutil.copytree(kept.folder / "cache", cache_folder, dirs_exist_ok=True)
        world.calls.extend(kept.calls)
    return Path(shutil.copytree(kept.folder / "out", tmp_path / "compared"))


def rows(path: Path) -> list[dict[str, str]]:
    """A CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def logs(out: Path) -> list[Path]:
    """The logs of a comparison."""
    return sorted((out / "logs").glob("*.eval"))


def test_every_method_runs_with_every_seed_on_the_budget(world: World, compared: Path) -> None:
    assert {path.name for path in compared.iterdir()} == {*FILES, "cost.csv", "logs"}
    runs = rows(compared / "runs.csv")
    wanted = [("none", "1"), ("none", "2"), ("blpo", "1"), ("blpo", "2")]
    assert [(row["method"], row["seed"]) for row in runs][:4] == wanted
    assert len(runs) == 6
    assert len(logs(compared)) == 4, "how the first prompts do is known from the others' runs"
    for row in runs:
        assert float(row["accuracy_before"]) == 0.75
        assert float(row["accuracy"]) == (0.75 if row["method"] == "none" else 1.0)
        assert (0 if row["method"] == "none" else 1) <= int(row["calls"]) <= 100
    for path in logs(compared):
        log = read_eval_log(str(path), header_only=True)
        [step] = log.plan.steps
        assert "--solver blpo_inspect/blpo -S " in command(log), "a report says how to repeat the run"
        assert {**ENDLESS["blpo"], "max_calls": 100}.items() <= step.params_passed.items()
    table = {row["method"]: row for row in rows(compared / "table.csv")}
    assert (table["none"]["accuracy_less_mean"], table["none"]["accuracy_less_note"]) == ("-0.25", CONSTANT)
    assert table["blpo:i2t=fixed"]["accuracy_less_note"] == EQUAL
    assert "nan" not in (compared / "table.md").read_text() + (compared / "table.csv").read_text()
    cost = rows(compared / "cost.csv")
    asked = len([call for call in world.calls if call[0] == "judge"])
    assert sum(int(row["made"]) for row in cost if row["role"] == "judge") == asked


def test_what_is_finished_is_not_run_again(world: World, compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, asked = {name: (compared / name).read_bytes() for name in FILES}, len(world.calls)
    finished = logs(compared)
    capsys.readouterr()
    assert compare(compared) == 0
    assert "4 of 4 runs are finished already" in capsys.readouterr().out
    assert (len(world.calls), logs(compared)) == (asked, finished)
    assert {name: (compared / name).read_bytes() for name in FILES} == before
    assert compare(compared, "--max-calls", "99") == 0
    assert len(logs(compared)) == 8, "another budget is another run"
    assert compare(compared, "--seeds", "1", "--optimizer", "{model: scripted/optimizer, temperature: 1}") == 0
    assert len(logs(compared)) == 10, "so is another optimizer"


def test_a_comparison_with_a_map_alone_needs_no_optimizer(world: World, tmp_path: Path) -> None:
    given = ["--benchmarks", "toy", "--model", "scripted/judge", "--methods", "none", "remap", "--seeds", "1"]
    assert main(["--out", str(tmp_path), *given]) == 0
    assert [(row["method"], row["calls"]) for row in rows(tmp_path / "runs.csv")] == [("none", "0"), ("remap", "4")]
    assert {call[0] for call in world.calls} == {"judge"}


def test_all_methods_may_start_from_another_i2t_prompt(world: World, tmp_path: Path) -> None:
    """It asks for the first captions, and the tables say so; the judge prompt stays the benchmark's own."""
    world.judge_prompts |= {"Name all colours.": "D"}
    methods = ["--methods", "none", "blpo:i2t=fixed", "textgrad"]
    assert compare(tmp_path, *methods, "--first-i2t", "Name all colours.", "--seeds", "1") == 0
    assert {call[1] for call in world.of("i2t")} == {"Name all colours."}
    assert 'starting from the I2T prompt "Name all colours."' in (tmp_path / "table.md").read_text()
    [pair] = (tmp_path / "prompts").glob("toy-*.yaml")
    assert PromptPair.load(pair).judge == START
    asked = len(world.calls)
    assert compare(tmp_path, *methods, "--first-i2t", "Name all colours.", "--seeds", "1") == 0
    assert len(world.calls) == asked, "finished runs are found again"
    assert compare(tmp_path, *methods, "--seeds", "1") == 0
    assert len(logs(tmp_path)) == 4, "without it they are other runs"


def test_runs_without_readable_answers_have_no_place_in_the_curve() -> None:
    curve = mean_curve([((0, 0.5), (10, math.nan)), ((0, 0.7), (20, 0.9)), ((0, math.nan),)], 30)
    assert curve.calls == (0, 10, 20, 30)
    assert curve.mean == pytest.approx((0.6, 0.7, 0.9, 0.9))
    assert curve.error[0] == pytest.approx(0.1), "sd 0.1414 of two runs"
    assert all(map(math.isnan, curve.error[1:])), "one run is left"


def test_a_log_that_is_not_whole_is_no_finished_run(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(tmp_path, "--methods", "blpo", "blpo:i2t=fixed") == 0
    cut, started, failed, whole = logs(tmp_path)
    cut.write_bytes(cut.read_bytes()[:2000])
    for path, status in ((started, "started"), (failed, "error")):
        log = read_eval_log(str(path))
        log.status = status  # type: ignore[assignment]
        write_eval_log(log, str(path))
    capsys.readouterr()
    assert compare(tmp_path, "--methods", "blpo", "blpo:i2t=fixed") == 0
    printed = capsys.readouterr().out
    assert "1 of 4 runs are finished already" in printed
    assert f"not a whole log: {cut.with_suffix('.broken')}" in printed
    assert len(logs(tmp_path)) == 5 and whole.exists(), "Inspect removes the log of a failed run that it repeats"


def test_a_replay_elsewhere_gives_the_same_bytes(
    world: World, compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = len(world.calls)
    monkeypatch.setenv("BLPO_CACHE", "offline")
    assert compare(tmp_path / "other") == 0
    assert len(world.calls) == asked
    for name in FILES:
        assert (compared / name).read_bytes() == (tmp_path / "other" / name).read_bytes(), name


def test_a_failed_run_is_reported_and_the_others_go_on(
    scripted: type[ScriptedAPI], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = improving()

    def script(messages: list) -> str:  # type: ignore[type-arg]
        if "between <i2t_prompt>" in messages[0].text:
            raise RuntimeError("the provider is gone")
        return world(messages)

    scripted.script = staticmethod(script)
    methods = ["none", "blpo:preset=paper", "blpo:i2t=fixed"]
    assert compare(tmp_path, "--methods", *methods) == 1
    printed = capsys.readouterr()
    assert "failed: toy, blpo:preset=paper, seed 1: " in printed.err and "the provider is gone" in printed.err
    assert f"(log: {tmp_path / 'logs'}" in printed.err
    assert "**2 runs failed and are missing.**" in (tmp_path / "table.md").read_text()
    assert {row["method"] for row in rows(tmp_path / "runs.csv")} == {"none", "blpo:i2t=fixed"}


@pytest.mark.parametrize("raised", [True, False])
def test_an_interruption_says_how_to_go_on(
    raised: bool, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object, **__: object) -> tuple[bool, list[EvalLog]]:
        if raised:
            raise KeyboardInterrupt
        return False, []  # what Inspect makes of most interruptions

    monkeypatch.setattr(runner, "eval_set", interrupt)
    assert compare(tmp_path) == 130
    assert "the same command continues" in capsys.readouterr().err


def test_without_an_optimization_the_benchmark_itself_is_judged(world: World, tmp_path: Path) -> None:
    assert compare(tmp_path, "--methods", "none") == 0
    [first, _] = rows(tmp_path / "runs.csv")
    assert (first["accuracy"], first["n"], first["calls"]) == ("0.75", "4", "0")
    assert read_eval_log(str(logs(tmp_path)[0]), header_only=True).eval.task == "toy"
    assert compare(tmp_path, "--methods", "none") == 0
    assert len(logs(tmp_path)) == 2


BENCHMARK = """
from inspect_ai import Task, task
from blpo_inspect.judging.samples import Record
from blpo_inspect.tasks.common import judging_task
from tests.optimizers.toy import SCALE, human, ids, picture

@task
def small_squares(split: str = "test", prompts: str | None = None, number: int = 0) -> Task:
    labels = [human(name) for name in ids(split)] if number < 3 else ["yes"] * len(ids(split))
    records = [Record(name, picture(name), label) for name, label in zip(ids(split), labels)]
    return judging_task(records, SCALE, name="small_squares", default_prompt="What is it?", prompts=prompts)
"""


def test_a_benchmark_of_a_file_runs_several_at_a_time_and_again_where_its_data_changed(
    scripted: type[ScriptedAPI], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.script = staticmethod(lambda messages: "hard to say")
    file = tmp_path / "squares.py"
    file.write_text(BENCHMARK)
    models = ["--model", "scripted/judge", "--optimizer", "scripted/optimizer", "--max-calls", "30"]
    what = ["--benchmarks", f"{file}@small_squares", "--methods", "blpo", "--seeds", "2", "--jobs", "2"]
    numbered = ["--benchmark-args", f'{{"number": "{SEED}"}}']
    assert main(["--out", str(tmp_path / "out"), *what, *models, *numbered]) == 0
    runs = rows(tmp_path / "out" / "runs.csv")
    assert [run["seed"] for run in runs] == ["1", "2"]
    for run in runs:
        assert (run["accuracy"], run["n"], run["unread"]) == ("0", "4", "4"), "no answer can be read"
    assert "nan" not in (tmp_path / "out" / "table.md").read_text()
    file.write_text(BENCHMARK.replace("number < 3", "number < 2"))
    load_problem.cache_clear()
    capsys.readouterr()
    assert main(["--out", str(tmp_path / "out"), *what, *models, *numbered]) == 0
    assert "1 of 2 runs are finished already" in capsys.readouterr().out, "one seed's labels are others now"


def test_the_hidden_policy_can_be_stated(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    what = ["--benchmarks", "shapes_safety", "--methods", "none", "stated", "--model", "scripted/judge", "--seeds", "1"]
    assert main(["--out", str(tmp_path), *what, "--benchmark-args", '{"limit_per_class": 2}', "--jobs", "1"]) == 0
    assert [row["method"] for row in rows(tmp_path / "runs.csv")] == ["none", "stated"]
    stated = [log for log in map(str, logs(tmp_path)) if "prompts" in read_eval_log(log).eval.task_args_passed]
    assert len(stated) == 1
    passed = read_eval_log(stated[0]).eval.task_args_passed
    assert passed["policy"] == 1 and "unsafe" in Path(passed["prompts"]).read_text()


def figures(accuracy: float, macro_f1: float | None = None) -> Figures:
    """Of 100 answers."""
    return Figures(accuracy, accuracy if macro_f1 is None else macro_f1, 0.0, 100, 0)


def outcomes(accuracies: Mapping[str, list[float]]) -> dict[Key, Outcome]:
    """Runs with these accuracies, from seed 1 on."""
    made = {}
    for label, values in accuracies.items():
        for seed, value in enumerate(values, 1):
            run = Run("toy", {}, parse(label), seed, SETTING)
            made[run.key] = Outcome(run, figures(0.5), figures(value), 90, ((0, 0.5), (40, value)), {}, 1.0, "a log")
    return made


ACCURACIES = {
    "blpo": [0.91, 0.88, 0.95, 0.90, 0.93],
    "opro": [0.70, 0.81, 0.77, 0.74, 0.80],
    "textgrad": [0.86, 0.90, 0.91, 0.80, 0.92],
    "protegi": [0.91, 0.88, 0.95, 0.90, 0.93],
    "gepa": [0.81, 0.78, 0.85, 0.80, 0.83],
}


def test_means_intervals_and_corrected_p_are_those_of_other_computations() -> None:
    methods = [parse(label) for label in ACCURACIES]
    table = {row.method.label: row for row in summarize(outcomes(ACCURACIES), "toy", methods, range(1, 6), "blpo")}
    p = {}
    for label in ("opro", "textgrad"):
        own, reference = np.array(ACCURACIES[label]), np.array(ACCURACIES["blpo"])
        less = table[label].less["accuracy"]
        described = DescrStatsW(own - reference)
        assert table[label].figures["accuracy"].value == pytest.approx(own.mean())
        assert table[label].figures["accuracy"].spread == pytest.approx(own.std(ddof=1))
        assert less.value == pytest.approx(described.mean)
        assert (less.low, less.high) == pytest.approx(described.tconfint_mean(0.05))
        assert less.p == pytest.approx(stats.ttest_rel(own, reference).pvalue)
        p[label] = less.p
    # Holm by hand: two comparisons have a p, the smaller one counts twice
    smaller, larger = sorted(p, key=lambda label: p[label])
    assert table[smaller].holm["accuracy"] == pytest.approx(min(1.0, 2 * p[smaller]))
    assert table[larger].holm["accuracy"] == pytest.approx(min(1.0, max(2 * p[smaller], p[larger])))
    assert table["protegi"].less["accuracy"].reason == EQUAL
    assert table["gepa"].less["accuracy"].reason == CONSTANT
    assert math.isnan(table["gepa"].holm["accuracy"])
    assert not table["blpo"].less
    text = table_md({"toy": list(table.values())}, SETTING, range(1, 6), "blpo", 0)
    assert "| equal |" in text and "| -0.100 with every seed |" in text and "nan" not in text


def test_scales_with_an_order_have_more_figures() -> None:
    """A rating has them beside the others, numbers have no accuracy, and labels without order have no more columns."""
    plain = {"accuracy": 0.5, "macro_f1": 0.4, "cohens_kappa": 0.1, "n": 10, "unread": 0}
    errors = {"spearman": 0.7, "mae": 0.8, "n": 10, "unread": 1}
    given: dict[str, dict[str, Any]] = {
        "safety": plain,
        "rating": {**plain, "quadratic_kappa": 0.6, **errors},
        "numbers": {**errors, "mae": None},
    }
    made, tables = {}, {}
    for benchmark, found in given.items():
        for label, better in (("blpo", 0.0), ("opro", 0.1)):
            run = Run(benchmark, {}, parse(label), 1, SETTING)
            after = {name: value + better if name == "mae" and value else value for name, value in found.items()}
            made[run.key] = Outcome(run, None, Figures.of(after), 90, (), {}, 1.0, "a log")
        tables[benchmark] = summarize(made, benchmark, [parse("blpo"), parse("opro")], [1], "blpo")
    lines = table_md(tables, SETTING, [1], "blpo", 0).splitlines()
    heads = [line.split(" | ")[2:-2] for line in lines if line.startswith("| method")]
    labels = ["macro-F1", "accuracy", "kappa"]
    assert [[name for name in head if "less" not in name and name not in ("p", "calls")] for head in heads] == [
        [*labels, "unread"],
        [*labels, "quadratic kappa", "Spearman", "MAE", "unread"],
        [*labels, "Spearman", "unread"],
    ]
    assert ["MAE less blpo" in line for line in lines if line.startswith("| method")] == [False, True, False]
    assert any("| +0.100 |" in line for line in lines)
    header, *rows_of = csv.reader(io.StringIO(runs_csv(made)))
    by_run = {(row[0], row[1]): dict(zip(header, row, strict=True)) for row in rows_of}
    assert by_run["rating", "opro"]["mae"] == "0.9" and by_run["safety", "opro"]["mae"] == ""
    assert by_run["numbers", "opro"]["accuracy"] == ""
    only = {key: outcome for key, outcome in made.items() if key[0] == "safety"}
    assert "mae" not in runs_csv(only) + table_csv(tables["safety"], "m")


def test_few_pairs_have_no_interval() -> None:
    assert paired([]).reason == "no pairs"
    assert (paired([0.1]).value, paired([0.1]).reason) == (0.1, "fewer than two pairs")
    assert math.isnan(paired([0.1]).low)
    made = outcomes({"blpo": [0.9, 0.8], "opro": [0.7, 0.7, 0.6]})
    [_, row] = summarize(made, "toy", [parse("blpo"), parse("opro")], range(1, 4), "blpo")
    assert (row.runs, row.less["accuracy"].n) == (3, 2)
    assert row.less["accuracy"].value == pytest.approx(-0.15)
    [_, row] = summarize(made, "toy", [parse("blpo"), parse("opro")], range(1, 4), None)
    assert not row.less


def test_the_curve_is_the_mean_of_step_functions() -> None:
    first, second = [(0, 0.5), (10, 0.7), (30, 0.9)], [(0, 0.3), (20, 0.5)]
    assert [accuracy_at(first, calls) for calls in (0, 9, 10, 29, 30, 99)] == [0.5, 0.5, 0.7, 0.7, 0.9, 0.9]
    curve = mean_curve([first, second], 40)
    assert curve.calls == (0, 10, 20, 30, 40)
    assert curve.mean == pytest.approx((0.4, 0.5, 0.6, 0.7, 0.7))
    assert curve.error == pytest.approx((0.1, 0.2, 0.1, 0.2, 0.2))
    assert all(map(math.isnan, mean_curve([first], 40).error))


def test_the_first_prompts_must_do_the_same_in_all_runs() -> None:
    measured = list(outcomes({"blpo": [0.9], "opro": [0.8]}).values())
    [first] = with_first_prompts(measured, parse(NONE))
    assert first.run.key == ("toy", "none", 1) and first.after == figures(0.5) and first.calls == 0
    with pytest.raises(ValueError, match="toy, seed 1: the first prompts do not do the same"):
        with_first_prompts([measured[0], replace(measured[1], before=figures(0.6))], parse(NONE))
    captions = replace(measured[1].run, method=parse("blpo:caption_only=true"))
    assert (
        len(with_first_prompts([measured[0], replace(measured[1], run=captions, before=figures(0.6))], parse(NONE)))
        == 1
    )


def test_the_papers_cells_stand_beside_its_judges() -> None:
    maverick = "vllm/meta-llama/Llama-4-Maverick-17B-128E-Instruct"
    for label in ("blpo", "blpo:preset=paper"):
        cell = paper.cell(maverick, "blpo_inspect/unsafebench", parse(label))
        assert cell is not None and (cell.f1, cell.accuracy) == (0.89, 0.90)
    fixed = paper.cell("vllm/meta-llama/Llama-4-Scout-17B-16E-Instruct", "seetrue", parse("blpo:i2t=fixed"))
    assert fixed is not None and (fixed.f1, fixed.accuracy) == (0.73, None)
    assert paper.cell(maverick, "unsafebench", parse("blpo:anchors=0")) is None
    assert paper.cell(maverick, "seetrue", parse("blpo")) is None
    assert paper.cell("openai/gpt-4o", "agin", parse("blpo")) is None
    assert len({(cell.judge, cell.benchmark, cell.method) for cell in paper.CELLS}) == len(paper.CELLS)


@pytest.mark.parametrize(
    ("model", "benchmark", "there", "not_there"),
    [
        (
            "vllm/meta-llama/Llama-4-Maverick-17B-128E-Instruct",
            "agin",
            ["paper: F1 / accuracy", "| 0.33 / 0.38 |", "not stated there"],
            ["Scout"],
        ),
        ("openai/gpt-4o", "agin", ["known cells of agin", "| Llama-4-Scout | `blpo` | 0.23 / – |"], ["paper: F1"]),
        ("hf-vlm/shapes-judge", "shapes_safety", [], ["paper"]),
    ],
)
def test_tables_show_what_the_paper_has(model: str, benchmark: str, there: list[str], not_there: list[str]) -> None:
    summary = summarize(outcomes({"blpo": [0.9, 0.8]}), "toy", [parse("blpo")], [1, 2], "blpo")
    text = table_md(
        {benchmark: [replace(row, benchmark=benchmark) for row in summary]},
        replace(SETTING, model=model),
        [1, 2],
        None,
        0,
    )
    assert all(part in text for part in there)
    assert not any(part in text for part in not_there)


def test_the_seed_is_the_embedded_worlds_policy_and_what_is_asked_for() -> None:
    assert arguments("blpo_inspect/shapes_rating", {}, 3) == {"policy": 3}
    assert arguments("shapes_rating", {"policy": 7}, 3) == {"policy": 7}
    assert arguments("agin", {"data": "x", "seed": SEED}, 3) == {"data": "x", "seed": 3}


def test_a_role_is_a_name_or_a_mapping() -> None:
    for typed in ("openai/o3", "{model: openai/o3, temperature: 1}"):
        assert model_role(typed) == typed
    with pytest.raises(ValueError, match="write a model"):
        model_role("{temperature: 1}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "bplo"], "no method 'bplo'; known: none, blpo, opro"),
        (["--methods", "blpo:i2t"], "'i2t' is no setting; write blpo:NAME=VALUE"),
        (["--methods", "blpo:depth=3"], "no setting depth; known: "),
        (["--methods", "blpo:inner_steps=-1"], "inner_steps must be a whole number from 0 on"),
        (["--methods", "blpo:max_calls=3"], "set it by --max-calls"),
        (["--methods", "none:x=1"], "none takes no settings"),
        (["--methods", "blpo", "blpo"], "--methods: blpo is named twice"),
        (["--methods", "stated"], "toy has no hidden policy"),
        (["--benchmarks", "toys"], "no benchmark 'toys'"),
        (["--benchmark-args", '{"policy": 1}'], "benchmark_args it does not take: policy"),
        (["--benchmark-args", "policy=1"], "not JSON"),
        (["--benchmark-args", "[1]"], "must be a mapping"),
        (["--seeds", "0"], "must be a whole number from 1 on, not '0'"),
        (["--first-seed", "-1"], "must be a whole number from 0 on, not '-1'"),
        (["--max-calls", "many"], "must be a whole number from 1 on, not 'many'"),
        (["--optimizer", ""], "an optimizer model is needed"),
        (["--optimizer", "{model: a/b, heat: 1}"], "write a model, or {model: NAME, temperature: 1}"),
        (["--reference", "opro"], "--reference opro: must be one of --methods"),
    ],
)
def test_what_is_mistyped_is_told_before_anything_runs(
    arguments: list[str], message: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        compare(tmp_path, *arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not world.calls


def test_models_have_defaults_in_the_embedded_world_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, message in (([], "toy: name the judge"), (["--model", "a/b"], "an optimizer model is needed")):
        with pytest.raises(SystemExit):
            main(["--out", str(tmp_path), "--benchmarks", "toy", *given])
        assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        compare(tmp_path / "file")
    assert "cannot be written" in capsys.readouterr().err
