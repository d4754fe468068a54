"""Shapes of the checkpoints: vision tower and language model, from tiny to those of 7B models."""

from dataclasses import dataclass, replace
from typing import Any

SIZES = ("tiny", "small", "7b")


@dataclass(frozen=True)
class Shape:
    """Of a vision-language model with random weights."""

    side: int
    """Pixels of an image's sides, as the model sees it."""

    vocabulary: int
    text: dict[str, Any]
    vision: dict[str, Any]
    scale: float = 1.0
    """What random matrices are multiplied by, so that answers differ from image to image."""


def _text(hidden: int, intermediate: int, layers: int, heads: int, kv_heads: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
    }


def _qwen_vision(hidden: int, intermediate: int, depth: int, heads: int, full: list[int]) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "depth": depth,
        "num_heads": heads,
        "fullatt_block_indexes": full,  # the other layers look at windows, as in the released models
    }


def _clip(hidden: int, intermediate: int, layers: int, heads: int) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "patch_size": 14,
    }


QWEN = {
    "tiny": Shape(112, 600, _text(64, 128, 2, 4, 2), _qwen_vision(32, 64, 2, 2, [1]), 2.0),
    "small": Shape(448, 8192, _text(512, 1536, 8, 8, 2), _qwen_vision(192, 512, 8, 4, [3, 7]), 2.0),
    "7b": Shape(448, 152_064, _text(3584, 18_944, 28, 28, 4), _qwen_vision(1280, 3420, 32, 16, [7, 15, 23, 31])),
}
"""By size. 448 pixels are 1,024 patches and 256 image tokens."""

QWEN_HIRES = {size: replace(shape, side=2 * shape.side) for size, shape in QWEN.items()}
"""The same models on larger images: 896 pixels are 1,024 image tokens."""

LLAVA = {
    "tiny": Shape(56, 600, _text(64, 128, 2, 4, 4), _clip(32, 64, 2, 2), 2.0),
    "small": Shape(336, 8192, _text(384, 1024, 6, 6, 6), _clip(192, 768, 6, 4), 3.0),
    "7b": Shape(336, 32_064, _text(4096, 11_008, 32, 32, 32), _clip(1024, 4096, 24, 16)),
}
"""By size. 336 pixels are 576 image tokens."""
