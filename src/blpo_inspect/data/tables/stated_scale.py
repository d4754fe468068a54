"""The scale that somebody stated as ``labels=a,b`` or ``scale=ordinal:1-5``."""

import re
from collections.abc import Sequence

from blpo_inspect.data.tables.options import Option
from blpo_inspect.data.tables.table_row import TableError
from blpo_inspect.judging.label_text import clean, number
from blpo_inspect.judging.labels import LabelScale

_RANGE = re.compile(r"([-−]?\d{1,4})\s*[-–]\s*([-−]?\d{1,4})")
_MOST_LABELS = 100


def stated_scale(labels: object, scale: object, option: Option) -> LabelScale | None:
    """The stated scale; None where neither is given.

    Args:
        labels: ``a,b,c``, or a list of labels, as Inspect makes of it.
        scale: ``unordered:a,b``, ``ordinal:low,middle,high``, ``ordinal:1-5`` or ``numeric:0:100``; also split at its
            commas.
        option: What the options are called.

    Raises:
        TableError: Both are given, or one that cannot be understood.
    """
    name, given = ("scale", scale) if scale not in (None, "") else ("labels", labels)
    if given in (None, "", [], ()):
        return None
    if name == "scale" and labels not in (None, "", [], ()):
        raise TableError(f"give either {option('labels', '…')} or {option('scale', '…')}, not both")
    try:
        texts = _texts(given)
        return LabelScale.of(texts) if name == "labels" else _parsed(texts)
    except (TypeError, ValueError) as error:
        raise TableError(f"{option(name, '…')}: {error}") from error


def _texts(given: object) -> list[str]:
    items = given if isinstance(given, list | tuple) else [given]
    texts: list[str] = []
    for item in items:
        if isinstance(item, bool) or not isinstance(item, str | int | float):
            raise TypeError(f"{item!r:.80} is not text; put quotes around it")
        texts += str(item).split(",")
    return [clean(text) for text in texts]


def _parsed(texts: Sequence[str]) -> LabelScale:
    kind, colon, first = texts[0].partition(":")
    rest = [clean(first), *texts[1:]]
    if kind == "numeric":
        ends = [number(end.strip()) for end in ",".join(rest).split(":")]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            raise ValueError(f"a numeric scale is stated with its ends, as numeric:0:100, not {','.join(texts)!r:.80}")
        return LabelScale("numeric", low=ends[0], high=ends[1])
    if texts in (["pair"], ["pair:tie"]):
        return LabelScale.pair(ties=texts == ["pair:tie"])
    if kind not in ("unordered", "ordinal") or not colon:
        forms = "unordered:a,b, ordinal:low,middle,high, ordinal:1-5, numeric:0:100, pair or pair:tie"
        raise ValueError(f"a scale is stated as {forms}, not {','.join(texts)!r:.80}")
    between = _RANGE.fullmatch(rest[0]) if kind == "ordinal" and len(rest) == 1 else None
    if between is None:
        return LabelScale("ordinal" if kind == "ordinal" else "unordered", tuple(rest))
    low, high = (int(end.replace("−", "-")) for end in between.groups())
    if not 0 < high - low < _MOST_LABELS:
        raise ValueError(f"ordinal:{rest[0]} is no range of 2 to {_MOST_LABELS} whole numbers, the lowest first")
    return LabelScale("ordinal", tuple(str(value) for value in range(low, high + 1)))
