"""The rooms of the package and the order in which they may import each other (docs/architecture.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "blpo_inspect"

ALL = frozenset({"everything"})
ROOMS: dict[str, frozenset[str]] = {
    "_util": frozenset(),
    "cache": frozenset(),
    "judging": frozenset({"cache"}),
    "statistics": frozenset({"judging"}),
    "models": frozenset({"cache", "judging"}),
    "data": frozenset({"cache", "judging", "statistics"}),
    "scorers": frozenset({"cache", "judging", "statistics"}),
    "optimizers": frozenset({"cache", "judging", "statistics", "data"}),
    "world": frozenset({"judging", "statistics", "data", "models"}),
    "tasks": frozenset({"judging", "statistics", "data", "scorers", "optimizers", "world"}),
    "logs": frozenset({"cache", "judging"}),
    "importing": frozenset({"judging", "data"}),
    "verdicts": frozenset({"cache", "judging", "data"}),
    "reporting": frozenset({"cache", "judging", "statistics", "data", "scorers", "logs"}),
    "regression": frozenset({"cache", "judging", "statistics", "data", "scorers", "logs"}),
    "cli": ALL,
    "demo": ALL,
    "_registry": ALL,
    "__init__": ALL,
}
"""Room → the rooms that it may import, besides `_util`, which every room may."""


def room_of(file: Path) -> str:
    """The room of a file of the package."""
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(file: Path) -> Iterator[str]:
    """The rooms that a file names in an import, wherever the import stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        modules: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module == "blpo_inspect":
            modules = [f"blpo_inspect.{item.name}" for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import fails where Inspect loads the file by its path"
            modules = [node.module or ""]
        elif isinstance(node, ast.Import):
            modules = [item.name for item in node.names]
        yield from (module.split(".")[1] for module in modules if module.startswith("blpo_inspect."))


@pytest.mark.parametrize("room", sorted({room_of(file) for file in SOURCE.rglob("*.py")}))
def test_imports_go_down_only(room: str) -> None:
    assert room in ROOMS, f"{room}: a new room; say in ROOMS what it may import, and in docs/architecture.md why it is"
    allowed = ROOMS[room]
    files = [file for file in SOURCE.rglob("*.py") if room_of(file) == room]
    imported = {(target, str(file.relative_to(SOURCE))) for file in files for target in imported_rooms(file)}
    if allowed is not ALL:
        upward = sorted(item for item in imported if item[0] not in {*allowed, room, "_util"})
        assert not upward, f"{room} may import {', '.join(sorted(allowed)) or 'nothing'}, but imports {upward}"


def test_the_order_has_no_circle() -> None:
    placed = {"_util"}
    while len(placed) < len(ROOMS):
        free = {room for room, needs in ROOMS.items() if room not in placed and (needs is ALL or needs <= placed)}
        assert free, f"these rooms need each other: {sorted(set(ROOMS) - placed)}"
        placed |= free
