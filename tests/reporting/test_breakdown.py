"""Figures by category and other metadata: by hand, in every format, with many groups and with few answers."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.log import read_eval_log, write_eval_log

from blpo_inspect import statistics
from blpo_inspect.cache.logs import LogError
from blpo_inspect.cli import main
from blpo_inspect.reporting.breakdown import Breakdown, breakdowns
from blpo_inspect.reporting.comparison import compared
from blpo_inspect.reporting.content import Options, report
from blpo_inspect.reporting.export import json_text, markdown
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import Gathered
from tests.reporting.runs import RATING, SAFETY, run_of

HUMAN = ["safe", "unsafe"] * 6
ROOMS = ["indoor"] * 4 + ["outdoor"] * 8


def labels(wrong: set[int], unread: set[int] = frozenset()) -> list[str | None]:  # type: ignore[assignment]
    other = {"safe": "unsafe", "unsafe": "safe"}
    return [None if k in unread else other[one] if k in wrong else one for k, one in enumerate(HUMAN)]


def of(field: str, values: Sequence[object]) -> list[dict[str, str]]:
    return [{} if value is None else {field: str(value)} for value in values]


def by(*runs: object, fields: Sequence[str] = ("category",), most: int = 20) -> list[Breakdown]:
    [group], _ = compared(Gathered(tuple(runs), (), ()))  # type: ignore[arg-type]
    return breakdowns(group, fields, most)[0]


def test_figures_by_hand() -> None:
    kinds = of("category", ROOMS)
    best = run_of(HUMAN, labels({0}), model="a", metadata=kinds)
    worse = run_of(HUMAN, labels({0, 4, 5}, {6, 7}), model="b", metadata=kinds)
    [found] = by(worse, best)
    assert (found.field, found.runs, found.groups) == ("category", ("A", "B"), ("indoor", "outdoor"))
    assert found.figures == ("cohens_kappa", "accuracy", "macro_f1")
    cell = found.cells["B", "outdoor"]
    # eight answers, two of them unread; of the other six two are wrong, one of each label
    assert (cell.read, cell.unread, cell.few) == (6, 2, True)
    assert cell.figures["accuracy"] == statistics.proportion([False, False, True, True, True, True])
    assert cell.figures["cohens_kappa"].value == pytest.approx((2 / 3 - 1 / 2) / (1 / 2))
    assert found.cells["A", "indoor"].figures["accuracy"].value == 3 / 4


def test_runs_are_rows_and_many_groups_are_rows_instead() -> None:
    few = by(run_of(HUMAN, labels(set()), metadata=of("category", ROOMS)))[0].table()
    assert (few[0], few[1], [row for row, _ in few[2]]) == ("run", ("indoor", "outdoor"), ["A"])
    human = HUMAN * 3
    many = by(run_of(human, human, metadata=of("part", [f"part {k % 18}" for k in range(36)])), fields=["part"])[0]
    corner, columns, rows = many.table()
    assert (corner, columns) == ("part", ("A",))
    assert [row for row, _ in rows] == [f"part {k}" for k in range(18)], "2 stands before 10"


def test_a_sample_without_the_field_is_in_a_group_of_its_own() -> None:
    run = run_of(HUMAN, labels(set()), metadata=of("category", ["", None, *ROOMS[2:]]))
    [found] = by(run)
    assert found.groups == ("indoor", "outdoor", "(none)")
    assert found.cells["A", "(none)"].read == 2
    assert by(run_of(HUMAN, labels(set()))) == []


def test_only_the_first_runs_and_the_largest_groups_are_shown_and_it_is_said() -> None:
    human = ["safe", "unsafe"] * 40
    ids = of("category", [min(k, 60) for k in range(80)])
    runs = [run_of(human, [*human[:-n], *["safe"] * n], model=f"m{n}", metadata=ids) for n in (1, 5, 9)]
    found = report(Gathered(tuple(runs), (), ()), Options(most=2))
    [shown] = found.parts[0].breakdowns
    assert (shown.runs, len(shown.groups), shown.groups[-1]) == (("A", "B"), 50, "60")
    said = {note.what: note.why for note in found.left_out}
    # 60 groups of one sample and one of 20; 49 of the first kind are shown
    assert said["toy: figures by category"] == "only the 50 largest of 61 groups are shown; the others have 22 answers"
    assert "--most N" in said["toy: tests of C to C"]


def test_every_format_says_the_same() -> None:
    kinds = [{**room, "light": "dim" if k % 3 else "<b>bright|"} for k, room in enumerate(of("category", ROOMS))]
    runs = [run_of(HUMAN, labels({0}, {5}), model="a", metadata=kinds), run_of(HUMAN, labels({0, 1}), metadata=kinds)]
    found = report(Gathered(tuple(runs), (), ()), Options(images=False, by=("light", "category")))
    assert [one.field for one in found.parts[0].breakdowns] == ["category", "light"]
    figure = found.parts[0].breakdowns[0].cells["A", "outdoor"].figures["accuracy"]
    text = markdown(found)
    assert len(re.findall(r"^### toy: .* by (?:category|light)$", text, re.MULTILINE)) == 6
    assert "### toy: accuracy by category\n\n| run | indoor | outdoor |" in text
    cell = f"{figure.value:.2f} \\({figure.low:.2f}, {figure.high:.2f}\\), n \\= 7, 1 unread, few"
    assert cell.replace("\\=", "=") in text
    assert "| run | \\<b\\>bright\\| | dim |" in text
    page = html(found)
    assert page.count("<caption") == page.count("</caption>") and "<b>bright" not in page
    for caption in ("toy: accuracy by category", "toy: Cohen&#39;s kappa by light"):
        assert f"<span>{caption}</span>" in page
    assert "n = 7, 1 unread, few" in page and 'class="n few"' in page
    run = json.loads(json_text(found))["groups"][0]["runs"][0]
    assert run["by"]["category"]["outdoor"]["unread"] == 1
    assert run["by"]["light"]["dim"]["figures"]["accuracy"]["n"] == run["by"]["light"]["dim"]["read"]


def test_a_figure_that_is_not_defined_keeps_its_count() -> None:
    run = run_of(["safe"] * 12, ["safe"] * 12, SAFETY, metadata=of("category", ["x"] * 12))
    [found] = by(run)
    assert math.isnan(found.cells["A", "x"].figures["cohens_kappa"].value)
    assert "| A | –, n = 12 |" in markdown(report(Gathered((run,), (), ()), Options()))


def test_metadata_that_nobody_has_is_an_error_that_names_what_there_is(safety: list[Path], tmp_path: Path) -> None:
    run = run_of(HUMAN, labels(set()), metadata=of("category", ROOMS))
    with pytest.raises(LogError, match=r"no sample has the metadata categroy, .*samples have: category$"):
        report(Gathered((run,), (), ()), Options(by=("categroy",)))
    plain = run_of(["1"], ["1"], RATING, model="b")
    found = report(Gathered((run, plain), (), ()), Options(by=("category",)))
    assert ("toy, data 1: figures by category", "none of its samples has this metadata") in [
        (note.what, note.why) for note in found.left_out
    ]
    done = CliRunner().invoke(main, ["report", *map(str, safety), "--by", "place", "--format", "md"])
    assert done.exit_code == 2 and "samples have: category, human" in done.stderr
    log = read_eval_log(str(safety[0]))
    for number, sample in enumerate(log.samples or []):
        sample.metadata["place"] = number % 2
    write_eval_log(log, str(tmp_path / "more.eval"))
    command = ["report", str(tmp_path / "more.eval"), "--by", "place", "--by", "human", "--format", "md"]
    done = CliRunner().invoke(main, command, catch_exceptions=False)
    assert done.exit_code == 0
    for part in ("by category\n\n| run | indoor | outdoor |", "by place\n\n| run | 0 | 1 |", "| run | safe | unsafe |"):
        assert part in done.stdout
