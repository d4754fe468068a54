"""Minibatches: some of the misjudged training images, and some that were judged correctly (anchors)."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement, mean_loss
from blpo_inspect.optimizers.methods.blpo_settings import BlpoSettings
from blpo_inspect.optimizers.problem import Item

_PART = 10
"""Items judged at a time, where a draw may end early."""


@dataclass(frozen=True)
class Gain:
    """By how much a new prompt lowers the mean loss: an estimate with its standard error, paired by image."""

    value: float
    error: float


@dataclass(frozen=True)
class Batch:
    """The images that one outer step works with.

    Attributes:
        errors: Misjudged items that the optimizer reads about.
        fresh: Further misjudged items, used in scoring only.
        anchors: Correctly judged items, used in scoring only.
        weights: Share of the training images that each item of `scored` stands for; their sum is 1.
        judged: All training items that were judged to find these.
    """

    errors: tuple[Judgement, ...]
    fresh: tuple[Judgement, ...]
    anchors: tuple[Judgement, ...]
    weights: tuple[float, ...]
    judged: tuple[Judgement, ...]

    @property
    def scored(self) -> tuple[Judgement, ...]:
        """The items used in scoring: all errors, then the anchors."""
        return (*self.errors, *self.fresh, *self.anchors)

    @property
    def error_rate(self) -> float:
        """Share of the judged items that were misjudged."""
        return sum(judgement.wrong for judgement in self.judged) / len(self.judged)

    @property
    def loss(self) -> float:
        """Mean loss of the judged items."""
        return mean_loss(self.judged)

    def gain(self, after: Sequence[Judgement]) -> Gain:
        """By how much a new prompt lowers the judge's loss: the score of the I2T prompt that led to it.

        Without anchors and stratification the mean over the minibatch (arXiv 2602.11340, equations 8 to 10). With them,
        each item is weighted by the training images that it stands for, so that the mean estimates the fall in loss on
        the whole training split. The standard error is that of the weighted mean within errors and within anchors.

        Args:
            after: The judgements of the items of `scored` under the new prompt.
        """
        drops = [old.loss - new.loss for old, new in zip(self.scored, after, strict=True)]
        means, wrong = {}, [judgement.wrong for judgement in self.scored]
        for kind in set(wrong):
            part = [(w, drop) for w, drop, which in zip(self.weights, drops, wrong, strict=True) if which == kind]
            means[kind] = sum(w * drop for w, drop in part) / sum(w for w, _ in part)
        squares = sum((w * (drop - means[kind])) ** 2 for w, drop, kind in zip(self.weights, drops, wrong, strict=True))
        free = len(drops) - len(means)
        value = sum(w * drop for w, drop in zip(self.weights, drops, strict=True))
        return Gain(value, math.sqrt(squares * len(drops) / free) if free else math.inf)

    def most(self, after: Sequence[Judgement] = ()) -> float:
        """The highest gain that is possible, once the first items of `scored` are judged under the new prompt."""
        reached = [new.loss for new in after] + [old.least for old in self.scored[len(after) :]]
        return sum(w * (old.loss - new) for w, old, new in zip(self.weights, self.scored, reached, strict=True))


def unread(judgements: Sequence[Judgement]) -> int:
    """How many answers could not be read."""
    return sum(judgement.label is None for judgement in judgements)


async def draw_batch(
    evaluator: Evaluator,
    prompt: str,
    i2t: str,
    train: Sequence[Item],
    settings: BlpoSettings,
    rng: random.Random,
    before: Sequence[Judgement] = (),
) -> Batch:
    """Judge training items in random order until the minibatch is full, ``max_judged`` or all were judged.

    The first errors of a random order are a random sample of all errors, so that the rest need not be judged. With
    ``stratify`` each of people's labels gets an equal share where there are enough.

    Args:
        evaluator: Judges the items.
        prompt: The judge prompt in force.
        i2t: The I2T prompt in force.
        train: The training items.
        settings: Batch size, anchors, stratification and the most to judge.
        rng: Draws the order.
        before: What an earlier draw judged with the same prompts; this one begins with it, in another order.

    Returns:
        The batch; without errors if there are none among those judged.
    """
    judged = rng.sample(list(before), len(before))
    known = {judgement.item.id for judgement in judged}
    order = rng.sample([item for item in train if item.id not in known], len(train) - len(known))
    most = min(len(order), max(0, (settings.max_judged or len(train)) - len(judged)))
    step = 2 * (settings.batch_size + settings.fresh_errors)
    step = step if settings.max_judged is None else min(step, _PART)
    for start in range(0, most, step):
        if judged and _is_full(judged, settings, evaluator.scale):
            break
        judged += await evaluator.judge(prompt, order[start : min(start + step, most)], i2t)
    wrong = [judgement for judgement in judged if judgement.wrong]
    right = [judgement for judgement in judged if not judgement.wrong]
    errors = _drawn(wrong, settings.batch_size, settings.stratify)
    others = [judgement for judgement in wrong if judgement not in errors]
    fresh = _drawn(others, settings.fresh_errors, settings.stratify)
    anchors = _drawn(right, settings.anchors, settings.stratify)
    weights = _weights([*errors, *fresh, *anchors], judged, settings.stratify)
    return Batch(tuple(errors), tuple(fresh), tuple(anchors), weights, tuple(judged))


def _weights(scored: Sequence[Judgement], judged: Sequence[Judgement], stratify: bool) -> tuple[float, ...]:
    """The share of the judged items that each scored one stands for: those of its kind, divided among those drawn.

    Kinds are right and wrong, with ``stratify`` also people's labels. Errors of a label that none was drawn of are
    stood for by the other errors, and likewise for what was judged right.
    """

    def kind(judgement: Judgement) -> tuple[bool, str]:
        return judgement.wrong, judgement.item.human if stratify else ""

    found, drawn = Counter(map(kind, judged)), Counter(map(kind, scored))
    every = Counter(judgement.wrong for judgement in judged)
    covered: Counter[bool] = Counter()  # the judged ones of the kinds that were drawn
    for each in drawn:
        covered[each[0]] += found[each]
    total = sum(every[wrong] for wrong in covered)
    return tuple(found[kind(j)] / drawn[kind(j)] * every[j.wrong] / covered[j.wrong] / total for j in scored)


def _is_full(judged: Sequence[Judgement], settings: BlpoSettings, scale: LabelScale) -> bool:
    wrong = [judgement.item.human for judgement in judged if judgement.wrong]
    wanted = settings.batch_size + settings.fresh_errors
    if len(wrong) < wanted or len(judged) - len(wrong) < settings.anchors:
        return False
    if not settings.stratify or scale.kind == "numeric":
        return True
    if settings.max_judged is not None and 3 * len(judged) >= 2 * settings.max_judged:
        return True  # a label that the judge gets right has no errors to wait for
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
