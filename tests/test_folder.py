"""The task `folder`: a user's own table, through a real evaluation."""

import base64
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.log import read_eval_log
from inspect_ai.model import ContentImage, ContentText
from PIL import Image

from blpo_inspect.images import decode
from blpo_inspect.prompts import PromptPair
from blpo_inspect.tasks.folder import DEFAULT_PROMPT, DEFAULT_TEXT_PROMPT, folder
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
    assert log.results.scores[0].metrics["accuracy"].value == 0.5
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
    ],
)
def test_faults_stop_the_run_before_it_starts(table: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        folder(**{"data": str(table), **arguments})
    assert message in str(caught.value.message)
