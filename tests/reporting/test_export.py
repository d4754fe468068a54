"""The report as Markdown, CSV and JSON."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from blpo_inspect.logs.optimize_run import OptimizeRun
from blpo_inspect.logs.run_record import RunRecord
from blpo_inspect.logs.usage import Usage
from blpo_inspect.reporting import export
from blpo_inspect.reporting.content import Options, report
from blpo_inspect.reporting.export import csv_text, json_text, markdown
from blpo_inspect.reporting.first_and_last import first_and_last
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import Gathered
from tests.reporting.runs import NUMBER, reported, run_of


def test_json_has_every_figure(safety: list[Path]) -> None:
    found = json.loads(json_text(reported(*safety)))
    [group] = found["groups"]
    assert [run["run"] for run in group["runs"]] == ["A", "B", "C"]
    assert [run["prompt"] for run in group["runs"]] == ["Right?", "Nearly?", "Hardly?"]
    best = group["runs"][0]
    assert best["figures"]["accuracy"]["value"] == 1
    assert best["confusion"] == {"safe": {"safe": 6, "unsafe": 0}, "unsafe": {"safe": 0, "unsafe": 6}}
    assert best["usage"]["made"] == 12
    assert [(test["first"], test["second"], test["shared"]) for test in group["tests"]] == [
        ("A", "B", 12),
        ("A", "C", 11),
        ("B", "C", 11),
    ]
    assert [one["sample"] for one in group["judges_disagree"]] == ["s0", "s2", "s1", "s3"]
    assert found["left_out"]
    assert "NaN" not in json_text(reported(*safety))


def test_csv_has_a_row_per_run_and_no_formulas(safety: list[Path]) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(reported(*safety)))))
    assert [row["run"] for row in rows] == ["A", "B", "C"]
    assert float(rows[1]["accuracy"]) == pytest.approx(10 / 12)
    assert rows[0]["spearman"] == ""
    odd = report(Gathered((run_of(["safe", "unsafe"], ["safe", "safe"], model='=HYPERLINK("x")'),), (), ()), Options())
    [row] = csv.DictReader(io.StringIO(csv_text(odd)))
    assert row["model"] == '\'=HYPERLINK("x")'


def test_markdown_shows_texts_as_they_are(safety: list[Path]) -> None:
    text = markdown(reported(*safety, title="A *bold* <b>title</b> | x"))
    assert text.startswith("# A \\*bold\\* \\<b\\>title\\</b\\> \\| x\n")
    assert "| A → B | 12 |" in text
    assert "## Can I trust and repeat it?" in text
    assert "BLPO\\_CACHE" not in text and "BLPO_CACHE=offline inspect eval" in text


def test_exports_are_the_same_in_any_order(safety: list[Path]) -> None:
    first, second = reported(*safety), reported(*reversed(safety))
    for form in (json_text, csv_text, markdown):
        assert form(first) == form(second)


def test_figures_that_are_not_defined() -> None:
    nothing = report(Gathered((run_of(["safe", "safe"], [None, None]),), (), ()), Options())
    assert "is not defined for any run" in markdown(nothing)
    assert json.loads(json_text(nothing))["groups"][0]["runs"][0]["figures"]["accuracy"]["value"] is None


def test_numbers_and_runs_without_any_answer() -> None:
    numbers = [run_of(["1", "2.5", "9"], ["1", one, "8"], NUMBER, model=str(one)) for one in ("3", None)]
    failed = run_of(["safe", "unsafe"], [None, None], error=["it broke", "it broke"])
    for runs in (numbers, [failed]):
        found = report(Gathered(tuple(runs), (), ()), Options(images=False))
        for form in (html, json_text, csv_text, markdown):
            assert form(found)


@pytest.mark.parametrize("odd", [None, 1, "x", [], [3], {}, {"a": [1]}, [{"candidates": 3}], [{"number": []}]])
def test_provenance_of_another_form_than_ours(odd: object) -> None:
    names = ("method", "benchmark", "models", "start", "trajectory", "calls", "validation_loss", "test", "settings")
    provenance = {**dict.fromkeys(names, odd), "trajectory": [{"candidates": odd, "step": odd, "score": odd}, odd]}
    record = RunRecord(log="x.eval", status="success", model="m")
    for known in (provenance, dict.fromkeys(names, odd), {}):
        run = OptimizeRun("seed-0", 1, "P?", "Q?", known, {"judge": Usage()}, record)
        found = report(Gathered((), (run,), ()), Options())
        for form in (html, json_text, csv_text, markdown):
            assert form(found)


OLD = {
    "before": {"accuracy": 0.39, "n": 99, "unread": 1},
    "after": {"accuracy": None, "n": 100, "unread": 0},
    "difference": {"accuracy": {"value": 0.58, "low": 0.45, "high": 0.7}},
}
NEW = {
    "before": {"quadratic_kappa": 0.5, "mae": 0.8, "bias": 0.2, "n": 60, "unread": 1},
    "after": {"quadratic_kappa": 0.6, "mae": 0.7, "bias": 0.1, "n": 60, "unread": 0},
    "difference": {
        "mae": {"value": -0.1, "low": -0.2, "high": 0.01},
        "bias": {"value": -0.1, "low": None, "high": None, "reason": "over the 59 of 60 | read"},
    },
    "ceiling": {"mae": 0.6, "n": 55},
}


def test_first_and_last_pair_by_the_figures_that_were_measured() -> None:
    old, new = first_and_last(OLD), first_and_last(NEW)
    assert old is not None and new is not None
    assert old.head == ["figure", "first", "last", "difference", "note"]
    assert old.rows == [
        ["accuracy", "0.390", "–", "+0.580 (+0.450, +0.700)", ""],
        ["n", "99", "100", "–", ""],
        ["unread", "1", "0", "–", ""],
    ]
    assert new.head == ["figure", "first", "last", "difference", "one rater", "note"]
    assert new.rows == [
        ["quadratic kappa", "0.500", "0.600", "–", "", ""],
        ["mean absolute error", "0.800", "0.700", "-0.100 (-0.200, +0.010)", "0.600", ""],
        ["bias", "0.200", "0.100", "-0.100", "", "over the 59 of 60 | read"],
        ["n", "60", "60", "–", "55", ""],
        ["unread", "1", "0", "–", "", ""],
    ]
    run = OptimizeRun("seed-0", 1, "P?", "Q?", {"test": NEW}, {}, RunRecord(log="x.eval", status="success", model="m"))
    found = report(Gathered((), (run,), ()), Options())
    for form in (html, markdown):
        assert "mean absolute error" in form(found) and "one rater" in form(found)
    assert "over the 59 of 60 \\| read |" in markdown(found)


def test_what_a_map_changed_stands_above_the_judges_own_labels() -> None:
    old = first_and_last({**OLD, "raw": {"before": OLD["before"], "after": {"accuracy": 0.4, "n": 100, "unread": 0}}})
    new = first_and_last({**NEW, "raw": {"before": NEW["before"], "after": {"mae": 0.75, "n": 60, "unread": 0}}})
    assert old is not None and new is not None
    assert old.rows[3:] == [["accuracy, without map", "0.390", "0.400", "–", ""]]
    assert new.rows[5:] == [["mean absolute error, without map", "0.800", "0.750", "–", "", ""]]


@pytest.mark.parametrize("text", ["GH-3", "gh-3", "@octocat", "#5", "a\x1b[31mb", "a\u202eb"])
def test_markdown_names_nobody_no_issue_and_steers_no_terminal(text: str) -> None:
    shown = export._md(text)
    assert "\\&" not in shown  # the entity stays one
    assert shown.isprintable()
    shown = shown.replace("&#8203;", "\u200b")
    assert not re.search(r"(?i)gh-\d|@\w|#\d", shown)


@pytest.mark.parametrize("text", ["=1+1", " =1+1", "\n=1+1", "＝1+1", "\u200b=1", "+1", "-1", "@a", "\t1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert export._FORMULA.match(text)
    assert not export._FORMULA.match(f"'{text}")
