"""A user's table: every fault is named by row and file, nothing leaves the table's folder."""

import json
import time
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from blpo_inspect._util.images import data_uri
from blpo_inspect.data.tables import TableError, UserBenchmark, read_benchmark, summarize
from blpo_inspect.data.tables.benchmark_yaml import BenchmarkSettings
from blpo_inspect.data.tables.pictures import Picture
from blpo_inspect.data.tables.records import MAX_SHOWN
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    (folder / "photos").mkdir(parents=True)
    for name, colour in (("a.png", "red"), ("b.jpg", "blue"), ("c d=1.webp", "green")):
        Image.new("RGB", (4, 4), colour).save(folder / "photos" / name)
    return folder


def read_records(path: Path, labels: list[str] | None = None) -> tuple[list[Record], LabelScale]:
    benchmark = read_benchmark(str(path), labels=labels)
    assert not benchmark.rejected
    return list(benchmark.records), benchmark.scale


def refused(path: Path) -> str:
    with pytest.raises(TableError) as caught:
        read_benchmark(str(path))
    return str(caught.value)


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
    # files that every provider can show stay files
    assert [r.image for r in records] == [str(photos / r.id) for r in records]


def test_jsonl(photos: Path) -> None:
    names = ("a.png", "b.jpg", "c d=1.webp")
    rows = [{"image": f"photos/{n}", "label": k, "id": f"n{k}"} for n, k in zip(names, (1, 3, 5.0), strict=True)]
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
        ("x.parquet", b"PAR1 no", "not a Parquet file"),
        ("x.csv", b"image;label\na.png;1\n", "separated by ';'; save it with commas"),
        ("x.csv", b"image,label,label\na.png,1,2\n", "more than once: 'label'"),
        ("x.xlsx", b"", "expected a table"),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=message):
        read_records(tmp_path / name)


