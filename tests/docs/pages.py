"""The pages of the documentation, taken apart into their blocks of code."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("**/*.md"))]
_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:blpo|inspect) [^`\n]+)`")
_SEPARATORS = {"&&", ";", "|", "||"}


@dataclass(frozen=True)
class Block:
    """One block of code, and the line that its fence stands on."""

    page: Path
    line: int
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(page, text[: match.start()].count("\n") + 1, match["language"], match["text"])
        for match in _BLOCK.finditer(text)
    ]


def commands(page: Path) -> Iterator[list[str]]:
    """The commands ``blpo …`` and ``inspect …`` of a page, split into words; from blocks and from running text."""
    shell = [block.text for block in blocks(page) if block.language in ("", "sh", "bash", "console", "yaml")]
    for text in [*shell, *_INLINE.findall(_BLOCK.sub("", page.read_text()))]:
        for line in text.replace("\\\n", " ").split("\n"):
            yield from _commands(line)


def _commands(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line.removeprefix("$ "), posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    try:
        words = list(lexer)
    except ValueError:  # not a line of a shell, such as printed output with an apostrophe
        return
    current: list[str] = []
    for word in [*words, ";"]:
        if word in _SEPARATORS:
            start = next((at for at, part in enumerate(current) if part in ("blpo", "inspect")), None)
            if start is not None and all("=" in part or part in ("-", "run:") for part in current[:start]):
                yield current[start:]
            current = []
        else:
            current.append(word)
