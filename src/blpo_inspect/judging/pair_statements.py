"""What judges write of two pictures instead of a label: ``The second image matches the text better.``

Only what says outright which one it is. Which one a remark such as "has fewer faults" or "is worse" means depends on
what was asked, and so it says nothing.
"""

import re

from blpo_inspect.judging.label_lexer import Found, LabelError, LabelLexer

_OPENS = re.compile(
    r"(?:(?:i|we)\s(?:would\s|['’]d\s)?(?:think|believe|say|conclude|judge|find|feel)\s(?:that\s)?)?(?:the\s)?"
)
_ADVERBS = (
    r"(?:(?:clearly|definitely|overall|slightly|somewhat|much|far|a bit|a little|significantly|the|a|by far"
    r"|therefore)\s){0,3}"
)
_BETTER = r"(?:better|best|superior|preferred|preferable|stronger|winner)"
_WHAT = (
    r"(?:\s(?:match(?:es)?|fit|choice|one|image|picture|photo|option|aligned|representation|depiction|illustration)){0,2}"
    r"(?:\s(?:to|with|for|of|overall|in|at)\s(?:[\w'’]{1,20}\s?){1,8})?"
)
_TO = r"(?:the|this|its|both|all)\s(?:[\w'’]{1,20}\s){1,4}"
_WINS = re.compile(
    rf"\s(?:is|looks|seems|appears|would be)\s{_ADVERBS}{_BETTER}{_WHAT}"
    r"|\s(?:clearly\s)?wins"
    r"|\s(?:clearly\s)?(?:matches|fits|follows|depicts|represents|reflects|shows|illustrates|aligns with"
    rf"|corresponds to)\s{_TO}{_ADVERBS}"
    r"(?:better|best|more\s(?:closely|accurately|faithfully|precisely|exactly|completely))"
)
LISTS = re.compile(r"(?:first|second)\s{0,3}[,:](?!\s(?:because|since|as)\b)")
"""``First, the lighting is …``: no choice."""

_THAN = re.compile(r"\s(?:than|over)\s(?:the\s)?")


def winner(text: str, lexer: LabelLexer) -> tuple[Found, str] | None:
    """The label that one sentence says it is, and what follows in the sentence; None where it says none."""
    opens = _OPENS.match(text)
    try:
        found = lexer.begins(text, opens.end() if opens else 0)
    except LabelError:
        return None
    wins = _WINS.match(text, found.end) if found is not None else None
    if found is None or wins is None:
        return None
    rest = text[wins.end() :]
    than = _THAN.match(rest)
    other = lexer.begins(rest, than.end()) if than else None
    if other is not None and other.label == found.label:
        return None
    return found, rest[other.end :] if other else rest
