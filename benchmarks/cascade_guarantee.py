"""How often the guarantee of a cascade fails: agreement among the answered below the level, where it is known.

Two judges with known shares of right answers by confidence; thresholds are found on n pictures and held against 200,000
others. Prints a Markdown table: how often agreement was below the level for all that is answered and for one of the
judges, how often anything may be answered at all, and then what share, in per cent.

    python benchmarks/cascade_guarantee.py --replications 1000
"""

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from blpo_inspect.statistics.cascade import Stage, cascade

Floats = NDArray[np.float64]
SIZES = (110, 200, 500)
LARGE = 200_000

JUDGES: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats, NDArray[np.bool_]], Floats]]] = {
    "calibrated": (lambda one: one, lambda two, first: two),
    "all just below the level": (lambda one: np.full_like(one, 0.895), lambda two, first: np.full_like(two, 0.895)),
    "second just below the level, right where the first is wrong": (
        lambda one: np.where(one > 0.8, 0.97, 0.8),
        lambda two, first: np.where(first, 0.87, 0.99),
    ),
    "second just below the level, wrong where the first is wrong": (
        lambda one: np.where(one > 0.8, 0.97, 0.8),
        lambda two, first: np.where(first, 0.98, 0.55),
    ),
}
"""How often the first judge is right by how sure it is; the second by that and whether the first is right."""


def drawn(name: str, n: int, cluster: int, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Confidence of both, and whether they are right; those of one cluster are the same."""
    first, second = JUDGES[name]
    own = -(-n // cluster)
    one, two = 0.5 + 0.5 * rng.beta(2, 1, own), 0.5 + 0.5 * rng.beta(3, 1, own)
    right = rng.random(own) < first(one)
    other = rng.random(own) < second(two, right)
    return tuple(np.repeat(column, cluster)[:n].astype(float) for column in (one, two, right, other))


def row(name: str, n: int, cluster: int, replications: int, level: float, delta: float) -> str:
    """A line of the table."""
    rng = np.random.default_rng(0)
    one, two, right, other = drawn(name, LARGE, 1, rng)
    broken = by_judge = some = 0
    share = 0.0
    for _ in range(replications):
        sure_one, sure_two, first, second = (column.tolist() for column in drawn(name, n, cluster, rng))
        clusters = [k // cluster for k in range(n)] if cluster > 1 else None
        judges = [Stage(first, sure_one), Stage(second, sure_two)]
        found = cascade(judges, level=level, delta=delta, clusters=clusters)
        from_one, from_two = (2.0 if alone.threshold is None else alone.threshold for alone in found.stages)
        by_one = one >= from_one
        hits = [right[by_one], other[~by_one & (two >= from_two)]]
        answered = np.concatenate(hits)
        if len(answered):
            some += 1
            share += len(answered) / LARGE
            broken += bool(answered.mean() < level)
            by_judge += any(len(one) > 0 and one.mean() < level for one in hits)
    cells = [f"{100 * count / replications:.1f}" for count in (broken, by_judge, some)]
    return f"| {name} | {n} | {cluster} | {' | '.join(cells)} | {100 * share / max(1, some):.0f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--level", type=float, default=0.9)
    parser.add_argument("--delta", type=float, default=0.05)
    given = parser.parse_args()
    print("| judges | n | cluster | below the level | of a judge | answers | share |")
    print("|---|---|---|---|---|---|---|")
    for name in JUDGES:
        for n in SIZES:
            for cluster in (1, 5):
                print(row(name, n, cluster, given.replications, given.level, given.delta), flush=True)


if __name__ == "__main__":
    main()
