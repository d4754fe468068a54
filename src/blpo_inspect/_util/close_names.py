"""What somebody probably meant who typed a name that is none."""

from collections.abc import Iterable
from difflib import get_close_matches


def close_to(name: str, others: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of some names that a name is probably a slip of, whatever its case; None if it is like none of them.

    Args:
        name: What was typed.
        others: The names that there are.
        cutoff: The least ratio of difflib, 0 to 1, that counts as close.
    """
    folded = {other.casefold(): other for other in others}
    matches = get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return folded[matches[0]] if matches else None
