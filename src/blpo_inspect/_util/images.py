"""Encoded image bytes to what a person would see: upright, RGB, transparency on white.

Does not fetch, resize or normalise: that is the dataset's and the model's business.
"""

import base64
import io
import warnings

from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from blpo_inspect._util.unanswerable import UnanswerableError

MAX_PIXELS = 100_000_000
"""Larger images are refused before they are decompressed."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Formats that are opened; anything else (EPS runs Ghostscript) is refused."""


class ImageError(UnanswerableError):
    """An image that cannot be used; the message names it and says why."""


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode one image as a viewer would show it.

    EXIF orientation is applied, CMYK goes through its colour profile where it has one, palette and
    alpha are flattened on white, 16-bit grey is scaled to 8 bits, and of an animation the first frame is taken.

    Args:
        data: The encoded file.
        name: What to call the image in an error: a path, a URL or a sample.
        max_pixels: Width times height above which the image is refused.

    Returns:
        An upright image of mode ``RGB``, fully decoded.

    Raises:
        ImageError: Not an image, truncated, of an unsupported format, or too large.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty")
    try:
        with warnings.catch_warnings():
            # our own, exact limit stands below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(
                f"{name}: {width}×{height} is {width * height:,} pixels, over the limit of {max_pixels:,}"
                " (a decompression bomb?); resize it"
            )
        image.load()
        return _flatten(ImageOps.exif_transpose(image))
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: refused as a decompression bomb: {error}; resize it") from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: not an image in a supported format ({', '.join(FORMATS)}): it starts with {data[:8]!r}"
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        # Pillow reports broken files with each of these
        raise ImageError(f"{name}: cannot be decoded, probably truncated or damaged: {error}") from error


def as_seen(data: bytes, *, name: str) -> tuple[bytes, str]:
    """An image file that every provider shows as a person would see it.

    A plain upright RGB or grey PNG, JPEG or WebP stays byte for byte; anything else is re-encoded as PNG.

    Returns:
        The encoded bytes and their media type, e.g. ``image/png``.

    Raises:
        ImageError: As `decode`.
    """
    seen = decode(data, name=name)
    with Image.open(io.BytesIO(data), formats=FORMATS) as original:
        plain = (
            original.format in ("PNG", "JPEG", "WEBP")
            and original.mode in ("RGB", "L")
            and not original.has_transparency_data
            and getattr(original, "n_frames", 1) == 1
            and original.getexif().get(ExifTags.Base.Orientation, 1) == 1
        )
        media_type = Image.MIME[original.format or "PNG"]
    if plain:
        return data, media_type
    buffer = io.BytesIO()
    seen.save(buffer, format="PNG")
    return buffer.getvalue(), "image/png"


def data_uri(data: bytes, media_type: str) -> str:
    """The bytes as a ``data:`` URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _grey_to_rgb(image)
    if image.mode == "CMYK":
        return _cmyk_to_rgb(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _grey_to_rgb(image: Image.Image) -> Image.Image:
    # convert("L") would clip 16-bit values at 255 and show nearly everything white
    wide = image.convert("F")
    scale = 255 / 65535 if image.mode.startswith("I") else 255.0
    return wide.point(lambda value: value * scale).convert("L").convert("RGB")


def _cmyk_to_rgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if profile:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
        except ImageCms.PyCMSError:
            converted = None  # a broken profile: viewers fall back to the plain conversion too
        if converted is not None:
            return converted
    return image.convert("RGB")
