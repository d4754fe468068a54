"""Small pictures for the report: read from the log again, decoded, shrunk and encoded anew.

Nothing of the original file is kept: no EXIF, no colour profile, no bytes behind the image.
"""

import base64
import binascii
import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from PIL import Image

from blpo_inspect._util.images import ImageError, data_uri, decode

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

SIDE = 240
"""Longest side in pixels."""

_QUALITY = 80
_GAP = 4


def thumbnail(*uris: str, name: str, side: int = SIDE) -> str:
    """``data:`` URIs of images → the URI of a JPEG of all, side by side, each in a square of `side` pixels at most.

    Raises:
        ImageError: Not a ``data:`` URI, or an image that cannot be decoded; names it.
    """
    images = [_small(uri, name, side) for uri in uris]
    row = images[0]
    if len(images) > 1:
        width = sum(image.width for image in images) + _GAP * (len(images) - 1)
        row, left = Image.new("RGB", (width, max(image.height for image in images)), "white"), 0
        for image in images:
            row.paste(image, (left, 0))
            left += image.width + _GAP
    buffer = io.BytesIO()
    row.save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return data_uri(buffer.getvalue(), "image/jpeg")


def _small(uri: str, name: str, side: int) -> Image.Image:
    header, comma, body = uri.partition(",")
    if not header.startswith("data:") or not comma:
        raise ImageError(f"{name}: the log does not hold the image")
    try:
        data = base64.b64decode(body, validate=True) if header.endswith(";base64") else unquote_to_bytes(body)
    except binascii.Error as error:
        raise ImageError(f"{name}: the image in the log is damaged: {error}") from error
    image = decode(data, name=name)
    image.thumbnail((side, side))
    image.info.clear()
    return image


def read(wanted: Mapping[str, Iterable[str]]) -> dict[tuple[str, str], str]:
    """Thumbnails of samples that are read from their logs again.

    Args:
        wanted: Log file → ids of samples.

    Returns:
        (log file, id) → ``data:`` URI; images that cannot be had are missing.
    """
    from blpo_inspect.judging.samples import images_of

    thumbnails = {}
    for source, ids in sorted(wanted.items()):
        for sample in _samples(source, sorted(set(ids))):
            if images := [image.image for image in images_of(sample.input)]:
                with suppress(ImageError):
                    thumbnails[source, str(sample.id)] = thumbnail(*images, name=str(sample.id))
    return thumbnails


def _samples(source: str, ids: list[str]) -> "Iterable[EvalSample]":
    from inspect_ai.log import read_eval_log, read_eval_log_sample

    unneeded = {"events", "messages", "store", "timelines"}
    if source.endswith(".json"):
        samples = read_eval_log(source, resolve_attachments="core").samples or []
        return [sample for sample in samples if str(sample.id) in ids and sample.epoch == 1]
    return [read_eval_log_sample(source, id, 1, resolve_attachments="core", exclude_fields=unneeded) for id in ids]
