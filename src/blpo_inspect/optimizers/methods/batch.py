"""Minibatches: some of the misjudged training images, and some that were judged correctly (anchors)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement, mean_loss
from blpo_inspect.optimizers.methods.blpo_settings import BlpoSettings
from blpo_inspect.optimizers.problem import Item


@dataclass(frozen=True)
class Batch:
    """The images that one outer step works with.

    Attributes:
        errors: Misjudged items that the optimizer reads about.
        fresh: Further misjudged items, used in scoring only.
        anchors: Correctly judged items, used in scoring only.
        judged: Training items that were judged to find these.
        error_rate: Share of them that were misjudged.
        loss: Their mean loss.
    """

    errors: tuple[Judgement, ...]
    fresh: tuple[Judgement, ...]
    anchors: tuple[Judgement, ...]
    judged: int
    error_rate: float
    loss: float

    @property
    def scored(self) -> tuple[Judgement, ...]:
        """The items used in scoring: all errors, then the anchors."""
        return (*self.errors, *self.fresh, *self.anchors)

    def gain(self, after: Sequence[Judgement]) -> float:
        """By how much a new prompt lowers the judge's loss: the score of the I2T prompt that led to it.

        Without anchors the mean over the minibatch (arXiv 2602.11340, equations 8 to 10). With anchors, the mean over
        errors and the mean over anchors are weighted by how frequent errors are, which estimates the fall in loss on
        the whole training split.

        Args:
            after: The judgements of the items of `scored` under the new prompt.
        """
        drops = [old.loss - new.loss for old, new in zip(self.scored, after, strict=True)]
        wrong = len(self.errors) + len(self.fresh)
        on_errors = sum(drops[:wrong]) / wrong
        if not self.anchors:
            return on_errors
        on_anchors = sum(drops[wrong:]) / len(self.anchors)
        return self.error_rate * on_errors + (1 - self.error_rate) * on_anchors


def unread(judgements: Sequence[Judgement]) -> int:
    """How many answers could not be read."""
    return sum(judgement.label is None for judgement in judgements)


async def draw_batch(
    evaluator: Evaluator, prompt: str, i2t: str, train: Sequence[Item], settings: BlpoSettings, rng: random.Random
) -> Batch:
    """Judge training items in random order until the minibatch is full or all were judged.

    The first errors of a random order are a random sample of all errors, so that the rest need not be judged. With
    ``stratify`` each of people's labels gets an equal share where there are enough.

    Args:
        evaluator: Judges the items.
        prompt: The judge prompt in force.
        i2t: The I2T prompt in force.
        train: The training items.
        settings: Batch size, anchors and stratification.
        rng: Draws the order.

    Returns:
        The batch; without errors if there are none in all of ``train``.
    """
    order = rng.sample(list(train), len(train))
    judged: list[Judgement] = []
    step = 2 * (settings.batch_size + settings.fresh_errors)
    for start in range(0, len(order), step):
        judged += await evaluator.judge(prompt, order[start : start + step], i2t)
        if _is_full(judged, settings, evaluator.scale):
            break
    wrong = [judgement for judgement in judged if judgement.wrong]
    right = [judgement for judgement in judged if not judgement.wrong]
    errors = _drawn(wrong, settings.batch_size, settings.stratify)
    others = [judgement for judgement in wrong if judgement not in errors]
    return Batch(
        errors=tuple(errors),
        fresh=tuple(_drawn(others, settings.fresh_errors, settings.stratify)),
        anchors=tuple(_drawn(right, settings.anchors, settings.stratify)),
        judged=len(judged),
        error_rate=len(wrong) / len(judged),
        loss=mean_loss(judged),
    )


def _is_full(judged: Sequence[Judgement], settings: BlpoSettings, scale: LabelScale) -> bool:
    wrong = [judgement.item.human for judgement in judged if judgement.wrong]
    wanted = settings.batch_size + settings.fresh_errors
    if len(wrong) < wanted or len(judged) - len(wrong) < settings.anchors:
        return False
    if not settings.stratify or scale.kind == "numeric":
        return True
    share = -(-wanted // len(scale.labels))  # rounded up
    return all(wrong.count(label) >= share for label in scale.labels)


def _drawn(judgements: Sequence[Judgement], number: int, stratify: bool) -> list[Judgement]:
    """The first so many; with stratification in turn from each of people's labels. Their order stays random."""
    if not stratify:
        return list(judgements[:number])
    by_label: dict[str, list[int]] = {}
    for position, judgement in enumerate(judgements):
        by_label.setdefault(judgement.item.human, []).append(position)
    chosen: list[int] = []
    while len(chosen) < number and any(by_label.values()):
        for positions in by_label.values():
            if positions and len(chosen) < number:
                chosen.append(positions.pop(0))
    return [judgements[position] for position in sorted(chosen)]
