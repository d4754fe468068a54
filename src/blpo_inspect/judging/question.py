"""A prompt pair in use: what a judge is asked about pictures that nobody labelled.

The pair says prompt, scale and map; a `Question` adds how the answer is asked for. Commands, scorers and Python code
that use a judge put their questions here, so that they ask alike and refuse the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.model import ContentImage, GenerateConfig, Model

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.answer_mode import Answer, checked
from blpo_inspect.judging.asking import ask_about
from blpo_inspect.judging.both_orders import Asked
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptError, PromptPair, placeholders
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.reask import checked as checked_reask


@dataclass(frozen=True)
class Question:
    """What a judge is asked about each picture.

    Attributes:
        pair: The prompts, with the scale that they were written for.
        scale: Its scale.
        answer: How the verdict is asked for (`answer_mode`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.
    """

    pair: PromptPair
    scale: LabelScale
    answer: Answer
    reask: int

    @classmethod
    def of(cls, prompts: str | Path | PromptPair, answer: str | None = None, reask: int = DEFAULT) -> "Question":
        """The question of a pair or of its file.

        Args:
            prompts: The pair.
            answer: How the verdict is asked for; default: ``text``, but ``likelihood`` where the pair's map needs it.
            reask: As the attribute.

        Raises:
            PrerequisiteError: A missing or invalid file, a pair without a scale, or a way of asking that does not fit.
        """
        source = "the prompt pair" if isinstance(prompts, PromptPair) else str(prompts)
        pair = prompts if isinstance(prompts, PromptPair) else read_pair(prompts)
        if pair.scale is None:
            raise PrerequisiteError(
                f"{source}: it does not say which labels there are; add a line such as "
                "scale: {kind: unordered, labels: [safe, unsafe]}"
            )
        if answer is None:
            answer = "likelihood" if _weighs(pair, pair.scale) else "text"
        way = checked(answer, pair.scale)
        check_map(pair, pair.scale, way, source)
        return cls(pair, pair.scale, way, checked_reask(reask))

    @property
    def needs_text(self) -> bool:
        """Whether the judge prompt refers to a text beside the picture."""
        return "text" in placeholders(self.pair.judge)

    @property
    def needs_two(self) -> bool:
        """Whether it is about two pictures: which one of them."""
        return self.scale.kind == "pair"

    async def put(
        self,
        model: Model,
        images: Sequence[ContentImage],
        text: str | None = None,
        config: GenerateConfig | None = None,
    ) -> Asked:
        """Ask about one picture, or several that are judged together: conversation and output, as `asking.ask`.

        Of a pair of pictures, it is asked in both orders; a verdict that follows the order is none.

        Raises:
            PromptError: The prompt refers to a text that was not given.
            ValueError: A question about two pictures, and not two images.
        """
        return await ask_about(
            model,
            self.pair.judge,
            self.scale,
            images,
            text,
            answer=self.answer,
            reask=self.reask,
            map=self.pair.map,
            config=config,
        )


def read_pair(path: str | Path) -> PromptPair:
    """Read a pair's file.

    Raises:
        PrerequisiteError: Missing or invalid; Inspect shows it without a traceback.
    """
    try:
        return PromptPair.load(path)
    except PromptError as error:
        raise PrerequisiteError(str(error)) from error


def check_map(pair: PromptPair, scale: LabelScale, answer: Answer, source: str) -> None:
    """Refuse a map that needs what a way of asking does not give.

    Raises:
        PrerequisiteError: The map weighs probabilities, and the answer has none.
    """
    if _weighs(pair, scale) and answer != "likelihood":
        raise PrerequisiteError(
            f"{source}: its map weighs the probabilities of labels, which answer={answer} lacks; use answer=likelihood"
        )


def _weighs(pair: PromptPair, scale: LabelScale) -> bool:
    return pair.map is not None and not scale.ordered
