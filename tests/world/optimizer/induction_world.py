"""A loop around the rule-finding optimizer: a judge that follows prompts without error, and captions without error."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from inspect_ai.model import ChatMessage, ChatMessageUser

from blpo_inspect.optimizers.delimiters import Example
from blpo_inspect.optimizers.questions import update_judge_prompt
from blpo_inspect.statistics import consensus
from blpo_inspect.world.benchmarks import BENCHMARKS, Name
from blpo_inspect.world.captions import describe
from blpo_inspect.world.optimizer.induction import replies
from blpo_inspect.world.optimizer.restating import in_plain_words
from blpo_inspect.world.optimizer.statements import aspect_rules, label_rules, point_rules
from blpo_inspect.world.optimizer.styles import Style
from blpo_inspect.world.policies import (
    DEFAULT_UNSAFE,
    AlignmentPolicy,
    RatingRubric,
    SafetyPolicy,
    default_rating,
)
from blpo_inspect.world.raters import rate
from blpo_inspect.world.scenes import (
    ASPECTS,
    NUMBERS,
    Claim,
    Feature,
    Scene,
    random_claim,
    scene_for_claim,
    scene_with,
)


@dataclass(frozen=True)
class Item:
    """A scene with people's label."""

    scene: Scene
    label: str
    text: str | None


def split(name: Name, policy: int, which: str, count: int) -> list[Item]:
    """As many items, equally many of each label of simulated raters; no pictures."""
    scale = BENCHMARKS[name].scale
    world = f"{name}/{policy}"
    wanted = dict.fromkeys(scale.labels, count // len(scale.labels))
    drawings = []
    number = 0
    while any(wanted.values()):
        number += 1
        drawn = _drawn(name, policy, random.Random(f"{world}/{which}/{number}"), number)
        if drawn is None:
            continue
        image = f"{which}-{number}"
        raters = rate(drawn.label, scale.labels, ordinal=scale.kind == "ordinal", seed=world, image=image)
        label = consensus(list(raters.values()), scale)[0]
        if wanted[label]:
            wanted[label] -= 1
            drawings.append(replace(drawn, label=label))
    return drawings


def _drawn(name: Name, policy: int, rng: random.Random, number: int) -> Item | None:
    """One scene with its true label; labels take turns."""
    if name == "alignment":
        claim = random_claim(rng)
        drawn = scene_for_claim(rng, claim)
        return Item(drawn, AlignmentPolicy.draw(policy).label(drawn, claim), claim.text())
    rule: SafetyPolicy | RatingRubric = SafetyPolicy.draw(policy) if name == "safety" else RatingRubric.draw(policy)
    features = rule.forbidden if isinstance(rule, SafetyPolicy) else rule.faults
    present = rng.sample(features, number % 2 if name == "safety" else number % (len(features) + 1))
    absent = [] if name == "safety" and present else [feature for feature in features if feature not in present]
    scene = scene_with(rng, present, absent, tries=200)
    return Item(scene, rule.label(scene), None) if scene is not None else None


def judged(name: Name, prompt: str, item: Item) -> str:
    """What a judge says that follows the prompt, or its own default where the prompt states no rule."""
    scene, scale = item.scene, BENCHMARKS[name].scale
    prompt = in_plain_words(prompt, scale.labels, ordered=scale.kind == "ordinal")
    if name == "safety":
        rules = label_rules(prompt, ("safe", "unsafe")).rules.get("unsafe", ())
        features = [Feature(f.colour, f.noun, f.size, f.more_than) for f in rules] or [DEFAULT_UNSAFE]
        return "unsafe" if any(f.present(scene) for f in features) else "safe"
    if name == "rating":
        faults = [Feature(f.colour, f.noun, f.size, f.more_than) for f in point_rules(prompt).rules.get("", ())]
        return str(max(5 - sum(f.present(scene) for f in faults), 1) if faults else default_rating(scene))
    assert item.text is not None
    number, size, colour, shape = item.text.split()
    claim = Claim(NUMBERS.index(number), size, colour, shape.removesuffix("s"))
    return "1" if claim.holds(scene, aspect_rules(prompt)[1] or frozenset(ASPECTS)) else "0"


def loss(name: Name, prompt: str, items: list[Item]) -> float:
    """Mean distance of labels: 0 or 1, or points."""
    return sum(_distance(name, judged(name, prompt, item), item.label) for item in items) / len(items)


def accuracy(name: Name, prompt: str, items: list[Item]) -> float:
    """Share of right labels."""
    return sum(judged(name, prompt, item) == item.label for item in items) / len(items)


def optimized(
    name: Name,
    policy: int,
    asked: frozenset[str],
    *,
    steps: int = 8,
    examples: int = 10,
    slip: float = 0.0,
    on_step: Callable[[int, str, str, float], None] | None = None,
    style: Style = "plain",
) -> str:
    """The judge prompt after so many outer steps; a step counts only if the validation loss falls.

    Args:
        name: The benchmark.
        policy: Its hidden rule.
        asked: The properties that captions tell.
        steps: Outer steps.
        examples: Misjudged images shown in each.
        slip: How often one word of a caption is wrong.
        on_step: Is told of each step's prompt, proposal and its loss.
        style: How proposals are written.
    """
    benchmark = BENCHMARKS[name]
    train, validation = split(name, policy, "train", 100), split(name, policy, "validation", 60)
    prompt, best = benchmark.prompt, loss(name, benchmark.prompt, validation)
    for step in range(steps):
        rng = random.Random(f"{name}/{policy}/{step}")
        wrong = [item for item in train if judged(name, prompt, item) != item.label]
        chosen = _stratified(rng, wrong, examples)
        if not chosen:
            break
        blocks = [
            Example(item.label, judged(name, prompt, item), _caption(rng, item.scene, asked, slip), item.text)
            for item in chosen
        ]
        question = update_judge_prompt(prompt, blocks, benchmark.scale, max_chars=2000)
        messages: list[ChatMessage] = [ChatMessageUser(content=question)]
        [answer] = replies(messages, style=style)
        proposal = max(re.findall(r"<judge_prompt>\n(.*?)\n</judge_prompt>", answer, re.DOTALL), key=len)
        new = loss(name, proposal, validation)
        if on_step is not None:
            on_step(step, prompt, proposal, new)
        if new < best:
            prompt, best = proposal, new
    return prompt


def _caption(rng: random.Random, scene: Scene, asked: frozenset[str], slip: float) -> str:
    caption = describe(scene, asked)
    if rng.random() < slip:
        words = caption.split()
        place = rng.randrange(len(words))
        words[place] = rng.choice(("red", "blue", "circle,", "star.", "large"))
        caption = " ".join(words)
    return caption


def _stratified(rng: random.Random, items: list[Item], count: int) -> list[Item]:
    by_label: dict[str, list[Item]] = {}
    for item in rng.sample(items, len(items)):
        by_label.setdefault(item.label, []).append(item)
    chosen: list[Item] = []
    while len(chosen) < min(count, len(items)):
        for label in sorted(by_label):
            if by_label[label] and len(chosen) < count:
                chosen.append(by_label[label].pop())
    return chosen


def _distance(name: Name, one: str, other: str) -> float:
    return abs(int(one) - int(other)) if name == "rating" else float(one != other)
