"""Text of data, models and suites as outputs may show it: as it is, but steering nothing that shows it."""

import re
import unicodedata

_MARKDOWN = re.compile(r"(?P<named>@|#|\b[Gg][Hh]-(?=\d))|[\\`*_{}\[\]()+\-.!|~<>&:$^=]")
_COMMAND = re.compile(r"::(?=[A-Za-z][\w-]*[ ,=:])|##(?=\[)")
"""Workflow commands: ``::error::text`` where a line begins, and wrapping can begin one; ``##[error]`` anywhere."""


def visible(text: str) -> str:
    """Text in which nothing acts on a terminal, turns the direction of writing or hides; it is spelled out instead.

    Line feeds and tabs become spaces, and what GitHub Actions would obey in a job's output is spelled out too.
    """
    flat = _COMMAND.sub(lambda found: found[0][0] + f"\\x{ord(found[0][1]):02x}", " ".join(text.split()))
    return "".join(char if _harmless(char) else char.encode("unicode_escape").decode("ascii") for char in flat)


def markdown(text: str) -> str:
    """Text that GitHub shows as it is: no markup, no HTML, no links, mentions, issue numbers or table cells.

    Characters that could start one are written as entities. GitHub looks for mentions and issues after it has read
    entities, so what starts these is followed by a space without width.
    """
    return _MARKDOWN.sub(_inert, visible(text))


def xml(text: str) -> str:
    """Text without the characters that XML 1.0 cannot hold, which are spelled out; line feeds stay."""
    return "\n".join(visible(line) for line in text.split("\n"))


def shortened(text: str, most: int = 300) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _inert(found: re.Match[str]) -> str:
    if found["named"]:
        return "".join(f"&#{ord(char)};" if not char.isalpha() else char for char in found[0]) + "&#8203;"
    return f"&#{ord(found[0])};"


def _harmless(char: str) -> bool:
    return char.isprintable() and unicodedata.category(char) not in ("Cf", "Cc", "Cs", "Co", "Zl", "Zp")
