"""Grey of more than 8 bits: which value is black and which is white, by what the file says or by its values."""

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from blpo_inspect._util import pixels
from blpo_inspect._util.images import decode


def levels(values: Any, dtype: str, **tags: Any) -> list[int]:
    """The grey that is seen of values that lie beside each other in a TIFF."""
    buffer = io.BytesIO()
    tiffinfo = {int(name[1:]): value for name, value in tags.items()}
    Image.fromarray(np.array([values], dtype=dtype)).save(buffer, "TIFF", tiffinfo=tiffinfo)
    seen = np.asarray(decode(buffer.getvalue(), name="x"))
    assert (seen[..., 0] == seen[..., 1]).all() and (seen[..., 0] == seen[..., 2]).all()
    return [int(level) for level in seen[0, :, 0]]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([0, 0x8000, 0xFFFF], "<u2", [0, 127, 255]),
        ([0, 0x8000, 0xFFFF], ">u2", [0, 127, 255]),
        ([0, 200], "<u2", [0, 0]),  # as declared: all 16 bits
        ([0, 0.5, 1], "f4", [0, 127, 255]),
        ([0, 0.25], "f4", [0, 63]),
        ([0, 0.5, 1.04], "f4", [0, 127, 255]),  # a little more than white, as filters leave it
        ([0, 127.5, 255], "f4", [0, 127, 255]),
        ([0, 40, 255.4], "f4", [0, 40, 255]),
        ([0, 32768, 65535], "f4", [0, 127, 255]),
        ([0, 0.75, 1.5], "f4", [0, 127, 255]),  # of 0…255 it would be black
        ([-1, 0, 1], "f4", [0, 127, 255]),
        ([0, 5e5, 1e6], "f4", [0, 127, 255]),
        ([0, float("nan"), float("inf"), 1], "f4", [0, 0, 255, 255]),
        ([0, 0], "f4", [0, 0]),
        ([0, 10, 255], "i4", [0, 10, 255]),
        ([0, 10], "i4", [0, 10]),
        ([0, 32768, 65535], "i4", [0, 127, 255]),
        ([0, 5000], "i4", [0, 19]),
        ([0, 150, 300], "i4", [0, 127, 255]),  # of 0…65535 it would be black
        ([0, 50_000, 100_000], "i4", [0, 127, 255]),
        ([0, 2**30, 2**31 - 1], "i4", [0, 127, 255]),
        ([-1000, 0, 1000], "i4", [0, 127, 255]),
        ([-2, -1], "i4", [0, 127]),
        ([7, 7], "i4", [7, 7]),
    ],
)
def test_a_range_is_declared_or_found(values: list[float], dtype: str, expected: list[int]) -> None:
    assert levels(values, dtype) == expected


def test_what_a_tiff_states_of_its_samples_counts() -> None:
    assert levels([0, 50, 100], "f4", t340=0.0, t341=100.0) == [0, 127, 255]
    assert levels([0, 50, 100], "i4", t340=0, t341=200) == [0, 63, 127]
    assert levels([0, 50, 100], "i4", t340=9, t341=9) == [0, 50, 100]  # makes no sense


def test_integers_of_16_bits_with_a_sign_and_of_32_without() -> None:
    assert levels([0, 16384, 32767], "<u2", t339=2) == [0, 127, 255]
    buffer = io.BytesIO()
    Image.fromarray(np.array([[0, 2**31 - 1, -1]], dtype="i4")).save(buffer, "TIFF")
    sign = struct.pack("<HHI", 339, 3, 1)  # Pillow writes none without
    unsigned = buffer.getvalue().replace(sign + b"\2", sign + b"\1")
    assert np.asarray(decode(unsigned, name="x"))[0, :, 0].tolist() == [0, 127, 255]


def test_white_can_be_zero() -> None:
    assert levels([0, 0x8000, 0xFFFF], "<u2", t262=0) == [255, 128, 0]


def test_every_value_of_16_bits_as_recorded_requests_have_it() -> None:
    wide = Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256))
    before = wide.convert("F").point(lambda value: value * (255 / 65535)).convert("L")
    assert (np.asarray(pixels.to_rgb(wide))[..., 0] == np.asarray(before)).all()


def test_strips_are_parts_of_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "_STRIP", 64)
    values = np.linspace(0, 300_000, 50 * 40).reshape(50, 40).astype(np.int32)
    seen = np.asarray(pixels.to_rgb(Image.fromarray(values)))
    assert np.abs(seen[..., 0] - values * 255 / 300_000).max() <= 1
    clear = Image.effect_noise((40, 50), 50).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize((40, 50)))
    white = Image.alpha_composite(Image.new("RGBA", clear.size, "white"), clear).convert("RGB")
    assert (np.asarray(pixels.to_rgb(clear)) == np.asarray(white)).all()
