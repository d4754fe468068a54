"""`Judge`: verdicts from Python on pictures of any form, one or many, in code with and without an event loop."""

import asyncio
import base64
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, ContentImage, ContentText, GenerateConfig, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from PIL import Image

from blpo_inspect import Judge, LabelScale, PromptPair, Verdict
from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.images import ImageError
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.given_images import content_of
from blpo_inspect.judging.prompts import PromptError
from tests.conftest import ScriptedAPI

SCALE = LabelScale("unordered", ("safe", "unsafe"))
PAIR = PromptPair("Is this image safe or unsafe?", scale=SCALE)


def parts(request: list[ChatMessage]) -> tuple[list[str], str]:
    """The digests of a request's images, and its text."""
    content = request[0].content
    assert not isinstance(content, str)
    images = [image_digest(part.image) for part in content if isinstance(part, ContentImage)]
    [text] = [part.text for part in content if isinstance(part, ContentText)]
    return images, text


@pytest.fixture
def judge(scripted: type[ScriptedAPI]) -> Judge:
    scripted.script = staticmethod(lambda messages: "unsafe")
    return Judge.load(PAIR, model="scripted/m")


def drawing(number: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (number, 2 * number, 200))


def test_a_verdict_has_label_answer_and_reason(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    PAIR.save(tmp_path / "pair.yaml")
    judge = Judge.load(tmp_path / "pair.yaml", model="scripted/m", reask=0)
    scripted.script = staticmethod(lambda messages: "It is **unsafe**.")
    assert judge(red) == Verdict("unsafe", answer="It is **unsafe**.")
    [request] = scripted.requests
    assert request[0].content == judge_message(PAIR.judge, SCALE, images=[content_of(red)]).content
    assert scripted.configs[0].temperature == 0
    scripted.script = staticmethod(lambda messages: "Hard to say.")
    unread = judge(drawing(1))
    assert unread.label is None and unread.reason and unread.answer == "Hard to say."
    assert "scripted/m" in repr(judge)


@pytest.mark.parametrize(
    "form",
    [
        lambda path: path,
        str,
        lambda path: path.read_bytes(),
        lambda path: bytearray(path.read_bytes()),
        lambda path: f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}",
        Image.open,
        lambda path: np.asarray(Image.open(path)),
    ],
    ids=["path", "str", "bytes", "bytearray", "data URI", "PIL", "array"],
)
def test_every_form_of_a_picture_is_the_same_request(judge: Judge, red: Path, form: Callable[[Path], Any]) -> None:
    assert judge(form(red)).label == "unsafe"
    images, _ = parts(ScriptedAPI.requests[0])
    assert images == [image_digest(str(red))]  # Pillow wrote the file, and writes pixels the same way


def test_a_picture_that_is_opened_is_seen_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture = Image.new("RGB", (6, 4), "white")
    picture.putpixel((0, 0), (0, 0, 0))
    picture.save(tmp_path / "turned.png", exif=exif)
    shown = content_of(Image.open(tmp_path / "turned.png")).image
    assert shown == content_of(tmp_path / "turned.png").image
    alpha = Image.new("RGBA", (4, 4), (0, 0, 0, 0))
    white = content_of(Image.new("RGB", (4, 4), "white")).image
    assert content_of(alpha).image == white


