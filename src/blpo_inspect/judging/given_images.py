"""A picture as Python code has it (file, bytes, pixels) → what a judge is shown.

As the task ``folder`` shows the same file, so that both make the same request. Nothing is fetched.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

from inspect_ai.model import ContentImage
from PIL import Image

from blpo_inspect._util.image_digest import decoded
from blpo_inspect._util.images import ImageError, Shown, data_uri, shown, shown_pixels
from blpo_inspect._util.text import shortened, visible, without_credentials

if TYPE_CHECKING:
    import numpy as np

Picture: TypeAlias = Union[  # numpy is not imported for its name
    str, os.PathLike[str], bytes, bytearray, memoryview, Image.Image, "np.ndarray"
]
"""A path, an encoded file (bytes, or a ``data:`` URI), a PIL image, or an array: H × W × 3 of uint8, RGB."""


def content_of(picture: Picture) -> ContentImage:
    """The picture, upright and in a format that every provider takes.

    Raises:
        ImageError: A file that is missing or no picture that can be shown, or an address.
        TypeError: Not a `Picture`, or an array of another shape or type.
    """
    seen = _seen(picture)
    return ContentImage(image=data_uri(seen.data, seen.media_type))


def _seen(picture: object) -> Shown:
    if isinstance(picture, Image.Image):
        return shown_pixels(picture, name=getattr(picture, "filename", "") or "the image")
    if isinstance(picture, bytes | bytearray | memoryview):
        return shown(bytes(picture), name="the image given as bytes")
    if isinstance(picture, str) and picture.startswith("data:"):
        try:
            data = decoded(picture)
        except ValueError as error:
            raise ImageError(str(error)) from error
        return shown(data, name=f"the image {picture[:30]}…")
    if isinstance(picture, str | os.PathLike):
        return _of_file(os.fspath(picture))
    if hasattr(picture, "__array_interface__"):
        return shown_pixels(_of_array(picture), name="the image given as an array")
    kind = type(picture).__name__
    raise TypeError(f"a picture is a path, bytes, a data: URI, a PIL image or an array (H × W × 3, uint8), not {kind}")


def _of_file(path: str) -> Shown:
    if "://" in path:
        address = shortened(visible(without_credentials(path)), 80)
        raise ImageError(f"{address}: an address, and nothing is fetched; download the picture and give path or bytes")
    name = shortened(visible(path), 200)
    if not os.path.isfile(path):  # noqa: PTH113  # of any text, also one that is too long for a path
        why = "not a file" if os.path.exists(path) else "no such file"  # noqa: PTH110
        raise ImageError(f"{name}: {why}")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}") from error
    return shown(data, name=name)


def _of_array(array: object) -> Image.Image:
    facts = array.__array_interface__  # type: ignore[attr-defined]
    shape, type_ = facts["shape"], facts["typestr"]
    if type_ != "|u1" or len(shape) != 3 or shape[2] != 3:
        raise TypeError(
            f"an array must be H × W × 3 of uint8, in RGB, not {' × '.join(map(str, shape))} of {type_.lstrip('<>|=')}"
        )
    return Image.fromarray(array)  # type: ignore[arg-type]
