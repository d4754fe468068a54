"""A folder of pictures of every kind: each file is accounted for, by the line that `odd_pictures` gives it."""

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blpo_inspect._util.images import decode
from blpo_inspect.data.tables import UserBenchmark, read_benchmark, summarize
from blpo_inspect.judging.samples import Record

from .odd_pictures import odd_files

FILES = odd_files()
COLOURS = {
    "red": (255, 0, 0),
    "blue": (0, 0, 255),
    "navy": (0, 0, 18),
    "black": (0, 0, 0),
    "dark": (76, 76, 76),
    "grey": (127, 127, 127),
    "white": (255, 255, 255),
}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> UserBenchmark:
    folder = tmp_path_factory.mktemp("odd")
    for label in ("odd", "plain", "nothing yet"):
        (folder / label).mkdir()
    for name, (data, _) in FILES.items():
        (folder / "odd" / name).write_bytes(data)
    Image.new("RGB", (4, 4)).save(folder / "plain" / "black.png")
    Image.new("RGB", (4, 4)).save(folder / "cover.png")
    return read_benchmark(str(folder), skip_bad=True)


def colour(pixel: Any) -> str:
    name, distance = min(
        ((name, int(np.abs(np.subtract(pixel, value, dtype=int)).max())) for name, value in COLOURS.items()),
        key=lambda pair: pair[1],
    )
    return name if distance < 23 else str(pixel)


def line(record: Record) -> str:
    name = Path(record.id).name
    if record.image.startswith("data:"):
        media_type, _, body = record.image.removeprefix("data:").partition(";base64,")
        data = base64.b64decode(body)
    else:
        data = Path(record.image).read_bytes()
        media_type = {"png": "image/png", "webp": "image/webp"}.get(name.rpartition(".")[2], "image/jpeg")
    pixels = np.asarray(decode(data, name=name))
    corners = " ".join(colour(pixels[y, x]) for y in (0, -1) for x in (0, -1))
    as_given = "as it is" if data == FILES[name][0] else "encoded"
    return f"{media_type}, {as_given}, {pixels.shape[1]}×{pixels.shape[0]}, {corners}"


@pytest.mark.parametrize("name", FILES)
def test_what_becomes_of_each_file(benchmark: UserBenchmark, name: str) -> None:
    expected = FILES[name][1]
    found = [line(record) for record in benchmark.records if record.id == f"odd/{name}"]
    found += [reason for reason in benchmark.rejected if f"/odd/{name}: odd/{name}: " in reason]
    if expected == "noted":
        assert not found and f"1 {Path(name).suffix}" in benchmark.notes[1].lower()
    else:
        assert len(found) == 1 and expected in found[0]


def test_nothing_is_lost(benchmark: UserBenchmark) -> None:
    noted = [name for name, (_, expected) in FILES.items() if expected == "noted"]
    assert len(benchmark.records) - 1 + len(benchmark.rejected) + len(noted) == len(FILES) > 60
    assert benchmark.notes == (
        "sub-folders without an image: nothing yet",
        "files in sub-folders that are no images: 1 .db, 1 .svg, 1 .txt",
        "images beside the sub-folders, which have no label: 1 .png",
    )
    assert benchmark.images.several == 4  # the three animations and the pages
    text = summarize(benchmark, {"all": benchmark.records})
    assert all(note in text for note in benchmark.notes)
