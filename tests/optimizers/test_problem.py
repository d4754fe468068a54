"""What can be optimized and what cannot, what the digest of the data depends on, and where the start comes from."""

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.optimizers.problem import Problem, load_problem
from blpo_inspect.tasks.common import judging_task
from tests.optimizers.toy import START, ids, picture

SCALE = LabelScale("unordered", ("yes", "no"))
Rows = Mapping[str, list[Any]]
ROWS: Rows = {
    "train": [["a", "a", "yes", None, None], ["b", "b", "no", "a cat", "g1"]],
    "validation": [["c", "c", "yes", None, "g2"]],
    "test": [["d", "d", "no", None, None]],
}
"""By split: id, picture, label, text, group."""


@task
def rows_benchmark(
    rows: Rows, split: str = "test", prompts: str | None = None, labels: str = "yes,no", kind: str = "unordered"
) -> Task:
    """A benchmark from plain values; a picture is a name, a path or a URI."""
    records = [
        Record(name, image if len(image) > 3 else picture(image), label, text, group=group)
        for name, image, label, text, group in rows[split]
    ]
    scale = LabelScale("ordinal" if kind == split else "unordered", tuple(labels.split(",")))
    return judging_task(records, scale, name="rows", default_prompt=f"Is it? ({split})", prompts=prompts)


@task
def no_split(prompts: str | None = None) -> Task:
    """One set of images only."""
    return judging_task([Record("a", picture("a"), "yes")], SCALE, name="no_split", default_prompt="Is it?")


@task
def foreign(split: str, images: bool = True) -> Task:
    """Not made by this package."""
    return Task(dataset=MemoryDataset([Sample(id="x", input="What is it?", target="a cat")]))


@task
def own_samples(split: str, picture_too: bool = False) -> Task:
    """Samples with a scale, but no images or no default prompt."""
    if picture_too:
        made = judging_task([Record(split, picture(split), "yes")], SCALE, name="x", default_prompt="Is it?")
        return Task(dataset=made.dataset)
    metadata = {"human": "yes", "scale": SCALE.to_dict()}
    return Task(dataset=MemoryDataset([Sample(id="x", input="What is it?", target="yes", metadata=metadata)]))


def changed(split: str = "train", row: int = 0, **values: Any) -> Rows:
    """The rows with one of them changed."""
    names = ("id", "image", "label", "text", "group")
    new: dict[str, list[Any]] = {name: [list(row) for row in some] for name, some in ROWS.items()}
    for name, value in values.items():
        new[split][row][names.index(name)] = value
    return new


def load(rows: Rows = ROWS, prompts: str | None = None, **args: Any) -> Problem:
    """The problem of these rows."""
    return load_problem("rows_benchmark", {"rows": rows, **args}, prompts)


def test_what_a_problem_holds() -> None:
    problem = load()
    assert [item.id for item in problem.train] == ["a", "b"]
    assert [item.id for item in problem.validation + problem.test] == ["c", "d"]
    item = problem.train[1]
    assert (item.images, item.human, item.text, item.group) == ((picture("b"),), "no", "a cat", "g1")
    assert problem.scale == SCALE
    assert (problem.name, problem.args) == ("rows_benchmark", {"rows": ROWS})
    assert problem.start == PromptPair("Is it? (train)", DEFAULT_I2T, SCALE)
    assert problem.parent is None
    [shown] = _content(problem)
    assert shown == picture("a")


def _content(problem: Problem) -> list[str]:

    return [part.image for part in asyncio.run(problem.train[0].content())]


@pytest.mark.parametrize(
    ("benchmark", "args", "words"),
    [
        ("no_such", {}, "no benchmark 'no_such'; name a task (inspect list tasks), such as shapes_safety"),
        ("no_split", {}, "no_split: the task has no argument split, so it has no train, validation and test images"),
        ("toy", {"colour": 1, "shape": 2}, "toy: benchmark_args it does not take: colour, shape; known: start"),
        ("toy", {"split": "train"}, "benchmark_args: split is set by optimize itself; leave it out"),
        ("toy", {"prompts": "p.yaml", "split": "x"}, "benchmark_args: prompts, split is set by optimize itself"),
        ("rows_benchmark", {}, "rows_benchmark needs rows: give it with -T benchmark_args='{\"rows\": …}'"),
        ("foreign", {}, "foreign: sample x: the sample has no label scale in its metadata"),
        ("own_samples", {}, "own_samples: sample x has no image to judge"),
        ("own_samples", {"picture_too": True}, "own_samples: no default prompt; make the task with"),
    ],
)
def test_what_cannot_be_optimized_is_said(benchmark: str, args: dict[str, Any], words: str) -> None:
    with pytest.raises(PrerequisiteError, match=re.escape(words)):
        load_problem(benchmark, args)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({**ROWS, "validation": []}, "rows_benchmark, split validation: The specified dataset is empty"),
        ({**ROWS, "train": [], "test": []}, "rows_benchmark, split train: The specified dataset is empty"),
        (changed("test", image="a"), "train and test share 1 images; what is measured on test would not hold"),
        (changed("validation", image="b"), "train and validation share 1 images"),
        (changed("test", group="g2"), "validation and test share 1 groups"),
        (changed("test", image="/no/such.png"), "the image of sample d cannot be read"),
    ],
)
def test_splits_that_prove_nothing_are_refused(rows: Rows, words: str) -> None:
    with pytest.raises(PrerequisiteError, match=f"^rows_benchmark.*{re.escape(words.removeprefix('rows_benchmark'))}"):
        load(rows)


