"""Grey of more than 8 bits a pixel → 8 bits: which value is black, and which is white."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT, _LOWEST, _HIGHEST = 258, 262, 339, 340, 341
"""Tags of a TIFF: the width of a value, whether 0 is white, whether there is a sign, and what values there can be."""


def is_wide(image: Image.Image) -> bool:
    """Whether an image is grey with more than 8 bits: integers of 16 or 32 bits, or floating point."""
    return image.mode.startswith(("I", "F"))


def levels(image: Image.Image, strips: Iterable[Image.Image]) -> Callable[[Image.Image], Image.Image]:
    """How a strip of a wide grey image becomes mode L.

    Black and white are what the file declares: the ends of unsigned integers of 12 or 16 bits, or what a TIFF states as
    its lowest and highest sample. Other integers and floating point declare nothing, so the values decide. They are the
    ends of the narrowest of these ranges that holds all values: 0…1 and a little more (floating point only), 0…255,
    0…65535 (0…32767 with a sign). Where the image would be black in that range, since it uses less than a sixteenth, or
    where none holds it, white is its highest value, and black is 0 or its lowest negative value.

    Args:
        image: A loaded image.
        strips: All of it, in pieces.
    """
    import numpy as np

    tags: Any = getattr(image, "tag_v2", {})
    # Pillow has no 32 bits without a sign
    wraps = image.mode == "I" and bool(tags) and tags.get(_SAMPLE_FORMAT, (1,)) == (1,)
    inverted = tags.get(_PHOTOMETRIC) == 0
    clear = image.info.get("transparency")

    def values(strip: Image.Image) -> "np.ndarray[Any, Any]":
        given = np.asarray(strip)
        return given.view(np.uint32) if wraps else given

    low, high = _declared(image.mode, tags) or _observed(image.mode, tags, map(values, strips))
    scale = 255 / (high - low)

    def convert(strip: Image.Image) -> Image.Image:
        given = values(strip)
        scaled = np.nan_to_num((given - np.float64(low)) * scale, nan=0.0)
        grey = np.clip(scaled, 0, 255).astype(np.float32).astype(np.uint8)
        if inverted:
            grey = 255 - grey
        if isinstance(clear, int):
            grey[given == clear] = 255
        return Image.fromarray(grey)

    return convert


def _declared(mode: str, tags: Any) -> tuple[float, float] | None:
    if mode.startswith("I;16"):
        return 0, 2 ** tags.get(_BITS, (16,))[0] - 1
    try:
        low, high = (float(value[0] if isinstance(value := tags[tag], tuple) else value) for tag in (_LOWEST, _HIGHEST))
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return (low, high) if low < high else None


def _observed(mode: str, tags: Any, pieces: "Iterable[np.ndarray[Any, Any]]") -> tuple[float, float]:
    import numpy as np

    low, high = 0.0, 0.0
    for piece in pieces:
        finite = piece[np.isfinite(piece)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    integers = (255, 32767 if tags.get(_BITS) == (16,) else 65535)
    tops, more = ((1, 255, 65535), 1.1) if mode == "F" else (integers, 1.0)
    top = next((top for top in tops if high <= top * more), None)
    if low < 0 or top is None or (top != tops[0] and high < top / 16):
        return low, high
    return low, top
