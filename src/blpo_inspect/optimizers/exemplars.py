"""Shows judged images to the optimizer: as captions under an I2T prompt, or as the images themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.model import ChatMessageUser, Content, ContentText

from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement
from blpo_inspect.optimizers.problem import Item


@dataclass(frozen=True)
class Shown:
    """Judged images, ready to be put before the optimizer.

    Attributes:
        examples: One per image, as the question states it.
        captions: The captions; none where the images themselves are shown.
        images: The images in order, each after its number; empty where captions are shown.
    """

    examples: tuple[Example, ...]
    captions: tuple[str, ...] = ()
    images: tuple[Content, ...] = ()

    def message(self, question: str) -> ChatMessageUser:
        """The images, where they are shown, and then the question."""
        if not self.images:
            return ChatMessageUser(content=question)
        return ChatMessageUser(content=[*self.images, ContentText(text=question)])


async def show_judged(evaluator: Evaluator, judged: Sequence[Judgement], i2t: str | None) -> Shown:
    """Images with people's and the judge's labels.

    Args:
        evaluator: Asks for the captions that are not known yet.
        judged: The images.
        i2t: The I2T prompt of the captions; None: the images themselves.

    Raises:
        BudgetSpentError: The captions are not within the budget.
    """
    return await _show(evaluator, [(judgement.item, judgement.answer) for judgement in judged], i2t)


async def show_labelled(evaluator: Evaluator, items: Sequence[Item], i2t: str | None) -> Shown:
    """Images with people's labels alone; otherwise as `show_judged`."""
    return await _show(evaluator, [(item, None) for item in items], i2t)


async def _show(evaluator: Evaluator, rows: Sequence[tuple[Item, str | None]], i2t: str | None) -> Shown:
    captions: Sequence[str | None] = [None] * len(rows)
    images: list[Content] = []
    if i2t is not None:
        captions = await evaluator.describe(i2t, [item for item, _ in rows])
    else:
        for number, (item, _) in enumerate(rows, 1):
            images += [ContentText(text=f"Image {number}:"), *await item.content()]
    return Shown(
        examples=tuple(
            Example(item.human, answer, caption, item.text, number if i2t is None else None)
            for number, ((item, answer), caption) in enumerate(zip(rows, captions, strict=True), 1)
        ),
        captions=tuple(caption for caption in captions if caption is not None),
        images=tuple(images),
    )
