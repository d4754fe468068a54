"""A benchmark of coloured squares and models that follow a script: every call of a run is known in advance."""

import asyncio
import base64
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast

from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ContentImage, GenerateConfig, Model, ModelName, get_model
from inspect_ai.model._model import init_active_model, init_model_roles
from inspect_ai.solver import Generate, Solver, TaskState
from PIL import Image

from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI

SCALE = LabelScale("unordered", ("yes", "no"))
SIZES = {"train": 6, "validation": 4, "test": 4}
START = "P0?"


def picture(name: str) -> str:
    """A square whose colour is its name's."""
    shade = tuple(sum(name.encode()) * factor % 256 for factor in (7, 13, 29))
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), shade).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def ids(split: str) -> list[str]:
    """``train0`` and so on."""
    return [f"{split}{number}" for number in range(SIZES[split])]


PICTURES = {picture(name): name for split in SIZES for name in ids(split)}
assert len(PICTURES) == sum(SIZES.values())


def human(name: str) -> str:
    """Even ones are yes."""
    return "no" if int(name[-1]) % 2 else "yes"


@task
def toy(split: str = "test", prompts: str | None = None, start: str = START) -> Task:
    """Six training, four validation and four test squares."""
    records = [Record(name, picture(name), human(name)) for name in ids(split)]
    return judging_task(records, SCALE, name="toy", default_prompt=start, prompts=prompts)


@dataclass
class World:
    """Scripted judge, describer and optimizer, and what they were asked, in order.

    Attributes:
        wrong: For each judge prompt the ids it gets wrong; ``unread:ID`` for an answer that cannot be read.
        judge_prompts: What Update_p answers, by the prompt in force or else by the I2T prompt of the captions it
            reads; a list is worked off.
        i2t_prompts: What Update_q answers, by how many were tried.
        critiques: What a question for a critique answers, by the prompt in force and the ids; a list is worked off.
        edits: What an edit answers, by the prompt in force and the critique; a list is worked off.
        rewordings: What a paraphrase answers, by the prompt and the request's seed.
        outscores: What OPRO's meta-prompt answers, by the instructions it shows and the request's seed.
        calls: ``("judge", prompt, id)``, ``("i2t", prompt, id)``, ``("update_p", i2t, ids)``,
            ``("update_q", [(request, score), …])``, ``("critique", prompt, ids, seed)``,
            ``("edit", prompt, critique, ids, seed)``, ``("reword", prompt, seed)`` or
            ``("outscore", [(instruction, score), …], ids, seed)``. Of images that are shown themselves the ids are
            ``image:ID``.
        questions: The texts that the optimizer was asked.
        configs: What each of them was asked with.
    """

    wrong: Mapping[str, set[str]]
    judge_prompts: dict[str, Any] = field(default_factory=dict)
    i2t_prompts: list[str] = field(default_factory=list)
    critiques: Callable[[str, list[str]], Any] = lambda prompt, names: f"wrong about {' '.join(names)}"
    edits: Callable[[str, str], Any] = lambda prompt, why: f"{prompt} mended"
    rewordings: Callable[[str, int], str] = lambda prompt, seed: f"{prompt} reworded {'abcd'[seed]}"
    outscores: Callable[[list[str], int], str] = lambda shown, seed: f"{shown[-1]}{'abcdefgh'[seed % 8]}"
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    questions: list[list[ChatMessage]] = field(default_factory=list)
    configs: list[GenerateConfig] = field(default_factory=list)
    on_call: Callable[[], None] = lambda: None

    def __call__(self, messages: list[ChatMessage]) -> str:
        """Answer, and note who was asked what."""
        self.on_call()
        text = messages[0].text
        if "between <" in text:
            self.questions.append(messages)
            self.configs.append(ScriptedAPI.configs[-1])
            return self._proposal(text, messages)
        name = _images(messages)[0]
        if SCALE.instruction() in text:
            prompt = text.removesuffix(SCALE.instruction()).strip()
            self.calls.append(("judge", prompt, name))
            if f"unread:{name}" in self.wrong.get(prompt, ()):
                return "hard to say"
            right = human(name)
            return {"yes": "no", "no": "yes"}[right] if name in self.wrong.get(prompt, ()) else right
        self.calls.append(("i2t", text, name))
        return f"caption of {name} asked by {text}"

    def _proposal(self, text: str, messages: list[ChatMessage]) -> str:
        if "between <i2t_prompt>" in text:
            return self._update_q(text)
        seed = cast(int, self.configs[-1].seed)
        wrong = text.partition("On these images the judge is right.")[0]
        captions = re.findall(r"<description>caption of (\w+) asked by (.*?)</description>", wrong)
        names = [name for name, _ in captions] or [f"image:{name}" for name in _images(messages)]
        if "<current_judge_prompt>" not in text:
            tried = [(instruction, float(score)) for instruction, score in _between(text, "instruction", "score")]
            self.calls.append(("outscore", tried, names, seed))
            return tagged(self.outscores([instruction for instruction, _ in tried], seed))
        [current] = _between(text, "current_judge_prompt")
        if "between <critique>" in text:
            self.calls.append(("critique", current, names, seed))
            return tagged(self.critiques(current, names), "critique")
        if "<critique>" in text:
            [why] = _between(text, "critique")
            self.calls.append(("edit", current, why, names, seed))
            return tagged(self.edits(current, why))
        if "<example>" not in text:
            self.calls.append(("reword", current, seed))
            return tagged(self.rewordings(current, seed))
        i2t = captions[0][1]
        self.calls.append(("update_p", i2t, names))
        return tagged(self.judge_prompts.get(current) or self.judge_prompts[i2t])

    def _update_q(self, text: str) -> str:
        tried = [(_between(block, "request")[0], _between(block, "score")) for block in _between(text, "tried")]
        self.calls.append(("update_q", [(request, float(s[0].split()[0]) if s else None) for request, s in tried]))
        return tagged(self.i2t_prompts[(len(tried) - 1) % len(self.i2t_prompts)], "i2t_prompt")

    def of(self, role: str) -> list[tuple[Any, ...]]:
        """The calls of one kind."""
        return [call for call in self.calls if call[0] == role]


