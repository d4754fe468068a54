"""The task `folder`: a user's own table, through a real evaluation."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import read_eval_log
from inspect_ai.model import ChatMessage, ContentImage, ContentText
from inspect_ai.util._display import init_display_type
from PIL import Image
from rich import get_console

from blpo_inspect._util.images import decode
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cli import main
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.tasks.folder import DEFAULT_PROMPT, DEFAULT_TEXT_PROMPT, folder
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two photographs, one of them lying on its side by its EXIF tag."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4), "red").save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGBA", (8, 4), (0, 0, 0, 0)).save(tmp_path / "b.png")
    path = tmp_path / "labels.csv"
    path.write_text("image,label,text\na.jpg,Safe,a red field\nb.png,Unsafe,\n")
    return path


def test_the_judge_sees_what_a_person_would_see(scripted: type[ScriptedAPI], table: Path, tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "Answer: **safe**")
    [log] = inspect_eval(folder(str(table)), model="scripted/x", log_dir=str(tmp_path / "logs"), display="none")
    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["acc"].value == 0.5
    sizes, texts = set(), []
    for [message] in scripted.requests:
        assert not isinstance(message.content, str)
        image, text = message.content
        assert isinstance(image, ContentImage)
        assert isinstance(text, ContentText)
        header, _, body = image.image.partition(",")
        assert header == "data:image/png;base64"
        seen = decode(base64.b64decode(body), name="x")
        sizes.add((seen.size, seen.getpixel((1, 1)) == (255, 255, 255)))
        texts.append(text.text)
    assert sizes == {((4, 8), False), ((8, 4), True)}  # upright; transparent is white
    assert all(DEFAULT_TEXT_PROMPT in text for text in texts)
    assert sum("<text>a red field</text>" in text for text in texts) == 1
    # the log keeps the images, for inspect view
    sample = (read_eval_log(log.location).samples or [])[0]
    assert any(value.startswith("data:image/png;base64,") for value in sample.attachments.values())


def test_labels_and_prompt_can_be_given(scripted: type[ScriptedAPI], table: Path, tmp_path: Path) -> None:
    pair = tmp_path / "pair.yaml"
    PromptPair("From the pair.").save(pair)
    scripted.script = staticmethod(lambda messages: "safe")
    for task, expected in (
        (
            folder(str(table), labels="Safe, Unsafe,Unclear", prompt="Mine."),
            "Mine.\n\nAnswer with exactly one of: S",
        ),
        (folder(str(table), prompts=str(pair)), "From the pair."),
    ):
        scripted.requests.clear()
        inspect_eval(task, model="scripted/x", log_dir=str(tmp_path / "logs"), display="none")
        assert len(scripted.requests) == 2
        assert all(expected in message.text for [message] in scripted.requests)
    assert DEFAULT_PROMPT != DEFAULT_TEXT_PROMPT


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "none.csv"}, "no such file"),
        ({"labels": "good,bad"}, "row 2: label 'Safe' is not on the scale"),
        ({"prompt": "a", "prompts": "b"}, "not both"),
        ({"prompts": "none.yaml"}, "no such prompt file"),
        ({"split": "dev"}, "split is all, train, validation or test, not 'dev'"),
        ({"split": "train"}, "2 records are 2 unrelated ones"),
        ({"limit_per_class": 0}, "at least one of each"),
    ],
)
def test_faults_stop_the_run_before_it_starts(table: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        folder(**{"data": str(table), **arguments})
    assert message in str(caught.value.message)


@pytest.fixture
def shades(tmp_path: Path) -> Path:
    """Twenty squares; the dark ones are safe, every other one belongs to a pair that must stay together."""
    rows = ["image,label,scene"]
    for k in range(20):
        Image.new("RGB", (4, 4), (k * 12, k, 0)).save(tmp_path / f"{k}.png")
        rows.append(f"{k}.png,{'safe' if k < 10 else 'unsafe'},{k // 4 if k % 2 else ''}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "benchmark.yaml").write_text(
        "columns: {group: scene}\njudge: Mine?\ni2t: Describe it.\nlicence: CC0\ncitation: Doe 2026\n"
    )
    return tmp_path


@pytest.fixture
def printing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo another test's ``display="none"``, which holds for the process."""
    init_display_type("plain")
    monkeypatch.setattr(get_console(), "quiet", False)


def ids(task: Task) -> set[str]:
    return {str(sample.id) for sample in task.dataset}


