"""A table of text: once for a terminal, for Markdown and for CSV."""

import csv
import io
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blpo_inspect._util.text import visible

if TYPE_CHECKING:
    from rich.table import Table as RichTable


def without_bars(text: str) -> str:
    """A cell of a Markdown table that may hold Markdown: only what would end it is escaped."""
    return text.replace("|", "\\|")


@dataclass(frozen=True)
class Table:
    """Rows of cells under a head; every row has a cell for each of the head's.

    Attributes:
        head: The columns' titles.
        rows: The rows, of text.
        right: Places (0-based) of the columns that are aligned to the right.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Collection[int] = ()

    def markdown(self, cell: Callable[[str], str] = without_bars) -> list[str]:
        """The lines of a Markdown table.

        Args:
            cell: Makes a cell's text Markdown; titles are cells too.
        """
        rule = ["---:" if place in self.right else "---" for place in range(len(self.head))]
        lines = [map(cell, self.head), rule, *(map(cell, row) for row in self.rows)]
        return [f"| {' | '.join(line)} |" for line in lines]

    def rich(self, cell: Callable[[str], str] = visible, **style: Any) -> "RichTable":
        """A table for a terminal, without lines unless the style has some; long cells are folded.

        Args:
            cell: Makes a cell's text harmless.
            style: Of rich's table.
        """
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable(**{"box": None, "pad_edge": False, **style})
        for place, title in enumerate(self.head):
            table.add_column(title, justify="right" if place in self.right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*(Text(cell(text)) for text in row))
        return table

    def aligned(self) -> list[str]:
        """The lines of plain text, columns two spaces apart."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[place]) for line in lines) for place in range(len(self.head))]
        return [
            "  ".join(
                text.rjust(width) if place in self.right else text.ljust(width)
                for place, (text, width) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]


def as_csv(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """CSV with plain line ends; numbers in full precision."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()
