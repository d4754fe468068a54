"""AGIN from a folder: labels from means, splits, faults, and what is said where there is no folder."""

from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.tasks.agin import agin
from tests.conftest import ScriptedAPI
from tests.tasks import worlds
from tests.tasks.checks import assert_disjoint, counts, digests, ids, metadata, skipped

FIVE = {(str(label),) for label in range(1, 6)}


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A generated one."""
    return str(worlds.agin(tmp_path / "AGIN"))


def test_splits_are_balanced_and_disjoint(folder: str) -> None:
    splits = [agin(folder, split=split, limit_per_class=5) for split in SPLITS]
    assert_disjoint(*splits)
    for task in splits:
        assert counts(task, "human") == dict.fromkeys(FIVE, 5)
    whole = [agin(folder, split=split, full=True) for split in SPLITS]
    assert_disjoint(*whole)
    assert [len(digests(task)) for task in whole] == [len(task.dataset) for task in whole]
    assert ids(agin(folder, seed=1, limit_per_class=5)) != ids(splits[2])
    assert ids(agin(folder, limit_per_class=5)) == ids(splits[2])


def test_means_from_1_to_5_are_rounded(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = agin(folder, limit_per_class=8)
    for sample in task.dataset:
        about = metadata(sample)
        assert abs(about["MOS_nat"] - int(about["human"])) <= 0.5
    assert task.metadata is not None and task.metadata["labels"] == "MOS_nat rounded"
    assert "agin: labels are MOS_nat rounded" in capsys.readouterr().err


def test_other_means_are_binned(tmp_path: Path) -> None:
    task = agin(str(worlds.agin(tmp_path / "AGIN", scale=20.0)), full=True)
    assert task.metadata is not None
    assert task.metadata["labels"] == "MOS_nat in five bins of equal width from 20 to 100"
    for sample in task.dataset:
        about = metadata(sample)
        # the bins are 20-36, 36-52, 52-68, 68-84 and 84-100
        assert about["human"] == str(min(5, int((about["MOS_nat"] - 20) // 16) + 1))


def test_faults_are_named(folder: str) -> None:
    reasons = "\n".join(skipped(agin(folder, full=True)))
    assert "AGIN.csv, row 303: MOS_nat 'n/a' is not a number" in reasons
    assert "AGIN.csv, row 304: no filename" in reasons
    every = "\n".join(reason for split in SPLITS for reason in skipped(agin(folder, split=split, full=True)))
    assert "no such image in" in every
    assert "truncated" in every
    assert "another split has the same image" in every
    assert "../outside.jpg: lies outside" in every


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (None, "AGIN is not on the hub: download it through the links in the README"),
        ({}, "no CSV file with the columns filename and MOS_nat"),
        ({"a.csv": "filename,score\n"}, "no CSV file with the columns filename and MOS_nat"),
        ({"a.csv": "filename,MOS_nat\n", "b.csv": "filename,MOS_nat\n"}, "several CSV files .* a.csv, b.csv"),
        ({"a.csv": "filename,MOS_nat\nx.png,3\n"}, "1 usable rows, all with the same MOS_nat"),
    ],
)
def test_no_data(tmp_path: Path, make: dict[str, str] | None, message: str) -> None:
    for name, text in (make or {}).items():
        (tmp_path / name).write_text(text)
    with pytest.raises(PrerequisiteError, match=message):
        agin(None if make is None else str(tmp_path))
    (tmp_path / "latin.csv").write_bytes(b"filename,MOS_nat\n\xfc.png,3\n")
    with pytest.raises(PrerequisiteError, match="save it as UTF-8"):
        agin(str(tmp_path), table="latin.csv")
    with pytest.raises(PrerequisiteError, match="no such folder"):
        agin(str(tmp_path / "nowhere"))


def test_judging_it(folder: str, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "3")
    [log] = inspect_eval(agin(folder, limit_per_class=1), model="scripted/x", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.results is not None
    assert log.results.scores[0].metrics["acc"].value == pytest.approx(0.2)
    assert "data:image/jpeg;base64," in str(scripted.requests[0][0].content[0])
