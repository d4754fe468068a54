"""What holds for the splits of every benchmark."""

from collections import Counter
from typing import Any

from inspect_ai import Task
from inspect_ai.dataset import Sample

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect.judging.samples import images_of


def digests(task: Task) -> set[str]:
    """Of all images."""
    return {image_digest(image.image) for sample in task.dataset for image in images_of(sample.input)}


def metadata(sample: Sample) -> dict[str, Any]:
    """The sample's, which it has."""
    assert sample.metadata is not None
    return sample.metadata


def counts(task: Task, *names: str) -> Counter[tuple[str, ...]]:
    """Samples by values of their metadata."""
    return Counter(tuple(str(metadata(sample)[name]) for name in names) for sample in task.dataset)


def ids(task: Task) -> list[str]:
    """The samples' ids, in order."""
    return [str(sample.id) for sample in task.dataset]


def assert_disjoint(*splits: Task) -> None:
    """No two share an image, a group or an id."""
    for number, split in enumerate(splits):
        for other in splits[number + 1 :]:
            assert not digests(split) & digests(other)
            assert not set(ids(split)) & set(ids(other))
            groups = [{metadata(sample).get("group") for sample in task.dataset} - {None} for task in (split, other)]
            assert not groups[0] & groups[1]


def skipped(task: Task) -> list[str]:
    """The rows that the task says it could not use."""
    assert task.metadata is not None
    return list(task.metadata["skipped_rows"]["rows"])
