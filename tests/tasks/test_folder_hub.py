"""Data of the hub through the datasets library, against a hub on this machine."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import ClassLabel, Dataset, Features, Image, List, Value
from datasets import config as datasets_config
from huggingface_hub import constants
from PIL import Image as Pillow

from blpo_inspect._util.images import data_uri
from blpo_inspect.data.tables import TableError, read_benchmark
from tests.data.hub.conftest import use
from tests.data.hub.server import TOKEN, Hub

COMMIT = "c" * 40
NAME = "owner/pictures"


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (4, 4), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def parquet(shades: range) -> bytes:
    """Pictures, a class by number, and a topic."""
    rows = {
        "image": [{"bytes": png(shade), "path": f"{shade}.png"} for shade in shades],
        "label": [shade % 2 for shade in shades],
        "category": [f"topic {shade % 3}" for shade in shades],
    }
    features = Features({"image": Image(), "label": ClassLabel(names=["fine", "bad"]), "category": Value("string")})
    buffer = io.BytesIO()
    Dataset.from_dict(rows, features=features).to_parquet(buffer)
    return buffer.getvalue()


FILES = {
    "data/train-00000-of-00001.parquet": parquet(range(12)),
    "data/test-00000-of-00001.parquet": parquet(range(100, 104)),
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that both libraries talk to, and empty caches."""
    with Hub() as server:
        use(server, tmp_path / "hub", monkeypatch)
        monkeypatch.setattr(datasets_config, "HF_ENDPOINT", server.url)
        monkeypatch.setattr(datasets_config, "HF_DATASETS_CACHE", tmp_path / "datasets")
        yield server


def refused(data: str, *, config: str | None = None, hub_split: str | None = None) -> str:
    with pytest.raises(TableError) as caught:
        read_benchmark(data, config=config, hub_split=hub_split)
    return str(caught.value)


