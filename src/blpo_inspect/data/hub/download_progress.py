"""A progress bar like those of the hub's own downloads."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

T = TypeVar("T")


def progress(items: Iterable[T], total: int, label: str, unit: str) -> Iterator[T]:
    """The items; how many have gone by is shown unless ``HF_HUB_DISABLE_PROGRESS_BARS`` is set."""
    yield from tqdm(items, total=total, desc=label, unit=f" {unit}", leave=False)  # type: ignore[no-untyped-call]
