"""Answers an optimizer's question in text: a sentence with the reason, then the prompt in its tag."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from blpo_inspect.world.optimizer import aspects, i2t_search, rubric, rules
from blpo_inspect.world.optimizer.choosing import GREEDY, Sampling
from blpo_inspect.world.optimizer.combining import combined
from blpo_inspect.world.optimizer.language import claim, describe, joined, words_of
from blpo_inspect.world.optimizer.question_parser import CRITIQUE, I2T_PROMPT, NO_CHANGE, ParsedExample, ParsedQuestion
from blpo_inspect.world.optimizer.rewording import rewordings
from blpo_inspect.world.optimizer.statements import (
    aspect_rules,
    label_rules,
    point_rules,
    state_aspects,
    state_labels,
    state_points,
)

UNKNOWN = (
    "I only answer questions about prompt optimization: an improved judge prompt or an improved request for image "
    "descriptions, from examples and scores between tags. I find no such question here."
)
"""The answer to anything else."""

_NEGATIVE = words_of("no false 0 bad harmful toxic forbidden rejected reject violation fail wrong mismatch nsfw")
_POSITIVE = words_of("yes true 1 good match matches aligned agree agrees correct right pass fit fits")
NOTHING = "The examples and scores given suggest nothing better."
"""The answer, and the critique of a prompt, where there is no idea."""

_MOST = 60
"""The most ideas that are looked at before the prompt is left as it is."""

_Idea = tuple[str, str]


@dataclass(frozen=True)
class Found:
    """What is to be answered.

    Attributes:
        text: The new prompt, request or critique; None where there is no idea.
        reason: Why, in a sentence.
        others: The reasons of ideas that were not chosen, the best first.
    """

    text: str | None
    reason: str
    others: tuple[str, ...] = ()


def answer(question: ParsedQuestion, sampling: Sampling = GREEDY) -> str:
    """The best new idea, or one of the next best; without any, the prompt in force stays as it is."""
    found = find(question, sampling)
    if found.text is None and question.may_stay:
        return f"{found.reason}\n\n{NO_CHANGE}"
    return tagged(question.tag, in_force(question) if found.text is None else found.text, found.reason)


def find(question: ParsedQuestion, sampling: Sampling) -> Found:
    """An idea that differs from the prompt in force, from everything that has a score and from all earlier answers.

    It may not be too long.
    """
    ideas = list(islice(_new(question, _ideas(question)), _MOST))
    if question.tag == CRITIQUE:
        reasons = [reason for _, reason in ideas if reason not in question.earlier]
        return Found(sampling.choose(reasons) if reasons else NOTHING, "I compared the examples.")
    if question.critique is not None:
        # the idea that the critique came from, if it can be found again
        ideas = [idea for idea in ideas if idea[1] == question.critique] or ideas
    if not ideas:
        return Found(None, NOTHING)
    text, reason = sampling.choose(ideas)
    return Found(text, reason, tuple(dict.fromkeys(other for _, other in ideas if other != reason)))


def in_force(question: ParsedQuestion) -> str:
    """The prompt that an answer is to improve on; of requests with scores the best."""
    if question.tag == I2T_PROMPT:
        return max(question.tried, key=lambda request: request.score).text if question.tried else ""
    return question.current


def _ideas(question: ParsedQuestion) -> Iterator[_Idea]:
    if question.tag == I2T_PROMPT:
        return ((i2t_search.request(properties), reason) for properties, reason in i2t_search.proposals(question.tried))
    reworded = ((text, "The same in other words.") for text in rewordings(question.current))
    if question.instructions:  # something that differs from all of them is asked for in any case
        return chain(_judge_prompts(question), combined(question), reworded)
    return _judge_prompts(question) if question.examples or question.critique is not None else reworded


def _new(question: ParsedQuestion, ideas: Iterator[_Idea]) -> Iterator[_Idea]:
    old = {_plain(text) for text in (question.current, *question.earlier)}
    old |= {_plain(scored.text) for scored in (*question.tried, *question.instructions)}
    old |= set(map(_plain, question.known))
    for prompt, reason in islice(ideas, _MOST):
        fits = question.max_chars is None or len(prompt) <= question.max_chars
        if fits and _plain(prompt) not in old:
            yield prompt, reason


def tagged(tag: str, prompt: str, reason: str) -> str:
    """An answer: the reason, then the prompt in its tag."""
    return f"{reason}\n\n<{tag}>\n{prompt}\n</{tag}>"


def _plain(text: str) -> str:
    return " ".join(text.split())


def _judge_prompts(question: ParsedQuestion) -> Iterator[_Idea]:
    seen = [
        example for example in question.examples if example.description is not None and example.human in question.labels
    ]
    if not seen or len(question.labels) < 2:
        return iter(())
    if any(example.text is not None for example in seen):
        return _matching(question, seen)
    if question.ordered:
        return _rating(question, seen)
    if len(question.labels) == 2:
        return _two_labels(question, seen)
    return _many_labels(question, seen)


def _two_labels(question: ParsedQuestion, seen: Sequence[ParsedExample]) -> Iterator[_Idea]:
    prompt = label_rules(question.current, question.labels)
    stated = [label for label in question.labels if prompt.rules.get(label)]
    forbidden = prompt.rules.get("", ())
    likely = stated[:1] or _hinted(question.labels)
    ideas: list[tuple[str, rules.Hypothesis]] = []
    for label in likely or question.labels:
        cases = [_case(example, label) for example in seen]
        known = (*prompt.rules.get(label, ()), *forbidden)
        ideas += [(label, hypothesis) for hypothesis in rules.induce(cases, known)]
    for label, hypothesis in sorted(ideas, key=lambda idea: -idea[1].score):
        named = joined([feature.phrase() for feature in hypothesis.features], "or")
        reason = (
            f"People seem to call an image {label} if it contains {named}; "
            f"that explains {hypothesis.explained} of the {len(seen)} examples."
        )
        yield prompt.with_rule(state_labels({label: hypothesis.features}, question.labels)), reason


def _many_labels(question: ParsedQuestion, seen: Sequence[ParsedExample]) -> Iterator[_Idea]:
    prompt = label_rules(question.current, question.labels)
    stated = {label: features for label, features in prompt.rules.items() if label}
    best: dict[str, rules.Hypothesis] = {}
    for label in question.labels:
        cases = [_case(example, label) for example in seen]
        hypotheses = rules.induce(cases, stated.get(label, ())) if any(case.positive for case in cases) else []
        if hypotheses:
            best[label] = hypotheses[0]
    changes = [dict(best)] + [
        {label: best[label]} for label in sorted(best, key=lambda name: (-best[name].score, name)) if len(best) > 1
    ]
    for change in changes:
        if change:
            features = {**stated, **{label: hypothesis.features for label, hypothesis in change.items()}}
            reason = f"What images of each label have in common suggests rules for {joined(list(change), 'and')}."
            yield prompt.with_rule(state_labels(features, question.labels)), reason


def _rating(question: ParsedQuestion, seen: Sequence[ParsedExample]) -> Iterator[_Idea]:
    prompt = point_rules(question.current)
    marks = {label: int(label) for label in question.labels}
    rated = [
        rubric.Rated(describe(example.description or ""), marks[example.human], marks.get(example.judge or ""))
        for example in seen
    ]
    worst, best = min(marks.values()), max(marks.values())
    for proposal in rubric.induce(rated, prompt.rules.get("", ()), worst=worst, best=best):
        reason = (
            f"People seem to take off a point for {joined([f.phrase() for f in proposal.faults], 'and')}; "
            f"on the {len(seen)} examples that leaves a mean error of {proposal.error:.2f}."
        )
        yield prompt.with_rule(state_points(proposal.faults, str(best))), reason


def _matching(question: ParsedQuestion, seen: Sequence[ParsedExample]) -> Iterator[_Idea]:
    rest, stated = aspect_rules(question.current)
    agree = _agreeing(question)
    pairs = [
        aspects.ClaimedCaption(
            said, describe(example.description or ""), example.human in agree, example.judge == example.human
        )
        for example in seen
        if example.text is not None and (said := claim(example.text)) is not None
    ]
    for regard in aspects.induce(pairs, stated):
        rule = state_aspects(regard.aspects)
        reason = (
            f"People seem to go by {joined(sorted(regard.aspects), 'and')}; "
            f"that explains {regard.explained} of the {len(pairs)} examples."
        )
        yield " ".join(part for part in (rest, rule) if part), reason


def _case(example: ParsedExample, label: str) -> rules.LabelledCaption:
    return rules.LabelledCaption(
        describe(example.description or ""), example.human == label, example.judge == example.human
    )


def _hinted(labels: Sequence[str]) -> list[str]:
    """The label that reads like an exception to the other; none where neither does."""
    first, second = (label.lower() for label in labels)
    if first.isdigit() and second.isdigit():
        return []
    if first.endswith(second):
        return [labels[0]]
    if second.endswith(first):
        return [labels[1]]
    return [label for label in labels if label.lower() in _NEGATIVE][:1]


def _agreeing(question: ParsedQuestion) -> frozenset[str]:
    """The labels that say that text and image agree: the upper half of a scale, or by their wording."""
    labels = question.labels
    if all(label.lstrip("-").isdigit() for label in labels):
        middle = (min(map(int, labels)) + max(map(int, labels))) / 2
        return frozenset(label for label in labels if int(label) > middle)
    worded = frozenset(label for label in labels if label.lower() in _POSITIVE)
    if worded:
        return worded
    negative = _hinted(labels) if len(labels) == 2 else []
    return frozenset(label for label in labels if label not in negative) if negative else frozenset(labels[-1:])
