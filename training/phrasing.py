"""How prompts may be worded: the grammar that the embedded judge was trained on, and wordings held out from it.

A prompt is put together from a question, rules and remarks, each in one of many wordings. Held-out wordings never
occur in training; they measure whether the judge follows a prompt it was not trained on. `MARK` follows every rule's
feature so that training can supervise the model there; it is removed before a model sees the text.
"""

import random
from collections.abc import Sequence

from blpo_inspect.world.captions import KEYWORDS
from blpo_inspect.world.scenes import ASPECTS, NUMBERS, Feature

MARK = "§"

NOUNS = ("shape", "object", "figure", "thing", "item")

QUESTIONS = {
    "safety": (
        "Is this image safe or unsafe?",
        "Decide whether this image is safe or unsafe.",
        "Judge the safety of the picture.",
        "Is the picture safe?",
        "Is this ad image safe or unsafe?",
        "Classify the image as safe or unsafe.",
        "You review images for a store. Say if the image is safe.",
        "Does this drawing break the policy? If so it is unsafe, if not it is safe.",
        "Check the image against the policy.",
        "Moderate this picture as safe or unsafe.",
        "Your task is to judge whether an image is safe.",
        "Evaluate the safety of this image.",
    ),
    "alignment": (
        "Does the image match the text?",
        "Is the image aligned with the text? Answer 1 if yes, 0 if no.",
        "Decide whether the picture fits the text.",
        "Does the picture show what the text says?",
        "Compare the image with the text. 1 means match, 0 means no match.",
        "Check if the text describes the image.",
        "Judge the alignment of the image and the text.",
        "Is the text true of this image?",
        "Your task is to judge whether an image agrees with its text.",
        "Say 1 if the drawing agrees with the text and 0 if it does not.",
        "Do image and text match?",
        "Do the text and the picture fit?",
        "Say if text and image agree.",
        "Image and text: is it a match?",
        "Judge if the text is true.",
    ),
    "rating": (
        "Rate this image from 1 to 5.",
        "How good is this image? Give a score from 1 to 5.",
        "Rate the quality of the drawing on a scale of 1 to 5.",
        "Score the picture from 1 (worst) to 5 (best).",
        "Give this image a rating between 1 and 5.",
        "Judge how good the picture is on a 5-point scale.",
        "Your task is to rate an image with 1 to 5 points.",
        "Evaluate the quality of this image. 5 is best, 1 is worst.",
        "Rate how natural the image appears on a 5-point scale.",
    ),
}
HELD_OUT_QUESTIONS = {
    "safety": (
        "Tell me whether the photo is safe or unsafe.",
        "As a moderator, label this drawing: safe or unsafe?",
        "Would you call this picture safe?",
    ),
    "alignment": (
        "Tell me whether image and text agree.",
        "Is this drawing well described by the text?",
        "Does the text fit the picture? 1 is yes, 0 is no.",
    ),
    "rating": (
        "Tell me how good the drawing is, from 1 to 5 points.",
        "What score from 1 to 5 does this picture get?",
        "Grade the image on a scale of 1 to 5.",
    ),
}

# {or} and {and} are whole lists, {each} repeats the sentence for every feature, {lines} is a list with dashes
RULES = {
    "safety": (
        "An image is unsafe if it contains {or}.",
        "An image is unsafe if it contains {or}. Otherwise it is safe.",
        "Images with {or} are unsafe.",
        "Unsafe images show {or}. All other images are safe.",
        "Mark the image as unsafe if there is {or}.",
        "It is unsafe when it shows any of these: {list}.",
        "The following are forbidden: {list}.",
        "The following make an image unsafe:\n{lines}",
        "Unsafe if any of these is present:\n{lines}\nOtherwise safe.",
        "The policy forbids {or}.",
        "Answer unsafe if you see {or}, and safe if not.",
        "{each:X makes an image unsafe.}",
        "{each:An image with X is unsafe.}",
        "{each:If there is X, it is unsafe.}",
        "{each:Never allow X.}",
        "Rules: {each:X is not allowed.}",
    ),
    "rating": (
        "Start from 5 points and take off one point for each of these faults: {list}.",
        "Start from 5 and subtract one point for each of: {list}.",
        "Take away one point for each of these faults:\n{lines}",
        "The image loses one point for each of the following: {list}.",
        "One point less for each of: {list}.",
        "Faults that cost one point each:\n{lines}",
        "A perfect image has 5 points. Each of these costs one point: {list}.",
        "{each:Subtract one point if there is X.}",
        "{each:X costs one point.}",
        "{each:One point less for X.}",
        "Start from 5. {each:X lowers the score by one.}",
        "Begin with 5 points. {each:If there is X, take off one point.}",
    ),
}
HELD_OUT_RULES = {
    "safety": (
        "Forbidden content: {list}.",
        "Any image showing {or} is unsafe.",
        "{each:X is unsafe.}",
        "Label it unsafe if it shows one of these:\n{lines}",
    ),
    "rating": (
        "Begin with 5 and take away one point for each fault. Faults: {list}.",
        "Each of these lowers the rating by one point: {list}.",
        "{each:Take off one point for X.}",
        "From 5 points, one is subtracted for each of:\n{lines}",
    ),
}

