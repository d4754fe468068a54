"""A monotone map from a judge's labels to people's, on an ordinal scale, fitted exactly and kept only if it helps."""

from collections.abc import Sequence

from blpo_inspect.judging.labels import LabelScale


def fit_map(scale: LabelScale, said: Sequence[str], people: Sequence[Sequence[str]]) -> dict[str, str]:
    """The monotone map of least mean loss, each item's loss being the mean over its raters.

    Among equal maps each label stays as near to itself as it can.

    Args:
        scale: An ordinal scale.
        said: The judge's label of each item.
        people: Each item's labels by its raters, at least one.
    """
    labels = scale.labels
    cost = [[0.0] * len(labels) for _ in labels]
    for label, raters in zip(said, people, strict=True):
        for place, target in enumerate(labels):
            cost[labels.index(label)][place] += sum(scale.loss(target, rater) for rater in raters) / len(raters)
    best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())] * len(labels)
    for row, costs in enumerate(cost):
        reached: list[tuple[float, int, tuple[int, ...]]] = []
        for place in range(len(labels)):
            loss, moved, path = min(best[: place + 1])
            reached.append((round(loss + costs[place], 9), moved + abs(place - row), (*path, place)))
        best = reached
    return {label: labels[place] for label, place in zip(labels, min(best)[2], strict=True)}


def kept_map(
    scale: LabelScale, said: Sequence[str], people: Sequence[Sequence[str]], groups: Sequence[str]
) -> dict[str, str] | None:
    """The map of `fit_map` if it lowers the loss of groups that it was not fitted on, each left out once; else None."""
    before = after = 0.0
    for group in dict.fromkeys(groups):
        rest = [place for place, other in enumerate(groups) if other != group]
        fitted = fit_map(scale, [said[place] for place in rest], [people[place] for place in rest])
        for place in (place for place, other in enumerate(groups) if other == group):
            raters = people[place]
            before += sum(scale.loss(said[place], rater) for rater in raters) / len(raters)
            after += sum(scale.loss(fitted[said[place]], rater) for rater in raters) / len(raters)
    return fit_map(scale, said, people) if after < before - 1e-9 else None
