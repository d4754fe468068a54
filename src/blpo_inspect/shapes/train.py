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
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset
from transformers import LlavaForConditionalGeneration

from blpo_inspect.shapes import checkpoint
from blpo_inspect.shapes.drawing import draw
from blpo_inspect.shapes.phrasing import MARK
from blpo_inspect.shapes.scenes import COLOURS, POSITIONS, SHAPES, SIZES, Claim, Scene
from blpo_inspect.shapes.skills import ASPECT_SETS, SKILLS, Example, example

VERDICT_WEIGHT = 0.95
AUXILIARY_WEIGHT = 0.6
NAMED_LAYER, TRUTH_LAYER = 2, 4
POOL = 4
"""Batches drawn together and sorted by length, so that little is padding."""

VISION_WEIGHT = 0.3
_VISION_CLASSES = (len(COLOURS) + 1, len(SHAPES) + 1, len(SIZES) + 1)
"""Classes per image token: each colour, shape and size, and no figure."""
_NAMED_CLASSES = (*_VISION_CLASSES, 5)
"""Classes per phrase: each colour, shape, size and number, and none."""

_WORD = re.compile(r"\w+|[^\w\s]+")


@dataclass
class Encoded:
    """One example as arrays: token ids, per-token target weight, auxiliary targets."""

    ids: list[int]
    start: int
    weights: list[float]
    pixels: np.ndarray[Any, np.dtype[np.float32]] | None
    marks: list[int]
    mark_truths: list[bool]
    claim_at: int
    claim_truths: list[bool]
    named: list[list[int]]
    seen: list[tuple[int, int, int]]


class Encoder:
    """Examples → token ids, exactly as the checkpoint's tokenizer and template would (a test compares them)."""

    def __init__(self, words: list[str]) -> None:
        self.index = {word: i for i, word in enumerate(words)}

    def words(self, text: str) -> list[int]:
        """Ids of a text's words."""
        unknown = self.index["<unk>"]
        return [self.index.get(word, unknown) for word in _WORD.findall(text.lower())]

    def __call__(self, item: Example) -> Encoded:
        """Encode one example."""
        index = self.index
        ids = [index["<bos>"], index["<user>"]]
        if item.shown:
            ids += [index["<image>"]] * checkpoint.IMAGE_TOKENS
        marks: list[int] = []
        claim_at = -1
        for piece_number, piece in enumerate(item.text.split(MARK)):
            if piece_number:
                marks.append(len(ids) - 1)
            if "</text>" in piece:
                head, tail = piece.split("</text>")
                ids += self.words(head + " </")
                claim_at = len(ids) - 1
                ids += self.words("text>" + tail)
            else:
                ids += self.words(piece)
        ids.append(index["<assistant>"])
        start = len(ids)
        answer = [*self.words(item.answer), index["<eos>"]]
        verdict = [VERDICT_WEIGHT, 1 - VERDICT_WEIGHT]
        weights = [1 / len(answer)] * len(answer) if item.skill == "caption" else verdict
        pixels: np.ndarray[Any, np.dtype[np.float32]] | None = None
        if item.shown:
            side = checkpoint.IMAGE_SIDE
            small = draw(item.scene, item.drawing_seed).resize((side, side), resample=3)
            scaled = np.asarray(small, dtype=np.float32) / 255
            normed = (scaled - checkpoint.PIXEL_MEAN) / checkpoint.PIXEL_STD
            pixels = normed.transpose(2, 0, 1).astype(np.float32)
        return Encoded(
            ids + answer,
            start,
            weights,
            pixels,
            marks,
            [rule.present(item.scene) for rule in item.rules],
            claim_at,
            [] if item.claim is None else _claim_truths(item.scene, item.claim),
            [_named(r.size, r.colour, r.shape, r.more_than or 0) for r in item.rules]
            + ([_named(c.size, c.colour, c.shape, c.number)] if (c := item.claim) else []),
            _seen(item.scene) if item.shown else [],
        )


