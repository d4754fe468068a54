"""The optimization problem: a benchmark's three splits, its scale and the pair of prompts to start from.

Any task of this package, or of a user's file, is a benchmark here if it has an argument ``split`` and was made by
`tasks.common.judging_task`. Does not call models.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import Sample
from inspect_ai.model import ContentImage
from inspect_ai.util import materialize_media

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_lookup import find
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.judging.answer_mode import Answer, answer_of
from blpo_inspect.judging.label_map import METADATA as LABEL_MAP
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.reask import DEFAULT, reask_of
from blpo_inspect.judging.samples import ABOUT, REASONS, human_of, images_of, scale_of

MANY_RATERS = 3
"""From so many raters on their spread says something."""


@dataclass(frozen=True)
class Item:
    """One labelled image of a benchmark.

    Attributes:
        id: The sample's.
        images: The images that the judge is shown, each a path or a ``data:`` URI.
        human: People's label.
        text: The text that the image is judged against, where the task has one.
        category: The image's kind, where known.
        group: Items of the same group lie in the same split.
        raters: The label that each rater gave; empty where the data have people's label alone.
        reasons: What raters wrote about their labels.
    """

    id: str
    images: tuple[str, ...]
    human: str
    text: str | None = None
    category: str | None = None
    group: str | None = None
    raters: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all raters, or people's label alone."""
        return self.raters or (self.human,)

    @property
    def cluster(self) -> tuple[str, str]:
        """What the item belongs to: equal for the items of one group, and its own where it has none."""
        return ("item", self.id) if self.group is None else ("group", self.group)

    async def content(self) -> list[ContentImage]:
        """The images as every request shows them."""
        return [ContentImage(image=await materialize_media(image)) for image in self.images]


@dataclass(frozen=True)
class Problem:
    """A benchmark ready to be optimized.

    Attributes:
        name: The benchmark's name.
        args: Its arguments.
        scale: The labels.
        start: The prompts to start from. A map counts in the figures of the first pair; optimizing goes by the judge's
            own labels.
        parent: SHA-256 of the prompt file that the start was read from, if it was.
        train: Items that optimizers may see.
        validation: Items that decide between prompts.
        test: Items that are judged once, at the end.
        digest: SHA-256 of the ids, labels, texts, images and raters' labels of all splits.
        answer: How the judge is asked for its verdict, as in the benchmark's own task.
        reask: How often a reply that cannot be read is followed by one more question, as there.
        about: What is judged and for whom, where the benchmark says so.
    """

    name: str
    args: Mapping[str, Any]
    scale: LabelScale
    start: PromptPair
    parent: str | None
    train: tuple[Item, ...]
    validation: tuple[Item, ...]
    test: tuple[Item, ...]
    digest: str
    answer: Answer = "text"
    reask: int = DEFAULT
    about: str | None = None

    @property
    def many_raters(self) -> bool:
        """Whether most training images have three raters or more."""
        return 2 * sum(len(item.raters) >= MANY_RATERS for item in self.train) > len(self.train)


def load_problem(benchmark: str, args: Mapping[str, Any], prompts: str | None = None) -> Problem:
    """Load a benchmark's three splits; the same arguments give the same object within a process.

    Args:
        benchmark: A task's name (``shapes_safety``, ``blpo_inspect/folder``) or ``FILE.py@task``.
        args: Its arguments, without ``split`` and ``prompts``.
        prompts: Prompt pair (YAML file) to start from; else the benchmark's defaults.

    Raises:
        PrerequisiteError: No such benchmark, one without splits, arguments it does not take, an empty split,
            splits that share images or groups or have different labels, or images that cannot be read.
    """
    parent = hashlib.sha256(Path(prompts).read_bytes()).hexdigest() if prompts and Path(prompts).is_file() else None
    return _load(benchmark, json.dumps(dict(args), sort_keys=True), prompts, parent)


@lru_cache(maxsize=4)
def _load(benchmark: str, args: str, prompts: str | None, parent: str | None) -> Problem:
    given = json.loads(args)
    reserved = sorted({"split", "prompts"} & set(given))
    if reserved:
        raise PrerequisiteError(f"benchmark_args: {', '.join(reserved)} is set by optimize itself; leave it out")
    tasks = _tasks(benchmark, given if prompts is None else {**given, "prompts": prompts})
    items: dict[str, tuple[Item, ...]] = {
        split: tuple(_item(benchmark, sample) for sample in task.dataset) for split, task in tasks.items()
    }
    pictures = _digests(benchmark, items)
    _check_splits(benchmark, items, pictures)
    scale = _scale(benchmark, tasks.values())
    described = tasks["train"].metadata or {}
    if "judge_prompt" not in described:
        raise PrerequisiteError(
            f"{benchmark}: no default prompt; make the task with blpo_inspect.tasks.common.judging_task"
        )
    return Problem(
        name=benchmark.removeprefix("blpo_inspect/"),
        args=given,
        scale=scale,
        start=PromptPair(described["judge_prompt"], described["i2t_prompt"], scale, map=described.get(LABEL_MAP)),
        parent=parent,
        train=items["train"],
        validation=items["validation"],
        test=items["test"],
        digest=_digest(items, pictures),
        answer=answer_of(described),
        reask=reask_of(described),
        about=described.get(ABOUT),
    )