def test_no_such_table(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no such file"):
        read_records(tmp_path / "none.csv")


def test_conversion_only_where_it_is_needed(photos: Path) -> None:
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(photos / "clear.png")
    (photos / "liar.jpg").write_bytes((photos / "photos" / "a.png").read_bytes())  # a PNG by its bytes
    records, _ = read_records(table(photos, "image,label\nclear.png,a\nliar.jpg,b\n"))
    assert all(r.image.startswith("data:image/png;base64,") for r in records)
    assert records[1].image == data_uri((photos / "liar.jpg").read_bytes(), "image/png")


def test_parquet_with_paths_bytes_and_both(photos: Path) -> None:
    data = (photos / "photos" / "b.jpg").read_bytes()
    both = [{"bytes": data, "path": "x/b.jpg"}, {"bytes": None, "path": "photos/a.png"}, {"bytes": None, "path": None}]
    for name, cells in (("paths", ["photos/a.png", "photos/b.jpg"]), ("bytes", [data] * 2), ("both", both)):
        rows = pyarrow.table(
            {"image": cells, "label": ["a", "b", "c"][: len(cells)], "text": ["s", "t", "u"][: len(cells)]}
        )
        parquet.write_table(rows, photos / f"{name}.parquet")
    paths, _ = read_records(photos / "paths.parquet")
    assert [(r.id, r.label) for r in paths] == [("photos/a.png", "a"), ("photos/b.jpg", "b")]
    contents, _ = read_records(photos / "bytes.parquet")
    assert [(r.id, r.image) for r in contents] == [(f"row {k}", data_uri(data, "image/jpeg")) for k in (1, 2)]
    assert "1 of 3 rows cannot be used:\n  both.parquet, row 3: " in refused(photos / "both.parquet")
    benchmark = read_benchmark(str(photos / "both.parquet"), skip_bad=True)
    assert [r.id for r in benchmark.records] == ["x/b.jpg", "photos/a.png"]


def test_a_table_cannot_reach_out_by_parquet_or_by_settings(photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    cells = [{"bytes": None, "path": str(tmp_path / "outside.png")}, {"bytes": None, "path": "photos/a.png"}]
    parquet.write_table(pyarrow.table({"image": cells, "label": ["a", "b"]}), photos / "x.parquet")
    assert "row 1: " in refused(photos / "x.parquet") and "lies outside" in refused(photos / "x.parquet")
    (tmp_path / "labels.csv").write_text("image,label\noutside.png,a\n")
    (photos / "benchmark.yaml").write_text("data: ../labels.csv\n")
    assert "lies outside" in refused(photos)


def test_settings_say_what_columns_mean(photos: Path) -> None:
    (photos / "benchmark.yaml").write_text(
        "columns: {image: file, label: verdict, text: caption, id: key, group: scene, category: topic}\n"
        "raters: [anna, ben]\n"
        "scale: {kind: unordered, labels: [safe, unsafe], aliases: {ok: safe}}\n"
        "judge: Would a moderator remove it?\ni2t: Describe it.\nlicence: CC BY 4.0\ncitation: Doe 2026\n"
    )
    path = table(
        photos,
        "file,verdict,caption,key,scene,topic,anna,ben,other\n"
        "photos/a.png,OK,red,k1,s1,t1,safe,unsafe,x\nphotos/b.jpg,unsafe,blue,k2,,,,ok,\n",
    )
    for data in (photos, path, photos / "benchmark.yaml"):  # labels.csv is one of the names looked for
        benchmark = read_benchmark(str(data))
        image = str(photos / "photos" / "a.png")
        assert benchmark.records[0] == Record(
            "k1", image, "safe", "red", {"anna": "safe", "ben": "unsafe"}, category="t1", group="s1"
        )
        assert (benchmark.records[1].raters, benchmark.records[1].group) == ({"ben": "safe"}, "blue")
        assert benchmark.settings.judge == "Would a moderator remove it?"
        assert (benchmark.settings.licence, benchmark.settings.citation) == ("CC BY 4.0", "Doe 2026")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "line 1: must be a mapping (key: value), not a list"),
        ("scales: {}", "line 1: scales: no such key; known here: columns, raters, scale, "),
        ("licence: x\njudge: [1]", "line 2: judge: must be text, not a list"),
        ("judge: Is {this} fine?", "unknown placeholders"),
        ("scale: {kind: odd}", "scale.kind: must be 'unordered', 'ordinal', 'numeric' or 'pair'"),
        ("scale: 5", "line 1: scale: must be a mapping"),
        ("columns: {picture: x}", "columns.picture: no such key; known here: image, label"),
        ("columns: [image]", "must be a mapping"),
        ("raters: {a: b}", "must be a list"),
        ("raters: 5", "no column of the raters 5; there are 'image', 'label'"),
        ("ties: 1", "must be 'error', 'drop' or 'random'"),
        ("raters: [anna]", "no column of the raters anna; there are 'image', 'label'"),
        ("columns: {label: verdict}", "no column verdict; it has 'image', 'label'"),
        ("columns: {group: scene}", "no column scene"),
        ("data: none.csv", "no such file or folder"),
        ("a: b: c", "line 1: not valid YAML"),
        ("file: x", "file: no such key"),
        ("split: a\nsplit: b", "line 2: the key 'split' is there twice"),
    ],
)
def test_settings_that_cannot_be_used(photos: Path, text: str, message: str) -> None:
    table(photos, "image,label\nphotos/a.png,a\nphotos/b.jpg,b\n")
    (photos / "benchmark.yaml").write_text(text)
    assert message in refused(photos)


