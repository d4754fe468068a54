"""Train the embedded judge from scratch: ``python -m training.train --out FOLDER``.

Deterministic for a given seed, device and thread count. What makes a model this small learn to follow rules:
each example weighs the same (not each token); the verdict token carries nearly all the weight of a judging example;
verdicts are balanced; and, in training only, auxiliary heads on inner layers say what a step towards the answer should
know by then: each image token, which figure its quadrant shows; the last word of a rule's feature or of a text, which
colour, shape, size and number it names (second layer), then whether that is so in the picture (fourth layer); the end
of the prompt, which aspects of a text count (third layer). The image stands before the prompt, so that the answer is
already known at those words. The heads are not saved.
"""

import argparse
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import LlavaForConditionalGeneration

from blpo_inspect.world.scenes import ASPECTS
from training import judge_checkpoint
from training.batches import CLAIM_TARGETS, NAMED_CLASSES, VISION_CLASSES, Batch, Stream

AUXILIARY_WEIGHT = 0.6
VISION_WEIGHT = 0.3
NAMED_LAYER, ASPECTS_LAYER, TRUTH_LAYER = 2, 3, 4
"""Decoder layers whose output the auxiliary heads read."""


class Heads(nn.Module):
    """The auxiliary heads, used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.named = nn.Linear(width, sum(NAMED_CLASSES))
        self.rule_truth = nn.Linear(width, 1)
        self.aspects = nn.Linear(width, len(ASPECTS))
        self.claim_truth = nn.Linear(width, CLAIM_TARGETS)
        self.vision = nn.Linear(width, sum(VISION_CLASSES))


def losses(
    model: LlavaForConditionalGeneration, heads: Heads, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Answer loss and the auxiliary losses of rules and vision, each a mean over examples."""
    out = model.model(
        input_ids=batch["ids"],
        attention_mask=batch["mask"],
        pixel_values=batch["pixels"],
        output_hidden_states=True,
        use_cache=False,
    )
    rows, columns, token = batch["target"][:, :3].long().unbind(1)
    weight = batch["target"][:, 3].float()
    logits = model.lm_head(out.last_hidden_state[rows, columns])
    answer = nn.functional.cross_entropy(logits.float(), token, reduction="none")
    size = len(batch["ids"])
    answer_loss = (answer * weight).sum() / size
    truth = out.hidden_states[TRUTH_LAYER]
    rows, columns = batch["marks"].unbind(1)
    logits = heads.rule_truth(truth[rows, columns])[:, 0].float()
    loss = nn.functional.binary_cross_entropy_with_logits(logits, batch["mark_truths"], reduction="none")
    auxiliary = (loss * batch["mark_weights"]).sum() / size
    rows, columns = batch["claims"].unbind(1)
    logits = heads.claim_truth(truth[rows, columns]).float()
    loss = nn.functional.binary_cross_entropy_with_logits(logits, batch["claim_truths"], reduction="none")
    auxiliary = auxiliary + 2 * loss.mean(1).sum() / size
    rows, columns = batch["verdicts"].unbind(1)
    logits = heads.aspects(out.hidden_states[ASPECTS_LAYER][rows, columns]).float()
    loss = nn.functional.binary_cross_entropy_with_logits(logits, batch["aspects"], reduction="none")
    auxiliary = auxiliary + loss.mean(1).sum() / size
    phrases = torch.cat([batch["marks"], batch["claims"]])
    at_phrase = out.hidden_states[NAMED_LAYER][phrases[:, 0], phrases[:, 1]]
    auxiliary = auxiliary + _classes(heads.named(at_phrase), NAMED_CLASSES, batch["named"])
    at_image = out.hidden_states[0][batch["ids"] == judge_checkpoint.SPECIAL.index("<image>")]
    vision = _classes(heads.vision(at_image), VISION_CLASSES, batch["seen"].flatten(0, 1))
    return answer_loss, auxiliary, vision


