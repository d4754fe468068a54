"""Validation in parts: what decides it, and what is said of the outcome."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.contest import Contest, contest
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.optimizers.run import Run

OLD, NEW = PromptPair("old"), PromptPair("new")


class FakeEvaluator:
    """Judges by a table of losses."""

    loss = "scale"

    def __init__(self, losses: Mapping[str, Mapping[str, float]]) -> None:
        self.losses = losses
        self.asked: list[tuple[str, str]] = []

    async def judge(self, prompt: str, items: Sequence[Item], i2t: str) -> list[Judgement]:
        """As the table says."""
        self.asked += [(prompt, item.id) for item in items]
        return [Judgement(item, "x", "x", loss := self.losses[prompt][item.id], loss > 0) for item in items]


def held(
    old: Sequence[float], new: Sequence[float], groups: Sequence[str | None] = (), seed: int = 0, **how: Any
) -> tuple[Contest, FakeEvaluator]:
    """A contest of two prompts with these losses."""
    items = [Item(f"v{n}", (), "x", group=groups[n] if groups else None) for n in range(len(old))]
    evaluator = FakeEvaluator(
        {
            "old": {item.id: loss for item, loss in zip(items, old, strict=True)},
            "new": {item.id: loss for item, loss in zip(items, new, strict=True)},
        }
    )
    run = SimpleNamespace(problem=SimpleNamespace(validation=items), seed=seed, evaluator=evaluator)
    found = asyncio.run(contest(cast(Run[Any], run), NEW, OLD, **{"racing": True, "certain": False, **how}))
    return found, evaluator


def test_a_clear_gain_is_decided_early_and_both_are_judged_on_the_same_images() -> None:
    found, evaluator = held([1.0] * 100, [0.0] * 100)
    assert (found.judged, found.before, found.after, found.certain) == (10, 1.0, 0.0, True)
    assert [name for prompt, name in evaluator.asked if prompt == "old"] == [
        name for prompt, name in evaluator.asked if prompt == "new"
    ]
    assert found.describe() == "validation loss 1.000 → 0.000 on 10 of 100 images"


def test_a_clear_loss_is_decided_early_too() -> None:
    found, _ = held([0.0] * 100, [1.0] * 100)
    assert found.judged == 10 and found.gain == -1 and not found.certain


def test_without_racing_all_is_judged() -> None:
    found, _ = held([1.0] * 100, [0.0] * 100, racing=False)
    assert found.judged == 100


def test_what_is_undecided_is_judged_to_the_end_and_called_noise() -> None:
    """By hand: gains of 1, -1 and 0 on 6, 5 and 9 of 20 images."""
    old, new = [1.0] * 6 + [0.0] * 14, [0.0] * 6 + [1.0] * 5 + [0.0] * 9
    found, _ = held(old, new)
    assert found.judged == found.of == 20
    assert found.gain == pytest.approx(1 / 20)
    squares = 6 * 0.95**2 + 5 * 1.05**2 + 9 * 0.05**2
    assert found.error == pytest.approx(math.sqrt(squares / 19 / 20))
    assert found.describe().endswith("the gain of 0.05 ± 0.17 cannot be told from noise")
    assert not found.certain


def test_images_of_a_group_count_as_one() -> None:
    """Ten images in two groups: the first gains 1 on each, the second nothing."""
    old, new = [1.0] * 5 + [0.0] * 5, [0.0] * 10
    found, _ = held(old, new, ["a"] * 5 + ["b"] * 5)
    # the sums of the groups about the mean are 2.5 and -2.5
    assert found.error == pytest.approx(math.sqrt(2 * 2.5**2 * 2) / 10)
    assert "cannot be told from noise" in found.describe()


def test_the_outcome_is_seldom_other_than_on_the_whole_split() -> None:
    """Gains of 1 on 22 and losses on 10 of 100: of 200 orders few end early with the wrong sign."""
    old = [1.0] * 22 + [0.0] * 78
    new = [0.0] * 22 + [1.0] * 10 + [0.0] * 68
    contests = [held(old, new, seed=seed)[0] for seed in range(200)]
    assert sum(found.gain <= 0 for found in contests) <= 10
    assert sum(found.judged for found in contests) / 200 < 75


def test_to_be_certain_a_small_gain_is_not_decided_early() -> None:
    old = [1.0] * 6 + [0.0] * 94
    found, _ = held(old, [0.0] * 100, certain=True)
    assert found.judged == 100 and found.gain > 0
    found, _ = held([1.0] * 60 + [0.0] * 40, [0.0] * 100, certain=True)
    assert found.certain and found.judged < 40


def test_a_gain_that_is_known_to_within_a_twentieth_is_known_well_enough() -> None:
    """Losses of an ordered scale that differ little: ten images tell nearly as much as a hundred."""
    old = [0.25, 0.3] * 50
    new = [0.25, 0.2] * 50
    found, _ = held(old, new)
    assert found.judged == 10 and 1.96 * found.error <= 0.05
    found, _ = held(old, new, racing=False)
    assert found.judged == 100