@pytest.mark.parametrize(
    ("scale", "ratings", "label"),
    [
        ("{kind: unordered, labels: [a, b, c]}", "b,b,a", "b"),
        ("{kind: unordered, labels: [a, b, c]}", "b,,", "b"),
        ("{kind: unordered, labels: [a, b, c]}", "b,c,a", None),
        ("{kind: ordinal, labels: ['1', '2', '3', '4']}", "4,1,3", "3"),
        ("{kind: ordinal, labels: ['1', '2', '3', '4', '5']}", "5,3,3", "3"),
        ("{kind: numeric, low: 0, high: 10}", "4,2.5,", "3.25"),  # their mean
        ("{kind: numeric, low: 0, high: 10}", ",,", None),
    ],
)
def test_the_label_is_what_raters_agree_on(photos: Path, scale: str, ratings: str, label: str | None) -> None:
    (photos / "benchmark.yaml").write_text(f"scale: {scale}\n")
    path = table(photos, f"image,rater_1,rater_2,rater_3\nphotos/a.png,{ratings}\n")
    if label is None:
        assert "row 2: " + ("no label" if ratings == ",," else "the raters tie (a, b, c)") in refused(path)
    else:
        assert read_benchmark(str(path)).records[0].label == label


def test_a_label_goes_before_the_raters_and_their_labels_are_checked(photos: Path) -> None:
    path = table(photos, "image,label,rater_1,rater_2\nphotos/a.png,b,a,a\nphotos/b.jpg,,a,a\n")
    records, _ = read_records(path)
    assert [(r.label, dict(r.raters)) for r in records] == [(x, {"rater_1": "a", "rater_2": "a"}) for x in "ba"]
    with pytest.raises(TableError, match=r"row 2: rater_1 'a' is not on the scale \(b, c\)"):
        read_benchmark(str(path), labels=["b", "c"])


def test_one_image_with_two_labels_is_a_contradiction(photos: Path) -> None:
    (photos / "copy.png").write_bytes((photos / "photos" / "a.png").read_bytes())
    path = table(photos, "image,label\nphotos/a.png,a\nphotos/b.jpg,b\ncopy.png,b\nphotos/b.jpg,b\n")
    message = refused(path)
    assert "2 of 4 rows" in message
    assert "row 2: labelled 'a', but the same image is 'b' in labels.csv, row 4" in message
    assert "row 4: labelled 'b', but the same image is 'a' in labels.csv, row 2" in message
    benchmark = read_benchmark(str(path), labels=["a", "b"], skip_bad=True)
    assert [r.id for r in benchmark.records] == ["photos/b.jpg", "photos/b.jpg#2"]
    assert (benchmark.repeated, len(benchmark.rejected)) == (1, 2)


def test_other_texts_are_no_contradiction(photos: Path) -> None:
    path = table(photos, "image,label,text\nphotos/a.png,a,x\nphotos/a.png,b,y\nphotos/a.png,a,y\n")
    assert "row 4: labelled 'a', but the same image and text is 'b' in labels.csv, row 3" in refused(path)


def test_bad_rows_are_skipped_on_request_and_named(photos: Path) -> None:
    path = table(photos, "image,label\nphotos/a.png,a\nnone.png,a\nphotos/b.jpg,b\n")
    assert refused(path).endswith("leave them out with -T skip_bad=true.")
    benchmark = read_benchmark(str(path), skip_bad=True)
    assert len(benchmark.records) == 2
    assert benchmark.rejected == (f"labels.csv, row 3: none.png: no such image in {photos}",)
    only_bad = table(photos, "image,label\nx.png,a\ny.png,b\n", "bad.csv")
    with pytest.raises(TableError, match="2 of 2 rows"):
        read_benchmark(str(only_bad), skip_bad=True)


def test_a_folder_is_read_by_its_first_table(photos: Path) -> None:
    table(photos, "image,label\nphotos/a.png,x\nphotos/b.jpg,y\n")
    assert read_benchmark(str(photos)).scale.labels == ("x", "y")
    table(
        photos,
        '{"file_name": "photos/a.png", "label": "v"}\n{"file_name": "photos/b.jpg", "label": "w"}\n',
        "metadata.jsonl",
    )
    assert read_benchmark(str(photos)).scale.labels == ("v", "w")


