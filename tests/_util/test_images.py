"""Images are decoded as a person would see them; anything else is refused by name."""

import io
import struct
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from blpo_inspect._util import images
from blpo_inspect._util.images import ImageError, decode, shown
from blpo_inspect._util.memory import MemoryBudget


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def left_red_right_blue(mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (8, 4), (255, 0, 0))
    image.paste((0, 0, 255), (4, 0, 8, 4))
    return image.convert(mode)


@pytest.mark.parametrize("format", ["PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_lossless_formats(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    seen = decode(encoded(left_red_right_blue(), format, **options), name="x")
    assert seen.mode == "RGB"
    assert (np.asarray(seen) == np.asarray(left_red_right_blue())).all()


@pytest.mark.parametrize(("orientation", "corner"), [(1, "red"), (3, "blue"), (6, "red"), (8, "blue")])
def test_exif_orientation(orientation: int, corner: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = decode(encoded(left_red_right_blue(), "PNG", exif=exif), name="x")
    # orientation 6 is turned clockwise: left becomes top; 8 the other way: right becomes top; 3 is upside down
    assert seen.size == ((4, 8) if orientation in (6, 8) else (8, 4))
    assert seen.getpixel((0, 0)) == {"red": (255, 0, 0), "blue": (0, 0, 255)}[corner]


def test_cmyk_is_not_inverted() -> None:
    red = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    pixel = decode(encoded(red, "JPEG", quality=95), name="x").getpixel((4, 4))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert max(pixel[1:]) < 60


def test_alpha_is_flattened_on_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 255, 0))  # invisible blue
    image.putpixel((1, 0), (0, 0, 255, 128))
    seen = decode(encoded(image, "PNG"), name="x")
    assert seen.getpixel((0, 0)) == (255, 255, 255)
    half = seen.getpixel((1, 0))
    assert isinstance(half, tuple)
    assert half[2] == 255
    assert abs(half[0] - 127) <= 1


def test_palette_with_transparency() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putpixel((1, 0), 1)
    seen = decode(encoded(image, "PNG", transparency=0), name="x")
    assert [seen.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 0, 0)]


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    levels = np.array([[0, 0x8000, 0xFFFF]], dtype=np.uint16)
    seen = decode(encoded(Image.fromarray(levels), "PNG"), name="x")
    assert [seen.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (127, 127, 127), (255, 255, 255)]


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode(data, name="x").getpixel((0, 0)) == (255, 0, 0)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge and holds almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"not an image", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
        (encoded(left_red_right_blue(), "PNG")[:-30], "truncated or damaged"),
        (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:400], "truncated or damaged"),
        (bomb(60_000, 60_000), "decompression bomb"),
        (bomb(15_000, 9_000), "over the limit"),
    ],
)
def test_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        decode(data, name="photos/x.png")
    assert "photos/x.png" in str(caught.value)


@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"]), st.integers(0, 80))
def test_damage_never_escapes_as_another_error(noise: bytes, format: str, place: int) -> None:
    data = encoded(left_red_right_blue(), format)
    damaged = data[:place] + noise + data[place + len(noise) :]
    try:
        seen = decode(damaged, name="x", max_pixels=10**6)
    except ImageError as error:
        message = str(error)
    else:
        message = f"x: {seen.mode}"
    assert message.startswith("x: ")


def test_plain_files_stay_as_they_are() -> None:
    for format, media_type in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        data = encoded(left_red_right_blue(), format)
        seen = shown(data, name="x")
        assert (seen.data, seen.media_type) == (data, media_type)


