"""Combines the rules of two instructions with scores: rules that helped apart may help together."""

from collections.abc import Iterator
from itertools import combinations

from blpo_inspect.world.optimizer.question_parser import ParsedQuestion
from blpo_inspect.world.optimizer.statements import label_rules, point_rules, state_labels, state_points


def combined(question: ParsedQuestion) -> Iterator[tuple[str, str]]:
    """Prompts with the rules of two instructions that have scores, those of the best two first, each with a reason."""
    ranked = sorted(question.instructions, key=lambda instruction: -instruction.score)
    for better, other in combinations(ranked, 2):
        joined_rules = _together(better.text, other.text, question)
        if joined_rules is not None:
            yield joined_rules, "Both of these scored well; together they may score better."


def _together(prompt: str, other: str, question: ParsedQuestion) -> str | None:
    """The first prompt with the rules of both; None where there is nothing to put together."""
    if question.ordered:
        marks = [int(label) for label in question.labels]
        first, second = point_rules(prompt), point_rules(other)
        features = {**dict.fromkeys(first.rules.get("", ())), **dict.fromkeys(second.rules.get("", ()))}
        rule = state_points(tuple(features), str(max(marks)))
    else:
        first, second = label_rules(prompt, question.labels), label_rules(other, question.labels)
        united = {
            label: tuple(dict.fromkeys((*first.rules.get(label, ()), *second.rules.get(label, ()))))
            for label in question.labels
        }
        rule = state_labels(united, question.labels)
    return first.with_rule(rule) if rule else None