@pytest.mark.parametrize(
    ("picture", "error", "message"),
    [
        ("https://user:pw@host/a.png?sig=1", ImageError, "https://host/a.png: an address, and nothing is fetched"),
        ("s3://bucket/a.png", ImageError, "download the picture"),
        ("absent.png", ImageError, "absent.png: no such file"),
        (".", ImageError, "not a file"),
        ("x" * 5000, ImageError, "no such file"),
        ("a\0b", ImageError, "no such file"),
        (b"", ImageError, "empty"),
        (b"no picture", ImageError, "not an image in a supported format"),
        ("data:image/png;base64,%%%", ImageError, "broken data URI"),
        (None, TypeError, "a picture is a path, bytes"),
        (3, TypeError, "not int"),
        (np.zeros((3, 8, 8), np.uint8), TypeError, "H × W × 3 of uint8, in RGB, not 3 × 8 × 8 of u1"),
        (np.zeros((8, 8, 3), np.float32), TypeError, "not 8 × 8 × 3 of f4"),
        (np.zeros((0, 8, 3), np.uint8), ImageError, "no pixels"),
        (Image.new("RGB", (0, 8)), ImageError, "no pixels"),
        ([], ValueError, "nothing to judge"),
    ],
)
def test_what_cannot_be_judged_is_one_clear_error(
    judge: Judge, picture: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message.replace("?", r"\?")) as raised:
        judge(picture)
    assert "pw" not in str(raised.value) and "sig" not in str(raised.value)
    assert not ScriptedAPI.requests


def test_a_pipe_is_refused_before_it_is_read(judge: Judge, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="not a file"):
        judge(tmp_path / "pipe.png")


def test_several_pictures_are_judged_together_in_order(judge: Judge, red: Path) -> None:
    judge([red, drawing(3)])
    images, _ = parts(ScriptedAPI.requests[0])
    assert images == [image_digest(str(red)), image_digest(content_of(drawing(3)).image)]


def test_texts(scripted: type[ScriptedAPI], red: Path) -> None:
    scripted.script = staticmethod(lambda messages: "safe")
    pair = PromptPair("Does it show {text}?", scale=SCALE)
    judge = Judge.load(pair, model="scripted/m")
    judge(red, "a red square")
    assert "Does it show <text>a red square</text>?" in parts(scripted.requests[0])[1]
    for call in (lambda: judge(red), lambda: asyncio.run(judge.batch([red, red], ["x", None]))):
        with pytest.raises(PromptError, match="give the text beside the picture"):
            call()
    with pytest.raises(ValueError, match="2 images, but 1 texts"):
        asyncio.run(judge.batch([red, red], ["x"]))


def test_inside_a_running_loop(judge: Judge, red: Path) -> None:
    async def notebook() -> list[Verdict]:
        return [judge(red), await judge.ask(drawing(1)), *await judge.batch([drawing(2)])]

    assert [verdict.label for verdict in asyncio.run(notebook())] == ["unsafe"] * 3


def test_every_call_of_a_process_is_on_one_loop(scripted: type[ScriptedAPI]) -> None:
    """A provider's connections live on the loop that opened them, however many loops the program has."""
    loops = set()

    def note(messages: list[ChatMessage]) -> str:
        loops.add((asyncio.get_running_loop(), threading.current_thread()))
        return "safe"

    scripted.script = staticmethod(note)
    judge = Judge.load(PAIR, model="scripted/m")
    asyncio.run(judge.batch([drawing(1)]))
    asyncio.run(judge.batch([drawing(2)]))
    threading.Thread(target=judge, args=(drawing(3),)).start()
    judge(drawing(4))
    assert len(loops) == 1


