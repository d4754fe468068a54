"""Chooses an idea: the best, or above temperature 0 one of the next best, drawn by the request's seed."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Sampling:
    """How an answer is sampled.

    Attributes:
        temperature: 0 says the best idea; at t the idea of rank r is exp(1 / t) times as likely as that of rank r + 1.
        seed: The same seed draws the same rank; without a seed the best idea is said.
    """

    temperature: float = 0.0
    seed: int | None = None

    def choose(self, ideas: Sequence[T]) -> T:
        """One of at least one idea, the best of which comes first."""
        if self.temperature <= 0 or self.seed is None:
            return ideas[0]
        drawn = int.from_bytes(hashlib.sha256(f"sample {self.seed}".encode()).digest()[:8]) / 2**64
        weights = [math.exp(-rank / self.temperature) for rank in range(len(ideas))]
        reached = accumulate(weight / sum(weights) for weight in weights)
        return next((idea for idea, share in zip(ideas, reached, strict=True) if drawn < share), ideas[-1])


GREEDY = Sampling()
