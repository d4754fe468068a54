"""One output of two orders: the verdict, the mean probabilities, and `Judge` on two pictures."""

import asyncio
import math

import pytest
from inspect_ai.model import ModelOutput
from PIL import Image

from blpo_inspect import Judge, LabelScale, PromptPair
from blpo_inspect.judging.both_orders import both_orders
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS, label_probabilities
from blpo_inspect.judging.outputs import verdict_of
from tests.conftest import ScriptedAPI
from tests.tasks.test_pairs import redder, shown

TIES = LabelScale.pair(ties=True)


def output(label: str, **probabilities: float) -> ModelOutput:
    said = ModelOutput.from_content("m", label)
    said.metadata = {LABEL_LOGPROBS: {name: math.log(each) for name, each in probabilities.items()}}
    return said


@pytest.mark.parametrize(
    ("given", "swapped", "torn", "label"),
    [
        ("first", "second", "unread", "first"),
        ("second", "first", "unread", "second"),
        ("tie", "tie", "unread", "tie"),
        ("first", "first", "unread", None),
        ("first", "first", "tie", "tie"),
        ("first", "tie", "unread", None),
        ("first", "hm", "tie", None),
    ],
)
def test_the_verdict_of_two_orders(given: str, swapped: str, torn: str, label: str | None) -> None:
    verdict = verdict_of(both_orders(output(given), output(swapped), TIES, torn), TIES)  # type: ignore[arg-type]
    assert verdict.label == label
    assert verdict.reason is None or "follows the order" in verdict.reason or "no label" in verdict.reason


def test_probabilities_are_the_mean_of_both_orders() -> None:
    scale = LabelScale.pair()
    both = both_orders(output("first", first=0.9, second=0.1), output("second", first=0.4, second=0.6), scale)
    assert label_probabilities(both, scale) == pytest.approx({"first": 0.75, "second": 0.25})
    alone = both_orders(output("first", first=0.9, second=0.1), output("second"), scale)
    assert label_probabilities(alone, scale) == pytest.approx({"first": 0.9, "second": 0.1})


def test_a_judge_in_python_looks_at_two_pictures_in_both_orders(scripted: type[ScriptedAPI]) -> None:
    scripted.script = staticmethod(redder)
    judge = Judge.load(PromptPair("Which one is redder?", scale=LabelScale.pair()), model="scripted/m")
    dark, light = (Image.new("RGB", (8, 8), (level, 0, 0)) for level in (20, 220))
    assert judge([dark, light]).label == "second"
    assert sorted(map(shown, scripted.requests)) == [[20, 220], [220, 20]]
    assert [verdict.label for verdict in asyncio.run(judge.batch([(light, dark), (dark, light)]))] == [
        "first",
        "second",
    ]
    with pytest.raises(ValueError, match="two pictures in one question, not 1"):
        judge(dark)
