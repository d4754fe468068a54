"""Upper confidence bounds: which prompts to spend the next evaluations on (ProTeGi's ``UCBBandits``).

Knows prompts by number and their scores; does not evaluate anything.
"""

import math
import random


class Ucb:
    """A bandit over some arms.

    Args:
        arms: How many.
        c: Weight of the uncertainty against the mean.
    """

    def __init__(self, arms: int, c: float = 1.0) -> None:
        self.c = c
        self.counts = [0] * arms
        self.sums = [0.0] * arms

    def choose(self, number: int, turn: int, rng: random.Random) -> list[int]:
        """The arms with the highest bounds, highest first, the lower number where they are equal.

        The bound is mean + c · sqrt(ln turn / (n + 0.001)), n being the evaluations so far; while there are none at
        all, arms are drawn at random.

        Args:
            number: How many arms.
            turn: From 0; 0 and 1 go by the mean alone.
            rng: Of the first draw.
        """
        arms = range(len(self.counts))
        if not any(self.counts):
            return rng.sample(arms, min(number, len(arms)))
        means = self.means()
        spread = math.log(max(turn, 1))
        bounds = [means[arm] + self.c * math.sqrt(spread / (self.counts[arm] + 1e-3)) for arm in arms]
        return sorted(arms, key=lambda arm: -bounds[arm])[:number]

    def update(self, arm: int, score: float, samples: int) -> None:
        """Take in the mean score of so many samples."""
        self.counts[arm] += samples
        self.sums[arm] += score * samples

    def means(self) -> list[float]:
        """The mean score of every arm; 0 for one that was not evaluated, as in the original."""
        return [total / count if count else 0.0 for total, count in zip(self.sums, self.counts, strict=True)]
