"""A prompt pair as other tools take it: a Python module, OpenAI-style messages, an Inspect solver.

Each sends what the judge is asked here (`asking.judge_message`): prompt, fenced text, and the scale's own sentence on
how to answer. Reading the answer and applying a map is left to the tool; scale and map stand beside.
"""

import json
from pprint import pformat
from typing import Any, Literal

from blpo_inspect._util.text import visible
from blpo_inspect.judging.asking import judge_message
from blpo_inspect.judging.labels import Kind
from blpo_inspect.judging.prompts import PromptError, PromptPair, fence
from blpo_inspect.judging.question import Question

Form = Literal["python", "messages", "solver"]

IMAGE, TEXT = "{{IMAGE}}", "{{TEXT}}"
"""What stands for an image and a text in messages."""

BOTH = ("{{IMAGE_1}}", "{{IMAGE_2}}")
"""What stands for the two images of a pair."""

_MAP_MEANS: dict[Kind, str] = {
    **dict.fromkeys(
        ("unordered", "pair"), "weights: the label with the largest product of weight and probability is meant"
    ),
    "ordinal": "what each label of the judge means",
    "numeric": "what numbers of the judge mean: lines run between these points, and beyond them the nearest counts",
}
_MARK = "\0"  # which no prompt can hold


def exported(pair: PromptPair, form: Form, source: str) -> str:
    """The pair's judge prompt in a form for other tools.

    Args:
        pair: The pair, with its scale.
        form: ``python``: a module with ``PROMPT``, ``SCALE``, ``MAP`` and ``prompt(text)``, of the standard library
            alone. ``solver``: the same with ``judge``, a chain of Inspect's solvers. ``messages``: JSON, with
            ``messages`` as OpenAI has them, and what stands for image and text in them.
        source: What to call the pair.

    Raises:
        PrerequisiteError: It has no scale.
        PromptError: For messages, a prompt that holds what stands for the image or the text.
    """
    question = Question.of(pair)
    if form == "messages":
        return _messages(question, source)
    return _module(question, source, solver=form == "solver")


def _asked(question: Question, text: str | None) -> str:
    message = judge_message(question.pair.judge, question.scale, images=[], text=text)
    return message.text


def _messages(question: Question, source: str) -> str:
    pair, scale = question.pair, question.scale
    images = BOTH if question.needs_two else (IMAGE,)
    if held := [name for name in (*images, TEXT) if name in _asked(question, "")]:
        raise PromptError(f"{source}: the prompt holds {held[0]}, which stands for an image or the text")
    of = "ask again with the two swapped" if question.needs_two else "one such part for each of several images"
    stands = dict.fromkeys(images, f"the image, as data:image/png;base64,… or an address; {of}")
    if question.needs_text:
        stands[TEXT] = (
            "the text that the image is judged against: data, in which ‹text stands for <text, ‹/text for </text"
        )
    content: list[dict[str, Any]] = [
        *({"type": "image_url", "image_url": {"url": image}} for image in images),
        {"type": "text", "text": _asked(question, TEXT if question.needs_text else None)},
    ]
    whole = {
        "messages": [{"role": "user", "content": content}],
        "temperature": 0.0,
        "placeholders": stands,
        "scale": scale.to_dict(),
        **({} if pair.map is None else {"map": dict(pair.map), "map_means": _MAP_MEANS[scale.kind]}),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _module(question: Question, source: str, *, solver: bool) -> str:
    pair, scale = question.pair, question.scale
    if question.needs_text:
        asked = _asked(question, _MARK).replace("{", "{{").replace("}", "}}").replace(fence("text", _MARK), "{text}")
    else:
        asked = _asked(question, None)
    lines = "".join(f"    {line!r}\n" for line in asked.splitlines(keepends=True))
    means = "labels mean what they say" if pair.map is None else _MAP_MEANS[scale.kind]
    return (
        f"# The judge prompt of {visible(source)}, by blpo prompts export.\n\n"
        f"import re\n{_SOLVER_IMPORTS if solver else ''}\n"
        f"PROMPT = (\n{lines})\n"
        f"SCALE = {_literal(scale.to_dict())}\n"
        f"MAP = {_literal(None if pair.map is None else dict(pair.map))}  # {means}\n"
        f"{_WITH_TEXT if question.needs_text else _ALONE}{_FENCED}{_SOLVER if solver else ''}"
    )


def _literal(value: object) -> str:
    return pformat(value, width=100, sort_dicts=False)


_ALONE = '''

def prompt(text: str | None = None) -> str:
    """What goes after the image, in the same message. A text that it is judged against goes first, as data."""
    return PROMPT if text is None else f"{_fenced(text)}\\n\\n{PROMPT}"
'''

_WITH_TEXT = '''

def prompt(text: str) -> str:
    """What goes after the image, in the same message: the text that it is judged against is in it, as data."""
    return PROMPT.format(text=_fenced(text))
'''

_FENCED = r"""

def _fenced(text: str) -> str:
    inert = re.sub(r"<(?=\s*(?:/\s*)?text)", "‹", text, flags=re.IGNORECASE)  # it cannot close its tags
    return f"<text>{inert}</text>"
"""

_SOLVER_IMPORTS = """
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.solver import Generate, Solver, TaskState, chain, generate, solver
"""

_SOLVER = '''

@solver
def ask() -> Solver:
    """Put the question about the sample's images; a text beside them is what they are judged against."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        given = [message.content for message in state.messages if isinstance(message, ChatMessageUser)]
        parts = [part for content in given if not isinstance(content, str) for part in content]
        images = [part for part in parts if isinstance(part, ContentImage)]
        if not images:
            raise ValueError(f"sample {state.sample_id} has no image to judge")
        texts = [part.text for part in parts if isinstance(part, ContentText)]
        asked = prompt("\\n".join(texts)) if texts else prompt()
        state.messages = [ChatMessageUser(content=[*images, ContentText(text=asked)])]
        return state

    return solve


judge = chain(ask(), generate(temperature=0.0))
'''