def _classes(logits: torch.Tensor, sizes: tuple[int, ...], target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of several classifications at once: rows × all classes against rows × classifications."""
    parts = logits.float().split(sizes, dim=1)
    losses = [nn.functional.cross_entropy(part, target[:, k], reduction="sum") for k, part in enumerate(parts)]
    return torch.stack(losses).sum() / max(1, len(logits))  # a batch may hold no phrase at all


@dataclass(frozen=True)
class Part:
    """A part of the training: a mixture of skills with a warm-up and a cosine of its own."""

    steps: int
    rate: float
    """Peak of the learning rate: warm-up over 300 steps, then a cosine down to 2 %."""
    shares: Mapping[str, float]
    """Share of each skill."""
    batch: int = 64

    def rate_at(self, step: int) -> float:
        """Learning rate of a step."""
        warm = min(1.0, (step + 1) / 300)
        return self.rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


_WEAK = {
    "caption": 0.2,
    "safety rules": 0.09,
    "safety default": 0.02,
    "rating rules": 0.1,
    "rating default": 0.02,
    "alignment rules": 0.35,
    "alignment default": 0.05,
    "safety from caption": 0.03,
    "rating from caption": 0.03,
    "alignment from caption": 0.11,
}
"""Shares that favour what the first part leaves behind: aspects of a text, unusual wordings of requests."""

PARTS = (
    Part(
        steps=10_000,
        rate=1.2e-3,
        shares={
            "caption": 0.18,
            "safety rules": 0.18,
            "safety default": 0.03,
            "rating rules": 0.22,
            "rating default": 0.03,
            "alignment rules": 0.2,
            "alignment default": 0.04,
            "safety from caption": 0.04,
            "rating from caption": 0.04,
            "alignment from caption": 0.04,
        },
    ),
    Part(
        steps=4_000,
        rate=8e-4,
        shares=_WEAK,
    ),
    # the same once more at a low rate
    Part(
        steps=1_600,
        rate=5e-4,
        shares={**_WEAK, "alignment rules": 0.32, "alignment default": 0.09, "alignment from caption": 0.1},
    ),
)


def train(
    out: Path,
    parts: Sequence[Part] = PARTS,
    *,
    seed: int = 1,
    device: str = "cpu",
    resume: Path | None = None,
    examples_per_skill: int = 6000,
) -> None:
    """Train and write the checkpoint to ``out``; every 1,000 steps also ``out.resume``, to go on from.

    Args:
        out: Folder of the checkpoint.
        parts: Run one after the other, each with a new optimizer.
        seed: Of weights and examples.
        device: ``cpu`` or ``cuda``.
        resume: What an earlier run left; its vocabulary is kept.
        examples_per_skill: From how many training examples the vocabulary is taken.
    """
    state = None if resume is None else torch.load(resume, weights_only=True)
    words = judge_checkpoint.vocabulary(examples_per_skill) if state is None else state["words"]
    processor = judge_checkpoint.build_processor(words)
    model = judge_checkpoint.build_model(len(words), seed)
    nn.Module.to(model, device)
    model.set_attn_implementation("eager")  # faster than sdpa at these sizes
    heads = Heads(judge_checkpoint.WIDTH).to(device)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(words)} words", flush=True)
    if state is not None:
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
    for number, part in enumerate(parts):
        if state is not None and number < state["part"]:
            continue
        optimizer = torch.optim.AdamW([*model.parameters(), *heads.parameters()], betas=(0.9, 0.98), weight_decay=0.02)
        first = 0
        if state is not None and number == state["part"] and state["step"]:
            optimizer.load_state_dict(state["optimizer"])
            first = state["step"]
        loader = DataLoader(
            Stream(words, part.shares, (seed, number), part.batch, first),
            batch_size=None,
            num_workers=1,
            prefetch_factor=8,
        )
        progress = Progress(first)
        for step, data in enumerate(itertools.islice(loader, part.steps - first), start=first):
            for group in optimizer.param_groups:
                group["lr"] = part.rate_at(step)
            progress.add(_step(model, heads, optimizer, {name: value.to(device) for name, value in data.items()}))
            done = step + 1
            if done % 100 == 0:
                print(f"part {number + 1}, step {done}: {progress.summary(done)}", flush=True)
            if done % 1000 == 0 or done == part.steps:
                judge_checkpoint.save(model, processor, out)
                ended = done == part.steps
                torch.save(
                    {
                        "words": words,
                        "model": model.state_dict(),
                        "heads": heads.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "part": number + ended,
                        "step": 0 if ended else done,
                    },
                    out.with_suffix(".resume"),
                )


def _step(
    model: LlavaForConditionalGeneration, heads: Heads, optimizer: torch.optim.Optimizer, batch: Batch
) -> tuple[float, float, float]:
    """One update; the three losses before it."""
    with torch.autocast(batch["ids"].device.type, dtype=torch.bfloat16):
        answer, auxiliary, vision = losses(model, heads, batch)
    optimizer.zero_grad(set_to_none=True)
    (answer + AUXILIARY_WEIGHT * auxiliary + VISION_WEIGHT * vision).backward()
    nn.utils.clip_grad_norm_([*model.parameters(), *heads.parameters()], 1.0)
    optimizer.step()
    return answer.item(), auxiliary.item(), vision.item()


class Progress:
    """Mean losses since the last summary, and the pace since the start."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._began = time.monotonic()
        self._shown: list[tuple[float, float, float]] = []

    def add(self, losses: tuple[float, float, float]) -> None:
        """Add one step's losses."""
        self._shown.append(losses)

    def summary(self, done: int) -> str:
        """One line; starts the next mean."""
        answer, auxiliary, vision = np.mean(self._shown, axis=0)
        self._shown = []
        pace = (time.monotonic() - self._began) / (done - self._first)
        return f"answer {answer:.4f}, rules {auxiliary:.4f}, vision {vision:.4f}, {pace:.3f} s/step"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", type=Path, help="go on from OUT.resume of an earlier run")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True, warn_only=True)
    train(options.out, seed=options.seed, device=options.device, resume=options.resume)


if __name__ == "__main__":
    main()
