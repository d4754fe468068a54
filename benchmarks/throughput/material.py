"""Images, prompts and captions: the same bytes in every process."""

import base64
import io
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = {"qwen": 448, "qwen-hires": 896, "llava": 448}
"""Pixels of the sides of drawn-up photographs; a processor resizes them where its model wants others."""

COLOURS = ("red", "green", "blue", "yellow", "purple")
FIGURES = ("circle", "square", "triangle", "star")
SIZES = ("small", "large")
LABELS = {**dict.fromkeys(SIDE, ("good", "bad")), "shapes-judge": ("safe", "unsafe")}

WORDS = (
    *(".", ",", ":", "?", "is", "this", "image", "or", "an", "a", "if", "it", "contains", "at", "the", "with", "one"),
    *("Is", "Otherwise", "Look", "Answer", "word", "good", "bad", "safe", "unsafe"),
    *COLOURS,
    *FIGURES,
    *SIZES,
)
"""All words of prompts and captions."""


@dataclass(frozen=True)
class Picture:
    """An image and what stands in its place where only text is understood."""

    uri: str
    caption: str

    def file(self) -> bytes:
        """The encoded image."""
        return base64.b64decode(self.uri.partition(",")[2])


@dataclass(frozen=True)
class Material:
    """What is asked, for one checkpoint."""

    labels: tuple[str, str]
    prompts: list[str]
    pattern: list[Picture]
    fresh: list[Picture]
    warm_up: Picture
    """In no workload."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "Material":
        found = json.loads(path.read_text())
        pattern, fresh = ([Picture(**one) for one in found[name]] for name in ("pattern", "fresh"))
        return cls(tuple(found["labels"]), found["prompts"], pattern, fresh, Picture(**found["warm_up"]))


def make_material(checkpoint: str, images: int, prompts: int) -> Material:
    """As many images for each workload, and one prompt more than is asked, for warming up."""
    labels = LABELS[checkpoint]
    count = 2 * images + 1
    side = SIDE.get(checkpoint)
    uris = _drawings(count) if side is None else [photo(number, side) for number in range(count)]
    pictures = [Picture(uri, caption(number)) for number, uri in enumerate(uris)]
    asked = [prompt(number, labels) for number in range(prompts + 1)]
    return Material(labels, asked, pictures[:images], pictures[images:-1], pictures[-1])


def photo(number: int, side: int) -> str:
    """Coloured clouds with grain as a JPEG: as big and as slow to decode as a photograph of that size."""
    chance = np.random.default_rng(number)
    clouds = Image.fromarray(chance.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    grain = chance.normal(0, 10, (side, side, 1))
    pixels = np.clip(np.asarray(clouds, dtype=np.float64) + grain, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def prompt(number: int, labels: Sequence[str]) -> str:
    """A policy in 80 to 120 words and stops; prompts differ from their first words on."""
    chance = random.Random(f"prompt {number}")
    length = chance.randint(80, 120)
    end = f"Otherwise it is {labels[0]}. Is this image {labels[0]} or {labels[1]}? Answer with one word."
    text = f"{_figure(chance)}, {_figure(chance)}: an image is {labels[1]} if it contains"
    while True:
        longer = f"{text} {_figure(chance)},"
        if _words(f"{longer} {end}") > length:
            return f"{text.removesuffix(',')}. {end}"
        text = longer


def caption(number: int) -> str:
    """An I2T answer of about 120 words and stops."""
    chance = random.Random(f"caption {number}")
    return "Look at the image: " + ", ".join(_figure(chance) for _ in range(29)) + "."


def _drawings(count: int) -> list[str]:
    """Images that the embedded judge was made for."""
    from blpo_inspect.world.benchmarks import records  # with all of statistics, for this alone

    return [record.image for record in records("safety", policy=0, split="test", per_class=(count + 1) // 2)[:count]]


def _figure(chance: random.Random) -> str:
    return f"a {chance.choice(SIZES)} {chance.choice(COLOURS)} {chance.choice(FIGURES)}"


def _words(text: str) -> int:
    return sum(len(word.rstrip(".,:?")) > 0 for word in text.split()) + sum(text.count(mark) for mark in ".,:?")
