"""Images encoded anew are kept: made once for all processes, made again where damaged, never more than a bound."""

import hashlib
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from blpo_inspect._util.images import Shown, shown
from blpo_inspect.data import shown_once as module
from blpo_inspect.data.shown_once import shown_once


def gif(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 0, 0)).save(buffer, "GIF")
    return buffer.getvalue()


def once(data: bytes, max_side: int | None = None) -> Shown:
    return shown_once(data, hashlib.sha256(data).hexdigest(), name="x", max_side=max_side)


@pytest.fixture
def kept(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "_written", None)
    return cache_folder / "images"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names = []

    def counted(data: bytes, *, name: str, max_side: int | None) -> Shown:
        names.append(name)
        return shown(data, name=name, max_side=max_side)

    monkeypatch.setattr(module, "shown", counted)
    return names


def test_an_image_is_encoded_once_for_each_setting(kept: Path, made: list[str]) -> None:
    for max_side, size in ((None, (40, 30)), (20, (20, 15))):
        first = once(gif(), max_side)
        assert (first.size, first.media_type, first.smaller) == (size, "image/png", max_side is not None)
        assert once(gif(), max_side) == first == shown(gif(), name="x", max_side=max_side)
    assert len(made) == len(list(kept.iterdir())) == 2
    once(gif(7))
    assert len(made) == 3


def test_another_process_does_not_encode_again(kept: Path) -> None:
    first = once(gif())
    script = (
        "import sys, blpo_inspect.data.shown_once as module\n"
        "module.shown = None\n"
        "data = sys.stdin.buffer.read()\n"
        "import hashlib\n"
        "sys.stdout.buffer.write(module.shown_once(data, hashlib.sha256(data).hexdigest(), name='x').data)"
    )
    ran = subprocess.run([sys.executable, "-c", script], input=gif(), capture_output=True, check=True)
    assert ran.stdout == first.data


def test_an_image_that_stays_as_it_is_is_not_kept(kept: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    data = buffer.getvalue()
    assert once(data).data is data
    assert not kept.exists()


@pytest.mark.parametrize("damage", [b"", b"\n\n", b"x" * 300, "first byte", "last byte", "shorter", "longer"])
def test_what_is_damaged_is_made_again(kept: Path, made: list[str], damage: bytes | str) -> None:
    first = once(gif())
    [file] = kept.iterdir()
    whole = file.read_bytes()
    damages = {
        "first byte": b"?" + whole[1:],
        "last byte": whole[:-1] + bytes([whole[-1] ^ 1]),
        "shorter": whole[:-9],
        "longer": whole + b"\n",
    }
    file.write_bytes(damages[damage] if isinstance(damage, str) else damage)
    assert once(gif()) == first
    assert len(made) == 2
    assert file.read_bytes() == whole


def test_another_pillow_encodes_anew(kept: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    once(gif())
    monkeypatch.setattr("PIL.__version__", "99")
    once(gif())
    assert len(made) == 2


def test_beyond_the_bound_the_least_used_go(kept: Path, made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for shade in range(8):
        once(gif(shade))
    files = sorted(kept.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    for age, file in enumerate(files):
        os.utime(file, (age, age))
    once(gif(0))  # read again, which makes it the latest
    size = max(file.stat().st_size for file in files)
    monkeypatch.setattr(module, "MOST_BYTES", 5 * size)
    monkeypatch.setattr(module, "_written", None)
    once(gif(100))
    left = len(list(kept.iterdir()))
    assert 3 <= left <= 5
    before = len(made)
    once(gif(0))
    once(gif(100))
    assert len(made) == before
    once(gif(1))
    assert len(made) == before + 1


def test_a_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BLPO_CACHE_DIR", str(tmp_path / "file"))
    assert once(gif()) == once(gif())
    assert len(made) == 2


def test_many_threads_at_once(kept: Path) -> None:
    before = os.umask(0o022)
    try:
        with ThreadPoolExecutor(8) as pool:
            seen = list(pool.map(once, [gif(number % 4) for number in range(64)]))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)
    assert seen == [shown(gif(number % 4), name="x") for number in range(64)]
    assert len(list(kept.iterdir())) == 4
