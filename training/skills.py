"""Examples of what the embedded judge is trained and tested on: picture, prompt and right answer.

Splits are disjoint in three ways: scenes and drawings come from seeds that carry the split's name, sets of rules fall
to one split by a digest of the rules, and wordings are listed apart in `phrasing`.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.world.captions import PROPERTIES, describe
from blpo_inspect.world.policies import DEFAULT_ASPECTS, DEFAULT_UNSAFE, default_rating
from blpo_inspect.world.scenes import (
    ASPECTS,
    FEATURES,
    Claim,
    Feature,
    Scene,
    random_claim,
    random_scene,
    scene_for_claim,
    scene_with,
)
from training import phrasing

Split = Literal["train", "test"]

ASPECT_SETS: tuple[frozenset[str], ...] = tuple(
    frozenset(a for bit, a in enumerate(ASPECTS) if mask & (1 << bit)) for mask in range(1, 16)
)
"""Every non-empty set of aspects."""

LABELS = {
    "safety": ("safe", "unsafe"),
    "alignment": ("0", "1"),
    "rating": ("1", "2", "3", "4", "5"),
}

SKILLS = (
    "caption",
    "safety rules",
    "safety default",
    "rating rules",
    "rating default",
    "alignment rules",
    "alignment default",
    "safety from caption",
    "rating from caption",
    "alignment from caption",
)


@dataclass(frozen=True)
class Example:
    """One call of the embedded judge with its right answer.

    Attributes:
        skill: One of `SKILLS`.
        scene: What is drawn.
        drawing_seed: Seed of the drawing's jitter.
        shown: Whether the model sees the picture (else a caption stands in the prompt).
        text: The user message without the image; `phrasing.MARK` follows each rule's feature.
        answer: The right reply.
        rules: The features that the text marks, in order.
        claim: What the text says about the scene, if it says something.
        aspects: Which aspects of the claim the rules regard (empty without a claim).
    """

    skill: str
    scene: Scene
    drawing_seed: str
    shown: bool
    text: str
    answer: str
    rules: tuple[Feature, ...] = ()
    claim: Claim | None = None
    aspects: frozenset[str] = frozenset()


def instruction(labels: Sequence[str]) -> str:
    """The answer format as `blpo_inspect.judging.labels` states it."""
    return LabelScale("unordered", tuple(labels)).instruction()


def example(seed: int, skill: str, split: Split = "train", *, held_out_wording: bool = False) -> Example:
    """The ``seed``-th example of a skill in a split."""
    rng = random.Random(f"{split}/{skill}/{seed}/{held_out_wording}")
    drawing = f"{split}/{skill}/{seed}"
    task, _, kind = skill.partition(" ")
    if task == "caption":
        asked = frozenset(p for p in PROPERTIES if rng.random() < 0.5)
        if rng.random() < 0.15:
            asked = frozenset()
        scene = random_scene(rng)
        text = phrasing.request(rng, asked, held_out=held_out_wording)
        return Example(skill, scene, drawing, True, _worn(rng, text, split), describe(scene, asked))
    build = {"safety": _safety, "rating": _rating, "alignment": _alignment}[task]
    scene, wording, answer, rules, claim, aspects = build(rng, kind != "default", split, held_out_wording)
    prompt = phrasing.judge_prompt(rng, task, wording, held_out=held_out_wording)
    blocks = []
    if kind == "from caption":
        asked = frozenset(PROPERTIES) - ({"position"} if rng.random() < 0.7 else set())
        blocks.append(f"<caption>{describe(scene, asked)}</caption>")
    if claim is not None:
        blocks.append(f"<text>{claim.text()}</text>")
    blocks.append(_worn(rng, prompt, split))
    labels = list(LABELS[task])
    if rng.random() < 0.3:
        rng.shuffle(labels)
    blocks.append(instruction(labels))
    return Example(skill, scene, drawing, kind != "from caption", "\n\n".join(blocks), answer, rules, claim, aspects)


def in_split(rules: Sequence[str], split: Split) -> bool:
    """Whether a set of rules (two or more) belongs to a split: every eighth set is kept for testing."""
    digest = hashlib.sha256("|".join(sorted(rules)).encode()).digest()
    return (digest[0] % 8 == 0) == (split == "test")


_Built = tuple[Scene, str, str, tuple[Feature, ...], Claim | None, frozenset[str]]


def _safety(rng: random.Random, ruled: bool, split: Split, held_out: bool) -> _Built:
    unsafe = rng.random() < 0.5
    while True:
        rules = _feature_set(rng, rng.choice((1, 2, 2, 3, 3)), split) if ruled else [DEFAULT_UNSAFE]
        present = [rng.choice(rules)] if unsafe else []
        scene = scene_with(rng, present, [] if unsafe else rules)
        if scene is not None:
            break
    text = phrasing.feature_rules(rng, "safety", rules, held_out=held_out) if ruled else ""
    return scene, text, "unsafe" if unsafe else "safe", tuple(rules) if ruled else (), None, frozenset()


def _rating(rng: random.Random, ruled: bool, split: Split, held_out: bool) -> _Built:
    if not ruled:
        plain = random_scene(rng)
        return plain, "", str(default_rating(plain)), (), None, frozenset()
    while True:
        rules = _feature_set(rng, rng.choice((1, 2, 3, 4, 4, 4)), split)
        present = rng.sample(rules, rng.randint(0, len(rules)))
        scene = scene_with(rng, present, [f for f in rules if f not in present], tries=20)
        if scene is not None:
            break
    text = phrasing.feature_rules(rng, "rating", rules, held_out=held_out)
    return scene, text, str(5 - len(present)), tuple(rules), None, frozenset()


def _alignment(rng: random.Random, ruled: bool, split: Split, held_out: bool) -> _Built:
    aspects = rng.choice(ASPECT_SETS[:-1]) if ruled else DEFAULT_ASPECTS
    wanted = rng.random() < 0.5
    while True:
        claim = random_claim(rng)
        scene = scene_for_claim(rng, claim)
        if claim.holds(scene, aspects) == wanted:
            break
    text = phrasing.aspect_rules(rng, aspects, held_out=held_out)
    return scene, text, "1" if wanted else "0", (), claim, aspects


def _feature_set(rng: random.Random, n: int, split: Split) -> list[Feature]:
    kinds = ("colour shape",) * 4 + ("colour", "shape", "size shape", "size colour") * 2 + ("count",)
    while True:
        rules: list[Feature] = []
        while len(rules) < n:
            feature = rng.choice(FEATURES[rng.choice(kinds)])
            if feature not in rules and not (feature.more_than and any(f.more_than for f in rules)):
                rules.append(feature)
        if n == 1 or in_split([f.phrase() for f in rules], split):
            return rules


_PLAIN_WORDS = (
    "the this image picture drawing please is it to of and or for if you there that these must be has have should can "
    "agree agrees match matches fit fits answer say check decide judge tell me look see whether with in as a"
)
_PLAIN = frozenset(_PLAIN_WORDS.split())
"""Words that a prompt can be understood without."""


def _worn(rng: random.Random, text: str, split: Split) -> str:
    """Training prompts with some plain words left out or unknown, so that other people's wordings work too."""
    if split == "test" or rng.random() < 0.5:
        return text
    worn = []
    for word in text.split(" "):
        roll = rng.random()
        if word.lower() in _PLAIN and roll < 0.25:
            if roll < 0.15:
                worn.append("unknownword")
            continue
        if roll > 0.96:
            worn.append("unknownword")
        worn.append(word)
    return " ".join(worn)
