"""Prompt pairs where people keep them: in YAML files, and in the Inspect logs of optimize runs.

Does not print (`cli.prompts`) and does not write pairs (`PromptPair.save`).
"""

import datetime
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.logs import LogError, read_log
from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.logs.reader import first_line

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

_LOGS = frozenset({".eval", ".json"})
_BEGINS = "format: blpo-inspect/prompt-pair/"
_MAX_VALUES = 200_000
_MAX_DEPTH = 40


def is_log(path: Path) -> bool:
    """Whether a file is taken for an Inspect log, by its ending (``.eval``, ``.json``)."""
    return path.suffix.lower() in _LOGS


def holds_pair(sample: "EvalSample") -> bool:
    """Whether a sample's output is a prompt pair, as an optimization leaves one."""
    return sample.output.completion.lstrip().startswith(_BEGINS)


def load(path: Path, sample: str | None = None, epoch: int | None = None) -> PromptPair:
    """The pair in a YAML file, or the one that an optimize run left in a log.

    Args:
        path: The file; see `is_log`.
        sample: Which sample of a log; needed where several hold a pair.
        epoch: Which epoch of it, from 1.

    Raises:
        PromptError: An invalid pair.
        LogError: A log that cannot be read, has no such pair (says what it holds), or several that fit (lists them).
    """
    if not is_log(path):
        return PromptPair.load(path)
    source = _sample(path, sample, epoch)
    return PromptPair.from_yaml(source.output.completion, source=f"{path}, sample {source.id}")


def json_ready(value: object, path: str = "provenance") -> Any:
    """A copy that JSON can hold: names as text, dates as text, NaN and infinities as None.

    Raises:
        PromptError: So many or so deeply nested values that they are no record of a run (YAML can refer to itself).
    """
    return _copied(value, path, 0, iter(range(_MAX_VALUES)))


def _sample(path: Path, id: str | None, epoch: int | None) -> "EvalSample":
    """The one sample of a log that holds a pair and fits the id and epoch that are given."""
    log = read_log(path)
    samples = [sample for sample in log.samples or [] if holds_pair(sample)]
    if not samples:
        raise LogError(f"{path}: no prompt pair in it, as an optimize run leaves one. {_described(log)}")
    fitting = [sample for sample in samples if id in (None, str(sample.id)) and epoch in (None, sample.epoch)]
    if len(fitting) == 1:
        return fitting[0]
    several = len({sample.epoch for sample in samples}) > 1
    names = ", ".join(f"{item.id} (epoch {item.epoch})" if several else str(item.id) for item in fitting or samples)
    if fitting:
        choose = "--sample ID" if len({sample.id for sample in fitting}) > 1 else "--epoch N"
        raise LogError(f"{path}: {len(fitting)} samples hold a prompt pair: {names}; choose one by {choose}")
    wanted = " and ".join(f"{name} {value}" for name, value in (("sample", id), ("epoch", epoch)) if value)
    raise LogError(f"{path}: no prompt pair of {wanted}; there is one of: {names}")


def _described(log: "EvalLog") -> str:
    samples = log.samples or []
    errors = [sample.error.message.strip() for sample in samples if sample.error]
    why = f"; {len(errors)} failed, the first with: {first_line(errors[0])[:200]}" if errors else ""
    count = f"{len(samples)} sample{'' if len(samples) == 1 else 's'}"
    return f"It holds {count} of the task {log.eval.task} with {log.eval.model}, status {log.status}{why}"


def _copied(value: object, path: str, depth: int, left: Iterator[int]) -> Any:
    if next(left, None) is None or depth > _MAX_DEPTH:
        raise PromptError(f"{path}: too many values, or nested too deeply, for a record of a run")
    if isinstance(value, Mapping):
        return {str(name): _copied(item, path, depth + 1, left) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [_copied(item, path, depth + 1, left) for item in items]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, datetime.date) else str(value)
