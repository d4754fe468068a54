"""``blpo estimate``: tables and logs of a judge with a known error rate, what it prints and writes, what it refuses."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from blpo_inspect.cli import main
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.statistics.prediction_powered import Labelled, Unlabelled, prediction_powered
from tests.conftest import ScriptedAPI
from tests.reporting.runs import Benchmark, judged

Rows = Sequence[Mapping[str, Any]]


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["estimate", *map(str, args)], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(path: Path, rows: Rows) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def truth(k: int) -> str:
    return "unsafe" if k % 4 == 0 else "safe"


def said(k: int) -> str:
    """Wrong on each tenth, and unsafe too often."""
    return "unsafe" if k % 10 == 3 else truth(k)


def verdicts(count: int = 400, more: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    return [{"id": f"p{k}", "path": f"new/p{k}.png", "label": said(k), **(more or {})} for k in range(count)]


LABELS = [{"id": f"p{k}", "human": truth(k)} for k in range(0, 400, 5)]
"""80 of them: 20 unsafe, of which the judge says all, and 8 that it takes for unsafe."""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "verdicts.csv", verdicts())


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def figures(*args: object, folder: Path) -> dict[str, Any]:
    blpo(*args, "-o", folder / "out.json")
    return {figure["name"]: figure for figure in read(folder / "out.json")["figures"]}


def test_verdicts_on_labelled_pictures_are_looked_up_by_id(table: Path, tmp_path: Path) -> None:
    result = blpo(
        table, "--labelled", write(tmp_path / "labels.csv", LABELS), "--label", "Unsafe", "-o", tmp_path / "o.json"
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith("320 unlabelled pictures; 80 labelled\n")
    assert lines[2][:5] == ["share", "of", "unsafe", "as", "judged"]
    assert [line[0] for line in lines[3:6]] == ["PPI++", "labels", "Rogan-Gladen"]
    assert "assumed: the labelled pictures are a random sample of those that the verdicts are about" in result.stdout
    assert "not checked: the files do not all say their model and prompt pair" in result.stdout
    [figure] = read(tmp_path / "o.json")["figures"]
    places = range(0, 400, 5)
    numbers = [float(said(k) == "unsafe") for k in range(400)]
    expected = prediction_powered(
        [Labelled([numbers[k] for k in places], human=[float(truth(k) == "unsafe") for k in places])],
        [Unlabelled([numbers[k] for k in range(400) if k % 5])],
        ends=(0, 1),
        share=True,
    )
    assert (figure["estimate"]["value"], figure["estimate"]["low"]) == pytest.approx((expected.value, expected.low))
    assert figure["estimate"]["more"] == expected.more
    assert figure["labels_only"]["value"] == 0.25
    assert figure["judged"] == pytest.approx(sum(numbers[k] for k in range(400) if k % 5) / 320)


def test_columns_have_other_names_and_other_formats(table: Path, tmp_path: Path) -> None:
    expected = figures(table, "--labelled", write(tmp_path / "labels.csv", LABELS), folder=tmp_path)
    assert list(expected) == ["share of safe", "share of unsafe"]
    ways: list[tuple[Rows, list[str]]] = [
        ([{"path": f"new/{row['id']}.png", "label": row["human"].upper()} for row in LABELS], []),
        ([{**row, "label": said(int(row["id"][1:]))} for row in LABELS], []),
        ([{"id": row["id"], "truth": row["human"]} for row in LABELS], ["--human", "truth"]),
        ([{**row, "bot": said(int(row["id"][1:])), "label": "?"} for row in LABELS], ["--judge", "bot"]),
    ]
    for place, (rows, options) in enumerate(ways):
        path = write(tmp_path / f"{place}.csv", rows)
        assert figures(table, "--labelled", path, *options, folder=tmp_path) == expected, place
    lines = tmp_path / "labels.jsonl"
    lines.write_text("".join(json.dumps(row) + "\n" for row in LABELS))
    assert figures(table, "--labelled", lines, folder=tmp_path) == expected


def test_labelled_pictures_may_be_others(table: Path, tmp_path: Path) -> None:
    rows = [{"id": f"x{k}", "human": truth(k), "judge": said(k)} for k in range(60)]
    result = blpo(table, "--labelled", write(tmp_path / "labels.csv", rows), "-o", tmp_path / "o.csv")
    assert result.stdout.startswith("400 unlabelled pictures; 60 labelled")
    with (tmp_path / "o.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [row["method"] for row in found[:4]] == ["as judged", "PPI++", "labels only", "Rogan-Gladen"]
    assert (found[0]["n"], found[1]["n"], found[0]["low"]) == ("400", "60", "")


def test_an_id_goes_before_a_path(tmp_path: Path) -> None:
    # two folders that were judged from within: the path of one picture is the id of another
    table = write(tmp_path / "v.csv", verdicts())
    other = write(tmp_path / "b.csv", [{"id": f"q{k}", "path": f"p{k}", "label": "safe"} for k in range(300)])
    rows = [*LABELS, *({"id": f"q{k}", "human": "safe"} for k in range(40))]
    blpo(table, "--labelled", write(tmp_path / "l.csv", rows), "--against", other, "-o", tmp_path / "o.json")
    assert read(tmp_path / "o.json")["labelled"] == [80, 40]


def test_verdicts_that_differ_are_named(table: Path, tmp_path: Path) -> None:
    rows = [{**row, "judge": "safe"} for row in LABELS]
    result = blpo(table, "--labelled", write(tmp_path / "l.csv", rows))
    wrong = sum(said(k) != "safe" for k in range(0, 400, 5))
    assert f"note: {wrong} of 80 labelled pictures have another verdict in the table of verdicts" in result.stdout


def test_labels_that_are_no_random_sample_are_doubted(table: Path, tmp_path: Path) -> None:
    even = [{"id": f"p{k}", "human": truth(k)} for k in (*range(0, 400, 8), *range(1, 100, 2))]  # half of them unsafe
    result = blpo(table, "--labelled", write(tmp_path / "l.csv", even), "--label", "unsafe")
    assert (
        "note: the judge's verdicts on the labelled pictures are unlike those on the others (p < 0.001)"
        in result.stdout
    )
    result = blpo(table, "--labelled", write(tmp_path / "m.csv", LABELS), "--label", "unsafe")
    assert "unlike those on the others" not in result.stdout


def test_an_ordered_scale_has_a_mean(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"id": str(k), "label": k * 7 % 5 + 1} for k in range(300)]
    labels: list[dict[str, Any]] = [{"id": str(k), "human": (k * 7 + (k % 3 == 0)) % 5 + 1} for k in range(0, 300, 4)]
    table = write(tmp_path / "v.csv", rows)
    found = figures(table, "--labelled", write(tmp_path / "l.csv", labels), folder=tmp_path)
    assert list(found) == ["mean"]
    assert found["mean"]["rogan_gladen"] is None
    assert found["mean"]["labels_only"]["value"] == pytest.approx(sum(row["human"] for row in labels) / 75)
    share = figures(table, "--labelled", tmp_path / "l.csv", "--label", "5", folder=tmp_path)
    assert list(share) == ["share of 5"]
    named = [{**row, "human": "abcde"[row["human"] - 1]} for row in labels]
    letters = write(tmp_path / "w.csv", [{**row, "label": "abcde"[row["label"] - 1]} for row in rows])
    ranks = figures(
        letters, "--labelled", write(tmp_path / "m.csv", named), "--scale", "ordinal:a,b,c,d,e", folder=tmp_path
    )
    assert ranks["mean"]["estimate"]["value"] == pytest.approx(found["mean"]["estimate"]["value"] - 1)


def test_what_has_no_verdict_is_counted_and_kept(tmp_path: Path) -> None:
    rows = [{**row, "label": "" if k % 20 < 2 else row["label"]} for k, row in enumerate(verdicts())]
    table = write(tmp_path / "v.csv", rows)
    labels = [*LABELS, {"id": "p1", "human": ""}]
    result = blpo(
        table, "--labelled", write(tmp_path / "l.csv", labels), "--label", "unsafe", "-o", tmp_path / "o.json"
    )
    assert result.stdout.startswith("320 unlabelled pictures, 20 without a verdict; 80 labelled, 20 without a verdict")
    assert "note: 1 rows of" in result.stdout
    assert "counts as the mean verdict" in result.stdout
    found = read(tmp_path / "o.json")
    assert (found["verdicts"], found["unread"], found["labelled_unread"]) == ([320], [20], [20])
    [figure] = found["figures"]
    assert figure["labels_only"]["n"] == 80


def test_the_log_of_a_judge_is_a_labelled_set(tmp_path: Path, scripted: type[ScriptedAPI]) -> None:
    people = [truth(k) for k in range(32)]
    groups = {"group": [f"g{k // 2}" for k in range(32)]}
    log = judged(Benchmark(people, known=groups), [said(k) for k in range(32)], tmp_path, prompt="Safe?")
    digest = PromptPair("Safe?").digest
    model = {"model": "scripted/judge", "prompts": digest}
    table = write(tmp_path / "v.csv", verdicts(more=model))
    result = blpo(table, "--labelled", log, "--label", "unsafe")
    assert "the same judge on both (checked: scripted/judge and its prompt pair)" in result.stdout
    assert "400 unlabelled pictures; 32 labelled" in result.stdout
    assert "labelled pictures are in 16 groups" in result.stdout
    assert "unlabelled pictures count as independent" in result.stdout
    for other in ({**model, "model": "scripted/other"}, {**model, "prompts": "0" * 16}):
        refused = blpo(write(tmp_path / "w.csv", verdicts(more=other)), "--labelled", log, code=2)
        assert "labels correct only the judge whose verdicts they stand beside" in refused.stderr


def test_strata_have_their_shares(tmp_path: Path) -> None:
    table = write(
        tmp_path / "v.csv", [{**row, "kind": "old" if k % 5 == 0 else "new"} for k, row in enumerate(verdicts())]
    )
    places = [*range(0, 200, 5), *range(1, 400, 10)]  # 40 of each kind, which are 1 : 4
    labels = write(tmp_path / "l.csv", [{"id": f"p{k}", "human": truth(k)} for k in places])
    found = figures(table, "--labelled", labels, "--stratum", "kind", "--label", "unsafe", folder=tmp_path)
    old, new = (sum(truth(k) == "unsafe" for k in part) / 40 for part in (places[:40], places[40:]))
    assert found["share of unsafe"]["labels_only"]["value"] == pytest.approx(0.2 * old + 0.8 * new)
    assert found["share of unsafe"]["rogan_gladen"] is None
    with_shares = [
        {**row, "kind": "old" if int(row["id"][1:]) % 5 == 0 else "new"} for row in csv.DictReader(labels.open())
    ]
    given = write(tmp_path / "w.csv", verdicts()), "--labelled", write(tmp_path / "m.csv", with_shares)
    strata = "--stratum", "kind", "--stratum-share", "old=0.2", "--stratum-share", "new=0.8"
    stated = figures(*given, *strata, "--label", "unsafe", folder=tmp_path)
    assert stated["share of unsafe"]["labels_only"] == found["share of unsafe"]["labels_only"]
    refused = blpo(tmp_path / "w.csv", "--labelled", tmp_path / "m.csv", "--stratum", "kind", code=2)
    assert "does not say the strata of its pictures" in refused.stderr
    few = write(tmp_path / "few.csv", with_shares[:40])
    assert (
        "no labelled picture is of the stratum 'new'"
        in blpo(table, "--labelled", few, "--stratum", "kind", code=2).stderr
    )


def test_labels_of_most_of_a_rare_stratum_do_not_change_the_mixture(tmp_path: Path) -> None:
    rare = [k < 50 for k in range(1000)]
    rows = [{"id": str(k), "label": "unsafe" if rare[k] else "safe"} for k in range(1000)]
    kinds = [{"id": str(k), "human": rows[k]["label"], "kind": "rare" if rare[k] else "common"} for k in range(10, 90)]
    given = write(tmp_path / "v.csv", rows), "--labelled", write(tmp_path / "l.csv", kinds), "--label", "unsafe"
    strata = "--stratum", "kind", "--stratum-share", "rare=0.05", "--stratum-share", "common=0.95"
    [figure] = figures(*given, *strata, folder=tmp_path).values()
    assert figure["estimate"]["weight"] == 0  # within a stratum the judge tells nothing more
    assert figure["estimate"]["value"] == pytest.approx(0.05)
    wrong = {"id": "0", "label": "safe"}, {"id": "999", "label": "unsafe"}
    write(tmp_path / "v.csv", [wrong[0], *rows[1:-1], wrong[1]])
    quarter = ["unsafe" if k % 4 == 0 else "safe" for k in range(80)]
    mixed = [{**row, "human": label, "judge": label} for row, label in zip(kinds, quarter, strict=True)]
    write(tmp_path / "l.csv", mixed)
    [figure] = figures(*given, *strata, folder=tmp_path).values()
    weight = figure["estimate"]["weight"]
    assert weight > 0.3
    assert figure["estimate"]["value"] == pytest.approx(weight * 0.05 + 0.25 - weight * 0.25)


def test_a_difference_of_two_tables(table: Path, tmp_path: Path) -> None:
    other = write(
        tmp_path / "b.csv",
        [{"id": f"q{k}", "path": f"b/{k}.png", "label": "unsafe" if k % 2 else "safe"} for k in range(300)],
    )
    labels = write(
        tmp_path / "l.csv", [*LABELS, *({"id": f"q{k}", "human": "unsafe" if k % 2 else "safe"} for k in range(50))]
    )
    result = blpo(table, "--labelled", labels, "--against", other, "--label", "unsafe", "-o", tmp_path / "o.json")
    assert result.stdout.startswith("320 unlabelled pictures; 80 labelled\n250 unlabelled pictures; 50 labelled\n")
    [figure] = read(tmp_path / "o.json")["figures"]
    assert figure["labels_only"]["value"] == pytest.approx(0.25 - 0.5)
    assert figure["estimate"]["high"] < 0
    assert figure["rogan_gladen"]["high"] < 0
    only = write(tmp_path / "m.csv", LABELS)
    assert (
        "none of the labelled pictures is of it" in blpo(table, "--labelled", only, "--against", other, code=2).stderr
    )
    assert "is in both tables" in blpo(table, "--labelled", only, "--against", table, code=2).stderr


def test_few_labels_give_a_figure_without_an_interval(table: Path, tmp_path: Path) -> None:
    result = blpo(table, "--labelled", write(tmp_path / "l.csv", LABELS[:20]), "--label", "unsafe")
    assert "share of unsafe: 20 labelled pictures are too few for an interval; label at least 30" in result.stdout
    assert "share of unsafe: Rogan-Gladen: " not in result.stdout  # 5 unsafe are enough there
    result = blpo(table, "--labelled", tmp_path / "l.csv", "--label", "unsafe", "-o", tmp_path / "o.json")
    assert read(tmp_path / "o.json")["figures"][0]["estimate"]["low"] is None


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ([{"id": "p1", "truth": "safe"}], [], "has no column label; it needs people's labels"),
        ([{"name": "p1", "human": "safe"}], [], "no column id or path to look them up; its columns are human, name"),
        ([{"id": "gone", "human": "safe"}], [], "labels.csv, row 2: 'gone' is not in"),
        ([{"id": "p1", "human": ""}], [], "no picture has a label of people"),
        ([{"id": "p1", "human": "safe"}], ["--judge", "bot"], "has no column bot"),
        ([{"id": "p1", "human": "safe"}], ["--label", "odd"], "--label: 'odd' is not on the scale (safe, unsafe)"),
        ([{"id": "p1", "human": "safe"}], ["--scale", "ordinal:1-5"], "labels.csv, row 2: 'safe' is not on the scale"),
        ([{"id": "p1", "human": "safe"}], ["--group", "prompt"], "--group prompt: no picture has it"),
        ([{"id": "p1", "human": "safe"}], ["--stratum-share", "a=1"], "name their column with --stratum"),
        ([{"id": "p1", "human": "safe"}], ["--stratum", "x", "--stratum-share", "a=2"], "write NAME=SHARE"),
        ([{"id": "p1", "human": "safe"}], ["--stratum", "x", "--stratum-share", "a=.2"], "add up to 0.2, not to 1"),
        ([{"id": "p1", "human": "safe"}], ["-o", "out.txt"], "name it .json or .csv"),
    ],
)
def test_what_cannot_be_used_is_refused(
    rows: Rows, options: list[str], message: str, table: Path, tmp_path: Path
) -> None:
    result = blpo(table, "--labelled", write(tmp_path / "labels.csv", rows), *options, code=2)
    assert message in result.stderr


def test_a_table_that_is_none_of_verdicts_is_refused(tmp_path: Path) -> None:
    labels = write(tmp_path / "l.csv", LABELS)
    assert "has no column label" in blpo(labels, "--labelled", labels, code=2).stderr
    twice = write(tmp_path / "v.csv", [*verdicts(3), *verdicts(1)])
    assert "the id 'p0' is there twice" in blpo(twice, "--labelled", labels, code=2).stderr
    broken = tmp_path / "v.jsonl"
    broken.write_text("{")
    assert "v.jsonl, row 1: not JSON" in blpo(broken, "--labelled", labels, code=2).stderr
    unread = write(tmp_path / "w.csv", [{**row, "label": ""} for row in verdicts()])
    assert "no picture has a verdict" in blpo(unread, "--labelled", labels, code=2).stderr
