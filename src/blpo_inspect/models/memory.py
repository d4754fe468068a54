"""How much memory there is, and how much of it a token in a batch takes."""

from typing import Any

import psutil
import torch

from blpo_inspect._util.memory import free_memory

SHARE_FOR_BATCH = 0.5
"""Of the memory that is free after the weights are loaded."""

SHARE_FOR_PREFIXES = 0.25

_LIVE_WIDTHS = 10
"""Tensors as wide as the hidden state that live at once while one layer runs: residual, norm, queries, attention, …"""

_PATCHES_PER_TOKEN = 4
"""Common: image tokens are merged from 2×2 patches, and the vision tower runs on the patches."""


def is_out_of_memory(error: Exception) -> bool:
    """Whether a batch failed for lack of memory on the GPU or the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def free_bytes(device: torch.device) -> int:
    """Memory that is still to be had on a device; on a CPU also within the limit of the container."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # what torch holds without using it can be used again
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        free = int(psutil.virtual_memory().available)
        return min(free, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return free_memory()


def bytes_per_token(model: Any) -> int:
    """About what a token in a batch takes: keys and values, kept and laid out, and the widest layers while they run.

    Args:
        model: A transformers model with a text and a vision part.
    """
    text = model.config.get_text_config(decoder=True)
    heads = _largest(text, "num_key_value_heads") or _largest(text, "num_attention_heads")
    head_size = _largest(text, "head_dim") or _largest(text, "hidden_size") // max(
        1, _largest(text, "num_attention_heads")
    )
    past = 2 * _largest(text, "num_hidden_layers") * heads * head_size
    live = [1, _live(text)]
    vision = getattr(model.config, "vision_config", None)
    if vision is not None:
        live.append(_PATCHES_PER_TOKEN * _live(vision))
    return int(model.dtype.itemsize) * (2 * past + max(live))


def _live(config: Any) -> int:
    width = _largest(config, "hidden_size") or _largest(config, "embed_dim")
    return _LIVE_WIDTHS * width + 3 * (_largest(config, "intermediate_size") or 4 * width)


def _largest(config: Any, name: str) -> int:
    """A size that may differ from layer to layer; 0 where there is none."""
    try:
        value = getattr(config, name, None)
    except Exception:  # transformers refuses to give one number for layers that differ
        value = [getattr(layer, name, None) for layer in config.per_layer_config]
    values = value if isinstance(value, list | tuple) else [value]
    return max((size for size in values if isinstance(size, int)), default=0)
