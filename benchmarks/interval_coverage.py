"""How often 95 % intervals hold the true figure, and how often paired tests see a difference.

Samples are drawn from populations whose true figures are known exactly; the intervals are those that the scorers show
(`blpo_inspect.statistics.with_interval`), and for comparison plain bootstrap intervals. Prints Markdown tables.

    python benchmarks/interval_coverage.py --replications 1000
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from blpo_inspect import statistics
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import vectorized
from blpo_inspect.statistics.paired import Kind, Test
from real_populations import Recorded, populations

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIZES = (50, 110, 200)
SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
CUTS = norm.ppf([0.1, 0.3, 0.6, 0.85])


def figures_of(scale: LabelScale) -> dict[str, statistics.Named]:
    """Every figure that a scale may have."""
    return {**statistics.statistics_of(scale), **statistics.further_statistics_of(scale)}


@dataclass(frozen=True)
class Population:
    """Shares of (human, judge) labels, from which samples are drawn independently or in clusters.

    Attributes:
        name: In the table.
        scale: Of the labels.
        shares: Human × judge, with sum 1.
        figures: What is measured.
        cluster: Samples per cluster; those of one cluster are the same with probability 0.4.
        lost: Share of clusters in which the judge is wrong about every sample; the others are then independent.
    """

    name: str
    scale: LabelScale
    shares: Floats
    figures: Sequence[str]
    cluster: int = 1
    lost: float = 0.0

    def draw(self, n: int, rng: np.random.Generator) -> tuple[list[str], list[str], list[int] | None]:
        """Human labels, judge labels and clusters of n samples."""
        flat = self.shares.ravel()
        cells = rng.choice(len(flat), size=n, p=flat)
        clusters = None
        if self.cluster > 1:
            place = np.arange(n) // self.cluster
            common = rng.choice(len(flat), size=n, p=flat)[place]
            if not self.lost:
                cells = np.where(rng.random(n) < 0.4, common, cells)
            clusters = place.tolist()
        human, judge = np.unravel_index(cells, self.shares.shape)
        if self.lost:
            whole = (rng.random(n) < self.lost)[np.arange(n) // self.cluster * self.cluster]
            judge = np.where(whole, (human + 1) % len(self.scale.labels), judge)
        names = np.array(self.scale.labels)
        return names[human].tolist(), names[judge].tolist(), clusters

    def truth(self, named: statistics.Named) -> float:
        """A figure on the whole population."""
        pairs = list(product(self.scale.labels, repeat=2))
        human, judge = (named.columns([pair[k] for pair in pairs], self.scale) for k in (0, 1))
        wrong = np.roll(np.diag(self.shares.sum(1)), 1, axis=1)  # the label after people's
        shares = (1 - self.lost) * self.shares + self.lost * wrong
        return float(vectorized.statistic_values(named.figure, human, judge, shares.ravel()[None, :])[0])


def ratings(correlation: float) -> Floats:
    """Shares of five ratings each, cut from two normal variables that correlate so."""
    grid = np.linspace(-6, 6, 1201)
    edges = [-np.inf, *CUTS, np.inf]
    weight = norm.pdf(grid) / norm.pdf(grid).sum()
    inside = np.diff(norm.cdf((np.array(edges)[None, :] - correlation * grid[:, None]) / np.sqrt(1 - correlation**2)))
    place = np.searchsorted(CUTS, grid)
    shares = np.array([(weight[place == k, None] * inside[place == k]).sum(0) for k in range(5)])
    return np.asarray(shares / shares.sum(), dtype=float)


LABELS = ("accuracy", "macro_f1", "cohens_kappa", "gwet_ac1")
RATED = (*LABELS, "gwet_ac2", "quadratic_kappa", "spearman")
SCATTERED = (*LABELS, "gwet_ac2", "quadratic_kappa", "pearson", "spearman")
EVEN = np.outer(ratings(0.7).sum(1), ratings(0.7).sum(0))
POPULATIONS = (
    Population("two labels, 45 : 55", SAFETY, np.array([[0.38, 0.07], [0.10, 0.45]]), LABELS),
    Population("two labels, 15 : 85", SAFETY, np.array([[0.10, 0.05], [0.08, 0.77]]), LABELS),
    Population("ratings 1 to 5", RATING, ratings(0.7), RATED),
    Population(
        "ratings 1 to 5, clusters of 5", RATING, ratings(0.7), (*LABELS, "gwet_ac2", "quadratic_kappa", "spearman"), 5
    ),
    Population("two labels, 15 % of clusters of 5 wrong", SAFETY, np.diag([0.45, 0.55]) * 0.96 + 0.01, LABELS, 5, 0.15),
    Population("ratings, mostly exact", RATING, 0.9 * np.diag(ratings(0.7).sum(1)) + 0.1 * EVEN, SCATTERED),
)


def coverage(replications: int, seed: int, populations: Sequence[Population | Recorded] = POPULATIONS) -> list[str]:
    """The table of intervals."""
    lines = [
        "| figure | population | true value | n | as shown | percentile bootstrap | mean width as shown |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for population, n in product(populations, SIZES):
        known = figures_of(population.scale)
        truths = {name: population.truth(known[name]) for name in population.figures}
        held: defaultdict[tuple[str, str], int] = defaultdict(int)
        widths: defaultdict[str, list[float]] = defaultdict(list)
        rng = np.random.default_rng([seed, n])
        for replication in range(replications):
            human, judge, clusters = population.draw(n, rng)
            for name, true in truths.items():
                named = known[name]
                shown = statistics.with_interval(
                    named, human, judge, population.scale, clusters=clusters, seed=replication
                )
                columns = (named.columns(human, population.scale), named.columns(judge, population.scale))
                plain = statistics.resampled(*columns, named.figure, clusters=clusters, seed=replication)
                for kind, one in (("shown", shown), ("plain", plain)):
                    held[name, kind] += one.low <= true <= one.high
                widths[name].append(shown.high - shown.low)
        for name, true in truths.items():
            shares = " | ".join(f"{held[name, kind] / replications:.1%}" for kind in ("shown", "plain"))
            width = np.nanmean(widths[name])
            lines.append(f"| {name} | {population.name} | {true:.3f} | {n} | {shares} | {width:.3f} |")
    return lines


Labels = tuple[list[str], list[str], list[str]]


def judges(n: int, better: bool, rng: np.random.Generator) -> Labels:
    """Ratings of people and two judges, who share part of their errors; the second is no better, or better."""
    human = rng.standard_normal(n)
    shared = rng.standard_normal(n)
    columns = [human]
    for correlation in (0.6, 0.75 if better else 0.6):
        error = np.sqrt(0.4) * shared + np.sqrt(0.6) * rng.standard_normal(n)
        columns.append(correlation * human + np.sqrt(1 - correlation**2) * error)
    names = np.array(RATING.labels)
    first, second, third = (names[np.searchsorted(CUTS, column)].tolist() for column in columns)
    return first, second, third


def p_values(human: list[str], first: list[str], second: list[str], seed: int) -> dict[str, float]:
    """Every paired test on one sample."""
    figures = statistics.statistics_of(RATING)
    found = {"McNemar, exact: accuracy": statistics.mcnemar(human, first, second).p}
    for name in ("accuracy", "macro_f1", "cohens_kappa", "quadratic_kappa", "spearman"):
        one, other, third = (figures[name].columns(labels, RATING) for labels in (human, first, second))
        difference = statistics.paired_difference(one, other, third, figures[name].figure, seed=seed)
        found[f"permutation: {name}"] = difference.p
    values = [figures["pearson"].columns(labels, RATING) for labels in (human, first, second)]
    kinds: tuple[Kind, ...] = get_args(Kind)
    named_tests: tuple[Test, ...] = ("williams", "steiger")  # that by permutation is above
    for kind, test in product(kinds, named_tests):
        found[f"{test.capitalize()}: {kind}"] = statistics.correlation_difference(*values, kind=kind, test=test).p
    return found


def tests(replications: int, seed: int) -> list[str]:
    """The table of paired tests."""
    lines = [
        "| test | "
        + " | ".join(f"false alarms, n = {n}" for n in SIZES)
        + " | "
        + " | ".join(f"power, n = {n}" for n in SIZES)
        + " |",
        "|---|" + "---:|" * 2 * len(SIZES),
    ]
    seen: defaultdict[str, list[float]] = defaultdict(list)
    for better, n in product((False, True), SIZES):
        rng = np.random.default_rng([seed, n, better])
        alarms: defaultdict[str, int] = defaultdict(int)
        for replication in range(replications):
            for name, p in p_values(*judges(n, better, rng), seed=replication).items():
                alarms[name] += p < 0.05
        for name, count in alarms.items():
            seen[name].append(count / replications)
    lines += [f"| {name} | " + " | ".join(f"{share:.1%}" for share in shares) + " |" for name, shares in seen.items()]
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="a folder of real_populations, of which only intervals are made")
    options = parser.parse_args()
    if options.data is not None:
        print("\n".join(coverage(options.replications, options.seed, list(populations(options.data)))))
        return
    parts: tuple[tuple[str, Callable[[int, int], list[str]]], ...] = (("Intervals", coverage), ("Paired tests", tests))
    for title, part in parts:
        began = time.monotonic()
        lines = part(options.replications, options.seed)
        print(f"{title}: {options.replications} replications, {time.monotonic() - began:.0f} s\n", flush=True)
        print("\n".join(lines), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
