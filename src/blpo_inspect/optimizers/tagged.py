"""Finds the requested text in the optimizer's answer: which pair of tags is the proposal, and which only a mention.

Does not judge the text: see `guard`.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from blpo_inspect.optimizers.delimiters import NO_CHANGE, spelled

_AROUND = "*_`\"'“”„‘’«»>#-–•()[] \t\r"
"""Decoration around a tag."""

_LOOK = 200
"""Characters of a line that are looked at beside a tag."""

_CONNECTIVES = frozenset(("", "and", "or", "to", "und", "oder", "et", "y", "e", "и", "和", "与", "と", "및"))
"""What stands between two tags that are only mentioned."""

_NO_CHANGE = re.compile(rf"(?:<\s{{0,9}}\\?/?\s{{0,9}}{spelled(NO_CHANGE)}s?\s{{0,9}}/?\s{{0,9}}>\s*){{1,2}}", re.I)
_FENCED = re.compile(r"(`{3,}|~{3,})[^\n`]{0,40}\n(?P<inner>.*?)\n?\s*\1", re.DOTALL)
_LEFT_OVER = re.compile(r"\A[*_`~\"'“”]+[ \t]*\n|\n[ \t]*[*_`~\"'“”]+\Z")
_QUOTES = (("***", "***"), ("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ('"', '"'), ("'", "'"))
_PAIRED = (*_QUOTES, ("“", "”"), ("„", "“"), ("„", "”"), ("‘", "’"), ("«", "»"), ("「", "」"))


def tagged(answer: str, tag: str, *, finished: bool) -> str | None:
    """The text of the last pair of tags that is no mention, without fences, quotes or bold around the whole.

    A pair counts before others if its opening tag begins a line and its closing tag ends one. Tags may be in another
    case, hyphenated or escaped.

    Args:
        answer: The answer without its reasoning.
        tag: The tag.
        finished: Whether the answer came to its own end, so that a missing last closing tag was only forgotten.
    """
    found = None
    for rank, text in _pairs(answer, tag, finished):
        if found is None or rank >= found[0]:
            found = rank, text
    return None if found is None else found[1]


def is_open(answer: str, tag: str) -> bool:
    """Whether the last of the tags is an opening one."""
    marks = _marks(answer, tag)
    return bool(marks) and not marks[-1][1]


def is_no_change(answer: str) -> bool:
    """Whether the answer, or a line of it, is the tag ``<no_change/>``."""
    return any(
        _begins_line(answer, match.start()) and _ends_line(answer.rstrip(), match.end())
        for match in _NO_CHANGE.finditer(answer)
    )


def _marks(answer: str, tag: str) -> list[re.Match[str]]:
    """The tags in order; group 1 of a closing one is its slash."""
    pattern = rf"\\?<\s{{0,9}}(\\?/)?\s{{0,9}}{spelled(tag)}(?:\s[^<>]{{0,40}})?(?:\\?>|(?<=[\w-])\s*\Z)"
    return list(re.finditer(pattern, answer, re.IGNORECASE))


def _pairs(answer: str, tag: str, finished: bool) -> Iterator[tuple[int, str]]:
    """Every proposal in order, with 0 to 2: whether its tags begin and end a line; an empty one comes after all."""
    marks = _marks(answer, tag)
    for opening, closing in pairwise([*marks, None]):
        if opening is None or opening[1]:
            continue
        # an opening tag at the very end was meant to close
        closed = closing is not None and (closing[1] or not answer[closing.end() :].strip(_AROUND + "\n"))
        if not closed and (closing is not None or not finished or not _begins_line(answer, opening.start())):
            continue
        text = answer[opening.end() : closing.start() if closing else len(answer)]
        rank = _begins_line(answer, opening.start()) + (closing is None or _ends_line(answer, closing.end()))
        if rank == 2 and not text.strip():
            yield -1, ""
        elif not _is_mention(text, loose=rank < 2, closed=closing is not None):
            yield rank, _unwrapped(text)


def _begins_line(answer: str, start: int) -> bool:
    before = answer[max(start - _LOOK, 0) : start].rpartition("\n")[2].strip(_AROUND)
    return not before or before.endswith((":", "：")) or re.fullmatch(r"\d{1,2}[.)]", before) is not None


def _ends_line(answer: str, end: int) -> bool:
    return not answer[end : end + _LOOK].partition("\n")[0].strip(_AROUND + ".,;:!")


def _is_mention(text: str, *, loose: bool, closed: bool) -> bool:
    """Whether a sentence that speaks of the tags goes on between them."""
    bare = re.sub(r"^\W+|\W+$", "", text[:200])
    if bare in _CONNECTIVES:
        return True
    if text.startswith("\n") or not bare[:1].islower():
        return False
    return not closed or (loose and text.strip()[-1] not in ".?!。？！")


def _unwrapped(text: str) -> str:
    """A text without what stands around the whole of it."""
    before = None
    while text != before:
        before, text = text, text.strip()
        if fenced := _FENCED.fullmatch(text):
            text = fenced["inner"]
        text = _LEFT_OVER.sub("", text)
        lines = [line for line in text.split("\n") if line.strip()]
        if lines and all(line.lstrip().startswith(">") for line in lines):
            text = re.sub(r"^[ \t]*>[ \t]?", "", text, flags=re.MULTILINE)
        for opening, closing in _PAIRED:
            inner = text[len(opening) : -len(closing)]
            wrapped = text.startswith(opening) and text.endswith(closing) and inner.strip()
            if wrapped and opening not in inner and closing not in inner:
                text = inner
                break
    return text
