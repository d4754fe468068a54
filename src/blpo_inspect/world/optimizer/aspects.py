"""Induces the aspects in which text and image must agree, from misjudged pairs of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from blpo_inspect.world.optimizer.language import CaptionClaim, Description, shown
from blpo_inspect.world.optimizer.statements import ASPECTS

_NOISE = 0.05
_CHANGE = 0.5
"""What every aspect that changes its role must be worth, as the logarithm of odds."""

_FIELDS = {"size": "size", "colour": "colour", "shape": "noun"}


@dataclass(frozen=True)
class ClaimedCaption:
    """A text about an image, its caption, whether people say that they agree, and whether the judge is right."""

    claim: CaptionClaim
    description: Description
    agree: bool
    right: bool = False


@dataclass(frozen=True)
class Regard:
    """The aspects that must match, how plausible that is, and how many pairs it explains."""

    aspects: frozenset[str]
    score: float
    explained: int


def induce(pairs: Sequence[ClaimedCaption], stated: frozenset[str] | None) -> list[Regard]:
    """Other sets of aspects than the stated one that explain more than the judge gets right, the most plausible first.

    Aspects that neither all texts nor the captions tell stay as they are; where nothing is stated, all must match.
    """
    regarded = stated if stated is not None else frozenset(ASPECTS)
    visible = shown(pair.description for pair in pairs)
    claimed = {a for a in ASPECTS if any(_claims(pair.claim, a) for pair in pairs)}
    open_ones = [a for a in ASPECTS if a in claimed and _FIELDS.get(a, "number") in visible]
    fixed = regarded - set(open_ones)
    better = []
    explained = sum(pair.right for pair in pairs)
    for size in range(len(open_ones) + 1):
        for chosen in combinations(open_ones, size):
            aspects = fixed | set(chosen)
            if not aspects or aspects == regarded:
                continue
            right = sum(holds(pair.claim, pair.description, frozenset(chosen)) == pair.agree for pair in pairs)
            wrong = len(pairs) - right
            score = right * math.log(1 - _NOISE) + wrong * math.log(_NOISE) - _CHANGE * len(aspects ^ regarded)
            if right > explained:
                better.append(Regard(aspects, score, right))
    return sorted(better, key=lambda regard: (-round(regard.score, 6), sorted(regard.aspects)))


def holds(claim: CaptionClaim, description: Description, aspects: frozenset[str]) -> bool:
    """Whether the text is true of the image in the given aspects.

    Of the things that agree in size, colour and shape (those of them that are regarded) there must be exactly as many
    as claimed where the number is regarded, at least one where it is not.
    """
    fields = [_FIELDS[a] for a in sorted(aspects) if a in _FIELDS and _claims(claim, a)]
    if fields or description.things:
        matching = sum(
            all(getattr(claim.thing, name) == getattr(thing, name) for name in fields) for thing in description.things
        )
    else:
        matching = description.number or 0
    return matching == claim.number if "number" in aspects and claim.number is not None else matching > 0


def _claims(claim: CaptionClaim, aspect: str) -> bool:
    return claim.number is not None if aspect == "number" else getattr(claim.thing, _FIELDS[aspect]) is not None
