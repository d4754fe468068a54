"""Prefixes made by hand."""

from collections.abc import Sequence

import torch
from torch import Tensor

from blpo_inspect.models.prefixes import Groups, Prefix


def prefix_of(*states: Tensor | int, groups: Groups | None = None, tokens: Sequence[int] | None = None) -> Prefix:
    """A prefix of given stacked states (states × heads × length × size); a number stands for that many bytes."""
    given = tuple(torch.zeros(1, 1, one, 1, dtype=torch.uint8) if isinstance(one, int) else one for one in states)
    if groups is None:
        numbers = iter(range(sum(one.shape[0] for one in given)))
        groups = tuple(tuple(next(numbers) for _ in range(one.shape[0])) for one in given)
    length = given[0].shape[2]
    return Prefix(
        states=given,
        groups=groups,
        homes=tuple(one.device for one in given),
        tokens=tuple(tokens if tokens is not None else range(length)),
    )
