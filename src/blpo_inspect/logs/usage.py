"""What model calls took: how many, tokens, dollars and time, as a log has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, starmap
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.cache_info import note
from blpo_inspect.judging.outputs import JURY, ORDERS

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample


@dataclass(frozen=True)
class Usage:
    """What calls took.

    Attributes:
        made: Calls that a model answered.
        replayed: Calls that were answered from disk.
        input_tokens: Tokens read, of both kinds of calls.
        output_tokens: Tokens written.
        cost: Dollars for the calls made; None where a price is not known.
        seconds: From the start of the log to its end; None where unknown.
    """

    made: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float | None = None


def judge_usage(samples: "Iterable[EvalSample]", log: "EvalLog") -> Usage:
    """The calls that gave the samples' outputs; the cache's notes say which were replayed. Time and cost are the log's.

    A replayed call counts with the tokens of the call that was once made.
    """
    made = replayed = read = written = 0
    asked: list[tuple[Any, Mapping[str, Any]]] = []
    for output in (sample.output for sample in samples if sample.output.choices):
        asked.append((output.metadata, output.usage.model_dump() if output.usage else {}))
        orders = (output.metadata or {}).get(ORDERS)
        again = orders.get("again") if isinstance(orders, Mapping) else None
        if isinstance(again, Mapping):  # a pair's pictures in the other order
            asked.append((again.get("metadata"), again.get("usage") or {}))
    for metadata, counted in chain.from_iterable(starmap(_calls, asked)):
        noted = note(metadata)
        usage = noted.usage or counted
        made, replayed = made + (not noted.hit), replayed + noted.hit
        read += int(usage.get("input_tokens") or 0)
        written += int(usage.get("output_tokens") or 0)
    costs = [model.total_cost for model in log.stats.model_usage.values()]
    cost = None if None in costs or not costs else sum(filter(None, costs))
    return Usage(made, replayed, read, written, cost if made else 0.0, _seconds(log))


def _calls(metadata: Any, usage: Mapping[str, Any]) -> list[tuple[Any, Mapping[str, Any]]]:
    """The calls behind an output: of a jury, those of its judges."""
    jury = (metadata or {}).get(JURY)
    if not isinstance(jury, Mapping):
        return [(metadata, usage)]
    return [(judge.get("metadata"), judge.get("usage") or {}) for judge in jury.get("judges") or ()]


def role_usage(counts: Mapping[str, Any]) -> Usage:
    """What one role of an optimization was asked, from the result that ``optimize`` leaves in a sample's metadata."""
    tokens = int(counts.get("input_tokens", 0)), int(counts.get("output_tokens", 0))
    return Usage(int(counts.get("made", 0)), int(counts.get("replayed", 0)), *tokens, counts.get("cost_made"))


def _seconds(log: "EvalLog") -> float | None:
    try:
        start, end = (datetime.fromisoformat(str(time)) for time in (log.stats.started_at, log.stats.completed_at))
        return (end - start).total_seconds()
    except (ValueError, TypeError):
        return None  # a log that was cut off has no end
