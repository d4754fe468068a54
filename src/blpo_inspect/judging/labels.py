"""The scale of human labels: how an answer is asked for, read, and how wrong it is.

A `LabelScale` is unordered (safe, unsafe), ordinal (1 to 5, worst to best), numeric (any number in a range), or that of
a pair of pictures (first, second, and tie where allowed).
It does not judge and does not average: see `solvers` and `scorers`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, get_args

from blpo_inspect.judging.answer_parser import AnswerReader, Verdict
from blpo_inspect.judging.label_lexer import LabelLexer, folded, number_names
from blpo_inspect.judging.label_text import clean, number, plain_number
from blpo_inspect.judging.scale_inference import fields_of_scale

Kind = Literal["unordered", "ordinal", "numeric", "pair"]

FIRST, SECOND, TIE = "first", "second", "tie"
"""The labels of a pair of pictures: which of the two it is, and that it is neither."""

_PAIR_NAMES = {
    f"{noun} {number}": label
    for label, numbers in ((FIRST, ("1", "one", "a")), (SECOND, ("2", "two", "b")))
    for number in numbers
    for noun in ("image", "picture", "photo", "option")
}
_PAIR_NAMES |= {
    f"{article}{label} {noun}": label
    for label in (FIRST, SECOND)
    for noun in ("image", "picture", "photo", "one")
    for article in ("", "the ")
}
"""How judges name the pictures of a pair besides; which one *left* is, depends on how they were shown."""

_TIE_NAMES = dict.fromkeys(
    (
        *("draw", "equal", "neither", "no difference"),
        *(
            f"{both}{equal}"
            for both in ("", "both are ", "both images are ", "they are ")
            for equal in ("equally good", "equally well", "equal", "tied")
        ),
    ),
    TIE,
)


@dataclass(frozen=True)
class LabelScale:
    """The labels people gave, and their kind.

    Attributes:
        kind: ``unordered``, ``ordinal``, ``numeric`` or ``pair``.
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
        if self.kind == "pair" and set(self.labels) not in ({FIRST, SECOND}, {FIRST, SECOND, TIE}):
            raise ValueError(f"a pair has the labels {FIRST}, {SECOND} and, where allowed, {TIE}, not {self.labels}")
        if len(self.labels) < 2:
            raise ValueError(f"a scale needs at least two labels, not {list(self.labels)}")
        named: dict[str, str] = {}
        for name, label in (*((label, label) for label in self.labels), *self.aliases.items()):
            if named.setdefault(folded(clean(name)), label) != label or not clean(name):
                raise ValueError(
                    f"labels and aliases must differ by more than case and not be empty: "
                    f"{[*self.labels, *self.aliases]}"
                )
        strays = {alias: label for alias, label in self.aliases.items() if label not in self.labels}
        if strays:
            raise ValueError(f"aliases of labels that are not on the scale: {strays}")

    @classmethod
    def pair(cls, *, ties: bool = False) -> "LabelScale":
        """The scale of a pair of pictures, with or without ties."""
        return cls("pair", (FIRST, SECOND, TIE) if ties else (FIRST, SECOND))

    @property
    def ordered(self) -> bool:
        """Whether its labels have an order from low to high, and so a `value`."""
        return self.kind in ("ordinal", "numeric")

    @property
    def ends(self) -> tuple[float, float]:
        """The values of its lower and its upper end.

        Raises:
            ValueError: An unordered scale has none.
        """
        if self.low is not None and self.high is not None:
            return self.low, self.high
        return self.value(self.labels[0]), self.value(self.labels[-1])

    @property
    def ties(self) -> bool:
        """Whether it is of a pair that may be a tie."""
        return TIE in self.labels and self.kind == "pair"

    def swapped(self, label: str) -> str:
        """The same verdict with the two pictures in the other order.

        Raises:
            ValueError: The scale is not of a pair.
        """
        if self.kind != "pair":
            raise ValueError(f"only a pair has two orders; this scale is {self.kind}")
        return {FIRST: SECOND, SECOND: FIRST}.get(label, label)

    @classmethod
    def of(cls, labels: Iterable[str]) -> "LabelScale":
        """The natural scale of labels given by name: ordinal for three or more numbers, else unordered as given."""
        named = tuple(clean(label) for label in labels)
        values = {label: value for label in named if (value := number(label)) is not None}
        if len(named) > 2 and len(values) == len(named):
            return cls("ordinal", tuple(sorted(named, key=values.__getitem__)))
        return cls("unordered", named)

    @classmethod
    def infer(cls, labels: Iterable[str]) -> "LabelScale":
        """The natural scale of the labels that occur in a data set, each as often as it occurs.

        Three or more different numbers are an ordinal scale if at most 20 even steps lead from the lowest to the
        highest; gaps are filled where whole numbers are no further than 10 apart, and where at least half of the steps
        occur. With more steps they are a numeric scale of their range, but for a few numbers that occur often: these
        may be names, and are unordered. Two to 20 other labels are an unordered scale; of spellings that differ in
        case, width, spaces, hyphens or underscores the most frequent is the label.

        Raises:
            ValueError: One label only, or so many that they are no labels.
        """
        return cls(**fields_of_scale(labels))

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
        text = clean(str(raw))
        if self.kind == "numeric":
            return self._numeric(text)
        label = self._by_name.get(folded(text))
        if label is None and self._numbers and (value := number(text)) is not None:
            label = self._by_number.get(value)
        if label is None:
            raise ValueError(f"{text!r:.80} is not on the scale ({', '.join(self.labels)})")
        return label

    def value(self, label: str) -> float:
        """The label as a number: itself if numeric or if all labels are numbers, else its rank (0-based).

        Raises:
            ValueError: An unordered scale has no order.
        """
        if not self.ordered:
            raise ValueError(f"a scale that is {self.kind} has no values; compare labels for equality")
        if self.kind == "numeric":
            return float(label)
        return self._numbers[label] if self._numbers else float(self.labels.index(label))

    def loss(self, label: str, human: str) -> float:
        """How wrong a judgement is, 0 (as the human) to 1.

        0/1 for an unordered scale and a pair, ½ between a tie and one of the two. Steps between the labels over the
        scale's steps for an ordinal one, distance over the range for a numeric one (BLPO leaves ℓ open: "task
        specific", arXiv 2602.11340 section 3).
        """
        if TIE in (label, human) and self.ties:
            return 0.0 if label == human else 0.5
        if not self.ordered:
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

    def _numeric(self, text: str) -> str:
        value = number(text)
        try:
            value = float(text) if value is None else value  # 1e-5, nan
        except ValueError:
            raise ValueError(f"{text!r:.80} is not a number") from None
        assert self.low is not None and self.high is not None
        if not self.low <= value <= self.high:  # NaN too
            raise ValueError(f"{text:.80} is not between {self.low:g} and {self.high:g}")
        return plain_number(value)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        named = {**self.aliases, **{label: label for label in self.labels}}
        return {folded(clean(name)): label for name, label in named.items()}

    @cached_property
    def _numbers(self) -> dict[str, float]:
        """Label → number where all labels are different numbers; else empty."""
        values = {label: value for label in self.labels if (value := number(label)) is not None}
        return values if len(set(values.values())) == len(self.labels) else {}

    @cached_property
    def _by_number(self) -> dict[float, str]:
        return {value: label for label, value in self._numbers.items()}

    @cached_property
    def lexer(self) -> LabelLexer:
        """Finds the labels in texts."""
        if self.low is not None:
            return LabelLexer({}, number=self._of_number, top=self.high, signed=self.low < 0)
        names = {label: label for label in self.labels} | dict(self.aliases)
        if self.kind == "pair":
            return LabelLexer(_PAIR_NAMES | (_TIE_NAMES if self.ties else {}) | names, pair=True)
        if not self._numbers:
            return LabelLexer(names)
        top = self._numbers[self.labels[-1]] if self.kind == "ordinal" else None
        signed = min(self._numbers.values()) < 0
        return LabelLexer(number_names(self.labels) | names, number=self._of_number, top=top, signed=signed)

    @cached_property
    def _reader(self) -> AnswerReader:
        return AnswerReader(self.lexer)

    def _of_number(self, value: float) -> str:
        return self.canonical(plain_number(value))
