"""A judge for use from Python: a prompt pair, and the model that it is put to."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import anyio.to_thread
from inspect_ai.model import GenerateConfig, Model, get_model
from PIL import Image

from blpo_inspect._util import own_loop
from blpo_inspect._util.images import ImageError
from blpo_inspect._util.inspect_internals import collect, current_run, resolved_config
from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import answer_config
from blpo_inspect.judging.answer_parser import Verdict
from blpo_inspect.judging.asking import GREEDY
from blpo_inspect.judging.given_images import Picture, content_of
from blpo_inspect.judging.outputs import whole_verdict
from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.judging.question import Question
from blpo_inspect.judging.reask import DEFAULT

T = TypeVar("T")
Judged = Picture | Sequence[Picture]
"""A picture, or a list or tuple of several that are judged together, in order."""


class Judge:
    """A judge of images: what it is asked, and who is asked.

    ``judge(image)`` gives a `Verdict`, ``await judge.ask(image)`` the same in async code, and ``await
    judge.batch(images)`` those of many. A picture is a path, bytes, a ``data:`` URI, a PIL image or an array (H × W × 3
    of uint8, RGB). Calls are greedy and pass the store of recorded calls, as those of ``blpo_inspect/folder`` do: what
    one recorded, the other replays.

    Attributes:
        question: The prompt pair, its scale, and how the verdict is asked for.
        model: The model.
    """

    def __init__(self, question: Question, model: Model) -> None:
        self.question = question
        self.model = memoized(model, role="judge")
        answer_config(question.answer, question.scale, self.model)  # what cannot be asked for ends here
        self._at_once = resolved_config(self.model).max_connections or self.model.api.max_connections()
        self._config = GREEDY.merge(GenerateConfig(max_connections=self._at_once))

    @classmethod
    def load(
        cls,
        prompts: str | Path | PromptPair,
        *,
        model: str | Model,
        answer: str | None = None,
        reask: int = DEFAULT,
        **model_args: Any,
    ) -> "Judge":
        """A judge from a prompt pair.

        Args:
            prompts: The pair or its file, with a ``scale``.
            model: The judge's name, such as ``hf-vlm/shapes-judge`` or ``openai/gpt-4o``, or an Inspect model, which
                may have settings of its own (`inspect_ai.model.get_model`).
            answer: ``text``, ``label``, ``likelihood`` or ``structured``; default: ``text``, or ``likelihood`` where
                the pair's map needs it.
            reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
            model_args: Arguments of a model that is given by name, such as ``dtype="bfloat16"``.

        Raises:
            PrerequisiteError: A pair or model that cannot be used, or a way of asking that does not fit.
            ValueError: No such provider.
            TypeError: Arguments for a model that is made already.
        """
        if model_args and isinstance(model, Model):
            raise TypeError(f"{', '.join(model_args)}: the model is made already; give arguments to get_model")
        question = Question.of(prompts, answer, reask)
        if isinstance(model, str) and model.startswith("hf-vlm/"):
            # one question a picture: to keep what is known of it for more would take a pass of its own
            model_args.setdefault("prefix_cache_gb", 0)
        # one of its own: connections live on the loop that opened them
        return cls(question, get_model(model, memoize=False, **model_args))

    def __call__(self, image: Judged, text: str | None = None) -> Verdict:
        """The verdict on a picture, or on several that are judged together.

        Works in a notebook too: the call runs on an event loop of its own, in another thread.

        Args:
            image: The picture or pictures.
            text: What they are judged against.

        Returns:
            The verdict; one without a label says why the reply could not be read.

        Raises:
            ImageError: A picture cannot be read, or is an address.
            TypeError: What is no picture at all.
            ValueError: A judge of pairs, and not a list of two pictures.
            PromptError: The judge prompt refers to a text, and none was given.
            NoAnswerError: The model does not answer.
            RuntimeError: Called in a running sample of Inspect, which would stand still; use `ask`.
        """
        if current_run() is not None:
            raise RuntimeError("inside of an Inspect task write await judge.ask(image): other samples would wait")
        self._check(text)
        return own_loop.run(lambda: self._ask(image, text))

    async def ask(self, image: Judged, text: str | None = None) -> Verdict:
        """The same as a call of the judge, for async code."""
        self._check(text)
        return await _run(lambda: self._ask(image, text))

    async def batch(self, images: Iterable[Judged], texts: Iterable[str | None] | None = None) -> list[Verdict]:
        """The verdicts on many pictures, in their order.

        As many are asked about at once as the model has connections. A picture that cannot be read has a verdict
        without a label that says why; the others are judged. Other errors, such as a model that does not answer, end
        the batch: called again, it replays what was recorded.

        Args:
            images: The pictures. An item that is a list is several pictures that are judged together.
            texts: What each is judged against.

        Raises:
            TypeError: One picture or text instead of many, or an item that is no picture at all.
            ValueError: Another number of texts than of images.
            PromptError: The judge prompt refers to a text, and one is missing.
            NoAnswerError: The model does not answer.
        """
        if isinstance(images, str | bytes | Path | Image.Image) or isinstance(texts, str):
            raise TypeError("batch takes lists of pictures and texts; for one picture call the judge itself")
        given = list(images)
        beside = [None] * len(given) if texts is None else list(texts)
        if len(beside) != len(given):
            raise ValueError(f"{len(given)} images, but {len(beside)} texts")
        for text in beside:
            self._check(text)
        return await _run(lambda: self._batch(list(zip(given, beside, strict=True))))

    def __repr__(self) -> str:
        return f"Judge({str(self.model)!r}, {self.question.pair.judge!r})"

    def _check(self, text: str | None) -> None:
        if text is None and self.question.needs_text:
            raise PromptError("the judge prompt refers to {text}: give the text beside the picture")

    async def _ask(self, image: Judged, text: str | None) -> Verdict:
        pictures: Sequence[Picture] = image if isinstance(image, list | tuple) else [cast(Picture, image)]
        if not pictures:
            raise ValueError("an empty list of pictures: there is nothing to judge")
        shown = [await anyio.to_thread.run_sync(content_of, picture) for picture in pictures]
        _, output = await self.question.put(self.model, shown, text, self._config)
        return whole_verdict(output, self.question.scale)

    async def _batch(self, items: Sequence[tuple[Judged, str | None]]) -> list[Verdict]:
        verdicts: dict[int, Verdict] = {}
        turns = iter(enumerate(items))

        async def work() -> None:
            for number, (image, text) in turns:
                try:
                    verdicts[number] = await self._ask(image, text)
                except ImageError as error:
                    verdicts[number] = Verdict(None, str(error))

        await collect([work] * min(self._at_once, len(items)))
        return [verdicts[number] for number in range(len(items))]


async def _run(work: own_loop.Work[T]) -> T:
    """On our own loop, but in a running sample of Inspect on its: the calls are part of that sample."""
    return await (work() if current_run() is not None else own_loop.run_from_loop(work))
