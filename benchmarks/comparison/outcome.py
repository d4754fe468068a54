"""The outcome of a run, read from its Inspect log."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log, read_eval_log_sample
from inspect_ai.scorer import Score

from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.prompts import RESULT
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.optimizers.measure import figures
from comparison.methods import NONE, Method
from comparison.plan import Run


@dataclass(frozen=True)
class Figures:
    """Agreement on the test split, unread answers counted as wrong; NaN: not defined, or not for this scale."""

    accuracy: float
    macro_f1: float
    kappa: float
    n: int
    unread: int
    quadratic_kappa: float = math.nan
    spearman: float = math.nan
    mae: float = math.nan

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Figures":
        """From what `blpo_inspect.optimizers.measure.figures` gives."""
        names = {field.name: field.name for field in fields(cls)} | {"kappa": "cohens_kappa"}
        found: dict[str, Any] = {
            name: math.nan if given.get(figure) is None else given[figure] for name, figure in names.items()
        }
        return cls(**found)


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run.

    Attributes:
        run: The run.
        before: Agreement with the first prompts; None where they were not judged.
        after: Agreement with the final prompts.
        calls: Model calls that the optimization took, made or replayed, without the final test.
        curve: Calls, and test accuracy from there on, ascending.
        uses: Calls of each role, as `blpo_inspect.optimizers.calls.Use`, with the final test.
        seconds: Wall time.
        log: Path of its log.
    """

    run: Run
    before: Figures | None
    after: Figures
    calls: int
    curve: tuple[tuple[int, float], ...]
    uses: Mapping[str, Mapping[str, Any]]
    seconds: float
    log: str


def read(run: Run, header: EvalLog) -> Outcome:
    """The outcome of a run.

    Args:
        run: The run.
        header: The header of its log, with the log's location.

    Raises:
        ValueError: The run failed, or its log has no figures on the test split.
    """
    log = header.location
    if header.status != "success":
        raise ValueError(header.error.message if header.error else header.status)
    seconds = _seconds(header)
    if not run.method.optimizes:
        judged = _judged(log)
        return Outcome(run, judged if run.prompts is None else None, judged, 0, (), {}, seconds, log)
    sample = read_eval_log_sample(log, id=f"seed-{run.seed}", exclude_fields={"events", "messages", "attachments"})
    score: Score | None = (sample.scores or {}).get("improvement")
    test = (score.metadata or {}).get("test") if score else None
    if score is None or test is None or not isinstance(score.value, Mapping):
        raise ValueError(f"the test split was not judged: {score.explanation if score else 'no score'}; see {log}")
    calls = score.value["calls"]
    assert isinstance(calls, int | float)
    curve = tuple((pair["calls"], Figures.of(pair).accuracy) for pair in test["kept"])
    before, after = Figures.of(test["before"]), Figures.of(test["after"])
    return Outcome(run, before, after, int(calls), curve, sample.metadata[RESULT]["uses"], seconds, log)


def with_first_prompts(outcomes: Iterable[Outcome], method: Method) -> list[Outcome]:
    """The outcomes of the first prompts on every benchmark and seed, as the optimizations measured them.

    Raises:
        ValueError: Two optimizations measured different figures.
    """
    measured: dict[tuple[str, int], Outcome] = {}
    for outcome in outcomes:
        run = outcome.run
        if outcome.before is None or not run.method.shows_images or run.method.name == NONE:
            continue
        first = measured.setdefault((run.benchmark, run.seed), outcome)
        if outcome.before != first.before:
            raise ValueError(
                f"{run.benchmark}, seed {run.seed}: the first prompts do not do the same in {first.log} and "
                f"{outcome.log}; use one cache for all runs of a comparison, or judge at temperature 0"
            )
    return [_unchanged(outcome, method) for outcome in measured.values()]


def _unchanged(outcome: Outcome, method: Method) -> Outcome:
    run = outcome.run
    unchanged = Run(run.benchmark, run.args, method, run.seed, run.setting)
    assert outcome.before is not None
    return Outcome(unchanged, outcome.before, outcome.before, 0, (), {}, 0.0, outcome.log)


def _judged(log: str) -> Figures:
    try:
        run = judged_run(read_eval_log(log, exclude_fields={"events", "attachments"}))
    except LogError as error:
        raise ValueError(f"{error}; see {log}") from error
    human, labels = [answer.human for answer in run.answers], [answer.label for answer in run.answers]
    return Figures.of(figures(human, labels, run.scale))


def _seconds(header: EvalLog) -> float:
    began, ended = (datetime.fromisoformat(time) for time in (header.stats.started_at, header.stats.completed_at))
    return (ended - began).total_seconds()
