"""Evaluates prompts: the judgements and captions of a run, each made once.

Within a run, the answer to a prompt, an image and a text is kept; across runs the cache of model calls does the same.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from inspect_ai.model import ChatMessage, ModelOutput

from blpo_inspect._util.inspect_internals import collect
from blpo_inspect.judging.answer_mode import Answer, resolve_label
from blpo_inspect.judging.asking import describe_message, judge_message
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities, negative_log_likelihood
from blpo_inspect.judging.outputs import caption_of, verdict_of
from blpo_inspect.judging.reask import DEFAULT, asked_again, unread_reason
from blpo_inspect.optimizers.calls import BudgetSpentError, Calls
from blpo_inspect.optimizers.problem import MANY_RATERS, Item
from blpo_inspect.optimizers.settings import Loss

NUMERIC_TOLERANCE = 0.05
"""A judgement on a numeric scale is wrong if it is off by more than this share of the scale."""


@dataclass(frozen=True)
class Judgement:
    """The judge's answer on one item.

    Attributes:
        item: The item judged.
        label: The label read; None where the answer could not be read.
        answer: What the optimizer reads: the label, or a remark that there is none.
        loss: ℓ(f(x; p), y), at least 0; an answer that cannot be read has the largest.
        wrong: Whether it differs from people's label; an answer that cannot be read is wrong. With the loss against the
            raters: whether they favour another label by more than a standard error.
        least: The least loss that any label has on this item: above 0 where raters differ.
        reply: What the judge wrote.
        probabilities: Those of the labels, where the judge gave them and the scale or the loss needs them.
    """

    item: Item
    label: str | None
    answer: str
    loss: float
    wrong: bool
    least: float = 0.0
    reply: str = ""
    probabilities: Mapping[str, float] | None = None


class Evaluator:
    """Judges and describes items; keeps every answer, so that no request is made twice.

    Args:
        calls: Models to call, by role.
        scale: The labels.
        loss: See `Settings.loss`.
        caption_only: Whether the judge reads a caption instead of seeing the image.
        answer: How the judge is asked, by the settings of the calls (`answer_mode.answer_config`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.

    Attributes:
        requested: Judgements and captions requested so far, including those that were kept from before.

    Raises:
        ValueError: The likelihood loss on a numeric scale, which has no labels.
    """

    def __init__(
        self,
        calls: Calls,
        scale: LabelScale,
        loss: Loss = "scale",
        caption_only: bool = False,
        answer: Answer = "text",
        reask: int = DEFAULT,
    ) -> None:
        if loss == "likelihood" and scale.kind == "numeric":
            raise ValueError("loss=likelihood is for labels; on a numeric scale use -S loss=scale")
        self.calls = calls
        self.scale = scale
        self.loss = loss
        self.caption_only = caption_only
        self.answer = answer
        self.reask = reask
        self.requested = 0
        self._judged: dict[tuple[str, str | None, Item], Judgement] = {}
        self._described: dict[tuple[str, Item], str] = {}
        self._undescribed: dict[tuple[str, Item], str] = {}

    async def judge(self, prompt: str, items: Sequence[Item], i2t: str) -> list[Judgement]:
        """Judge items under a prompt; the judgements come in the items' order.

        Args:
            prompt: The judge prompt.
            items: The items to judge.
            i2t: The I2T prompt in force; only a judge that reads captions depends on it.

        Raises:
            BudgetSpentError: The calls needed exceed the budget. None was made, except for the captions that a judge of
                captions needs first.
        """
        request = i2t if self.caption_only else None
        captions: Sequence[str | None] = [None] * len(items)
        if self.caption_only:
            captions = await self.describe(i2t, items)
        keys = {(prompt, request, item): (item, caption) for item, caption in zip(items, captions, strict=True)}
        for key in keys.keys() - self._judged.keys():
            if self.caption_only and (reason := self._undescribed.get((i2t, key[2]))):
                self._judged[key] = _unread(key[2], f"no description: {reason}", self.loss)
        missing = {key: pair for key, pair in keys.items() if key not in self._judged}
        self.calls.reserve(len(missing))
        self.requested += len(items)
        asked = await collect([partial(self._judge, prompt, item, caption) for item, caption in missing.values()])
        outputs = await self._asked_again(asked)
        for key, output in zip(missing, outputs, strict=True):
            self._judged[key] = judgement(key[2], output, self.scale, self.loss)
        return [self._judged[prompt, request, item] for item in items]

    async def describe(self, i2t: str, items: Sequence[Item]) -> list[str]:
        """The captions of items under an I2T prompt; ``{text}`` in it stands for the item's text.

        Where the describer was blocked or refused, a remark in brackets says so in the caption's place.

        Raises:
            BudgetSpentError: As `judge`.
        """
        missing = {(i2t, item): item for item in items if (i2t, item) not in self._described}
        self.calls.reserve(len(missing))
        self.requested += len(items)
        captions = await collect([partial(self._describe, i2t, item) for item in missing.values()])
        self._described.update(zip(missing, captions, strict=True))
        return [self._described[i2t, item] for item in items]

    def known(self, prompt: str, item: Item, i2t: str) -> Judgement | None:
        """The judgement of an item under a prompt, if it was made before."""
        return self._judged.get((prompt, i2t if self.caption_only else None, item))

    def score(self, judgements: Sequence[Judgement]) -> float:
        """How well the judge agrees with people, from 0 to 1: 1 - the mean loss.

        For the likelihood loss, which has no upper end, exp(- the mean loss): the geometric mean of the probabilities
        that the judge gave to people's labels.
        """
        loss = mean_loss(judgements)
        return math.exp(-loss) if self.loss == "likelihood" else 1 - loss

    async def _judge(self, prompt: str, item: Item, caption: str | None) -> tuple[ChatMessage, ModelOutput]:
        images = [] if caption is not None else await item.content()
        message = judge_message(prompt, self.scale, images=images, text=item.text, caption=caption)
        return message, resolve_label(self.answer, await self.calls.ask("judge", [message]), self.scale)

    async def _asked_again(self, asked: Sequence[tuple[ChatMessage, ModelOutput]]) -> list[ModelOutput]:
        """The outputs, after one more question where a reply cannot be read and the budget has it."""
        outputs = [output for _, output in asked]
        unread = [place for place, output in enumerate(outputs) if unread_reason(output, self.scale) is not None]
        if not unread or not self.reask:
            return outputs
        try:
            # reserved together: which of them are asked again may not depend on which answered first
            self.calls.reserve(len(unread))
        except BudgetSpentError:
            return outputs
        ask = partial(self.calls.ask, "judge")
        answers = await collect(
            [partial(asked_again, ask, [asked[place][0]], outputs[place], self.scale, self.answer) for place in unread]
        )
        for place, output in zip(unread, answers, strict=True):
            outputs[place] = output
        return outputs

    async def _describe(self, i2t: str, item: Item) -> str:
        message = describe_message(i2t, await item.content(), item.text)
        caption, reason = caption_of(await self.calls.ask("i2t", [message]))
        if reason is not None:
            caption = f"(no description: {reason})"
            self._undescribed[i2t, item] = reason
        return caption


def judgement(item: Item, output: ModelOutput, scale: LabelScale, loss: Loss = "scale") -> Judgement:
    """Read one answer of the judge.

    Raises:
        ValueError: The likelihood loss, and the judge gave no probabilities of labels.
    """
    verdict = verdict_of(output, scale)
    if verdict.label is None:
        return _unread(item, str(verdict.reason), loss, output.completion)
    distance = scale.loss(verdict.label, item.human)
    wrong = distance > NUMERIC_TOLERANCE if scale.kind == "numeric" else verdict.label != item.human
    least = 0.0
    if loss == "raters":
        least, distance, disputed = against_raters(verdict.label, item.labels, scale)
        wrong = wrong and disputed
    probabilities = None
    if loss == "likelihood" or not scale.ordered:  # a map of labels without an order weighs them
        probabilities = label_probabilities(output, scale)
    if loss == "zero_one":
        distance = float(wrong)
    elif loss == "likelihood":
        distance = _likelihood_loss(item, output, probabilities)
    return Judgement(item, verdict.label, verdict.label, distance, wrong, least, output.completion, probabilities)


def against_raters(label: str, raters: Sequence[str], scale: LabelScale) -> tuple[float, float, bool]:
    """The least mean loss that a label can have over the raters, that of this one, and whether they clearly dispute it.

    They do if they favour the best label by more than the standard error of that preference: where they are divided, a
    label that some of them gave is no error, and an optimizer that was shown it as one would learn noise.

    Args:
        label: The judge's.
        raters: At least one rater's label.
        scale: Of the labels.
    """
    candidates = sorted(set(raters)) if scale.kind == "numeric" else scale.labels  # the best number is a median

    def losses(said: str) -> list[float]:
        return [scale.loss(said, rater) for rater in raters]

    least, best = min((sum(losses(candidate)), candidate) for candidate in candidates)
    mine = losses(label)
    excess = [own - other for own, other in zip(mine, losses(best), strict=True)]
    mean, error = sum(excess) / len(excess), 0.0
    if len(raters) >= MANY_RATERS:
        error = math.sqrt(sum((each - mean) ** 2 for each in excess) / (len(excess) - 1) / len(excess))
    return least / len(raters), sum(mine) / len(raters), mean > error + 1e-9


def _unread(item: Item, reason: str, loss: Loss, reply: str = "") -> Judgement:
    return Judgement(item, None, f"(no label: {reason})", LARGEST[loss], wrong=True, reply=reply)


def mean_loss(judgements: Iterable[Judgement]) -> float:
    """Mean of ℓ; of at least one judgement."""
    losses = [judgement.loss for judgement in judgements]
    return sum(losses) / len(losses)


_UNLIKELY = 1e-6
"""The smallest probability that a human label is taken to have."""

LARGEST: dict[Loss, float] = {
    "scale": 1.0,
    "raters": 1.0,
    "zero_one": 1.0,
    "likelihood": -math.log(_UNLIKELY),
}


def _likelihood_loss(item: Item, output: ModelOutput, probabilities: Mapping[str, float] | None) -> float:
    if probabilities is None:
        raise ValueError(
            "loss=likelihood needs the log-probabilities of the judge's answer tokens, and this judge's answer to "
            f"{item.id} ({output.completion[:40]!r}) came without any that belong to a label; use -S loss=scale"
        )
    return negative_log_likelihood(probabilities, item.human, floor=_UNLIKELY)
