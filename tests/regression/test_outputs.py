"""JUnit XML, JSON, Markdown and the terminal: complete, valid, and steered by nothing that data or models say."""

import io
import json
import re
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from blpo_inspect._util.text import markdown, visible
from blpo_inspect.regression import outputs
from blpo_inspect.regression.compare import Flip
from blpo_inspect.regression.decide import CaseResult, Criterion, Outcome, SuiteResult
from blpo_inspect.regression.outputs import terminal
from tests.conftest import ScriptedAPI
from tests.regression.toy import Suite, flip

HOSTILE = "a\x1b[2J\u202eb\x00 <b>|@team #12 GH-7 [x](http://e.vil) `c` ]]> & \ud800 \r\n::error::no"
HOSTILE += " ##[error]no https://e.vil www.e.vil"


def result(text: str, *outcomes: Outcome) -> SuiteResult:
    """One case per outcome, in which every text is `text`."""
    cases = []
    for outcome in outcomes:
        if outcome == "broken":
            cases.append(CaseResult(text, text, broken=text))
            continue
        flips = tuple(Flip(f"{text}{n}", text, text, None, "lost", text, text) for n in range(60))
        criteria = (Criterion("margin", text, outcome, text, 7 if outcome == "inconclusive" else None),)
        cases.append(CaseResult(text, text, criteria, flips=flips, drift=(text,)))
    return SuiteResult(text, 0.05, tuple(cases), 3)


ALL = result("name", "pass", "fail", "inconclusive", "broken")


def shown(found: SuiteResult) -> str:
    file = io.StringIO()
    terminal.show(found, Console(file=file, width=100, highlight=False))
    return file.getvalue()


def check_junit(root: Element) -> None:
    """The part of the common schema (testmoapp/junitxml, Jenkins' xUnit plugin) that readers rely on."""
    assert root.tag == "testsuites"
    for suite in root:
        assert suite.tag == "testsuite" and {"name", "tests", "failures", "errors", "skipped"} <= set(suite.attrib)
        cases = list(suite)
        assert int(suite.attrib["tests"]) == len(cases)
        for kind in ("failure", "error", "skipped"):
            count = sum(case.find(kind) is not None for case in cases)
            assert int(suite.attrib[{"failure": "failures", "error": "errors"}.get(kind, kind)]) == count
        for case in cases:
            assert case.tag == "testcase" and {"name", "classname"} <= set(case.attrib)
            assert [inner.tag for inner in case] in (["system-out"], ["failure", "system-out"], ["error", "system-out"])
            for inner in case:
                assert inner.tag == "system-out" or {"type", "message"} <= set(inner.attrib)


def test_junit_has_a_case_per_case() -> None:
    root = fromstring(outputs.junit(ALL))
    check_junit(root)
    assert root[0].attrib == {"name": "name", "tests": "4", "failures": "2", "errors": "1", "skipped": "0"}
    kinds = [[(inner.tag, inner.get("type")) for inner in case if inner.tag != "system-out"] for case in root[0]]
    assert kinds == [[], [("failure", "fail")], [("failure", "inconclusive")], [("error", "broken")]]
    text = root[0][1].findtext("failure") or ""
    assert "name0: people name; name -> (unread) (was right; unread: name)" in text and "and 10 more" in text


def test_json_is_everything() -> None:
    found = json.loads(outputs.as_json(ALL))
    assert (found["outcome"], found["exit_code"], found["tests"]) == ("broken", 3, 3)
    assert [case["outcome"] for case in found["cases"]] == ["pass", "fail", "inconclusive", "broken"]
    assert len(found["cases"][1]["flips"]) == 60 and found["cases"][2]["more_labels"] == 7


def test_markdown_folds_and_cuts_long_lists() -> None:
    text = outputs.markdown(ALL).decode()
    assert text.startswith("## ⚠️ Judges: BROKEN")
    assert "<details><summary>Flipped labels (60)</summary>" in text and "… and 10 more" in text
    assert text.count("<details>") == text.count("</details>") == 3
    huge = SuiteResult("s", 0.05, result("x" * 250, "fail").cases * 60, 1)
    cut = outputs.markdown(huge)
    assert len(cut) < 1_000_000 and b"Left out here for its length" in cut


@pytest.mark.parametrize("outcome", ["pass", "fail", "inconclusive", "broken"])
def test_nothing_that_is_shown_steers_what_shows_it(outcome: Outcome) -> None:
    found = result(HOSTILE, outcome)
    check_junit(fromstring(outputs.junit(found)))
    assert json.loads(outputs.as_json(found))["outcome"] == outcome
    for text in (shown(found), outputs.junit(found).decode(), outputs.markdown(found).decode()):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800]", text)
        assert not re.search(r"::error|##\[", text)
    text = outputs.markdown(found).decode()
    assert "<b>" not in text and "@team" not in text and "](" not in text and "https://" not in text
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


@given(st.text(max_size=40))
@example(HOSTILE.replace("\ud800", ""))
@example("&#64;x &amp; GH-1 gh-22 #3 @me")
def test_markdown_shows_the_text_itself(text: str) -> None:
    """Entities read back give the visible text, a space without width after what would start a reference."""
    import html

    written = markdown(text)
    assert html.unescape(written).replace("\u200b", "") == visible(text).replace("\u200b", "")
    assert not re.search(r"[<>|`*_\[\]\\]|@(?!&#8203;)", written)
    plain = html.unescape(written)
    assert not re.search(r"@\w|#\d|\bgh-\d", plain, re.IGNORECASE)


@given(st.text(max_size=30))
def test_any_text_makes_valid_xml(text: str) -> None:
    check_junit(fromstring(outputs.junit(result(text, "fail", "broken"))))


def test_the_files_of_a_real_check(tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    suite = Suite(tmp_path, scripted)
    suite.answer()
    suite.record()
    suite.write(prompts="pair.yaml")
    (tmp_path / "pair.yaml").write_text("judge: No?")
    suite.answer(lambda prompt, number: "<b>@me|</b>" if number < 10 else flip(number) if number < 20 else None)
    out = tmp_path / "out"
    suite.check("--junit", out / "j.xml", "--json", out / "j.json", "--markdown", out / "m.md", code=1)
    root = fromstring((out / "j.xml").read_bytes())
    check_junit(root)
    assert "square 0: people yes; yes -> (unread) (was right; unread:" in (root[0][0].findtext("failure") or "")
    text = (out / "m.md").read_text()
    assert "Flipped labels (20)" in text and "By category (2)" in text
    assert "<del>Yes</del> <ins>No</ins> ?" in text
    assert "<b>" not in text and json.loads((out / "j.json").read_bytes())["cases"][0]["unread"]["after"] == 10
