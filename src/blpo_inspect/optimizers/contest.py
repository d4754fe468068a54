"""Does a new pair hold against the best so far on the validation split? Judged in parts, until that is decided."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from inspect_ai.util import span

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.evaluator import LARGEST, Judgement, mean_loss
from blpo_inspect.optimizers.run import Run
from blpo_inspect.statistics.sequential import evidence

PART = 10
"""Images judged between two looks."""

ENOUGH = 20.0
"""Evidence that decides: what chance gives at any look with probability 1 / 20 at most."""

_NOISE = 1.96
"""A gain of so many standard errors or fewer cannot be told from noise."""

_PRECISE = 0.05
"""A gain that is known to within this is known well enough: what more images could show is of little use."""


@dataclass(frozen=True)
class Contest:
    """How a new pair did against the best so far, on the same validation images.

    Attributes:
        before: Mean loss of the best so far.
        after: Mean loss of the new pair.
        error: Standard error of their difference, with the images' groups as clusters; inf where too few were judged.
        judged: Images that were judged with both.
        of: Images of the validation split.
        certain: Whether the gain is more than chance, at whatever moment the contest ended.
    """

    before: float
    after: float
    error: float
    judged: int
    of: int
    certain: bool

    @property
    def gain(self) -> float:
        """By how much the new pair lowers the mean loss."""
        return self.before - self.after

    def describe(self) -> str:
        """The outcome in words."""
        images = f" on {self.judged} of {self.of} images" if self.judged < self.of else ""
        told = f"validation loss {self.before:.3f} → {self.after:.3f}{images}"
        if self.gain > 0 and self.gain <= _NOISE * self.error:
            told += f"; the gain of {self.gain:.2g} ± {self.error:.2g} cannot be told from noise"
        return told

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form."""
        error = round(self.error, 6) if math.isfinite(self.error) else None
        return {"gain": round(self.gain, 6), "error": error, "judged": self.judged, "of": self.of}


async def contest(run: Run[Any], pair: PromptPair, best: PromptPair, *, racing: bool, certain: bool) -> Contest:
    """Judge the validation split with both pairs, in one random order for the whole run.

    Args:
        run: The run.
        pair: The new pair.
        best: The best so far.
        racing: Whether to end as soon as the outcome on the whole split is all but sure (what is left would turn it
            around with probability 1 / 20 at most, however often one looks), or the gain is known to within 0.05.
        certain: Whether a gain only counts if it is more than chance, so that a small one is not decided early.

    Raises:
        BudgetSpentError: The calls of the next part are not within the budget.
    """
    items = run.problem.validation
    order = random.Random(f"{run.seed}/validation").sample(items, len(items))
    least = -LARGEST[run.evaluator.loss]
    old: list[Judgement] = []
    new: list[Judgement] = []
    async with span("validation"):
        for start in range(0, len(order), PART if racing else len(order)):
            part = order[start : start + PART] if racing else order
            old += await run.evaluator.judge(best.judge, part, best.i2t)
            new += await run.evaluator.judge(pair.judge, part, pair.i2t)
            drops = [before.loss - after.loss for before, after in zip(old, new, strict=True)]
            better = evidence(drops, of=None if certain else len(order), least=least)
            worse = evidence([-drop for drop in drops], of=len(order), least=least)
            error = _error(old, drops)
            if max(better, worse) >= ENOUGH or (not certain and 0 < _NOISE * error <= _PRECISE):
                break
    sure = evidence(drops, least=least) >= ENOUGH
    return Contest(mean_loss(old), mean_loss(new), error, len(drops), len(order), sure)


def _error(judged: Sequence[Judgement], drops: Sequence[float]) -> float:
    """Standard error of the mean drop; images of one group count as one observation."""
    mean = sum(drops) / len(drops)
    sums: dict[tuple[str, str], float] = {}
    for judgement, drop in zip(judged, drops, strict=True):
        cluster = judgement.item.cluster
        sums[cluster] = sums.get(cluster, 0.0) + drop - mean
    n = len(sums)
    return math.sqrt(sum(value**2 for value in sums.values()) * n / (n - 1)) / len(drops) if n > 1 else math.inf
