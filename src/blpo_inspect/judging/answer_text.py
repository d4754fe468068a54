"""A reply made ready for reading: markup as marks, quotations out, sentences apart.

What others say in a reply is no verdict of its author, so quotations and what a sign or a text in the picture reads are
taken out first. Says nothing of labels (`label_lexer`) or verdicts (`answer_parser`).
"""

import re
from collections.abc import Callable

from blpo_inspect.judging import answer_words as words
from blpo_inspect.judging.answer_patterns import MARK, STATED
from blpo_inspect.judging.label_lexer import normalized

_OWN = re.compile(r"\b(?:my|here(?:['’]s| is)|i)\b")
MAX_CHARS = 32_000
"""A reply that is longer, apart from its reasoning, is no verdict."""

_LATEX = re.compile(r"\\(?:text|textbf|textit|texttt|textrm|mathbf|mathrm|mathsf|emph|bf|rm)\s?\{([^{}]{0,200})\}")
_BOXED = re.compile(r"\\f?boxed\s?\{([^{}]{0,200})\}")
_MATH = re.compile(r"\\[()\[\]]|\$")
_TAGGED = re.compile(
    r"<\s?(?P<name>(?:final_?|final )?(?:answer|score|rating|verdict|label|result|decision|judge?ment"
    r"|classification|response"
    r"|prediction|output|grade|assessment|conclusion))\s?>(?P<value>[^<>]{0,300})(?:</\s?(?P=name)\s?>|\Z)"
    r"|\[\s?(?P<square>answer|score|rating|verdict|label"
    r"|result)\s?\](?P<in_square>[^\[\]]{1,300})\[/\s?(?P=square)\s?\]"
    r"|<\|begin_of_box\|>(?P<box>[^<>]{0,300})(?:<\|end_of_box\|>|\Z)"
    r"|\[\[(?P<double>[^\[\]]{1,60})\]\]"
)
_SPECIAL = re.compile(
    r"<\|(?:im_end|im_start|eot_id|endoftext|end|eom_id|end_of_text|assistant|return|end_of_turn)\|>|</?s>\s"
    r"|</?s>\Z|\A<s>|<eos>|<bos>"
    r"|<(?:end|start)_of_turn>|<\|(?:start|end)_header_id\|>|\A\s?(?:assistant|model|response|judge)\s?(?::\s|\n)"
)
_STRUCK = re.compile(r"~~[^~\n]{1,500}~~|<(del|strike)>[^<>]{0,500}</\1>")
_FORMATTING = re.compile(
    r"</?(?:b|i|u|em|strong|p|br|span|div|code|h[1-6]|font|sub|sup|small|center)(?:\s[^<>]{0,100})?/?>"
)
_EMPHASIS = re.compile(r"[*`]+|(?<![^\W_])_{1,3}(?=[^\W_])|(?<=[^\W_])_{1,3}(?![^\W_])")
_BEFORE_LINE = re.compile(r"(?m)^[ \t]{0,8}(?:#{1,6}|[-•·]|\d{1,2}[.)](?=\s\S))[ \t]{1,4}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
_SEGMENT = re.compile(r"(?<=[.!?;])\s+|(?<=[。!?;])(?=[\u3040-\u9fff])|\n+|(?<=\.)(?=[^\W\d_])")
_FENCE = re.compile(r"```[a-z0-9]{0,12}\s?\n?")
_QUOTE_PAIRS = re.compile(
    r"\"([^\"]{0,2000})\"|“([^“”]{0,2000})”|„([^„“”]{0,2000})[“”]|«([^«»]{0,2000})»|‹([^‹›]{0,2000})›|「([^「」]{0,2000})」"
    r"|『([^『』]{0,2000})』|(?<![^\s(\[:=])'([^'\n]{1,500})'(?![^\W_])|(?<![^\s(\[:=])‘([^’\n]{1,500})’(?![^\W_])"
    r"|‘([^‘]{1,500}?)’(?=[\s.,;:!?)]|\Z)"
)
_OPEN_QUOTE = re.compile(r"[\"“„«「『].*", re.DOTALL)
_BLOCKQUOTE = re.compile(r"(?m)^[ \t]{0,4}>.*$")


def prepared(reply: str) -> str:
    """The reply, normalized, without the control characters and the special tokens of chat templates."""
    return _SPECIAL.sub(" ", _CONTROL.sub("", normalized(reply)))[:MAX_CHARS].strip()


def without_quotations(text: str, is_label: Callable[[str], bool]) -> str:
    """Without what others say: quotations (unless a label is all that is quoted), and what a sign or a text reads.

    Args:
        text: Normalized.
        is_label: Whether a text is a label and nothing else.
    """
    text = _without_readings(_marked_up(text))
    lines = [line for line in text.split("\n") if line.strip()]
    if lines and not all(line.lstrip().startswith(">") for line in lines):
        text = _BLOCKQUOTE.sub("", text)
    outer = _QUOTE_PAIRS.fullmatch(text.strip())
    if outer:
        text = next(group for group in outer.groups() if group is not None)
    pieces: list[str] = []
    position = 0
    for match in _QUOTE_PAIRS.finditer(text):
        inside = next(group for group in match.groups() if group is not None)
        before = text[max(0, match.start() - 40) : match.start()]
        pieces.append(text[position : match.start()])
        pieces.append(match.group() if is_label(inside) and not words.QUOTED_BY.search(before) else " … ")
        position = match.end()
    pieces.append(_OPEN_QUOTE.sub(" … ", text[position:]))
    return "".join(pieces)


def unfenced(text: str) -> str:
    """Without the fences of code blocks; what stands in them stays."""
    return _FENCE.sub("\n", text)


def segments_of(text: str) -> list[str]:
    """Sentences and lines, without list marks; at least one."""
    text = _BEFORE_LINE.sub("", text)
    segments = [segment.strip(" \t|") for segment in _SEGMENT.split(text)]
    return [segment for segment in segments if segment.strip(" .…-–—=*_#|")] or [text.strip()]


def plain(text: str) -> str:
    """Without emphasis, formatting tags and marks of formulas."""
    return _EMPHASIS.sub("", _MATH.sub("", _FORMATTING.sub("", text))).strip()


def shortened(text: str) -> str:
    """The beginning of a text in quotes, for a message."""
    flat = " ".join(text[:400].replace(STATED, "").split())
    return repr(flat if len(flat) <= 80 else flat[:77] + "…")


def _marked_up(text: str) -> str:
    """Boxes and tags as marks, markdown and LaTeX taken away."""
    for _ in range(2):
        text = _LATEX.sub(r"\1", text)
    text = _STRUCK.sub(" ", text)
    text = _BOXED.sub(lambda match: f"\n{STATED}:{match[1]}\n", text)

    def tagged(match: re.Match[str]) -> str:
        value = match["value"] or match["in_square"] or match["box"] or match["double"] or ""
        before = text[max(0, match.start() - 30) : match.start()]
        denied = words.NEGATION.search(before) and not before.rstrip().endswith((".", ":", "\n"))
        return " " if denied or not value.strip() else f"\n{STATED}:{value.strip()}\n"

    return plain(_TAGGED.sub(tagged, text))


def _without_readings(text: str) -> str:
    """Without the paragraph that follows a line such as ``The sign says:``."""
    kept: list[str] = []
    quoting = begun = False
    for line in text.split("\n"):
        if quoting and (line.strip() or not begun):
            begun = begun or bool(line.strip())
            continue
        kept.append(line)
        opens = line.rstrip().endswith(":") and len(line) < 400 and not _OWN.search(line)
        quoting = opens and words.QUOTED_BY.search(line) is not None and MARK.match(line.strip()) is None
        begun = False
    return "\n".join(kept)
