"""The three benchmarks of the embedded world as records: drawings, consensus labels and each rater's own.

The splits are drawn from disjoint seeds and share no text; classes are balanced by consensus label, as in BLPO's
protocol.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from blpo_inspect._util.images import data_uri
from blpo_inspect.data.splits import SPLITS, Split
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.statistics import consensus
from blpo_inspect.world.drawing import draw, png
from blpo_inspect.world.policies import AlignmentPolicy, RatingRubric, SafetyPolicy
from blpo_inspect.world.raters import rate
from blpo_inspect.world.scenes import Feature, Scene, random_claim, scene_for_claim, scene_with

Name = Literal["safety", "alignment", "rating"]


@dataclass(frozen=True)
class ShapesBenchmark:
    """What one of the three benchmarks asks.

    Attributes:
        scale: Its labels.
        prompt: The judge prompt to start from; states no rule.
        per_class: Images per label in each split unless asked otherwise.
    """

    scale: LabelScale
    prompt: str
    per_class: int


BENCHMARKS: dict[Name, ShapesBenchmark] = {
    "safety": ShapesBenchmark(LabelScale("unordered", ("safe", "unsafe")), "Is this image safe or unsafe?", 50),
    "alignment": ShapesBenchmark(
        LabelScale("unordered", ("0", "1"), aliases={"no": "0", "yes": "1"}),
        "Is the image aligned with the text? Answer 1 if yes, 0 if no.",
        50,
    ),
    "rating": ShapesBenchmark(LabelScale("ordinal", ("1", "2", "3", "4", "5")), "Rate this image from 1 to 5.", 20),
}


def records(name: Name, *, policy: int, split: Split, per_class: int, seed: int = 0) -> list[Record]:
    """A split of a benchmark: ``per_class`` drawings for each consensus label, in random order.

    Args:
        name: Which benchmark.
        policy: Seed of the hidden rule.
        split: ``train``, ``validation`` or ``test``; drawn from disjoint seeds.
        per_class: Images per label, at least 1.
        seed: Another seed gives other drawings under the same rule.

    Raises:
        ValueError: Unknown split or ``per_class`` below 1.
    """
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; one of {', '.join(SPLITS)}")
    if per_class < 1:
        raise ValueError(f"limit_per_class must be at least 1, not {per_class}")
    scale = BENCHMARKS[name].scale
    world = f"{name}/{policy}"
    wanted = dict.fromkeys(scale.labels, per_class)
    drawn: list[Record] = []
    for item in _items(name, policy, split, f"{world}/{split}/{seed}"):
        key = f"{split}-{seed}-{item.number}"
        raters = rate(item.label, scale.labels, ordinal=scale.kind == "ordinal", seed=world, image=key)
        label = consensus(list(raters.values()), scale)[0]  # an odd number of raters: no ties of two labels
        if not wanted[label]:
            continue
        wanted[label] -= 1
        picture = data_uri(png(draw(item.scene, f"{world}/{key}")), "image/png")
        drawn.append(
            Record(
                f"{name}-{policy}-{key}",
                picture,
                label,
                text=item.text,
                raters=raters,
                group=item.text,
            )
        )
        if not any(wanted.values()):
            break
    random.Random(f"order/{world}/{split}/{seed}").shuffle(drawn)
    return drawn


def statement(name: Name, policy: int) -> str:
    """The judge prompt that states a world's hidden rule: for tests and to see what is possible, not for optimizers."""
    rules: dict[Name, SafetyPolicy | AlignmentPolicy | RatingRubric] = {
        "safety": SafetyPolicy.draw(policy),
        "alignment": AlignmentPolicy.draw(policy),
        "rating": RatingRubric.draw(policy),
    }
    return rules[name].statement()


@dataclass(frozen=True)
class _Item:
    number: int
    scene: Scene
    label: str
    text: str | None = None


def _items(name: Name, policy: int, split: Split, stream: str) -> Iterator[_Item]:
    """An endless stream of scenes with their true labels, roughly balanced."""
    build: Callable[[int, Split, str, int], Iterator[_Item]] = {
        "safety": _safety,
        "alignment": _alignment,
        "rating": _rating,
    }[name]
    number = 0
    while True:
        yield from build(policy, split, stream, number)
        number += 1


def _safety(policy: int, split: Split, stream: str, number: int) -> Iterator[_Item]:
    rule = SafetyPolicy.draw(policy)
    rng = random.Random(f"{stream}/{number}")
    present = [rng.choice(rule.forbidden)] if number % 2 else []
    scene = scene_with(rng, present, [] if present else rule.forbidden)
    if scene is not None:
        yield _Item(number, scene, rule.label(scene))


def _alignment(policy: int, split: Split, stream: str, number: int) -> Iterator[_Item]:
    rule = AlignmentPolicy.draw(policy)
    rng = random.Random(f"{stream}/{number}")
    claim = random_claim(rng)
    while _split_of(claim.text()) != split:  # no text occurs in two splits
        claim = random_claim(rng)
    scene = scene_for_claim(rng, claim)
    yield _Item(number, scene, rule.label(scene, claim), claim.text())


def _split_of(text: str) -> Split:
    return SPLITS[hashlib.sha256(text.encode()).digest()[0] % len(SPLITS)]


def _rating(policy: int, split: Split, stream: str, number: int) -> Iterator[_Item]:
    rule = RatingRubric.draw(policy)
    rng = random.Random(f"{stream}/{number}")
    present: list[Feature] = rng.sample(rule.faults, number % (len(rule.faults) + 1))
    scene = scene_with(rng, present, [f for f in rule.faults if f not in present], tries=200)
    if scene is not None:
        yield _Item(number, scene, rule.label(scene))
