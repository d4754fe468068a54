"""How all outputs word figures and verdicts."""

import math

from blpo_inspect.regression.compare import Flip, StatisticChange
from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.statistics import Comparison, Interval

MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "broken": "BROKEN"}
TURNS = {"lost": "was right", "gained": "is right now", "other": "wrong both times"}
UNREAD = "(unread)"


def headline(case_result: CaseResult) -> str:
    """The most important thing about a case, in one sentence."""
    if case_result.broken is not None:
        return f"the check could not run: {case_result.broken}"
    decisive = [criterion for criterion in case_result.criteria if criterion.outcome == case_result.outcome]
    if case_result.outcome == "pass":
        return "; ".join(criterion.reason for criterion in decisive)
    text = "; ".join(criterion.reason for criterion in decisive)
    if case_result.outcome == "inconclusive" and case_result.more is not None:
        text += f". About {case_result.more:,} more labelled images would decide"
    return text


def calls(case_result: CaseResult) -> str:
    """How a case came by its answers."""
    run = case_result.after
    if run is None:
        return ""
    text = f"{len(run.answers):,} images, {run.unread:,} unread; "
    text += f"{run.usage.made:,} calls made, {run.usage.replayed:,} replayed"
    if case_result.probed is not None and case_result.probed.results:
        text += f"; for probes {case_result.probed.made:,} made, {case_result.probed.replayed:,} replayed"
    return text


def summary(suite_result: SuiteResult) -> str:
    """The whole suite in one line."""
    counts = {name: sum(case.outcome == name for case in suite_result.cases) for name in MARKS}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    tests = f"{suite_result.tests} {'test' if suite_result.tests == 1 else 'tests'}"
    tests += f" in {suite_result.runs:,} runs" if suite_result.runs > 1 else ""
    alarms = f"false alarms of {tests} together at most {suite_result.alpha:.0%}"
    return f"{MARKS[suite_result.outcome]}: {listed or 'no case'} ({alarms})"


def figure_cells(figure: StatisticChange) -> tuple[str, str, str, str]:
    """Name, before, after and difference."""
    return figure.name, interval(figure.before), interval(figure.after), change(figure.difference)


def interval(estimate: Interval) -> str:
    """A figure with its interval."""
    if math.isnan(estimate.value):
        return "not defined"
    return f"{estimate.value:.3f}" + (
        "" if math.isnan(estimate.low) else f" ({estimate.low:.3f} to {estimate.high:.3f})"
    )


def change(comparison: Comparison) -> str:
    """A difference with its interval."""
    if math.isnan(comparison.value):
        return "not defined"
    return f"{comparison.value:+.3f}" + (
        "" if math.isnan(comparison.low) else f" ({comparison.low:+.3f} to {comparison.high:+.3f})"
    )


def flip_cells(flip: Flip) -> tuple[str, str, str, str, str]:
    """Sample, human, before, after and what that is."""
    turn = TURNS[flip.turn] + (f"; unread: {flip.unread}" if flip.unread else "")
    return flip.id, flip.human, flip.before or UNREAD, flip.after or UNREAD, turn
