"""Where a sample's pictures are: in its input, in the model's output, in the conversation, or in its sandbox.

The solvers `judge` and `describe` and the scorer `image_judge` look here. Pictures of the input stay as the task gives
them, all together; of those that were made meanwhile the last one counts, brought into the form that data sets are
brought into (`_util.images.shown`), so that equal pictures make equal requests.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anyio.to_thread
from inspect_ai.model import ChatMessage, ContentImage
from inspect_ai.solver import TaskState
from inspect_ai.util import sandbox
from PIL import Image

from blpo_inspect._util.inspect_internals import IMAGE_REMOVED, PrerequisiteError
from blpo_inspect.judging.given_images import content_of
from blpo_inspect.judging.samples import images_of

Place = Literal["input", "output", "messages"]
SANDBOX = "sandbox:"
"""What a path in the sample's sandbox begins with."""

Images = str | Callable[[TaskState], Any]
"""A `Place`, ``sandbox:PATH``, or a function of the sample's state, also an asynchronous one. It gives a picture or
several: paths, ``sandbox:PATH``, data URIs, bytes, PIL images or `ContentImage`."""

_NAMES: dict[Place, str] = {"input": "the input", "output": "the model's output", "messages": "the messages"}


class NoPictureError(ValueError):
    """No picture where one was looked for, or one that cannot be had; the message says why."""


@dataclass(frozen=True)
class Pictures:
    """What a judge is shown.

    Attributes:
        images: In order, as data URIs.
        left_out: How many earlier pictures of the same place are not shown.
    """

    images: list[ContentImage]
    left_out: int = 0


def checked(images: Images) -> Images:
    """Where to look, if that can be.

    Raises:
        PrerequisiteError: No such place.
    """
    if callable(images) or images in get_args(Place) or _in_sandbox(images):
        return images
    raise PrerequisiteError(
        f"images={images!r}: one of {', '.join(get_args(Place))}, {SANDBOX}PATH, or a function of the sample's state"
    )


async def pictures(state: TaskState, images: Images) -> Pictures:
    """The pictures at a place: all of the input or of a function's, the last of the output or of the messages.

    Raises:
        NoPictureError: There is none, or it cannot be read.
        ImageError: It cannot be decoded.
    """
    if callable(images):
        given = images(state)
        given = _listed(await given if inspect.isawaitable(given) else given)
        if not given:
            raise NoPictureError("the function that was given as images found no picture")
        return Pictures([await _ready(one) for one in given])
    if images.startswith(SANDBOX):
        return Pictures([await _ready(images)])
    place = next(place for place in get_args(Place) if place == images)
    there = _at(state, place)
    if not there:
        others = [f"images={other}" for other in get_args(Place) if _at(state, other)]
        hint = f"; there is one elsewhere: {' or '.join(others)}" if others else ""
        raise NoPictureError(f"there is no picture in {_NAMES[place]}{hint}")
    seen = there if place == "input" else there[-1:]
    return Pictures([await _ready(image) for image in seen], len(there) - len(seen))


async def sample_pictures(state: TaskState) -> list[ContentImage]:
    """What a solver shows: the images of the input as they are; where it has none the last picture of the output, else
    of the messages.

    Raises:
        NoPictureError: None anywhere, or one that cannot be read; names the sample.
        ImageError: It cannot be decoded.
    """
    if given := images_of(state.input):
        return given
    made = _at(state, "output") or _at(state, "messages")
    if not made:
        raise NoPictureError(
            f"sample {state.sample_id} has no image to judge: none in its input, in the model's output or in the "
            "messages"
        )
    return [await _ready(made[-1])]


def keep_output(state: TaskState) -> None:
    """Note the output in the messages before another one takes its place, if pictures are there alone."""
    if _at(state, "output"):
        state.messages.extend(_without([state.output.message], state.messages))


def _at(state: TaskState, place: Place) -> list[ContentImage]:
    """The pictures of a place, the latest last."""
    if place == "input":
        return images_of(state.input)
    output: list[ChatMessage] = [choice.message for choice in state.output.choices[:1]]
    if place == "output":
        return images_of(output)
    later = _without(state.messages, [] if isinstance(state.input, str) else state.input)
    return images_of([*later, *_without(output, later)])


def _without(messages: Iterable[ChatMessage], others: Iterable[ChatMessage]) -> list[ChatMessage]:
    """The messages that are not among the others, whose ids a solver or a log may have changed."""
    known = [(message.role, message.content) for message in others]
    return [message for message in messages if (message.role, message.content) not in known]


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    single = isinstance(given, (str, bytes, Path, Image.Image, ContentImage)) or not isinstance(given, Iterable)
    return [given] if single else list(given)


async def _ready(given: Any) -> ContentImage:
    """A picture as every provider can show it.

    Raises:
        NoPictureError: It is not there, or is no picture.
        ImageError: It cannot be read or decoded.
    """
    image = given.image if isinstance(given, ContentImage) else given
    if isinstance(image, str):
        if image == IMAGE_REMOVED or image.startswith("attachment://"):
            raise NoPictureError("the log does not hold the picture (made with --no-log-images?)")
        if image.startswith(SANDBOX):
            image = await _of_sandbox(image)
        elif image.startswith("file://"):
            image = url2pathname(urlsplit(image).path)
    try:
        seen = await anyio.to_thread.run_sync(content_of, image)
    except TypeError as error:
        raise NoPictureError(f"the function that was given as images: {error}") from error
    return given.model_copy(update={"image": seen.image}) if isinstance(given, ContentImage) else seen


async def _of_sandbox(given: str) -> bytes:
    if not _in_sandbox(given):
        raise NoPictureError(f"{given:.200}: not a path within the sandbox")
    try:
        box = sandbox()
    except ProcessLookupError as error:
        raise NoPictureError(
            f"{given}: there is no sandbox here; a log does not hold its files, so score while the task runs"
        ) from error
    try:
        return await box.read_file(given.removeprefix(SANDBOX), text=False)
    except Exception as error:  # each kind of sandbox has its own
        why = str(error) or type(error).__name__
        raise NoPictureError(f"{given:.200}: cannot be read: {why}") from error


def _in_sandbox(given: str) -> bool:
    """Whether a text names a path in a sandbox that does not lead out of where it starts."""
    path = PurePosixPath(given.removeprefix(SANDBOX))
    return given.startswith(SANDBOX) and path.name != "" and ".." not in path.parts
