"""Has a judge look at pictures that nobody labelled, some hundreds at a time, each time as an Inspect eval with a log.

At no time is more than one part in memory, and what is done is kept: a stopped run goes on.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.model import Model, ModelAPI, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.plain_error import reason_of
from blpo_inspect.data.tables.sources import Source
from blpo_inspect.data.tables.unlabelled import Unlabelled, read_unlabelled
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.jury_file import read_jury, to_yaml
from blpo_inspect.judging.pairs import asking_solver
from blpo_inspect.judging.question import Question
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.verdicts.kept import Kept
from blpo_inspect.verdicts.row import VerdictRow, row_of
from blpo_inspect.verdicts.writing import write

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

PART = 500
"""Pictures of one eval, and so of one log."""


class RunError(RuntimeError):
    """The judge could not be asked at all."""


@dataclass(frozen=True)
class Asked:
    """Who is asked and how.

    Attributes:
        model: An Inspect model.
        model_args: Its ``-M`` arguments.
        base_url: Where it is served, if not at its usual address.
        log_dir: Where the logs go.
        log_images: Whether the logs hold the pictures.
        max_connections: Most requests at once; default: what a local provider wants, else as Inspect adapts it.
        max_retries: How often Inspect tries a request again; default: Inspect's.
        max_side: Pixels of the longer side above which an image is scaled down.
        limit: At most so many pictures.
    """

    model: str
    model_args: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None
    log_dir: Path = Path("logs")
    log_images: bool = False
    max_connections: int | None = None
    max_retries: int | None = None
    max_side: int | None = None
    limit: int | None = None


@dataclass
class Summary:
    """What came of a run.

    Attributes:
        labels: How many pictures got each label.
        unread: Pictures without a verdict.
        failed: Those of them whose sample ended with an error, which another try may not have.
        kept: Pictures whose row an earlier, stopped run had.
        calls: Model calls made.
        replayed: Calls answered from disk.
        cost: Dollars for the calls made; None where a price is not known.
    """

    labels: Counter[str] = field(default_factory=Counter)
    unread: int = 0
    failed: int = 0
    kept: int = 0
    calls: int = 0
    replayed: int = 0
    cost: float | None = 0.0

    def add(self, row: VerdictRow) -> None:
        """Count a row."""
        if row.label is None:
            self.unread += 1
        else:
            self.labels[row.label] += 1
        self.failed += row.failed
        self.calls += row.calls
        self.replayed += row.replayed
        self.cost = None if self.cost is None or (row.calls and row.cost is None) else self.cost + (row.cost or 0.0)


def judge_pictures(
    sources: Sequence[Source], question: Question, asked: Asked, table: Path, on_done: Callable[[int], None]
) -> Summary:
    """Write the verdicts of pictures to a table.

    Args:
        sources: As `unlabelled.find_unlabelled` finds them.
        question: What the judge is asked.
        asked: Who is asked.
        table: Where the table goes; `writing.checked_output`.
        on_done: Called with the number of pictures that were done since it was called last.

    Raises:
        TableError: A table of pictures cannot be read.
        KeptError: Rows of another run are kept beside the table.
        RunError: The model cannot be made, or the pictures need a text and have none.
    """
    summary = Summary()
    with closing(Kept(table, _depends_on(question, asked))) as kept:
        numbered = islice(enumerate(read_unlabelled(sources, asked.max_side)), asked.limit)
        while part := list(islice(numbered, PART)):
            new = [(place, picture) for place, picture in part if not kept.has(picture, place)]
            summary.kept += len(part) - len(new)
            on_done(len(part) - len(new))
            rows = _judged([picture for _, picture in new], question, asked, on_done)
            kept.add((place, picture, rows[picture.id]) for place, picture in new)
        for row in kept.rows():
            summary.add(row)
        digest = question.pair.digest
        write(table, (replace(row, model=asked.model, prompts=digest) for row in kept.rows()))
        if not summary.failed:
            kept.remove()
    return summary


def _judged(
    pictures: Sequence[Unlabelled], question: Question, asked: Asked, on_done: Callable[[int], None]
) -> dict[str, VerdictRow]:
    """The rows of some pictures by id."""
    shown = [picture for picture in pictures if picture.fault is None]
    on_done(len(pictures) - len(shown))
    if question.needs_text and any(picture.text is None for picture in shown):
        lacking = next(picture.id for picture in shown if picture.text is None)
        raise RunError(f"the judge prompt refers to {{text}}, and {lacking} has none; give a table with a column text")
    if question.needs_two and any(len(picture.images) != 2 for picture in shown):
        alone = next(picture.id for picture in shown if len(picture.images) != 2)
        raise RunError(f"the judge is of pairs, and {alone} is none; give a table with the columns image_1 and image_2")
    samples = (
        {str(sample.id): sample for sample in _log(shown, question, asked, on_done).samples or []} if shown else {}
    )
    return {picture.id: row_of(picture, samples.get(picture.id), question.scale) for picture in pictures}


def _log(shown: Sequence[Unlabelled], question: Question, asked: Asked, on_done: Callable[[int], None]) -> "EvalLog":
    pair = question.pair
    task = Task(
        dataset=to_dataset(map(_record, shown), question.scale, name="pictures"),
        solver=[asking_solver(pair, question.scale, question.answer, question.reask), _counted(on_done)],
        config=GREEDY,
        name="verdicts",
        metadata={"judge_prompt": pair.judge},
    )
    try:
        model = get_model(asked.model, base_url=asked.base_url, **asked.model_args)
        limits = {"max_connections": asked.max_connections or _wanted(model), "max_retries": asked.max_retries}
        [log] = inspect_eval(
            task,
            model=model,
            log_dir=str(asked.log_dir),
            log_format="eval",
            log_images=asked.log_images,
            log_realtime=False,
            display="none",
            fail_on_error=False,
            retry_on_error=1,
            **cast(Any, {name: value for name, value in limits.items() if value is not None}),
        )
    except PrerequisiteError as error:
        raise RunError(str(error)) from error
    except Exception as error:  # providers raise what they like when they are made
        raise RunError(f"{asked.model}: {reason_of(error)}") from error
    if log.status == "cancelled":
        raise KeyboardInterrupt
    if log.status != "success":
        raise RunError(log.error.message.strip() if log.error else f"the eval ended with status {log.status}")
    return log


def _wanted(model: Model) -> int | None:
    """How many requests at once a provider wants, where these are more than usual: they are batches to it."""
    most = model.api.max_connections()
    return most if most > ModelAPI.max_connections(model.api) else None


def _record(picture: Unlabelled) -> Record:
    first, *others = picture.images
    more = {"path": picture.path}
    return Record(picture.id, first, None, picture.text, extra=more, more_images=tuple(others))


@solver
def _counted(on_done: Callable[[int], None]) -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        on_done(1)
        return state

    return solve


def _depends_on(question: Question, asked: Asked) -> dict[str, str]:
    """What rows depend on beside the pictures, as digests: the arguments of a model may hold a key."""
    pair = question.pair
    provider, _, name = asked.model.partition("/")
    file = [to_yaml(read_jury(Path(name)))] if provider == "jury" else []
    parts = {
        "prompt pair": [pair.judge, question.scale.to_dict(), dict(pair.map or {})],
        "model": [asked.model, dict(asked.model_args), asked.base_url, *file],
        "way of asking": [question.answer, question.reask, asked.max_side],
    }
    return {name: hashlib.sha256(json.dumps(part, default=str).encode()).hexdigest() for name, part in parts.items()}
