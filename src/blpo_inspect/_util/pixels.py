"""Pixels of every mode that an image file can have → 8-bit RGB, strip by strip: no second copy of a large image."""

import io
from collections.abc import Callable, Iterator

from PIL import Image, ImageCms

from blpo_inspect._util.wide_grey import is_wide, levels

_STRIP = 1 << 20
"""Pixels that are converted at once."""

_Convert = Callable[[Image.Image], Image.Image]


def to_rgb(image: Image.Image) -> Image.Image:
    """A loaded image in mode RGB.

    Transparency lies on white, CMYK goes through its colour profile where it has a sound one, LAB becomes sRGB, and
    wide grey is scaled as `wide_grey.levels` says. A colour profile for RGB stays in ``info``, except where something
    was transparent.
    """
    convert = _conversion(image)
    if convert is None:
        return image
    whole = Image.new("RGB", image.size)
    for box in _boxes(image):
        whole.paste(convert(image.crop(box)), box)
    profile = image.info.get("icc_profile") or b""
    # recorded requests hold what was transparent without its profile
    if profile[16:20] == b"RGB " and convert is not _on_white:
        whole.info["icc_profile"] = profile
    return whole


def _boxes(image: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    width, height = image.size
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _conversion(image: Image.Image) -> _Convert | None:
    if is_wide(image):
        return levels(image, map(image.crop, _boxes(image)))
    if image.has_transparency_data:
        return _on_white
    if image.mode == "RGB":
        return None
    if image.mode == "CMYK":
        return _from_cmyk(image.info.get("icc_profile"))
    return lambda strip: strip.convert("RGB")


def _on_white(strip: Image.Image) -> Image.Image:
    # Pillow has no way from La to RGBA
    rgba = (strip.convert("LA") if strip.mode == "La" else strip).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba).convert("RGB")


def _from_cmyk(profile: bytes | None) -> _Convert:
    if profile:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            return ImageCms.buildTransform(given, ImageCms.createProfile("sRGB"), "CMYK", "RGB").apply
        except (ImageCms.PyCMSError, OSError):
            pass  # viewers do without a broken profile too
    return lambda strip: strip.convert("RGB")
