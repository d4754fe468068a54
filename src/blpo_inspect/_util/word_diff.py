"""How two texts differ, word by word, and how a terminal shows it. Pages and Markdown render the pieces themselves."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Literal

from blpo_inspect._util.text import printable

if TYPE_CHECKING:
    from rich.text import Text

MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
"""What stands around a piece, with and without colours."""

STYLES = {"removed": "red", "added": "green"}

_TOKEN = re.compile(r"\n|[^\S\n]*(?:\w+|[^\w\s])|[^\S\n]+")


@dataclass(frozen=True)
class Piece:
    """A part of two texts: in both, or only in the first (removed) or the second (added)."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """How one text became another, word by word: all pieces but the added make `old`, all but the removed `new`."""
    first, second = _TOKEN.findall(old), _TOKEN.findall(new)
    pieces: list[Piece] = []
    for _, i, k, j, m in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        removed, added = "".join(first[i:k]), "".join(second[j:m])
        if removed == added:
            pieces.append(Piece("same", removed))
            continue
        # a word brings the space before it, which need not be marked where both have it
        space = _common_space(removed, added)
        pieces += [
            Piece("same", space),
            Piece("removed", removed[len(space) :]),
            Piece("added", added[len(space) :]),
        ]
    return [piece for piece in pieces if piece.text]


def diff_lines(pieces: list[Piece], context: int = 3) -> Iterator[list[Piece] | None]:
    """The lines of a word diff that changed, with some around them; None stands for lines left out.

    A line break that was removed or added is shown as ``↵`` in its piece.
    """
    lines: list[list[Piece]] = [[]]
    for piece in pieces:
        parts = piece.text.split("\n")
        for number, part in enumerate(parts):
            ends = number < len(parts) - 1
            text = part if piece.kind == "same" or not ends else f"{part}↵"
            if text:
                lines[-1].append(Piece(piece.kind, text))
            if ends:
                lines.append([])
    changed = [number for number, line in enumerate(lines) if any(piece.kind != "same" for piece in line)]
    shown = set(chain.from_iterable(range(at - context, at + context + 1) for at in changed))
    left_out = False
    for number, line in enumerate(lines):
        if number not in shown:
            left_out = True
            continue
        if left_out:
            yield None
            left_out = False
        yield line
    if left_out and changed:
        yield None


def printable_lines(text: str) -> str:
    """A text that keeps its line feeds and tabs; everything else that would steer a terminal is spelled out."""
    return "".join(part if part in ("\n", "\t") else printable(part) for part in re.split(r"([\n\t])", text))


def as_rich(
    pieces: Iterable[Piece], show: Callable[[str], str] = printable_lines, styles: Mapping[str, str] = STYLES
) -> "Text":
    """Pieces as a terminal shows them: ``[-removed-]{+added+}``, in colours where there are any.

    Args:
        pieces: Of a whole text, or of one of its lines.
        show: Makes a piece's text harmless.
        styles: Kind of piece → rich's style.
    """
    from rich.text import Text

    text = Text()
    for piece in pieces:
        before, after = MARKS[piece.kind]
        text.append(f"{before}{show(piece.text)}{after}", style=styles.get(piece.kind, "not bold"))
    return text


def _common_space(removed: str, added: str) -> str:
    spaces = [re.match(r"[^\S\n]*", text) for text in (removed, added)]
    first, second = (match[0] if match else "" for match in spaces)
    return first if first == second and removed and added else ""