def judged(prompt: str, *names: str) -> list[tuple[Any, ...]]:
    """Calls of the judge."""
    return [("judge", prompt, name) for name in names]


def described(i2t: str, *names: str) -> list[tuple[Any, ...]]:
    """Calls of the describer."""
    return [("i2t", i2t, name) for name in names]


def in_order(calls: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The calls with each run of those that are asked at the same time sorted.

    These are equal requests about several items, samples of one question, and the edits or paraphrases of one parent.
    """

    def together(call: tuple[Any, ...]) -> Any:
        return {"judge": call[:2], "i2t": call[:2], "critique": call[:2], "outscore": call[:2]}.get(
            call[0], call[0] if call[0] in ("edit", "reword") else id(call)
        )

    return [call for _, run in groupby(calls, key=together) for call in sorted(run, key=str)]


def run(world: World, solver: Solver, **kwargs: Any) -> EvalLog:
    """Optimize the toy in a scripted world; further arguments go to the task, or to Inspect's ``eval``."""
    ScriptedAPI.script = staticmethod(world)
    names = {"seeds", "seed", "prompts", "save", "benchmark_args", "test_kept"}
    args = {name: kwargs.pop(name) for name in names & set(kwargs)}
    [log] = inspect_eval(
        optimize("toy", **args),
        model="scripted/judge",
        model_roles={"optimizer": "scripted/optimizer", "i2t": "scripted/describer"},
        solver=solver,
        display="none",
        **kwargs,
    )
    return log


def solve(world: World, solver: Solver, optimizer: str | Model = "scripted/optimizer", **args: Any) -> PromptPair:
    """Optimize the toy without Inspect's ``eval`` and its log, which take most of the time of a scripted run."""
    ScriptedAPI.script = staticmethod(world)
    [sample] = optimize("toy", **args).dataset
    judge = get_model("scripted/judge")
    roles: dict[str, Model | list[Model]] = {"optimizer": get_model(optimizer), "i2t": get_model("scripted/describer")}

    async def solved() -> TaskState:
        init_active_model(judge, GREEDY)
        init_model_roles(roles)
        state = TaskState(ModelName(judge), sample.id or "", 1, sample.input, [], metadata=sample.metadata)
        return await solver(state, cast(Generate, None))

    return PromptPair.from_yaml(asyncio.run(solved()).output.completion)


def pair_of(log: EvalLog, sample: int = 0) -> PromptPair:
    """The pair that a run left."""
    assert log.status == "success", log.error
    assert log.samples
    return PromptPair.from_yaml(log.samples[sample].output.completion)


def tagged(answer: str | list[str], tag: str = "judge_prompt") -> str:
    """An answer with a proposal; of a list the next one."""
    return f"<{tag}>{answer.pop(0) if isinstance(answer, list) else answer}</{tag}>"


def _between(text: str, *tags: str) -> list[Any]:
    """What stands between tags that follow each other."""
    return re.findall(r"\s*".join(f"<{tag}>(.*?)</{tag}>" for tag in tags), text, re.DOTALL)


def _images(messages: list[ChatMessage]) -> list[str]:
    content = messages[0].content
    return (
        [] if isinstance(content, str) else [PICTURES[part.image] for part in content if isinstance(part, ContentImage)]
    )
