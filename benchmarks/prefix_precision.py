"""How much answers move when images are computed once for all prompts, by number type.

Random-weight checkpoints at realistic shapes (`throughput.sizes`) answer the same requests in four ways: as a whole one
by one (the reference), as a whole in batches, continued from kept prefixes in batches, and with ``deterministic=true``.
Batching alone moves low-precision answers too: that row is what the others are to be compared with.

    python benchmarks/prefix_precision.py [--images 16] [--prompts 4] [--dtypes float32,bfloat16]

Prints, per number type, the largest and the mean difference of the log-probability of the first token and of two
labels, and how many greedy answers of eight tokens are equal. Random weights spread their probability over the whole
vocabulary, so near ties are more frequent than in a trained model.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentImage, ContentText, GenerateConfig

from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI
from throughput.checkpoints import make_checkpoint
from throughput.material import make_material

hf: Any = transformers  # partly typed

LABELS = {"blpo_answer": {"kind": "likelihood", "names": {"good": "good", "bad": "bad"}}}
WAYS: Mapping[str, dict[str, Any]] = {
    "whole, one by one": {"prefix_cache_gb": 0, "max_batch_size": 1},
    "whole, in batches": {"prefix_cache_gb": 0},
    "from kept prefixes, in batches": {},
    "deterministic": {"deterministic": True},
}

Answers = tuple[list[str], list[float]]
"""Texts, and log-probabilities: per request that of its first token and of each label."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--models", default="qwen,llava")
    parser.add_argument("--size", default="small", help="tiny, small or 7b")
    options = parser.parse_args()
    hf.utils.logging.disable_progress_bar()
    print("| model | numbers | way | largest difference | mean difference | equal texts | equal labels |")
    print("|---|---|---|---:|---:|---:|---:|")
    for name in options.models.split(","):
        with tempfile.TemporaryDirectory() as folder:
            make_checkpoint(name, options.size, Path(folder))
            material = make_material(name, options.images, options.prompts)
            images, texts = [picture.uri for picture in material.pattern], material.prompts
            for dtype in options.dtypes.split(","):
                report(name, dtype, Path(folder), images, texts)
    print(f"\ntorch {torch.__version__}, transformers {transformers.__version__}", file=sys.stderr)


def report(name: str, dtype: str, folder: Path, images: Sequence[str], texts: Sequence[str]) -> None:
    """One row per way."""
    reference: Answers | None = None
    for way, arguments in WAYS.items():
        print(f"{name} {dtype} {way} …", file=sys.stderr)
        forget_engines()
        answers = asyncio.run(ask(HfVlmAPI(str(folder), dtype=dtype, **arguments), images, texts))
        reference = reference or answers
        apart = [abs(one - other) for one, other in zip(answers[1], reference[1], strict=True)]
        equal = sum(one == other for one, other in zip(answers[0], reference[0], strict=True))
        labels = sum(likelier(answers[1], at) == likelier(reference[1], at) for at in range(0, len(apart), 3))
        count = len(answers[0])
        print(
            f"| {name} | {dtype} | {way} | {max(apart):.1e} | {statistics.mean(apart):.1e}"
            f" | {equal} of {count} | {labels} of {count} |",
            flush=True,
        )


async def ask(api: HfVlmAPI, images: Sequence[str], texts: Sequence[str]) -> Answers:
    """All images under one text after the other, as text and as probabilities of labels."""
    told: list[str] = []
    logprobs: list[float] = []
    for text in texts:
        asked: list[list[ChatMessage]] = [
            [ChatMessageUser(content=[ContentImage(image=image), ContentText(text=text)])] for image in images
        ]
        for wish in (GenerateConfig(max_tokens=8, logprobs=True), GenerateConfig(extra_body=LABELS)):
            answers = await asyncio.gather(*(api.generate(one, [], "none", wish) for one in asked))
            if wish.extra_body is None:
                told += [output.completion for output, _ in answers]
                first = [_first(output) for output, _ in answers]
            else:
                for start, (output, _) in zip(first, answers, strict=True):
                    logprobs += [start, *(output.metadata or {})["label_logprobs"].values()]
    return told, logprobs


def likelier(logprobs: Sequence[float], at: int) -> bool:
    """Which of the two labels the request whose numbers begin there gets."""
    return logprobs[at + 1] > logprobs[at + 2]


def _first(output: Any) -> float:
    value: float = output.choices[0].logprobs.content[0].logprob
    return value


if __name__ == "__main__":
    main()
