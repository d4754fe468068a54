"""Choosing the next token of each row, so that a row's choice depends on nothing but that row.

Transformers draws a whole batch from one generator, so there the same seed gives another answer
when other requests share the batch. Here each row has a stream of uniform numbers of its own and
takes one per token: the token at which the row's cumulative probability, in vocabulary order,
passes that number.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList


@dataclass(frozen=True)
class Draw:
    """How one row draws its tokens."""

    temperature: float
    """Above 0."""

    top_p: float
    """In (0, 1]."""

    top_k: int | None
    """At least 1, or `None` for no limit."""

    key: int
    """What the row's stream of uniform numbers starts from."""


@dataclass
class Recorded:
    """Log-probabilities of one generation step, for all rows of the batch."""

    chosen: Tensor
    """Rows: of the chosen tokens."""

    top: Tensor
    """Rows × k: the largest ones, in falling order."""

    top_tokens: Tensor
    """Rows × k: the tokens they belong to."""


def stream_key(*, seed: int | None, digest: str, draw: int, choice: int) -> int:
    """Where the uniform numbers of one answer start.

    Args:
        seed: The request's, or `None`.
        digest: Of the request's content.
        draw: Which of the equal requests without a seed this is, from 0; 0 with a seed.
        choice: Which of the request's answers this is, from 0.
    """
    key = hashlib.sha256(f"{seed}\0{digest}\0{draw}\0{choice}".encode()).digest()
    return int.from_bytes(key)


@dataclass
class TokenChooser(LogitsProcessor):
    """Leaves each row with one possible token, and records log-probabilities on the way.

    Log-probabilities are the log-softmax of the model's own logits in float32: before temperature,
    top-p, top-k and forbidden tokens.

    Args:
        draws: Per row, how it draws, or `None` for the likeliest token.
        forbidding: Processors that rule tokens out; they see every row.
        top: How many log-probabilities to record per step, or `None` for no recording.
    """

    draws: Sequence[Draw | None]
    forbidding: LogitsProcessorList
    top: int | None
    recorded: list[Recorded] = field(default_factory=list)
    _streams: list[random.Random] = field(init=False)

    def __post_init__(self) -> None:
        # a batch that is run again, in halves, starts its streams anew
        self._streams = [random.Random(draw.key) for draw in self.draws if draw is not None]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        # processors may write in place, but the record is of what the model said
        logits = scores.clone() if self.top is not None and self.forbidding else scores
        allowed = self.forbidding(input_ids, scores)
        drawing = [row for row, draw in enumerate(self.draws) if draw is not None]
        chosen = allowed.argmax(dim=-1)
        if drawing:
            draws = [draw for draw in self.draws if draw is not None]
            chosen[drawing] = draw_tokens(allowed[drawing], draws, [stream.random() for stream in self._streams])
        if self.top is not None:
            logprobs = logits.float().log_softmax(dim=-1)
            largest = logprobs.topk(min(self.top, logprobs.shape[-1]), dim=-1)
            at_chosen = logprobs.gather(-1, chosen[:, None])[:, 0]
            self.recorded.append(Recorded(at_chosen, largest.values, largest.indices))
        if not drawing:
            return allowed
        return torch.full_like(allowed, -torch.inf).scatter(-1, chosen[:, None], 0.0)


def draw_tokens(logits: Tensor, draws: Sequence[Draw], uniform: Sequence[float]) -> Tensor:
    """One token per row.

    Args:
        logits: Rows × vocabulary; -inf rules a token out.
        draws: One per row.
        uniform: One number per row, in [0, 1).

    Returns:
        Token ids, one per row, on the device of `logits`.
    """
    # float32 sums over a large vocabulary would bend the tail; mps has no float64
    home = logits.device
    place = torch.device("cpu") if home.type == "mps" else home
    logits = logits.to(place).double()

    def column(values: Sequence[float]) -> Tensor:
        return torch.tensor(values, dtype=logits.dtype, device=place)[:, None]

    logits = logits / column([draw.temperature for draw in draws])
    size = logits.shape[-1]
    if any(draw.top_p < 1 or draw.top_k is not None for draw in draws):
        ranked, order = logits.sort(dim=-1, descending=True, stable=True)
        rank = torch.arange(size, device=place)[None, :]
        ranked = ranked.masked_fill(rank >= column([draw.top_k or size for draw in draws]), -torch.inf)
        probabilities = ranked.softmax(dim=-1)
        before = probabilities.cumsum(dim=-1) - probabilities
        nucleus = column([draw.top_p for draw in draws])
        ranked = ranked.masked_fill((before >= nucleus) & (nucleus < 1), -torch.inf)
        logits = torch.full_like(logits, -torch.inf).scatter(-1, order, ranked)
    cumulative = logits.softmax(dim=-1).cumsum(dim=-1)
    numbers = column(uniform) * cumulative[:, -1:]
    return torch.searchsorted(cumulative, numbers, right=True)[:, 0].clamp(max=size - 1).to(home)
