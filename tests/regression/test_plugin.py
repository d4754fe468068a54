"""The pytest plugin: what a test sees, and that it costs nothing where no check runs."""

from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.conftest import ScriptedAPI
from tests.regression.toy import Suite, flip

pytest_plugins = ["pytester"]

TEST = """
def test_judge(judge_regression):
    judge_regression.check({})
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, scripted: type[ScriptedAPI]) -> Suite:
    """A suite beside the test, with its baseline."""
    suite = Suite(pytester.path, scripted)
    suite.answer()
    suite.record()
    return suite


def run(pytester: pytest.Pytester, arguments: str = '"suite.yaml"') -> pytest.RunResult:
    pytester.makepyfile(TEST.format(arguments))
    return pytester.runpytest_inprocess("-rsx", "-p", "no:cacheprovider")


def test_it_is_found_by_pytest() -> None:
    [point] = [one for one in entry_points(group="pytest11") if one.name == "blpo_inspect"]
    assert point.value == "blpo_inspect.regression.plugin"


def test_pass_and_where_logs_go(pytester: pytest.Pytester, suite: Suite) -> None:
    pytester.makeini("[pytest]\nblpo_log_dir = own/logs\n")
    run(pytester, '"suite.yaml", case="squares"').assert_outcomes(passed=1)
    assert list((pytester.path / "own" / "logs").glob("*.eval"))


def test_a_failure_can_be_read(pytester: pytest.Pytester, suite: Suite) -> None:
    suite.answer(lambda prompt, number: flip(number) if number < 10 else None)
    result = run(pytester)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["FAIL*squares (scripted/m)", "*10 labels flipped:", "*square 0 *was right*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*plugin.py*")


def test_inconclusive_fails_unless_told_otherwise(pytester: pytest.Pytester, suite: Suite) -> None:
    suite.answer(lambda prompt, number: flip(number) if number == 0 else None)
    run(pytester).assert_outcomes(failed=1)
    result = run(pytester, '"suite.yaml", inconclusive="skip"')
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*more labelled images would decide*"])
    run(pytester, '"suite.yaml", inconclusive="xfail"').assert_outcomes(xfailed=1)
    run(pytester, '"suite.yaml", inconclusive="pass"').assert_outcomes(failed=1)


def test_broken_fails_with_its_reason(pytester: pytest.Pytester, suite: Suite) -> None:
    result = run(pytester, '"absent.yaml"')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["BROKEN: the check could not run: *absent.yaml: no such suite file"])
    (suite.folder / "baselines" / "squares.json").unlink()
    # even where inconclusive would be skipped
    result = run(pytester, '"suite.yaml", inconclusive="skip"')
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*squares.json: there is no such baseline*"])


def test_collecting_imports_nothing_heavy(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makeconftest(
        "import sys\n\ndef pytest_sessionfinish():\n"
        "    names = ('torch', 'transformers', 'inspect_ai', 'numpy', 'scipy', 'yaml', 'rich', 'PIL')\n"
        "    print('imported:', *(name for name in names if name in sys.modules))\n"
    )
    pytester.makepyfile("def test_nothing():\n    pass\n")
    # which collects, and then lists the fixtures in place of running the tests
    result = pytester.runpytest_subprocess("--fixtures", "-s", "-p", "no:hypothesispytest", "-p", "no:anyio")
    found = [line for line in result.outlines if "imported:" in line]
    assert found and not set(found[0].split()) & {"torch", "transformers", "inspect_ai", "numpy", "scipy"}, found
    assert result.ret == 0
    assert "judge_regression" in result.stdout.str()