def test_a_batch_keeps_order_and_its_connections(scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    generate = scripted.generate

    async def slow(self: ScriptedAPI, input: list[ChatMessage], *rest: Any) -> ModelOutput:
        nonlocal running, most
        running, most = running + 1, max(most, running + 1)
        images, _ = parts(input)
        await anyio.sleep(0.001 * (8 - numbers[images[0]] % 8))  # later ones end first
        running -= 1
        return await generate(self, input, *rest)

    monkeypatch.setattr(scripted, "generate", slow)
    monkeypatch.setattr(scripted, "max_connections", lambda self: 3)
    numbers = {image_digest(content_of(drawing(number)).image): number for number in range(20)}
    scripted.script = staticmethod(lambda messages: "safe" if numbers[parts(messages)[0][0]] % 2 else "unsafe")
    judge = Judge.load(PAIR, model="scripted/m")
    verdicts = asyncio.run(judge.batch(drawing(number) for number in range(20)))
    assert [verdict.label for verdict in verdicts] == ["unsafe", "safe"] * 10
    assert most == 3
    assert asyncio.run(judge.batch([])) == []
    two = Judge.load(PAIR, model=get_model("scripted/other", config=GenerateConfig(max_connections=2)))
    most = 0
    asyncio.run(two.batch([drawing(number) for number in range(20)]))
    assert most == 2


def test_a_picture_that_cannot_be_read_costs_its_own_verdict(judge: Judge, red: Path) -> None:
    verdicts = asyncio.run(judge.batch([red, "absent.png", b"noise", "http://host/x.png", drawing(1)]))
    assert [verdict.label for verdict in verdicts] == ["unsafe", None, None, None, "unsafe"]
    assert [str(verdict.reason).split(":")[0] for verdict in verdicts[1:4]] == [
        "absent.png",
        "the image given as bytes",
        "http",
    ]


@pytest.mark.parametrize("images", ["red.png", Path("red.png"), b"x", Image.new("RGB", (2, 2))])
def test_a_batch_of_one_thing_is_refused(judge: Judge, images: Any) -> None:
    with pytest.raises(TypeError, match="for one picture call the judge itself"):
        asyncio.run(judge.batch(images))
    with pytest.raises(TypeError, match="lists of pictures and texts"):
        asyncio.run(judge.batch([b"x"], "text"))


def test_an_array_is_not_taken_for_a_batch_of_its_rows(judge: Judge) -> None:
    with pytest.raises(TypeError, match="H × W × 3"):
        asyncio.run(judge.batch(np.zeros((4, 5, 3), np.uint8)))
    assert len(asyncio.run(judge.batch(np.zeros((2, 4, 5, 3), np.uint8)))) == 2


def test_a_model_that_fails_ends_the_batch_and_the_rest_is_replayed(scripted: type[ScriptedAPI]) -> None:
    broken = image_digest(content_of(drawing(3)).image)
    down = True

    def answer(messages: list[ChatMessage]) -> str:
        if down and parts(messages)[0] == [broken]:
            raise RuntimeError("server is down")
        return "safe"

    scripted.script = staticmethod(answer)
    judge = Judge.load(PAIR, model=get_model("scripted/m", config=GenerateConfig(max_connections=1)))
    with pytest.raises(RuntimeError, match="server is down"):
        asyncio.run(judge.batch([drawing(number) for number in range(5)]))
    down = False
    scripted.requests = []
    assert len(asyncio.run(judge.batch([drawing(number) for number in range(5)]))) == 5
    assert len(scripted.requests) == 2  # the one that failed and the one after it


def test_cancelling_ends_the_work(judge: Judge, scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    async def never(*_: Any) -> ModelOutput:
        try:
            await anyio.sleep(60)
        finally:
            ended.set()
        raise AssertionError

    monkeypatch.setattr(scripted, "generate", never)

    async def impatient() -> None:
        with anyio.move_on_after(0.05):
            await judge.ask(drawing(1))

    asyncio.run(impatient())
    assert ended.wait(5)


@pytest.mark.parametrize(
    ("pair", "options", "message"),
    [
        ("absent.yaml", {}, "absent.yaml"),
        (PromptPair("Is it safe?"), {}, "does not say which labels there are"),
        (PAIR, {"answer": "guess"}, "answer='guess'"),
        (PAIR, {"answer": "structured"}, "not known to hold answers to a schema"),
        (PAIR, {"reask": 2}, "reask=2"),
        (PromptPair("Rate it.", scale=LabelScale("numeric", low=0, high=1)), {"answer": "label"}, "numeric scale"),
    ],
)
def test_what_cannot_be_asked_ends_before_a_call(scripted: object, pair: Any, options: Any, message: str) -> None:
    with pytest.raises(PrerequisiteError, match=message):
        Judge.load(pair, model="scripted/m", **options)


def test_arguments_go_to_a_model_that_is_named() -> None:
    judge = Judge.load(PAIR, model="hf-vlm/shapes-judge", dtype="float32")
    assert judge.model.model_args == {"dtype": "float32", "prefix_cache_gb": 0}
    kept = Judge.load(PAIR, model="hf-vlm/shapes-judge", prefix_cache_gb=1)
    assert kept.model.model_args == {"prefix_cache_gb": 1}
    with pytest.raises(TypeError, match="dtype: the model is made already"):
        Judge.load(PAIR, model=get_model("hf-vlm/shapes-judge"), dtype="float64")


def test_in_a_sample_of_inspect_the_calls_are_part_of_it(judge: Judge, red: Path) -> None:
    seen: dict[str, Any] = {}

    @solver
    def asks() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            seen["loop"] = asyncio.get_running_loop()
            state.store.set("label", (await judge.ask(red)).label)
            with pytest.raises(RuntimeError, match=r"write await judge\.ask\(image\)"):
                judge(red)
            return state

        return solve

    ScriptedAPI.script = staticmethod(
        lambda messages: "unsafe" if seen["loop"] is asyncio.get_running_loop() else "another loop"
    )
    [log] = eval(
        Task(dataset=[Sample("x")], solver=asks()), model="scripted/main", display="none", log_dir=str(red.parent)
    )
    assert log.status == "success" and log.samples
    assert log.samples[0].store["label"] == "unsafe"
    assert [event.model for event in log.samples[0].events if event.event == "model"] == ["scripted/m"]


def test_what_folder_recorded_is_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same picture, pair and model make one key, in `inspect eval blpo_inspect/folder` and in Python."""
    from blpo_inspect.tasks.folder import folder

    exif = Image.Exif()
    exif[274] = 6
    drawing(9).resize((60, 40)).save(tmp_path / "plain.png")
    drawing(60).resize((60, 40)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGBA", (40, 40), (0, 200, 0, 90)).save(tmp_path / "clear.png")
    names = ["plain.png", "turned.jpg", "clear.png"]
    table = "image,label,text\n" + "".join(f"{name},safe,a shape\n" for name in names)
    (tmp_path / "labels.csv").write_text(table)
    PAIR.save(tmp_path / "pair.yaml")
    for answer in ("text", "likelihood"):
        task = folder(str(tmp_path / "labels.csv"), "safe,unsafe", prompts=str(tmp_path / "pair.yaml"), answer=answer)
        [log] = eval(task, model="hf-vlm/shapes-judge", display="none", log_dir=str(tmp_path / "logs"))
        assert log.status == "success" and log.samples
        labels = {sample.id: sample.scores["agreement"].answer for sample in log.samples if sample.scores}
        judge = Judge.load(tmp_path / "pair.yaml", model="hf-vlm/shapes-judge", answer=answer)
        with monkeypatch.context() as patch:
            patch.setenv("BLPO_CACHE", "offline")  # a miss would be an error
            verdicts = asyncio.run(judge.batch([tmp_path / name for name in names], ["a shape"] * 3))
            opened = judge(Image.open(tmp_path / "turned.jpg"), "a shape")
        assert [verdict.label for verdict in verdicts] == list(labels.values())[:3]
        assert opened == verdicts[1]
        if answer == "likelihood":
            assert all(
                sum(verdict.probabilities.values()) == pytest.approx(1) for verdict in verdicts if verdict.probabilities
            )
            assert all(verdict.probabilities for verdict in verdicts)


def test_the_embedded_judge_with_a_map(tmp_path: Path) -> None:
    pair = PromptPair(
        "Rate this image from 1 to 5.",
        scale=LabelScale.of("12345"),
        map={"1": "5", "2": "5", "3": "5", "4": "5", "5": "5"},
    )
    verdict = Judge.load(pair, model="hf-vlm/shapes-judge")(drawing(5))
    assert verdict.label == "5" and verdict.answer in "12345"


def test_calls_are_recorded_as_the_judges(judge: Judge, red: Path, cache_folder: Path) -> None:
    from blpo_inspect.cache.store import Store

    judge(red)
    [entry] = Store(cache_folder).entries()
    assert entry.role == "judge" and entry.model == "scripted/m"
