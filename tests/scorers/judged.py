"""Logs of judged samples, made by real evaluations with a scripted model, and what is in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessage, ContentText
from inspect_ai.scorer import Scorer

from blpo_inspect._util.images import data_uri
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.judging.solvers import judge
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)


@dataclass(frozen=True)
class Row:
    """One image: people's label, the judge's answer, and what else is known."""

    human: str
    answer: str
    category: str | None = None
    group: str | None = None
    raters: Mapping[str, str] | None = None
    rank: int | None = None


def rows(text: str, **known: Any) -> list[Row]:
    """Rows from pairs of human label and answer: ``"1:2 3:3"``."""
    pairs = [pair.partition(":") for pair in text.split()]
    return [Row(human, answer, **known) for human, _, answer in pairs]


def evaluated(
    scripted: type[ScriptedAPI],
    red: Path,
    log_dir: Path,
    scale: LabelScale,
    judged: Sequence[Row],
    scorer: Scorer | list[Scorer],
    **options: Any,
) -> EvalLog:
    """The log of a real evaluation in which the judge gives these answers."""
    picture = data_uri(red.read_bytes(), "image/png")
    records = [
        Record(f"s{place}", picture, row.human, str(place), row.raters or {}, category=row.category, group=row.group)
        for place, row in enumerate(judged)
    ]
    dataset = to_dataset(records, scale, name="judged")
    for sample, row in zip(dataset, judged, strict=True):
        if row.rank is not None:
            sample.metadata = {**(sample.metadata or {}), "rank": row.rank}

    def script(messages: list[ChatMessage]) -> str:
        message, *_ = messages
        assert not isinstance(message.content, str)
        [text] = [part.text for part in message.content if isinstance(part, ContentText)]
        return judged[int(text.removeprefix("<text>").partition("<")[0])].answer

    scripted.script = staticmethod(script)
    task = Task(dataset=dataset, solver=judge("?"), scorer=scorer)
    [log] = inspect_eval(task, model="scripted/x", log_dir=str(log_dir), display="none", **options)
    assert log.status == "success", log.error
    return read_eval_log(log.location)


def figures(log: EvalLog, scorer: str) -> dict[str, float]:
    """The metrics of one scorer by key."""
    assert log.results is not None
    [found] = [score for score in log.results.scores if score.name == scorer]
    return {key: float(one.value) for key, one in found.metrics.items()}


def scored(log: EvalLog, scorer: str) -> int:
    """How many samples the scorer's figures rest on."""
    assert log.results is not None
    [found] = [score for score in log.results.scores if score.name == scorer]
    return found.scored_samples or 0


def unscored(log: EvalLog, scorer: str) -> int:
    """How many samples the scorer left unscored."""
    assert log.results is not None
    [found] = [score for score in log.results.scores if score.name == scorer]
    return found.unscored_samples or 0
