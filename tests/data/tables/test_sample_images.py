"""Several images of one sample: which columns hold them, in what order, and that the order counts."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig
from PIL import Image
from pyarrow import parquet

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect.cache.request import canonical_request
from blpo_inspect.data.splits import split_records
from blpo_inspect.data.tables import TableError, read_benchmark
from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record, images_of, to_sample
from blpo_inspect.regression.case_task import facts_of

SCALE = LabelScale("unordered", ("a", "b"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(9):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def records(folder: Path, text: str, name: str = "labels.csv") -> list[Record]:
    (folder / name).write_text(text)
    return list(read_benchmark(str(folder / name)).records)


def numbers(record: Record) -> str:
    return "".join(Path(image).stem for image in record.images)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("image_1,image_2,label\n0.png,1.png,a\n2.png,3.png,b\n", "x.csv"),
        ("image_2,label,image_1\n1.png,a,0.png\n3.png,b,2.png\n", "x.csv"),
        ("image,image_2,label\n0.png,1.png,a\n2.png,3.png,b\n", "x.csv"),
        ("images,label\n0.png;1.png,a\n2.png ; 3.png,b\n", "x.csv"),
        ('images,label\n"[""0.png"", ""1.png""]",a\n2.png;3.png,b\n', "x.csv"),
        ('{"images": ["0.png", "1.png"], "label": "a"}\n{"images": ["2.png", "3.png"], "label": "b"}', "x.jsonl"),
        (
            '{"image": ["0.png", "1.png"], "label": "a"}\n{"image_1": "2.png", "image_2": "3.png", "label": "b"}',
            "x.jsonl",
        ),
    ],
)
def test_columns(photos: Path, text: str, name: str) -> None:
    found = records(photos, text, name)
    assert [numbers(record) for record in found] == ["01", "23"]
    assert [record.id for record in found] == ["0.png + 1.png", "2.png + 3.png"]


def test_numbers_are_no_text(photos: Path) -> None:
    columns = ",".join(f"image_{number}" for number in range(11, 0, -1))
    cells = ",".join(f"{number % 9}.png" for number in range(11, 0, -1))
    [record, _] = records(photos, f"{columns},label\n{cells},a\n{',' * 10}0.png,b\n")
    assert numbers(record) == "12345678012"


def test_names_of_ones_own(photos: Path) -> None:
    (photos / "benchmark.yaml").write_text("columns: {image_1: before, image_2: after, label: verdict}\n")
    found = records(photos, "after,before,verdict,image\n1.png,0.png,a,x\n3.png,2.png,b,x\n")
    assert [numbers(record) for record in found] == ["01", "23"]
    (photos / "benchmark.yaml").write_text("columns: {images: shots}\n")
    assert numbers(records(photos, "shots,label,images\n0.png;1.png,a,3\n2.png,b,1\n")[0]) == "01"
    (photos / "benchmark.yaml").write_text("columns: {image: image}\n")
    assert numbers(records(photos, "image,label,image_2\n0.png,a,no\n2.png,b,no\n")[0]) == "0"


def test_parquet_with_lists_of_paths_and_bytes(photos: Path) -> None:
    data = (photos / "1.png").read_bytes()
    for cells in (
        [["0.png", "1.png"], ["2.png"]],
        [[{"bytes": None, "path": "0.png"}, {"bytes": data, "path": None}], [{"bytes": data, "path": "2.png"}]],
    ):
        parquet.write_table(pyarrow.table({"images": cells, "label": ["a", "b"]}), photos / "x.parquet")
        first, second = read_benchmark(str(photos / "x.parquet")).records
        assert image_digest(first.images[1]) == image_digest(str(photos / "1.png"))
        assert (len(first.images), len(second.images)) == (2, 1)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("image_1,image_2,label\n0.png,,a\n,1.png,b\n", "row 3: no image_1, but image_2"),
        ("image_1,image_3,label\n0.png,1.png,a\n", "row 2: no image_2, but image_3"),
        ("image_1,image_2,label\n,,a\n", "row 2: no image"),
        ("image_1,image_2,label\n0.png,none.png,a\n", "row 2: none.png: no such image"),
        ("image,image_1,label\n0.png,1.png,a\n", "row 2: image and image_1 both hold the first image"),
        ("image,images,label\n0.png,1.png,a\n", "row 2: image and images both hold the first image"),
        ("images,label\n0.png;;1.png,a\n", "row 2: images: 3 are listed, and one of them is empty"),
        ('images,label\n"[""0.png""",a\n', "row 2: images: not a list in JSON"),
        ("image_1,image_2,label\n0.png,../1.png,a\n", "row 2: ../1.png: lies outside"),
        ("picture_1,picture_2,label\n0.png,1.png,a\n", "no column image;"),
    ],
)
def test_faults_are_named(photos: Path, row: str, message: str) -> None:
    (photos / "x.csv").write_text(row)
    with pytest.raises(TableError) as caught:
        read_benchmark(str(photos / "x.csv"), labels=["a", "b"])
    assert message in str(caught.value)


