"""What of a log may be shown to others: no keys, no passwords in addresses, no folders of this machine."""

import re
from collections.abc import Mapping
from typing import Any

from blpo_inspect._util.text import without_credentials
from blpo_inspect.cache.model_identity import public

REMOVED = "(left out)"

_KEY = re.compile(r"\b(?:sk|pk|rk|hf|ghp|gho|github_pat|glpat|xox[abp]|AKIA|AIza)[-_]?[A-Za-z0-9_\-]{16,}")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{12,}")
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s'\"<>]+")
_FOLDERS = re.compile(r"(?<![\w.:/-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>:]+[/\\])+")


def plain(value: Any) -> Any:
    """A JSON copy without what is named like a secret or looks like one, and with folders cut off paths."""
    return _walked(public(value))


def text(raw: str) -> str:
    """A text without what looks like a key, without passwords in addresses, and with folders cut off paths."""
    without_keys = _BEARER.sub(rf"\1 {REMOVED}", _KEY.sub(REMOVED, raw))
    return _FOLDERS.sub("…/", _URL.sub(_address, without_keys))


def model_name(name: str) -> str:
    """A model's name, in which a folder of this machine is cut to its last part."""
    provider, slash, rest = name.partition("/")
    return f"{provider}{slash}…/{rest.rstrip('/').rpartition('/')[2]}" if rest.startswith("/") else text(name)


def file_name(source: str) -> str:
    """A file's name without its folders, which is what others may see of it."""
    return source.rstrip("/").rpartition("/")[2] or source


def _address(match: re.Match[str]) -> str:
    url = match.group()
    if url.startswith("file:"):
        return "…/" + url.rpartition("/")[2]
    try:
        return without_credentials(url)
    except ValueError:
        return REMOVED


def _walked(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {name: _walked(inner) for name, inner in value.items()}
    return [_walked(inner) for inner in value] if isinstance(value, list) else value
