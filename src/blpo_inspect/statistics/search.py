"""The smallest number with which something holds, where it holds for all larger ones too."""

from collections.abc import Callable

FARTHEST = 1_000_000
"""What would take more further labels than this is said never to come."""


def smallest(holds: Callable[[int], bool], start: int = 1) -> int | None:
    """The smallest number from ``start`` on for which ``holds``, by doubling and halving; None above `FARTHEST`."""
    if holds(start):
        return start
    step = 2 * start
    while not holds(step):
        step *= 2
        if step > FARTHEST:
            return None
    below = step // 2
    while step - below > 1:
        middle = (below + step) // 2
        below, step = (below, middle) if holds(middle) else (middle, step)
    return step
