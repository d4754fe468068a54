"""The pytest plugin: the fixture ``judge_regression``, which checks a suite, or one case of it, as a test.

    def test_unsafebench_judge(judge_regression):
        judge_regression.check("suite.yaml", case="unsafebench")

Loaded by every pytest of an environment that has this package, so it imports nothing until a check runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from blpo_inspect.regression.decide import SuiteResult

Inconclusive = Literal["fail", "skip", "xfail"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the setting ``blpo_log_dir``."""
    parser.addini("blpo_log_dir", "Where judge_regression puts Inspect's logs, relative to the root.", default="logs")


class JudgeRegression:
    """Checks suites from within a test.

    Args:
        folder: What relative paths of suites and logs start from: the test file's folder.
        log_dir: Where Inspect's logs go.
    """

    def __init__(self, folder: Path, log_dir: Path) -> None:
        self.folder = folder
        self.log_dir = log_dir

    def check(
        self,
        suite: str | Path,
        case: str | None = None,
        *,
        inconclusive: Inconclusive = "fail",
        strict_identity: bool = False,
        logs: Sequence[str | Path] = (),
    ) -> "SuiteResult":
        """Check a suite as ``blpo check`` does; the test fails unless it passes.

        Args:
            suite: The suite file, relative to the test's file.
            case: Only this case.
            inconclusive: What becomes of the test where the labels cannot tell.
            strict_identity: Fail if anything about the judge is not as in the baseline.
            logs: Finished logs of cases, which are then not run.

        Returns:
            The result, for further assertions.
        """
        __tracebackhide__ = True
        if inconclusive not in ("fail", "skip", "xfail"):
            raise ValueError(f"inconclusive must be 'fail', 'skip' or 'xfail', not {inconclusive!r}")
        from blpo_inspect._util.text import visible
        from blpo_inspect.regression.check import How, check
        from blpo_inspect.regression.data_differences import BrokenError
        from blpo_inspect.regression.outputs.phrases import headline
        from blpo_inspect.regression.outputs.terminal import as_text
        from blpo_inspect.regression.suite import SuiteError, load

        how = How(log_dir=self.log_dir, logs=tuple(self.folder / log for log in logs), strict=strict_identity)
        try:
            result = check(load(self.folder / suite), () if case is None else (case,), how)
        except (SuiteError, BrokenError) as error:
            pytest.fail(f"BROKEN: the check could not run: {visible(str(error))}", pytrace=False)
        if result.outcome == "inconclusive" and inconclusive != "fail":
            open_ = [case for case in result.cases if case.outcome == "inconclusive"]
            reason = "; ".join(visible(f"{case.name}: {headline(case)}") for case in open_)
            if inconclusive == "skip":
                pytest.skip(reason)
            pytest.xfail(reason)
        if result.outcome != "pass":
            pytest.fail(as_text(result), pytrace=False)
        return result


@pytest.fixture
def judge_regression(request: pytest.FixtureRequest) -> JudgeRegression:
    """Checks that judges still agree with people as their baselines did: ``judge_regression.check("suite.yaml")``."""
    log_dir = request.config.rootpath / str(request.config.getini("blpo_log_dir"))
    return JudgeRegression(request.path.parent, log_dir)
