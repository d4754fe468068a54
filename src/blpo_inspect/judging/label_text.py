"""Labels as people write them: what of their text counts, and which of them are numbers. Knows no scale."""

import re
import unicodedata
from functools import lru_cache

# more digits before the point would make different numbers equal
_NUMBER = re.compile(r"[-−+]?(?:[0-9]{1,15}(?:[.,][0-9]{1,40})?|[.,][0-9]{1,40})(?:e[-+]?[0-9]{1,2})?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[-−+]?[1-9][0-9]{0,2},[0-9]{3}")
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    # joiners make one emoji of several, and belong to words of some scripts; beside ASCII they are stray
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)


@lru_cache(maxsize=4096)
def clean(text: str) -> str:
    """A text in NFC, without characters that nobody sees, with single spaces and none around it."""
    return " ".join(unicodedata.normalize("NFC", _UNSEEN.sub("", text)).split())


def has_unseen(text: str) -> bool:
    """Whether a text has characters that nobody sees."""
    return _UNSEEN.search(text) is not None


def number(text: str) -> float | None:
    """The number that a label is (``4``, ``-0.5``, ``.5``, ``0,5``, ``1e-05``); None for other texts and ``1,000``."""
    if not _NUMBER.fullmatch(text) or _THOUSANDS.fullmatch(text):
        return None
    return float(text.replace(",", ".").replace("−", "-"))


def plain_number(value: float) -> str:
    """A number as a label: without decimals where it has none."""
    return str(int(value)) if value.is_integer() else repr(value)