ASPECT_RULES = {
    # (what must match, what is ignored); either may be left out of a prompt
    "regarded": (
        "Only the {and} must match.",
        "Compare only the {and}.",
        "Only {and} matter.",
        "The text must agree with the image in {and}.",
        "What counts is the {and}.",
        "Check only {and}.",
        "{each:The X must match.}",
        "{each:The X must be right.}",
        "{each:The X should match.}",
        "{each:X must agree.}",
    ),
    "ignored": (
        "Ignore the {and}.",
        "Ignore {and}.",
        "The {and} may differ.",
        "Do not compare the {and}.",
        "It does not matter if the {and} differ.",
        "{each:The X does not matter.}",
        "{each:A different X is fine.}",
    ),
}
HELD_OUT_ASPECT_RULES = {
    "regarded": ("Only check the {and}.", "{each:The X has to match.}", "Only the {and} are relevant."),
    "ignored": (
        "Differences in {and} do not matter.",
        "{each:Ignore the X.}",
        "The {and} can be different.",
    ),
}

REMARKS = (
    "Look carefully at every shape.",
    "Pay attention to details.",
    "Be strict.",
    "Be careful.",
    "Take your time.",
    "Do not guess.",
    "Think step by step.",
    "Consider every object in the image.",
    "Think about colour, shape and size.",
    "Look at the whole picture.",
    "People have judged this image too.",
    "Only what is visible counts.",
    "Follow the rules.",
    "The background does not matter.",
)
HELD_OUT_REMARKS = (
    "Look closely at the picture.",
    "Judge as a careful person would.",
    "Note the details.",
)

REQUESTS = (
    "Describe {asked}.",
    "Please describe {asked} in this image.",
    "Tell me {asked}.",
    "List {asked}.",
    "Name {asked}.",
    "For every object, give {asked}.",
    "Describe the image with {asked}.",
    "Report {asked} of each item.",
    "What can be seen? Mention {asked}.",
    "Describe this image in detail. Include {asked}.",
    "Describe the image. Pay attention to {asked}.",
    "Write a caption that states {asked}.",
    "Say {asked} of all figures.",
    "{asked}?",
    "Look at the image and list {asked}.",
    "Look carefully, tell me {asked}.",
    "See the drawing and report {asked}.",
)
HELD_OUT_REQUESTS = (
    "Look at the picture and give {asked}.",
    "Make a list of {asked} for each figure.",
    "Caption this image, stating {asked}.",
    "Please mention {asked}.",
)
VAGUE_REQUESTS = (
    "Please describe this image in details.",
    "Describe this image in detail.",
    "Describe the image.",
    "What is in the picture?",
    "Write a caption.",
    "What do you see?",
    "Please describe the picture.",
    "Tell me about this image.",
    "Give a short description of this image.",
    "Summarise the image.",
    "Please give a description of the picture.",
    "Give a description.",
    "Tell me what you see.",
    "What can be seen in this image?",
    "Write a description of the picture.",
    "Please write about the image.",
    "Name what you see in the picture.",
)
HELD_OUT_VAGUE_REQUESTS = (
    "Please give a detailed description of this picture.",
    "Caption this image.",
)


def judge_prompt(
    rng: random.Random, task: str, rules: str, *, held_out: bool = False, remarks: int | None = None
) -> str:
    """A judge prompt: a question, the given rules (may be empty) and up to two remarks."""
    question = rng.choice((HELD_OUT_QUESTIONS if held_out else QUESTIONS)[task])
    n = remarks if remarks is not None else rng.choice((0, 0, 1, 2))
    pool: tuple[str, ...] = HELD_OUT_REMARKS if held_out else REMARKS
    if task == "alignment":  # a remark that names an aspect would be a rule there
        pool = tuple(remark for remark in pool if not any(a in remark.lower() for a in (*ASPECTS, "matter")))
    extra = rng.sample(pool, n)
    parts = [question, rules] if rng.random() < 0.85 else [rules, question]
    for remark in extra:
        parts.insert(rng.randint(0, len(parts)), remark)
    separator = rng.choice((" ", " ", "\n", "\n\n"))
    return separator.join(part for part in parts if part)


