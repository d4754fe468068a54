"""How often the alternative annotator test takes a judge for as good as a rater who lacks exactly the margin ε.

Three simulated raters of a kind, and a judge whose answers are such that each rater is better more often than it by
exactly ε (`rho_h` - `rho_f` = ε), so that every win over a rater, and every pass, is false; beside it a judge who is
one more such rater. With clusters of 5 the
judge is right or wrong, or off by as much, on whole clusters. Prints a Markdown table.

    python benchmarks/alternative_annotator.py
    python benchmarks/alternative_annotator.py --replications 500 --sizes 50
"""

import argparse
import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import alternative_annotator as alt

SCALES = {
    "safety": LabelScale("unordered", ("safe", "unsafe")),
    "rating": LabelScale("ordinal", ("1", "2", "3", "4", "5")),
}
SIZES = (50, 110, 200)
CLUSTER = 5
LEVEL = 0.05
EPSILON = alt.EPSILON
RATERS = "abc"
ERROR = 0.6
"""Standard deviation of a rating's error, in steps of the scale."""

Labels = NDArray[Any]
"""Judge and three raters (columns) on each item, as places on the scale."""


def two_labels(n: int, cluster: int, rng: np.random.Generator, lacking: bool, *, right: float) -> Labels:
    """Raters who are right on a share of the items, independently; the judge that lacks ε is right less often.

    A rater beats the judge where the two others agree and only the rater says what they say: ε is (2·right - 1) times
    the difference of the shares right.
    """
    judge = right - EPSILON / (2 * right - 1) * lacking
    truth = rng.integers(0, 2, (n, 1))
    wrong = np.hstack([_alike(rng.random, n, cluster) >= judge, rng.random((n, 3)) >= right])
    return truth ^ wrong


def ratings(n: int, cluster: int, rng: np.random.Generator, lacking: bool) -> Labels:
    """Ratings from 1 to 5 with normal errors, larger ones of the judge that lacks ε."""
    return _rated(n, cluster, rng, _error_at_margin() if lacking else ERROR)


def _rated(n: int, cluster: int, rng: np.random.Generator, error: float) -> Labels:
    truth = rng.random((n, 1)) * 4
    errors = np.hstack([_alike(rng.standard_normal, n, cluster) * error, rng.standard_normal((n, 3)) * ERROR])
    return np.clip(np.round(truth + errors), 0, 4).astype(int)


@cache
def _error_at_margin() -> float:
    """The judge's error with which a rater is better more often by ε, by bisection on the same 200,000 items."""
    low, high = ERROR, 3.0
    for _ in range(20):
        middle = (low + high) / 2
        drawn = _rated(200_000, 1, np.random.default_rng(0), middle)
        rows, counts = np.unique(drawn, axis=0, return_counts=True)
        won = [_wins(tuple(labels), "rating")[RATERS[0]] for labels in rows.tolist()]
        lost = [of_rater - of_judge for of_judge, of_rater in won]
        low, high = (middle, high) if np.dot(lost, counts) / counts.sum() < EPSILON else (low, middle)
    return low


def _alike(draw: Callable[[tuple[int, int]], Labels], n: int, cluster: int) -> Labels:
    return np.repeat(draw((n // cluster, 1)), cluster, axis=0)


@cache
def _wins(labels: tuple[int, ...], scale: str) -> dict[str, tuple[int, int]]:
    judge, *raters = (SCALES[scale].labels[place] for place in labels)
    return alt.wins(judge, dict(zip(RATERS, raters, strict=True)), SCALES[scale])


def against(drawn: Labels, scale: str, cluster: int) -> dict[str, list[alt.Against]]:
    """Who won on each item of each rater."""
    won = [_wins(tuple(labels), scale) for labels in drawn.tolist()]
    return {rater: [(*one[rater], item // cluster) for item, one in enumerate(won)] for rater in RATERS}


def shown(count: int, of: int) -> str:
    """A share with its Monte Carlo standard error, in percent."""
    share = count / of
    return f"{share:.1%} ± {math.sqrt(share * (1 - share) / of):.1%}"


Population = Callable[[int, int, np.random.Generator, bool], Labels]
POPULATIONS: dict[str, tuple[Population, str]] = {
    "two labels, raters right on 80 %": (partial(two_labels, right=0.8), "safety"),
    "two labels, raters right on 98 %": (partial(two_labels, right=0.98), "safety"),
    "ratings 1 to 5": (ratings, "rating"),
}


def row(name: str, n: int, cluster: int, replications: int, seed: int) -> str:
    """One line: how often the first rater's H0 is rejected at 5 %, and how often the test passes."""
    population, scale = POPULATIONS[name]
    rng = np.random.default_rng([seed, n, cluster, *name.encode()])
    plain = alone = passed = good = 0
    for _ in range(replications):
        rows = against(population(n, cluster, rng, True), scale, cluster)
        first = rows[RATERS[0]]
        plain += alt.p_of_margin([(won[0], won[1], item) for item, won in enumerate(first)], EPSILON) <= LEVEL
        alone += alt.p_of_margin(first, EPSILON) <= LEVEL
        passed += alt.decided(rows, EPSILON).verdict == "pass"
        good += alt.decided(against(population(n, cluster, rng, False), scale, cluster), EPSILON).verdict == "pass"
    shares = (shown(count, replications) for count in (plain, alone, passed, good))
    return f"| {name} | {n if cluster == 1 else f'{n // cluster} × {cluster}'} | {' | '.join(shares)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="items, multiples of 5")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    print(
        "| population | items | wins over one rater: t test of items | as shown | passes | passes if it lacks nothing |"
    )
    print("|---|---:|---:|---:|---:|---:|")
    for name, cluster, n in product(POPULATIONS, (1, CLUSTER), given.sizes):
        print(row(name, n, cluster, given.replications, given.seed), flush=True)


if __name__ == "__main__":
    main()
