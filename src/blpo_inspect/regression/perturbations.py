"""What may not change a judgement: the same question once more, or asked in another form.

Each perturbation is deterministic: the same input gives the same bytes (with the same version of Pillow). Does not ask
a judge and does not say how much may change (`probes`).
"""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from blpo_inspect._util.images import decode
from blpo_inspect.judging.labels import LabelScale

SCALED = 0.9
"""Sides of `smaller` relative to the image's."""

BORDER = 0.04
"""Width of the border of `padded`, relative to each side."""

CROP = 0.02
"""What `cropped` takes off at each edge, relative to each side."""

BRIGHTNESS = 0.05
"""By how much `brighter` and `darker` change every value."""


@dataclass(frozen=True)
class Perturbation:
    """One way to ask the same question in another form; what is None stays as it is.

    Attributes:
        name: Unique.
        summary: What it does, exactly.
        image: Encoded image → encoded image.
        prompt: Judge prompt → judge prompt, with the same placeholders.
        scale: Scale → scale with the same labels, read alike; None as an answer: does not apply to this scale.
        draw: Which draw of the same request the answer is (`cache.request.draw`): other draws are asked anew, not
            replayed from the first draw's answer.
    """

    name: str
    summary: str
    image: Callable[[bytes], bytes] | None = None
    prompt: Callable[[str], str] | None = None
    scale: Callable[[LabelScale], LabelScale | None] | None = None
    draw: int = 0

    def applies(self, scale: LabelScale, prompt: str) -> bool:
        """Whether it changes a request with this scale and prompt."""
        if self.scale is not None:
            return self.scale(scale) is not None
        return self.prompt is None or self.prompt(prompt) != prompt


def reencoded_jpeg(data: bytes) -> bytes:
    """The image as a JPEG of quality 90 without chroma subsampling."""
    buffer = io.BytesIO()
    _seen(data).save(buffer, format="JPEG", quality=90, subsampling=0)
    return buffer.getvalue()


def reencoded_lossless(data: bytes) -> bytes:
    """The same pixels as a lossless WebP, or as a PNG where the image is a WebP."""
    buffer = io.BytesIO()
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        _seen(data).save(buffer, format="PNG")
    else:
        _seen(data).save(buffer, format="WEBP", lossless=True, quality=80, method=4)
    return buffer.getvalue()


def smaller(data: bytes) -> bytes:
    """The image with sides of 90 %, each at least 1 pixel (Lanczos), as a PNG."""
    image = _seen(data)
    size = (max(1, round(image.width * SCALED)), max(1, round(image.height * SCALED)))
    return _png(image.resize(size, Image.Resampling.LANCZOS))


def padded(data: bytes) -> bytes:
    """The image in a border of 4 % of each side (at least 1 pixel) in the mean colour of its outermost pixels; PNG."""
    image = _seen(data)
    across, down = max(1, round(image.width * BORDER)), max(1, round(image.height * BORDER))
    framed = Image.new("RGB", (image.width + 2 * across, image.height + 2 * down), _edge_colour(image))
    framed.paste(image, (across, down))
    return _png(framed)


def cropped(data: bytes) -> bytes:
    """The image without 2 % of each side (at least 1 pixel) at every edge, as a PNG; sides of 1 or 2 pixels stay."""
    image = _seen(data)
    across, down = (max(1, round(side * CROP)) if side >= 3 else 0 for side in image.size)
    return _png(image.crop((across, down, image.width - across, image.height - down)))


def brighter(data: bytes) -> bytes:
    """The image with every value 5 % higher, at most 255, as a PNG."""
    return _png(_seen(data).point(lambda value: min(255, round(value * (1 + BRIGHTNESS)))))


def darker(data: bytes) -> bytes:
    """The image with every value 5 % lower, as a PNG."""
    return _png(_seen(data).point(lambda value: round(value * (1 - BRIGHTNESS))))


def spaced(prompt: str) -> str:
    """The prompt with a space before it, two spaces and a line end after it."""
    return f" {prompt}  \n"


def double_spaced(prompt: str) -> str:
    """The prompt with an empty line more between its lines."""
    return prompt.replace("\n", "\n\n")


def headed(prompt: str) -> str:
    """The prompt under the heading **Task**, in Markdown."""
    return f"**Task**\n\n{prompt}"


def listed(prompt: str) -> str:
    """The prompt as a Markdown list, a dash before each line that has text and is no item of a list yet."""
    return "\n".join(
        line if not line.strip() or re.match(r"\s*([-*#]|\d+[.)])", line) else f"- {line}"
        for line in prompt.split("\n")
    )


def reversed_labels(scale: LabelScale) -> LabelScale | None:
    """The scale that names its labels in the opposite order; None for a scale with an order of its own."""
    if scale.ordered:
        return None
    return LabelScale(scale.kind, scale.labels[::-1], aliases=scale.aliases)


AS_IS = Perturbation("as_is", "the request as it is")
"""What the others are compared with."""

PERTURBATIONS: dict[str, Perturbation] = {
    perturbation.name: perturbation
    for perturbation in (
        Perturbation("repeat", "the same call once more, asked anew", draw=1),
        Perturbation("jpeg", "the image as a JPEG of quality 90", image=reencoded_jpeg),
        Perturbation("lossless", "the same pixels in another file format", image=reencoded_lossless),
        Perturbation("smaller", "the image with sides of 90 %", image=smaller),
        Perturbation("padded", "a border of 4 % in the colour of the image's edge", image=padded),
        Perturbation("cropped", "2 % less of the image at every edge", image=cropped),
        Perturbation("brighter", "every value of the image 5 % higher", image=brighter),
        Perturbation("darker", "every value of the image 5 % lower", image=darker),
        Perturbation("label_order", "the labels named in the opposite order", scale=reversed_labels),
        Perturbation("spaces", "white space before and after the prompt", prompt=spaced),
        Perturbation("blank_lines", "an empty line more between the prompt's lines", prompt=double_spaced),
        Perturbation("heading", "the prompt under a bold heading", prompt=headed),
        Perturbation("list", "a dash before each line of the prompt", prompt=listed),
    )
}
"""Every perturbation by name."""


def _seen(data: bytes) -> Image.Image:
    return decode(data, name="image to perturb")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def _edge_colour(image: Image.Image) -> tuple[int, ...]:
    import numpy as np

    pixels = np.asarray(image, dtype=float)
    edge = np.ones(pixels.shape[:2], dtype=bool)
    edge[1:-1, 1:-1] = False
    return tuple(round(float(value)) for value in pixels[edge].mean(axis=0))
