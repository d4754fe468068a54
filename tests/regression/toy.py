"""A benchmark of coloured squares and a judge that is right but for the squares that a test names."""

import base64
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from inspect_ai import Task, task
from inspect_ai.model import ChatMessage, ContentImage, ContentText
from PIL import Image

from blpo_inspect.cli import main
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.scorers import unread
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI

SCALE = LabelScale("unordered", ("yes", "no"))
ORDERED = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
MOST = 200


def picture(number: int) -> str:
    """A square of a colour of its own."""
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), (number, 255 - number, 7)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


NUMBERS = {picture(number): number for number in range(MOST)}


def human(number: int) -> str:
    """Even ones are yes."""
    return "no" if number % 2 else "yes"


@task
def squares(
    n: int = 40, split: str = "test", prompts: str | None = None, flipped: int = -1, from_: int = 0, raters: int = 0
) -> Task:
    """Squares of two categories; the label of one may be flipped. Raters all say the label."""
    assert split == "test"
    records = [
        Record(
            f"square {number}",
            picture(number),
            human(number + (number == flipped)),
            category="low" if number < 20 else "high",
            raters={f"rater {rater}": human(number) for rater in range(raters)},
        )
        for number in range(from_, from_ + n)
    ]
    made = judging_task(records, SCALE, name="squares", default_prompt="Yes?", prompts=prompts)
    made.scorer = [unread()]  # a check computes its own figures
    return made


def judging(wrong: Callable[[str, int], str | None]) -> Callable[[list[ChatMessage]], str]:
    """A script that answers as people do unless `wrong`, called with prompt and number, says something else."""

    def script(messages: list[ChatMessage]) -> str:
        content = messages[0].content
        assert not isinstance(content, str)
        [image] = [part.image for part in content if isinstance(part, ContentImage)]
        text = "".join(part.text for part in content if isinstance(part, ContentText))
        number = NUMBERS.get(image)
        if number is None:  # perturbed: found again by its colour
            data = base64.b64decode(image.partition(",")[2])
            pixel = Image.open(io.BytesIO(data)).convert("RGB").getpixel((1, 1))
            assert isinstance(pixel, tuple)
            number = int(pixel[0])
        return wrong(text, number) or human(number)

    return script


def flip(number: int) -> str:
    """The wrong label."""
    return human(number + 1)


class Suite:
    """A suite file with one case, and the command on it.

    Args:
        folder: Where it lies.
        scripted: The judge.
        **changes: Keys of the case that differ.
    """

    def __init__(self, folder: Path, scripted: type[ScriptedAPI], **changes: Any) -> None:
        self.folder = folder
        self.scripted = scripted
        self.file = folder / "suite.yaml"
        self.printed = ""
        self.case: dict[str, Any] = {
            "name": "squares",
            "benchmark": "squares",
            "model": "scripted/m",
            "baseline": "baselines/squares.json",
            "margin": {"accuracy": 0.1},
        }
        self.write(**changes)

    def write(self, *more: Mapping[str, Any], **changes: Any) -> None:
        """Change the case; further ones differ from it as given."""
        self.case = {name: value for name, value in {**self.case, **changes}.items() if value is not None}
        cases = [self.case, *({**self.case, **other} for other in more)]
        self.file.write_text(json.dumps({"version": 1, "cases": cases}, indent=1))  # JSON is YAML

    def answer(self, wrong: Callable[[str, int], str | None] = lambda prompt, number: None) -> None:
        """What the judge says from now on; what was recorded is forgotten."""
        from blpo_inspect.cache.store import Store, default_folder

        self.scripted.script = staticmethod(judging(wrong))
        self.scripted.requests.clear()
        store = Store(default_folder())
        store.delete(list(store.keys()))

    def check(self, *options: object, code: int) -> Result:
        """Run ``blpo check``."""
        arguments = ["check", str(self.file), "--log-dir", str(self.folder / "logs"), *map(str, options)]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}"
        return result

    def record(self) -> None:
        """Write the baseline."""
        self.check("--update", "--yes", code=0)

    def log(self) -> Path:
        """The latest log."""
        return max((self.folder / "logs").glob("*.eval"), key=lambda path: path.stat().st_mtime_ns)

    def json(self, *options: object, code: int) -> Any:
        """Run ``blpo check`` and read its JSON; what it printed is in `printed`."""
        self.printed = self.check("--json", self.folder / "out.json", *options, code=code).stdout
        return json.loads((self.folder / "out.json").read_bytes())


def recorded(labels: Mapping[str, str | None], people: Mapping[str, str] | None = None, **fields: Any) -> JudgedRun:
    """A run in which the judge says these labels (None: unread) and people the same or `people`'s."""
    scale = fields.pop("scale", SCALE)
    answers = tuple(
        JudgedSample(
            id=name,
            shown=f"{number:016x}",
            human=(people or {}).get(name) or label or scale.labels[0],
            label=label,
            unread=None if label else "no label in it",
        )
        for number, (name, label) in enumerate(sorted(labels.items()))
    )
    given: dict[str, Any] = {
        "benchmark": "squares",
        "prompts": {"judge": "Yes?", "i2t": "Describe."},
        "model": {"judge": {"provider": "scripted", "name": "m"}},
        "settings": {"temperature": 0.0},
        "versions": {"torch": "2.13.0"},
        **fields,
    }
    return JudgedRun(scale=scale, answers=answers, **given)
