"""The labels of a table: their scale, which words count as missing, and what is odd about them.

What needs no person is noted. What a person must decide is a doubt, which stops a run until the labels are stated.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.odd_labels import odd_names, odd_numbers, rare_labels
from blpo_inspect.data.tables.options import Option
from blpo_inspect.judging.label_text import clean, has_unseen, number, plain_number
from blpo_inspect.judging.labels import LabelScale

_DASHES = frozenset({"-", "--", "---", "–", "—"})
_MISSING = _DASHES | frozenset(
    {
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "#n/a",
        "#na",
        "<na>",
        "nan",
        "null",
        "empty",
        "(empty)",
        "(blank)",
        "missing",
        "?",
        "??",
    }
    | {"not available", "not applicable", "#value!", "#ref!", "#div/0!", "#name?", "#num!", "#null!"}
)
"""What programs and people write where there is no label. "none" may be one: only Python's "None" counts besides."""

_MAX_CHARACTERS = 200
_WHERE_SHOWN = 3
_SPELLINGS_SHOWN = 5


@dataclass
class _Uses:
    """How often a text stands as a label, and in which rows first."""

    rows: int = 0
    first: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        more = ", …" if self.rows > len(self.first) else ""
        return f"{self.rows} {'row' if self.rows == 1 else 'rows'}: {', '.join(self.first)}{more}"


@dataclass(frozen=True)
class LabelsFound:
    """How the labels of a table are read.

    Attributes:
        scale: Their scale.
        missing: Texts that stand for a missing label.
        notes: What was done to them, a line each.
        doubts: What must be decided before a run, a line each.
    """

    scale: LabelScale
    missing: frozenset[str]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]
    _known: dict[str, str] = field(default_factory=dict, repr=False)

    def read(self, value: Any) -> str | None:
        """The label of a cell; None where it is missing.

        Raises:
            TypeError: The cell holds no text.
            ValueError: It holds one that is not on the scale.
        """
        text = label_text(value)
        if text is None or text in self.missing:
            return None
        if text not in self._known:
            self._known[text] = self.scale.canonical(text)
        return self._known[text]


def label_text(value: Any) -> str | None:
    """The text of a label's cell; None for an empty one.

    Raises:
        TypeError: It holds no text.
        ValueError: The text is too long, or has half of a surrogate pair.
    """
    text = text_of(value)
    if text is not None and len(text) > _MAX_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters, too many for a label: {text[:40]!r}…")
    return text if text and clean(text) else None


def find_labels(
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    columns: Sequence[str],
    stated: LabelScale | None,
    option: Option,
    *,
    words_missing: bool = True,
) -> LabelsFound:
    """Look at all labels of a table.

    Args:
        rows: Where each row is, for messages, and its values.
        columns: Those with labels.
        stated: The scale, if somebody stated it.
        option: What the option for labels is called.
        words_missing: Whether words such as ``NA`` stand for a missing label unless they are on the stated scale.

    Raises:
        ValueError: No scale is stated, and the labels do not tell it.
    """
    uses = _uses(rows, columns)
    missing = {text for text in uses if words_missing and _says_missing(text, uses)}
    if stated is not None:
        missing -= {text for text in missing if _is_on(stated, text)}
    given = {text: use for text, use in uses.items() if text not in missing}
    notes = _missing_note({text: uses[text] for text in missing}, option) + _unseen_note(given)
    if stated is not None:
        return LabelsFound(stated, frozenset(missing), tuple(notes), ())
    scale = LabelScale.infer(Counter({text: use.rows for text, use in given.items()}).elements())
    of_label: dict[str, list[str]] = {}
    for text in given:
        of_label.setdefault(scale.canonical(text), []).append(text)
    notes += _spelling_notes(of_label, given)
    return LabelsFound(scale, frozenset(missing), tuple(notes), tuple(_doubts(scale, of_label, given, option)))


def _uses(rows: Iterable[tuple[str, Mapping[str, Any]]], columns: Sequence[str]) -> dict[str, _Uses]:
    uses: dict[str, _Uses] = {}
    for where, values in rows:
        for column in columns:
            try:
                text = label_text(values.get(column))
            except (TypeError, ValueError):
                continue  # the row's own fault
            if text is not None:
                use = uses.setdefault(text, _Uses())
                use.rows += 1
                if len(use.first) < _WHERE_SHOWN:
                    use.first.append(where)
    return uses


def _says_missing(text: str, uses: Mapping[str, _Uses]) -> bool:
    word = clean(text)
    if word in _DASHES and "+" in uses:
        return False
    return word == "None" or word.casefold() in _MISSING


def _is_on(scale: LabelScale, text: str) -> bool:
    try:
        scale.canonical(text)
    except ValueError:
        return False
    return True


def _missing_note(missing: Mapping[str, _Uses], option: Option) -> list[str]:
    if not missing:
        return []
    words = ", ".join(f"{text!r} ({use.rows})" for text, use in sorted(missing.items()))
    return [f"counted as missing labels: {words}; where they are labels, state all with {_stating(option)}"]


def _unseen_note(given: Mapping[str, _Uses]) -> list[str]:
    texts = [text for text in given if has_unseen(text)]
    if not texts:
        return []
    rows = sum(given[text].rows for text in texts)
    return [f"characters that cannot be seen were removed from {rows} labels, as from {texts[0]!r} ({given[texts[0]]})"]


def _spelling_notes(of_label: Mapping[str, Sequence[str]], given: Mapping[str, _Uses]) -> list[str]:
    notes = []
    for label, texts in of_label.items():
        others = [text for text in texts if clean(text) != label and number(clean(text)) is None]
        if others:
            shown = ", ".join(f"{text!r} ({given[text]})" for text in others[:_SPELLINGS_SHOWN])
            notes.append(f"read as {label!r}: {shown}{', …' if len(others) > _SPELLINGS_SHOWN else ''}")
    return notes


def _doubts(
    scale: LabelScale, of_label: Mapping[str, Sequence[str]], given: Mapping[str, _Uses], option: Option
) -> list[str]:
    counts = {label: sum(given[text].rows for text in texts) for label, texts in of_label.items()}
    values = {label: value for label in counts if (value := number(label)) is not None}
    stating = option("labels", ",".join(scale.labels))
    if len(values) == len(counts):
        listed = ",".join(sorted(values, key=values.__getitem__))
        stating = option("labels", listed)
        odd = dict.fromkeys(odd_numbers(counts, values), "apart from the other numbers")
        if not odd and scale.kind == "numeric":
            low, high = plain_number(min(values.values())), plain_number(max(values.values()))
            stating = option("scale", f"numeric:{low}:{high}")
            found = f"{len(counts)} different numbers from {low} to {high}"
            return [f"the labels are {found}: confirm this range of the scale with {stating}, or state another"]
        if not odd and not scale.ordered and len(values) > 2:
            kinds = f"{option('scale', f'ordinal:{listed}')} or {option('scale', f'unordered:{listed}')}"
            return [f"the labels are numbers in uneven steps: say whether they have an order, with {kinds}"]
    elif len(values) > 2 and counts.keys() - values.keys() <= set(rare_labels(counts)):
        odd = dict.fromkeys(counts.keys() - values.keys(), "no number, while the others are")
    else:
        odd = {label: f"close to {near!r}, which {counts[near]} have" for label, near in odd_names(counts).items()}
    rows = {label: given[of_label[label][0]] for label in odd}
    return [
        f"label {label!r} is rare ({rows[label]}) and {why}; correct it, or state the labels with {stating}"
        for label, why in odd.items()
    ]


def _stating(option: Option) -> str:
    return option("labels", "first,second,…")