def test_splits_may_number_their_images_alike() -> None:
    assert load(changed("validation", id="a")).validation[0].id == "a"


def test_items_without_a_group_and_of_the_same_split_share_nothing() -> None:
    assert load(changed("train", 1, image="a", group=None)).digest


def test_splits_with_different_labels_are_refused() -> None:
    with pytest.raises(PrerequisiteError, match="its splits have different labels"):
        load(kind="validation")


def test_the_digest_changes_with_all_that_figures_rest_on() -> None:
    base = load().digest
    swapped = {**ROWS, "train": ROWS["train"][::-1]}
    moved = {**ROWS, "train": ROWS["train"][:1], "test": [*ROWS["test"], ROWS["train"][1]]}
    others = [
        load(rows).digest
        for rows in (
            changed(id="a2"),
            changed(label="no"),
            changed(text="a dog"),
            changed(text=""),
            changed(image="e"),
            changed("validation", label="no"),
            changed("test", image="e"),
            swapped,
            moved,
        )
    ]
    assert len({base, *others}) == len(others) + 1
    assert re.fullmatch(r"[0-9a-f]{64}", base)


def test_the_digest_does_not_change_otherwise(tmp_path: Path) -> None:
    base = load().digest
    file = tmp_path / "any name.png"
    file.write_bytes(base64.b64decode(picture("a").partition(",")[2]))
    assert load(changed(image=str(file))).digest == base, "a file with the same bytes"
    assert load(changed(image=picture("a").replace("image/png", "image/x-png"))).digest == base
    assert load(changed("train", 1, group="g9")).digest == base
    pair = tmp_path / "pair.yaml"
    PromptPair("Other?").save(pair)
    assert load(prompts=str(pair)).digest == base


def test_the_same_arguments_give_the_same_object() -> None:
    one = load_problem("toy", {"start": "A?"})
    assert load_problem("toy", {"start": "A?"}) is one
    assert load_problem("toy", {"start": "B?"}) is not one
    assert load_problem("toy", {"start": "B?"}).start.judge == "B?"
    assert load(ROWS, labels="yes,no") is load_problem("rows_benchmark", {"labels": "yes,no", "rows": ROWS})


def test_the_start_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pair.yaml"
    PromptPair("From a file?", "What is there?", SCALE, {"benchmark": "x"}).save(file)
    problem = load_problem("toy", {}, str(file))
    assert (problem.start.judge, problem.start.i2t) == ("From a file?", "What is there?")
    assert problem.parent == hashlib.sha256(file.read_bytes()).hexdigest()
    assert not problem.start.provenance, "how the start came about is not how the result does"

    PromptPair("Changed meanwhile?").save(file)
    again = load_problem("toy", {}, str(file))
    assert again.start.judge == "Changed meanwhile?" and again.parent != problem.parent
    assert load_problem("toy", {}).start.judge == START

    PromptPair("For others?", scale=LabelScale("unordered", ("a", "b"))).save(file)
    with pytest.raises(PrerequisiteError, match="written for another scale"):
        load_problem("toy", {}, str(file))
    with pytest.raises(PrerequisiteError, match="no such prompt file"):
        load_problem("toy", {}, str(tmp_path / "missing.yaml"))


BENCHMARK = """
from inspect_ai import task
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.tasks.common import judging_task

IMAGES = {images}

@task
def of_{name}(split="test", prompts=None, ask="Is it?"):
    records = [Record(split + str(n), image, "yes") for n, image in enumerate(IMAGES[split])]
    return judging_task(records, LabelScale("unordered", ("yes", "no")), name="x", default_prompt=ask, prompts=prompts)

@task
def without_split(prompts=None):
    return of_{name}("train")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A user's file with two tasks."""
    path = tmp_path / "mine.py"
    images = json.dumps({split: [picture(name) for name in ids(split)] for split in ("train", "validation", "test")})
    path.write_text(BENCHMARK.format(images=images, name="mine"))
    return path


def test_a_task_of_a_users_file(file: Path) -> None:
    problem = load_problem(f"{file}@of_mine", {"ask": "Is it mine?"})
    assert problem.start.judge == "Is it mine?"
    assert [item.id for item in problem.train] == ids("train")
    assert problem.name == f"{file}@of_mine"


@pytest.mark.parametrize(
    ("name", "args", "words"),
    [
        ("@of_mine", {"colour": "red"}, "benchmark_args it does not take: colour; known: ask"),
        ("@without_split", {}, "has no argument split"),
        ("@no_such", {}, "no_such: the file has no such task"),
        ("", {}, "or FILE.py@task"),
    ],
)
def test_what_is_wrong_with_a_users_file_is_said(file: Path, name: str, args: dict[str, Any], words: str) -> None:
    with pytest.raises(PrerequisiteError, match=words):
        load_problem(f"{file}{name}", args)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PrerequisiteError, match=r"no such file .*missing\.py"):
        load_problem(f"{tmp_path}/missing.py@x", {})
