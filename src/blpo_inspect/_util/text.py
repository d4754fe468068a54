"""Text from images, models, logs and tables, as outputs may show it: as it is, but steering nothing that shows it."""

import re
from urllib.parse import urlsplit, urlunsplit

_MARKDOWN = re.compile(r"(?P<named>@|#|\b[Gg][Hh]-(?=\d))|[\\`*_{}\[\]()+\-.!|~<>&:$^=]")
_COMMAND = re.compile(r"::(?=[A-Za-z][\w-]*[ ,=:])|##(?=\[)")
"""Workflow commands: ``::error::text`` where a line begins, and wrapping can begin one; ``##[error]`` anywhere."""

_REMOVED = "(left out)"
_KEY = re.compile(r"\b(?:sk|pk|rk|hf|ghp|gho|github_pat|glpat|xox[abp]|AKIA|AIza)[-_]?[A-Za-z0-9_\-]{16,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{12,}")
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s'\"<>]+")


def printable(text: str) -> str:
    """Text in which every character that would act on a terminal, turn the direction of writing or hide is spelled out.

    Line feeds and tabs are such characters too.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)


def visible(text: str) -> str:
    """`printable` text on one line: line feeds and tabs become spaces.

    What GitHub Actions would obey in a job's output is spelled out too.
    """
    flat = _COMMAND.sub(lambda found: found[0][0] + f"\\x{ord(found[0][1]):02x}", " ".join(text.split()))
    return printable(flat)


def visible_lines(text: str) -> str:
    """`visible` text that keeps its line feeds; has no character that XML 1.0 cannot hold."""
    return "\n".join(visible(line) for line in text.split("\n"))


def markdown(text: str) -> str:
    """Text that GitHub shows as it is: no markup, no HTML, no links, mentions, issue numbers or table cells.

    Characters that could start one are written as entities. GitHub looks for mentions and issues after it has read
    entities, so what starts these is followed by a space without width.
    """
    return _MARKDOWN.sub(_inert, visible(text))


def shortened(text: str, most: int = 300) -> str:
    """Text of at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def without_credentials(url: str) -> str:
    """The address without user, password, query and fragment, where keys travel."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def without_secrets(raw: str) -> str:
    """A text without what looks like a key, and without passwords and queries in addresses."""
    return _URL.sub(_address, _BEARER.sub(rf"\1 {_REMOVED}", _KEY.sub(_REMOVED, raw)))


def _address(match: re.Match[str]) -> str:
    url = match.group()
    if url.startswith("file:"):
        return "…/" + url.rpartition("/")[2]
    try:
        return without_credentials(url)
    except ValueError:
        return _REMOVED


def _inert(found: re.Match[str]) -> str:
    if found["named"]:
        return "".join(f"&#{ord(char)};" if not char.isalpha() else char for char in found[0]) + "&#8203;"
    return f"&#{ord(found[0])};"
