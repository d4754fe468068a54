"""What a check of one case says: each thing that was asked, with its outcome, and the worst of them.

Runs nothing (`running`, `check`) and prints nothing (`outputs`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from blpo_inspect import statistics
from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.regression.compare import (
    Category,
    Columns,
    Flip,
    StatisticChange,
    categories,
    clusters,
    figures,
    flips,
)
from blpo_inspect.regression.data_differences import BrokenError, data_differences
from blpo_inspect.regression.drift import drift
from blpo_inspect.regression.probes import ProbeResult
from blpo_inspect.regression.running import Probed
from blpo_inspect.regression.suite import AbsoluteBar, Case
from blpo_inspect.statistics.noninferiority import Decision, bar, non_inferiority

Outcome = Literal["pass", "inconclusive", "fail", "broken"]

SINCE_FIRST = " since the first baseline"
"""Ends the names of figures that are held against the first baseline, not the last."""

EXIT_CODE: Mapping[Outcome, int] = {"pass": 0, "fail": 1, "inconclusive": 2, "broken": 3}
_WORSE: tuple[Outcome, ...] = ("pass", "inconclusive", "fail", "broken")


@dataclass(frozen=True)
class Criterion:
    """One thing that a case asks, and the answer.

    Attributes:
        kind: ``margin``, ``first`` (the same against the first baseline), ``at_least``, ``alt_test``, ``unread``,
            ``probe`` or ``identity``.
        name: Of the figure or probe.
        outcome: The answer.
        reason: One sentence.
        more: Where inconclusive: about how many more labels would decide; None where that is not known.
    """

    kind: str
    name: str
    outcome: Outcome
    reason: str
    more: int | None = None


@dataclass(frozen=True)
class CaseResult:
    """What a check of one case says.

    Attributes:
        name: The case's.
        model: The judge's.
        criteria: Everything that was asked; empty where the check could not run.
        broken: Why the check could not run; None where it could.
        before: The baseline, where there is one.
        after: The run, where there is one.
        flips: Samples whose label changed.
        figures: Figures before and after.
        categories: Accuracy by category.
        drift: What changed about the judge, whether or not a figure moved.
        probed: What the probes found.
    """

    name: str
    model: str
    criteria: tuple[Criterion, ...] = ()
    broken: str | None = None
    before: JudgedRun | None = None
    after: JudgedRun | None = None
    flips: tuple[Flip, ...] = ()
    figures: tuple[StatisticChange, ...] = ()
    categories: tuple[Category, ...] = ()
    drift: tuple[str, ...] = ()
    probed: Probed | None = None

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of all criteria; ``broken`` where the check could not run."""
        return "broken" if self.broken is not None else worst(criterion.outcome for criterion in self.criteria)

    @property
    def more(self) -> int | None:
        """How many more labels would decide all that is inconclusive; None where that is not known."""
        asked = [criterion.more for criterion in self.criteria if criterion.outcome == "inconclusive"]
        known = [count for count in asked if count is not None]
        return max(known) if known and len(known) == len(asked) else None


