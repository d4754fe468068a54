"""Evidence that may be looked at after every sample: is the mean of these gains above 0, or of the whole set?"""

from collections.abc import Sequence

_BETS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Shares of the largest bet that cannot lose everything; the evidence is the mean over them."""


def evidence(gains: Sequence[float], *, of: int | None = None, least: float = -1.0) -> float:
    """An e-value against "the mean is at most 0": a bet's wealth, which grows above 1 / α with probability α at most.

    That holds at every moment at once (Ville's inequality), so that one may stop as soon as it is high enough. For a
    finite set, drawn in random order without replacement, the bet is on each next gain against the highest mean that
    the rest can have if the whole mean is at most 0 (Waudby-Smith and Ramdas 2020, "Confidence sequences for sampling
    without replacement"; 2024, "Estimating means of bounded random variables by betting").

    Args:
        gains: In the order in which they were drawn, each at least ``least``.
        of: Size of the finite set; None: any number more may come.
        least: The lowest gain possible, below 0.

    Raises:
        ValueError: A gain below ``least``, or ``least`` is not below 0.
    """
    if least >= 0 or min(gains, default=0.0) < least - 1e-9:
        raise ValueError(f"gains must be at least {least}, which must be below 0")
    wealth = [1.0] * len(_BETS)
    total = 0.0
    for seen, gain in enumerate(gains):
        mean = -total / (of - seen) if of is not None else 0.0
        if mean < least:  # the rest cannot be so bad that the whole is at most 0
            return float("inf")
        room = mean - least
        if room > 0:
            wealth = [
                max(0.0, held * (1 + bet * (gain - mean) / room)) for held, bet in zip(wealth, _BETS, strict=True)
            ]
        total += gain
    return sum(wealth) / len(wealth)
