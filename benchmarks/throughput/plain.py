"""Transformers alone, as somebody who knows it would write it: processor, left padding, greedy, inference mode."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image

from throughput.material import Picture

hf: Any = transformers  # partly typed


class Plain:
    """A model that answers batches.

    Args:
        folder: The checkpoint.
        batch: Images at once.
        tokens: Most tokens of an answer.
    """

    def __init__(self, folder: Path, batch: int, tokens: int) -> None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = hf.AutoModelForImageTextToText.from_pretrained(folder, dtype="auto").to(device).eval()
        self._processor = load_processor(folder)
        self._batch = batch
        self._tokens = tokens

    async def __call__(self, prompt: str, pictures: Sequence[Picture]) -> list[str]:
        starts = range(0, len(pictures), self._batch)
        return [text for start in starts for text in self._answer(prompt, pictures[start : start + self._batch])]

    def _answer(self, prompt: str, pictures: Sequence[Picture]) -> list[str]:
        images = [Image.open(io.BytesIO(picture.file())).convert("RGB") for picture in pictures]
        made = inputs(self._processor, prompt, images).to(self._model.device, self._model.dtype)
        with torch.inference_mode():
            sequences = self._model.generate(**made, max_new_tokens=self._tokens, do_sample=False)
        produced = sequences[:, made["input_ids"].shape[1] :]
        texts: list[str] = self._processor.tokenizer.batch_decode(
            produced, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return texts


def inputs(processor: Any, prompt: str, images: Sequence[Image.Image]) -> Any:
    """Model inputs of one prompt over several images."""
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
    )
    return processor(text=[text] * len(images), images=[[image] for image in images], return_tensors="pt", padding=True)


def load_processor(folder: Path) -> Any:
    """A checkpoint's own, or what stands in for it where torchvision is missing."""
    try:
        processor = hf.AutoProcessor.from_pretrained(folder)
    except ImportError:  # Qwen's wants torchvision, for videos
        processor = _QwenProcessor(folder)
    processor.tokenizer.padding_side = "left"
    return processor


class _QwenProcessor:
    """What Qwen2.5-VL's processor does with images, for batches."""

    image_token = "<|image_pad|>"

    def __init__(self, folder: Path) -> None:
        self.tokenizer = hf.AutoTokenizer.from_pretrained(folder)
        self._images = hf.AutoImageProcessor.from_pretrained(folder)
        self.image_token_id = self.tokenizer.convert_tokens_to_ids(self.image_token)
        self.apply_chat_template = self.tokenizer.apply_chat_template

    def __call__(self, *, text: list[str], images: list[list[Image.Image]], **options: Any) -> Any:
        vision = self._images([one for own in images for one in own], return_tensors="pt")
        counts = [int(grid.prod()) // self._images.merge_size**2 for grid in vision["image_grid_thw"]]
        expanded = [
            one.replace(self.image_token, self.image_token * count) for one, count in zip(text, counts, strict=True)
        ]
        tokens = self.tokenizer(expanded, **options)
        types = (tokens["input_ids"] == self.image_token_id).to(torch.long)
        return hf.BatchFeature({**tokens, **vision, "mm_token_type_ids": types})
