"""Which of two pictures? A user's own pairs as a task, or pairs of pictures that people rated one by one.

    inspect eval blpo_inspect/pairs -T data=pairs.csv --model hf-vlm/Qwen/Qwen2.5-VL-7B-Instruct
    inspect eval blpo_inspect/pairs -T data=ratings.csv -T rated=true --model openai/gpt-4o

A table of pairs has the columns ``image_1``, ``image_2``, ``label`` (``first``, ``second``, or ``tie`` with
``ties=true``) and, where there are some, ``text``, ``rater_…``, ``group``, ``category``, and ``category_1`` and
``category_2``, such as the models that made the two. Where labels have other names, ``benchmark.yaml`` says which:
``scale: {kind: pair, labels: [first, second, tie], aliases: {left: first, right: second}}``.
"""

from typing import Literal

from inspect_ai import Task, task

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.rated_pairs import rated_pairs
from blpo_inspect.data.splits import Split, split_records
from blpo_inspect.data.tables import TableError, read_benchmark, summarize
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.both_orders import Order, Torn
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.tasks.common import judging_task, print_once
from blpo_inspect.tasks.own_data import check_arguments, facts_of

DEFAULT_PROMPT = "Look at the two images. Which one is better?"
DEFAULT_TEXT_PROMPT = "Look at the two images and the text. Which image matches the text better?"


@task
@checked_arguments
def pairs(
    data: str,
    prompts: str | None = None,
    prompt: str | None = None,
    ties: bool = False,
    order: Order = "both",
    torn: Torn = "unread",
    rated: bool = False,
    most_pairs: int | None = None,
    split: Split | Literal["all"] = "all",
    seed: int = 0,
    skip_bad: bool = False,
    allow_remote: bool = False,
    answer: Answer = "text",
    reask: int = 1,
    max_side: int | None = None,
) -> Task:
    """Judge which of two pictures it is, in both orders.

    Args:
        data: As of the task ``folder``: a table of pairs, or with `rated` of single pictures.
        prompts: Prompt pair (YAML file) to judge with.
        prompt: The judge prompt itself, instead of a pair.
        ties: Whether a pair may be a tie.
        order: ``both``: each pair is asked about in both orders; ``given``: once.
        torn: What a verdict that follows the order is: ``unread``, or ``tie`` where these are allowed.
        rated: The table has single pictures with ratings; pairs are made of those of one group.
        most_pairs: At most so many pairs of a group, with `rated`.
        split: ``train`` (40 %), ``validation`` (20 %), ``test`` (40 %), or ``all``.
        seed: Of the splits, and of pairs that are made.
        skip_bad: Leave out rows that cannot be used, instead of stopping.
        allow_remote: Fetch images that the table names by http or https addresses, once; else they are refused.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
        max_side: Pixels of the longer side above which an image is scaled down before it is sent.

    Raises:
        PrerequisiteError: What cannot be used, and what to do.
    """
    check_arguments(prompts, prompt, split)
    try:
        benchmark = read_benchmark(
            str(data),
            skip_bad=skip_bad,
            allow_remote=allow_remote,
            max_side=max_side,
            expected=None if rated else LabelScale.pair(ties=ties),
        )
        records, scale = list(benchmark.records), benchmark.scale
        if rated:
            records = rated_pairs(records, scale, ties=ties, seed=seed, most=most_pairs)
            scale = LabelScale.pair(ties=ties)
        if scale.kind != "pair":
            raise ValueError(f"its scale is {scale.kind}, and that of pairs is pair (or give rated=true)")
        if ties and not scale.ties:
            raise ValueError("ties=true, but benchmark.yaml states a scale without tie")
        few = next((record.id for record in records if len(record.images) != 2), None)
        if few is not None:
            raise ValueError(f"{few} is no pair: image_1 and image_2 are its two pictures (or give rated=true)")
        if split != "all":
            records = list(split_records(records, scale, seed=seed)[split])
    except TableError as error:
        raise PrerequisiteError(str(error)) from error
    except ValueError as error:
        raise PrerequisiteError(f"{data}: {error}") from error
    print_once("\n".join([summarize(benchmark, {"all": benchmark.records}), *benchmark.images.warnings()]))
    settings = benchmark.settings
    texts = any(record.text is not None for record in records)
    return judging_task(
        records,
        scale,
        name="pairs",
        default_prompt=prompt or settings.judge or (DEFAULT_TEXT_PROMPT if texts else DEFAULT_PROMPT),
        prompt_from="given as prompt" if prompt else None,
        prompts=prompts,
        answer=answer,
        reask=reask,
        order=order,
        torn=torn,
        metadata={
            **facts_of(benchmark),
            "split": split,
            "seed": seed,
            "order": order,
            **({"pairs_of_rated": len(benchmark.records)} if rated else {}),
        },
    )
