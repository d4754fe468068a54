"""Compares the first and the final pair on the test split, by the figures that fit the scale.

Both are measured on the same samples. An answer that could not be read counts as the worst one there is
(`statistics.with_unread`), but in correlations and the bias, in which it has no place: these are over the samples that
were read both times. Items of one group are a cluster to the intervals.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from blpo_inspect import statistics
from blpo_inspect.judging.labels import Kind, LabelScale
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.problem import Item

FIGURES: dict[Kind, tuple[str, ...]] = {
    "unordered": ("accuracy", "macro_f1", "cohens_kappa"),
    "pair": ("accuracy", "macro_f1", "cohens_kappa"),
    "ordinal": ("quadratic_kappa", "mae", "spearman", "bias", "accuracy", "macro_f1", "cohens_kappa"),
    "numeric": ("mae", "spearman", "pearson", "bias"),
}
"""Kind of scale → its figures, by their names in `statistics.statistics_of`."""

HEADLINES: dict[Kind, dict[str, str]] = {
    "unordered": {"accuracy": "accuracy"},
    "pair": {"accuracy": "accuracy"},
    "ordinal": {"quadratic_kappa": "quadratic kappa", "mae": "MAE"},
    "numeric": {"mae": "MAE", "spearman": "Spearman"},
}
"""Kind of scale → the figures of `summary`, and what they are called there."""

OF_READ = frozenset({"spearman", "pearson", "bias"})
"""Figures in which an answer that could not be read has no place."""

WITH_CEILING = frozenset({"accuracy", "cohens_kappa", "quadratic_kappa", "spearman", "pearson", "mae"})
"""Figures beside which stands how one rater does against the consensus of the others."""

Labels = Sequence[str | None]


def compare(before: Sequence[Judgement], after: Sequence[Judgement], *, scale: LabelScale, seed: int) -> dict[str, Any]:
    """Compare two prompts on the same items; JSON-ready.

    Args:
        before: The first pair's judgements.
        after: The final pair's, of the same items in the same order.
        scale: Of the labels.
        seed: Of the bootstrap.

    Returns:
        ``n``, the number of items; ``paired``, of those read both times; each side's figures (`figures`); for each
        figure the paired ``difference`` with the ends of its 95 % interval, and a ``reason`` where there is something
        to say; ``clusters``, the number of groups and single items, where there are groups; ``ceiling``, where items
        have raters, with the number ``n`` of these. What is not defined is None.
    """
    items = [judgement.item for judgement in before]
    human = [item.human for item in items]
    sides = [[judgement.label for judgement in side] for side in (before, after)]
    clusters = _clusters(items)
    values: tuple[dict[str, Any], ...] = ({}, {})
    difference = {}
    for name in FIGURES[scale.kind]:
        figure, places, (people, first, second) = _columns(name, human, sides, scale)
        held = None if clusters is None else [clusters[place] for place in places]
        interval = statistics.paired_difference(people, first, second, figure, clusters=held, seed=seed)
        for side, column in zip(values, (first, second), strict=True):
            side[name] = _plain(figure(people, column))
        fewer = len(places) < len(items)
        only = f"over the {len(places)} of {len(items)} samples that were read both times" if fewer else None
        reason = "; ".join(filter(None, (only, interval.reason)))
        difference[name] = {
            "value": _plain(interval.value),
            "low": _plain(interval.low),
            "high": _plain(interval.high),
            **({"reason": reason} if reason else {}),
        }
    ceiling = _ceiling(items, scale)
    return {
        "n": len(items),
        "paired": sum(None not in both for both in zip(*sides, strict=True)),
        **({} if clusters is None else {"clusters": len(set(clusters))}),
        "before": values[0] | _counts(sides[0]),
        "after": values[1] | _counts(sides[1]),
        "difference": difference,
        **({"ceiling": ceiling} if ceiling else {}),
    }


def figures(human: Sequence[str], judge: Labels, scale: LabelScale) -> dict[str, Any]:
    """One prompt's figures, JSON-ready, with ``n``, the number of items, and how many of them were ``unread``.

    Args:
        human: People's label of each item.
        judge: The judge's; None where the answer could not be read.
        scale: Of the labels.
    """
    found: dict[str, Any] = {}
    for name in FIGURES[scale.kind]:
        figure, _, (people, labels) = _columns(name, human, [judge], scale)
        found[name] = _plain(figure(people, labels))
    return found | _counts(judge)


def summary(test: Mapping[str, Any], kind: Kind) -> str:
    """The figures of `compare` by which prompts on such a scale are told apart, in one line of text."""
    said = [_headline(name, title, test) for name, title in HEADLINES[kind].items()]
    unread = [test[side]["unread"] for side in ("before", "after")]
    if any(unread):
        said.append(f"of {test['n']} answers {unread[0]} unread before, {unread[1]} after")
    return "; ".join(said)


def _headline(name: str, title: str, test: Mapping[str, Any]) -> str:
    before, after = (_shown(test[side][name], ".3f") for side in ("before", "after"))
    change = test["difference"][name]
    low, high = change["low"], change["high"]
    beside = [f"difference {_shown(change['value'], '+.3f')}"]
    if low is None or high is None:
        beside.append("no interval")
    else:
        noise = ", cannot be told from noise" if low <= 0 <= high else ""
        beside.append(f"95 % interval {low:+.3f} to {high:+.3f}{noise}")
    # an error alone, unlike a share or a kappa, does not say whether it is large
    if name == "mae" and (people := test.get("ceiling", {}).get(name)) is not None:
        beside.append(f"one rater {people:.3f}")
    return f"{title} {before} before, {after} after ({', '.join(beside)})"


def _columns(
    name: str, people: Sequence[str], sides: Sequence[Labels], scale: LabelScale
) -> tuple[statistics.Statistic, list[int], list[list[Any]]]:
    """A figure, the places of the items that it is over, and what it takes of these: people's side, then the others."""
    named = statistics.statistics_of(scale)[name]
    read = [place for place, labels in enumerate(zip(*sides, strict=True)) if None not in labels]
    places = read if name in OF_READ else list(range(len(people)))
    columns = [people, *(statistics.with_unread(people, side, scale) for side in sides)]
    return named.figure, places, [named.columns([column[place] for place in places], scale) for column in columns]


def _clusters(items: Sequence[Item]) -> list[Hashable] | None:
    """The cluster of each item; None where every one is by itself."""
    held: list[Hashable] = [item.cluster for item in items]
    return held if len(set(held)) < len(held) else None


def _ceiling(items: Sequence[Item], scale: LabelScale) -> dict[str, Any]:
    """How one rater does against the consensus of the others; empty where no item has two raters."""
    ratings = [item.raters for item in items if len(item.raters) > 1]
    if not ratings:
        return {}
    found: dict[str, Any] = {}
    for name in FIGURES[scale.kind]:
        if name not in WITH_CEILING:
            continue
        named = statistics.statistics_of(scale)[name]

        def value(label: str, named: statistics.Named = named) -> Any:
            return named.value(label, scale)

        # one resample: the interval is not shown
        people = statistics.rater_consensus(ratings, scale, named.figure, value=value, resamples=1)
        found[name] = _plain(people.value)
    return {**found, "n": len(ratings)}


def _counts(side: Labels) -> dict[str, int]:
    return {"n": len(side), "unread": sum(label is None for label in side)}


def _shown(value: float | None, form: str) -> str:
    return "undefined" if value is None else format(value, form)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
