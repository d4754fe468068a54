"""Train the embedded judge from scratch: ``python -m blpo_inspect.shapes.train --out FOLDER``.

Deterministic for a given seed, device and thread count. What makes a model this small learn to follow rules:
each example weighs the same (not each token); the verdict token carries nearly all the weight of a judging example;
verdicts are balanced; and, in training only, auxiliary heads on inner layers say what a step towards the answer should
know by then: each image token, which figure its quadrant shows; the last word of a rule's feature or of a text, which
colour, shape, size and number it names (second layer), then whether that is so in the picture (fourth layer). The image
stands before the prompt, so that the answer is already known at that word. The heads are not saved.
"""

import argparse
import itertools
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import LlavaForConditionalGeneration

from blpo_inspect.shapes import checkpoint
from blpo_inspect.shapes.batches import CLAIM_TARGETS, NAMED_CLASSES, VISION_CLASSES, Batch, Stream

AUXILIARY_WEIGHT = 0.6
VISION_WEIGHT = 0.3
NAMED_LAYER, TRUTH_LAYER = 2, 4
"""Decoder layers whose output the auxiliary heads read."""


class Heads(nn.Module):
    """The auxiliary heads, used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.named = nn.Linear(width, sum(NAMED_CLASSES))
        self.rule_truth = nn.Linear(width, 1)
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
    phrases = torch.cat([batch["marks"], batch["claims"]])
    at_phrase = out.hidden_states[NAMED_LAYER][phrases[:, 0], phrases[:, 1]]
    auxiliary = auxiliary + _classes(heads.named(at_phrase), NAMED_CLASSES, batch["named"])
    at_image = out.hidden_states[0][batch["ids"] == checkpoint.SPECIAL.index("<image>")]
    vision = _classes(heads.vision(at_image), VISION_CLASSES, batch["seen"].flatten(0, 1))
    return answer_loss, auxiliary, vision


def _classes(logits: torch.Tensor, sizes: tuple[int, ...], target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of several classifications at once: rows × all classes against rows × classifications."""
    parts = logits.float().split(sizes, dim=1)
    losses = [nn.functional.cross_entropy(part, target[:, k], reduction="sum") for k, part in enumerate(parts)]
    return torch.stack(losses).sum() / max(1, len(logits))  # a batch may hold no phrase at all


@dataclass(frozen=True)
class Recipe:
    """What decides the weights, besides this code, the device and the number of threads."""

    steps: int = 10_000
    batch: int = 64
    rate: float = 1.2e-3
    """Peak of the learning rate: warm-up over 300 steps, then a cosine down to 2 %."""
    seed: int = 1
    examples_per_skill: int = 6000
    """From how many training examples the vocabulary is taken."""


def train(out: Path, recipe: Recipe, *, device: str = "cpu", resume: Path | None = None) -> None:
    """Train and write the checkpoint to ``out`` (also every 1,000 steps)."""
    words = checkpoint.vocabulary(recipe.examples_per_skill)
    processor = checkpoint.build_processor(words)
    model = checkpoint.build_model(len(words), recipe.seed)
    nn.Module.to(model, device)
    model.set_attn_implementation("eager")  # faster than sdpa at these sizes
    heads = Heads(checkpoint.WIDTH).to(device)
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.02)
    first = 0
    if resume is not None:
        state = torch.load(resume, weights_only=True)
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]

    def schedule(step: int) -> float:
        warm = min(1.0, (step + 1) / 300)
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / recipe.steps)))

    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(words)} words", flush=True)
    stream = Stream(words, recipe.seed, recipe.batch, first)
    loader = DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=8)
    began, shown = time.monotonic(), []
    for step, data in enumerate(itertools.islice(loader, recipe.steps - first), start=first):
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * schedule(step)
        moved = {name: value.to(device) for name, value in data.items()}
        with torch.autocast(device, dtype=torch.bfloat16):
            answer_loss, auxiliary, vision = losses(model, heads, moved)
        optimizer.zero_grad(set_to_none=True)
        (answer_loss + AUXILIARY_WEIGHT * auxiliary + VISION_WEIGHT * vision).backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        shown.append((answer_loss.item(), auxiliary.item(), vision.item()))
        if (step + 1) % 100 == 0:
            answer_mean, auxiliary_mean, vision_mean = np.mean(shown, axis=0)
            pace = (time.monotonic() - began) / (step + 1 - first)
            print(
                f"step {step + 1}: answer {answer_mean:.4f}, rules {auxiliary_mean:.4f}, "
                f"vision {vision_mean:.4f}, {pace:.3f} s/step",
                flush=True,
            )
            shown = []
        if (step + 1) % 1000 == 0 or step + 1 == recipe.steps:
            checkpoint.save(model, processor, out)
            state = {
                "model": model.state_dict(),
                "heads": heads.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
            }
            torch.save(state, out.with_suffix(".resume"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--batch", type=int, default=Recipe.batch)
    parser.add_argument("--rate", type=float, default=Recipe.rate, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", type=Path, help="continue from OUT.resume of an earlier run")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True, warn_only=True)
    recipe = Recipe(steps=options.steps, batch=options.batch, rate=options.rate, seed=options.seed)
    train(options.out, recipe, device=options.device, resume=options.resume)


if __name__ == "__main__":
    main()
