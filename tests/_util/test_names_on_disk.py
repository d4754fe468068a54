"""Files are found whichever way their accents are written, and exact names go first."""

from pathlib import Path
from unicodedata import normalize

from blpo_inspect._util.names_on_disk import on_disk

NFC, NFD = normalize("NFC", "é"), normalize("NFD", "é")


def test_the_other_form_is_found_at_every_level(tmp_path: Path) -> None:
    path = tmp_path / NFD / NFC / f"{NFD}.png"
    path.parent.mkdir(parents=True)
    path.touch()
    for name in (f"{NFC}/{NFD}/{NFC}.png", f"{NFD}/{NFC}/{NFD}.png", f"x/../{NFC}/{NFC}/{NFC}.png"):
        (tmp_path / "x").mkdir(exist_ok=True)
        assert on_disk(tmp_path, name).resolve() == path


def test_an_exact_name_goes_first(tmp_path: Path) -> None:
    for name in (NFC, NFD):
        (tmp_path / name).touch()
    assert [on_disk(tmp_path, name).name for name in (NFC, NFD)] == [NFC, NFD]


def test_what_is_not_there_stays_as_it_was_said(tmp_path: Path) -> None:
    for name in ("a.png", f"{NFC}.png", f"none/{NFC}.png"):
        assert on_disk(tmp_path, name) == tmp_path / name


def test_a_file_made_later_is_found(tmp_path: Path) -> None:
    assert not on_disk(tmp_path, NFC).exists()
    (tmp_path / NFD).touch()
    assert on_disk(tmp_path, NFC).exists()