def _tasks(benchmark: str, args: Mapping[str, Any]) -> dict[str, Task]:
    """The task with each split."""
    task = find(benchmark)
    unknown = task.unknown({*args, "split"})
    if "split" in unknown:
        raise PrerequisiteError(
            f"{benchmark}: the task has no argument split, so it has no train, validation and test images to optimize "
            "on"
        )
    if "prompts" in unknown:
        raise PrerequisiteError(f"{benchmark}: the task has no argument prompts, so it cannot start from a prompt file")
    if unknown:
        raise PrerequisiteError(
            f"{benchmark}: benchmark_args it does not take: {', '.join(unknown)}; "
            f"known: {', '.join(sorted(set(task.parameters) - {'split', 'prompts'})) or 'none'}"
        )
    lacking = task.lacking({*args, "split"})
    if lacking:
        example = ", ".join(f'"{name}": …' for name in lacking)
        raise PrerequisiteError(
            f"{benchmark} needs {', '.join(lacking)}: give it with -T benchmark_args='{{{example}}}'"
        )
    made: dict[str, Task] = {}
    for split in SPLITS:
        try:
            made[split] = task.make({**args, "split": split})
        except ValueError as error:
            raise PrerequisiteError(f"{benchmark}, split {split}: {error}") from error
    return made


def _item(benchmark: str, sample: Sample) -> Item:
    metadata = sample.metadata or {}
    try:
        scale_of(metadata)
        human = human_of(metadata)
    except ValueError as error:
        raise PrerequisiteError(f"{benchmark}: sample {sample.id}: {error}") from error
    images = tuple(image.image for image in images_of(sample.input))
    if not images:
        raise PrerequisiteError(f"{benchmark}: sample {sample.id} has no image to judge")
    return Item(
        id=str(sample.id),
        images=images,
        human=human,
        text=metadata.get("text"),
        category=metadata.get("category"),
        group=metadata.get("group"),
        raters=tuple(map(str, metadata.get("raters", {}).values())),
        reasons=tuple(metadata.get(REASONS, ())),
    )


def _scale(benchmark: str, tasks: Iterable[Task]) -> LabelScale:
    """The one scale of all samples."""
    scales = [scale_of(sample.metadata or {}) for task in tasks for sample in task.dataset]
    other = next((scale for scale in scales if scale != scales[0]), None)
    if other is not None:
        raise PrerequisiteError(
            f"{benchmark}: its splits have different labels ({scales[0].instruction()} - {other.instruction()})"
        )
    return scales[0]


def _check_splits(benchmark: str, items: Mapping[str, tuple[Item, ...]], pictures: Mapping[str, str]) -> None:
    keys: tuple[tuple[str, Callable[[Item], set[str]]], ...] = (
        ("images", lambda item: {pictures[image] for image in item.images}),
        ("groups", lambda item: {item.group} if item.group is not None else set()),
    )
    for what, of in keys:
        keys_of = {split: {key for item in items[split] for key in of(item)} for split in SPLITS}
        for split, other in combinations(SPLITS, 2):
            shared = keys_of[split] & keys_of[other]
            if shared:
                raise PrerequisiteError(
                    f"{benchmark}: {split} and {other} share {len(shared)} {what}; what is measured on {other} would "
                    "not hold for new images"
                )


def _digests(benchmark: str, items: Mapping[str, tuple[Item, ...]]) -> dict[str, str]:
    """Image as named in the samples → SHA-256 of its bytes."""
    digests: dict[str, str] = {}
    for item in (item for split in SPLITS for item in items[split]):
        for image in item.images:
            if image not in digests:
                try:
                    digests[image] = image_digest(image)
                except (OSError, ValueError) as error:
                    raise PrerequisiteError(
                        f"{benchmark}: the image of sample {item.id} cannot be read: {error}"
                    ) from error
    return digests


def _digest(items: Mapping[str, tuple[Item, ...]], pictures: Mapping[str, str]) -> str:
    plain = [
        [split, item.id, item.human, item.text, [pictures[image] for image in item.images], *item.raters]
        for split in SPLITS
        for item in items[split]
    ]
    return hashlib.sha256(json.dumps(plain, ensure_ascii=False).encode()).hexdigest()
