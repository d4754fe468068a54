"""The verdict in a JSON object, or in a Python dictionary as models write it instead.

One key of the field's words for a verdict (``label``, ``rating``, ``answer`` and the like) with one label as value; a
final or overall one goes before others. ``{"safe": false}`` says ``unsafe``, where that is the only other label.
Does not look for objects in prose (`answer_parser`).
"""

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from blpo_inspect.judging.label_lexer import LabelError, LabelLexer, folded, normalized
from blpo_inspect.judging.label_text import number

_VERDICT = re.compile(
    r"label|verdict|answer|rating|score|result|classification|class|category|judgement|judgment|decision"
    r"|prediction|grade|conclusion|assessment|response|choice|output|winner|preference|preferred|evaluation|stars"
    r"|value|答案|结果|评分|得分|结论|判断|判定"
    r"|标签|评级|分数|評価|回答|スコア|점수|평가|답변|bewertung|antwort|urteil|note|réponse|puntuación|respuesta|calificación"
    r"|valutazione|risposta|nota|resposta|оценка|ответ"
)
_STRONG = re.compile(r"final|overall|total|corrected|revised|actual|global")
_WEAK = re.compile(
    r"my|the|model|predicted|image|is|safety|quality|alignment|aesthetics?|match|matching|text|consistency"
    r"|naturalness|realism|content|moderation|numeric"
)
_ASPECT = re.compile(r"safety|quality|alignment|aesthetics?|consistency|naturalness|realism")
_TRUE = re.compile(r"true|yes|y|1")
_FALSE = re.compile(r"false|no|n|0")
_CONTAINERS = re.compile(r"scores|ratings|results|data|verdicts|answers|labels")
_FAILURES = re.compile(r"error|refusal|refused")
_RANGES = re.compile(r"max|maximum|scale|range|of")
_MAX_DEPTH = 5


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object, in order, repeated ones too."""


def parse_object(text: str) -> Any:
    """The value that a text writes as JSON or as a Python literal; None for anything else, also for broken ones."""
    try:
        return json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return _as_pairs(value, 0) if isinstance(value, dict | list) else None


def object_verdict(value: Any, lexer: LabelLexer, sentence: Callable[[str], str | None]) -> str | None:
    """The label that an object states; None where it states none.

    Args:
        value: From `parse_object`.
        lexer: Of the scale.
        sentence: Reads what is neither label nor number, such as ``"4/5 stars, sharp"``.

    Raises:
        LabelError: It states several, or one that is not on the scale.
    """
    if isinstance(value, list) and not isinstance(value, _Pairs) and len(value) == 1:
        value = value[0]
    stated = list(_stated(value, lexer, sentence, 0))
    most = max((strength for strength, _ in stated), default=0)
    labels = list(dict.fromkeys(label for strength, label in stated if strength == most))
    if len(labels) > 1:
        raise LabelError(f"ambiguous: the object can mean {' or '.join(labels)}")
    return labels[0] if labels else None


def _stated(
    value: Any, lexer: LabelLexer, sentence: Callable[[str], str | None], depth: int
) -> Iterator[tuple[int, str]]:
    """Strength and label of every verdict in an object."""
    if depth > _MAX_DEPTH or not isinstance(value, _Pairs):
        return
    for key, given in value:
        words = folded(key).split()
        item = given[0] if isinstance(given, list) and not isinstance(given, _Pairs) and len(given) == 1 else given
        if _any(words, _FAILURES) and item not in (None, "", False, [], {}):
            raise LabelError(f"the object reports an error: {str(item)[:80]!r}")
        ends = re.findall(r"\d+(?:\.\d+)?", str(item)) if _any(words, _RANGES) else []
        if ends:
            lexer.check_top(f"{key}: {item}", float(ends[-1]))
        strength = _strength(words)
        if (denied := _of_truth(words, item, lexer)) is not None:
            yield 2, denied
        elif isinstance(item, _Pairs):
            if strength or all(map(_CONTAINERS.fullmatch, words)):
                nested = _stated(item, lexer, sentence, depth + 1)
                yield from ((max(strength, inner), label) for inner, label in nested)
        elif strength:
            label = _label(item, lexer, sentence)
            if label is not None:
                yield strength, label


def _strength(words: list[str]) -> int:
    """How much a key says that its value is the verdict: 0 not at all, 1 of an aspect, 2 the verdict, 3 finally."""
    if not all(_STRONG.fullmatch(word) or _VERDICT.fullmatch(word) or _WEAK.fullmatch(word) for word in words):
        return 0
    if _any(words, _STRONG):
        return 3
    return 2 if _any(words, _VERDICT) else int(len(words) == 1 and _any(words, _ASPECT))


def _any(words: list[str], pattern: re.Pattern[str]) -> bool:
    return any(map(pattern.fullmatch, words))


def _label(item: Any, lexer: LabelLexer, sentence: Callable[[str], str | None]) -> str | None:
    """The label of a value; None where it has nothing to do with labels, such as a topic under ``category``."""
    if isinstance(item, list) or item is None:
        return None
    text = str(item).lower() if isinstance(item, bool) else str(item)
    found = lexer.exactly(normalized(text))
    label = found.label if found else sentence(text)
    if label is None and next(lexer.mentions(normalized(text)), None) is not None:
        raise LabelError(f"the object's verdict is no label: {text[:80]!r}")
    return label


def _of_truth(words: list[str], item: Any, lexer: LabelLexer) -> str | None:
    """``{"safe": false}``: the label that the key names, or the one that denies it."""
    name = " ".join(words[1:] if words[:1] == ["is"] else words)
    found = lexer.exactly(name)
    if found is None or number(found.name) is not None:
        return None
    said = str(item).strip().casefold()
    if said in lexer.labels:  # {"yes": "no"}: neither
        return None
    if _TRUE.fullmatch(said):
        return found.label
    return lexer.opposite(found) if _FALSE.fullmatch(said) else None


def _as_pairs(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, dict):
        return _Pairs((str(key), _as_pairs(item, depth + 1)) for key, item in value.items())
    return [_as_pairs(item, depth + 1) for item in value] if isinstance(value, list) else value
