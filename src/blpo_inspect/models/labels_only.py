"""Decoding among the labels of a scale: at each token, only those that go on to a label are left.

Unlike `labelling`, which compares whole labels, each token is chosen before the ones after it are known, as providers
with structured output do.
"""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor

from blpo_inspect.models.label_tree import LabelTree


class LabelsOnly(LogitsProcessor):
    """Rules out what leads to no label.

    Args:
        trees: Per row its labels; `None` leaves a row as it is.
        length: Tokens of the padded input.
        ends: Tokens that end an answer, for a label that begins another.
    """

    def __init__(self, trees: Sequence[LabelTree | None], length: int, ends: Sequence[int]) -> None:
        self._trees = trees
        self._length = length
        self._ends = list(ends)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        scores = scores.clone()
        for row, tree in enumerate(self._trees):
            if tree is None:
                continue
            label, longer = tree.written(input_ids[row, self._length :].tolist())
            left = longer + self._ends if label is not None else longer
            if longer:  # else the row has ended
                kept = scores[row, left]
                scores[row] = -torch.inf
                # what the checkpoint forbids altogether is still a label
                scores[row, left] = kept if kept.isfinite().any() else 0.0
        return scores
