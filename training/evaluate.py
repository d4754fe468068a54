"""Measure the embedded judge on held-out drawings, rules and wordings: ``python -m training.evaluate``.

Runs the checkpoint as any user of transformers would: processor, chat template, greedy generation.
"""

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from blpo_inspect.world import JUDGE
from blpo_inspect.world.drawing import draw
from blpo_inspect.world.scenes import FEATURES
from training.phrasing import MARK
from training.skills import SKILLS, Example, example

WORDINGS = {False: "trained wordings", True: "held-out wordings"}


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        skill: One of `SKILLS`, or one with the kind of rule it is restricted to.
        wording: A value of `WORDINGS`.
        n: Examples.
        accuracy: Share of answers that are right word for word.
        base_rate: Share of the most frequent right answer: what a model gets that never looks.
    """

    skill: str
    wording: str
    n: int
    accuracy: float
    base_rate: float


class Judge:
    """The checkpoint, ready to answer examples in batches."""

    def __init__(self, folder: Path = JUDGE, device: str = "cpu") -> None:
        self.processor = AutoProcessor.from_pretrained(folder)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder, use_safetensors=True)
        self.model.eval().to(device)

    @torch.inference_mode()
    def answers(self, items: list[Example], batch: int = 64) -> list[str]:
        """The model's replies, in order."""
        replies = [""] * len(items)
        # shown and unshown apart: a batch has pictures or it has none
        order = sorted(range(len(items)), key=lambda i: (items[i].shown, len(items[i].text)))
        for shown in (False, True):
            chosen = [i for i in order if items[i].shown == shown]
            for start in range(0, len(chosen), batch):
                part = chosen[start : start + batch]
                for i, reply in zip(part, self._reply([items[i] for i in part]), strict=True):
                    replies[i] = reply
        return replies

    def _reply(self, items: list[Example]) -> list[str]:
        inputs = self.processor.apply_chat_template(
            [[{"role": "user", "content": _content(item)}] for item in items],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            return_tensors="pt",
            padding=True,
        ).to(self.model.device)
        tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=48)
        new = tokens[:, inputs["input_ids"].shape[1] :]
        decoded: list[str] = self.processor.batch_decode(new, skip_special_tokens=True)
        return decoded


def _content(item: Example) -> list[dict[str, Any]]:
    text = {"type": "text", "text": item.text.replace(f" {MARK}", "")}
    picture = {"type": "image", "image": draw(item.scene, item.drawing_seed)}
    return [picture, text] if item.shown else [text]


def evaluate(judge: Judge, n: int, skills: Iterable[str] = SKILLS, first: int = 0) -> Iterator[Result]:
    """Accuracy of each skill in both wordings on ``n`` test examples each, then by kind of rule."""
    for skill in skills:
        by_kind: dict[str, list[tuple[Example, bool]]] = defaultdict(list)
        for held_out, wording in WORDINGS.items():
            items = [example(first + i, skill, "test", held_out_wording=held_out) for i in range(n)]
            right = [_same(reply, item.answer) for reply, item in zip(judge.answers(items), items, strict=True)]
            yield _result(skill, wording, list(zip(items, right, strict=True)))
            for item, ok in zip(items, right, strict=True):
                for kind in _kinds(item):
                    by_kind[kind].append((item, ok))
        for kind in sorted(by_kind):
            yield _result(f"{skill}: {kind}", "both", by_kind[kind])


def markdown(results: Iterable[Result]) -> str:
    """The results as a Markdown table."""
    lines = ["| skill | wording | n | accuracy | base rate |", "|---|---|---:|---:|---:|"]
    lines += [f"| {r.skill} | {r.wording} | {r.n} | {r.accuracy:.1%} | {r.base_rate:.1%} |" for r in results]
    return "\n".join(lines)


def _result(skill: str, wording: str, judged: list[tuple[Example, bool]]) -> Result:
    frequent = Counter(item.answer for item, _ in judged).most_common(1)[0][1]
    n = len(judged)
    return Result(skill, wording, n, sum(ok for _, ok in judged) / n, frequent / n)


def _kinds(item: Example) -> list[str]:
    """The kinds of rule of a judging example with rules."""
    if not item.skill.endswith("rules"):
        return []
    kinds = {kind for kind, features in FEATURES.items() if any(r in features for r in item.rules)}
    return [f"with a {kind} rule" for kind in sorted(kinds)] + ([f"with {len(item.rules)} rules"] if item.rules else [])


def _same(reply: str, answer: str) -> bool:
    return reply.lower().split() == answer.lower().split()


def main() -> None:
    """Command line: prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--judge", type=Path, default=JUDGE, help="checkpoint folder")
    parser.add_argument("--n", type=int, default=1000, help="examples per skill and wording")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    print(markdown(evaluate(Judge(options.judge, options.device), options.n)), flush=True)


if __name__ == "__main__":
    main()
