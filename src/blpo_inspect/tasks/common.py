"""Makes a benchmark task: records, scale and prompts → an Inspect task that judges them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from inspect_ai import Task
from inspect_ai.log import HeadlineMetric
from inspect_ai.scorer import Scorer
from inspect_ai.util import display_type
from rich import get_console

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.text import shortened, visible, visible_lines
from blpo_inspect.judging.answer_mode import METADATA, Answer, checked
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.both_orders import Order, Torn
from blpo_inspect.judging.label_map import METADATA as LABEL_MAP
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.pairs import asking_solver
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptPair
from blpo_inspect.judging.question import check_map, read_pair
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.reask import METADATA as REASK
from blpo_inspect.judging.reask import checked as checked_reask
from blpo_inspect.judging.samples import Record, to_dataset
from blpo_inspect.scorers import agreement, correlation, error, labels, position, unread
from blpo_inspect.scorers.metric_keys import metric_key

_MAX_SHOWN = 2_000
"""Characters of a prompt that are printed."""

_printed: set[str] = set()


def judging_task(
    records: Iterable[Record],
    scale: LabelScale,
    *,
    name: str,
    default_prompt: str,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = DEFAULT,
    default_i2t: str = DEFAULT_I2T,
    prompt_from: str | None = None,
    scorers: Sequence[Scorer] = (),
    order: Order = "both",
    torn: Torn = "unread",
    metadata: Mapping[str, Any] | None = None,
) -> Task:
    """A task that has the main model judge each record and scores its agreement with people.

    Where records have no label, and of pairs, the scorer `labels` says what the judge said; figures of agreement are of
    records with a label.

    Prints the judge prompt in force, and where it is from, once in a process.

    Args:
        records: The images, with or without a label.
        scale: Their labels.
        name: The task's and dataset's name.
        default_prompt: The judge prompt where no pair is given.
        prompts: A prompt pair's YAML file.
        answer: How the verdict is asked for: ``text``, ``label``, ``likelihood`` or ``structured``
            (`judging.answer_mode`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question (`judging.reask`).
        default_i2t: The I2T prompt where no pair is given.
        prompt_from: Where the default prompt is from, for people; else it is the default of the task.
        order: Of two pictures on a scale of pairs: asked in both orders, or as given.
        torn: What a verdict that follows the order is.
        scorers: Further ones than `agreement`, `unread`, `correlation` and `error` where labels have an order, and
            `position` for pairs that are asked about in both orders.
        metadata: What else the log should say about the data.

    Raises:
        PrerequisiteError: The prompt pair cannot be used, or labels are asked for on a numeric scale; Inspect shows it
            without a traceback.
    """
    # old logs, and logs of judges asked for text, say nothing of it
    asked = {} if checked(answer, scale) == "text" else {METADATA: answer}
    again = {} if checked_reask(reask) == DEFAULT else {REASK: reask}
    pair = load_pair(prompts, scale) if prompts is not None else PromptPair(default_prompt, default_i2t)
    check_map(pair, scale, answer, str(prompts))
    means = {} if pair.map is None else {LABEL_MAP: dict(pair.map)}
    print_once(prompt_line(pair.judge, prompts or prompt_from or f"the default of {name}"))
    dataset = to_dataset(records, scale, name=name)
    known = ["human" in (sample.metadata or {}) for sample in dataset]
    compared = any(known) or not known
    ordered = [correlation(), error()] if scale.ordered else []
    figures = [agreement(), unread(), *ordered] if compared else [unread()]
    pairs = scale.kind == "pair"
    placed = [position()] if pairs and order == "both" else []
    return Task(
        dataset=dataset,
        solver=asking_solver(pair, scale, answer, reask, order=order, torn=torn),
        scorer=[*figures, *([] if all(known) and not pairs else [labels()]), *placed, *scorers],
        config=GREEDY,
        headline_metric=HeadlineMetric(scorer="agreement", metric=metric_key("accuracy")) if compared else None,
        metadata={**(metadata or {}), "judge_prompt": pair.judge, "i2t_prompt": pair.i2t, **asked, **again, **means},
    )


def prompt_line(prompt: str, origin: str) -> str:
    """The judge prompt in force and where it is from, for people."""
    return f"judge prompt ({visible(origin)}): {visible_lines(shortened(prompt, _MAX_SHOWN))}"


def print_once(text: str) -> None:
    """Print something about a task once; an optimization makes the task once per split."""
    if text not in _printed and display_type() != "none":
        _printed.add(text)
        get_console().print(text, markup=False, highlight=False, soft_wrap=True)


def load_pair(path: str, scale: LabelScale) -> PromptPair:
    """Read a prompt pair and check that it was written for this scale.

    Raises:
        PrerequisiteError: Missing or invalid file, or a pair for other labels.
    """
    pair = read_pair(path)
    same = ("kind", "labels") if pair.map is None else ("kind", "labels", "low", "high")
    if pair.scale is not None and any(getattr(pair.scale, part) != getattr(scale, part) for part in same):
        raise PrerequisiteError(
            f"{path}: the pair was written for another scale ({pair.scale.instruction()} - here: {scale.instruction()})"
        )
    return pair
