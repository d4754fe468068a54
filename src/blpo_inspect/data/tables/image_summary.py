"""What the images of samples are in a request: which is the largest, and which would be refused by providers."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blpo_inspect.data.tables.pictures import Picture

MOST_BYTES = 5_000_000
"""Of an image in base64; common providers refuse more."""

MOST_PIXELS = 8_000
"""Of a side of an image; common providers refuse more."""

_SHOWN = 5


@dataclass(frozen=True)
class ImageSummary:
    """The images of samples, as requests carry them.

    Attributes:
        largest: Name of the sample with the largest request.
        bytes: What its images take in base64.
        sizes: Width and height of each of its images, in pixels.
        over: Each image of more than `MOST_BYTES` or `MOST_PIXELS`, and what it has.
        several: Files with more frames or pages, of which the first is shown.
        smaller: Images that were scaled down.
        counts: Number of images → how many samples have as many.
    """

    largest: str = ""
    bytes: int = 0
    sizes: tuple[tuple[int, int], ...] = ()
    over: tuple[str, ...] = ()
    several: int = 0
    smaller: int = 0
    counts: Counter[int] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """For people, before anything is judged."""
        if not self.counts:
            return []
        shown = " and ".join(map(_pixels, self.sizes))
        lines = [f"largest request: {_megabytes(self.bytes)} of images in base64, {shown} pixels ({self.largest})"]
        if set(self.counts) != {1}:
            counts = ", ".join(f"{count} ({samples})" for count, samples in sorted(self.counts.items(), reverse=True))
            lines.append(f"images of a sample (samples): {counts}")
        if self.several:
            lines.append(f"files with several frames or pages, of which the first is shown: {self.several}")
        if self.smaller:
            lines.append(f"images scaled down: {self.smaller}")
        return lines + self.warnings()

    def warnings(self) -> list[str]:
        """What would fail at common providers, in one line if anything."""
        if not self.over:
            return []
        more = f"; … and {len(self.over) - _SHOWN} more" if len(self.over) > _SHOWN else ""
        return [
            f"warning: {len(self.over)} images are over 5 MB in base64 or {MOST_PIXELS:,} pixels a side, which common "
            f"providers refuse ({'; '.join(self.over[:_SHOWN])}{more}); -T max_side=2048 scales them down"
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "largest_request": {"sample": self.largest, "base64_bytes": self.bytes, "sizes": list(self.sizes)},
            "over_limits": list(self.over),
            "of_several_frames": self.several,
            "scaled_down": self.smaller,
            "per_sample": {str(count): samples for count, samples in sorted(self.counts.items())},
        }


def summarize_images(samples: Iterable[tuple[str, Sequence[Picture]]]) -> ImageSummary:
    """The images of samples, each with its name."""
    largest: tuple[int, str, Sequence[Picture]] = (-1, "", ())
    over = []
    several = smaller = 0
    counts: Counter[int] = Counter()
    for name, images in samples:
        sizes = [_in_base64(image.bytes) for image in images]
        if sum(sizes) > largest[0]:
            largest = (sum(sizes), name, images)
        counts[len(images)] += 1
        for image, size in zip(images, sizes, strict=True):
            several += image.several
            smaller += image.smaller
            if size > MOST_BYTES or max(image.size) > MOST_PIXELS:
                over.append(f"{name}: {_megabytes(size)}, {_pixels(image.size)}")
    total, name, images = largest
    sizes_of_largest = tuple(image.size for image in images)
    return ImageSummary(name, total, sizes_of_largest, tuple(over), several, smaller, counts)


def _in_base64(size: int) -> int:
    return -(-size // 3) * 4


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.1f} kB"


def _pixels(size: tuple[int, int]) -> str:
    return "{:,}×{:,}".format(*size)
