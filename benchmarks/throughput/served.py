"""Through Inspect's providers (`hf-vlm`, `hf`), and vLLM without one."""

import asyncio
import importlib.util
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, ModelOutput, get_model

from throughput.material import Picture

MODEL_ARGUMENTS: dict[str, dict[str, Any]] = {
    "hf-vlm": {},
    "hf-vlm-no-reuse": {"prefix_cache_gb": 0},
    "hf-vlm-model": {},
    "hf-vlm-deterministic": {"deterministic": True},
    "hf-vlm-likelihood": {},
}


class NotMeasuredError(Exception):
    """Something that this machine does not have."""


CHECKS: dict[str, dict[str, float]] = {}
"""What `hf-vlm` said last of its shortcuts: requests that took each, how many were checked, and the time of that."""

Ask = Callable[[str, Sequence[Picture]], Awaitable[list[str]]]
"""Judges several images by one prompt: the answers in their order."""


def hf_vlm(way: str, name: str, labels: Sequence[str], batch: int, tokens: int) -> Ask:
    """As many requests at once as the provider wants."""
    model = get_model(f"hf-vlm/{name}", memoize=False, max_batch_size=batch, **MODEL_ARGUMENTS[way])
    connections = model.api.max_connections()
    config = GenerateConfig(max_tokens=tokens, temperature=0.0, max_connections=connections)
    if way == "hf-vlm-likelihood":
        config.extra_body = {"blpo_answer": {"kind": "likelihood", "names": {label: label for label in labels}}}
    limit = asyncio.Semaphore(connections)

    async def bare(prompt: str, picture: Picture) -> str:
        async with limit:
            answered: Any = await model.api.generate(question(prompt, picture), [], "none", config)
            CHECKS.update(answered[1].response["checks"])
            return completion(answered)

    async def through_model(prompt: str, picture: Picture) -> str:
        return completion(await model.generate(question(prompt, picture), config=config))

    return together(through_model if way == "hf-vlm-model" else bare)


def hf_text(folder: Path, batch: int, tokens: int) -> Ask:
    """Inspect's own provider, which refuses images: it reads captions in their place."""
    api = get_model(f"hf/{folder}", memoize=False, do_sample=False, dtype="auto").api
    config = GenerateConfig(max_tokens=tokens, max_connections=batch)  # which is its batch size
    limit = asyncio.Semaphore(max(batch, api.max_connections()))

    async def one(prompt: str, picture: Picture) -> str:
        message = ChatMessageUser(content=f"{picture.caption} {prompt}")
        async with limit:
            return completion(await api.generate([message], [], "none", config))

    return together(one)


def together(one: Callable[[str, Picture], Awaitable[str]]) -> Ask:
    """Asks about all images at once."""

    async def ask(prompt: str, pictures: Sequence[Picture]) -> list[str]:
        return await asyncio.gather(*(one(prompt, picture) for picture in pictures))

    return ask


def question(prompt: str, picture: Picture) -> list[Any]:
    """One user message: the image first, then the prompt."""
    return [ChatMessageUser(content=[ContentImage(image=picture.uri), ContentText(text=prompt)])]


def completion(answered: object) -> str:
    """The text; providers give the output alone or with the call."""
    output = answered[0] if isinstance(answered, tuple) else answered
    if not isinstance(output, ModelOutput):
        raise TypeError(f"the provider gave {type(output).__name__}: {output}")
    return output.completion


def vllm(folder: Path, tokens: int) -> Ask:
    """Offline, all images of a prompt handed over at once; it makes its own batches."""
    import torch

    if importlib.util.find_spec("vllm") is None:
        raise NotMeasuredError("not installed")
    if not torch.cuda.is_available():
        raise NotMeasuredError("no GPU")
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # in this process, so that its memory is seen
    library: Any = importlib.import_module("vllm")
    engine = library.LLM(
        model=str(folder),
        dtype="auto",
        max_model_len=2048,
        enable_prefix_caching=True,
        limit_mm_per_prompt={"image": 1},
    )
    sampling = library.SamplingParams(temperature=0.0, max_tokens=tokens)

    async def ask(prompt: str, pictures: Sequence[Picture]) -> list[str]:
        conversations = [
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": picture.uri}},
                        {"type": "text", "text": prompt},
                    ],
                }
            ]
            for picture in pictures
        ]
        return [one.outputs[0].text for one in engine.chat(conversations, sampling, use_tqdm=False)]

    return ask