@dataclass(frozen=True)
class SuiteResult:
    """What a check of a suite says.

    Attributes:
        name: The suite's file name.
        alpha: Its level.
        cases: One per case that was asked for.
        tests: How many tests the whole suite has, over which its level is kept.
        runs: Over how many runs it is kept.
    """

    name: str
    alpha: float
    cases: tuple[CaseResult, ...]
    tests: int
    runs: int = 1

    @property
    def outcome(self) -> Outcome:
        """The worst outcome of all cases."""
        return worst(case.outcome for case in self.cases)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 inconclusive, 3 broken."""
        return EXIT_CODE[self.outcome]


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """``broken`` before ``fail`` before ``inconclusive`` before ``pass``, which is also the outcome of nothing."""
    return max(outcomes, key=_WORSE.index, default="pass")


@dataclass
class Undecided:
    """A case that was run, with decisions that the suite's level still has to be applied to.

    Attributes:
        case: The case.
        before: The baseline.
        after: The run.
        decisions: Figure → its decision against its margin; with `SINCE_FIRST` against the first baseline.
        probed: What its probes found.
        others: Criteria that no level applies to.
    """

    case: Case
    before: JudgedRun
    after: JudgedRun
    decisions: dict[str, Decision]
    probed: Probed
    others: list[Criterion] = field(default_factory=list)


def weigh(case: Case, before: JudgedRun, after: JudgedRun, probed: Probed, *, alpha: float, strict: bool) -> Undecided:
    """Hold a run against its baseline and bars.

    Args:
        case: The case.
        before: The baseline.
        after: The run.
        probed: What the probes found.
        alpha: The suite's level.
        strict: Whether a judge that is not the same in every respect fails.

    Raises:
        BrokenError: The baseline is of other data, or a figure does not apply.
    """
    other = data_differences(before, after)
    if other:
        raise BrokenError(
            f"the baseline is of other data: {'; '.join(other)}. If that is meant, `blpo check --update` with the"
            " judge as it was records a new one"
        )
    known = statistics.statistics_of(after.scale)
    for name in (*case.margin, *(absolute.figure for absolute in case.at_least)):
        if name not in known:
            raise BrokenError(f"the figure {name} does not apply to a scale that is {after.scale.kind}")
    decisions = {}
    said = {answer.id: before.by_id[answer.id].label for answer in after.answers}
    for since, labels in (("", said), (SINCE_FIRST, {**said, **before.first})):
        if since and not before.first:
            continue
        for name, margin in case.margin.items():
            decisions[name + since] = non_inferiority(
                [answer.human for answer in after.answers],
                [labels[answer.id] for answer in after.answers],
                [answer.label for answer in after.answers],
                figure=name,
                scale=after.scale,
                margin=margin,
                alpha=alpha,
                seed=0,
                clusters=clusters(after.answers),
            )
    others = [criterion for asked in case.at_least for criterion in _absolute(asked, after)]
    others += _replacing(case, after)
    others += _unread(case, after)
    if strict:
        changed = drift(before, after)
        reason = "; ".join(changed) or "the judge is the same in every respect"
        others.append(Criterion("identity", "strict", "fail" if changed else "pass", reason))
    return Undecided(case, before, after, decisions, probed, others)


def conclude(
    undecided: Undecided, decisions: Mapping[str, Decision], probes: Sequence[ProbeResult], *, alpha: float
) -> CaseResult:
    """The case's result, once the suite's level was applied to its decisions and probes."""
    before, after = undecided.before, undecided.after
    asked = [_against(name, decision) for name, decision in decisions.items()]
    names = [*undecided.case.margin, *(absolute.figure for absolute in undecided.case.at_least)]
    differences = {name: decision.difference for name, decision in decisions.items()}
    return CaseResult(
        name=undecided.case.name,
        model=undecided.case.model,
        criteria=(*asked, *undecided.others, *map(_probe, probes)),
        before=before,
        after=after,
        flips=flips(before, after),
        figures=figures(before, after, names, differences, alpha=alpha),
        categories=categories(before, after, alpha=alpha),
        drift=tuple(drift(before, after)),
        probed=undecided.probed,
    )


def _against(name: str, decision: Decision) -> Criterion:
    if not name.endswith(SINCE_FIRST):
        return Criterion("margin", name, decision.verdict, decision.reason, decision.more)
    # what was accepted since is no news: only a drop by the margin in all is
    outcome: Outcome = "fail" if decision.verdict == "fail" else "pass"
    return Criterion("first", name, outcome, f"since the first baseline: {decision.reason}")


def _absolute(asked: AbsoluteBar, after: JudgedRun) -> list[Criterion]:
    named = statistics.statistics_of(after.scale)[asked.figure]
    columns = Columns.of(after, after)
    value = statistics.with_interval(named, columns.human, columns.after, after.scale, clusters=columns.clusters)
    criteria = []
    if asked.value is not None:
        held = bar(value, asked.value, "value")
        criteria.append(Criterion("at_least", asked.figure, held.verdict, f"{asked.figure} {held.reason}", held.more))
    if asked.low is not None:
        held = bar(value, asked.low, "low")
        criteria.append(
            Criterion("at_least", f"{asked.figure}, low", held.verdict, f"{asked.figure} {held.reason}", held.more)
        )
    return criteria


def _replacing(case: Case, after: JudgedRun) -> list[Criterion]:
    if case.alt_test is None:
        return []
    test = statistics.alternative_annotator_test(
        [answer.label for answer in after.answers],
        [answer.raters for answer in after.answers],
        after.scale,
        epsilon=case.alt_test.epsilon,
        clusters=clusters(after.answers),
    )
    return [Criterion("alt_test", "winning rate", test.verdict, test.sentence)]


def _unread(case: Case, after: JudgedRun) -> list[Criterion]:
    if case.unread_at_most is None:
        return []
    share = after.unread / len(after.answers)
    above = share > case.unread_at_most
    reason = f"{after.unread} of {len(after.answers)} answers could not be read ({share:.1%};"
    reason += f" {'more than' if above else 'at most'} {case.unread_at_most:.1%})"
    return [Criterion("unread", "unread", "fail" if above else "pass", reason)]


def _probe(probe_result: ProbeResult) -> Criterion:
    changed = [
        f"{example.id} ({example.before or 'unread'} → {example.after or 'unread'})"
        for example in probe_result.examples
    ]
    reason = probe_result.reason + (
        f"; such as {', '.join(changed)}" if changed and probe_result.verdict != "pass" else ""
    )
    return Criterion("probe", probe_result.name, probe_result.verdict, reason, probe_result.more)


def broken(case: Case, why: str) -> CaseResult:
    """The result of a check that could not run."""
    return CaseResult(case.name, case.model, broken=why)
