"""LOGS of the command line → log files: files, folders and patterns, on disk or wherever fsspec reaches."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from blpo_inspect.reporting import redaction
from blpo_inspect.reporting.run_data import LeftOut

ENDINGS = (".eval", ".json")
_PATTERN = frozenset("*?[")


def find(given: Sequence[str]) -> tuple[list[str], list[LeftOut]]:
    """The log files, each once and sorted, and what was named but holds none.

    A folder stands for all logs below it; Inspect's own files beside logs are passed over. Patterns are those of a
    shell; ``**`` stands for any folders.
    """
    found: dict[str, None] = {}
    missing: list[LeftOut] = []
    for name in given:
        try:
            files = sorted(_files(name))
        except (OSError, ValueError, ImportError) as error:
            missing.append(LeftOut(shown(name), redaction.text(str(error).partition("\n")[0]), problem=True))
            continue
        if not files:
            missing.append(LeftOut(shown(name), "no such log, or a folder without logs", problem=True))
        found.update(dict.fromkeys(files))
    return sorted(found), missing


def shown(source: str) -> str:
    """What the report calls a file: its name without folders."""
    return source.rstrip("/").rpartition("/")[2] or source


def is_remote(source: str) -> bool:
    """Whether a file is not on this machine."""
    return "://" in source and not source.startswith("file:")


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
        return _logs(one.name for one in remote.ls(name, recursive=True) if one.type == "file")
    return [name]


def _local(path: Path) -> Iterable[str]:
    if path.is_dir():
        return _logs(str(one.resolve()) for one in path.rglob("*") if one.is_file())
    if path.exists():
        return [str(path.resolve())]
    if _PATTERN & set(str(path)):
        root = Path(path.anchor or ".")
        pattern = str(path.relative_to(path.anchor)) if path.anchor else str(path)
        matches = [one for one in root.glob(pattern) if one.exists()]
        return [file for match in matches for file in _local(match)]
    return []


def _logs(names: Iterable[str]) -> list[str]:
    # Inspect keeps files of its own beside logs, such as logs.json
    return [
        name
        for name in names
        if name.endswith(".eval") or (name.endswith(".json") and shown(name) not in ("logs.json", "eval-set.json"))
    ]
