"""A prompt in other words that mean the same: general synonyms, a few at a time."""

import re
from collections.abc import Iterable, Iterator
from itertools import combinations

SYNONYMS = (
    ("image", "picture"),
    ("picture", "image"),
    ("drawing", "picture"),
    ("photo", "picture"),
    ("contains", "shows"),
    ("decide whether", "say whether"),
    ("rate", "score"),
    ("fits", "matches"),
)
"""Words and what stands in for them; plurals and capitals follow."""


def rewordings(prompt: str) -> Iterator[str]:
    """Other wordings of a prompt, those with one word replaced first."""
    usable = [pair for pair in SYNONYMS if _replaced(prompt, [pair]) != prompt]
    for size in range(1, len(usable) + 1):
        for chosen in combinations(usable, size):
            if len({word for pair in chosen for word in pair}) == 2 * size:  # none of them undoes another
                yield _replaced(prompt, chosen)


def _replaced(prompt: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The prompt with words replaced; what stands in braces is a placeholder and keeps its name."""
    words = dict(pairs)
    pattern = rf"(?<!\{{)\b(an? )?({'|'.join(words)})(s?)\b(?!\}})"

    def other(match: re.Match[str]) -> str:
        new = words[match[2].lower()] + match[3]
        text = f"{'an' if new[0] in 'aeiou' else 'a'} {new}" if match[1] else new
        return text[0].upper() + text[1:] if match[0][0].isupper() else text

    return re.sub(pattern, other, prompt, flags=re.IGNORECASE)