def test_a_sub_folder_per_label(photos: Path) -> None:
    for name in ("safe", "unsafe/deeper", ".hidden"):
        (photos / name).mkdir(parents=True)
    (photos / "photos" / "a.png").rename(photos / "safe" / "a.png")
    (photos / "photos" / "b.jpg").rename(photos / "unsafe" / "deeper" / "b.jpg")
    (photos / "photos" / "c d=1.webp").rename(photos / ".hidden" / "c.webp")
    (photos / "unsafe" / "notes.txt").write_text("not an image")
    (photos / "photos").rmdir()
    benchmark = read_benchmark(str(photos))
    assert [(r.id, r.label) for r in benchmark.records] == [("safe/a.png", "safe"), ("unsafe/deeper/b.jpg", "unsafe")]
    assert dict(benchmark.about) == {"data": "set"}
    for old, new in (("safe", "train"), ("unsafe", "test")):
        (photos / old).rename(photos / new)
    assert "test, train look like splits, not labels" in refused(photos)


def test_a_folder_without_anything_says_what_was_looked_for(tmp_path: Path) -> None:
    message = refused(tmp_path)
    for name in ("benchmark.yaml", "metadata.csv", "labels.parquet", "one sub-folder per label"):
        assert name in message


def test_the_report(photos: Path) -> None:
    path = table(
        photos,
        "image,label,text,rater_1,rater_2\nphotos/a.png,safe,x,safe,safe\nphotos/b.jpg,unsafe,x,,unsafe\nno.png,safe,,,\n",
    )
    benchmark = read_benchmark(str(path), skip_bad=True)
    assert summarize(benchmark, {"train": benchmark.records[:1], "test": benchmark.records[1:]}) == (
        f"{path}: 3 rows, 2 usable; unordered scale: safe, unsafe\n"
        "  label     train  test\n"
        "  safe          1     0\n"
        "  unsafe        0     1\n"
        "  together      1     1\n"
        "with a text: 2; groups, each within one split: 1; with labels of 1 to 2 raters: 2\n"
        "rows left out: 1\n"
        f"  labels.csv, row 4: no.png: no such image in {photos}"
    )


def test_the_report_of_a_numeric_scale_and_of_names_that_would_act() -> None:
    records = tuple(Record(f"r{k}", "x.png", str(k)) for k in range(11))
    scale = LabelScale("numeric", low=0, high=10)
    shown = summarize(UserBenchmark("evil\x1b[2J", records, scale, (), 0, BenchmarkSettings(), {}), {"all": records})
    assert shown.splitlines() == [
        "evil\\x1b[2J: 11 rows, 11 usable; numeric scale, 0 to 10",
        "  label     all",
        "  lowest      0",
        "  median      5",
        "  highest    10",
        "  together   11",
    ]


def test_a_column_with_another_meaning_is_no_rater(photos: Path) -> None:
    (photos / "benchmark.yaml").write_text("columns: {label: rater_final}\n")
    path = table(photos, "image,rater_final,rater_1\nphotos/a.png,a,b\nphotos/b.jpg,b,\n")
    assert [(r.label, dict(r.raters)) for r in read_benchmark(str(path)).records] == [
        ("a", {"rater_1": "b"}),
        ("b", {}),
    ]


