"""Whether judges may replace a rater, in every format of a report."""

import csv
import io
import json
from dataclasses import replace

import pytest

from blpo_inspect.reporting.content import Options, Report, report
from blpo_inspect.reporting.export import csv_text, json_text, markdown
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import Gathered
from tests.reporting.runs import run_of

PEOPLE = ["safe", "unsafe"] * 20
RATERS = [{"anna": label, "<b>ben</b>": label, "cem": label} for label in PEOPLE]


def compared(raters: list[dict[str, str]], **options: float) -> Report:
    """A judge that is always right, and one that only says safe, of which four answers could not be read."""
    right = run_of(PEOPLE, PEOPLE, model="right", raters=raters)
    wrong = run_of(PEOPLE, [*[None] * 4, *["safe"] * 36], model="wrong", raters=raters)
    return report(Gathered((right, wrong), (), ()), Options(images=False, **options))  # type: ignore[arg-type]


def test_every_format_says_who_may_replace_a_rater() -> None:
    found = compared(RATERS)
    passes = "The judge may replace a rater: it wins over 3 of 3 (ω = 1.00, where 0.5 passes, at ε = 0.15)"
    fails = "The judge may not replace a rater: it wins over 0 of 3 (ω = 0.00, where 0.5 passes, at ε = 0.15)"
    page = html(found)
    assert f"A: <bdi>{passes}" in page and f"B: <bdi>{fails}" in page
    assert "on 45% of the items" in page  # 18 of 40
    assert '<a href="#replace">' in page and "&lt;b&gt;ben" in page and "<b>ben" not in page
    assert "| A | anna | 40 | 1.00 | 1.00 | p = 0.002 | yes |" in markdown(found)
    first, second = csv.DictReader(io.StringIO(csv_text(found)))
    assert (first["winning_rate"], first["advantage"], first["alt_test"]) == ("1.0", "1.0", "pass")
    assert (second["winning_rate"], second["alt_test"]) == ("0.0", "fail")
    assert float(second["advantage"]) == pytest.approx(0.45)
    [group] = json.loads(json_text(found))["groups"]
    test = group["runs"][0]["alternative_annotator"]
    assert (test["winning_rate"], test["epsilon"], test["verdict"]) == (1, 0.15, "pass")
    assert test["raters"][1] == {
        "rater": "anna",
        "items": 40,
        "rho_f": 1,
        "rho_h": 1,
        "p": pytest.approx(0.85**40),
        "won": True,
    }


def test_not_enough_raters_is_said_once() -> None:
    found = compared([{"anna": label, "ben": label} for label in PEOPLE])
    page = html(found)
    said = "not enough raters: the test needs 3 with 30 items each"
    assert page.count(said) == 1 and "Every rater of" not in page
    assert said in markdown(found)
    first, _ = csv.DictReader(io.StringIO(csv_text(found)))
    assert (first["winning_rate"], first["alt_test"]) == ("", "")
    assert json.loads(json_text(found))["groups"][0]["runs"][0]["alternative_annotator"]["winning_rate"] is None


def test_epsilon_is_an_option_and_clusters_and_epochs_are_no_more_items() -> None:
    assert compared(RATERS, epsilon=0.05).parts[0].replacing["A"].verdict == "inconclusive"
    with pytest.raises(ValueError, match="epsilon"):
        Options(epsilon=1)
    run = run_of(PEOPLE, PEOPLE, raters=RATERS, group=[str(place // 10) for place in range(40)])
    clustered = report(Gathered((run,), (), ()), Options()).parts[0].replacing["A"]
    assert clustered.winning_rate == 0 and clustered.advantage == 1
    few = run_of(PEOPLE[:20], PEOPLE[:20], raters=RATERS[:20])
    twice = replace(few, answers=(*few.answers, *(replace(answer, epoch=2) for answer in few.answers)))
    assert "beside" in str(report(Gathered((twice,), (), ()), Options()).parts[0].replacing["A"].reason)
