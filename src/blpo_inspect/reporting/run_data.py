"""Logs → `Gathered`, what a report is made of: one log at a time, without its events, messages and images.

A log that cannot be used is named with the reason and never stops the others. What a log says is read by
`blpo_inspect.logs`; what may be compared is decided by `comparison`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blpo_inspect.cache.logs import LogError, read_log
from blpo_inspect.logs import log_files
from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.logs.optimize_run import OptimizeRun, is_optimization, optimize_run
from blpo_inspect.logs.reader import ended, judged_run, samples_of
from blpo_inspect.logs.redaction import file_name, text

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog


@dataclass(frozen=True, order=True)
class LeftOut:
    """Something that is not in the figures.

    Attributes:
        what: A log, a run, samples.
        why: In words.
        problem: Whether a log could not be used at all.
    """

    what: str
    why: str
    problem: bool = False


@dataclass(frozen=True)
class Gathered:
    """All that was read, in an order that does not depend on the order of the logs."""

    judges: tuple[JudgedRun, ...]
    optimizations: tuple[OptimizeRun, ...]
    left_out: tuple[LeftOut, ...]


OnLog = Callable[[int, int, str], None]
"""Called before each log and once after the last, with how many are done, how many there are, and its name."""


def gather(given: Sequence[str], on_log: OnLog = lambda done, total, name: None) -> Gathered:
    """Read all logs.

    Args:
        given: Files, folders, patterns; see `log_files.find`.
        on_log: See `OnLog`.

    Raises:
        LogError: None of them holds anything to report; says why of the first ones.
    """
    judges: list[JudgedRun] = []
    optimizations: list[OptimizeRun] = []

    def use(name: str, log: "EvalLog") -> list[LeftOut]:
        if is_optimization(log):
            runs, notes = _optimizations(name, log)
            optimizations.extend(runs)
            return notes
        judged = judged_run(log)
        # beside a run whose prompt pair has a map, what the judge itself said
        judges.extend([judged, judged.without_map()] if "map" in judged.prompts else [judged])
        if not judged.failed:
            return []
        return [LeftOut(name, f"{judged.failed} of {judged.expected} samples have no answer: {_why_missing(judged)}")]

    left_out = read_each(given, use, on_log)
    if not judges and not optimizations:
        raise LogError(f"nothing to report. {reasons(left_out)}")
    return Gathered(
        tuple(sorted(judges, key=lambda judge: judge.order)),
        tuple(sorted(optimizations, key=lambda optimization: optimization.order)),
        tuple(sorted(set(left_out))),
    )


def read_each(given: Sequence[str], use: "Callable[[str, EvalLog], list[LeftOut]]", on_log: OnLog) -> list[LeftOut]:
    """Read logs one at a time.

    Args:
        given: Files, folders, patterns; see `log_files.find`.
        use: Takes a log and its file's name, and says what of it is left out; its `LogError`, too, stops no other log.
        on_log: See `OnLog`.

    Returns:
        What is left out, and why.
    """
    files, missing = log_files.find(given)
    left_out = [LeftOut(file_name(name), why, problem=True) for name, why in missing.items()]
    seen: dict[tuple[str, str], str] = {}
    for done, file in enumerate(files):
        name = file_name(file)
        on_log(done, len(files), name)
        try:
            log = read_log(file)
            run = (log.eval.eval_id, log.eval.run_id)
            if all(run) and seen.setdefault(run, file) != file:
                left_out.append(LeftOut(name, f"the same run as {file_name(seen[run])}, which is there already"))
            else:
                left_out += use(name, log)
        except LogError as error:
            left_out.append(LeftOut(name, text(str(error).removeprefix(f"{file}: ")), problem=True))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            why = f"holds something of another form than expected: {text(str(error))[:200]}"
            left_out.append(LeftOut(name, why, problem=True))
    on_log(len(files), len(files), "")
    return left_out


def reasons(left_out: Sequence[LeftOut]) -> str:
    """Why nothing is left of the logs, of the first ones."""
    return "; ".join(f"{item.what}: {item.why}" for item in sorted(left_out)[:3]) or "No log was given"


def _optimizations(name: str, log: "EvalLog") -> tuple[list[OptimizeRun], list[LeftOut]]:
    runs: list[OptimizeRun] = []
    notes: list[LeftOut] = []
    for sample in samples_of(log):
        try:
            runs.append(optimize_run(log, sample))
        except LogError as error:
            what = f"{name}, sample {sample.id}" + (f", epoch {sample.epoch}" if sample.epoch > 1 else "")
            notes.append(LeftOut(what, str(error), problem=True))
    if not log.samples:
        notes.append(LeftOut(name, f"holds no optimization that got as far as a result; {ended(log)}", problem=True))
    return runs, notes


def _why_missing(run: JudgedRun) -> str:
    errors = sorted({answer.error for answer in run.answers if answer.error})
    if errors:
        return text(errors[0])[:200]
    status = run.record.status
    return f"the log ended with status {status}" if status != "success" else "they are not in the log"
