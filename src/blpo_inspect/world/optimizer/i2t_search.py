"""Searches for an I2T prompt: over sets of properties to ask about, guided by scores alone.

The menu has properties of pictures in general. Only the scores show which of them are useful.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

from blpo_inspect.world.optimizer.language import joined
from blpo_inspect.world.optimizer.question_parser import ScoredText

MENU = {
    "background": ("background", r"backgrounds?"),
    "colour": ("colours", r"colou?rs?"),
    "lighting": ("lighting", r"lighting|light|brightness"),
    "number": ("number", r"how many|numbers?|count"),
    "position": ("positions", r"positions?|where|places?|locations?"),
    "shape": ("shapes", r"shapes?|forms?"),
    "size": ("sizes", r"sizes?|how big|how large|large or small"),
    "texture": ("textures", r"textures?"),
}
"""Property → how it is asked for, and the words by which an earlier request is seen to ask for it."""

_CHUNK = 3
"""Properties added at once: a search one by one would take longer than an optimizer runs."""


def asked(request: str) -> frozenset[str]:
    """The properties on the menu that a request asks for."""
    return frozenset(
        name for name, (_, words) in MENU.items() if re.search(rf"\b(?:{words})\b", request, re.IGNORECASE)
    )


def request(properties: frozenset[str]) -> str:
    """A request for the given properties; a general request for none."""
    wanted = [wording for name, (wording, _) in MENU.items() if name in properties]
    return f"Describe the image. Pay attention to {joined(wanted, 'and')}." if wanted else "Describe the image."


def proposals(tried: Sequence[ScoredText]) -> Iterator[tuple[frozenset[str], str]]:
    """Sets of properties that were not tried, the most promising first, each with a reason.

    First what no request has asked for is added to the best request, a few properties at a time; then what helped is
    put together; then the best request is asked with one property less; then all the rest.
    """
    scores: dict[frozenset[str], ScoredText] = {}
    for scored in tried:
        properties = asked(scored.text)
        scores[properties] = max(scored, scores.get(properties, scored), key=lambda other: other.score)
    top = max(scores.values(), key=lambda scored: scored.score, default=None)

    def rank(properties: frozenset[str]) -> tuple[float, int, list[str]]:
        """Of requests that score alike, as far as errors tell, first what asks for more: the rest does no harm."""
        own = scores[properties]
        alike = top is not None and own.score >= top.score - max(own.error, top.error)
        return (-top.score if alike and top is not None else -own.score), -len(properties), sorted(properties)

    ranked = sorted(scores, key=rank)
    best = ranked[0] if ranked else frozenset()
    for properties, reason in _ideas(ranked, best):
        if properties and properties not in scores:
            scores[properties] = ScoredText("", float("-inf"))
            yield properties, reason


def _ideas(ranked: Sequence[frozenset[str]], best: frozenset[str]) -> Iterator[tuple[frozenset[str], str]]:
    known = frozenset().union(*ranked)
    fresh = [name for name in MENU if name not in known]
    if fresh:
        chunk = fresh[:_CHUNK]
        yield best | set(chunk), f"No request has asked for {joined(chunk, 'and')} so far; the best one may lack it."
    for other in ranked[1:]:
        yield best | other, "The best requests may tell more together than each alone."
    for name in MENU:
        if name not in best:
            yield best | {name}, f"The best request does not ask for {name}."
    for name in MENU:
        if name in best:
            yield best - {name}, f"The best request may do as well without {name}."
    for size in range(len(MENU), 0, -1):
        for names in combinations(MENU, size):
            yield frozenset(names), "This combination has not been tried."
