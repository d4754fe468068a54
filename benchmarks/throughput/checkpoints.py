"""Checkpoints with random weights that never end an answer, so that all ways produce equally many tokens."""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from tokenizers import Tokenizer, models, pre_tokenizers

from throughput.material import WORDS
from throughput.sizes import LLAVA, QWEN, QWEN_HIRES, Shape

hf: Any = transformers  # partly typed

QWEN_SPECIAL = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
CONTENT = (
    "{{% if message['content'] is string %}}{{{{ message['content'] }}}}{{% else %}}"
    "{{% for part in message['content'] %}}"
    "{{% if part['type'] == 'image' %}}{image}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
    "{{% endfor %}}{{% endif %}}"
)
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    + CONTENT.format(image="<|vision_start|><|image_pad|><|vision_end|>")
    + "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : "
    + CONTENT.format(image="<image>\n")
    + " {% endfor %}{% if add_generation_prompt %}assistant :{% endif %}"
)


def make_checkpoint(name: str, size: str, folder: Path) -> None:
    """A vision-language model, saved to a folder: that is what all ways load from."""
    if name == "llava":
        _make_llava(LLAVA[size], folder)
    else:
        _make_qwen((QWEN if name == "qwen" else QWEN_HIRES)[size], folder)


def make_text_checkpoint(name: str, size: str, folder: Path, vision: Path) -> None:
    """A text-only model with random weights, of the shape of the language model in the folder `vision`."""
    tokenizer = hf.AutoTokenizer.from_pretrained(vision)
    # Inspect's `hf` fills up with the end token; no answer ends there, as the model's own configuration names none
    tokenizer.eos_token = tokenizer.eos_token or "</s>"
    if name in ("qwen", "qwen-hires"):
        config, kind = hf.Qwen2Config(**_text_config(QWEN[size])), hf.Qwen2ForCausalLM
    elif name == "llava":
        config, kind = hf.LlamaConfig(**_text_config(LLAVA[size])), hf.LlamaForCausalLM
    else:
        config, kind = hf.AutoConfig.from_pretrained(vision).text_config, hf.LlamaForCausalLM
        config.eos_token_id = None
    _save(kind, config, folder)
    tokenizer.save_pretrained(folder)


def parameters(folder: Path) -> int:
    """How many a checkpoint has, without loading it."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a mapping
                size = 1
                for length in file.get_slice(key).get_shape():
                    size *= length
                total += size
    return total


def _make_qwen(shape: Shape, folder: Path) -> None:
    tokenizer = _tokenizer(shape.vocabulary, QWEN_SPECIAL)
    tokenizer.chat_template = QWEN_TEMPLATE
    text = _text_config(shape)
    half = text["hidden_size"] // text["num_attention_heads"] // 2
    rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [half // 4, half * 3 // 8, half * 3 // 8]}
    config = hf.Qwen2_5_VLConfig(
        text_config={**text, "rope_parameters": rope},
        vision_config={**shape.vision, "out_hidden_size": text["hidden_size"]},
        image_token_id=tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    _save(hf.Qwen2_5_VLForConditionalGeneration, config, folder, shape.scale)
    tokenizer.save_pretrained(folder)
    hf.Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=shape.side**2).save_pretrained(folder)
    # the whole processor cannot be made where torchvision is missing, so what it would write is written here
    path = folder / "preprocessor_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "processor_class": "Qwen2_5_VLProcessor"}))


def _make_llava(shape: Shape, folder: Path) -> None:
    tokenizer = _tokenizer(shape.vocabulary, ["<image>"])
    config = hf.LlavaConfig(
        text_config=hf.LlamaConfig(**_text_config(shape)),
        vision_config=hf.CLIPVisionConfig(**shape.vision, image_size=shape.side),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        tie_word_embeddings=False,
    )
    _save(hf.LlavaForConditionalGeneration, config, folder, shape.scale)
    hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil(
            size={"shortest_edge": shape.side}, crop_size={"height": shape.side, "width": shape.side}
        ),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=LLAVA_TEMPLATE,
    ).save_pretrained(folder)


def _text_config(shape: Shape) -> dict[str, Any]:
    return {
        **shape.text,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": 4096,
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": 1,
        "tie_word_embeddings": False,
    }


def _tokenizer(size: int, special: list[str], **more: Any) -> Any:
    """Whole words, as many as the model knows, so that each token that it says can be read."""
    words = ["<unk>", "<pad>", "</s>", *special, "user", "assistant", *WORDS]
    words = list(dict.fromkeys(words))
    words += [f"w{number}" for number in range(size - len(words))]
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],
        extra_special_tokens=special,
        **more,
    )


def _save(kind: Any, config: Any, folder: Path, scale: float = 1.0) -> None:
    big = config.get_text_config().hidden_size > 1000
    torch.manual_seed(0)
    # billions of random numbers take minutes on a CPU. They still go through a folder, 16 GB for 7B: `hf-vlm` loads
    # from nothing else, and so all ways have the same weights
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16 if big else torch.float32)
    try:
        with torch.device("cuda" if big else "cpu"):
            model = kind(config)
    finally:
        torch.set_default_dtype(before)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    model.generation_config = hf.GenerationConfig(pad_token_id=config.get_text_config().pad_token_id)
    model.save_pretrained(folder)
