"""The embedded judge's architecture, vocabulary and chat template, as an ordinary Hugging Face checkpoint.

A LLaVA: a CLIP vision tower over 16 patches, a two-layer projector and a Llama decoder, with a word-level tokenizer.
"""

import random
from collections import Counter
from pathlib import Path

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from training.phrasing import MARK
from training.skills import SKILLS, example

IMAGE_SIDE = 48
PATCH = 12
WIDTH = 128
"""Hidden size of the decoder."""
IMAGE_TOKENS = (IMAGE_SIDE // PATCH) ** 2
SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>", "<image>", "<system>", "<user>", "<assistant>")
PIXEL_MEAN = (0.8, 0.8, 0.8)
PIXEL_STD = (0.3, 0.3, 0.3)

CHAT_TEMPLATE = """\
{{ bos_token }}{% for message in messages %}{{ '<' + message['role'] + '>' }}\
{% if message['content'] is string %} {{ message['content'] }} {% else %}\
{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>\
{% elif part['type'] == 'text' %} {{ part['text'] }} {% endif %}{% endfor %}{% endif %}\
{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}\
{% if add_generation_prompt %}<assistant>{% endif %}"""


def vocabulary(examples_per_skill: int = 6000) -> list[str]:
    """Every word that occurs in training, special tokens first, then by frequency and alphabet."""
    counts: Counter[str] = Counter()
    split = pre_tokenizers.Whitespace()
    for skill in SKILLS:
        for seed in range(examples_per_skill):
            item = example(seed, skill)
            text = f"{item.text.replace(MARK, ' ')} {item.answer}".lower()
            counts.update(word for word, _ in split.pre_tokenize_str(text))
    del counts["unknownword"]
    words = sorted((w for w, n in counts.items() if n >= 20), key=lambda w: (-counts[w], w))
    return [*SPECIAL, *words]


def build_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer: lower case, markdown signs dropped, words and punctuation apart."""
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    backend.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.Replace(Regex(r"[*#`_~]+"), " ")])
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<bos>",
        eos_token="<eos>",
        padding_side="left",
        model_max_length=512,
        extra_special_tokens={"image_token": "<image>"},
    )


def build_processor(words: list[str]) -> LlavaProcessor:
    """Image processor, tokenizer and chat template of the embedded judge."""
    images = CLIPImageProcessorPil(
        size={"height": IMAGE_SIDE, "width": IMAGE_SIDE},
        do_center_crop=False,
        image_mean=list(PIXEL_MEAN),
        image_std=list(PIXEL_STD),
        resample=3,
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=build_tokenizer(words),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
        image_token="<image>",
    )


def build_model(n_words: int, seed: int) -> LlavaForConditionalGeneration:
    """A freshly initialised model for a vocabulary of ``n_words``."""
    torch.manual_seed(seed)
    random.seed(seed)
    text = LlamaConfig(
        vocab_size=n_words,
        hidden_size=WIDTH,
        intermediate_size=384,
        num_hidden_layers=5,
        num_attention_heads=8,
        num_key_value_heads=8,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    vision = CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=IMAGE_SIDE,
        patch_size=PATCH,
        projection_dim=96,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=SPECIAL.index("<image>"),
        image_seq_length=IMAGE_TOKENS,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
    )
    model = LlavaForConditionalGeneration(config)
    generation = model.generation_config
    generation.pad_token_id, generation.bos_token_id, generation.eos_token_id = 0, 2, 3
    return model


def save(model: LlavaForConditionalGeneration, processor: LlavaProcessor, folder: Path) -> None:
    """Write weights (safetensors), processor, tokenizer and chat template."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, safe_serialization=True)
    processor.save_pretrained(folder)
