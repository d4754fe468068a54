"""A user's table: every fault is named by row and file, nothing leaves the table's folder."""

import json
from pathlib import Path

import pytest
from PIL import Image

from blpo_inspect.labels import LabelScale
from blpo_inspect.tables import MAX_SHOWN, TableError, read_records


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "photos").mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.jpg", "blue"), ("c d=1.webp", "green")):
        Image.new("RGB", (4, 4), colour).save(folder / "photos" / name)
    return folder


def table(folder: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def test_csv(photos: Path) -> None:
    text = 'image,label,text\nphotos/a.png,Safe,"red, really"\nphotos/b.jpg,unsafe,\n"photos/c d=1.webp",safe,x\n'
    records, scale = read_records(table(photos, text, encoding="utf-8-sig"))
    assert scale == LabelScale("unordered", ("Safe", "unsafe"))
    assert [(r.id, r.label, r.text) for r in records] == [
        ("photos/a.png", "Safe", "red, really"),
        ("photos/b.jpg", "unsafe", None),
        ("photos/c d=1.webp", "Safe", "x"),
    ]
    assert [r.image[:16] for r in records] == ["data:image/png;b", "data:image/jpeg;", "data:image/webp;"]


def test_jsonl(photos: Path) -> None:
    rows = [{"image": "photos/a.png", "label": k, "id": f"n{k}"} for k in (1, 3, 5.0)]
    records, scale = read_records(table(photos, "\n\n".join(map(json.dumps, rows)), "x.jsonl"))
    assert scale.labels == ("1", "2", "3", "4", "5")
    assert [(r.id, r.label) for r in records] == [("n1", "1"), ("n3", "3"), ("n5.0", "5")]


def test_one_image_with_several_texts_gets_distinct_ids(photos: Path) -> None:
    text = "image,label,text\n" + "".join(f"photos/a.png,{k % 2},{k}\n" for k in range(3)) + "photos/b.jpg,0,z\n"
    records, _ = read_records(table(photos, text))
    assert [r.id for r in records] == ["photos/a.png", "photos/a.png#2", "photos/a.png#3", "photos/b.jpg"]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["no rows"]),
        ("image,label\n", ["no rows"]),
        ("file,label\nphotos/a.png,1\n", ["no column image", "'file'"]),
        ("image,label\nphotos/a.png,a\nphotos/no.png,b\n", ["row 3", "photos/no.png: no such image"]),
        ("image,label\nphotos/a.png,a\nphotos/a.png,\n,b\n", ["row 3: no label", "row 4: no image", "2 of 3 rows"]),
        ("image,label\nphotos/a.png,a\nhttps://x.org/b.png,b\n", ["row 3", "not a file; download"]),
        ("image,label\nphotos/a.png,a\n../secret.png,b\n", ["row 3", "lies outside"]),
        ("image,label\nphotos/a.png,a\n/etc/hostname,b\n", ["row 3", "lies outside"]),
        ("image,label\nphotos/a.png,a,b\n", ["row 2", "more values than columns"]),
        ("image,label\nphotos/a.png,a\nlabels.csv,b\n", ["row 3", "labels.csv: not an image"]),
        ("image,label\nphotos/a.png,a\n", ["cannot tell the scale from 1", "-T labels="]),
    ],
)
def test_faults_are_named(photos: Path, text: str, messages: list[str]) -> None:
    path = table(photos, text)
    with pytest.raises(TableError) as caught:
        read_records(path)
    for message in [str(path), *messages]:
        assert message in str(caught.value)


def test_rows_after_a_quoted_line_break_are_counted_as_an_editor_counts(photos: Path) -> None:
    text = 'image,label,text\nphotos/a.png,a,"two\nlines"\nphotos/none.png,b,\n'
    with pytest.raises(TableError, match=r"row 4: photos/none\.png"):
        read_records(table(photos, text))


def test_labels_given_are_the_scale(photos: Path) -> None:
    path = table(photos, "image,label\nphotos/a.png,good\nphotos/b.jpg,so-so\n")
    with pytest.raises(TableError, match=r"row 3: label 'so-so' is not on the scale \(good, bad\)"):
        read_records(path, ["good", "bad"])


def test_a_link_out_of_the_folder_is_refused(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    (photos / "photos" / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(TableError, match="lies outside"):
        read_records(table(photos, "image,label\nphotos/link.png,a\nphotos/a.png,b\n"))


def test_many_faults_are_counted_not_all_listed(photos: Path) -> None:
    text = "image,label\n" + "".join(f"photos/{k}.png,{k % 2}\n" for k in range(MAX_SHOWN + 5))
    with pytest.raises(TableError, match=r"… and 5 more") as caught:
        read_records(table(photos, text))
    assert str(caught.value).count("no such image") == MAX_SHOWN


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.jsonl", b'{"image": "a"\n', "row 1: not JSON"),
        ("x.jsonl", b"[1]\n", "row 1: expected an object"),
        ("x.csv", b"image,label\n\xff\xfe,1\n", "not UTF-8"),
        ("x.xlsx", b"", "expected a .csv or .jsonl"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message):
        read_records(tmp_path / name)


def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read_records(tmp_path / "none.csv")
