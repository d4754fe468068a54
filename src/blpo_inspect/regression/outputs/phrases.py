"""How all outputs word figures and verdicts."""

import math

from blpo_inspect.regression.compare import Flip, StatisticChange
from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.statistics import Comparison, Interval

MARKS = {"pass": "PASS", "fail": "FAIL", "inconclusive": "INCONCLUSIVE", "broken": "BROKEN"}
TURNS = {"lost": "was right", "gained": "is right now", "other": "wrong both times"}
UNREAD = "(unread)"


def headline(found: CaseResult) -> str:
    """The most important thing about a case, in one sentence."""
    if found.broken is not None:
        return f"the check could not run: {found.broken}"
    decisive = [one for one in found.criteria if one.outcome == found.outcome]
    if found.outcome == "pass":
        return "; ".join(one.reason for one in decisive)
    text = "; ".join(one.reason for one in decisive)
    if found.outcome == "inconclusive" and found.more is not None:
        text += f". About {found.more:,} more labelled images would decide"
    return text


def calls(found: CaseResult) -> str:
    """How a case came by its answers."""
    run = found.after
    if run is None:
        return ""
    text = f"{len(run.answers):,} images, {run.unread:,} unread; "
    text += f"{run.usage.made:,} calls made, {run.usage.replayed:,} replayed"
    if found.probed is not None and found.probed.results:
        text += f"; for probes {found.probed.made:,} made, {found.probed.replayed:,} replayed"
    return text


def summary(found: SuiteResult) -> str:
    """The whole suite in one line."""
    counts = {name: sum(case.outcome == name for case in found.cases) for name in MARKS}
    listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
    tests = f"{found.tests} {'test' if found.tests == 1 else 'tests'}"
    return f"{MARKS[found.outcome]}: {listed or 'no case'} (false alarms of {tests} together at most {found.alpha:.0%})"


def figure_cells(figure: StatisticChange) -> tuple[str, str, str, str]:
    """Name, before, after and difference."""
    return figure.name, interval(figure.before), interval(figure.after), change(figure.difference)


def interval(found: Interval) -> str:
    """A figure with its interval."""
    if math.isnan(found.value):
        return "not defined"
    return f"{found.value:.3f}" + ("" if math.isnan(found.low) else f" ({found.low:.3f} to {found.high:.3f})")


def change(found: Comparison) -> str:
    """A difference with its interval."""
    if math.isnan(found.value):
        return "not defined"
    return f"{found.value:+.3f}" + ("" if math.isnan(found.low) else f" ({found.low:+.3f} to {found.high:+.3f})")


def flip_cells(flip: Flip) -> tuple[str, str, str, str, str]:
    """Sample, human, before, after and what that is."""
    turn = TURNS[flip.turn] + (f"; unread: {flip.unread}" if flip.unread else "")
    return flip.id, flip.human, flip.before or UNREAD, flip.after or UNREAD, turn
