"""A user's own labelled images as a task, without code.

    inspect eval blpo_inspect/folder -T data=labels.csv --model hf-vlm/Qwen/Qwen2.5-VL-7B-Instruct
    inspect eval blpo_inspect/folder -T data=hub:OWNER/NAME@COMMIT -T hub_split=test --model openai/gpt-4o
    inspect eval blpo_inspect/optimize -T benchmark=folder -T benchmark_args='{"data": "labels.csv"}' …

The data are a folder, a table (CSV, JSON lines, Parquet) or a Hugging Face dataset; a ``benchmark.yaml`` beside them
can say what columns and labels mean (`blpo_inspect.data.tables`). A summary of them is printed before the run.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from inspect_ai import Task, task

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.splits import Split, balanced, label_stratum, short, split_records
from blpo_inspect.data.tables import TableError, UserBenchmark, read_benchmark, summarize
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.prompts import DEFAULT_I2T
from blpo_inspect.judging.question import read_pair
from blpo_inspect.judging.samples import Record
from blpo_inspect.tasks.common import judging_task, print_once
from blpo_inspect.tasks.own_data import check_arguments, facts_of

DEFAULT_PROMPT = "Look at the image and judge it. Which label fits best?"
DEFAULT_TEXT_PROMPT = "Look at the image and judge it against the text. Which label fits best?"


@task
@checked_arguments
def folder(
    data: str,
    labels: str | Sequence[str] | None = None,
    scale: str | Sequence[str] | None = None,
    prompts: str | None = None,
    prompt: str | None = None,
    split: Split | Literal["all"] = "all",
    seed: int = 0,
    limit_per_class: int | None = None,
    skip_bad: bool = False,
    config: str | None = None,
    hub_split: str | None = None,
    allow_remote: bool = False,
    answer: Answer = "text",
    reask: int = 1,
    max_side: int | None = None,
    unlabelled: bool = False,
) -> Task:
    """Judge a user's images.

    Images without a label are judged too where the table has none at all and the scale is stated, here, in
    ``benchmark.yaml`` or in the prompt pair, or where `unlabelled` says so. They count in no figure of agreement and
    are in no split.

    Args:
        data: A folder, a table (``.csv``, ``.jsonl``, ``.parquet``), a ``benchmark.yaml`` or ``hub:NAME@REVISION``.
        labels: The labels of the scale, separated by commas; else as ``benchmark.yaml`` says, else what occurs.
        scale: The scale instead of its labels: ``unordered:a,b``, ``ordinal:1-5``, ``numeric:0:100``.
        prompts: Prompt pair (YAML file) to judge with.
        prompt: The judge prompt itself, instead of a pair.
        split: ``train`` (40 %), ``validation`` (20 %), ``test`` (40 %), or ``all``.
        seed: Seed of the splits and of what `limit_per_class` draws.
        limit_per_class: At most so many images per label (of a numeric scale per fifth), drawn by chance.
        skip_bad: Leave out rows that cannot be used, instead of stopping.
        config: Of a Hugging Face dataset with several configurations.
        hub_split: Of a Hugging Face dataset with several splits of its own; `split` divides what this names.
        allow_remote: Fetch images that the table names by http or https addresses, once; else they are refused.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
        max_side: Pixels of the longer side above which an image is scaled down before it is sent.
        unlabelled: Judge rows without a label too, in a table where others have one.

    Raises:
        PrerequisiteError: What cannot be used, and what to do.
    """
    check_arguments(prompts, prompt, split)
    try:
        benchmark = read_benchmark(
            str(data),
            labels=labels,
            scale=scale,
            skip_bad=skip_bad,
            config=config,
            hub_split=hub_split,
            allow_remote=allow_remote,
            max_side=max_side,
            unlabelled=unlabelled,
            otherwise=None if prompts is None else read_pair(prompts).scale,
        )
        parts, notes = divide(benchmark, split, seed=seed, limit_per_class=limit_per_class)
    except TableError as error:
        raise PrerequisiteError(str(error)) from error
    except ValueError as error:
        raise PrerequisiteError(f"{data}: {error}") from error
    print_once("\n".join([summarize(benchmark, parts), *benchmark.images.warnings(), *notes]))
    drawn: dict[str, Any] = {"split": split, "seed": seed}
    if max_side is not None:
        drawn |= {"max_side": max_side, "scaled_down": benchmark.images.smaller}
    return _task(benchmark, parts[split], prompts, prompt, answer, reask, drawn)


def divide(
    benchmark: UserBenchmark, split: Split | Literal["all"], *, seed: int, limit_per_class: int | None
) -> tuple[dict[str, list[Record]], list[str]]:
    """All records, or the three splits of those with a label, each limited; and what the limit found too little of.

    Raises:
        ValueError: Data too small for three splits, or a limit below 1.
    """
    records, scale = benchmark.records, benchmark.scale
    parts: dict[str, list[Record]] = {}
    if split == "all":
        parts["all"] = list(records)
    else:
        parts.update(split_records([one for one in records if one.label is not None], scale, seed=seed).items())
    if limit_per_class is None:
        return parts, []
    stratum = label_stratum(records, scale)
    notes = []
    for name, part in parts.items():
        few = short(part, limit_per_class, stratum=stratum)
        if few:
            notes.append(f"{name}: fewer than {limit_per_class} of {', '.join(f'{k} ({n})' for k, n in few.items())}")
        parts[name] = balanced(part, limit_per_class, seed=seed, stratum=stratum)
    return parts, notes


def default_prompt(benchmark: UserBenchmark) -> tuple[str, str]:
    """The judge prompt where none is given, and where it is from."""
    if benchmark.settings.judge is not None:
        return benchmark.settings.judge, "from benchmark.yaml"
    texts = any(record.text is not None for record in benchmark.records)
    return DEFAULT_TEXT_PROMPT if texts else DEFAULT_PROMPT, "the default of folder"


def _task(
    benchmark: UserBenchmark,
    records: Sequence[Record],
    prompts: str | None,
    prompt: str | None,
    answer: Answer,
    reask: int,
    drawn: Mapping[str, Any],
) -> Task:
    settings = benchmark.settings
    default, origin = default_prompt(benchmark)
    return judging_task(
        records,
        benchmark.scale,
        name="folder",
        default_prompt=prompt or default,
        prompt_from="given as prompt" if prompt else origin,
        default_i2t=settings.i2t or DEFAULT_I2T,
        prompts=prompts,
        answer=answer,
        reask=reask,
        metadata={**facts_of(benchmark), **drawn},
    )
