"""Accents in one character (NFC) or two (NFD, as macOS writes) are the same in labels, ids, file names and columns."""

import json
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest
from PIL import Image

from blpo_inspect.data.tables import TableError, read_benchmark

Form = Literal["NFC", "NFD"]
FORMS: tuple[Form, Form] = ("NFC", "NFD")
each_way = pytest.mark.parametrize(("form", "other"), [FORMS, FORMS[::-1]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    return folder


def paint(path: Path, colour: str) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (2, 2), colour).save(path)


@each_way
def test_file_names(folder: Path, form: Form, other: Form) -> None:
    paint(folder / normalize(other, "été") / normalize(form, "né.png"), "red")
    paint(folder / normalize(other, "été") / normalize(other, "ô.png"), "blue")
    text = normalize(form, "image,label\nété/né.png,a\nété/ô.png,b\nété/ü.png,b\n")
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    benchmark = read_benchmark(str(folder), skip_bad=True)
    assert [record.id for record in benchmark.records] == ["été/né.png", "été/ô.png"]  # in NFC
    assert all(Path(record.image).is_file() for record in benchmark.records)
    assert len(benchmark.rejected) == 1 and "no such image" in benchmark.rejected[0]


@each_way
def test_a_table_found_by_its_name_in_settings_and_in_the_command(folder: Path, form: Form, other: Form) -> None:
    paint(folder / "a.png", "red")
    paint(folder / "b.png", "blue")
    (folder / normalize(form, "étiquettes.csv")).write_text("image,label\na.png,x\nb.png,y\n")
    assert len(read_benchmark(str(folder / normalize(other, "étiquettes.csv"))).records) == 2
    (folder / "benchmark.yaml").write_text(normalize(other, "data: étiquettes.csv"), encoding="utf-8")
    assert len(read_benchmark(str(folder)).records) == 2


def test_another_form_leads_no_further_than_the_folder(folder: Path) -> None:
    paint(folder.parent / normalize("NFD", "é") / "a.png", "red")
    paint(folder / "b.png", "blue")
    (folder / "labels.csv").write_text("image,label\n../é/a.png,a\nb.png,b\n", encoding="utf-8")
    with pytest.raises(TableError, match="lies outside"):
        read_benchmark(str(folder))


@each_way
def test_labels_ids_groups_and_columns(folder: Path, form: Form, other: Form) -> None:
    paint(folder / "a.png", "red")
    paint(folder / "b.png", "blue")
    rows = [
        {"image": "a.png", normalize(form, "étiquette"): normalize(form, "é"), "id": normalize(form, "ü")},
        {"image": "b.png", normalize(other, "étiquette"): normalize(other, "é"), "id": normalize(other, "ü")},
        {"image": "b.png", normalize(other, "étiquette"): "è", "id": "v", "text": "x"},
    ]
    for row, which in zip(rows, (form, other, form), strict=True):
        row["group"] = normalize(which, "ñ")
    (folder / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "benchmark.yaml").write_text(normalize(other, "columns: {label: étiquette}"), encoding="utf-8")
    benchmark = read_benchmark(str(folder / "x.jsonl"))
    assert [record.label for record in benchmark.records] == ["é", "é", "è"]
    assert [record.id for record in benchmark.records] == ["ü", "ü#2", "v"]
    assert {record.group for record in benchmark.records} == {"ñ"}
    assert benchmark.notes == ()


@each_way
def test_stated_labels(folder: Path, form: Form, other: Form) -> None:
    paint(folder / "a.png", "red")
    paint(folder / "b.png", "blue")
    (folder / "labels.csv").write_text(normalize(form, "image,label\na.png,é\nb.png,è\n"), encoding="utf-8")
    benchmark = read_benchmark(str(folder), labels=normalize(other, "é,è"))
    assert [record.label for record in benchmark.records] == ["é", "è"]


def test_two_columns_that_differ_in_form_only_are_refused(folder: Path) -> None:
    (folder / "labels.csv").write_text(f"image,label,é,{normalize('NFD', 'é')}\na.png,x,1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match="columns that occur more than once: 'é'"):
        read_benchmark(str(folder))
