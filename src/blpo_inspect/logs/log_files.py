"""LOGS of the command line → log files: files, folders and patterns, on disk or wherever fsspec reaches."""

from collections.abc import Iterable, Sequence
from pathlib import Path

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


def _files(name: str) -> Iterable[str]:
    if not is_remote(name):
        return _local(Path(name.removeprefix("file://")))
    from blpo_inspect._util.inspect_internals import filesystem

    remote = filesystem(name)
    protocol = name.partition("://")[0]
    if _PATTERN & set(name.partition("://")[2]):
        matches = remote.fs.glob(name)
        return _logs(f"{protocol}://{str(match).partition('://')[2] or match}" for match in matches)
    info = remote.info(name)
    if info.type == "directory":
        return _logs(entry.name for entry in remote.ls(name, recursive=True) if entry.type == "file")
    return [name]


def _local(path: Path) -> Iterable[str]:
    if path.is_dir():
        return _logs(str(file.resolve()) for file in path.rglob("*") if file.is_file())
    if path.exists():
        return [str(path.resolve())]
    if _PATTERN & set(str(path)):
        root = Path(path.anchor or ".")
        pattern = str(path.relative_to(path.anchor)) if path.anchor else str(path)
        matches = [match for match in root.glob(pattern) if match.exists()]
        return [file for match in matches for file in _local(match)]
    return []


def _logs(names: Iterable[str]) -> list[str]:
    # Inspect keeps files of its own beside logs, such as logs.json
    return [
        name
        for name in names
        if name.endswith(".eval")
        or (name.endswith(".json") and redaction.file_name(name) not in ("logs.json", "eval-set.json"))
    ]
