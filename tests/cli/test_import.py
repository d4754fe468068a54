"""``blpo import``: tables of judgements that were made elsewhere, and what can be done with their logs."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import score as inspect_score
from inspect_ai.log import read_eval_log

from blpo_inspect.cli import main
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.scorers import agreement, alternative_annotator

HEAD = "item,judge,score,rater_1,rater_2,rater_3,category,group,text,prompt,cost"
ROWS = [
    "i1,alpha,10,1,1,0.5,cats,g1,a cat,Rate it.,0.01",
    "i1,beta,5,1,1,0.5,cats,g1,a cat,Rate it.,",
    "i2,alpha,2.5,0,0,0.5,cats,g1,a dog,Rate it.,0.02",
    "i2,beta,,0,0,0.5,cats,g1,a dog,Rate it.,",
    "i3,alpha,0,0,0,0,dogs,g2,=SUM(A1),Rate it.,0.03",
    "i3,beta,0,0,0,0,dogs,g2,=SUM(A1),Rate it.,",
]


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(arg) for arg in args], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result


def imported(tmp_path: Path, *rows: str, head: str = HEAD, code: int = 0, options: tuple[str, ...] = ()) -> Result:
    table = tmp_path / "made elsewhere.csv"
    table.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    scale = () if "--scale" in options else ("--scale", "numeric:0:1", "--score", "0:10")
    return blpo("import", table, "-o", tmp_path / "logs", *scale, *options, code=code)


def runs(tmp_path: Path) -> dict[str, Any]:
    logs = [read_eval_log(str(file)) for file in sorted((tmp_path / "logs").glob("*.json"))]
    return {log.eval.model: judged_run(log) for log in logs}


def test_one_log_for_each_judge(tmp_path: Path) -> None:
    out = imported(tmp_path, *ROWS).stdout
    assert "6 judgements of 2 judges, 1 without a label" in out
    found = runs(tmp_path)
    assert set(found) == {"imported/alpha", "imported/beta"}
    alpha, beta = found["imported/alpha"], found["imported/beta"]
    assert [answer.label for answer in alpha.answers] == ["1", "0.25", "0"]
    assert [answer.human for answer in alpha.answers] == ["1", "0", "0"]  # medians of raters
    assert [answer.label for answer in beta.answers] == ["0.5", None, "0"]
    assert alpha.answers[0].raters == {"rater_1": "1", "rater_2": "1", "rater_3": "0.5"}
    assert (alpha.answers[2].category, alpha.answers[2].group, alpha.answers[2].text) == ("dogs", "g2", "=SUM(A1)")
    assert (alpha.benchmark, alpha.prompt) == ("made elsewhere", "Rate it.")
    assert alpha.record.data["imported"]["scores"] == "scores from 0 to 10 in proportion onto the scale"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    imported(tmp_path, *ROWS)
    first = {file.name: file.read_bytes() for file in (tmp_path / "logs").iterdir()}
    blpo(
        "import", tmp_path / "made elsewhere.csv", "-o", tmp_path / "logs", "--scale", "numeric:0:1", "--score", "0:10"
    )
    assert {file.name: file.read_bytes() for file in (tmp_path / "logs").iterdir()} == first


def test_reports_juries_scores_and_estimates_take_the_logs(tmp_path: Path) -> None:
    rows = [
        f"i{k},{judge},{(k + shift) % 11},{k % 3 / 2},{k % 3 / 2},{(k + 1) % 3 / 2},c{k % 2},g{k // 2},text {k},,"
        for k in range(60)
        for judge, shift in (("alpha", 0), ("beta", 3))
    ]
    imported(tmp_path, *rows)
    blpo("report", tmp_path / "logs", "-o", tmp_path / "report.json")
    [group] = json.loads((tmp_path / "report.json").read_bytes())["groups"]
    assert len(group["runs"]) == 2 and group["samples"] == 60 and group["jury"]["samples"] == 60
    assert group["runs"][0]["alternative_annotator"]["raters"]
    assert "2 judges are worth" in blpo("jury", tmp_path / "logs").stdout
    log = read_eval_log(str(next((tmp_path / "logs").glob("*alpha*"))))
    scored = inspect_score(log, [agreement(), alternative_annotator()])
    assert scored.results is not None and scored.results.scores[0].metrics["acc"].value > 0


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("i1,alpha,3,1,1,0.5,cats,g1,a cat,Rate it.,", "'alpha' judged 'i1' in an earlier row already"),
        ("i1,gamma,3,0,0,0,cats,g1,a cat,Rate it.,", "human of 'i1' is not as in an earlier row"),
        ("i1,gamma,3,1,1,0.5,cats,g1,another text,Rate it.,", "text of 'i1' is not as in an earlier row"),
        (",gamma,3,1,1,0.5,cats,g1,a cat,Rate it.,", "the item is empty"),
        ("i9,,3,1,1,0.5,cats,g1,a cat,Rate it.,", "the judge is empty"),
        ("i9,gamma,11,1,1,0.5,cats,g1,a cat,Rate it.,", "the score 11 is not from 0 to 10"),
        ("i9,gamma,3,7,1,0.5,cats,g1,a cat,Rate it.,", "7"),
    ],
)
def test_bad_rows_are_named_and_nothing_is_guessed(row: str, why: str, tmp_path: Path) -> None:
    refused = imported(tmp_path, *ROWS, row, code=2)
    assert "row 8" in refused.output and why in refused.output and "--skip-bad" in refused.output
    assert not (tmp_path / "logs").exists()
    left_out = imported(tmp_path, *ROWS, row, code=1, options=("--skip-bad",))
    assert "6 judgements of 2 judges" in left_out.stdout
    assert runs(tmp_path)["imported/alpha"].record.data["imported"]["left_out"] == 1


def test_labels_answers_and_other_names(tmp_path: Path) -> None:
    head = "uid,said,truth"
    rows = ["a,Unsafe,safe", "b,The image is safe.,safe", "c,I cannot say,unsafe"]
    options = ("--column", "item=uid", "--column", "answer=said", "--column", "human=truth", "--judge", "me")
    imported(tmp_path, *rows, head=head, options=(*options, "--scale", "unordered:safe,unsafe", "--benchmark", "mine"))
    [run] = runs(tmp_path).values()
    assert [answer.label for answer in run.answers] == ["unsafe", "safe", None] and run.benchmark == "mine"
    missing = imported(tmp_path, *rows, head=head, code=2, options=("--scale", "unordered:safe,unsafe"))
    assert "no column 'item'; say which it is: --column item=NAME" in missing.output
    tied = imported(
        tmp_path,
        "a,m,safe,safe,unsafe",
        head="item,judge,label,rater_1,rater_2",
        code=2,
        options=("--scale", "unordered:safe,unsafe"),
    )
    assert "the raters tie (safe, unsafe)" in tied.output
