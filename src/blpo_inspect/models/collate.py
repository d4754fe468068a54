"""Model inputs of several requests as one batch."""

from collections.abc import Hashable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from blpo_inspect.models.weights import Weights

SEQUENCE_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""Inputs of shape 1×length; shorter rows are filled on the left."""

STACKED_INPUTS = ("pixel_values", "pixel_attention_mask", "image_grid_thw", "image_sizes")
"""Inputs that are joined along their first dimension: images or patches, or one request each."""

SIZE_INPUTS = ("pixel_attention_mask", "image_sizes")
"""With one of these the model knows which pixels are padding, so different sizes may be joined."""


def group_of(inputs: Mapping[str, Tensor]) -> Hashable:
    """Requests whose groups are equal can be joined in one batch; some can never be joined."""
    if any(key not in SEQUENCE_INPUTS and key not in STACKED_INPUTS for key in inputs):
        return object()  # equal to nothing else: how to join that input is not known
    sized = any(key in inputs for key in SIZE_INPUTS)
    return tuple(
        (key, inputs[key].ndim if sized or key in SEQUENCE_INPUTS else tuple(inputs[key].shape[1:]))
        for key in sorted(inputs)
    )


def join(inputs: Sequence[Mapping[str, Tensor]], *, pad_token: int) -> dict[str, Tensor]:
    """One batch out of inputs of equal group.

    Sequences become rows × longest; vision inputs follow each other in the order of the rows, with
    zeros where an input is smaller than another.
    """
    joined: dict[str, Tensor] = {}
    for key in inputs[0]:
        parts = [row[key] for row in inputs]
        if key in SEQUENCE_INPUTS:
            longest = max(part.shape[1] for part in parts)
            fill = pad_token if key == "input_ids" else 0
            parts = [pad(part, (longest - part.shape[1], 0), value=fill) for part in parts]
        else:
            shape = [max(part.shape[dim] for part in parts) for dim in range(1, parts[0].ndim)]
            parts = [_fill_up(part, shape) for part in parts]
        joined[key] = torch.cat(parts)
    return joined


def on_device(inputs: Mapping[str, Tensor], weights: Weights) -> dict[str, Tensor]:
    """Inputs where the model wants them, floating-point ones in its type."""
    return {
        key: value.to(weights.device, weights.dtype if value.is_floating_point() else value.dtype)
        for key, value in inputs.items()
    }


def _fill_up(part: Tensor, shape: Sequence[int]) -> Tensor:
    # pad() counts dimensions from the last
    missing = [size for dim in reversed(range(len(shape))) for size in (0, shape[dim] - part.shape[dim + 1])]
    return pad(part, missing) if any(missing) else part
