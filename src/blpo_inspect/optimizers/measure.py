"""Compares the first and the final pair on the test split: agreement before and after, and the paired difference."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blpo_inspect import statistics
from blpo_inspect.optimizers.evaluator import Judgement

FIGURES: dict[str, Callable[[Sequence[str], Sequence[str]], float]] = {
    "accuracy": statistics.accuracy,
    "macro_f1": statistics.macro_f1,
    "cohens_kappa": statistics.cohens_kappa,
}


def compare(before: Sequence[Judgement], after: Sequence[Judgement], *, seed: int) -> dict[str, Any]:
    """Compare two prompts on the same items; JSON-ready.

    Each side's figures are over the answers that could be read, with their number and the number unread beside; the
    differences are over the items that were read both times. A figure that is not defined is None, with the reason.

    Args:
        before: The first pair's judgements.
        after: The final pair's, of the same items in the same order.
        seed: Of the bootstrap.
    """
    both = [
        (old, new) for old, new in zip(before, after, strict=True) if old.label is not None and new.label is not None
    ]
    human = [old.item.human for old, _ in both]
    first = [str(old.label) for old, _ in both]
    second = [str(new.label) for _, new in both]
    difference = {}
    for name, figure in FIGURES.items():
        interval = statistics.paired_difference(human, first, second, figure, seed=seed)
        difference[name] = {
            "value": _plain(interval.value),
            "low": _plain(interval.low),
            "high": _plain(interval.high),
            **({"reason": interval.reason} if interval.reason else {}),
        }
    return {
        "n": len(before),
        "paired": len(both),
        "before": figures(before),
        "after": figures(after),
        "difference": difference,
    }


def figures(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Figures over the answers that could be read, with their number and the number unread, JSON-ready."""
    read = [judgement for judgement in judgements if judgement.label is not None]
    human = [judgement.item.human for judgement in read]
    judge = [str(judgement.label) for judgement in read]
    figures = {name: _plain(figure(human, judge)) for name, figure in FIGURES.items()}
    return {**figures, "n": len(read), "unread": len(judgements) - len(read)}


def summary(test: Mapping[str, Any]) -> str:
    """The accuracies of `compare` in one line of text."""
    change = test["difference"]["accuracy"]
    before, after = (_shown(test[side]["accuracy"], ".3f") for side in ("before", "after"))
    value, low, high = (_shown(change[name], "+.3f") for name in ("value", "low", "high"))
    return f"{before} before, {after} after (difference {value}, 95 % interval {low} to {high})"


def _shown(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
