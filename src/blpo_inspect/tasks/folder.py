"""A user's own labelled photographs as a task, without code.

    inspect eval blpo_inspect/folder -T data=labels.csv --model hf-vlm/Qwen/Qwen2.5-VL-7B-Instruct

The table (CSV or JSON lines) has the columns ``image`` (path relative to the table), ``label``, and optionally ``text``
and ``id``. PNG, JPEG, WebP, GIF, BMP and TIFF are shown to the judge as a person would see them.
"""

from collections.abc import Sequence
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai._util.error import PrerequisiteError

from blpo_inspect.tables import TableError, read_records
from blpo_inspect.tasks.common import judging_task

DEFAULT_PROMPT = "Look at the image and judge it. Which label fits best?"
DEFAULT_TEXT_PROMPT = "Look at the image and judge it against the text. Which label fits best?"


@task
def folder(
    data: str,
    labels: str | Sequence[str] | None = None,
    prompts: str | None = None,
    prompt: str | None = None,
) -> Task:
    """Judge the images of a table.

    Args:
        data: The table, ``.csv`` or ``.jsonl``.
        labels: The labels of the scale, separated by commas; inferred from the table where not given.
        prompts: Prompt pair (YAML file) to judge with.
        prompt: The judge prompt itself, instead of a pair.
    """
    if prompts is not None and prompt is not None:
        raise PrerequisiteError("give either prompts=FILE or prompt=TEXT, not both")
    named = labels.split(",") if isinstance(labels, str) else labels
    try:
        records, scale = read_records(Path(data), [str(label).strip() for label in named] if named else None)
    except TableError as error:
        raise PrerequisiteError(str(error)) from error
    texts = any(record.text is not None for record in records)
    return judging_task(
        records,
        scale,
        name="folder",
        default_prompt=prompt or (DEFAULT_TEXT_PROMPT if texts else DEFAULT_PROMPT),
        prompts=prompts,
        metadata={"data": Path(data).name},
    )