def turned(orientation: object = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_others_become_what_is_seen() -> None:
    for data in (
        encoded(left_red_right_blue(), "PNG", exif=turned()),
        encoded(left_red_right_blue("P"), "GIF"),
        encoded(left_red_right_blue("RGBA"), "PNG"),
    ):
        seen = shown(data, name="x")
        assert seen.media_type == "image/png"
        assert seen.data != data
        assert (np.asarray(decode(seen.data, name="y")) == np.asarray(decode(data, name="x"))).all()


@pytest.mark.parametrize("orientation", [6, (6,), 6.0, "6", b"\6"])
def test_a_turned_picture_is_turned_however_its_exif_writes_it(
    orientation: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(left_red_right_blue(), "JPEG", exif=turned())
    monkeypatch.setattr(Image.Exif, "get", lambda self, tag, default: orientation)
    assert decode(data, name="x").size == (4, 8)
    seen = shown(data, name="x")
    assert (seen.size, seen.media_type) == ((4, 8), "image/jpeg")
    with Image.open(io.BytesIO(seen.data)) as again:
        assert (again.size, again.info.get("exif")) == ((4, 8), None)


@pytest.mark.parametrize("error", [struct.error, SyntaxError, ValueError, TypeError, KeyError])
def test_a_picture_whose_exif_cannot_be_read_is_shown_as_it_lies(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Image.Image) -> Image.Exif:
        raise error

    data = encoded(left_red_right_blue(), "JPEG", exif=turned())
    monkeypatch.setattr(Image.Image, "getexif", broken)
    seen = shown(data, name="x")
    assert seen.size == (8, 4) and seen.data != data  # others may read what Pillow does not


@pytest.mark.parametrize("error", [struct.error, OverflowError, RecursionError, AssertionError, MemoryError, KeyError])
def test_whatever_a_decoder_raises_is_about_this_picture(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Image.Image) -> None:
        raise error

    data = encoded(left_red_right_blue(), "TIFF")
    monkeypatch.setattr(TiffImageFile, "load", broken)
    for read in (decode, shown):
        with pytest.raises(ImageError, match=r"^x\.tif: "):
            read(data, name="x.tif")


def test_a_picture_is_made_smaller_upright() -> None:
    wide = left_red_right_blue().resize((800, 400))
    for kind, exif, size in (
        ("JPEG", None, (100, 50)),
        ("JPEG", turned(), (50, 100)),
        ("PNG", None, (100, 50)),
        ("TIFF", None, (100, 50)),
    ):
        seen = shown(encoded(wide, kind, **({"exif": exif} if exif else {})), name="x", max_side=100)
        assert (seen.size, seen.smaller) == (size, True)
        pixels = np.asarray(decode(seen.data, name="y")).astype(int)
        assert np.abs(pixels[2, 2] - (255, 0, 0)).max() < 5
        assert np.abs(pixels[-3, -3] - (0, 0, 255)).max() < 5
    data = encoded(wide, "JPEG")
    assert shown(data, name="x", max_side=800).data is data


def test_a_large_jpeg_is_decoded_small(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = []
    load = JpegImageFile.load
    monkeypatch.setattr(JpegImageFile, "load", lambda self: loaded.append(self.size) or load(self))  # type: ignore[func-returns-value]
    data = encoded(left_red_right_blue().resize((4000, 2000)), "JPEG")
    assert shown(data, name="x", max_side=240).size == (240, 120)
    assert shown(data, name="x").data is data
    assert loaded[0] == (500, 250) and loaded[-1] == (500, 250)


def test_a_picture_too_large_for_the_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(left_red_right_blue().resize((2000, 1000)), "PNG")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=10_000_000))
    monkeypatch.setattr(images, "_in_flight", MemoryBudget())
    for read in (decode, shown):
        with pytest.raises(
            ImageError, match=r"^row\.png: takes about 0\.0 GB of memory, and 0\.0 GB are free; resize it"
        ):
            read(data, name="row.png")


def test_images_are_decoded_together_within_a_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("P", (1000, 1000)), "PNG", transparency=0)  # 16 MB each
    inside, most, lock = 0, 0, Lock()

    def counted(image: Image.Image) -> Image.Image:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        time.sleep(0.02)
        with lock:
            inside -= 1
        return image.convert("RGB")

    monkeypatch.setattr(images, "to_rgb", counted)
    for free, together in ((160_000_000, 2), (10**12, 8)):
        most = 0
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: SimpleNamespace(available=free))
        monkeypatch.setattr("blpo_inspect._util.memory.left_in_container", lambda root: 1 << 62)
        monkeypatch.setattr(images, "_in_flight", MemoryBudget())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: decode(data, name=str(number)), range(8)))
        assert most == together if together == 2 else most > 2


def test_heic_needs_an_extra_and_is_read_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + b"\0" * 20
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r"x: an HEIC image; pip install pillow-heif reads it"):
        shown(data, name="x")

    def as_if_read(file: Any, name: Any) -> Any:
        image = PngImageFile(io.BytesIO(encoded(left_red_right_blue(), "PNG")))
        image.format = "HEIF"
        return image

    plugin: Any = ModuleType("pillow_heif")
    plugin.register_heif_opener = lambda: monkeypatch.setitem(Image.OPEN, "HEIF", (as_if_read, None))
    monkeypatch.setitem(sys.modules, "pillow_heif", plugin)
    seen = shown(data, name="x")
    assert (seen.media_type, seen.size) == ("image/jpeg", (8, 4))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LAB", "HSV", "F", "I", "I;16", "YCbCr"])
def test_an_image_in_memory_is_shown_as_its_file(mode: str) -> None:
    image = left_red_right_blue().convert("L").convert(mode) if mode == "I;16" else left_red_right_blue(mode)
    seen = images.shown_pixels(image, name="x")
    assert seen.size == (8, 4) and seen.media_type in ("image/png", "image/jpeg")
    assert decode(seen.data, name="x").size == (8, 4)
    if mode not in ("HSV", "YCbCr", "LAB", "CMYK"):  # TIFF or PNG keep the others
        assert seen.data == shown(encoded(image, "TIFF"), name="x").data


def test_an_opened_image_can_be_shown_in_several_threads() -> None:
    image = Image.open(io.BytesIO(encoded(left_red_right_blue().resize((400, 400)), "PNG")))
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda _: images.shown_pixels(image, name="x").data, range(16)))
    assert len(set(seen)) == 1


def test_a_closed_image_is_named() -> None:
    image = Image.open(io.BytesIO(encoded(left_red_right_blue(), "PNG")))
    image.close()
    with pytest.raises(ImageError, match=r"^mine: "):
        images.shown_pixels(image, name="mine")
