"""The Qwen2-VL processors without their video half, for machines without torchvision.

Their classes insist on a video processor, which only exists with torchvision, though judging images
needs none. What they do with images is little: one placeholder per image in the text becomes one
token per merged patch. With torchvision, transformers' own classes are used instead.
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers

hf: Any = transformers  # partly typed

ASSEMBLED = ("Qwen2VLProcessor", "Qwen2_5_VLProcessor", "Qwen3VLProcessor")
"""Processor classes that can be assembled; they treat images alike."""


class ImageTextProcessor:
    """Image processor and tokenizer of a Qwen2-VL, called like transformers' processors.

    Args:
        image_processor: Gives ``pixel_values`` and ``image_grid_thw``, and has ``merge_size``.
        tokenizer: Knows the token `image_token`.
        chat_template: Jinja text or `None`.
    """

    image_token = "<|image_pad|>"
    video_token = "<|video_pad|>"

    def __init__(self, image_processor: Any, tokenizer: Any, chat_template: str | None) -> None:
        self.image_processor = image_processor
        self.tokenizer = tokenizer
        self.chat_template = chat_template
        self.image_token_id: int = tokenizer.convert_tokens_to_ids(self.image_token)

    def __call__(self, *, text: list[str], images: list[list[Any]] | None = None, **options: Any) -> dict[str, Any]:
        """Model inputs of one prompt.

        Args:
            text: One prompt with one `image_token` per image.
            images: The images of that prompt, in a list of its own.
            options: Passed to the tokenizer.

        Returns:
            ``input_ids``, ``attention_mask`` and ``mm_token_type_ids`` (1 at image tokens, else 0),
            each 1×length; with images also ``pixel_values`` (patches × values) and
            ``image_grid_thw`` (images × 3).
        """
        (prompt,) = text
        vision: dict[str, Any] = {}
        if images is not None:
            vision = dict(self.image_processor(images[0], return_tensors="pt"))
            merged = self.image_processor.merge_size**2
            counts = [int(grid.prod()) // merged for grid in vision["image_grid_thw"]]
            pieces = prompt.split(self.image_token)
            if len(pieces) != len(counts) + 1:
                raise ValueError(f"{len(pieces) - 1} image places for {len(counts)} images")
            prompt = pieces[0]
            for count, piece in zip(counts, pieces[1:], strict=True):
                prompt += self.image_token * count + piece
        options["return_tensors"] = "pt"
        tokens = self.tokenizer([prompt], **options)
        input_ids = tokens["input_ids"]
        return {
            "input_ids": input_ids,
            "attention_mask": tokens["attention_mask"],
            "mm_token_type_ids": (input_ids == self.image_token_id).to(torch.long),
            **vision,
        }


def assemble_processor(folder: Path) -> ImageTextProcessor | None:
    """The processor of a checkpoint folder, or `None` where its family is not in `ASSEMBLED`."""
    configs = [
        json.loads(path.read_text(encoding="utf-8"))
        for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json")
        if (path := folder / name).is_file()
    ]
    if not any(config.get("processor_class") in ASSEMBLED for config in configs):
        return None
    tokenizer = hf.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    image_processor = hf.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    template = tokenizer.chat_template
    own = folder / "chat_template.jinja"
    if own.is_file():
        template = own.read_text(encoding="utf-8")
    return ImageTextProcessor(image_processor, tokenizer, template)