def test_a_dataset_is_read_at_a_commit_and_again_offline(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(NAME, FILES, commit=COMMIT)
    monkeypatch.chdir(tmp_path)
    (tmp_path / NAME).mkdir(parents=True)  # a folder of the dataset's name is not the dataset
    benchmark = read_benchmark(f"hub:{NAME}@main", hub_split="train")
    assert benchmark.about == {"data": f"hub:{NAME}", "revision": COMMIT, "config": "default", "split": "train"}
    assert benchmark.name == f"{NAME}@cccccccc/train"
    assert benchmark.scale.labels == ("bad", "fine")
    assert [(r.id, r.label, r.category) for r in benchmark.records[:2]] == [
        ("0.png", "fine", "topic 0"),
        ("1.png", "bad", "topic 1"),
    ]
    assert len(benchmark.records) == 12
    assert benchmark.records[1].image == data_uri(png(1), "image/png")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    asked = len(hub.requests)
    assert read_benchmark(f"hub:{NAME}@{COMMIT}", hub_split="train") == benchmark
    # the library would hand over the version in its cache, whatever the commit
    assert "d" * 40 in refused(f"hub:{NAME}@{'d' * 40}", hub_split="train")
    assert len(hub.requests) == asked


def test_what_cannot_be_had_is_explained(hub: Hub) -> None:
    hub.add(NAME, FILES, commit=COMMIT)
    hub.add("owner/gated", FILES, commit=COMMIT, gated=True)
    hub.add("owner/code", {"code.py": b"import os"}, commit=COMMIT)
    for data, expected in (
        (f"hub:{NAME}", "name the dataset and its revision"),
        ("hub:../x@main", "name the dataset and its revision"),
        (f"hub:{NAME}@v9", "no such revision"),
        (f"hub:{NAME}@{'9' * 40}", "no such revision"),
        ("hub:owner/none@main", "no such dataset"),
        (f"hub:owner/none@{COMMIT}", "no such dataset"),
        ("hub:owner/gated@main", f"accept its terms at {hub.url}/datasets/owner/gated"),
        (f"hub:owner/gated@{COMMIT}", f"accept its terms at {hub.url}/datasets/owner/gated"),
        ("hub:owner/code@main", "consists of code"),
        (f"hub:{NAME}@main", "several splits; name one of train, test (-T hub_split=…)"),
    ):
        assert expected in refused(data), data
    assert "no split 'dev'; name one of train, test" in refused(f"hub:{NAME}@main", hub_split="dev")
    assert "other" in refused(f"hub:{NAME}@main", config="other")


def test_a_gated_dataset_with_a_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("owner/gated", FILES, commit=COMMIT, gated=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert len(read_benchmark("hub:owner/gated@main", hub_split="test").records) == 4


def test_no_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets_config, "HF_HUB_OFFLINE", True)
    for revision in ("main", COMMIT):
        assert "HF_HUB_OFFLINE is set" in refused(f"hub:{NAME}@{revision}")


def test_a_dataset_cannot_read_the_users_files(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_bytes(png(0))
    features = Features({"image": {"bytes": Value("binary"), "path": Value("string")}, "label": Value("string")})
    rows = {
        "image": [{"bytes": None, "path": str(tmp_path / "mine.png")}, {"bytes": png(1), "path": None}],
        "label": ["a", "b"],
    }
    buffer = io.BytesIO()
    Dataset.from_dict(rows, features=features).to_parquet(buffer)
    hub.add(NAME, {"data.parquet": buffer.getvalue()}, commit=COMMIT)
    message = refused(f"hub:{NAME}@main")
    assert "row 1: " in message
    assert "mine.png: the dataset holds a path, not the image" in message
    assert "1 of 2 rows" in message


def test_lists_of_images_are_several_images_of_a_sample(hub: Hub) -> None:
    features = Features({"images": List(Image()), "label": Value("string")})
    files = [{"bytes": png(shade), "path": f"{shade}.png"} for shade in range(4)]
    buffer = io.BytesIO()
    Dataset.from_dict({"images": [files[:2], files[2:]], "label": ["a", "b"]}, features=features).to_parquet(buffer)
    hub.add(NAME, {"data.parquet": buffer.getvalue()}, commit=COMMIT)
    benchmark = read_benchmark(f"hub:{NAME}@main")
    assert [record.images for record in benchmark.records] == [
        tuple(data_uri(png(shade), "image/png") for shade in shades) for shades in ((0, 1), (2, 3))
    ]


def test_settings_name_the_dataset(hub: Hub, tmp_path: Path) -> None:
    hub.add(NAME, FILES, commit=COMMIT)
    (tmp_path / "benchmark.yaml").write_text(
        f"data: hub:{NAME}@{COMMIT}\nsplit: test\ncolumns: {{label: category}}\nlicence: CC0\n"
    )
    benchmark = read_benchmark(str(tmp_path))
    assert benchmark.scale.labels == ("topic 0", "topic 1", "topic 2")
    assert benchmark.settings.licence == "CC0"
    assert len(benchmark.records) == 4


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("blpo_inspect.data.tables.hub_dataset.find_spec", lambda name: None)
    monkeypatch.setattr("blpo_inspect.data.tables.rows.find_spec", lambda name: None)
    (tmp_path / "x.parquet").write_bytes(b"")
    for data in (f"hub:{NAME}@main", str(tmp_path / "x.parquet")):
        assert "pip install datasets" in refused(data)


def test_published_pairs_need_no_task_of_their_own(hub: Hub, tmp_path: Path) -> None:
    """The files beside docs/pairs.md, on small data of the schemas that the datasets' cards state."""

    def hosted(name: str, path: str, rows: dict[str, list[object]], features: Features) -> None:
        buffer = io.BytesIO()
        Dataset.from_dict(rows, features=features).to_parquet(buffer)
        config = f"- config_name: {path.split('/')[0]}\n  data_files:\n  - split: test\n    path: {path}\n"
        card = f"---\nconfigs:\n{config}---\n"
        hub.add(name, {path: buffer.getvalue(), "README.md": card.encode()}, commit=COMMIT)

    text, image = Value("string"), Image()
    one, two = ({"bytes": png(shade), "path": f"{shade}.png"} for shade in (10, 200))
    hosted(
        "TIGER-Lab/GenAI-Bench",
        "image_generation/test-00000-of-00001.parquet",
        {
            "prompt": ["a red square", "a dark square", "a cat"],
            "left_model": ["m", "m", "n"],
            "left_image": [one, one, two],
            "right_model": ["n", "n", "m"],
            "right_image": [two, two, one],
            "vote_type": ["rightvote", "leftvote", "bothbad_vote"],
        },
        Features(prompt=text, left_model=text, left_image=image, right_model=text, right_image=image, vote_type=text),
    )
    hosted(
        "rl-research/multimodal-rewardbench-2",
        "t2i/test-00000-of-00001.parquet",
        {
            "pair_id": ["p1"],
            "prompt_text": ["a red square"],
            "response_a_images": [[one]],
            "response_b_images": [[two]],
            "chosen": ["B"],
            "response_a_model": ["m"],
            "response_b_model": ["n"],
        },
        Features(
            pair_id=text,
            prompt_text=text,
            response_a_images=List(image),
            response_b_images=List(image),
            chosen=text,
            response_a_model=text,
            response_b_model=text,
        ),
    )
    expected = {
        "genai_bench": [("second", ["m", "n"]), ("first", ["m", "n"]), ("tie", ["n", "m"])],
        "mmrb2": [("second", ["m", "n"])],
    }
    for name, wanted in expected.items():
        stated = (Path(__file__).parents[2] / f"docs/examples/pairs/{name}.yaml").read_text()
        own = tmp_path / f"{name}.yaml"
        own.write_text(re.sub("@[0-9a-z]+", f"@{COMMIT}", stated))
        found = read_benchmark(str(own))
        assert found.scale.kind == "pair"
        assert [(record.label, record.extra["sides"]) for record in found.records] == wanted
        assert all(len(record.images) == 2 and record.text for record in found.records)
