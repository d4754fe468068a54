"""Photographs become JPEG, drawings PNG; the same picture the same bytes, in few of them and near to what was seen."""

import io
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.JpegImagePlugin import get_sampling

from blpo_inspect._util.images import decode, shown

TURNED = Image.Exif()
TURNED[0x0112] = 6


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


@cache
def photograph() -> Image.Image:
    """Smooth shapes of several sizes, and the noise of a sensor."""
    chance = np.random.default_rng(0)
    pixels = np.full((480, 640, 3), 128.0)
    for cells, height in ((5, 90), (20, 50), (80, 25)):
        coarse = Image.fromarray(chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        pixels += (np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC), dtype=float) - 128) * height / 128
    pixels += chance.normal(0, 4, (480, 640, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def drawing() -> Image.Image:
    image = Image.new("RGB", (640, 480), "white")
    for number in range(12):
        image.paste((20 * number, 200, 250 - 20 * number), (50 * number, 30 * number, 50 * number + 90, 400))
    return image


def psnr(one: Image.Image, other: Image.Image) -> float:
    error = np.mean((np.asarray(one, dtype=float) - np.asarray(other, dtype=float)) ** 2)
    return float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize(
    ("data", "times"),
    [
        (encoded(photograph(), "JPEG", quality=85, exif=TURNED), 2.5),
        (encoded(photograph(), "JPEG", quality=85, subsampling=0, exif=TURNED), 2.5),
        (encoded(photograph(), "MPO", quality=85, save_all=True, append_images=[drawing()]), 2.5),
        (encoded(photograph().convert("CMYK"), "JPEG", quality=95), 1),
        (encoded(photograph().convert("L"), "JPEG", quality=85, exif=TURNED), 2.5),
        (encoded(photograph(), "WEBP", quality=90, exif=TURNED), 3),
        (encoded(photograph(), "AVIF", quality=80, speed=10), 4),
        (encoded(photograph(), "PNG", exif=TURNED), 0.5),
        (encoded(photograph(), "TIFF"), 0.3),
        (encoded(photograph(), "BMP"), 0.3),
        (encoded(photograph().convert("CMYK"), "TIFF"), 0.3),
        (encoded(photograph().convert("YCbCr"), "TIFF"), 0.3),
    ],
    ids=["jpeg", "jpeg444", "mpo", "cmyk", "grey", "webp", "avif", "png", "tiff", "bmp", "cmyk tiff", "ycbcr tiff"],
)
def test_photographs_become_jpeg_of_high_quality(data: bytes, times: float) -> None:
    seen = shown(data, name="x")
    assert seen.media_type == "image/jpeg"
    assert len(seen.data) < times * len(data)
    assert psnr(decode(seen.data, name="y"), decode(data, name="x")) > 38
    assert shown(data, name="z").data == seen.data


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "WEBP"])
def test_drawings_stay_lossless(kind: str) -> None:
    image = drawing().convert("P") if kind == "GIF" else drawing()
    options: dict[str, Any] = {"exif": TURNED} if kind in ("PNG", "WEBP") else {}
    data = encoded(image, kind, **options, **({"lossless": True} if kind == "WEBP" else {}))
    seen = shown(data, name="x")
    assert seen.media_type == "image/png"
    assert (np.asarray(decode(seen.data, name="y")) == np.asarray(decode(data, name="x"))).all()


def test_transparency_and_palettes_stay_lossless_even_in_photographs() -> None:
    clear = photograph().convert("RGBA")
    clear.putalpha(photograph().convert("L"))
    for data in (encoded(clear, "PNG"), encoded(clear, "AVIF", speed=10), encoded(photograph().quantize(), "GIF")):
        assert shown(data, name="x").media_type == "image/png"


@pytest.mark.parametrize(("given", "kept"), [(2, 2), (1, 0), (0, 0)])
def test_the_colours_are_as_fine_as_before(given: int, kept: int) -> None:
    data = encoded(photograph(), "JPEG", quality=85, subsampling=given, exif=TURNED)
    for max_side, sampling in ((None, kept), (100, 0)):
        with Image.open(io.BytesIO(shown(data, name="x", max_side=max_side).data)) as new:
            assert get_sampling(new) == sampling


def test_a_profile_goes_along_where_it_fits_and_nothing_else_of_the_file_does() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = profile[:16] + b"GRAY" + profile[20:]
    for image, given, kept in (
        (photograph(), profile, profile),
        (photograph(), grey, None),
        (photograph().convert("L"), grey, grey),
        (photograph().convert("L"), profile, None),
        (photograph().convert("CMYK"), profile[:16] + b"CMYK" + profile[20:], None),
    ):
        data = encoded(image, "JPEG", icc_profile=given, exif=TURNED, comment=b"secret")
        with Image.open(io.BytesIO(shown(data, name="x").data)) as new:
            assert new.info.get("icc_profile") == kept
            assert not {"comment", "exif"} & set(new.info)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_noise_that_no_encoder_makes_smaller(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8))
    options = {"quality": 100, "subsampling": 0, "exif": TURNED} if kind == "JPEG" else {}
    seen = shown(encoded(noise, kind, **options), name="x")
    assert seen.media_type == ("image/jpeg" if kind == "JPEG" else "image/png")
    assert seen.size == (400, 400)


def test_what_is_longer_than_a_jpeg_can_be_becomes_png() -> None:
    data = encoded(Image.effect_noise((66_000, 2), 50).convert("CMYK"), "TIFF")
    assert shown(data, name="x").media_type == "image/png"