def test_an_image_that_cannot_be_decoded_is_named_by_its_place(photos: Path) -> None:
    data = (photos / "1.png").read_bytes()
    parquet.write_table(pyarrow.table({"images": [[data, b"no"], [data]], "label": ["a", "b"]}), photos / "x.parquet")
    with pytest.raises(TableError, match="row 1: row 1, image 2: not an image"):
        read_benchmark(str(photos / "x.parquet"))


def test_rows_may_have_different_numbers_and_the_summary_says_so(photos: Path) -> None:
    (photos / "x.csv").write_text("image_1,image_2,label\n0.png,1.png,a\n2.png,3.png,b\n4.png,,b\n")
    benchmark = read_benchmark(str(photos / "x.csv"))
    assert [numbers(record) for record in benchmark.records] == ["01", "23", "4"]
    assert "images of a sample (samples): 2 (2), 1 (1)" in benchmark.images.lines()


def test_the_same_images_in_another_order_are_another_sample(photos: Path) -> None:
    rows = "image_1,image_2,label\n0.png,1.png,a\n1.png,0.png,b\n"
    assert len(records(photos, rows)) == 2
    with pytest.raises(TableError, match="labelled 'a', but the same image is 'b'"):
        records(photos, rows + "0.png,1.png,b\n")


def key(images: list[Path]) -> Any:
    first, *others = map(str, images)
    sample = to_sample(Record("r", first, "a", more_images=tuple(others)), SCALE)
    message = judge_message("Which?", SCALE, images=images_of(sample.input))
    return canonical_request({}, [message], config=GenerateConfig()), facts_of(sample.metadata or {}, map(str, images))


def test_the_order_is_part_of_the_request_and_of_what_a_baseline_knows(photos: Path) -> None:
    one, two = photos / "0.png", photos / "1.png"
    (request, facts), (swapped, other_facts) = key([one, two]), key([two, one])
    digests = [image_digest(str(path)) for path in (one, two)]
    assert [part.get("sha256") for part in request["messages"][0]["content"]] == [*digests, None]
    assert [part.get("sha256") for part in swapped["messages"][0]["content"]] == [*reversed(digests), None]
    assert facts["shown"] != other_facts["shown"]


def test_a_sample_with_one_image_is_as_it_was(photos: Path) -> None:
    [record, _] = records(photos, "image,label\n0.png,a\n1.png,b\n")
    assert record == Record("0.png", str(photos / "0.png"), "a")
    messages = to_sample(record, SCALE).input
    assert isinstance(messages[0], ChatMessageUser) and len(messages[0].content) == len(messages) == 1


def test_samples_that_share_an_image_are_in_one_split() -> None:
    def uri(name: object) -> str:
        return f"data:image/png,{name}"

    # 30 chains: each record shares its second image with the first of the next in the chain
    chained = [
        Record(f"{chain}-{link}", uri(f"{chain} {link}"), "ab"[chain % 2], more_images=(uri(f"{chain} {link + 1}"),))
        for chain in range(30)
        for link in range(3)
    ]
    splits = split_records(chained, SCALE, seed=0)
    seen = [{image for record in part for image in record.images} for part in splits.values()]
    assert sum(map(len, seen)) == len(set.union(*seen)) == 120
    assert [len(part) for part in splits.values()] == [36, 18, 36]


def test_jsonl_lists_may_hold_one(photos: Path) -> None:
    text = "\n".join(json.dumps({"images": [f"{n}.png"], "label": "ab"[n % 2]}) for n in range(4))
    assert [record.id for record in records(photos, text, "x.jsonl")] == ["0.png", "1.png", "2.png", "3.png"]
