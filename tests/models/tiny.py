"""Tiny checkpoints of five families with random weights and real processors, saved to folders."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from blpo_inspect.models.engine import Engine
from blpo_inspect.models.hf_vlm import HfVlmAPI

hf: Any = transformers  # partly typed

WORDS = [f"w{number}" for number in range(60)] + [
    *[
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "i",
        "j",
        "k",
        "l",
        "m",
        "n",
        "o",
        "p",
        "q",
        "r",
        "s",
        "t",
        "u",
        "v",
        "w",
        "x",
        "y",
        "z",
    ],
    *[
        "is",
        "this",
        "image",
        "good",
        "bad",
        "safe",
        "unsafe",
        "yes",
        "no",
        "the",
        "of",
        "and",
        "user",
        "assistant",
        "system",
    ],
    *".,:;?!<>|_/",
]

LISTED = (
    "{% for message in messages %}{{ message['role'] }} : "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{{ ' ' }}"
    "{% endfor %}{{ '</s>' if message['role'] == 'assistant' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant :{% endif %}"
)
"""A chat template over content parts, as LLaVA's."""

QWEN = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} "
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{{ ' ' }}"
    "{% endfor %}<|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
)

PALIGEMMA = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% endif %}{% endfor %}{% endfor %}"
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
)


VISION = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
QWEN_VISION = {"depth": 2, "hidden_size": 32, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
QWEN_ROPE = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10_000.0}


def make_tokenizer(special: list[str]) -> Any:
    words = ["<unk>", "<pad>", "<s>", "</s>", *special, *WORDS]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        extra_special_tokens=special,
    )


def text_config(tokenizer: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **more,
    }


def save(model_class: Any, config: Any, processor_parts: list[Any], folder: Path) -> Path:
    torch.manual_seed(0)
    model = model_class(config)
    # larger weights: random models otherwise say one word for ever
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6.0)
    # as many released checkpoints do; answers must not depend on it
    model.generation_config = hf.GenerationConfig(
        do_sample=True,
        temperature=1.7,
        top_p=0.9,
        repetition_penalty=1.9,
        max_new_tokens=24,
        eos_token_id=3,
        pad_token_id=1,
    )
    model.save_pretrained(folder)
    for part in processor_parts:
        part.save_pretrained(folder)
    return folder


def make_llava(folder: Path, *, chat_template: str | None = LISTED) -> Path:
    tokenizer = make_tokenizer(["<image>"])
    image_processor = hf.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = hf.LlavaProcessor(
        image_processor=image_processor,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=chat_template,
    )
    config = hf.LlavaConfig(
        text_config=hf.LlamaConfig(**text_config(tokenizer)),
        vision_config=hf.CLIPVisionConfig(
            **VISION,
            image_size=28,
            patch_size=14,
        ),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    return save(hf.LlavaForConditionalGeneration, config, [processor], folder)


def make_idefics3(folder: Path) -> Path:
    tokenizer = make_tokenizer(
        ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
        + [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    )
    image_processor = hf.Idefics3ImageProcessorPil(size={"longest_edge": 64}, max_image_size={"longest_edge": 32})
    # a 32-pixel tile has (32 / 8)² patches, of which the connector leaves 1/4
    processor = hf.Idefics3Processor(image_processor, tokenizer, image_seq_len=4, chat_template=LISTED)
    tokenizer = processor.tokenizer
    config = hf.Idefics3Config(
        text_config=hf.LlamaConfig(**text_config(tokenizer, max_position_embeddings=1024)),
        vision_config={
            **VISION,
            "image_size": 32,
            "patch_size": 8,
        },
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=tokenizer.pad_token_id,
    )
    return save(hf.Idefics3ForConditionalGeneration, config, [processor], folder)


def make_paligemma(folder: Path) -> Path:
    tokenizer = make_tokenizer(["<image>"])
    image_processor = hf.SiglipImageProcessorPil(size={"height": 28, "width": 28})
    image_processor.image_seq_length = 4
    processor = hf.PaliGemmaProcessor(image_processor, tokenizer)
    tokenizer = processor.tokenizer
    config = hf.PaliGemmaConfig(
        text_config=hf.GemmaConfig(**text_config(tokenizer, head_dim=8)).to_dict(),
        vision_config=hf.SiglipVisionConfig(
            **VISION,
            image_size=28,
            patch_size=14,
        ).to_dict(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        projection_dim=32,
        hidden_size=32,
    )
    return save(hf.PaliGemmaForConditionalGeneration, config, [processor], folder)


def qwen_tokenizer() -> tuple[Any, dict[str, int]]:
    """And the ids of its special tokens, as a configuration names them."""
    names = {
        "image": "<|image_pad|>",
        "video": "<|video_pad|>",
        "vision_start": "<|vision_start|>",
        "vision_end": "<|vision_end|>",
    }
    tokenizer = make_tokenizer(["<|im_start|>", "<|im_end|>", *names.values()])
    tokenizer.chat_template = QWEN
    return tokenizer, {f"{name}_token_id": tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}


def save_qwen(model_class: Any, config: Any, tokenizer: Any, patch: int, processor: str, folder: Path) -> Path:
    """With the processor's parts alone: the whole cannot be made without torchvision."""
    pixels = {"min_pixels": 4 * patch * patch, "max_pixels": 36 * patch * patch}
    image_processor = hf.Qwen2VLImageProcessorPil(patch_size=patch, **pixels)
    save(model_class, config, [tokenizer, image_processor], folder)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "processor_class": processor}))
    return folder