@pytest.mark.usefixtures("printing")
def test_splits_divide_the_data_and_say_so_once(shades: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = {split: folder(str(shades), split=split) for split in SPLITS}
    assert sorted(len(part.dataset) for part in parts.values()) == [4, 8, 8]
    assert set.union(*map(ids, parts.values())) == ids(folder(str(shades)))
    assert ids(folder(str(shades), split="train", seed=1)) != ids(parts["train"])
    groups = [
        {s.metadata["group"] for s in part.dataset if s.metadata and "group" in s.metadata} for part in parts.values()
    ]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 5
    printed = capsys.readouterr().out
    assert printed.count("  label     train  validation  test\n") == 1
    assert printed.count("20 rows, 20 usable; unordered scale: safe, unsafe") == 2  # of the splits, and of all
    metadata = parts["test"].metadata or {}
    assert metadata["data"] == "labels.csv"
    assert (metadata["judge_prompt"], metadata["i2t_prompt"]) == ("Mine?", "Describe it.")
    assert (metadata["licence"], metadata["citation"]) == ("CC0", "Doe 2026")
    assert (metadata["split"], metadata["seed"], metadata["rejected"]) == ("test", 0, 0)


@pytest.mark.usefixtures("printing")
def test_a_limit_takes_as_many_of_each_and_says_where_there_are_fewer(
    shades: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = folder(str(shades), limit_per_class=3)
    assert sorted(sample.target for sample in task.dataset) == ["safe"] * 3 + ["unsafe"] * 3
    assert "fewer" not in capsys.readouterr().out
    assert len(folder(str(shades), split="validation", limit_per_class=3).dataset) == 4
    assert "validation: fewer than 3 of safe (2), unsafe (2)" in capsys.readouterr().out


def test_skipped_rows_are_in_the_log(shades: Path) -> None:
    with (shades / "labels.csv").open("a") as file:
        file.write("none.png,safe,\n")
    task = folder(str(shades), skip_bad=True)
    assert (task.metadata or {})["rejected"] == 1
    assert (task.metadata or {})["rejected_rows"] == [f"labels.csv, row 22: none.png: no such image in {shades}"]


def test_from_a_table_to_an_optimized_prompt(scripted: type[ScriptedAPI], shades: Path) -> None:
    """The judge is right about images whose prompt speaks of darkness; the optimizer proposes to."""

    def answer(messages: list[ChatMessage]) -> str:
        text = messages[0].text
        if "between <judge_prompt>" in text:
            return "<judge_prompt>Is it dark?</judge_prompt>"
        if "between <i2t_prompt>" in text:
            return "<i2t_prompt>How dark is it?</i2t_prompt>"
        content = messages[0].content
        assert not isinstance(content, str)
        [image] = [part.image for part in content if isinstance(part, ContentImage)]
        pixel = decode(base64.b64decode(image.partition(",")[2]), name="x").getpixel((0, 0))
        assert isinstance(pixel, tuple)
        if "Answer with exactly one of" not in text:
            return f"a red of {pixel[0]}"
        return "safe" if "dark" not in text or pixel[0] < 120 else "unsafe"

    scripted.script = staticmethod(answer)
    [log] = inspect_eval(
        optimize("folder", json.dumps({"data": str(shades)}), save=str(shades / "better.yaml")),
        model="scripted/judge",
        model_roles={"optimizer": "scripted/optimizer"},
        log_dir=str(shades / "logs"),
        display="none",
    )
    assert log.status == "success", log.error
    pair = PromptPair.load(shades / "better.yaml")
    assert pair.judge == "Is it dark?"
    [judged] = inspect_eval(
        folder(str(shades), split="test", prompts=str(shades / "better.yaml")),
        model="scripted/judge",
        log_dir=str(shades / "logs"),
        display="none",
    )
    assert judged.results is not None
    assert judged.results.scores[0].metrics["acc"].value == 1.0


def test_the_command_shows_what_the_task_would_find(shades: Path) -> None:
    shown = CliRunner().invoke(main, ["data", "show", str(shades)])
    assert shown.exit_code == 0, shown.output
    assert "  together   20      8           4     8\n" in shown.output
    (shades / "labels.csv").write_text("image,label\n0.png,safe\n19.png,unsafe\nnone.png,safe\n")
    (shades / "benchmark.yaml").unlink()
    shown = CliRunner().invoke(main, ["data", "show", str(shades)])
    assert shown.exit_code == 1
    assert "labels.csv, row 4: none.png: no such image" in shown.output
    assert "no splits: 2 records are 2 unrelated ones" in shown.output
    as_json = json.loads(CliRunner().invoke(main, ["data", "show", str(shades), "--json"]).output)
    assert as_json["splits"] == {"all": ["0.png", "19.png"]}
    assert len(as_json["rejected"]) == 1
    failed = CliRunner().invoke(main, ["data", "show", str(shades / "none.csv")])
    assert failed.exit_code == 2
    assert failed.output.startswith("Error: ") and "no such file" in failed.output
