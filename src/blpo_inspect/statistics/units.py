"""What a bootstrap draws: samples, or clusters of them, and how draws weigh the rows of values."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blpo_inspect.statistics.interval import Statistic

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

AT_ONCE = 2_000_000
"""Weights that are held in memory at a time."""


@dataclass(frozen=True)
class Units:
    """What is drawn: samples or clusters of them, equal ones counted.

    Attributes:
        rows: Distinct rows of values, sorted; the first value is people's.
        kinds: Distinct units, each as how much of each row it holds: (row, weight) pairs.
        times: How often each kind occurs.
        n: Number of samples.
    """

    rows: Sequence[tuple[Any, ...]]
    kinds: Sequence[tuple[tuple[int, float], ...]]
    times: Sequence[int]
    n: int

    @classmethod
    def of(
        cls,
        rows: Sequence[tuple[Any, ...]],
        clusters: Sequence[Hashable] | None = None,
        weights: Sequence[float] | None = None,
    ) -> "Units":
        """Rows of values and the cluster of each, as units.

        Raises:
            ValueError: Lengths differ.
        """
        distinct = sorted(set(rows))
        if clusters is None and weights is None:
            counts = Counter(rows)
            return cls(
                distinct, [((k, 1),) for k in range(len(distinct))], [counts[row] for row in distinct], len(rows)
            )
        place = {row: k for k, row in enumerate(distinct)}
        held: defaultdict[Hashable, dict[int, float]] = defaultdict(dict)
        for row, cluster, weight in zip(
            rows,
            range(len(rows)) if clusters is None else clusters,
            [1] * len(rows) if weights is None else weights,
            strict=True,
        ):
            unit = held[cluster]
            unit[place[row]] = unit.get(place[row], 0) + weight
        kinds = Counter(tuple(sorted(unit.items())) for unit in held.values())
        ordered = sorted(kinds)
        return cls(distinct, ordered, [kinds[kind] for kind in ordered], len(rows))

    def statistic_values(self, figure: Statistic, weights: "Floats", *, judge: int = 1) -> "Floats":
        """The figure of each resample (resamples × rows), between people and the column `judge`."""
        from blpo_inspect.statistics import vectorized

        return vectorized.statistic_values(
            figure, [row[0] for row in self.rows], [row[judge] for row in self.rows], weights
        )

    def weights(self, drawn: "Floats") -> "Floats":
        """The weight of each row where each kind of unit was drawn so often (resamples × kinds)."""
        import numpy as np

        if all(kind == ((k, 1),) for k, kind in enumerate(self.kinds)):
            return drawn
        held = np.zeros((len(self.kinds), len(self.rows)))
        for k, kind in enumerate(self.kinds):
            for row, weight in kind:
                held[k, row] = weight
        return drawn @ held

    @property
    def whole(self) -> "Floats":
        """The weight of each row where every unit is there as it is (1 × rows)."""
        import numpy as np

        return self.weights(np.array([self.times], dtype=float))

    def draws(self, seed: int, resamples: int) -> "Iterator[Floats]":
        """Resamples with replacement, as weights of rows, in batches that fit into memory.

        Drawing units and counting equal ones is drawing the counts from a multinomial distribution, which takes no
        longer for more units.
        """
        import numpy as np

        total = sum(self.times)
        shares = np.array(self.times) / total
        rng = np.random.default_rng(seed)
        batch = max(1, AT_ONCE // max(len(self.kinds), len(self.rows)))
        for start in range(0, resamples, batch):
            yield self.weights(rng.multinomial(total, shares, size=min(batch, resamples - start)).astype(float))

    def left_out(self) -> "Floats":
        """The weight of each row where one unit of each kind is left out (kinds × rows)."""
        import numpy as np

        times = np.array(self.times, dtype=float)
        return self.weights(times[None, :] - np.eye(len(times)))


def smoothed_draws(
    units: Units, pseudo: Sequence[tuple[tuple[Any, ...], float]], seed: int, resamples: int
) -> "Iterator[tuple[Units, Floats]]":
    """Resamples of as many units as there are, from these and pseudo units of their mean size: units, weights of rows.

    Args:
        units: What there is.
        pseudo: The row of each pseudo unit, and how many of it there are, which may be a part of one.
        seed: Of the resampling.
        resamples: How many.
    """
    import numpy as np

    rows = sorted({*units.rows, *(row for row, _ in pseudo)})
    place = {row: k for k, row in enumerate(rows)}
    count = sum(units.times)
    size = units.n / count
    kinds = [tuple((place[units.rows[k]], weight) for k, weight in kind) for kind in units.kinds]
    kinds += [((place[row], size),) for row, _ in pseudo]
    shares = np.array([*units.times, *(share for _, share in pseudo)], dtype=float)
    pool = Units(rows, kinds, [1] * len(kinds), units.n)
    rng = np.random.default_rng(seed)
    batch = max(1, AT_ONCE // max(len(kinds), len(rows)))
    for start in range(0, resamples, batch):
        drawn = rng.multinomial(count, shares / shares.sum(), size=min(batch, resamples - start))
        yield pool, pool.weights(drawn.astype(float))
