"""Tiny checkpoints of further families, as `tiny` makes them: most continue from a kept past, some cannot."""

from collections.abc import Callable
from pathlib import Path

import torch

from .tiny import (
    LISTED,
    QWEN_ROPE,
    QWEN_VISION,
    VISION,
    hf,
    make_tokenizer,
    qwen_tokenizer,
    save,
    save_qwen,
    text_config,
)


def make_qwen2(folder: Path) -> Path:
    tokenizer, ids = qwen_tokenizer()
    config = hf.Qwen2VLConfig(
        text_config=text_config(tokenizer, rope_parameters=QWEN_ROPE),
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 1},
        **ids,
    )
    return save_qwen(hf.Qwen2VLForConditionalGeneration, config, tokenizer, 14, "Qwen2VLProcessor", folder)


def make_qwen3(folder: Path) -> Path:
    """Adds what it sees to the states of its second layer too."""
    tokenizer, ids = qwen_tokenizer()
    rope = {**QWEN_ROPE, "mrope_interleaved": True}
    vision = {**QWEN_VISION, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
    config = hf.Qwen3VLConfig(
        text_config=text_config(tokenizer, rope_parameters=rope, head_dim=8), vision_config=vision, **ids
    )
    return save_qwen(hf.Qwen3VLForConditionalGeneration, config, tokenizer, 16, "Qwen3VLProcessor", folder)


def make_qwen35(folder: Path) -> Path:
    """Every other layer keeps a running state instead of keys and values."""
    tokenizer, ids = qwen_tokenizer()
    rope = {**QWEN_ROPE, "mrope_interleaved": True, "partial_rotary_factor": 1.0}
    linear = {
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "layer_types": ["linear_attention", "full_attention"],
    }
    vision = {**QWEN_VISION, "num_position_embeddings": 64}
    config = hf.Qwen3_5Config(
        text_config=text_config(tokenizer, rope_parameters=rope, head_dim=8, **linear), vision_config=vision, **ids
    )
    return save_qwen(hf.Qwen3_5ForConditionalGeneration, config, tokenizer, 16, "Qwen3VLProcessor", folder)


def make_llava_next(folder: Path) -> Path:
    """Cuts an image into tiles, as many as its shape asks for."""
    tokenizer = make_tokenizer(["<image>"])
    pinpoints = [[28, 56], [56, 28], [56, 56]]
    image_processor = hf.LlavaNextImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=pinpoints
    )
    processor = hf.LlavaNextProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LISTED,
    )
    config = hf.LlavaNextConfig(
        text_config=hf.MistralConfig(**text_config(tokenizer, sliding_window=None)),
        vision_config=hf.CLIPVisionConfig(
            **VISION,
            image_size=28,
            patch_size=14,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_grid_pinpoints=pinpoints,
        vision_feature_layer=-1,
    )
    return save(hf.LlavaNextForConditionalGeneration, config, [processor], folder)


def make_mllama(folder: Path) -> Path:
    """Looks at its images from layers of their own: one token per image, and inputs that nobody knows how to join."""
    tokenizer = make_tokenizer(["<|image|>", "<|python_tag|>"])
    processor = hf.MllamaProcessor(
        image_processor=hf.MllamaImageProcessorPil(size={"height": 28, "width": 28}, max_image_tiles=4),
        tokenizer=tokenizer,
        chat_template=LISTED.replace("<image>", "<|image|>"),
    )
    config = hf.MllamaConfig(
        text_config={
            **text_config(tokenizer, num_hidden_layers=3),
            "cross_attention_layers": [1],
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 32,
            "num_hidden_layers": 2,
            "num_global_layers": 1,
            "attention_heads": 2,
            "image_size": 28,
            "patch_size": 14,
            "vision_output_dim": 64,
            "intermediate_layers_indices": [1],
        },
        image_token_index=tokenizer.convert_tokens_to_ids("<|image|>"),
    )
    save(hf.MllamaForConditionalGeneration, config, [processor], folder)
    # untrained, its gates are shut and it sees nothing
    model = hf.MllamaForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("_gate"):
                parameter.fill_(1.0)
    model.save_pretrained(folder)
    return folder


CONTINUING: dict[str, Callable[[Path], Path]] = {
    "qwen2-vl": make_qwen2,
    "qwen3-vl": make_qwen3,
    "llava-next": make_llava_next,
}

FALLING_BACK: dict[str, tuple[Callable[[Path], Path], str]] = {
    "qwen3.5": (make_qwen35, "cannot continue"),
    "mllama": (make_mllama, ""),
}
"""And a part of the reason."""
