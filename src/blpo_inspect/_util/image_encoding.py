"""How an image that cannot stay the file that it was is encoded: photographs as JPEG, everything else as PNG.

The same image gives the same bytes: keys of recorded calls hash them.
"""

import io

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
        return _png(seen), "image/png"
    jpeg = _jpeg(seen, source, smaller)
    if source.format in _PHOTOGRAPHS or source.mode == "CMYK":
        return jpeg, "image/jpeg"
    # compressed in haste, which shows the difference as well
    drawn = len(_png(seen, compress_level=1)) <= _WORTHWHILE * len(jpeg)
    return (_png(seen), "image/png") if drawn else (jpeg, "image/jpeg")


def _png(seen: Image.Image, **options: int) -> bytes:
    buffer = io.BytesIO()
    seen.save(buffer, format="PNG", **options)
    return buffer.getvalue()


def _jpeg(seen: Image.Image, source: Image.Image, smaller: bool) -> bytes:
    grey = source.mode == "L"
    profile = (source if grey else seen).info.get("icc_profile") or b""
    buffer = io.BytesIO()
    (seen.convert("L") if grey else seen).save(
        buffer,
        format="JPEG",
        quality=_QUALITY,
        subsampling=2 if get_sampling(source) == 2 and not smaller else 0,
        optimize=True,
        comment=b"",
        icc_profile=profile if profile[16:20] == (b"GRAY" if grey else b"RGB ") else None,
    )
    return buffer.getvalue()
