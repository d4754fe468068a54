"""The study of real judges, where its public data are."""

import csv
import gzip
import json
import re
import sys
from pathlib import Path
from statistics import fmean

import pytest
from scipy.stats import spearmanr

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "viescore"
TASK = "Control-Guided_IG"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data are not in {DATA}")


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])


def by_hand(judge: str) -> tuple[list[float], list[float]]:
    """The mean of raters and the smallest score, read anew."""
    people = {}
    with (DATA / "humans.csv").open() as file:
        for row in csv.DictReader(file):
            if row["task"] == TASK:
                people[row["generator"], row["uid"]] = fmean(json.loads(row[f"rater{k}"])[0] for k in (1, 2, 3))
    human, said = [], []
    with gzip.open(DATA / "judgements.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            if (row["task"], row["kind"], row["judge"]) == (TASK, "SC", judge):
                human.append(people[row["generator"], row["uid"]])
                said.append(min(map(float, re.findall(r"[0-9.]+", row["score"]))) / 10)
    return human, said


def test_figures_are_those_of_the_raw_table_and_bytes_the_same(tmp_path: Path) -> None:
    import real_judges

    found = real_judges.study(DATA, TASK, "SC", tmp_path)
    rows = {row.run.record.model.partition("/")[2]: row for row in found.group.rows}
    human, said = by_hand("gpt4o_0shot")
    figures = rows["gpt4o_0shot"].figures
    assert figures["spearman"].value == pytest.approx(spearmanr(human, said).statistic, abs=1e-3)
    assert figures["mae"].value == pytest.approx(fmean(abs(a - b) for a, b in zip(human, said, strict=True)), abs=1e-3)
    # replies that were guessed are unread in the strict group
    strict = {row.run.record.model.partition("/")[2]: row for row in found.strict.rows}
    assert all(strict[judge].unread.value == pytest.approx(share) for judge, share in found.guessed.items())
    assert max(found.guessed.values()) > 0.5

    # the same rows give the same bytes
    again = real_judges.make_logs(list(real_judges.rows_of(DATA, TASK, "SC")), TASK, tmp_path / "again", strict=True)
    assert len(again) > 10
    assert all(file.read_bytes() == (tmp_path / "SC-True" / file.name).read_bytes() for file in again)
