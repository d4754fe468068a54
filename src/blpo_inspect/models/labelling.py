"""Probabilities of labels: a batch of requests, and how probable it is that each answer begins with each label.

One forward pass: the label tree's inner nodes are laid behind each request's last token, and an attention mask shows
each of them the request and its own path only. Where a model or its attention does not take such a mask, the paths are
run token by token instead, each as a row of its own.
"""

import logging
import time
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from blpo_inspect.models.collate import on_device
from blpo_inspect.models.continuation import cache_of, inputs_after, laid_out
from blpo_inspect.models.continuation_check import spread, tolerance
from blpo_inspect.models.generation import BatchRow, Generated
from blpo_inspect.models.generation_request import Names
from blpo_inspect.models.label_tree import LabelTree
from blpo_inspect.models.memory import is_out_of_memory
from blpo_inspect.models.prefixes import Prefix
from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.spot_checks import SpotChecks
from blpo_inspect.models.weights import Weights

hf: Any = transformers  # partly typed

MASKED_ATTENTION = ("sdpa", "eager")
"""Attention that takes any mask."""

logger = logging.getLogger(__name__)


class Labeller:
    """Judges with one model without decoding."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._trees: dict[Names, LabelTree] = {}
        attention = getattr(weights.model.config.get_text_config(decoder=True), "_attn_implementation", None)
        self._one_pass: bool | None = None if attention in MASKED_ATTENTION else False
        self.checks = SpotChecks()

    def tree(self, names: Names) -> LabelTree:
        """The tree of names.

        Raises:
            RequestError: As `LabelTree`.
        """
        if names not in self._trees:
            self._trees[names] = LabelTree(names, self._weights.tokenizer, model=self._weights.name)
        return self._trees[names]

    def label(self, rows: Sequence[BatchRow], prefixes: Sequence[Prefix] | None) -> list[Generated]:
        """The labels of a batch of rows of equal group and equal names."""
        start = time.monotonic()
        assert rows[0].names is not None
        tree = self.tree(rows[0].names)
        logits = self._logits(rows, prefixes, tree)
        # labels are few, vocabularies large
        logprobs = logits.log_softmax(dim=-1).cpu()
        seconds = time.monotonic() - start
        answers = []
        for row in range(len(rows)):
            label_logprobs = tree.label_logprobs(logprobs[row])
            best = max(tree.labels, key=lambda label: label_logprobs[label])  # the first of equals
            answers.append(Generated(best, (), "stop", None, len(rows), seconds, label_logprobs=label_logprobs))
        return answers

    def _logits(self, rows: Sequence[BatchRow], prefixes: Sequence[Prefix] | None, tree: LabelTree) -> Tensor:
        longest = max(row.prepared.length for row in rows) + len(tree.tokens)
        # the mask below is the same for all layers, those with a window included
        if prefixes is None or self._one_pass is False or not self._weights.in_window(longest):
            return step_by_step(self._weights, rows, prefixes, tree)
        if self._one_pass is None or self.checks.is_due():
            self._check(rows[0], prefixes[0], tree)
        if not self._one_pass:
            return step_by_step(self._weights, rows, prefixes, tree)
        self.checks.requests += len(rows)
        return in_one_pass(self._weights, rows, prefixes, tree)

    def _check(self, row: BatchRow, prefix: Prefix, tree: LabelTree) -> None:
        with self.checks.checking():
            agrees = self._try(row, prefix, tree)
        if agrees is None:
            return
        self.checks.checked += 1
        if self._one_pass and not agrees:
            logger.warning(
                "hf-vlm: %s computes labels token by token from now on: in one pass they come out differently. Until"
                " now %d requests were answered in one pass, %d were checked, and the last check failed. What was"
                " recorded may be wrong: ask once more with BLPO_CACHE=refresh",
                self._weights.name,
                self.checks.requests,
                self.checks.checked,
            )
        self._one_pass = agrees

    def _try(self, row: BatchRow, prefix: Prefix, tree: LabelTree) -> bool | None:
        steps = step_by_step(self._weights, [row], [prefix], tree)
        try:
            once = in_one_pass(self._weights, [row], [prefix], tree)
            difference = spread(once - steps) / spread(steps)
        except Exception as error:  # families differ in what they do with a mask that they did not make
            if is_out_of_memory(error):
                return None  # which says nothing of the model
            logger.info("hf-vlm: %s: no labels in one pass: %s", self._weights.name, error)
            return False
        return difference <= tolerance(self._weights)


def in_one_pass(weights: Weights, rows: Sequence[BatchRow], prefixes: Sequence[Prefix], tree: LabelTree) -> Tensor:
    """Logits after each request and after each inner node of the tree.

    Returns:
        Rows × (1 + nodes) × vocabulary, float32, on the model's device.
    """
    requests = [row.prepared for row in rows]
    inputs = on_device(inputs_after(weights, requests, prefixes), weights)
    device = inputs["input_ids"].device
    start = max(prefix.length for prefix in prefixes)
    length, nodes = inputs["input_ids"].shape[1], len(tree.tokens)
    rest = length - start
    tokens = torch.tensor([tree.tokens] * len(rows), dtype=torch.long, device=device).reshape(len(rows), nodes)
    real = inputs["attention_mask"].bool()
    seen = torch.zeros(len(rows), rest + nodes, length + nodes, dtype=torch.bool, device=device)
    order = torch.arange(length, device=device)
    seen[:, :rest, :length] = real[:, None, :] & (order[None, None, :] <= order[start:, None][None])
    seen[:, rest:, :length] = real[:, None, :]
    for node in range(1, nodes + 1):
        at = node
        while at:
            seen[:, rest + node - 1, length + at - 1] = True
            at = tree.parents[at - 1]
    mask = torch.zeros(seen.shape, dtype=weights.dtype, device=device)
    mask.masked_fill_(~seen, torch.finfo(weights.dtype).min)
    counted = real.long().cumsum(dim=-1)
    depths = torch.tensor(tree.depths, dtype=torch.long, device=device)
    positions = torch.cat([(counted - 1).clamp(min=0)[:, start:], counted[:, -1:] + depths[None, :]], dim=1)
    if prefixes[0].rope_delta is not None:
        deltas = torch.cat([prefix.rope_delta for prefix in prefixes if prefix.rope_delta is not None])
        positions = (positions + deltas.to(device))[None].expand(3, -1, -1)
    output = weights.model(
        input_ids=torch.cat([inputs["input_ids"][:, start:], tokens], dim=1),
        attention_mask=mask[:, None],
        position_ids=positions,
        past_key_values=cache_of(weights, prefixes, rest + nodes),
        use_cache=True,
        logits_to_keep=torch.arange(rest - 1, rest + nodes, device=device),
    )
    logits: Tensor = output.logits.float()
    return logits


def step_by_step(
    weights: Weights, rows: Sequence[BatchRow], prefixes: Sequence[Prefix] | None, tree: LabelTree
) -> Tensor:
    """The same as `in_one_pass`, by decoding every path of the tree; for any model, with or without prefixes."""
    paths = tree.paths
    repeated = [
        (row.prepared, None if prefixes is None else prefixes[at], path)
        for at, row in enumerate(rows)
        for path in paths
    ]
    made = []
    # as many at once as the batch has rows: it may have been cut to what memory allows
    for start in range(0, len(repeated), len(rows)):
        requests, kept, forced = zip(*repeated[start : start + len(rows)], strict=True)
        made.append(_forced(weights, requests, None if prefixes is None else kept, forced, 1 + max(map(len, paths))))
    at = torch.cat(made).unflatten(0, (len(rows), len(paths)))
    nodes = [(0, 0)]  # the path and the step at which each node's successors are foretold
    for node in range(1, len(tree.tokens) + 1):
        way = tree.path(node)
        nodes.append(next((number, len(way)) for number, path in enumerate(paths) if path[: len(way)] == way))
    return torch.stack([at[:, path, step] for path, step in nodes], dim=1)


def _forced(
    weights: Weights,
    requests: Sequence[Prepared],
    prefixes: Sequence[Prefix] | None,
    paths: Sequence[tuple[int, ...]],
    steps: int,
) -> Tensor:
    """Logits of each step while requests are answered with given tokens: rows × steps × vocabulary, float32."""
    inputs, past = laid_out(weights, requests, prefixes, steps)
    made = weights.model.generate(
        **inputs,
        **past,
        generation_config=hf.GenerationConfig(
            max_new_tokens=steps,
            min_new_tokens=steps,  # a path that is over may be followed by the end
            do_sample=False,
            pad_token_id=weights.pad_token,
            output_logits=True,
            return_dict_in_generate=True,
        ),
        logits_processor=LogitsProcessorList([_Forced(paths, inputs["input_ids"].shape[1])]),
    )
    return torch.stack(made.logits, dim=1).float()


class _Forced(LogitsProcessor):
    """Leaves each row with the tokens of its path."""

    def __init__(self, paths: Sequence[tuple[int, ...]], length: int) -> None:
        self._paths = paths
        self._length = length

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        step = input_ids.shape[1] - self._length
        scores = scores.clone()  # what came in is reported as the model's own
        for row, path in enumerate(self._paths):
            if step < len(path):
                scores[row] = -torch.inf
                scores[row, path[step]] = 0.0
        return scores
