"""The scale of human labels: how an answer is asked for, read, and how wrong it is.

A `LabelScale` is unordered (safe, unsafe), ordinal (1 to 5, worst to best) or numeric (any number in a range).
It does not judge and does not average: see `solvers` and `scorers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from blpo_inspect.judging.answer_parser import AnswerReader, Verdict
from blpo_inspect.judging.label_lexer import LabelLexer, folded, number_names

Kind = Literal["unordered", "ordinal", "numeric"]


@dataclass(frozen=True)
class LabelScale:
    """The labels people gave, and their kind.

    Attributes:
        kind: ``unordered``, ``ordinal`` or ``numeric``.
        labels: The labels; for an ordinal scale from lowest to highest; empty for a numeric one.
        low: Lowest value of a numeric scale.
        high: Highest value of a numeric scale.
        aliases: Other words that stand for a label in an answer, e.g. ``{"yes": "1"}``.

    Raises:
        ValueError: Fewer than two labels, labels that differ only in case, an alias of no label, or an empty range.
    """

    kind: Kind
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown kind of scale {self.kind!r}; one of {', '.join(get_args(Kind))}")
        if self.kind == "numeric":
            if self.labels or self.aliases:
                raise ValueError("a numeric scale has a range (low, high), no labels and no aliases")
            if self.low is None or self.high is None or not self.low < self.high:
                raise ValueError(f"a numeric scale needs low < high, not low={self.low}, high={self.high}")
            return
        if self.low is not None or self.high is not None:
            raise ValueError(f"low and high are for numeric scales; this one is {self.kind}")
        if len(self.labels) < 2:
            raise ValueError(f"a scale needs at least two labels, not {list(self.labels)}")
        names = [folded(name) for name in (*self.labels, *self.aliases)]
        if "" in names or len(set(names)) < len(names):
            raise ValueError(
                "labels and aliases must differ by more than case and width and not be empty:"
                f" {[*self.labels, *self.aliases]}"
            )
        strays = {alias: label for alias, label in self.aliases.items() if label not in self.labels}
        if strays:
            raise ValueError(f"aliases of labels that are not on the scale: {strays}")

    @classmethod
    def of(cls, labels: Iterable[str]) -> "LabelScale":
        """The natural scale of labels given by name: ordinal for three or more integers, else unordered as given."""
        named = tuple(labels)
        if len(named) > 2 and all(_is_integer(label) for label in named):
            return cls("ordinal", tuple(sorted(named, key=int)))
        return cls("unordered", named)

    @classmethod
    def infer(cls, labels: Iterable[str]) -> "LabelScale":
        """The natural scale of the labels that occur in a data set.

        Three or more different integers no further than 10 apart are an ordinal scale with the gaps filled; two to 20
        other labels an unordered one.

        Raises:
            ValueError: One label only, or so many that they are no labels.
        """
        plain = (" ".join(label.split()) for label in labels)
        # spreadsheets write 4 as 4.0
        distinct = sorted(
            {label[:-2] if _is_integer(label.removesuffix(".0")) and "." in label else label for label in plain}
        )
        if len(distinct) > 2 and all(_is_integer(label) for label in distinct):
            low, high = min(map(int, distinct)), max(map(int, distinct))
            if high - low <= 10:
                return cls.of(str(value) for value in range(low, high + 1))
        by_name = {label.casefold(): label for label in reversed(distinct)}
        if not 2 <= len(by_name) <= 20:
            raise ValueError(
                f"cannot tell the scale from {len(by_name)} different label(s)"
                f" ({', '.join(distinct[:5])}{', …' if len(distinct) > 5 else ''}); name the labels"
            )
        return cls("unordered", tuple(by_name[name] for name in sorted(by_name)))

    def instruction(self) -> str:
        """The sentence that asks for an answer on this scale; the judge solver ends every request with it."""
        if self.kind == "numeric":
            return f"Answer with exactly one number from {self.low:g} to {self.high:g}."
        return f"Answer with exactly one of: {', '.join(self.labels)}."

    def read(self, answer: str, *, cut_off: bool = False) -> Verdict:
        """Read a judge's reply by the grammar of `blpo_inspect.judging.answer_parser`, never by a guess.

        Args:
            answer: The reply, with or without marked reasoning.
            cut_off: Whether it ended before its author did: then only a label alone or a complete mark counts.
        """
        if (alone := answer.strip()) in self.labels:  # also one that the grammar would take for something else
            return Verdict(alone)
        return self._reader.read(answer, cut_off=cut_off)

    def canonical(self, raw: object) -> str:
        """A human label as data files write it (``Safe``, ``4``, ``4.0``) as a label of this scale.

        Raises:
            ValueError: Not on the scale.
        """
        text = " ".join(str(raw).split())
        if self.kind == "numeric":
            try:
                value = float(text)
            except ValueError:
                raise ValueError(f"{text!r} is not a number") from None
            assert self.low is not None and self.high is not None
            if not self.low <= value <= self.high:  # NaN too
                raise ValueError(f"{text} is not between {self.low:g} and {self.high:g}")
            return _plain_number(value)
        found = self._by_name.get(text.casefold())
        if found is None and text.endswith(".0"):
            found = self._by_name.get(text[:-2].casefold())  # spreadsheets write 4 as 4.0
        if found is None:
            raise ValueError(f"{text!r} is not on the scale ({', '.join(self.labels)})")
        return found

    def value(self, label: str) -> float:
        """The label as a number: itself if numeric, else its rank (0-based) unless all labels are integers.

        Raises:
            ValueError: An unordered scale has no order.
        """
        if self.kind == "unordered":
            raise ValueError("an unordered scale has no values; compare labels for equality")
        if self.kind == "numeric" or all(_is_integer(name) for name in self.labels):
            return float(label)
        return float(self.labels.index(label))

    def loss(self, label: str, human: str) -> float:
        """How wrong a judgement is, 0 (as the human) to 1.

        0/1 for an unordered scale; distance over the scale's width for the others (BLPO leaves ℓ open: "task
        specific", arXiv 2602.11340 section 3).
        """
        if self.kind == "unordered":
            return float(label != human)
        if self.kind == "ordinal":
            return abs(self.labels.index(label) - self.labels.index(human)) / (len(self.labels) - 1)
        assert self.low is not None and self.high is not None
        return abs(float(label) - float(human)) / (self.high - self.low)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; `from_dict` reads it back."""
        if self.kind == "numeric":
            return {"kind": self.kind, "low": self.low, "high": self.high}
        plain: dict[str, Any] = {"kind": self.kind, "labels": list(self.labels)}
        if self.aliases:
            plain["aliases"] = dict(sorted(self.aliases.items()))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "LabelScale":
        """Read what `to_dict` wrote.

        Raises:
            ValueError: Unknown keys or an invalid scale.
        """
        unknown = set(data) - {"kind", "labels", "low", "high", "aliases"}
        if unknown or "kind" not in data:
            raise ValueError(
                f"a scale has kind and labels, or kind, low and high (and optional aliases); got {sorted(data)}"
            )
        return cls(
            kind=data["kind"],
            labels=tuple(str(label) for label in data.get("labels", ())),
            low=data.get("low"),
            high=data.get("high"),
            aliases={str(k): str(v) for k, v in data.get("aliases", {}).items()},
        )

    @cached_property
    def _by_name(self) -> dict[str, str]:
        names = {alias.casefold(): label for alias, label in self.aliases.items()}
        return names | {label.casefold(): label for label in self.labels}

    @cached_property
    def lexer(self) -> LabelLexer:
        """Finds the labels in texts."""
        if self.kind == "numeric":
            return LabelLexer({}, number=self._of_number, top=self.high)
        names = {label: label for label in self.labels} | dict(self.aliases)
        if not all(_is_integer(label) for label in self.labels):
            return LabelLexer(names)
        top = float(self.labels[-1]) if self.kind == "ordinal" else None
        return LabelLexer(number_names(self.labels) | names, number=self._of_number, top=top)

    @cached_property
    def _reader(self) -> AnswerReader:
        return AnswerReader(self.lexer)

    def _of_number(self, value: float) -> str:
        return self.canonical(_plain_number(value))


def _is_integer(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _plain_number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
