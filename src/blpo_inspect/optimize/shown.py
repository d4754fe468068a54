"""What the optimizer is shown of judged images: captions under an I2T prompt, or the images themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.model import ChatMessageUser, Content, ContentText

from blpo_inspect.optimize.fencing import Example
from blpo_inspect.optimize.trial import Judgement, Trials


@dataclass(frozen=True)
class Shown:
    """Judged images, ready to be put before the optimizer.

    Attributes:
        examples: What the question says of each.
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


async def show(trials: Trials, judged: Sequence[Judgement], i2t: str | None, *, answers: bool = True) -> Shown:
    """Describe judged images, or fetch them.

    Args:
        trials: Asks for the captions that are not known yet.
        judged: The images.
        i2t: The I2T prompt of the captions; None: the images themselves.
        answers: Whether the judge's own labels are told, beside people's.

    Raises:
        BudgetSpentError: The captions are not within the budget.
    """
    captions: Sequence[str | None] = [None] * len(judged)
    images: list[Content] = []
    if i2t is not None:
        captions = await trials.describe(i2t, [one.item for one in judged])
    else:
        for number, one in enumerate(judged, 1):
            images += [ContentText(text=f"Image {number}:"), *await one.item.content()]
    return Shown(
        examples=tuple(
            Example(
                human=one.item.human,
                judge=one.answer if answers else None,
                description=caption,
                text=one.item.text,
                number=number if i2t is None else None,
            )
            for number, (one, caption) in enumerate(zip(judged, captions, strict=True), 1)
        ),
        captions=tuple(caption for caption in captions if caption is not None),
        images=tuple(images),
    )
