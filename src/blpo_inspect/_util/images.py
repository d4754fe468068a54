"""Encoded image bytes to what a person would see: upright, RGB, transparency on white.

Does not fetch or normalise: that is the dataset's and the model's business.
"""

import base64
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from PIL import ExifTags, Image, UnidentifiedImageError, features
from PIL.PngImagePlugin import PngImageFile

from blpo_inspect._util.image_encoding import encode
from blpo_inspect._util.memory import MemoryBudget
from blpo_inspect._util.pixels import to_rgb
from blpo_inspect._util.unanswerable import UnanswerableError

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decompressed."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are opened, and HEIC where pillow-heif is installed. Anything else (EPS runs Ghostscript) is refused."""

HEIC_EXTRA = "pip install pillow-heif"

_PLAIN = ("PNG", "JPEG", "WEBP")
_HEIC = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"})
_PREVIEW = 254  # tag of a TIFF whose first image is a smaller copy of another one

_PIXEL_BYTES = 16
"""About what a pixel takes at most while its image is decoded, converted, turned and encoded."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_in_flight = MemoryBudget()
_opening = Lock()
_loading = Lock()
"""Loading and saving change an image object, and callers may show one in several threads."""


class ImageError(UnanswerableError):
    """An image that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class Shown:
    """An image file that every provider shows as a person would see it.

    Attributes:
        data: The encoded file.
        media_type: ``image/png``, ``image/jpeg`` or ``image/webp``.
        size: Width and height.
        several: Whether the file that was given has more frames or pages, which are not shown.
        smaller: Whether it was scaled down.
    """

    data: bytes
    media_type: str
    size: tuple[int, int]
    several: bool = False
    smaller: bool = False


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode one image as a viewer would show it.

    EXIF orientation is applied, every mode becomes RGB (`pixels.to_rgb`), and of frames or pages the first is taken.

    Args:
        data: The encoded file.
        name: What to call the image in an error: a path, a URL or a sample.
        max_pixels: Width times height above which the image is refused.

    Returns:
        An upright image of mode ``RGB``, fully decoded.

    Raises:
        ImageError: Not an image, truncated, of an unsupported format, or too large, also for the memory that is free.
    """
    with _named(name):
        image = _open(data, name, max_pixels)
        with _in_flight.hold(_bytes_to_decode(image, image.size)):
            return _upright(image, None)


def shown(data: bytes, *, name: str, max_side: int | None = None) -> Shown:
    """An image file that every provider shows as a person would see it.

    A plain upright RGB or grey PNG, JPEG or WebP stays byte for byte (and the same object); anything else is encoded
    anew (`image_encoding.encode`).

    Args:
        data: The encoded file.
        name: What to call the image in an error.
        max_side: Pixels of the longer side above which the image is scaled down.

    Raises:
        ImageError: As `decode`.
    """
    with _named(name):
        image = _open(data, name, MAX_PIXELS)
        size, several = image.size, _has_more(image)
        fits = max_side is None or max(size) <= max_side
        plain = (
            fits
            and not several
            and image.format in _PLAIN
            and image.mode in ("RGB", "L")
            and not image.has_transparency_data
        )
        if image.format == "JPEG" and plain and _orientation(image) == 1:
            _draft(image, max(size) // 8)  # also tells whether the file is whole
        elif max_side is not None and not fits:
            _draft(image, 2 * max_side)
        with _in_flight.hold(_bytes_to_decode(image, size) + 3 * len(data)):
            # a PNG may say at its end how it is turned
            if plain and _orientation(image) == 1:
                image.load()
                return Shown(data, Image.MIME[image.format or ""], size)
            seen = _upright(image, max_side)
            new, media_type = encode(seen, image, smaller=not fits)
    return Shown(new, media_type, seen.size, several, not fits)


def shown_pixels(image: Image.Image, *, name: str) -> Shown:
    """An image in memory as `shown` has one of a file: upright, RGB, and encoded anew.

    Args:
        image: Of any mode; EXIF that it carries says how it is turned.
        name: What to call it in an error.

    Raises:
        ImageError: As `decode`.
    """
    with _named(name):
        _check_size(image, name, MAX_PIXELS)
        with _in_flight.hold(_bytes_to_decode(image, image.size)):
            with _loading:
                seen = _upright(image, None)
                seen = seen.copy() if seen is image else seen
            data, media_type = encode(seen, image, smaller=False)
    return Shown(data, media_type, seen.size)


def data_uri(data: bytes, media_type: str) -> str:
    """The bytes as a ``data:`` URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def is_image(path: Path) -> bool:
    """Whether a file begins as an image does, whatever its name is."""
    if not path.is_file():  # a pipe would never end
        return False
    with suppress(Exception), path.open("rb") as file:
        if _is_heic(file.read(64)):
            return True
        file.seek(0)
        with _quiet():
            Image.open(file, formats=FORMATS)
        return True
    return False


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: {error or 'there is too little memory to decode it'}; resize it") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: refused as a decompression bomb: {error}; resize it") from error
    except Exception as error:  # whatever a decoder stumbles over
        why = str(error) or type(error).__name__
        raise ImageError(f"{name}: cannot be decoded, probably truncated or damaged: {why}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    # filters of warnings are not a thread's own
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The image with its header read."""
    if not data:
        raise ImageError(f"{name}: the file is empty")
    if heic := _is_heic(data):
        _register_heic(name)
    try:
        with _quiet():
            image = Image.open(io.BytesIO(data), formats=("HEIF",) if heic else FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: {_why_not(data)}") from error
    _check_size(image, name, max_pixels)
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(_PREVIEW, 0) == 1:
        raise ImageError(f"{name}: begins with a small preview, as raw files of cameras do; export it as JPEG")
    _mend_transparency(image)
    return image


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if not width * height:
        raise ImageError(f"{name}: it has no pixels, {width}×{height}")
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width}×{height} is {width * height:,} pixels, over the limit of {max_pixels:,}"
            " (a decompression bomb?); resize it"
        )


def _why_not(data: bytes) -> str:
    known = next((kind for kind in FORMATS if Image.OPEN[kind][1](data[:16])), None)  # type: ignore[misc]
    if known is None:
        return f"not an image in a supported format ({', '.join(FORMATS)}): it starts with {data[:8]!r}"
    if known == "AVIF" and not features.check("avif"):
        return "an AVIF image, which this Pillow cannot read; pip install --upgrade pillow, or save it as JPEG"
    return f"damaged, or a kind of {known} that is not supported; save it anew, as PNG or JPEG"


def _is_heic(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    box = data[8 : min(int.from_bytes(data[:4]), 64)]
    brands = {box[place : place + 4] for place in range(0, len(box), 4)}
    return bool(brands & _HEIC) and not brands & {b"avif", b"avis"}


def _register_heic(name: str) -> None:
    if "HEIF" in Image.OPEN:
        return
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise ImageError(f"{name}: an HEIC image; {HEIC_EXTRA} reads it, or save it as JPEG") from error
    register_heif_opener()


def _mend_transparency(image: Image.Image) -> None:
    """The transparent grey or colour of a PNG as its pixels have it: Pillow takes it as it is written in the file."""
    clear = image.info.get("transparency")
    if not isinstance(image, PngImageFile) or not image.tile:
        return
    stored = image.tile[0].args
    if image.mode == "L" and isinstance(clear, int):
        most = {"L;2": 3, "L;4": 15}.get(str(stored), 255)
        image.info["transparency"] = (clear & most) * 255 // most
    elif image.mode == "RGB" and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 if stored == "RGB;16B" else value & 255 for value in clear)


def _has_more(image: Image.Image) -> bool:
    """Whether there are more frames or pages; the further images of an MPO are depth or light of its first."""
    with suppress(Exception):
        return image.format != "MPO" and bool(getattr(image, "is_animated", False))
    return False


def _orientation(image: Image.Image) -> int | None:
    """How EXIF says that the image is turned, 1 (upright) to 8; None if what it says makes no sense."""
    try:
        given = image.getexif().get(ExifTags.Base.Orientation, 1)
        turn = int(given[0] if isinstance(given, bytes | tuple) else given)
    except Exception:  # EXIF is written by anybody, and read by many modules
        return None
    return turn if turn in _TURNS else 1


def _draft(image: Image.Image, side: int) -> None:
    """Have a JPEG decoded with a longer side of at least `side`, as cheaply as it can be."""
    width, height = image.size
    share = side / max(width, height)
    if 0 < share < 1:
        image.draft(None, (max(1, int(width * share)), max(1, int(height * share))))


def _bytes_to_decode(image: Image.Image, size: tuple[int, int]) -> int:
    # a progressive JPEG is kept whole, as coefficients, at whatever size it is decoded
    coefficients = 6 * size[0] * size[1] if "progressive" in image.info else 0
    return _PIXEL_BYTES * image.width * image.height + coefficients


def _upright(image: Image.Image, max_side: int | None) -> Image.Image:
    image.load()
    seen = to_rgb(image)
    longer = max(seen.size)
    if max_side is not None and longer > max_side:
        width, height = (max(1, round(side * max_side / longer)) for side in seen.size)
        seen = seen.resize((width, height), Image.Resampling.LANCZOS)
    turn = _TURNS.get(_orientation(image) or 1)
    return seen if turn is None else seen.transpose(turn)
