"""Minibatches: what is drawn, how much is judged for it, and the score that they give a new prompt."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.evaluator import Evaluator, Judgement
from blpo_inspect.optimizers.methods.batch import Batch, Gain, draw_batch
from blpo_inspect.optimizers.methods.blpo_settings import BlpoSettings
from blpo_inspect.optimizers.problem import Item


class FakeEvaluator:
    """Judges by a table, and notes what was asked."""

    def __init__(self, losses: Mapping[str, float], scale: LabelScale) -> None:
        self.losses = losses
        self.scale = scale
        self.asked: list[str] = []

    async def judge(self, prompt: str, items: Sequence[Item], i2t: str) -> list[Judgement]:
        """Wrong where there is a loss."""
        assert (prompt, i2t) == ("P", "Q")
        self.asked += [item.id for item in items]
        return [judged(item, self.losses[item.id]) for item in items]


def judged(item: Item, loss: float) -> Judgement:
    """A judgement with a loss."""
    return Judgement(item, "x", "x", loss, wrong=loss > 0)


def items_of(humans: Sequence[str]) -> list[Item]:
    """One item per label."""
    return [Item(f"i{number}", (), human) for number, human in enumerate(humans)]


def draw(
    humans: Sequence[str], wrong: set[int], options: BlpoSettings, scale: LabelScale | None = None, seed: int = 0
) -> tuple[Batch, FakeEvaluator]:
    """A batch from items with these labels, of which some are wrong."""
    items = items_of(humans)
    labels = tuple("abcd")
    evaluator = FakeEvaluator({item.id: float(n in wrong) for n, item in enumerate(items)}, scale or of(labels))
    batch = asyncio.run(draw_batch(cast(Evaluator, evaluator), "P", "Q", items, options, random.Random(seed)))
    return batch, evaluator


def of(labels: Sequence[str]) -> LabelScale:
    """An unordered scale."""
    return LabelScale("unordered", tuple(labels))


def ids(judgements: Sequence[Judgement]) -> list[str]:
    """Whose they are."""
    return [judgement.item.id for judgement in judgements]


HUMANS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=40)
OPTIONS = st.builds(
    BlpoSettings,
    batch_size=st.integers(1, 6),
    fresh_errors=st.integers(0, 6),
    anchors=st.integers(0, 6),
    stratify=st.booleans(),
)


@st.composite
def _drawn(draw_: st.DrawFn) -> tuple[list[str], set[int], BlpoSettings, int]:
    humans = draw_(HUMANS)
    wrong = draw_(st.sets(st.integers(0, len(humans) - 1)))
    return humans, wrong, draw_(OPTIONS), draw_(st.integers(0, 5))


@given(_drawn())
@settings(max_examples=300)
def test_what_every_batch_is(case: tuple[list[str], set[int], BlpoSettings, int]) -> None:
    humans, wrong, options, seed = case
    batch, evaluator = draw(humans, wrong, options, seed=seed)
    names = ids(batch.scored)
    assert len(set(names)) == len(names), "nothing twice"
    assert all(judgement.wrong for judgement in (*batch.errors, *batch.fresh))
    assert not any(judgement.wrong for judgement in batch.anchors)
    assert names == ids(batch.errors) + ids(batch.fresh) + ids(batch.anchors)
    assert len(batch.errors) <= options.batch_size
    assert len(batch.fresh) <= options.fresh_errors
    assert len(batch.anchors) <= options.anchors
    # as much as there is
    misjudged = [int(name[1:]) in wrong for name in evaluator.asked]
    assert len(batch.errors) + len(batch.fresh) == min(sum(misjudged), options.batch_size + options.fresh_errors)
    assert len(batch.errors) == min(sum(misjudged), options.batch_size)
    assert len(batch.anchors) == min(len(misjudged) - sum(misjudged), options.anchors)
    # nothing is judged twice, and all of it counts
    assert len(set(evaluator.asked)) == len(evaluator.asked) == len(batch.judged)
    assert batch.error_rate == sum(misjudged) / len(misjudged) == batch.loss
    # it stops only when there is nothing left to judge or nothing left to want
    if len(evaluator.asked) < len(humans):
        assert len(batch.errors) + len(batch.fresh) == options.batch_size + options.fresh_errors
        assert len(batch.anchors) == options.anchors


@given(_drawn())
@settings(max_examples=200)
def test_shares_of_labels_are_as_even_as_what_was_judged_allows(
    case: tuple[list[str], set[int], BlpoSettings, int],
) -> None:
    humans, wrong, options, seed = case
    options = BlpoSettings(**{**vars(options), "stratify": True})
    batch, evaluator = draw(humans, wrong, options, seed=seed)
    label = {f"i{number}": human for number, human in enumerate(humans)}
    misjudged = [name for name in evaluator.asked if int(name[1:]) in wrong]
    right = [name for name in evaluator.asked if int(name[1:]) not in wrong]
    rest = [name for name in misjudged if name not in ids(batch.errors)]
    for drawn, pool in ((batch.errors, misjudged), (batch.fresh, rest), (batch.anchors, right)):
        shares = Counter(judgement.item.human for judgement in drawn)
        there = Counter(label[name] for name in pool)
        most = max(shares.values(), default=0)
        for human, number in there.items():
            # a label has less than another by more than one only where there is no more of it
            assert shares[human] >= most - 1 or shares[human] == number
        # of each label the first ones, in the order in which they were judged
        for human, share in shares.items():
            first = [name for name in pool if label[name] == human][:share]
            assert [judgement.item.id for judgement in drawn if judgement.item.human == human] == first


@given(_drawn())
@settings(max_examples=200)
def test_without_stratification_these_are_the_first_of_the_seeded_order(
    case: tuple[list[str], set[int], BlpoSettings, int],
) -> None:
    humans, wrong, options, seed = case
    options = BlpoSettings(**{**vars(options), "stratify": False})
    batch, evaluator = draw(humans, wrong, options, seed=seed)
    items = items_of(humans)
    order = [item.id for item in random.Random(seed).sample(items, len(items))]
    assert evaluator.asked == order[: len(evaluator.asked)]
    errors = [name for name in order if int(name[1:]) in wrong]
    anchors = [name for name in order if int(name[1:]) not in wrong]
    assert ids(batch.errors) == errors[: options.batch_size]
    assert ids(batch.fresh) == errors[options.batch_size : options.batch_size + options.fresh_errors]
    assert ids(batch.anchors) == anchors[: options.anchors]


def test_the_same_seed_draws_the_same_batch_and_another_one_another() -> None:
    humans, wrong = ["a", "b"] * 30, set(range(0, 60, 3))
    first, again, other = (draw(humans, wrong, BlpoSettings(), seed=seed)[0] for seed in (1, 1, 2))
    assert first == again
    assert ids(first.scored) != ids(other.scored)


def test_judging_stops_when_the_batch_is_full() -> None:
    """Two errors and one fresh one are wanted: six items are judged at a time."""
    options = BlpoSettings(batch_size=2, fresh_errors=1, anchors=0, stratify=False)
    batch, evaluator = draw("a" * 100, set(range(100)), options)
    assert len(evaluator.asked) == len(batch.judged) == 6
    options = BlpoSettings(batch_size=2, fresh_errors=1, anchors=9, stratify=False)
    batch, evaluator = draw("a" * 100, set(range(0, 100, 2)), options)
    assert len(batch.anchors) == 9
    assert 9 + 3 <= len(evaluator.asked) < 40


def test_stratified_judging_goes_on_until_there_are_errors_of_each_label() -> None:
    humans = ["a"] * 90 + ["b"] * 10
    options = BlpoSettings(batch_size=2, fresh_errors=2, anchors=0)
    batch, evaluator = draw(humans, set(range(100)), options, of("ab"))
    assert Counter(judgement.item.human for judgement in batch.errors) == {"a": 1, "b": 1}
    assert Counter(judgement.item.human for judgement in batch.fresh) == {"a": 1, "b": 1}
    assert len(evaluator.asked) > 8
    unstratified = BlpoSettings(batch_size=2, fresh_errors=2, anchors=0, stratify=False)
    assert len(draw(humans, set(range(100)), unstratified)[1].asked) == 8


def test_a_numeric_scale_has_no_labels_to_wait_for() -> None:
    humans = [str(number) for number in range(50)]
    options = BlpoSettings(batch_size=2, fresh_errors=0, anchors=0)
    batch, evaluator = draw(humans, set(range(50)), options, LabelScale("numeric", low=0, high=100))
    assert len(batch.errors) == 2 and len(evaluator.asked) == 4


def test_without_errors_all_is_judged_and_the_batch_has_none() -> None:
    batch, evaluator = draw("abcd" * 5, set(), BlpoSettings(batch_size=1, fresh_errors=0))
    assert batch.errors == batch.fresh == ()
    assert (len(batch.judged), batch.error_rate, batch.loss) == (20, 0.0, 0.0)
    assert len(evaluator.asked) == 20
    assert len(batch.anchors) == 10


def after(batch: Batch, losses: Sequence[float]) -> list[Judgement]:
    """The batch judged again."""
    return [judged(old.item, loss) for old, loss in zip(batch.scored, losses, strict=True)]


def test_gain_by_hand() -> None:
    """Four errors of ten items judged, of which three and two anchors are scored."""
    items = items_of("a" * 5)
    before = [judged(item, loss) for item, loss in zip(items, (1.0, 0.5, 0.25, 0.0, 0.0), strict=True)]
    weights = (0.4 / 3,) * 3 + (0.3,) * 2
    batch = Batch(tuple(before[:2]), (before[2],), tuple(before[3:]), weights, judged=())
    # errors: 1 → 0, 0.5 → 0.5, 0.25 → 0.75; anchors: 0 → 0.5, 0 → 0
    gain = batch.gain(after(batch, [0.0, 0.5, 0.75, 0.5, 0.0]))
    assert gain.value == pytest.approx(0.4 * (1 + 0 - 0.5) / 3 + 0.6 * (-0.5) / 2)
    # drops 1, 0, -0.5 about their mean 1/6, and -0.5, 0 about -1/4; five images less two means leave three
    squares = (0.4 / 3) ** 2 * ((5 / 6) ** 2 + (1 / 6) ** 2 + (2 / 3) ** 2) + 0.3**2 * 2 * 0.25**2
    assert gain.error == pytest.approx(math.sqrt(squares * 5 / 3))
    plain = Batch(tuple(before[:2]), (), (), (0.5, 0.5), judged=())
    assert plain.gain(after(plain, [0.0, 0.25])).value == pytest.approx((1 + 0.25) / 2)
    assert plain.gain(after(plain, [1.0, 0.5])) == Gain(0.0, 0.0)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        batch.gain([])


LOSSES = st.lists(st.tuples(st.sampled_from([0, 0.25, 0.5, 1.0]), st.floats(0, 1)), min_size=1, max_size=20)


@given(LOSSES, st.booleans(), st.integers(1, 20))
@settings(max_examples=200)
def test_with_all_items_in_the_batch_the_gain_is_the_fall_in_loss(
    losses: list[tuple[float, float]], stratify: bool, batch_size: int
) -> None:
    if not any(old for old, _ in losses):
        return
    items = items_of("ab" * len(losses))[: len(losses)]
    table = {item.id: old for item, (old, _) in zip(items, losses, strict=True)}
    new = {item.id: loss for item, (_, loss) in zip(items, losses, strict=True)}
    options = BlpoSettings(batch_size=batch_size, fresh_errors=20, anchors=20, stratify=stratify)
    evaluator = cast(Evaluator, FakeEvaluator(table, of("ab")))
    batch = asyncio.run(draw_batch(evaluator, "P", "Q", items, options, random.Random(0)))
    assert len(batch.scored) == len(items)
    gain = batch.gain([judged(judgement.item, new[judgement.item.id]) for judgement in batch.scored])
    fall = (sum(table.values()) - sum(new.values())) / len(items)
    assert gain.value == pytest.approx(fall, abs=1e-9)
    assert batch.loss == pytest.approx(sum(table.values()) / len(items))


@given(LOSSES)
def test_without_fresh_errors_and_anchors_the_gain_is_the_mean_over_the_errors(
    losses: list[tuple[float, float]],
) -> None:
    if not any(old for old, _ in losses):
        return
    items = items_of("a" * len(losses))
    evaluator = cast(Evaluator, FakeEvaluator({i.id: old for i, (old, _) in zip(items, losses, strict=True)}, of("ab")))
    options = BlpoSettings(batch_size=20, fresh_errors=0, anchors=0)
    batch = asyncio.run(draw_batch(evaluator, "P", "Q", items, options, random.Random(0)))
    changes = [old - new for old, new in losses if old]
    new_of = {item.id: new for item, (_, new) in zip(items, losses, strict=True)}
    gain = batch.gain([judged(judgement.item, new_of[judgement.item.id]) for judgement in batch.scored])
    assert gain.value == pytest.approx(sum(changes) / len(changes), abs=1e-9)


def test_the_weighted_gain_estimates_the_fall_without_bias() -> None:
    """Over many seeds the mean gain is the fall in loss on the whole training split."""
    rng = random.Random(5)
    old = {f"i{n}": float(rng.random() < 0.3) for n in range(60)}
    new = {name: rng.random() for name in old}
    items = items_of("a" * 60)
    options = BlpoSettings(batch_size=3, fresh_errors=3, anchors=54, stratify=False)
    gains = []
    for seed in range(100):
        evaluator = cast(Evaluator, FakeEvaluator(old, of("ab")))
        batch = asyncio.run(draw_batch(evaluator, "P", "Q", items, options, random.Random(seed)))
        gains.append(batch.gain([judged(judgement.item, new[judgement.item.id]) for judgement in batch.scored]).value)
    fall = (sum(old.values()) - sum(new.values())) / 60
    assert sum(gains) / len(gains) == pytest.approx(fall, abs=0.02)
