"""How an image that cannot stay the file that it was is encoded: photographs as JPEG, everything else as PNG.

The same image gives the same bytes: keys of recorded calls hash them.
"""

import io
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import get_sampling

_PHOTOGRAPHS = ("JPEG", "MPO", "AVIF", "HEIF")
_DIRECT = ("RGB", "L", "CMYK", "YCbCr", "LAB")
_WORTHWHILE = 2
_QUALITY = 95
_LONGEST = 65_500  # a JPEG has no longer side


def encode(seen: Image.Image, source: Image.Image, *, smaller: bool) -> tuple[bytes, str]:
    """The bytes of an upright RGB image, and their media type.

    Palettes, wide grey and what had transparency become PNG. JPEG, MPO, AVIF, HEIC and CMYK become JPEG of quality 95.
    Other images, such as BMP, TIFF or a turned PNG, may be drawings or photographs: they become PNG unless a JPEG of
    that quality has less than half of the size. A JPEG keeps the colour resolution of a JPEG that it was made of
    (4:2:0, a quarter) if it has its size; else its colours are as fine as its brightness (4:4:4).

    Args:
        seen: The image to encode.
        source: The image as it was opened.
        smaller: Whether it was scaled down.
    """
    if source.mode not in _DIRECT or source.has_transparency_data or max(seen.size) > _LONGEST:
        return _saved(seen, "PNG"), "image/png"
    jpeg = _jpeg(seen, source, smaller)
    if source.format in _PHOTOGRAPHS or source.mode == "CMYK":
        return jpeg, "image/jpeg"
    # compressed in haste, which shows the difference as well
    if len(_saved(seen, "PNG", compress_level=1)) > _WORTHWHILE * len(jpeg):
        return jpeg, "image/jpeg"
    return _saved(seen, "PNG"), "image/png"


def _jpeg(seen: Image.Image, source: Image.Image, smaller: bool) -> bytes:
    grey = source.mode == "L"
    profile = (source if grey else seen).info.get("icc_profile") or b""
    image = seen.convert("L") if grey else seen
    options: dict[str, Any] = {
        "quality": _QUALITY,
        "subsampling": 2 if get_sampling(source) == 2 and not smaller else 0,
        "comment": b"",
        "icc_profile": profile if profile[16:20] == (b"GRAY" if grey else b"RGB ") else None,
    }
    data = _saved(image, "JPEG", **options)
    # an optimized file is a sixth smaller, and must fit into a buffer of two bytes a pixel
    return _saved(image, "JPEG", **options, optimize=True) if len(data) < image.width * image.height else data


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()
