"""What of a log may be shown to others: no keys, no passwords in addresses, no folders of this machine."""

import re
from collections.abc import Mapping
from typing import Any

from blpo_inspect._util.text import without_secrets
from blpo_inspect.cache.model_identity import public

_FOLDERS = re.compile(r"(?<![\w.:/-])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"<>:]+[/\\])+")


def plain(value: Any) -> Any:
    """A JSON copy without what is named like a secret or looks like one, and with folders cut off paths."""
    return _walked(public(value))


def text(raw: str) -> str:
    """A text without what looks like a key, without passwords in addresses, and with folders cut off paths."""
    return _FOLDERS.sub("…/", without_secrets(raw))


def model_name(name: str) -> str:
    """A model's name, in which a folder of this machine is cut to its last part."""
    provider, slash, rest = name.partition("/")
    return f"{provider}{slash}…/{rest.rstrip('/').rpartition('/')[2]}" if rest.startswith("/") else text(name)


def file_name(source: str) -> str:
    """A file's name without its folders, which is what others may see of it."""
    return source.rstrip("/").rpartition("/")[2] or source


def _walked(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        return {name: _walked(inner) for name, inner in value.items()}
    return [_walked(inner) for inner in value] if isinstance(value, list) else value
