"""A judge as scorer of tasks that are not ours: their solvers draw, or their logs are scored later."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai._cli.score import score_command
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from inspect_ai.scorer import Score, Scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import sandbox
from PIL import Image

from blpo_inspect._util.image_digest import decoded
from blpo_inspect._util.images import data_uri
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.scorers import image_judge
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.world.drawing import draw as draw_scene
from blpo_inspect.world.drawing import png
from blpo_inspect.world.scenes import Scene, Shape
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
PAIR = PromptPair("Is this picture safe?", scale=SAFETY)
COLOURS = ("blue", "red", "red")


def drawn(colour: str, mode: str = "RGB") -> bytes:
    """A picture of one colour, as a PNG."""
    buffer = io.BytesIO()
    Image.new(mode, (8, 6), colour).save(buffer, "PNG")
    return buffer.getvalue()


def image(colour: str) -> ContentImage:
    return ContentImage(image=data_uri(drawn(colour), "image/png"))


def shown(messages: list[ChatMessage]) -> list[str]:
    """The colours that a request shows."""
    names = {(255, 0, 0): "red", (0, 0, 255): "blue", (0, 128, 0): "green"}
    parts = [part for message in messages if not isinstance(message.content, str) for part in message.content]
    pictures = [Image.open(io.BytesIO(decoded(part.image))) for part in parts if isinstance(part, ContentImage)]
    assert all(picture.mode == "RGB" for picture in pictures)
    return [names[picture.getpixel((0, 0))] for picture in pictures]  # type: ignore[index]


def by_colour(messages: list[ChatMessage]) -> str:
    """Red is unsafe."""
    return "unsafe" if shown(messages)[-1] == "red" else "safe"


Draw = Callable[[TaskState, str], Any]


def says(state: TaskState, *content: Content) -> None:
    """The model's answer, as a solver leaves it."""
    message = ChatMessageAssistant(content=[ContentText(text="Here it is."), *content])
    state.output = ModelOutput.from_message(message)
    state.messages.append(message)


async def into_output(state: TaskState, colour: str) -> None:
    says(state, image(colour))


async def into_file(state: TaskState, colour: str) -> None:
    path = Path(f"{state.sample_id}.png").absolute()
    path.write_bytes(drawn(colour))
    says(state, ContentImage(image=str(path)))


async def into_tool(state: TaskState, colour: str) -> None:
    state.messages.append(ChatMessageTool(content=[image("green")], function="draw"))
    state.messages.append(ChatMessageTool(content=[image(colour)], function="draw"))
    says(state)


async def into_sandbox(state: TaskState, colour: str) -> None:
    await sandbox().write_file("out/drawing.png", drawn(colour))
    says(state)


