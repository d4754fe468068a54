"""Figures of `blpo_inspect.statistics` as Inspect metrics: value, both ends of the interval, by group where asked for.

A figure has a key for its value and for each end of its interval (95 %), and the same again for each group; how they
are called: `metric_keys`. Figures that do not apply to the scale have no keys; those that are not defined on the
samples are NaN. Samples of one ``group``, or epochs of one sample, are a cluster to the intervals.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from inspect_ai.scorer import Metric, SampleScore, Value, metric

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.scorers.metric_keys import in_group, metric_key
from blpo_inspect.statistics import Interval
from blpo_inspect.statistics.named_statistics import ERROR

Statistics = dict[str, float]
"""Key → value of one metric."""


@dataclass(frozen=True)
class Judged:
    """The scored samples of a log, or of one group of it.

    Attributes:
        scores: As Inspect gives them to a metric.
    """

    scores: Sequence[SampleScore]

    @cached_property
    def scale(self) -> LabelScale | None:
        """The scale of all scores, else of their samples; None where there are none, or several scales."""
        found = [(item.score.metadata or {}).get("scale") or self._of_sample(item, "scale") for item in self.scores]
        return LabelScale.from_dict(found[0]) if found and all(one == found[0] for one in found) else None

    @cached_property
    def human(self) -> list[str]:
        """People's label of each."""
        return [str((item.score.metadata or {})["human"]) for item in self.scores]

    @cached_property
    def judge(self) -> list[str]:
        """The judge's label of each."""
        return [str(item.score.answer) for item in self.scores]

    @cached_property
    def clusters(self) -> list[Hashable]:
        """What each sample belongs to: its group, else itself, so that epochs of one sample stay together."""
        groups = [self._of_sample(item, "group") for item in self.scores]
        return [
            ("sample", item.sample_id) if group is None else ("group", str(group))
            for item, group in zip(self.scores, groups, strict=True)
        ]

    @cached_property
    def raters(self) -> list[dict[str, str]]:
        """Rater → label of each sample; empty where the raters are not known."""
        raters = [self._of_sample(item, "raters") or {} for item in self.scores]
        return [{str(name): str(label) for name, label in each.items()} for each in raters]

    @cached_property
    def once(self) -> list[int]:
        """The place of each sample's first epoch."""
        places: dict[Hashable, int] = {}
        for place, item in enumerate(self.scores):
            places.setdefault(place if item.sample_id is None else ("id", item.sample_id), place)
        return list(places.values())

    def groups(self) -> dict[str, "Judged"]:
        """The groups that the scorer was asked for by ``by``, in the order of their names."""
        found: dict[str, list[SampleScore]] = {}
        for item in self.scores:
            group = (item.score.metadata or {}).get("by")
            if group is not None:
                found.setdefault(str(group), []).append(item)
        return {group: Judged(found[group]) for group in sorted(found)}

    @staticmethod
    def _of_sample(item: SampleScore, name: str) -> Any:
        return (item.sample_metadata or {}).get(name)


def keys(name: str, interval: Interval, label: str | None = None) -> Statistics:
    """A figure and the ends of its interval, for one label where it is of one."""
    return {
        metric_key(name, "value", label): interval.value,
        metric_key(name, "low", label): interval.low,
        metric_key(name, "high", label): interval.high,
    }


def grouped(figures: Callable[[Judged], Statistics], undefined: str | None = None) -> Metric:
    """A metric over all scored samples, and over each group where the scorer was asked for groups.

    Args:
        figures: Makes the keys and values.
        undefined: The key that is NaN where no sample is scored, and `figures` makes none. Without any key, Inspect
            would show the name of the metric's function.
    """

    def compute(scores: list[SampleScore]) -> Value:
        if undefined is not None and not scores:
            return {undefined: math.nan}
        judged = Judged(scores)
        found = figures(judged)
        for group, part in judged.groups().items():
            found |= {in_group(key, group): value for key, value in figures(part).items()}
        return found

    return compute


def named(name: str) -> Metric:
    """The metric of a figure of `statistics.statistics_of`."""

    return grouped(partial(named_figure, name))


def named_figure(name: str, judged: Judged) -> Statistics:
    """A figure of `statistics.statistics_of` with its interval; no keys where the scale does not have it."""
    if judged.scale is None:
        return keys(name, Interval(math.nan, math.nan, math.nan, 0))
    figure = statistics.statistics_of(judged.scale).get(name)
    if figure is None:
        return {}
    return keys(
        name, statistics.with_interval(figure, judged.human, judged.judge, judged.scale, clusters=judged.clusters)
    )


def ceilings(names: Sequence[str]) -> Metric:
    """How well people agree by these figures, and the judge's share of it, where samples have raters; no intervals.

    Three keys a figure, two of an error. The ceiling: one rater against the consensus of the others. Raters pair by
    pair. The share: the judge's figure over one rater's, both against the same consensuses.
    """

    def figures(judged: Judged) -> Statistics:
        if judged.scale is None or not any(len(rater) > 1 for rater in judged.raters):
            return {}
        found: Statistics = {}
        scale = judged.scale
        once = Judged([judged.scores[place] for place in judged.once])
        labels = [[rater[name] for name in sorted(rater)] for rater in judged.raters]
        for name, figure in statistics.statistics_of(scale).items():
            if name not in names or (scale.kind == "numeric" and figure.takes == "labels"):
                continue

            def value(label: str, figure: statistics.Named = figure) -> Any:
                return figure.value(label, scale)

            # one resample: the interval is not shown
            people = statistics.rater_consensus(
                [labels[place] for place in judged.once], scale, figure.figure, value=value, resamples=1
            )
            pairs = statistics.rater_rater(once.raters, figure.figure, value=value, resamples=1)
            found[metric_key(name, "ceiling")] = people.value
            found[metric_key(name, "raters")] = pairs.value
            if name not in ERROR:
                of = statistics.share_of_ceiling(judged.judge, labels, scale, figure.figure, value=value, resamples=1)
                found[metric_key(name, "share")] = of.value
        return found

    return grouped(figures, metric_key(names[0], "ceiling"))


@metric(scores="unreduced")
def n() -> Metric:
    """Number of scored samples of each group; that of all is Inspect's own ``scored_samples``, and only a 0 is said."""

    def compute(scores: list[SampleScore]) -> Value:
        sizes = {in_group("n", group): len(part.scores) for group, part in Judged(scores).groups().items()}
        return sizes if scores else {"n": 0}

    return compute
