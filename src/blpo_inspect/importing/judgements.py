"""Rows of a table → judgements, and what is wrong with the others. Nothing is guessed, and every bad row is named."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from blpo_inspect.data.tables.cells import text_of
from blpo_inspect.data.tables.consensus_label import consensus_label
from blpo_inspect.data.tables.table_row import TableError, TableRow, as_fault
from blpo_inspect.importing.rule import Rule, as_number
from blpo_inspect.judging.labels import LabelScale

FACTS = ("human", "category", "group", "text", "raters")
"""What is of the item, and the same for all judges of it."""


@dataclass(frozen=True)
class Judgement:
    """What one judge said of one item.

    Attributes:
        item: The item's name.
        judge: The judge's.
        label: On the scale; None where the table has none that can be read.
        answer: The raw answer, where the table has one.
        facts: What is known of the item; see `FACTS`.
        prompt: What the judge was asked, where the table says it.
        cost: In dollars.
    """

    item: str
    judge: str
    label: str | None
    answer: str | None
    facts: Mapping[str, Any]
    prompt: str | None
    cost: float | None


@dataclass
class Found:
    """What a table holds.

    Attributes:
        by_judge: Judge → item → judgement, in the table's order.
        faults: Rows that cannot be used, and why.
        unread: How many judgements have no label.
    """

    by_judge: dict[str, dict[str, Judgement]] = field(default_factory=lambda: defaultdict(dict))
    faults: list[str] = field(default_factory=list)
    unread: int = 0


def judgements(rows: Iterable[TableRow], rule: Rule, scale: LabelScale, judge: str | None, source: str) -> Found:
    """The judgements of a table.

    Args:
        rows: Its rows.
        rule: What they mean.
        scale: Of the labels.
        judge: Who judged, where no column says it.
        source: The table, for messages.

    Raises:
        TableError: Columns that are needed are missing, or it has no row.
    """
    found = Found()
    items: dict[str, Mapping[str, Any]] = {}
    names: dict[str, str] = {}
    for row in rows:
        if row.fault is None and not names:
            names = _needed(rule, row.values, judge, source)
        try:
            if row.fault is not None:
                raise ValueError(row.fault)
            one = _judgement(row.values, names, rule, scale, judge)
            known = items.setdefault(one.item, one.facts)
            differ = [name for name in FACTS if known.get(name) != one.facts.get(name)]
            if differ:
                raise ValueError(f"{differ[0]} of {one.item!r:.80} is not as in an earlier row")
            if one.item in found.by_judge[one.judge]:
                raise ValueError(f"{one.judge!r:.80} judged {one.item!r:.80} in an earlier row already")
        except (TypeError, ValueError) as error:
            found.faults.append(f"{row.where}: {as_fault(str(error))}")
            continue
        found.by_judge[one.judge][one.item] = one
        found.unread += one.label is None
    if not names and not found.faults:
        raise TableError(f"{source}: has no rows")
    found.by_judge = {name: items for name, items in found.by_judge.items() if items}
    return found


def _needed(rule: Rule, known: Mapping[str, Any], judge: str | None, source: str) -> dict[str, str]:
    try:
        names = rule.names(known)
    except TableError as error:
        raise TableError(f"{source}: {error}") from error
    if "item" not in names:
        raise TableError(f"{source}: no column 'item'; say which it is: --column item=NAME")
    if "judge" not in names and judge is None:
        raise TableError(f"{source}: no column 'judge'; say which it is, or who judged: --column judge=NAME, --judge")
    if not {"score", "label", "answer"} & set(names):
        raise TableError(f"{source}: no column with a score, label or answer of the judge: --column score=NAME")
    return names


def _judgement(
    values: Mapping[str, Any], names: Mapping[str, str], rule: Rule, scale: LabelScale, judge: str | None
) -> Judgement:
    def cell(role: str) -> str | None:
        return text_of(values.get(names[role]), nested=role == "answer") if role in names else None

    item, who = cell("item"), cell("judge") if "judge" in names else judge
    if item is None or who is None:
        raise ValueError(f"the {'item' if item is None else 'judge'} is empty")
    raters = {}
    for name in rule.rater_columns(values):
        if (said := text_of(values.get(name))) is not None:
            raters[name] = scale.canonical(said)
    human = cell("human")
    if human is not None:
        human = scale.canonical(human)
    elif raters:
        human, _ = consensus_label(list(raters.values()), scale, draw=False, seed=item)
        if human is None:
            raise ValueError(
                f"the raters tie ({', '.join(sorted(raters.values()))}); give a column with people's label"
            )
    facts = {"human": human, "raters": raters, **{name: cell(name) for name in ("category", "group", "text")}}
    cost = as_number(values.get(names["cost"])) if "cost" in names else None
    return Judgement(item, who, _label(values, names, rule, scale), cell("answer"), facts, cell("prompt"), cost)


def _label(values: Mapping[str, Any], names: Mapping[str, str], rule: Rule, scale: LabelScale) -> str | None:
    """The label of a row: its own, else of its score, else what the answer says; None where that cannot be read."""
    if "label" in names and (said := text_of(values.get(names["label"]))) is not None:
        return scale.canonical(said)
    if "score" in names:
        score = as_number(values.get(names["score"]))
        if score is None:
            return None
        return scale.canonical(f"{score:g}") if rule.score is None else rule.score.label(score, scale)
    if "label" in names or "answer" not in names:
        return None
    answer = text_of(values.get(names["answer"]), nested=True)
    return None if answer is None else scale.read(answer).label
