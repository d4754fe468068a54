"""``blpo rank``: from logs of judged pairs, made by real evaluations with a scripted judge, to tables and files."""

import csv
import io
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import eval
from inspect_ai.log import EvalError, read_eval_log, write_eval_log
from PIL import Image

from blpo_inspect._util.image_digest import decoded
from blpo_inspect.cli import main
from blpo_inspect.judging.samples import images_of
from blpo_inspect.reporting import ranking as reporting_ranking
from blpo_inspect.tasks.folder import folder
from blpo_inspect.tasks.pairs import pairs
from tests.conftest import ScriptedAPI

GOOD, FAIR, POOR, TORN, UNREAD = 200, 120, 40, 1, 2
"""How red a picture is: better pictures are redder; of two that are 1 the judge names the first, 2 it cannot read."""

Pair = tuple[str, int, str, int, str]
"""Name and redness of the first picture, the same of the second, people's label."""


def blpo(*args: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["rank", *map(str, args)], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def redder(messages: Any) -> str:
    uris = [image.image for image in images_of(messages[:1])]
    first, second = (Image.open(io.BytesIO(decoded(uri))).convert("RGB").getpixel((0, 0))[0] for uri in uris)  # type: ignore[index]
    return "hm" if UNREAD in (first, second) else "first" if first >= second else "second"


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough to see an interval."""
    monkeypatch.setattr(reporting_ranking, "RESAMPLES", 20)


def drawn(folder: Path, level: int, number: int) -> str:
    """The name of a picture as red as this, different for every number."""
    Image.new("RGB", (8, 8), (level, number, 0)).save(folder / f"{level}-{number}.png")
    return f"{level}-{number}.png"


@pytest.fixture
def judged(scripted: type[ScriptedAPI], tmp_path: Path) -> Callable[..., Path]:
    """Judges pairs and gives the log."""

    def judge(
        rows: Sequence[Pair], model: str = "judge", labelled: bool = True, sides: bool = True, **more: Any
    ) -> Path:
        scripted.script = staticmethod(redder)
        left_out = {*([] if labelled else ["label"]), *([] if sides else ["category_1", "category_2"])}
        table = [
            {
                "id": k,
                "image_1": drawn(tmp_path, one, 2 * k),
                "image_2": drawn(tmp_path, two, 2 * k + 1),
                "label": label,
                "group": f"g{k // 2}",
                "category_1": first,
                "category_2": second,
            }
            for k, (first, one, second, two, label) in enumerate(rows)
        ]
        with (tmp_path / "pairs.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, [name for name in table[0] if name not in left_out], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(table)
        task = pairs(str(tmp_path / "pairs.csv"), **{"ties": True, **more})
        [log] = eval(task, model=f"scripted/{model}", log_dir=str(tmp_path / "logs"), display="none")
        assert log.status == "success", log.error
        return Path(log.location.removeprefix("file://"))

    return judge


ROWS: list[Pair] = [
    *[("ant", GOOD, "bee", FAIR, "first")] * 3,
    *[("bee", FAIR, "ant", GOOD, "second")] * 3,
    *[("ant", FAIR, "bee", GOOD, "second")] * 2,
    *[("bee", FAIR, "cat", POOR, "first")] * 4,
    *[("cat", FAIR, "bee", POOR, "tie")] * 2,
    *[("cat", TORN, "ant", TORN, "second")] * 2,
    ("bee", UNREAD, "cat", POOR, "first"),
    ("ant", GOOD, "ant", POOR, "first"),
]
"""The judge has ant 6:2 bee, bee 4:2 cat, two ties of ant and cat, one unread, and one that compares no two names."""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the log of `ROWS` is kept once one test has made it."""
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def log(judged: Callable[..., Path], made: Path, tmp_path: Path) -> Path:
    """The log of `ROWS`."""
    if not any(made.iterdir()):
        shutil.copy(judged(ROWS), made)
    return Path(shutil.copy(next(made.iterdir()), tmp_path))


def test_a_table_and_files(log: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"rank.{form}" for form in ("json", "csv", "svg", "png")]
    result = blpo(log, *(part for file in files for part in ("-o", file)))
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith(
        "scripted/judge: 16 pairs in 8 clusters; 2 not the same in both orders, so ties; "
        "1 without a verdict, left out; 1 not of two different names, left out"
    )
    assert [line[:5] for line in lines if line and line[0] in ("ant", "bee", "cat")] == [
        ["ant", "10", "6", "2", "2"],
        ["bee", "14", "6", "0", "8"],
        ["cat", "8", "2", "2", "4"],
    ]
    assert "Kendall's tau-b with the ranking by 17 labels of people: 1.00" in result.stdout

    data = json.loads(files[0].read_bytes())
    [judge] = data["judges"]
    assert (data["format"], judge["judge"], judge["logs"]) == ("blpo-inspect/ranking/1", "scripted/judge", [log.name])
    assert (judge["comparisons"], judge["torn"], judge["without_verdict"], judge["not_compared"]) == (16, 2, 1, 1)
    places = {place["name"]: place for place in judge["places"]}
    assert list(places) == ["ant", "bee", "cat"]
    assert sum(place["strength"]["value"] for place in places.values()) == pytest.approx(0, abs=1e-5)
    assert places["ant"]["strength"]["low"] < places["ant"]["strength"]["value"] < places["ant"]["strength"]["high"]
    assert places["ant"]["people"]["value"] > places["ant"]["strength"]["value"]  # the judge ties ant and cat

    table = list(csv.DictReader(io.StringIO(files[1].read_text())))
    assert (table[0]["judge"], table[0]["name"], table[0]["wins"]) == ("scripted/judge", "ant", "6")
    assert float(table[2]["people_low"]) == places["cat"]["people"]["low"]
    assert all(f">{name}</text>" in files[2].read_text() for name in ("ant", "bee", "cat", "by the judge"))
    assert Image.open(files[3]).size[0] == 1200

    before = [file.read_bytes() for file in files]
    again = blpo(log, *(part for file in files for part in ("-o", file)))
    assert again.stdout == result.stdout and [file.read_bytes() for file in files] == before


def test_the_order_of_pictures_makes_no_difference(judged: Callable[..., Path], log: Path, tmp_path: Path) -> None:
    swapped = {"first": "second", "second": "first", "tie": "tie"}
    turned: list[Pair] = [(b, two, a, one, swapped[label]) for a, one, b, two, label in ROWS]
    found = []
    for one in (log, judged(turned)):
        blpo(one, "-o", tmp_path / "rank.json")
        found.append(json.loads((tmp_path / "rank.json").read_bytes())["judges"][0]["places"])
    assert found[0] == found[1]


def test_verdicts_in_one_order_are_taken_as_they_are(judged: Callable[..., Path]) -> None:
    lines = blpo(judged(ROWS, order="given")).stdout
    assert "so ties" not in lines
    assert ["cat", "8", "4", "0", "4"] in [line.split()[:5] for line in lines.splitlines()]


def test_logs_of_one_judge_are_pooled_and_others_stand_apart(
    judged: Callable[..., Path], log: Path, tmp_path: Path
) -> None:
    again, other, worded = judged(ROWS), judged(ROWS, model="other"), judged(ROWS, prompt="Which one?")
    copy = Path(shutil.copy(log, tmp_path / "zz-copy.eval"))
    assert "32 pairs in 8 clusters" in blpo(log, again).stdout
    result = blpo(log, again, other, worded, copy, "-o", tmp_path / "rank.json")
    heads = [line for line in result.stdout.splitlines() if "clusters" in line]
    assert [line.partition(": ")[0] for line in heads] == [
        "scripted/judge (Look at the two images. Which one is better?)",
        "scripted/judge (Which one?)",
        "scripted/other",
    ]
    assert "zz-copy.eval: the same run as" in result.stderr
    judges = json.loads((tmp_path / "rank.json").read_bytes())["judges"]
    assert [len(judge["logs"]) for judge in judges] == [2, 1, 1]
    # people said it once: the label of a pair counts once, however often it was judged
    assert [judge["labelled"] for judge in judges] == [17, 17, 17]


def test_one_that_won_everything_is_named(judged: Callable[..., Path]) -> None:
    result = blpo(judged([("ant", GOOD, "bee", FAIR, "first")] * 6))
    assert "note: all comparisons across ant | bee went one way, which sets no upper end" in result.stdout
    assert "note: by people's labels: all comparisons across ant | bee" in result.stdout
    assert "inf" not in result.stdout.replace("information", "") and "nan" not in result.stdout


def test_names_that_no_comparison_connects_are_refused_with_the_parts(judged: Callable[..., Path]) -> None:
    rows: list[Pair] = [("ant", GOOD, "bee", FAIR, "first"), ("cat", FAIR, "dog", GOOD, "second")] * 3
    result = blpo(judged(rows), code=2)
    assert "the parts are ant, bee | cat, dog: judge pairs across them" in result.stderr
    assert "Traceback" not in result.output


def test_people_who_labelled_a_part(judged: Callable[..., Path]) -> None:
    of_ants_and_bees = judged(ROWS[:8])
    result = blpo(of_ants_and_bees, judged(ROWS[8:], labelled=False))
    assert "Kendall's tau-b with the ranking by 8 labels of people: 1.00" in result.stdout
    [cat] = [line.split() for line in result.stdout.splitlines() if line.startswith("cat")]
    assert cat[-1] == "–"


def test_nobody_labelled(judged: Callable[..., Path]) -> None:
    result = blpo(judged(ROWS, labelled=False))
    assert "people" not in result.stdout and "16 pairs" in result.stdout


def test_rated_pictures_have_their_categories(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(redder)
    rows = ["image,label,group,category"]
    for k, (level, name) in enumerate([(POOR, "c"), (FAIR, "b"), (GOOD, "a")]):
        rows.append(f"{drawn(tmp_path, level, k)},{k + 1},one,{name}")
    (tmp_path / "rated.csv").write_text("\n".join(rows) + "\n")
    task = pairs(str(tmp_path / "rated.csv"), rated=True)
    [log] = eval(task, model="scripted/judge", log_dir=str(tmp_path / "rated"), display="none")
    result = blpo(log.location)
    assert "3 pairs in 1 clusters" in result.stdout and "one cluster cannot be resampled" in result.stdout


def test_logs_without_pairs_say_what_to_do(judged: Callable[..., Path], log: Path, tmp_path: Path) -> None:
    nameless = judged(ROWS, sides=False)
    result = blpo(nameless, code=2)
    assert "columns category_1 and category_2 (with rated=true the column category)" in result.stderr
    good, bad = drawn(tmp_path, GOOD, 0), drawn(tmp_path, POOR, 1)
    (tmp_path / "single.csv").write_text(f"image,label\n{good},good\n{bad},bad\n")
    task = folder(str(tmp_path / "single.csv"))
    [single] = eval(task, model="scripted/judge", log_dir=str(tmp_path / "single"), display="none")
    refused = blpo(single.location, code=2).stderr
    assert "on a scale that is unordered, not in pairs; rank logs of inspect eval" in refused
    assert "nothing to rank. none.eval: no such log" in blpo(tmp_path / "none.eval", code=2).stderr
    # beside a log that can be used they are named, and the exit code says so
    mixed = blpo(nameless, log, code=1)
    assert f"left out: {nameless.name}: its pairs do not say what their pictures are of" in mixed.stderr
    assert "16 pairs" in mixed.stdout


def test_a_part_of_a_log_is_ranked_and_said_to_be_one(log: Path, tmp_path: Path) -> None:
    found = read_eval_log(str(log))
    assert found.samples is not None
    found.status, found.samples = "cancelled", sorted(found.samples, key=lambda sample: int(sample.id))[:16]
    trace = "Traceback: it broke"
    found.samples[0].error = EvalError(message="it broke", traceback=trace, traceback_ansi=trace)
    write_eval_log(found, str(tmp_path / "part.eval"))
    result = blpo(tmp_path / "part.eval")
    assert "part.eval: ranked in part: 16 samples, status cancelled" in result.stderr
    assert "1 without a verdict, left out" in result.stdout


def test_a_log_of_a_foreign_task_is_refused(log: Path, tmp_path: Path) -> None:
    found = read_eval_log(str(log))
    for sample in found.samples or []:
        del sample.metadata["scale"]
    write_eval_log(found, str(tmp_path / "foreign.eval"))
    refused = blpo(tmp_path / "foreign.eval", code=2).stderr
    assert "foreign.eval: has no verdicts of a judge of pairs, 18 samples, status success" in refused
    assert "those of the scorer image_judge are not ranked: rank logs of inspect eval blpo_inspect/pairs" in refused


def test_no_verdict_at_all_says_so(judged: Callable[..., Path]) -> None:
    refused = blpo(judged([("ant", UNREAD, "bee", GOOD, "first")] * 2), code=2).stderr
    assert "scripted/judge: no pair of two different names has a verdict; 2 of 2 pairs are without a verdict" in refused


def test_files_of_other_kinds_and_logs_are_never_written(log: Path, tmp_path: Path) -> None:
    assert "name it .json, .csv, .svg or .png" in blpo(log, "-o", tmp_path / "rank.html", code=2).stderr
    other = Path(shutil.copy(log, tmp_path / "log.json"))
    assert "is one of the logs" in blpo(other, "-o", other, code=2).stderr


def test_names_are_data(judged: Callable[..., Path], tmp_path: Path) -> None:
    rows: list[Pair] = [
        ("=1+1 $x$", GOOD, "[red]\x1b[31m<b>", FAIR, "first"),
        ("[red]\x1b[31m<b>", GOOD, "=1+1 $x$", POOR, "first"),
    ]
    result = blpo(judged(rows), "-o", tmp_path / "rank.csv", "-o", tmp_path / "rank.svg")
    assert "[red]" in result.stdout and "\x1b" not in result.stdout
    assert "'=1+1 $x$" in (tmp_path / "rank.csv").read_text()
    assert "&lt;b&gt;" in (tmp_path / "rank.svg").read_text() and "=1+1 $x$" in (tmp_path / "rank.svg").read_text()


def test_help_says_what_it_takes() -> None:
    text = blpo("--help").stdout
    assert "LOGS are Inspect logs of the task pairs" in text
    assert "Exit codes: 0 fine; 1 ranked" in text
