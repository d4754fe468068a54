"""Files as phones, scanners, crawlers and laboratories write them, each with the line that a folder of them must give.

Most are red on the left and blue on the right, 16 pixels wide and 8 high. A line says what a request holds: media type,
whether it is the file as it is, width and height, and the colours at the upper and the lower corners. Or it says why
the file cannot be used.
"""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

JPEG, PNG = "image/jpeg, encoded", "image/png, encoded"
RED_BLUE = "16×8, red blue red blue"


def picture(mode: str = "RGB") -> Image.Image:
    """Left red, right blue."""
    image = Image.new("RGB", (16, 8), (255, 0, 0))
    image.paste((0, 0, 255), (8, 0, 16, 8))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file of an image."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def more() -> dict[str, Any]:
    """What adds a second frame, in which left and right are exchanged."""
    return {"save_all": True, "append_images": [picture().transpose(Image.Transpose.ROTATE_180)]}


def halves(left: float, right: float, dtype: str) -> Image.Image:
    """An image of two values."""
    values = np.full((8, 16), left, dtype=dtype)
    values[:, 8:] = right
    return Image.fromarray(values)


def png(depth: int, colour: int, row: bytes, *, clear: bytes = b"", side: tuple[int, int] = (16, 8)) -> bytes:
    """A PNG of a kind that Pillow does not write: equal rows, and the colour that is transparent."""
    header = struct.pack(">IIBBBBB", *side, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress((b"\0" + row) * min(side[1], 8))), (b"IEND", b"")]
    if clear:
        chunks.insert(1, (b"tRNS", clear))
    framed = (struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def exif(*entries: tuple[int, int, int, bytes], tail: bytes = b"") -> bytes:
    """An EXIF block: each entry a tag, a type, a count, and four bytes of value."""
    body = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + b"\0\0\0\0" + tail


def turned(orientation: int) -> bytes:
    """An EXIF block that says how a picture is turned."""
    return exif((0x0112, 3, 1, struct.pack("<HH", orientation, 0)))


def ftyp(*brands: bytes) -> bytes:
    """The beginning of a file of the HEIC family."""
    box = brands[0] + b"\0\0\0\0" + b"".join(brands)
    return struct.pack(">I", len(box) + 8) + b"ftyp" + box + b"\0" * 64


def tagged(image: Image.Image, tag: int, value: int) -> bytes:
    """A TIFF with one tag more."""
    return encoded(image, "TIFF", tiffinfo={tag: value})


def odd_files() -> dict[str, tuple[bytes, str]]:
    """File name → its bytes and the line expected."""
    image = picture()
    alpha = image.convert("RGBA")
    alpha.paste((0, 0, 0, 0), (8, 0, 16, 8))
    palette = Image.new("P", (16, 8), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.paste(1, (8, 0, 16, 8))
    wrong_width = exif((0x0100, 2, 4, b"wide"), (0x0112, 3, 1, b"\6\0\0\0"), (0x011A, 2, 900, b"\xff\xff\xff\x7f"))
    noise = PngInfo()
    noise.add_text("Raw profile type exif", "\nexif\n   4\nno hex")
    clear_black = b"\0\0"
    sixteen = struct.pack(">8H8H", *[0] * 8, *[0x8000] * 8)
    deep = struct.pack(">3H", 0xFFFF, 0, 0) * 8 + struct.pack(">3H", 0, 0, 0x1234) * 8
    as_it_is = f"as it is, {RED_BLUE}"
    red_white, upright = "16×8, red white red white", "8×16, red red blue blue"
    grey = "16×8, black grey black grey"
    return {
        # as they are
        "plain.png": (encoded(image, "PNG"), f"image/png, {as_it_is}"),
        "plain.jpg": (encoded(image, "JPEG"), f"image/jpeg, {as_it_is}"),
        "IMG_0001.JPG": (encoded(image, "JPEG"), f"image/jpeg, {as_it_is}"),
        "chat.jfif": (encoded(image, "JPEG"), f"image/jpeg, {as_it_is}"),
        "scanner.jpe": (encoded(image, "JPEG"), f"image/jpeg, {as_it_is}"),
        "plain.webp": (encoded(image, "WEBP", lossless=True), f"image/webp, {as_it_is}"),
        "crawled": (encoded(image, "JPEG"), f"image/jpeg, {as_it_is}"),
        "crawled.jpg_large": (encoded(image, "PNG"), f"image/png, {as_it_is}"),
        "c d=1&e::f.png": (encoded(image, "PNG"), f"image/png, {as_it_is}"),
        "a_png.jpg": (encoded(image, "PNG"), f"image/png, {as_it_is}"),
        "progressive.jpg": (encoded(image, "JPEG", progressive=True), f"image/jpeg, {as_it_is}"),
        "turned_0.jpg": (encoded(image, "JPEG", exif=turned(0)), f"image/jpeg, {as_it_is}"),
        "turned_1.jpg": (encoded(image, "JPEG", exif=turned(1)), f"image/jpeg, {as_it_is}"),
        "rgb16.png": (png(16, 2, deep), "image/png, as it is, 16×8, red navy red navy"),
        # photographs become JPEG
        "turned_3.jpg": (encoded(image, "JPEG", exif=turned(3)), f"{JPEG}, 16×8, blue red blue red"),
        "turned_6.jpg": (encoded(image, "JPEG", exif=turned(6)), f"{JPEG}, {upright}"),
        "turned_8.jpg": (encoded(image, "JPEG", exif=turned(8)), f"{JPEG}, 8×16, blue blue red red"),
        "turned_wrong_types.jpg": (encoded(image, "JPEG", exif=wrong_width), f"{JPEG}, {upright}"),
        "turned_as_text.jpg": (encoded(image, "JPEG", exif=exif((0x0112, 2, 2, b"6\0\0\0"))), f"{JPEG}, {upright}"),
        "exif_of_nothing.jpg": (encoded(image, "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 9), f"image/jpeg, {as_it_is}"),
        "cmyk.jpg": (encoded(picture("CMYK"), "JPEG"), f"{JPEG}, {RED_BLUE}"),
        "cmyk.tif": (encoded(picture("CMYK"), "TIFF"), f"{JPEG}, {RED_BLUE}"),
        "depth_of_a_phone.jpg": (encoded(image, "MPO", **more()), f"{JPEG}, {RED_BLUE}"),
        "shared.avif": (encoded(image, "AVIF", quality=95, subsampling="4:4:4"), f"{JPEG}, {RED_BLUE}"),
        # drawings, frames and transparency become PNG
        "drawing.gif": (encoded(picture("P"), "GIF"), f"{PNG}, {RED_BLUE}"),
        "animation.gif": (encoded(image, "GIF", **more()), f"{PNG}, {RED_BLUE}"),
        "animation.png": (encoded(image, "PNG", **more()), f"{PNG}, {RED_BLUE}"),
        "animation.webp": (encoded(image, "WEBP", lossless=True, **more()), f"{PNG}, {RED_BLUE}"),
        "pages.tiff": (encoded(image, "TIFF", **more()), f"{PNG}, {RED_BLUE}"),
        "paint.bmp": (encoded(image, "BMP"), f"{PNG}, {RED_BLUE}"),
        "paint.dib": (encoded(image, "BMP"), f"{PNG}, {RED_BLUE}"),
        "turned_6.png": (encoded(image, "PNG", exif=turned(6)), f"{PNG}, {upright}"),
        "exif_is_noise.png": (encoded(image, "PNG", pnginfo=noise), f"{PNG}, {RED_BLUE}"),
        "turned_6.tif": (tagged(image, 0x0112, 6), f"{PNG}, {upright}"),
        "clear.png": (encoded(alpha, "PNG"), f"{PNG}, {red_white}"),
        "clear.webp": (encoded(alpha, "WEBP", lossless=True), f"{PNG}, {red_white}"),
        "clear.tif": (encoded(alpha, "TIFF"), f"{PNG}, {red_white}"),
        "clear_palette.png": (encoded(palette, "PNG", transparency=1), f"{PNG}, {red_white}"),
        "clear_palette_bytes.png": (encoded(palette, "PNG", transparency=b"\xff\0"), f"{PNG}, {red_white}"),
        "clear_palette.gif": (encoded(palette, "GIF", transparency=1), f"{PNG}, {red_white}"),
        "clear_colour.png": (encoded(image, "PNG", transparency=(0, 0, 255)), f"{PNG}, {red_white}"),
        "clear_colour16.png": (png(16, 2, deep, clear=struct.pack(">3H", 0, 0, 0x1234)), f"{PNG}, {red_white}"),
        "clear_grey.png": (encoded(alpha.convert("LA"), "PNG"), f"{PNG}, 16×8, dark white dark white"),
        "clear_grey1.png": (png(1, 0, b"\0\xff", clear=clear_black), f"{PNG}, 16×8, white white white white"),
        "clear_grey2.png": (png(2, 0, b"\xaa\xaa\0\0", clear=b"\0\2"), f"{PNG}, 16×8, white black white black"),
        "clear_grey16.png": (png(16, 0, sixteen, clear=b"\x80\0"), f"{PNG}, 16×8, black white black white"),
        # wide grey and other colours
        "grey16.png": (png(16, 0, sixteen), f"{PNG}, {grey}"),
        "grey16.tif": (encoded(halves(0, 0x8000, "<u2"), "TIFF"), f"{PNG}, {grey}"),
        "grey16_big_endian.tif": (encoded(halves(0, 0x8000, ">u2"), "TIFF"), f"{PNG}, {grey}"),
        "grey16_white_is_0.tif": (tagged(halves(0x8000, 0, "<u2"), 262, 0), f"{PNG}, 16×8, grey white grey white"),
        "float_1.tif": (encoded(halves(0, 0.5, "f4"), "TIFF"), f"{PNG}, {grey}"),
        "float_255.tif": (encoded(halves(0, 127, "f4"), "TIFF"), f"{PNG}, {grey}"),
        "float_nan.tif": (encoded(halves(float("nan"), 0.5, "f4"), "TIFF"), f"{PNG}, {grey}"),
        "int_255.tif": (encoded(halves(0, 127, "i4"), "TIFF"), f"{PNG}, {grey}"),
        "int_65535.tif": (encoded(halves(0, 0x8000, "i4"), "TIFF"), f"{PNG}, {grey}"),
        "int_31_bits.tif": (encoded(halves(0, 2**31 - 1, "i4"), "TIFF"), f"{PNG}, 16×8, black white black white"),
        "lab.tif": (encoded(picture("LAB"), "TIFF"), f"{PNG}, {RED_BLUE}"),  # near blue: LAB has 8 bits here
        "ycbcr.tif": (encoded(picture("YCbCr"), "TIFF"), f"{PNG}, {RED_BLUE}"),
        "fax.tif": (encoded(halves(0, 255, "u1").convert("1"), "TIFF"), f"{PNG}, 16×8, black white black white"),
        # cannot be used
        "phone.heic": (ftyp(b"heic", b"mif1"), "an HEIC image; pip install pillow-heif reads it"),
        "camera.hif": (ftyp(b"msf1", b"hevc"), "an HEIC image; pip install pillow-heif reads it"),
        "broken.avif": (ftyp(b"avif", b"mif1"), "damaged, or a kind of AVIF that is not supported"),
        "half.jpg": (encoded(Image.effect_noise((64, 64), 50), "JPEG")[:900], "probably truncated or damaged"),
        "half.png": (encoded(Image.effect_noise((64, 64), 50), "PNG")[:900], "probably truncated or damaged"),
        "empty.jpg": (b"", "the file is empty"),
        "page.jpg": (b"<!DOCTYPE html>\n<p>404", "not an image in a supported format"),
        "bomb.png": (png(8, 2, b"", side=(60_000, 60_000)), "decompression bomb"),
        "raw.nef": (tagged(image, 254, 1), "begins with a small preview"),
        "odd.tif": (tagged(image, 262, 99), "a kind of TIFF that is not supported"),
        # no images
        "caption.txt": (b"BM a caption that begins as a bitmap does", "noted"),
        "chart.svg": (b"<svg/>", "noted"),
        "Thumbs.db": (b"\xd0\xcf\x11\xe0", "noted"),
    }
