"""What a run came to, read from its Inspect log; a log that is not whole is none."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log, read_eval_log_sample
from inspect_ai.scorer import Score

from blpo_inspect.judging.prompts import RESULT
from comparison.methods import NONE, Method
from comparison.plan import Key, Run

_FIGURES = ("accuracy", "macro_f1", "cohens_kappa")


@dataclass(frozen=True)
class Figures:
    """Agreement on the test split, over the answers that could be read; NaN where a figure is not defined."""

    accuracy: float
    macro_f1: float
    kappa: float
    n: int
    unread: int

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Figures":
        """From what `blpo_inspect.optimizers.measure.figures` gives."""
        accuracy, macro_f1, kappa = (math.nan if given[name] is None else given[name] for name in _FIGURES)
        return cls(accuracy, macro_f1, kappa, given["n"], given["unread"])


@dataclass(frozen=True)
class Outcome:
    """What one run came to.

    Attributes:
        run: Which.
        before: With the first prompts; None where they were not judged.
        after: With the final ones.
        calls: Model calls that the optimization took, made or replayed, without the final test.
        curve: Calls, and test accuracy from there on, ascending.
        uses: What each role was asked, as `blpo_inspect.optimizers.calls.Use`, with the final test.
        seconds: How long it took.
        log: Where it was read from.
    """

    run: Run
    before: Figures | None
    after: Figures
    calls: int
    curve: tuple[tuple[int, float], ...]
    uses: Mapping[str, Mapping[str, Any]]
    seconds: float
    log: str


def finished(log_dir: Path, runs: Sequence[Run], digests: Mapping[Key, str]) -> tuple[dict[Key, str], list[str]]:
    """The newest log of each run that has one with status success, on the data as they are.

    Args:
        log_dir: Where logs lie.
        runs: What is looked for.
        digests: The data's digests.

    Returns:
        The logs, and the files that could not be read.
    """
    found: dict[Key, str] = {}
    unreadable = []
    for path in sorted(log_dir.glob("*.eval")):  # Inspect's names begin with the time
        try:
            header = read_eval_log(str(path), header_only=True)
        except Exception:
            # a process that was killed, or a full disk, may leave anything
            unreadable.append(str(path))
            continue
        if header.status != "success":
            continue
        digest = (header.eval.metadata or {}).get("data_digest")
        for run in runs:
            current = not run.method.optimizes or digest == digests[run.key]
            if current and run.is_that_of(header.eval):
                found[run.key] = str(path)
    return found, unreadable


def read(run: Run, log: str) -> Outcome:
    """What a run came to.

    Raises:
        ValueError: The log has no figures on the test split.
    """
    header = read_eval_log(log, header_only=True)
    seconds = _seconds(header)
    if not run.method.optimizes:
        figures = _judged(header, log)
        return Outcome(run, figures if run.prompts is None else None, figures, 0, (), {}, seconds, log)
    sample = read_eval_log_sample(log, id=f"seed-{run.seed}", exclude_fields={"events", "messages", "attachments"})
    score: Score | None = (sample.scores or {}).get("improvement")
    test = (score.metadata or {}).get("test") if score else None
    if score is None or test is None or not isinstance(score.value, Mapping):
        raise ValueError(f"the test split was not judged: {score.explanation if score else 'no score'}; see {log}")
    calls = score.value["calls"]
    assert isinstance(calls, int | float)
    kept = [(one["calls"], Figures.of(one).accuracy) for one in test["kept"]]
    before, after = Figures.of(test["before"]), Figures.of(test["after"])
    return Outcome(run, before, after, int(calls), tuple(kept), sample.metadata[RESULT]["uses"], seconds, log)


def with_first_prompts(outcomes: Iterable[Outcome], method: Method) -> list[Outcome]:
    """How the first prompts do, of every benchmark and seed, as the optimizations of it found.

    Raises:
        ValueError: They do not agree about it.
    """
    found: dict[tuple[str, int], Outcome] = {}
    for one in outcomes:
        if one.before is None or not one.run.method.shows_images or one.run.method.name == NONE:
            continue
        place = one.run.benchmark, one.run.seed
        first = found.setdefault(place, one)
        if one.before != first.before:
            raise ValueError(
                f"{place[0]}, seed {place[1]}: the first prompts do not do the same in {first.log} and {one.log}; use "
                "one cache for all runs of a comparison, or judge at temperature 0"
            )
    return [_unchanged(one, method) for one in found.values()]


def _unchanged(outcome: Outcome, method: Method) -> Outcome:
    run = outcome.run
    unchanged = Run(run.benchmark, run.args, method, run.seed, run.setting)
    assert outcome.before is not None
    return Outcome(unchanged, outcome.before, outcome.before, 0, (), {}, 0.0, outcome.log)


def _judged(header: EvalLog, log: str) -> Figures:
    scores = {score.name: score for score in header.results.scores} if header.results else {}
    if "agreement" not in scores or "unread" not in scores:
        raise ValueError(f"no figures of agreement; see {log}")
    metrics = {name: one.value for name, one in scores["agreement"].metrics.items()}
    unread = int(scores["unread"].metrics["count"].value)
    given = {name: round(metrics[name], 6) if name in metrics else None for name in _FIGURES}
    return Figures.of({**given, "n": int(metrics.get("n", 0)), "unread": unread})


def _seconds(header: EvalLog) -> float:
    began, ended = (datetime.fromisoformat(one) for one in (header.stats.started_at, header.stats.completed_at))
    return (ended - began).total_seconds()
