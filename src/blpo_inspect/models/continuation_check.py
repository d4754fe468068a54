"""Whether a loaded model may continue from a kept prefix, found out by trying it on a request.

A model may not if its text changes what it computes of the image before it (PaliGemma looks both ways), or if it keeps
something other than keys and values.
"""

from typing import Any

import torch
import transformers
from torch import Tensor

from blpo_inspect.models.collate import SEQUENCE_INPUTS, join, on_device
from blpo_inspect.models.continuation import cache_of, compute, inputs_after
from blpo_inspect.models.memory import is_out_of_memory
from blpo_inspect.models.prefixes import Prefix
from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.weights import Weights

hf: Any = transformers  # partly typed

TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.03, torch.bfloat16: 0.08}
"""Largest difference of two ways to compute logits that counts as rounding, as a share of their spread (both as norms
around the mean). Float32 differs by about 1e-6; a model that looks both ways by 0.05 and more."""


def why_not(weights: Weights, request: Prepared, prefix: Prefix | None = None) -> str | None:
    """Why requests like this one must run as a whole; `None` where they may continue from a prefix.

    Runs the request as a whole, and once more in two parts with padding around them.

    Args:
        weights: The model.
        request: One with a prefix and all its inputs.
        prefix: What is kept of its beginning; `None` computes that.
    """
    unknown = [
        key for key in request.inputs if key in SEQUENCE_INPUTS and request.inputs[key].shape != (1, request.length)
    ]
    if unknown:
        return f"its inputs {', '.join(unknown)} are not one number per token"
    whole = _last_logits(weights, on_device(join([request.inputs], pad_token=weights.pad_token), weights), None)
    try:
        prefix = prefix or compute(weights, [request])[0]
        margin = 2 if weights.in_window(request.length + 2) else 0
        inputs = on_device(inputs_after(weights, [request], [prefix], margin), weights)
        parts = _last_logits(weights, inputs, cache_of(weights, [prefix], request.length, margin))
    except Exception as error:  # families differ in what they do with a cache that they did not make
        if is_out_of_memory(error):
            raise
        return f"it cannot continue from a kept past ({type(error).__name__}: {error})"
    difference = spread(parts - whole) / spread(whole)
    if not difference <= tolerance(weights):  # NaN too
        return (
            f"its text changes what it sees in the image before (logits differ by {difference:.2g} of their spread,"
            f" rounding would be below {tolerance(weights):g})"
        )
    return None


def _last_logits(weights: Weights, inputs: dict[str, Tensor], cache: Any) -> Tensor:
    made = weights.model.generate(
        **inputs,
        **({} if cache is None else {"past_key_values": cache}),
        generation_config=hf.GenerationConfig(
            max_new_tokens=1,
            do_sample=False,
            pad_token_id=weights.pad_token,
            output_logits=True,
            return_dict_in_generate=True,
        ),
    )
    logits: Tensor = made.logits[0][0].float()
    return logits


def tolerance(weights: Weights) -> float:
    """The largest share that two ways may differ by."""
    return TOLERANCE.get(weights.dtype, max(TOLERANCE.values()))


def spread(logits: Tensor) -> float:
    """How far logits lie from their mean, as a norm."""
    return float((logits - logits.mean()).norm())
