"""How long answers take through Inspect's ``hf``, through ``hf-vlm`` and with transformers alone.

Makes two tiny checkpoints with random weights and asks each way for 1, 8 and 64 equal-shape answers
at once, in one process, taking turns; prints the medians as a Markdown table. Tiny models show what
a provider adds: with real ones, generation takes nearly all of the time.

    python benchmarks/provider_latency.py [--repeats 5] [--tokens 8] [--layers 5]

Does not measure quality, memory or a GPU's throughput.
"""

import argparse
import asyncio
import base64
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

hf: Any = transformers  # partly typed

COUNTS = (1, 8, 64)
TEXT = "is this image good or bad ?"
TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} : "
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ ' ' }}{% endfor %}assistant :"
)

Way = Callable[[list[str]], Awaitable[None]]
"""Answers one request per image; without images the strings are ignored."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=8, help="tokens of each answer")
    parser.add_argument("--layers", type=int, default=5, help="layers of the language models")
    options = parser.parse_args()
    hf.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        text_model = make_text_model(Path(folder) / "text", options.layers)
        vision_model = make_vision_model(Path(folder) / "vision", options.layers)
        asyncio.run(report(text_model, vision_model, options.repeats, options.tokens))


async def report(text_model: Path, vision_model: Path, repeats: int, tokens: int) -> None:
    """Print one row per kind of request and number of requests."""
    hf_ways = {
        "plain": plain_text(text_model, tokens),
        "hf": through_inspect(f"hf/{text_model}", tokens, images=False),
    }
    rows = [("text, Llama", *row) for row in await measure(hf_ways, repeats)]
    for images in (False, True):
        ways = {
            "plain": plain_vision(vision_model, tokens, images=images),
            "hf-vlm": through_inspect(f"hf-vlm/{vision_model}", tokens, images=images),
        }
        kind = "one image each, LLaVA" if images else "text, LLaVA"
        rows += [(kind, *row) for row in await measure(ways, repeats)]
    print(
        f"Seconds, median of {repeats}; {tokens} tokens per answer;"
        f" {torch.get_num_threads()} torch thread(s); transformers {transformers.__version__}\n"
    )
    print("| requests | at once | provider | plain generate | through provider | ratio | more per request |")
    print("|---|---:|---|---:|---:|---:|---:|")
    for kind, count, name, plain, through in rows:
        extra = 1000 * (through - plain) / count
        print(f"| {kind} | {count} | `{name}` | {plain:.4f} | {through:.4f} | {through / plain:.2f} | {extra:.2f} ms |")


async def measure(ways: dict[str, Way], repeats: int) -> list[tuple[int, str, float, float]]:
    """Per number of requests: the provider's name, plain seconds and provider seconds."""
    plain, (name, through) = ways["plain"], next(item for item in ways.items() if item[0] != "plain")
    rows = []
    for count in COUNTS:
        images = [picture(number) for number in range(count)]
        taken: dict[str, list[float]] = {"plain": [], name: []}
        for repeat in range(repeats + 1):
            for label, way in (("plain", plain), (name, through)):
                start = time.perf_counter()
                await way(images)
                if repeat > 0:  # the first loads weights and warms up
                    taken[label].append(time.perf_counter() - start)
            print(".", end="", flush=True, file=sys.stderr)
        rows.append((count, name, statistics.median(taken["plain"]), statistics.median(taken[name])))
    print(file=sys.stderr)
    return rows


def through_inspect(name: str, tokens: int, *, images: bool) -> Way:
    """Concurrent requests to an Inspect provider, without Inspect's own bookkeeping around them."""
    arguments = {"max_batch_size": 64} if name.startswith("hf-vlm/") else {"do_sample": False}
    api = get_model(name, memoize=False, **arguments).api
    config = GenerateConfig(max_tokens=tokens, max_connections=64)

    async def way(pictures: list[str]) -> None:
        await asyncio.gather(
            *(
                api.generate(
                    [
                        ChatMessageUser(
                            content=[
                                *([ContentImage(image=image)] if images else []),
                                ContentText(text=TEXT),
                            ]
                        )
                    ],
                    [],
                    "none",
                    config,
                )
                for image in pictures
            )
        )

    return way


def plain_text(folder: Path, tokens: int) -> Way:
    """One batch with transformers alone."""
    model = hf.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = hf.AutoTokenizer.from_pretrained(folder, padding_side="left")

    async def way(pictures: list[str]) -> None:
        prompts = [tokenizer.apply_chat_template([{"role": "user", "content": TEXT}], tokenize=False) for _ in pictures]
        inputs = tokenizer(prompts, return_tensors="pt", padding=True)
        answers = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        tokenizer.batch_decode(answers[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    return way


def plain_vision(folder: Path, tokens: int, *, images: bool) -> Way:
    """One batch with transformers alone, decoding and processing included."""
    model = hf.AutoModelForImageTextToText.from_pretrained(folder).eval()
    processor = hf.AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "left"

    async def way(pictures: list[str]) -> None:
        content = [{"type": "text", "text": TEXT}]
        opened = None
        if images:
            content.insert(0, {"type": "image"})
            files = [base64.b64decode(picture.split(",")[1]) for picture in pictures]
            opened = [[Image.open(io.BytesIO(file)).convert("RGB")] for file in files]
        prompts = [processor.apply_chat_template([{"role": "user", "content": content}]) for _ in pictures]
        inputs = processor(text=prompts, images=opened, return_tensors="pt", padding=True)
        answers = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        processor.batch_decode(answers[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)

    return way


def make_text_model(folder: Path, layers: int) -> Path:
    """A tiny Llama with a chat template."""
    tokenizer = make_tokenizer()
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    model = hf.LlamaForCausalLM(text_config(tokenizer, layers))
    model.generation_config = hf.GenerationConfig(pad_token_id=1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_vision_model(folder: Path, layers: int) -> Path:
    """A tiny LLaVA around the same language model."""
    tokenizer = make_tokenizer()
    vision = hf.CLIPVisionConfig(
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
    )
    torch.manual_seed(0)
    model = hf.LlavaForConditionalGeneration(
        hf.LlavaConfig(
            text_config=text_config(tokenizer, layers),
            vision_config=vision,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-1,
        )
    )
    model.generation_config = hf.GenerationConfig(pad_token_id=1)
    model.save_pretrained(folder)
    hf.LlavaProcessor(
        image_processor=hf.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(folder)
    return folder


def text_config(tokenizer: Any, layers: int) -> Any:
    """A small language model that never ends by itself, so that all answers are equally long."""
    return hf.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=1,
    )


def make_tokenizer() -> Any:
    """Whole words."""
    words = ["<unk>", "<pad>", "</s>", "<image>", "user", "assistant", ":", *TEXT.split()]
    words += [f"w{number}" for number in range(500)]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="</s>",
        model_input_names=["input_ids", "attention_mask"],
        extra_special_tokens=["<image>"],
    )


def picture(number: int) -> str:
    """A 224×224 JPEG as a data URI."""
    image = Image.effect_noise((224, 224), 20 + number).convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


if __name__ == "__main__":
    main()
