"""What a cell of a table holds: nothing, or a text."""

import math
from typing import Any


def is_given(value: Any) -> bool:
    """Whether a cell holds anything but white space."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return not isinstance(value, str) or value.strip() != ""


def text_of(value: Any, *, nested: bool = False) -> str | None:
    """A cell as text; None for an empty one.

    Args:
        value: The cell.
        nested: Whether lists and mappings are taken as they would be printed.

    Raises:
        TypeError: It holds no text.
        ValueError: It holds half of a surrogate pair, which no request and no log can hold.
    """
    if not is_given(value):
        return None
    if isinstance(value, bytes | list | tuple | dict) and not nested:
        raise TypeError(f"is a {type(value).__name__}, not text")
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"has half of a character (a lone surrogate): {text:.80}") from None
    return text
