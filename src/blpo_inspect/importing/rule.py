"""What the columns of a table of judgements mean, and how its scores become labels: ``import.yaml``, or options."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, model_validator

from blpo_inspect._util.yaml_model import Model, at, file_bytes, key_of, must, read_yaml
from blpo_inspect.data.tables.cells import is_given
from blpo_inspect.data.tables.options import command_option
from blpo_inspect.data.tables.stated_scale import stated_scale
from blpo_inspect.data.tables.table_row import TableError
from blpo_inspect.judging.label_text import number, plain_number
from blpo_inspect.judging.labels import LabelScale

COLUMNS = {
    "item": "what was judged; one row for each item and judge",
    "judge": "who judged; else one judge, named by --judge",
    "score": "the judge's score, a number",
    "label": "the judge's label",
    "answer": "the judge's raw answer",
    "human": "people's label",
    "category": "what kind of item it is",
    "group": "what depends on each other",
    "text": "what a picture was judged against",
    "prompt": "what the judge was asked",
    "cost": "of the judgement, in dollars",
}
"""What a column may be, and what that means. A column of this name is taken for it where nothing is said."""

RATER = "rater"
"""Columns whose name begins so are raters, where nothing is said."""

_Name = Annotated[str, must("the name of a column", lambda text: text.strip())]


class ScoreRule(Model):
    """How a score becomes a label.

    Attributes:
        low: The score that is the lower end of the scale, with `high`: between them in proportion, and on an ordinal
            scale to the nearest label.
        high: The score that is the upper end.
        cuts: Or the scores from which on the second, third … label holds.
    """

    low: float | None = None
    high: float | None = None
    cuts: list[float] | None = None

    @model_validator(mode="after")
    def _one(self) -> "ScoreRule":
        ends = self.low is not None and self.high is not None
        if ends == (self.cuts is not None) or (not ends and (self.low is not None or self.high is not None)):
            raise at("low", "give low and high, or cuts")
        if ends and not self.low < self.high:  # type: ignore[operator]  # both are numbers
            raise at("high", "must be above low")
        if self.cuts is not None and self.cuts != sorted(set(self.cuts)):
            raise at("cuts", "must rise")
        return self

    def label(self, score: float, scale: LabelScale) -> str:
        """The label of a score.

        Raises:
            ValueError: The score is outside of the ends, or the rule does not fit the scale.
        """
        if self.cuts is not None:
            return scale.labels[sum(score >= cut for cut in self.cuts)]
        low, high = self._ends
        if not low <= score <= high:
            raise ValueError(f"the score {score:g} is not from {low:g} to {high:g}")
        share = (score - low) / (high - low)
        bottom, top = scale.ends
        value = bottom + share * (top - bottom)
        if scale.kind == "numeric":
            return scale.canonical(plain_number(value))
        return min(scale.labels, key=lambda label: abs(scale.value(label) - value))

    @property
    def sentence(self) -> str:
        """The rule in words, for the log."""
        if self.cuts is not None:
            return f"scores from {', '.join(f'{cut:g}' for cut in self.cuts)} on are the second and further labels"
        low, high = self._ends
        return f"scores from {low:g} to {high:g} in proportion onto the scale"

    @property
    def _ends(self) -> tuple[float, float]:
        assert self.low is not None and self.high is not None
        return self.low, self.high


class Rule(Model):
    """What a table means.

    Attributes:
        version: Of the file's format.
        columns: What a column is → its name (`COLUMNS`).
        raters: Columns with one rater's label each; None: those that begin with `RATER`.
        scale: As the option ``--scale`` of other commands: ``unordered:a,b``, ``ordinal:1-5``, ``numeric:0:1``.
        score: How scores become labels; None: a score is on the scale already.
    """

    version: Annotated[Any, must("1, the version that this program reads", lambda version: version == 1)] = 1
    columns: Mapping[Annotated[str, key_of(list(COLUMNS))], _Name] = Field(default_factory=dict)
    raters: list[_Name] | None = None
    scale: Annotated[str, AfterValidator(str.strip)] = ""
    score: ScoreRule | None = None

    def of_scale(self) -> LabelScale:
        """The scale.

        Raises:
            TableError: None is stated, it cannot be understood, or the rule of scores does not fit it.
        """
        found = stated_scale(None, self.scale, command_option)
        if found is None:
            raise TableError("state the scale: --scale unordered:safe,unsafe, ordinal:1-5 or numeric:0:1")
        if self.score is not None and self.score.cuts is not None and len(self.score.cuts) != len(found.labels) - 1:
            raise TableError(f"cuts: {len(found.labels)} labels take {max(0, len(found.labels) - 1)} cuts")
        if self.score is not None and self.score.cuts is None and not found.ordered:
            raise TableError("scores from low to high need a scale with an order; give cuts")
        return found

    def names(self, known: Mapping[str, Any]) -> dict[str, str]:
        """What a column is → its name, of those that a table has.

        Raises:
            TableError: A stated column that the table does not have.
        """
        missing = [name for name in (*self.columns.values(), *(self.raters or ())) if name not in known]
        if missing:
            raise TableError(f"no column {missing[0]!r}; it has {', '.join(map(repr, known))}")
        return {role: self.columns.get(role, role) for role in COLUMNS if self.columns.get(role, role) in known}

    def rater_columns(self, known: Mapping[str, Any]) -> list[str]:
        """The columns with raters' labels."""
        return list(self.raters) if self.raters is not None else [name for name in known if name.startswith(RATER)]


def read_rule(file: Path) -> Rule:
    """The rule of an ``import.yaml``.

    Raises:
        TableError: Missing or invalid; says where and what is allowed.
    """
    return read_yaml(Rule, file_bytes(file, "rule file", TableError), str(file), TableError)


def given_rule(
    rule: Rule,
    columns: Sequence[str],
    raters: Sequence[str],
    scale: str | None,
    score: str | None,
    cuts: str | None,
) -> Rule:
    """A rule with what options say instead.

    Raises:
        TableError: An option that cannot be understood.
    """
    named = dict(rule.columns)
    for text in columns:
        role, found, name = text.partition("=")
        if not found or role not in COLUMNS:
            raise TableError(f"--column {text!r:.80}: write WHAT=NAME; WHAT is one of {', '.join(COLUMNS)}")
        named[role] = name
    written: dict[str, Any] = {"columns": named, "scale": scale or rule.scale}
    written |= {"raters": list(raters or rule.raters or ())} if raters or rule.raters is not None else {}
    if score is not None and cuts is not None:
        raise TableError("give --score or --cuts, not both")
    if score is not None:
        ends = [number(end.strip()) for end in score.split(":")]
        if len(ends) != 2 or None in ends:
            raise TableError(f"--score {score!r:.40}: write LOW:HIGH, such as 0:10")
        written["score"] = {"low": ends[0], "high": ends[1]}
    elif cuts is not None:
        values = [number(cut.strip()) for cut in cuts.split(",")]
        if None in values:
            raise TableError(f"--cuts {cuts!r:.40}: write numbers, such as 3,7")
        written["score"] = {"cuts": values}
    elif rule.score is not None:
        written["score"] = rule.score.model_dump(exclude_none=True)
    return read_yaml(Rule, yaml.safe_dump(written), "options", TableError)


def as_number(value: Any) -> float | None:
    """A cell as a finite number; None where it is none."""
    if isinstance(value, bool) or not is_given(value):
        return None
    return float(value) if isinstance(value, int | float) else number(str(value).strip())