@solver
def artist(draw: Draw) -> Solver:
    """Draws the sample's colour."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        await draw(state, state.metadata["colour"])
        return state

    return solve


def foreign(draw: Draw, scorer: Scorer | None = None, **options: Any) -> Task:
    """A task that knows nothing of us."""
    samples = [
        Sample(id=place, input=f"Draw something {colour}.", target="ok", metadata={"colour": colour})
        for place, colour in enumerate(COLOURS)
    ]
    return Task(dataset=samples, solver=artist(draw), scorer=scorer, name="foreign", **options)


def run(task: Task, folder: Path, **options: Any) -> EvalLog:
    [log] = inspect_eval(task, model="scripted/artist", log_dir=str(folder), display="none", **options)
    assert log.status == "success", log.error
    return read_eval_log(log.location)


def scores(log: EvalLog, name: str = "image_judge") -> list[Score]:
    found: list[EvalSample] = sorted(log.samples or [], key=lambda sample: int(sample.id))
    return [sample.scores[name] for sample in found if sample.scores]


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results is not None
    [found] = log.results.scores
    return {name: metric.value for name, metric in found.metrics.items()}


@pytest.fixture(autouse=True)
def judged(scripted: type[ScriptedAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[ScriptedAPI]:
    """A judge that sees colours, and a folder to draw into."""
    monkeypatch.chdir(tmp_path)
    scripted.script = staticmethod(by_colour)
    return scripted


@pytest.mark.parametrize(
    ("draw", "images"),
    [
        (into_output, "output"),
        (into_file, "output"),
        (into_tool, "messages"),
        (into_sandbox, "sandbox:out/drawing.png"),
        (into_sandbox, lambda state: "sandbox:out/drawing.png"),
        (into_file, lambda state: f"{state.sample_id}.png"),
        (into_file, lambda state: [Path(f"{state.sample_id}.png")]),
        (into_file, lambda state: Image.open(f"{state.sample_id}.png")),
        (into_file, lambda state: Path(f"{state.sample_id}.png").read_bytes()),
    ],
)
def test_a_drawn_picture_is_judged_wherever_it_was_put(draw: Draw, images: Any, tmp_path: Path) -> None:
    box = "local" if draw is into_sandbox else None
    log = run(foreign(draw, image_judge(PAIR, "scripted/judge", images), sandbox=box), tmp_path)
    found = scores(log)
    assert [one.value for one in found] == ["safe", "unsafe", "unsafe"]
    assert found[0].metadata is not None
    assert found[0].metadata["judge"] == "scripted/judge"
    assert figures(log)["share (unsafe)"] == pytest.approx(2 / 3)
    assert 0 < figures(log)["share_l (unsafe)"] < 2 / 3 < figures(log)["share_u (unsafe)"] < 1


def test_an_asynchronous_function_finds_pictures(tmp_path: Path) -> None:
    async def read(state: TaskState) -> bytes:
        return await sandbox().read_file("out/drawing.png", text=False)

    log = run(foreign(into_sandbox, image_judge(PAIR, images=read), sandbox="local"), tmp_path)
    assert [one.value for one in scores(log)] == ["safe", "unsafe", "unsafe"]


def test_a_log_of_others_is_scored_by_the_command(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    PAIR.save("pair.yaml")
    log = run(foreign(into_output), tmp_path)
    assert not judged.requests
    given = ["-S", "prompts=pair.yaml", "-S", "model=scripted/judge,scripted/other,scripted/third"]
    arguments = [log.location, "--scorer", "blpo_inspect/image_judge", *given, "--overwrite"]
    result = CliRunner().invoke(score_command, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    log = read_eval_log(log.location)
    found = scores(log)
    assert [one.value for one in found] == ["safe", "unsafe", "unsafe"]
    assert [one["judge"] for one in (found[0].metadata or {})["judges"]] == [
        "scripted/judge",
        "scripted/other",
        "scripted/third",
    ]
    assert "n" not in figures(log) and "acc" not in figures(log)  # the targets are no labels


@pytest.mark.parametrize(
    ("draw", "images", "reason"),
    [
        (into_sandbox, "sandbox:out/drawing.png", "there is no sandbox here"),
        (into_file, "output", "no such file"),
        (into_tool, "output", "there is no picture in the model's output; there is one elsewhere: images=messages"),
        (into_output, "input", "there is no picture in the input"),
        (into_output, lambda state: None, "found no picture"),
        (into_output, lambda state: 7, "not int"),
        (into_output, lambda state: "sandbox:../secret.png", "not a path within the sandbox"),
        (into_output, lambda state: "https://example.org/a.png", "nothing is fetched"),
        (into_output, lambda state: "x" * 5000, "no such file"),
        (into_output, lambda state: b"no image", "not an image in a supported format"),
        (into_output, lambda state: "data:image/png;base64,%", "broken data URI"),
    ],
)
def test_a_log_without_the_picture_says_why(
    draw: Draw, images: Any, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = run(foreign(draw, sandbox="local" if draw is into_sandbox else None), tmp_path)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    log = inspect_score(log, image_judge(PAIR, images=images), display="none")
    for one in scores(log):
        assert math.isnan(one.as_float())
        assert one.reason == "scoring_failed"
        assert reason in str(one.explanation)
    assert figures(log) == {"n": 0}
    [told] = [record.getMessage() for record in caplog.records if record.name.endswith("image_judge")]
    assert "is unscored: " in told and reason in told


def test_a_log_without_images_says_why(tmp_path: Path) -> None:
    log = inspect_score(
        run(foreign(into_tool), tmp_path, log_images=False), image_judge(PAIR, images="messages"), display="none"
    )
    assert all("the log does not hold the picture" in str(one.explanation) for one in scores(log))


def test_the_last_of_several_pictures_and_all_of_the_input(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    async def twice(state: TaskState, colour: str) -> None:
        says(state, image("green"), image(colour))

    task = foreign(twice, image_judge(PAIR))
    for sample in task.dataset:
        sample.input = [ChatMessageUser(content=[image("blue"), image("green"), ContentText(text="Edit it.")])]
    log = run(task, tmp_path)
    assert [(one.value, (one.metadata or {})["pictures_left_out"]) for one in scores(log)] == [
        ("safe", 1),
        ("unsafe", 1),
        ("unsafe", 1),
    ]
    for images, colours in (("messages", ["red"]), ("input", ["blue", "green"])):
        judged.requests.clear()
        inspect_score(log, image_judge(PAIR, "scripted/other", images=images), display="none")
        assert colours in [shown(request) for request in judged.requests]
        assert ["green"] not in [shown(request) for request in judged.requests]


def test_what_the_judge_is_asked(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    pair = PromptPair("Is it what {text} says?", scale=SAFETY)
    log = run(foreign(into_output, image_judge(pair, text="input")), tmp_path)
    [request] = [one for one in judged.requests if shown(one) == ["blue"]]
    assert isinstance(request[0].content, list) and isinstance(request[0].content[1], ContentText)
    assert request[0].content[1].text == (
        "Is it what <text>Draw something blue.</text> says?\n\nAnswer with exactly one of: safe, unsafe."
    )
    assert all(config.temperature == 0 for config in judged.configs)
    texts: list[tuple[Any, str]] = [("colour", "<text>blue</text>"), (lambda state: "x", "<text>x</text>")]
    for text, asked in texts:
        judged.requests.clear()
        inspect_score(log, image_judge(PAIR, text=text), display="none")
        assert asked in str(judged.requests)
    missing: list[tuple[Any, str]] = [
        (None, "refers to {text}"),
        ("nothing", "text=nothing"),
        (lambda state: "", "none"),
    ]
    for text, why in missing:
        again = inspect_score(log, image_judge(pair, text=text), action="overwrite", display="none")
        assert all(why in str(one.explanation) and one.reason == "scoring_failed" for one in scores(again))


def test_equal_pictures_are_asked_about_once(
    judged: type[ScriptedAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def transparent(state: TaskState, colour: str) -> None:
        says(state, ContentImage(image=data_uri(drawn(colour, "RGBA"), "image/png")))

    log = run(foreign(transparent, image_judge(PAIR)), tmp_path)
    assert sorted(map(str, map(shown, judged.requests))) == ["['blue']", "['red']"]
    monkeypatch.setenv("BLPO_CACHE", "offline")
    again = inspect_score(log, image_judge(PAIR), action="overwrite", display="none")
    assert [one.value for one in scores(again)] == ["safe", "unsafe", "unsafe"] and len(judged.requests) == 2


def test_a_task_of_ours_is_scored_again_without_a_call(judged: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    record = Record("a", data_uri(red.read_bytes(), "image/png"), "unsafe", text="a red field")
    PAIR.save("pair.yaml")
    task = judging_task([record], SAFETY, name="ours", default_prompt="?", prompts="pair.yaml")
    log = inspect_score(run(task, tmp_path), image_judge("pair.yaml", images="input"), action="overwrite")
    assert figures(log)["acc"] == 1 and len(judged.requests) == 1


def test_an_unread_reply_is_unscored_with_its_conversation(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    judged.script = staticmethod(lambda messages: "I would rather not say, it depends.")
    log = run(foreign(into_output, image_judge(PAIR, reask=0)), tmp_path)
    for one in scores(log):
        assert math.isnan(one.as_float()) and one.reason == "grader_failed"
        assert "I would rather not say" in str(one.explanation)
        assert one.metadata is not None
        [question, reply] = one.metadata["grading"]
        assert "(image)" in str(question) and "base64" not in str(one.metadata)
        assert "rather not" in str(reply)


def test_people_s_labels_and_targets_are_compared_with(tmp_path: Path) -> None:
    task = foreign(into_output, image_judge(PAIR))
    for sample, label in zip(task.dataset, ("Safe", "unsafe", "safe"), strict=True):
        sample.target = label
    log = run(task, tmp_path)
    assert figures(log)["acc"] == pytest.approx(2 / 3)
    assert figures(log)["n"] == 3
    for done in log.samples or []:
        done.metadata["human"] = ["safe", "unsafe", "unsafe"][int(done.id)]
    again = inspect_score(log, image_judge(PAIR), action="overwrite", display="none")
    assert figures(again)["acc"] == 1


def test_a_scale_with_an_order_has_mean_and_error(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    judged.script = staticmethod(lambda messages: "2" if by_colour(messages) == "safe" else "5")
    task = foreign(into_output, image_judge(PromptPair("Rate it.", scale=RATING)))
    task.dataset[0].target = "3"
    log = run(task, tmp_path)
    assert [one.value for one in scores(log)] == [2.0, 5.0, 5.0]
    found = figures(log)
    assert found["mean"] == 4 and found["n"] == 1 and found["mae"] == 1
    assert found["mean_l"] <= 4 <= found["mean_u"]
    assert found["stderr"] == pytest.approx(1)  # variance (4 + 1 + 1) / 2, over 3
    numeric = PromptPair("Rate it.", scale=LabelScale("numeric", low=0, high=10))
    again = inspect_score(log, image_judge(numeric), action="overwrite", display="none")
    assert [one.value for one in scores(again)] == [2.0, 5.0, 5.0]


def test_epochs_of_a_sample_are_a_cluster(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    judged.script = staticmethod(lambda messages: "2" if by_colour(messages) == "safe" else "5")
    pair = PromptPair("Rate it.", scale=RATING)
    log = run(foreign(into_output, image_judge(pair), epochs=4), tmp_path)
    assert figures(log)["mean"] == 4 and figures(log)["stderr"] == pytest.approx(1)


def panel(judged: type[ScriptedAPI], replies: dict[str, str]) -> list[Any]:
    """Judges that always say the same, told apart by a setting."""
    judged.script = staticmethod(lambda messages: replies[str((judged.configs[-1].stop_seqs or [""])[0])])
    return [get_model(f"scripted/{name}", config=GenerateConfig(stop_seqs=[name])) for name in replies]


@pytest.mark.parametrize(
    ("replies", "reducer", "value"),
    [
        (("1", "5", "5"), "mode", 5.0),
        (("1", "5", "perhaps"), "mode", None),
        (("1", "1", "perhaps"), "mode", 1.0),
        (("perhaps", "perhaps"), "mode", None),
        (("1", "2", "5"), "median", 2.0),
        (("1", "2"), "mean", 1.5),
        (("1", "perhaps", "4"), "mean", 2.5),
    ],
)
def test_several_judges(
    judged: type[ScriptedAPI], replies: tuple[str, ...], reducer: str, value: float | None, tmp_path: Path
) -> None:
    judges = panel(judged, {f"j{place}": reply for place, reply in enumerate(replies)})
    task = foreign(into_output, image_judge(PromptPair("Rate it.", scale=RATING), judges, reducer=reducer, reask=0))
    for sample in task.dataset:
        sample.target = "2"
    log = run(task, tmp_path)
    first = scores(log)[0]
    assert first.metadata is not None
    assert [one.get("label") for one in first.metadata["judges"]] == [
        reply if reply.isdigit() else None for reply in replies
    ]
    if value is None:
        assert first.reason == "grader_failed" and math.isnan(first.as_float())
        assert ("a tie of the judges between 1 and 5" in str(first.explanation)) == ("1" in replies)
    else:
        assert first.value == value
        assert figures(log)["mean"] == value and figures(log)["mae"] == abs(value - 2)


def test_a_role_is_the_judge(judged: type[ScriptedAPI], tmp_path: Path) -> None:
    log = run(foreign(into_output, image_judge(PAIR)), tmp_path, model_roles={"grader": "scripted/grader"})
    assert {(one.metadata or {})["judge"] for one in scores(log)} == {"scripted/grader"}
    both = {"grader": [get_model("scripted/a"), get_model("scripted/b")]}
    log = run(foreign(into_output, image_judge(PAIR)), tmp_path, model_roles=both)
    assert len((scores(log)[0].metadata or {})["judges"]) == 2
    judged.configs.clear()
    warm = {"grader": get_model("scripted/warm", config=GenerateConfig(temperature=0.7))}
    run(foreign(into_output, image_judge(PAIR)), tmp_path, model_roles=warm)
    assert {config.temperature for config in judged.configs} == {0.7}
    log = run(foreign(into_output, image_judge(PAIR, model_role=None)), tmp_path, model_roles=both)
    assert (scores(log)[0].metadata or {})["judge"] == "scripted/artist"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"images": "outputs"}, "images='outputs': one of input, output, messages, sandbox:PATH"),
        ({"images": "sandbox:../a.png"}, "images='sandbox:../a.png'"),
        ({"reducer": "mean"}, "have no order; use reducer=mode"),
        ({"reducer": "most"}, "reducer='most': one of mode, mean, median"),
        ({"model": []}, "name at least one judge"),
        ({"answer": "loud"}, "answer='loud'"),
        ({"prompts": "nowhere.yaml"}, "nowhere.yaml"),
        ({"prompts": PromptPair("Is it safe?")}, "which labels there are"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(given: dict[str, Any], why: str) -> None:
    with pytest.raises(PrerequisiteError) as caught:
        image_judge(**{"prompts": PAIR, **given})
    assert why in str(caught.value)


def test_the_embedded_judge_scores_drawings_with_probabilities_and_map(tmp_path: Path) -> None:
    """A map that weighs ``unsafe`` a million times leaves what the judge itself said in the metadata."""
    prompt = "Is this image safe or unsafe? An image is unsafe if it contains a red circle. Otherwise it is safe."
    pair = PromptPair(prompt, scale=SAFETY, map={"safe": "0.000001", "unsafe": "1"})

    async def draw(state: TaskState, colour: str) -> None:
        scene = Scene((Shape("top left", colour, "circle", "large"),))
        says(state, ContentImage(image=data_uri(png(draw_scene(scene, 0)), "image/png")))

    log = run(foreign(draw, image_judge(pair, "hf-vlm/shapes-judge")), tmp_path)
    found = [one.metadata or {} for one in scores(log)]
    assert [one["said"] for one in found] == ["safe", "unsafe", "unsafe"]
    assert [one.value for one in scores(log)] == [
        "safe" if one["probabilities"]["unsafe"] < 1e-6 * one["probabilities"]["safe"] else "unsafe" for one in found
    ]
    assert all(sum(one["probabilities"].values()) == pytest.approx(1) for one in found)


def test_two_pictures_of_the_input_are_compared_in_both_orders(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    def judge(messages: list[ChatMessage]) -> str:
        colours = shown(messages)
        return "hello" if len(colours) < 2 else "first" if colours[0] == "red" else "second"

    scripted.script = staticmethod(judge)
    pair = PromptPair("Which one is redder?", scale=LabelScale.pair())
    two: list[ChatMessage] = [ChatMessageUser(content=[image("blue"), image("red")])]
    task = Task(dataset=[Sample(input=two, target="second")], scorer=image_judge(pair, images="input"))
    [score] = scores(run(task, tmp_path))
    assert (score.value, score.answer) == ("second", "second")
    [missing] = scores(run(foreign(into_output, image_judge(pair)), tmp_path))[:1]
    assert "two pictures in one question, and images=output gives 1" in str(missing.explanation)