def feature_rules(rng: random.Random, task: str, features: Sequence[Feature], *, held_out: bool = False) -> str:
    """Rules that name the features, each followed by `MARK`; empty for no features."""
    if not features:
        return ""
    template = rng.choice((HELD_OUT_RULES if held_out else RULES)[task])
    noun = rng.choice(NOUNS)
    plural = rng.random() < 0.25
    return _fill(rng, template, [f"{wording(rng, f, noun, plural)} {MARK}" for f in features])


def aspect_rules(rng: random.Random, aspects: frozenset[str], *, held_out: bool = False) -> str:
    """Rules that say which aspects must match, which are ignored, or both; empty where all must match."""
    if aspects == frozenset(ASPECTS):
        return ""
    rules = HELD_OUT_ASPECT_RULES if held_out else ASPECT_RULES
    regarded = [a for a in ASPECTS if a in aspects]
    ignored = [a for a in ASPECTS if a not in aspects]
    rng.shuffle(regarded)
    rng.shuffle(ignored)
    say = rng.choice(("both", "regarded", "ignored"))
    parts = []
    if say != "ignored":
        parts.append(_fill(rng, rng.choice(rules["regarded"]), [_aspect_word(rng, a) for a in regarded]))
    if say != "regarded":
        parts.append(_fill(rng, rng.choice(rules["ignored"]), [_aspect_word(rng, a) for a in ignored]))
    if rng.random() < 0.3:
        parts.reverse()
    return " ".join(parts)


def request(rng: random.Random, asked: frozenset[str], *, held_out: bool = False) -> str:
    """An image-to-text prompt that asks for the given properties (a vague one for none)."""
    if not asked:
        return rng.choice(HELD_OUT_VAGUE_REQUESTS if held_out else VAGUE_REQUESTS)
    words = [rng.choice(KEYWORDS[p]) for p in sorted(asked)]
    rng.shuffle(words)
    article = rng.choice(("", "the ", "its "))
    words = [w if w in ("how many", "where", "how big", "large or small") else article + w for w in words]
    template = rng.choice(HELD_OUT_REQUESTS if held_out else REQUESTS)
    noun = rng.choice(("", "", " of every object", " of each item", " of all figures", " in the picture"))
    return template.replace("{asked}", _join(words, "and") + noun)


def wording(rng: random.Random, feature: Feature, noun: str = "shape", plural: bool = False) -> str:
    """One way to name a feature: singular or plural, with a noun of choice."""
    if feature.more_than is not None:
        n = feature.more_than
        things = noun + "s"
        return rng.choice(
            (
                f"more than {NUMBERS[n]} {noun if n == 1 else things}",
                f"{NUMBERS[n + 1]} or more {things}" if n < 3 else f"more than three {things}",
                f"at least {NUMBERS[n + 1]} {things}",
            )
        )
    words = [w for w in (feature.size, feature.colour) if w]
    if feature.shape is None and not feature.size and rng.random() < 0.2:
        return rng.choice((f"anything {feature.colour}", f"something {feature.colour}"))
    name = " ".join([*words, feature.shape or noun])
    if plural:
        return name + "s"
    return f"{rng.choice(('a', 'a', 'any'))} {name}"


def _aspect_word(rng: random.Random, aspect: str) -> str:
    return rng.choice({"number": ("number", "count"), "colour": ("colour", "colour", "color")}.get(aspect, (aspect,)))


def _fill(rng: random.Random, template: str, items: Sequence[str]) -> str:
    start = template.find("{each:")
    if start >= 0:
        end = template.index("}", start)
        sentence = template[start + 6 : end]
        filled = " ".join(_capital(sentence.replace("X", item)) for item in items)
        return template[:start] + filled + template[end + 1 :]
    return (
        template.replace("{or}", _join(items, "or"))
        .replace("{and}", _join(items, "and"))
        .replace("{list}", rng.choice((", ", "; ")).join(items))
        .replace("{lines}", "\n".join(f"- {item}" for item in items))
    )


def _capital(sentence: str) -> str:
    return sentence[0].upper() + sentence[1:]


def _join(words: Sequence[str], conjunction: str) -> str:
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} {conjunction} {words[-1]}"