def make_qwen(folder: Path) -> Path:
    tokenizer, ids = qwen_tokenizer()
    config = hf.Qwen2_5_VLConfig(
        text_config=text_config(tokenizer, rope_parameters=QWEN_ROPE),
        vision_config={**QWEN_VISION, "fullatt_block_indexes": [1]},
        **ids,
    )
    return save_qwen(hf.Qwen2_5_VLForConditionalGeneration, config, tokenizer, 14, "Qwen2_5_VLProcessor", folder)


def make_gemma3(folder: Path) -> Path:
    """Every other layer looks back over eight tokens only, fewer than a request has."""
    names = {"boi_token": "<start_of_image>", "eoi_token": "<end_of_image>", "image_token": "<image_soft_token>"}
    tokenizer = make_tokenizer(list(names.values()))
    tokenizer.init_kwargs.update(names)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}
    for name, token in names.items():
        setattr(tokenizer, name, token)
        setattr(tokenizer, f"{name}_id", ids[name])
    processor = hf.Gemma3Processor(
        image_processor=hf.Gemma3ImageProcessorPil(size={"height": 28, "width": 28}, do_pan_and_scan=False),
        tokenizer=tokenizer,
        image_seq_length=4,
        chat_template=LISTED.replace("<image>", "<start_of_image>"),
    )
    text = text_config(tokenizer, head_dim=8, num_hidden_layers=4, sliding_window=8, sliding_window_pattern=2)
    config = hf.Gemma3Config(
        text_config=text,
        vision_config={
            **VISION,
            "image_size": 28,
            "patch_size": 7,
        },
        mm_tokens_per_image=4,
        **{f"{name}_index": number for name, number in ids.items()},
    )
    return save(hf.Gemma3ForConditionalGeneration, config, [processor], folder)


MAKERS: dict[str, Callable[[Path], Path]] = {
    "llava": make_llava,
    "idefics3": make_idefics3,
    "paligemma": make_paligemma,
    "qwen2.5-vl": make_qwen,
    "gemma3": make_gemma3,
}


def picture(number: int = 0, size: tuple[int, int] = (40, 30)) -> str:
    """A data URI of a PNG; each number gives another picture."""
    image = Image.new("RGB", size, (number * 67 % 256, number * 129 % 256, 200))
    image.paste((255, 255, 255), (number % 9, number % 7, number % 9 + 12, number % 7 + 12))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def image_bytes(uri: str) -> bytes:
    """The encoded file inside a data URI."""
    return base64.b64decode(uri.split(",")[1])


def ask(text: str, *images: str) -> list[Any]:
    """One user message: the images first, then the text."""
    parts = [ContentImage(image=image) for image in images]
    return [ChatMessageUser(content=[*parts, ContentText(text=text)])]


def loaded(model: HfVlmAPI) -> Engine:
    """The engine of a provider that has answered."""
    assert model._shared is not None
    return model._shared.result()