def test_contradictions_of_one_picture_take_linear_time(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = Picture("x", "1", (1, 1), 1)
    monkeypatch.setattr("blpo_inspect.data.tables.sample_images.picture", lambda value, *_, **__: (image, value))
    rows = 12_000  # each compared with each: more than 10 seconds
    path = table(photos, "image,label\n" + "a.png,safe\n" * (rows - 1) + "a.png,unsafe\n")
    before = time.process_time()
    message = refused(path)
    assert time.process_time() - before < 6
    assert f"{rows} of {rows} rows" in message and f"is 'unsafe' in labels.csv, row {rows + 1}" in message


def test_ties_of_an_unordered_scale_are_dropped_or_drawn_on_request(photos: Path) -> None:
    path = table(photos, "image,rater_1,rater_2\nphotos/a.png,a,b\nphotos/b.jpg,a,a\nphotos/c d=1.webp,b,b\n")
    assert "row 2: the raters tie (a, b); add a label, or ties to benchmark.yaml" in refused(path)
    (photos / "benchmark.yaml").write_text("ties: drop")
    dropped = read_benchmark(str(path))
    assert (len(dropped.records), dropped.dropped, dropped.drawn) == (2, 1, 0)
    assert "3 rows, 2 usable" in summarize(dropped, {})
    assert "rows left out because their raters tie: 1" in summarize(dropped, {})
    (photos / "benchmark.yaml").write_text("ties: random")
    drawn = read_benchmark(str(path))
    assert (len(drawn.records), drawn.dropped, drawn.drawn) == (3, 0, 1)
    assert drawn.records[0].label in ("a", "b") and drawn.records[0].extra == {"label_drawn": True}
    assert "labels drawn by chance between ratings that tie: 1" in summarize(drawn, {})
    assert drawn.records == read_benchmark(str(path)).records


def test_a_draw_between_two_raters_depends_on_the_picture_alone(photos: Path) -> None:
    for number in range(40):
        Image.new("RGB", (2, 2), (number, 0, 0)).save(photos / f"{number}.png")
    names = [f"{number}.png" for number in range(40)]
    labels = []
    for order in (names, names[::-1]):
        text = "image,rater_1,rater_2\n" + "".join(f"{name},2,3\n" for name in order)
        benchmark = read_benchmark(str(table(photos, text)), scale="ordinal:1-5")
        assert "labels drawn by chance between two middle ratings: 40" in benchmark.notes
        labels.append({record.id: record.label for record in benchmark.records})
    assert labels[0] == labels[1] and set(labels[0].values()) == {"2", "3"}


def test_doubts_stop_a_run_even_where_bad_rows_are_skipped(photos: Path) -> None:
    rows = "".join(f"photos/a.png,{label},{k}\n" for k, label in enumerate(["safe", "unsafe"] * 4 + ["unsfae"]))
    path = table(photos, f"image,label,text\n{rows}none.png,safe,x\n")
    with pytest.raises(TableError) as caught:
        read_benchmark(str(path), skip_bad=True)
    assert str(caught.value) == (
        f"{path}: label 'unsfae' is rare (1 row: labels.csv, row 10) and close to 'unsafe', which 4 have; correct it, "
        "or state the labels with -T labels=safe,unsafe,unsfae"
    )
    assert "row 11: none.png" in refused(path) and "'unsfae' is rare" in refused(path)
    stated = read_benchmark(str(path), skip_bad=True, labels="safe,unsafe,unsfae")
    assert stated.doubts == () and len(stated.records) == 9
    assert len(read_benchmark(str(path), skip_bad=True, doubtful=True).doubts) == 1


def test_a_folder_named_as_if_its_label_were_missing_is_a_label(photos: Path) -> None:
    for name, file in (("empty", "a.png"), ("full", "b.jpg")):
        (photos / name).mkdir()
        (photos / "photos" / file).rename(photos / name / file)
    (photos / "photos" / "c d=1.webp").unlink()
    (photos / "photos").rmdir()
    assert read_benchmark(str(photos)).scale.labels == ("empty", "full")


def test_raters_words_for_nothing_leave_the_others_ratings(photos: Path) -> None:
    path = table(photos, "image,rater_1,rater_2\nphotos/a.png,a,NA\nphotos/b.jpg,n/a,b\n")
    benchmark = read_benchmark(str(path))
    assert [(r.label, dict(r.raters)) for r in benchmark.records] == [("a", {"rater_1": "a"}), ("b", {"rater_2": "b"})]
    assert benchmark.notes[0].startswith("counted as missing labels: 'NA' (1), 'n/a' (1); ")
