"""How often the intervals of ``blpo estimate`` hold the true figure, and how wide they are beside labels alone.

Pictures are drawn from populations whose true figure is known: n labelled and N others with a verdict only. Prints a
Markdown table; coverage in per cent, mean width in brackets.

    python benchmarks/estimate_coverage.py --replications 1000
"""

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blpo_inspect.statistics.interval import Interval
from blpo_inspect.statistics.prediction_powered import Labelled, Unlabelled, prediction_powered
from blpo_inspect.statistics.rogan_gladen import Errors, Share, rogan_gladen

Floats = NDArray[np.float64]

SIZES = (50, 110, 200)
METHODS = ("PPI++", "labels only", "Rogan–Gladen")


@dataclass(frozen=True)
class Population:
    """Pictures of which people's label and the judge's are drawn together.

    Attributes:
        name: In the table.
        cells: Human × judge, with sum 1.
        values: What a label counts, rows and columns alike.
        cluster: Pictures per cluster; those of one cluster are the same with probability `alike`.
        strata: Shares of two strata, half of the labels each; the first has all pictures of the last label.
    """

    name: str
    cells: Floats
    values: tuple[float, ...] = (0.0, 1.0)
    cluster: int = 1
    alike: float = 0.4
    strata: tuple[float, float] | None = None

    @property
    def share(self) -> bool:
        """Whether it is of a share."""
        return self.values == (0.0, 1.0)

    @property
    def truth(self) -> float:
        """The true figure."""
        return float(self.cells.sum(1) @ np.array(self.values))

    def draw(self, n: int, rng: np.random.Generator, cells: Floats | None = None) -> tuple[Floats, Floats]:
        """People's and the judge's values of n pictures."""
        flat = (self.cells if cells is None else cells).ravel()
        drawn = rng.choice(len(flat), size=n, p=flat)
        if self.cluster > 1:
            common = np.repeat(rng.choice(len(flat), size=-(-n // self.cluster), p=flat), self.cluster)[:n]
            drawn = np.where(rng.random(n) < self.alike, common, drawn)
        human, judge = np.unravel_index(drawn, self.cells.shape)
        values = np.array(self.values)
        return values[human], values[judge]


def binary(share: float, sensitivity: float, specificity: float) -> Floats:
    """Cells of a share, with the judge's errors."""
    return np.array(
        [[(1 - share) * specificity, (1 - share) * (1 - specificity)], [share * (1 - sensitivity), share * sensitivity]]
    )


def rated(exact: float, even: float = 0.2) -> Floats:
    """Ratings 1 to 5: exact, one step off, or anything."""
    human = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    near = np.array([[float(abs(i - j) == 1) for j in range(5)] for i in range(5)])
    near /= near.sum(1, keepdims=True)
    off = (1 - even) * near + even * np.full((5, 5), 0.2)
    return np.asarray(human[:, None] * (exact * np.eye(5) + (1 - exact) * off))


def nearly_all(low: float) -> Floats:
    """Ratings of which nearly all are 5, and as many 1 as 4; the judge misses a fifth of these."""
    cells = np.zeros((5, 5))
    for place in (0, 3):
        cells[place, place], cells[place, 4] = 0.8 * low, 0.2 * low
    cells[4, 4], cells[4, 3] = 0.98 * (1 - 2 * low), 0.02 * (1 - 2 * low)
    return cells


STARS = (1.0, 2.0, 3.0, 4.0, 5.0)
POPULATIONS = (
    Population("30 %, good judge", binary(0.3, 0.85, 0.9)),
    Population("30 %, useless judge", binary(0.3, 0.5, 0.5)),
    Population("30 %, perfect judge", binary(0.3, 1.0, 1.0)),
    Population("5 %, good judge", binary(0.05, 0.8, 0.97)),
    Population("2 %, good judge", binary(0.02, 0.8, 0.98)),
    Population("2 %, misses half", binary(0.02, 0.5, 0.995)),
    Population("2 %, many alarms", binary(0.02, 0.9, 0.8)),
    Population("30 %, clusters of 5", binary(0.3, 0.85, 0.9), cluster=5),
    Population("5 %, clusters of 5", binary(0.05, 0.8, 0.97), cluster=5),
    Population("5 %, clusters of 5 all alike", binary(0.05, 0.8, 0.97), cluster=5, alike=1.0),
    Population("ratings", rated(0.45), STARS),
    Population("ratings, mostly exact", rated(0.92, 1.0), STARS),
    Population("ratings, 96 % are 5", nearly_all(0.02), STARS),
    Population("ratings, clusters of 5", rated(0.45), STARS, cluster=5),
    Population("5 %, strata 20 : 80", binary(0.05, 0.8, 0.97), strata=(0.2, 0.8)),
)


def stratum(population: Population, share: float, first: bool) -> Floats:
    """The cells within one of the strata."""
    cells = population.cells.copy()
    kept = share - cells[1].sum() if first else share
    cells[0] *= kept / cells[0].sum()
    cells[1] *= 1.0 if first else 0.0
    return np.asarray(cells / cells.sum())


def intervals(population: Population, n: int, others: int, rng: np.random.Generator) -> Sequence[Interval | None]:
    """What each of `METHODS` says of one sample."""
    ends = min(population.values), max(population.values)
    clusters = rest_clusters = None
    if population.cluster > 1:
        clusters = (np.arange(n) // population.cluster).tolist()
        rest_clusters = [f"u{k // population.cluster}" for k in range(others)]
    if population.strata:
        labelled, unlabelled = [], []
        for place, share in enumerate(population.strata):
            cells = stratum(population, share, place == 0)
            human, judge = population.draw(n // 2, rng, cells)
            rest = population.draw(round(others * share), rng, cells)[1]
            labelled.append(Labelled(judge.tolist(), weight=share, human=human.tolist()))
            unlabelled.append(Unlabelled(rest.tolist(), weight=share))
    else:
        human, judge = population.draw(n, rng)
        rest = population.draw(others, rng)[1]
        labelled = [Labelled(judge.tolist(), clusters, human=human.tolist())]
        unlabelled = [Unlabelled(rest.tolist(), rest_clusters)]
    found: list[Interval | None] = [
        prediction_powered(labelled, unlabelled, ends=ends, share=population.share, weight=weight)
        for weight in (None, 0.0)
    ]
    if not population.share or population.strata:
        return [*found, None]
    said = Share.of((rest > 0).tolist(), rest_clusters)
    return [*found, rogan_gladen(said, Errors.of((human > 0).tolist(), (judge > 0).tolist(), clusters))]


def table(replications: int, others: int, seed: int) -> list[str]:
    """Coverage and width, a row for each population and n."""
    lines = [f"| population | true value | n | {' | '.join(METHODS)} |", "|---|---:|---:|---:|---:|---:|"]
    for population in POPULATIONS:
        for n in SIZES:
            rng = np.random.default_rng([seed, n])
            held: list[list[tuple[bool, float]]] = [[] for _ in METHODS]
            for _ in range(replications):
                for seen, one in zip(held, intervals(population, n, others, rng), strict=True):
                    if one is not None and not math.isnan(one.low):
                        seen.append((one.low - 1e-12 <= population.truth <= one.high + 1e-12, one.high - one.low))
            cells = []
            for seen in held:
                shares = np.array(seen, dtype=float)
                given = len(seen) / replications
                few = f", given {given:.0%}" if 0 < given < 1 else ""
                cells.append(f"{shares[:, 0].mean():.1%} ({shares[:, 1].mean():.3f}{few})" if seen else "–")
            lines.append(f"| {population.name} | {population.truth:.3f} | {n} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--others", type=int, default=2000, help="Pictures with a verdict only.")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    lines = table(options.replications, options.others, options.seed)
    print(f"{options.replications} replications, {options.others} verdicts, {time.monotonic() - began:.0f} s\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
