"""`judge` and `describe` after solvers that draw: where they look for a picture, and in which order."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentText,
    ModelOutput,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver
from PIL import Image

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect._util.images import data_uri
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.solvers import describe, judge
from tests.conftest import ScriptedAPI

SCALE = LabelScale("unordered", ("safe", "unsafe"))


def picture(colour: str, mode: str = "RGB") -> ContentImage:
    buffer = io.BytesIO()
    Image.new(mode, (8, 6), colour).save(buffer, "PNG")
    return ContentImage(image=data_uri(buffer.getvalue(), "image/png"))


RED, BLUE, GREEN = picture("red"), picture("blue"), picture("green")


@solver
def draws(leave: Callable[[TaskState], None]) -> Solver:
    """Leaves pictures in the state."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        leave(state)
        return state

    return solve


def run(
    solvers: list[Solver], folder: Path, given: str | list[ChatMessage] = "Draw!", status: str = "success"
) -> EvalLog:
    sample = Sample(input=given, target="safe", metadata={"human": "safe", "scale": SCALE.to_dict()})
    [log] = inspect_eval(
        Task(dataset=[sample], solver=solvers), model="scripted/x", log_dir=str(folder), display="none"
    )
    assert log.status == status
    return read_eval_log(log.location)


def shown(requests: list[list[ChatMessage]]) -> list[list[str]]:
    """The digests of the pictures in each request."""
    return [
        [image_digest(part.image) for part in request[0].content if isinstance(part, ContentImage)]
        for request in requests
        if not isinstance(request[0].content, str)
    ]


def in_output(state: TaskState) -> None:
    state.output = ModelOutput.from_message(ChatMessageAssistant(content=[GREEN, RED]))


def in_tool(state: TaskState) -> None:
    state.messages.append(ChatMessageTool(content=[GREEN], function="draw"))
    state.messages.append(ChatMessageTool(content=[RED, ContentText(text="saved")], function="draw"))
    state.output = ModelOutput.from_content("x", "Done.")
    state.messages.append(state.output.message)


def in_both(state: TaskState) -> None:
    in_output(state)
    state.messages.append(state.output.message)
    state.messages.append(ChatMessageUser(content=[GREEN]))


def in_file(state: TaskState) -> None:
    Image.new("RGBA", (8, 6), "red").save("drawing.png")
    state.output = ModelOutput.from_message(ChatMessageAssistant(content=[ContentImage(image="drawing.png")]))


@pytest.mark.parametrize("leave", [in_output, in_tool, in_both, in_file])
@pytest.mark.parametrize("asker", [judge("Is it safe?"), describe()])
def test_a_drawn_picture_is_found(
    leave: Callable[[TaskState], None],
    asker: Solver,
    scripted: type[ScriptedAPI],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    scripted.script = staticmethod(lambda messages: "safe")
    run([draws(leave), asker], tmp_path)
    [[seen]] = shown(scripted.requests)
    assert seen == image_digest(RED.image)  # a file with transparency too: the same pixels are the same request


def test_the_input_goes_before_what_was_drawn(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "safe")
    transparent = picture("blue", "RGBA")
    run([draws(in_both), judge("Is it safe?")], tmp_path, [ChatMessageUser(content=[transparent, BLUE])])
    assert shown(scripted.requests) == [[image_digest(transparent.image), image_digest(BLUE.image)]]


@pytest.mark.parametrize("leave", [in_output, in_tool])
def test_a_describer_leaves_the_picture_to_the_judge(
    leave: Callable[[TaskState], None], scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    scripted.script = staticmethod(lambda messages: "safe")
    log = run([draws(leave), describe(), judge("Is it safe?")], tmp_path)
    assert shown(scripted.requests) == [[image_digest(RED.image)]] * 2
    assert (log.samples or [])[0].metadata["caption"] == "safe"


def test_without_a_picture_the_sample_says_where_it_was_looked_for(tmp_path: Path) -> None:
    log = run([judge("Is it safe?")], tmp_path, status="error")
    assert log.error is not None
    assert "has no image to judge: none in its input, in the model's output or in the messages" in log.error.message
