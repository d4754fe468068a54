"""Checks a suite: runs what is missing, compares with the baselines, decides at the suite's level; writes baselines.

One function per thing that ``blpo check`` does. Nothing here prints (`outputs`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.regression import baseline, running
from blpo_inspect.regression.case_task import PreparedCase, prepare
from blpo_inspect.regression.compare import Flip, StatisticChange, figures, flips
from blpo_inspect.regression.data_differences import BrokenError, data_differences
from blpo_inspect.regression.decide import (
    CaseResult,
    SuiteResult,
    Undecided,
    broken,
    conclude,
    weigh,
)
from blpo_inspect.regression.drift import drift
from blpo_inspect.regression.probes import PROBES, ProbeResult
from blpo_inspect.regression.suite import Case, Suite, load
from blpo_inspect.statistics.noninferiority import Decision, suite_wide

Tell = Callable[[str], None]
"""Is told what is being done, one line each."""


@dataclass(frozen=True)
class How:
    """How cases are run.

    Attributes:
        log_dir: Where Inspect's logs go.
        logs: Finished logs; a case is not run again where a log is of it.
        display: Inspect's own display.
        strict: Whether a judge that is not the same in every respect fails.
        tell: Is told what is being done.
    """

    log_dir: Path = Path("logs")
    logs: tuple[Path, ...] = ()
    display: str = "none"
    strict: bool = False
    tell: Tell = lambda line: None


@dataclass(frozen=True)
class Untested:
    """A test of the suite that was not made; it makes the others no easier to pass for chance."""

    verdict: Literal["pass", "fail", "inconclusive"] = "pass"
    p: float = 1.0

    def doubted(self, reason: str) -> "Untested":
        """The same."""
        return self


@dataclass(frozen=True)
class Update:
    """What a new baseline would change.

    Attributes:
        case: The case.
        new: The run that would be recorded.
        old: The baseline so far; None where there is none that can be read.
        changes: What changes, one sentence each; empty where the file stays as it is.
        flips: Samples whose label changes; empty where the data are others.
        figures: Figures before and after; empty where the data are others.
    """

    case: Case
    new: JudgedRun
    old: JudgedRun | None
    changes: tuple[str, ...]
    flips: tuple[Flip, ...] = ()
    figures: tuple[StatisticChange, ...] = ()

    def write(self) -> None:
        """Write the baseline.

        Raises:
            OSError: It cannot be written.
        """
        baseline.save(self.new, self.case.baseline)


def check(suite: Suite | str | Path, names: Sequence[str] = (), how: How | None = None) -> SuiteResult:
    """Check judges against their baselines: what ``blpo check`` does, as an object.

    The level is that of the whole suite, whichever cases are chosen.

    Args:
        suite: The suite, or the YAML file of a suite.
        names: The cases to check; all where none is named.
        how: Where logs go, logs that stand for runs, how strict to be; see `How`.

    Returns:
        The result: ``outcome`` (pass, fail, inconclusive, broken), ``exit_code``, and what each case said.

    Raises:
        SuiteError: The file is no suite, or has no such case.
        BrokenError: A log in `how` is of none of the cases.
    """
    how = how or How()
    if not isinstance(suite, Suite):
        suite = load(Path(suite))
    chosen = suite.chosen(tuple(names))
    weighings: dict[str, Undecided | str] = {}
    baselines: dict[str, JudgedRun] = {}
    ready: list[PreparedCase] = []
    for case in chosen:
        try:
            baselines[case.name] = baseline.load(case.baseline)
            ready.append(prepare(case, suite.folder))
        except BrokenError as error:
            weighings[case.name] = str(error)
    taken = _taken(ready, how.logs)
    for prepared in ready:
        case = prepared.case
        try:
            after = _judged(prepared, how, taken)
            probed = _probed(prepared, how, suite.alpha)
            weighings[case.name] = weigh(
                case, baselines[case.name], after, probed, alpha=suite.alpha, strict=how.strict
            )
        except BrokenError as error:
            weighings[case.name] = str(error)
    return _at_level(suite, chosen, weighings)


def update(suite: Suite, case: Case, how: How | None = None) -> Update:
    """What recording a case's run as its baseline would change; writes nothing.

    Raises:
        BrokenError: The case could not be run.
    """
    how = how or How()
    prepared = prepare(case, suite.folder)
    new = _judged(prepared, how, _taken([prepared], how.logs))
    if not case.baseline.exists():
        return Update(case, new, None, ("a first baseline",))
    try:
        old = baseline.load(case.baseline)
    except BrokenError as error:
        return Update(case, new, None, (f"in place of one that cannot be used ({error})",))
    other = data_differences(old, new)
    if not other:
        new = baseline.after_update(old, new)
    if baseline.to_bytes(old) == baseline.to_bytes(new):
        return Update(case, new, old, ())
    changes = [*other, *drift(old, new)]
    if other:
        return Update(case, new, old, tuple(changes))
    flipped = flips(old, new)
    if flipped:
        changes.append(f"{len(flipped)} of {len(new.answers)} labels")
    if new.first:
        changes.append(f"{len(new.first)} labels are others than in the first baseline, which stays a bar")
    names = [*case.margin, *(absolute.figure for absolute in case.at_least)]
    return Update(case, new, old, tuple(changes), flipped, figures(old, new, names, {}, alpha=suite.alpha))


def tests_of(case: Case) -> list[str]:
    """The names of a case's tests that the suite's level is kept over."""
    probes = (f"{case.name}: probe {probe.name}" for probe in case.probes)
    return [*(f"{case.name}: {name}" for name in case.margin), *probes]


def _taken(ready: Sequence[PreparedCase], logs: Sequence[Path]) -> dict[str, JudgedRun]:
    """Case → what its log says; every log must be of a case."""
    runs: dict[str, JudgedRun] = {}
    for log in logs:
        why_not = []
        for prepared in ready:
            taken = running.take(prepared, log)
            if isinstance(taken, JudgedRun):
                runs[prepared.case.name] = taken
            else:
                why_not.append(f"{prepared.case.name}: {taken}")
        if len(why_not) == len(ready):
            raise BrokenError(f"{log} is not of a case that could be run: {'; '.join(why_not) or 'there is none'}")
    return runs


def _judged(prepared: PreparedCase, how: How, taken: dict[str, JudgedRun]) -> JudgedRun:
    case = prepared.case
    if case.name in taken:
        how.tell(f"{case.name}: taken from a log")
        return taken[case.name]
    how.tell(f"{case.name}: {len(prepared.facts)} images with {case.model}")
    return running.run(prepared, log_dir=how.log_dir, display=how.display)


def _probed(prepared: PreparedCase, how: How, alpha: float) -> running.Probed:
    case = prepared.case
    if not case.probes:
        return running.Probed({})
    how.tell(f"{case.name}: probes {', '.join(probe.name for probe in case.probes)}")
    probes = [
        PROBES[probe.name] if probe.tolerance is None else replace(PROBES[probe.name], tolerance=probe.tolerance)
        for probe in case.probes
    ]
    return running.probe(prepared, probes, alpha=alpha, log_dir=how.log_dir, display=how.display)


def _at_level(suite: Suite, chosen: Sequence[Case], weighings: dict[str, Undecided | str]) -> SuiteResult:
    tests: dict[str, Decision | ProbeResult | Untested] = {}
    for case in suite.cases:
        tests.update({name: Untested() for name in tests_of(case)})
    for name, weighing in weighings.items():
        if isinstance(weighing, Undecided):
            tests.update({f"{name}: {figure}": decision for figure, decision in weighing.decisions.items()})
            tests.update({f"{name}: probe {probe}": result for probe, result in weighing.probed.results.items()})
    levelled = suite_wide(tests, suite.alpha, suite.runs)
    results: list[CaseResult] = []
    for case in chosen:
        weighing = weighings[case.name]
        if isinstance(weighing, str):
            results.append(broken(case, weighing))
            continue
        own = {name: levelled[f"{case.name}: {name}"] for name in weighing.decisions}
        decisions = {name: decision for name, decision in own.items() if isinstance(decision, Decision)}
        probed = [levelled[f"{case.name}: probe {name}"] for name in weighing.probed.results]
        probes = [probe for probe in probed if isinstance(probe, ProbeResult)]
        results.append(conclude(weighing, decisions, probes, alpha=suite.alpha))
    return SuiteResult(suite.file.name, suite.alpha, tuple(results), len(tests), suite.runs)
