"""Jury files: several judges, and how their verdicts become one. Read and written here, asked by `models.jury`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.yaml_model import Model, at, between, file_bytes, must, read_yaml
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.combining import Way, Weights
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import JudgeText, PromptDumper, PromptPair, StatedScale
from blpo_inspect.judging.question import Question

Kind = Literal["majority", "mean", "median", "weighted", "cascade"]
"""How verdicts become one: as `combining.Way`; or ``cascade``: one judge after the other, until one is sure."""

AS_WRITTEN = ("scale", "judges.model", "judges.prompts", "judges.prompt", "judges.map")


@dataclass(frozen=True)
class Member:
    """One judge of a jury.

    Attributes:
        model: An Inspect model.
        question: What it is asked; None: what the jury is asked.
        answer: How it is asked where it has no question of its own; None: as the jury is asked.
        sure: In a cascade, the least probability of its label with which it decides; None: whatever it is.
        args: Arguments of the model.
        base_url: Where it is served, if not at its usual address.
    """

    model: str
    question: Question | None = None
    answer: Answer | None = None
    sure: float | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None


@dataclass(frozen=True)
class JuryFile:
    """A jury.

    Attributes:
        kind: How verdicts become one.
        scale: Of all its judges.
        members: The judges, in order.
        weights: Of a weighted jury.
    """

    kind: Kind
    scale: LabelScale
    members: tuple[Member, ...]
    weights: Weights | None = None

    @property
    def way(self) -> Way:
        """How the verdicts of all are put together; not of a cascade."""
        assert self.kind != "cascade"
        return self.kind


def _is_model(name: str) -> bool:
    provider, _, rest = name.partition("/")
    return bool(provider and rest) and provider not in ("cached", "jury")


class _Judge(Model):
    model: Annotated[str, must("PROVIDER/MODEL, without cached/, and no jury", _is_model)]
    prompts: str | None = None
    prompt: JudgeText | None = None
    map: dict[str, str] | None = None
    answer: Answer | None = None
    sure: Annotated[float | None, between(0, 1)] = None
    weight: Annotated[float | None, between(0, 1e6)] = None
    usual: list[float] | None = None
    args: dict[str, Any] = Field(default_factory=dict)
    base_url: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.prompts is not None and self.prompt is not None:
            raise at("prompt", "there is a file in prompts already; leave one of them out")
        if self.map is not None and self.prompt is None:
            raise at("map", "is for a prompt beside it; a pair's file in prompts has its own")
        if self.sure is not None and self.answer not in (None, "likelihood"):
            raise at("answer", f"{self.answer} gives no probabilities, which sure needs; leave it out")
        return self


class _File(Model):
    version: Annotated[int, must("1 (a newer version may write another)", lambda number: number == 1)]
    kind: Kind
    scale: StatedScale
    judges: list[_Judge] = Field(min_length=1)
    usual: list[float] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.scale is None:
            raise at("scale", "is empty; say which labels there are")
        if self.kind in ("mean", "median") and not self.scale.ordered:
            raise at("kind", f"labels without an order have no {self.kind}; use majority or weighted")
        if self.kind == "cascade" and not self.scale.labels:
            raise at("kind", "numbers have no probabilities, by which judges could be sure; a cascade is for labels")
        if self.kind != "cascade" and len(self.judges) < 2:
            raise at("judges", "one judge is no jury; name another")
        for number, judge in enumerate(self.judges):
            where = f"judge {number + 1}"
            if (judge.weight is None) == (self.kind == "weighted"):
                raise at("judges", f"{where}: weight is for kind: weighted, where each judge has one")
            if judge.sure is not None and self.kind != "cascade":
                raise at("judges", f"{where}: sure is for kind: cascade")
            if self.kind == "cascade" and judge.sure is None and number < len(self.judges) - 1:
                raise at("judges", f"{where}: lacks sure, from which on it decides; only the last judge may lack it")
        if self.kind == "weighted" and not any(judge.weight for judge in self.judges):
            raise at("judges", "all weights are 0")
        usual = [self.usual, *(judge.usual for judge in self.judges)]
        columns = 1 if self.scale.ordered else len(self.scale.labels)
        if any(one is not None for one in usual) and (
            self.kind != "weighted" or any(one is None or len(one) != columns for one in usual)
        ):
            raise at("usual", f"is for kind: weighted, here and at each judge, with {columns} numbers")
        return self


def read_jury(path: Path) -> JuryFile:
    """Read a jury file; files of prompt pairs lie relative to it.

    Raises:
        PrerequisiteError: It, or the file of a pair, is missing or invalid; says where and why.
    """
    source = str(path)
    given = read_yaml(
        _File, file_bytes(path, "jury file", PrerequisiteError), source, PrerequisiteError, as_written=AS_WRITTEN
    )
    assert given.scale is not None
    members = tuple(
        _member(judge, given.scale, path, f"{source}: judges[{number}]") for number, judge in enumerate(given.judges)
    )
    weights = None
    if given.kind == "weighted":
        usual = [judge.usual for judge in given.judges if judge.usual is not None]
        weights = Weights([judge.weight or 0.0 for judge in given.judges], usual, given.usual or ())
    return JuryFile(given.kind, given.scale, members, weights)


def _member(judge: _Judge, scale: LabelScale, path: Path, where: str) -> Member:
    answer: Answer | None = judge.answer or ("likelihood" if judge.sure is not None else None)
    question = None
    if judge.prompt is not None or judge.prompts is not None:
        try:
            if judge.prompts is not None:
                pair = PromptPair.load(path.parent / judge.prompts)
                if pair.scale is not None and _named(pair.scale) != _named(scale):
                    raise ValueError(f"{judge.prompts} is for another scale than the jury: {pair.scale.instruction()}")
                pair = pair if pair.scale is not None else PromptPair(pair.judge, scale=scale)
            else:
                pair = PromptPair(judge.prompt or "", scale=scale, map=judge.map)
            question = Question.of(pair, answer)
        except (PrerequisiteError, ValueError) as error:
            raise PrerequisiteError(f"{where}: {error}") from error
    return Member(judge.model, question, answer, judge.sure, judge.args, judge.base_url)


def _named(scale: LabelScale) -> tuple[Any, ...]:
    return scale.kind, scale.labels, scale.low, scale.high


def to_yaml(jury: JuryFile) -> str:
    """A jury as `read_jury` reads it, with prompts in the file itself; equal juries give equal text."""
    weights = jury.weights
    data: dict[str, Any] = {"version": 1, "kind": jury.kind, "scale": jury.scale.to_dict()}
    if weights is not None and weights.usual:
        data["usual"] = [float(number) for number in weights.people]
    judges = []
    for place, member in enumerate(jury.members):
        pair = member.question.pair if member.question else None
        judge = {
            "model": member.model,
            "base_url": member.base_url,
            "args": dict(member.args) or None,
            "prompt": pair and pair.judge,
            "map": pair and pair.map and dict(pair.map),
            "answer": member.answer if member.sure is None else None,
            "sure": member.sure,
            "weight": None if weights is None else float(weights.each[place]),
            "usual": None if weights is None or not weights.usual else [float(n) for n in weights.usual[place]],
        }
        judges.append({name: value for name, value in judge.items() if value is not None})
    data["judges"] = judges
    return yaml.dump(data, Dumper=PromptDumper, sort_keys=False, allow_unicode=True, width=100)
