"""LOGS of the command line → log files: files, folders and patterns, on disk or wherever fsspec reaches."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from blpo_inspect._util.inspect_internals import filesystem
from blpo_inspect.cache.logs import is_remote
from blpo_inspect.logs import redaction

_PATTERN = frozenset("*?[")


def find(given: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The log files, each once and sorted, and what was named but holds none, with the reason.

    A folder stands for all logs below it; Inspect's own files beside logs are passed over. Patterns are those of a
    shell; ``**`` stands for any folders.
    """
    logs: set[str] = set()
    missing: dict[str, str] = {}
    for name in given:
        try:
            files = set(_files(name))
        except (OSError, ValueError, ImportError) as error:
            missing[name] = redaction.text(str(error).partition("\n")[0])
            continue
        if not files:
            missing[name] = "no such log, or a folder without logs"
        logs |= files
    return sorted(logs), missing


def _files(name: str) -> Iterator[str]:
    address = name.removeprefix("file://")
    scheme = address.partition("://")[0]
    fs = filesystem(address).fs
    matches = [address] if fs.exists(address) else fs.glob(address) if _PATTERN & set(address) else []
    for match in matches:
        for path in filter(_is_log, fs.find(match)) if fs.isdir(match) else [match]:
            remote = f"{scheme}://{path.removeprefix(f'{scheme}://')}"
            yield remote if is_remote(address) else str(Path(path).resolve())


def _is_log(path: str) -> bool:
    # Inspect keeps files of its own beside logs, such as logs.json
    return path.endswith((".eval", ".json")) and redaction.file_name(path) not in ("logs.json", "eval-set.json")