def _seen(scene: Scene) -> list[tuple[int, int, int]]:
    """For each image token in reading order: colour, shape and size of its quadrant's figure (0: none)."""
    figures = {POSITIONS.index(figure.position): figure for figure in scene.figures}
    side = checkpoint.IMAGE_SIDE // checkpoint.PATCH
    classes = []
    for row, column in itertools.product(range(side), repeat=2):
        figure = figures.get(2 * (2 * row // side) + 2 * column // side)
        classes.append(
            (0, 0, 0)
            if figure is None
            else (
                1 + COLOURS.index(figure.colour),
                1 + SHAPES.index(figure.shape),
                1 + SIZES.index(figure.size),
            )
        )
    return classes


def _named(size: str | None, colour: str | None, shape: str | None, number: int) -> list[int]:
    """Classes of what a phrase names (0: does not name it)."""
    return [
        0 if colour is None else 1 + COLOURS.index(colour),
        0 if shape is None else 1 + SHAPES.index(shape),
        0 if size is None else 1 + SIZES.index(size),
        number,
    ]


def _claim_truths(scene: Scene, claim: Claim) -> list[bool]:
    """Whether the claim holds for each set of aspects; then, aspect by aspect, which figures agree with it."""
    by_place = {figure.position: figure for figure in scene.figures}
    agree = [
        place in by_place and getattr(by_place[place], aspect) == getattr(claim, aspect)
        for aspect in ("size", "colour", "shape")
        for place in POSITIONS
    ]
    return [claim.holds(scene, aspects) for aspects in ASPECT_SETS] + agree


class Heads(nn.Module):
    """The auxiliary heads, used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.named = nn.Linear(width, sum(_NAMED_CLASSES))
        self.rule_truth = nn.Linear(width, 1)
        self.claim_truth = nn.Linear(width, len(ASPECT_SETS) + 12)
        self.vision = nn.Linear(width, sum(_VISION_CLASSES))


Batch = dict[str, torch.Tensor]


def collate(items: list[Encoded]) -> Batch:
    """Pad on the right; targets are listed flat as (row, column) pairs."""
    length = math.ceil(max(len(item.ids) for item in items) / 8) * 8
    ids = torch.zeros(len(items), length, dtype=torch.long)
    mask = torch.zeros(len(items), length, dtype=torch.long)
    target: list[tuple[int, int, int, float]] = []
    marks: list[tuple[int, int]] = []
    mark_weights: list[float] = []
    mark_truths: list[bool] = []
    named: list[list[int]] = []
    claims: list[tuple[int, int]] = []
    claim_truths: list[list[bool]] = []
    for row, item in enumerate(items):
        ids[row, : len(item.ids)] = torch.tensor(item.ids)
        mask[row, : len(item.ids)] = 1
        for offset, weight in enumerate(item.weights):
            target.append((row, item.start + offset - 1, item.ids[item.start + offset], weight))
        for column, truths in zip(item.marks, item.mark_truths, strict=True):
            marks.append((row, column))
            mark_weights.append(1 / len(item.marks))
            mark_truths.append(truths)
        if item.claim_at >= 0:
            claims.append((row, item.claim_at))
            claim_truths.append(item.claim_truths)
    for item in items:
        named += item.named[: len(item.marks)]
    for item in items:
        named += item.named[len(item.marks) :]
    pixels = [item.pixels for item in items if item.pixels is not None]
    return {
        "ids": ids,
        "mask": mask,
        "pixels": torch.from_numpy(np.stack(pixels)),
        "target": torch.tensor(target, dtype=torch.float64),
        "marks": torch.tensor(marks, dtype=torch.long).reshape(-1, 2),
        "mark_weights": torch.tensor(mark_weights, dtype=torch.float32),
        "mark_truths": torch.tensor(mark_truths, dtype=torch.float32),
        "named": torch.tensor(named, dtype=torch.long).reshape(-1, 4),
        "seen": torch.tensor([item.seen for item in items if item.seen], dtype=torch.long),
        "claims": torch.tensor(claims, dtype=torch.long).reshape(-1, 2),
        "claim_truths": torch.tensor(claim_truths, dtype=torch.float32).reshape(-1, len(ASPECT_SETS) + 12),
    }


class Stream(IterableDataset[Batch]):
    """The endless, seeded stream of training batches, from a given step on."""

    def __init__(self, words: list[str], seed: int, batch: int, first_step: int = 0) -> None:
        self.encoder = Encoder(words)
        self.seed = seed
        self.batch = batch
        self.first_step = first_step

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; pools of `POOL` batches are sorted by length and shuffled."""
        skills, shares = list(SKILLS), list(SKILLS.values())
        for pool in itertools.count(self.first_step // POOL):
            rng = np.random.default_rng([self.seed, pool])
            chosen = rng.choice(len(skills), size=self.batch * POOL, p=np.array(shares) / sum(shares))
            base = (self.seed * 1_000_003 + pool) * self.batch * POOL
            items = [self.encoder(example(base + i, skills[k])) for i, k in enumerate(chosen)]
            items.sort(key=lambda item: len(item.ids))
            for n in rng.permutation(POOL):
                yield collate(items[n * self.batch : (n + 1) * self.batch])


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
    auxiliary = auxiliary + _classes(heads.named(at_phrase), _NAMED_CLASSES, batch["named"])
    at_image = out.hidden_states[0][batch["ids"] == checkpoint.SPECIAL.index("<image>")]
    vision = _classes(heads.vision(at_image), _VISION_CLASSES, batch["seen"].flatten(0, 1))
    return answer_loss, auxiliary, vision


def _classes(logits: torch.Tensor, sizes: tuple[int, ...], target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of several classifications at once: rows × all classes against rows × classifications."""
    parts = logits.float().split(sizes, dim=1)
    losses = [nn.functional.cross_entropy(part, target[:, k], reduction="sum") for k, part in enumerate(parts)]
    return torch.stack(losses).sum() / max(1, len(logits))  # a batch may hold no phrase at all


def train(out: Path, *, steps: int, batch: int, rate: float, seed: int, device: str, resume: Path | None) -> None:
    """Train and write the checkpoint to ``out`` (also every 1,000 steps)."""
    words = checkpoint.vocabulary()
    processor = checkpoint.build_processor(words)
    model = checkpoint.build_model(len(words), seed)
    nn.Module.to(model, device)
    model.set_attn_implementation("eager")  # faster than sdpa at these sizes
    heads = Heads(checkpoint.WIDTH).to(device)
    parameters = [*model.parameters(), *heads.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
    first = 0
    if resume is not None:
        state = torch.load(resume, weights_only=True)
        model.load_state_dict(state["model"])
        heads.load_state_dict(state["heads"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]

    def schedule(step: int) -> float:
        warm = min(1.0, (step + 1) / 300)
        return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps))))

    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(words)} words", flush=True)
    stream = Stream(words, seed, batch, first)
    loader = DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=8)
    began, shown = time.monotonic(), []
    for step, data in enumerate(itertools.islice(loader, steps - first), start=first):
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule(step)
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
        if (step + 1) % 1000 == 0 or step + 1 == steps:
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
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1.2e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", type=Path, help="continue from OUT.resume of an earlier run")
    options = parser.parse_args()
    torch.use_deterministic_algorithms(True, warn_only=True)
    train(
        options.out,
        steps=options.steps,
        batch=options.batch,
        rate=options.rate,
        seed=options.seed,
        device=options.device,
        resume=options.resume,
    )


if __name__ == "__main__":
    main()
