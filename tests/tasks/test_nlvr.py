"""NLVR from the authors' folder and from a table: splits, raters, faults; and the real data where they are."""

import csv
import json
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.scorers import agreement, alternative_annotator
from blpo_inspect.tasks.nlvr import nlvr
from tests.conftest import ScriptedAPI
from tests.tasks import worlds
from tests.tasks.checks import assert_disjoint, counts, ids, metadata, skipped

REAL = Path(__file__).parents[3] / "shared" / "data" / "nlvr" / "labels.csv"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The authors' layout: 60 examples of 30 sentences in each part, with five raters."""
    for part in ("dev", "test"):
        lines = []
        for number in range(60):
            identifier, directory = f"{number // 2}-{number % 2}", str(number % 3)
            image = tmp_path / "nlvr" / part / "images" / directory / f"{part}-{identifier}-0.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(worlds.picture(f"{part} {number}", "PNG"))
            label = "true" if number % 2 else "false"
            evals = {f"r{k}": label for k in range(4)} | {"r4": "nonsense" if number % 10 == 0 else label}
            lines.append(
                {
                    "identifier": identifier,
                    "directory": directory,
                    "sentence": f"{part} sentence {number // 2}",
                    "label": label,
                    "evals": evals,
                    "structured_rep": [],
                }
            )
        (tmp_path / "nlvr" / part / f"{part}.json").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return tmp_path


def test_dev_is_train_and_validation_and_test_is_test(folder: Path) -> None:
    splits = [nlvr(str(folder), split=split, full=True) for split in SPLITS]
    assert_disjoint(*splits)
    assert [len(task.dataset) for task in splits] == [30, 30, 60]
    assert all(str(sample.id).startswith("test-") for sample in splits[2].dataset)
    drawn = nlvr(str(folder / "nlvr"), limit_per_class=10)
    assert counts(drawn, "human") == {("false",): 10, ("true",): 10}
    assert (
        ids(drawn) == ids(nlvr(str(folder), limit_per_class=10)) != ids(nlvr(str(folder), limit_per_class=10, seed=1))
    )
    about = {str(sample.id): metadata(sample) for sample in splits[2].dataset}
    assert about["test-3-1"]["group"] == about["test-3-0"]["group"] == "test sentence 3"
    assert len(about["test-0-0"]["raters"]) == 4 and len(about["test-0-1"]["raters"]) == 5


def test_it_is_judged_against_the_sentence(folder: Path, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "true" if "test sentence" in messages[0].text else "false")
    [log] = inspect_eval(
        nlvr(str(folder), limit_per_class=20), model="scripted/m", log_dir=str(tmp_path / "logs"), display="none"
    )
    assert log.results is not None
    figures = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
    assert figures["acc"] == 0.5 and figures["acc_c"] == 1.0


def test_faults_are_named(folder: Path) -> None:
    file = folder / "nlvr" / "test" / "test.json"
    lines = file.read_text().splitlines()
    broken = [lines[0], '{"identifier": "x"}', "not JSON", lines[0], lines[3].replace('"true"', '"maybe"', 1)]
    escaping = json.loads(lines[5]) | {"directory": "../../../..", "identifier": "9-9", "sentence": "a new one"}
    file.write_text("\n".join([*broken, *lines[6:], json.dumps(escaping)]) + "\n")
    reasons = "\n".join(skipped(nlvr(str(folder), full=True)))
    for expected in (
        "test.json, row 2: not an example of NLVR: KeyError('directory')",
        "test.json, row 3: not an example of NLVR",
        "test.json, row 4: test-0-0 occurs twice",
        "test.json, row 5: ",
        "lies outside",
    ):
        assert expected in reasons
    with pytest.raises(PrerequisiteError, match="clone the GitHub repository lil-lab/nlvr"):
        nlvr()
    with pytest.raises(PrerequisiteError, match=r"has no dev/dev\.json"):
        nlvr(str(folder / "nlvr" / "dev"))
    with pytest.raises(PrerequisiteError, match="no such folder or table"):
        nlvr(str(folder / "nothing"))


def test_a_table(folder: Path) -> None:
    table = folder / "nlvr" / "labels.csv"
    rows = [
        {
            "id": f"{part}-{k}-0",
            "image": f"{part}/images/{2 * k % 3}/{part}-{k}-0-0.png",
            "text": f"s {part} {k}",
            "label": "false",
            "group": f"s {part} {k}",
            "split": split,
            "raters": json.dumps({"r1": "false", "r2": "True"}),
        }
        for part, split in (("dev", "validation"), ("test", "test"))
        for k in range(20)
    ]
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    task = nlvr(str(table), full=True)
    assert len(task.dataset) == 20 and metadata(task.dataset[0])["raters"] == {"r1": "false", "r2": "true"}
    assert [len(nlvr(str(table), split=split, full=True).dataset) for split in SPLITS] == [10, 10, 20]


@pytest.mark.skipif(not REAL.is_file(), reason=f"the public data are not in {REAL.parent}")
def test_real_raters(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    """A judge that says what the first rater says: people among themselves agree as on real data."""
    task = nlvr(str(REAL), limit_per_class=60)
    texts = {str(metadata(sample)["text"]): sorted(metadata(sample)["raters"].items())[0][1] for sample in task.dataset}
    scripted.script = staticmethod(
        lambda messages: next(label for text, label in texts.items() if text in messages[0].text)
    )
    [log] = inspect_eval(task, model="scripted/m", log_dir=str(tmp_path), display="none")
    log = inspect_score(log, [agreement(), alternative_annotator(epsilon=0.2)], action="overwrite")
    assert log.results is not None
    figures = {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}
    assert figures["acc"] > 0.7  # one sentence has several pictures, of which this judge sees none
    assert 0.9 < figures["acc_c"] <= 1 and 0.9 < figures["acc_r"] <= 1
