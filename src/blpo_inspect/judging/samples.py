"""Labelled images → Inspect samples.

A `Record` is one image with its human label, whatever it came from, or several images in an order; `to_sample` makes
it what the solvers and scorers of this package expect. Does not read files of records (`tasks`) and does not word
prompts (`solvers`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessage, ChatMessageUser, Content, ContentImage, ContentText

from blpo_inspect.judging.labels import LabelScale

ABOUT = "about"
"""Where a task's metadata say what is judged and for whom, in a line."""

REASONS = "reasons"
"""Where a sample's metadata hold what raters wrote about their labels, as a list."""

SIDES = "sides"
"""Where the metadata of a pair hold the categories of its two images, such as the models that made them, as a list."""


@dataclass(frozen=True)
class Record:
    """One labelled image, or several that are judged together.

    Attributes:
        id: Unique in its dataset.
        image: A ``data:`` URI, or the path of a file that needs no conversion.
        label: The human label, on the scale; None where nobody labelled the image.
        text: What the image is judged against, where the task has a text.
        raters: Each rater's own label, where known.
        category: What kind of image it is, for figures by category.
        group: Records of one group never fall into different splits.
        extra: What else is known of the image, JSON-ready; goes into the sample's metadata under its own names.
        more_images: Images that the judge is shown after `image`, in this order, such as the one after a change.
    """

    id: str
    image: str
    label: str | None
    text: str | None = None
    raters: Mapping[str, str] = field(default_factory=dict)
    category: str | None = None
    group: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    more_images: tuple[str, ...] = ()

    @property
    def images(self) -> tuple[str, ...]:
        """All that the judge is shown, in order."""
        return (self.image, *self.more_images)


def to_sample(record: Record, scale: LabelScale) -> Sample:
    """The record as a sample: images and text as input, the label as target, everything else as metadata.

    A record without a label has an empty target, and no ``human`` in its metadata.

    The scale goes into the metadata too, so that a log can be scored again without its task.

    Raises:
        ValueError: A label that is not on the scale; names the record.
    """
    for label in (record.label, *record.raters.values()):
        if label is not None and scale.kind != "numeric" and label not in scale.labels:
            raise ValueError(f"{record.id}: label {label!r} is not on the scale ({', '.join(scale.labels)})")
    metadata: dict[str, Any] = {**record.extra, "scale": scale.to_dict()}
    for key, name in (("human", "label"), ("text", "text"), ("category", "category"), ("group", "group")):
        if getattr(record, name) is not None:
            metadata[key] = getattr(record, name)
    if record.raters:
        metadata["raters"] = dict(record.raters)
    content: list[Content] = [ContentImage(image=image) for image in record.images]
    if record.text is not None:
        content.append(ContentText(text=record.text))
    return Sample(
        id=record.id,
        input=[ChatMessageUser(content=content)],
        target=record.label or "",
        metadata=metadata,
    )


def to_dataset(records: Iterable[Record], scale: LabelScale, *, name: str) -> MemoryDataset:
    """The records as a dataset.

    Raises:
        ValueError: As `to_sample`, or an id that occurs twice.
    """
    samples = [to_sample(record, scale) for record in records]
    ids = [sample.id for sample in samples]
    if len(set(ids)) < len(ids):
        twice = sorted({str(i) for i in ids if ids.count(i) > 1})
        raise ValueError(f"{name}: ids that occur more than once: {', '.join(twice[:5])}")
    return MemoryDataset(samples, name=name)


def images_of(input: str | list[ChatMessage]) -> list[ContentImage]:
    """The images in a sample's input, in order."""
    if isinstance(input, str):
        return []
    parts = [part for message in input if not isinstance(message.content, str) for part in message.content]
    return [part for part in parts if isinstance(part, ContentImage)]


def human_of(metadata: Mapping[str, Any]) -> str:
    """People's label of a sample, from its metadata.

    Raises:
        ValueError: Nobody labelled it.
    """
    if "human" not in metadata:
        raise ValueError("nobody labelled its image, and this needs people's labels")
    return str(metadata["human"])


def scale_of(metadata: Mapping[str, Any]) -> LabelScale:
    """The scale of a sample, from its metadata.

    Raises:
        ValueError: The sample was not made by this package.
    """
    if "scale" not in metadata:
        raise ValueError(
            "the sample has no label scale in its metadata: this solver or scorer works on the tasks of "
            "blpo_inspect, or on samples made by blpo_inspect.judging.samples.to_sample"
        )
    return LabelScale.from_dict(metadata["scale"])
