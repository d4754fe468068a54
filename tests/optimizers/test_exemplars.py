"""What the optimizer is shown of judged images: captions or the images themselves, their numbers and their texts."""

import asyncio
from collections.abc import Sequence

import pytest
from inspect_ai.model import ContentImage, ContentText, get_model

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.calls import BudgetSpentError, Calls
from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement
from blpo_inspect.optimizers.exemplars import Shown, show_judged, show_labelled
from blpo_inspect.optimizers.problem import Item
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import picture

CAT = Item("cat", (picture("cat"),), "yes", text="a cat")
DOGS = Item("dogs", (picture("dog"), picture("god2")), "no")


@pytest.fixture
def evaluator(scripted: type[ScriptedAPI]) -> Evaluator:
    """An evaluator with a describer that names the first image; it may be asked twice."""
    names = {picture("cat"): "A cat.", picture("dog"): "Two dogs."}
    scripted.script = staticmethod(
        lambda messages: next(names[part.image] for part in messages[0].content if isinstance(part, ContentImage))
    )
    models = {"i2t": get_model("scripted/describer", memoize=False)}
    return Evaluator(Calls(models, {}, 2), LabelScale("unordered", ("yes", "no")))


def judgements() -> list[Judgement]:
    """One that is wrong, one that could not be read."""
    return [
        Judgement(CAT, "no", "no", 1.0, wrong=True),
        Judgement(DOGS, None, "(no label: none)", 1.0, wrong=True),
    ]


def judged(evaluator: Evaluator, rows: Sequence[Judgement], i2t: str | None) -> Shown:
    """Judged images as they are shown."""
    return asyncio.run(show_judged(evaluator, rows, i2t))


def labelled(evaluator: Evaluator, items: Sequence[Item], i2t: str | None) -> Shown:
    """Labelled images as they are shown."""
    return asyncio.run(show_labelled(evaluator, items, i2t))


def test_captions_are_asked_for_and_told_with_both_labels(evaluator: Evaluator) -> None:
    shown = judged(evaluator, judgements(), "What is it?")
    assert shown == Shown(
        examples=(
            Example("yes", "no", "A cat.", "a cat"),
            Example("no", "(no label: none)", "Two dogs."),
        ),
        captions=("A cat.", "Two dogs."),
    )
    assert shown.message("Why?").content == "Why?", "no images"
    assert evaluator.calls.by_role() == {"i2t": 2}


def test_images_are_shown_each_after_its_number(evaluator: Evaluator) -> None:
    """An item may have several images; nobody is asked for captions."""
    shown = judged(evaluator, judgements(), None)
    assert shown.examples == (
        Example("yes", "no", None, "a cat", 1),
        Example("no", "(no label: none)", None, None, 2),
    )
    assert shown.captions == ()
    content = shown.message("Why?").content
    assert not isinstance(content, str)
    parts = [
        part.text if isinstance(part, ContentText) else part.image
        for part in content
        if isinstance(part, ContentText | ContentImage)
    ]
    assert parts == ["Image 1:", picture("cat"), "Image 2:", picture("dog"), picture("god2"), "Why?"]
    assert len(parts) == len(content)
    assert evaluator.calls.started == 0


@pytest.mark.parametrize("i2t", ["What is it?", None])
def test_labelled_images_say_nothing_of_the_judge(evaluator: Evaluator, i2t: str | None) -> None:
    shown = labelled(evaluator, [DOGS, CAT], i2t)
    assert [(example.human, example.judge) for example in shown.examples] == [("no", None), ("yes", None)]
    assert [example.number for example in shown.examples] == ([None, None] if i2t else [1, 2])
    assert [example.description for example in shown.examples] == (["Two dogs.", "A cat."] if i2t else [None, None])


@pytest.mark.parametrize("i2t", ["What is it?", None])
def test_nothing_to_show(evaluator: Evaluator, i2t: str | None) -> None:
    shown = labelled(evaluator, [], i2t)
    assert shown == Shown(())
    assert shown.message("Why?").content == "Why?"


def test_captions_are_within_the_budget(evaluator: Evaluator) -> None:
    """Two calls are allowed; a caption that is known takes none."""
    labelled(evaluator, [CAT], "What is it?")
    assert labelled(evaluator, [CAT, DOGS], "What is it?").captions == ("A cat.", "Two dogs.")
    with pytest.raises(BudgetSpentError):
        labelled(evaluator, [CAT], "What else?")
    assert evaluator.calls.by_role() == {"i2t": 2}
