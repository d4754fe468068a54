"""A case's benchmark as an Inspect task, and what is known of its samples before they are judged.

Calls no model (`running`).
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.util import registry_info

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.inspect_internals import task_folder
from blpo_inspect._util.plain_error import reason_of
from blpo_inspect._util.task_lookup import NoBenchmarkError, NoFileError, find
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import human_of, images_of, scale_of
from blpo_inspect.regression.data_differences import BrokenError
from blpo_inspect.regression.suite import Case


@dataclass(frozen=True)
class PreparedCase:
    """A case's benchmark, made but not run.

    Attributes:
        case: The case.
        task: Its task.
        scale: The labels.
        facts: Sample id → what is known of it before it is judged, as `facts_of` says it.
    """

    case: Case
    task: Task
    scale: LabelScale
    facts: Mapping[str, Mapping[str, str | None]]

    @property
    def name(self) -> str:
        """The task's registered name."""
        return registry_info(self.task).name


def prepare(case: Case, folder: Path) -> PreparedCase:
    """Make a case's task, on its test split where it has splits and the arguments name none.

    Args:
        case: The case.
        folder: What relative paths of the benchmark and in its arguments start from.

    Raises:
        BrokenError: No such benchmark, arguments it does not take, data or prompts that cannot be used.
    """
    try:
        with chdir(folder):
            task = _task(case)
        with chdir(task_folder(task)):
            facts = {str(sample.id): _facts(sample) for sample in task.dataset}
            scales = [scale_of(sample.metadata or {}) for sample in task.dataset]
    except BrokenError:
        raise
    except Exception as error:  # a user's task may raise anything
        raise BrokenError(f"{case.benchmark}: {reason_of(error)}") from error
    if len(facts) < len(scales):
        raise BrokenError(f"{case.benchmark}: several samples have the same id")
    if any(scale != scales[0] for scale in scales):
        raise BrokenError(f"{case.benchmark}: its samples have different label scales")
    if "judge_prompt" not in (task.metadata or {}):
        raise BrokenError(f"{case.benchmark}: make the task with blpo_inspect.tasks.common.judging_task")
    return PreparedCase(case, task, scales[0], facts)


def _task(case: Case) -> Task:
    args = dict(case.args)
    if case.prompts is not None:
        args["prompts"] = str(case.prompts)
    try:
        task = find(case.benchmark)
    except NoFileError as error:
        raise BrokenError(f"{case.benchmark}: there is no such file in the suite's folder") from error
    except NoBenchmarkError as error:
        raise BrokenError(str(error)) from error
    if "split" in task.parameters:
        args.setdefault("split", "test")
    unknown = task.unknown(args)
    if unknown:
        takes = ", ".join(sorted(set(task.parameters) - {"prompts"})) or "none"
        raise BrokenError(f"{case.benchmark}: it does not take {', '.join(unknown)}; its arguments: {takes}")
    lacking = task.lacking(args)
    if lacking:
        raise BrokenError(f"{case.benchmark}: it needs the arguments {', '.join(lacking)}")
    return task.make(args)


def _facts(sample: Sample) -> dict[str, str | None]:
    return facts_of(sample.metadata or {}, [image.image for image in images_of(sample.input)])


def facts_of(metadata: Mapping[str, Any], images: Iterable[str]) -> dict[str, str | None]:
    """What is known of a sample before it is judged, as fields of `JudgedSample`: people's label, category, group, and
    as ``shown`` a digest of the images and the text that a judge is shown.

    Args:
        metadata: The sample's.
        images: Its images, as files or ``data:`` URIs.
    """
    text = metadata.get("text")
    parts = [image_digest(image) for image in images]
    parts.append("" if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
    kinds = {name: metadata.get(name) for name in ("category", "group")}
    return {
        "human": scale_of(metadata).canonical(human_of(metadata)),
        "shown": hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16],
        **{name: None if value is None else str(value) for name, value in kinds.items()},
    }
