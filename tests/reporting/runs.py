"""Small logs of judges, made by real evaluations with a scripted model: every figure can be worked out by hand."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage, ContentImage, ModelOutput, get_model
from PIL import Image

from blpo_inspect._util.images import data_uri
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record as Labelled
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.logs.run_record import RunRecord
from blpo_inspect.reporting.content import Options, Report, report
from blpo_inspect.reporting.run_data import gather
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)


def picture(number: int, side: int = 6) -> str:
    """A square of a colour of its own, with a secret in its EXIF."""
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "EXIF-SECRET"
    image = Image.new("RGB", (side, side), (number * 37 % 256, number * 91 % 256, number * 13 % 256))
    image.save(buffer, "PNG", exif=exif)
    return data_uri(buffer.getvalue(), "image/png")


@dataclass(frozen=True)
class Benchmark:
    """Samples ``s0``, ``s1``, … with people's labels."""

    human: Sequence[str]
    scale: LabelScale = SAFETY
    name: str = "toy_safety"
    known: Mapping[str, Any] = field(default_factory=dict)
    first_picture: int = 0
    metadata: Mapping[str, Any] = field(default_factory=dict)
    prompts: str | None = None
    answer: Answer = "text"

    def task(self, prompt: str) -> Task:
        """Its task with a judge prompt."""
        records = [
            Labelled(
                f"s{number}",
                picture(self.first_picture + number),
                label,
                **{name: values[number] for name, values in self.known.items()},
            )
            for number, label in enumerate(self.human)
        ]
        return judging_task(
            records,
            self.scale,
            name=self.name,
            default_prompt=prompt,
            prompts=self.prompts,
            metadata=self.metadata,
            answer=self.answer,
        )


def judged(
    benchmark: Benchmark,
    answers: Sequence[str | ModelOutput],
    log_dir: Path,
    *,
    prompt: str = "Safe?",
    model_args: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """The log of a judge that gives these answers, in the order of the samples; ``!`` fails the sample."""
    pictures = {picture(benchmark.first_picture + number): number for number in range(len(benchmark.human))}

    def script(messages: list[ChatMessage]) -> str | ModelOutput:
        content = messages[0].content
        [image] = [part.image for part in content if isinstance(part, ContentImage)]
        answer = answers[pictures[image]]
        if answer == "!":
            raise RuntimeError("the model at /home/someone/models/x failed")
        return answer

    ScriptedAPI.script = staticmethod(script)
    [log] = inspect_eval(
        benchmark.task(prompt),
        model=get_model("scripted/judge", memoize=False, **(model_args or {})),
        log_dir=str(log_dir),
        display="none",
        fail_on_error=False,
        **options,
    )
    return Path(log.location)


def reported(*logs: Path, **options: Any) -> Report:
    """The report on logs."""
    return report(gather([str(log) for log in logs]), Options(**options))


def run_of(
    human: Sequence[str], labels: Sequence[str | None], scale: LabelScale = SAFETY, model: str = "m", **known: Any
) -> JudgedRun:
    """A run without a log."""
    answers = tuple(
        JudgedSample(
            id=f"s{number}", human=people, label=label, unread=None if label else "not read", image=str(number)
        )
        for number, (people, label) in enumerate(zip(human, labels, strict=True))
    )
    for name, values in known.items():
        answers = tuple(replace(answer, **{name: value}) for answer, value in zip(answers, values, strict=True))
    return JudgedRun(
        benchmark="toy",
        scale=scale,
        answers=answers,
        prompts={"judge": "Safe?"},
        log=f"/{model}.eval",
        expected=len(answers),
        record=RunRecord(log=f"{model}.eval", model=model),
    )


def decoded(uri: str) -> bytes:
    """The bytes of a ``data:`` URI."""
    return base64.b64decode(uri.partition(",")[2])
