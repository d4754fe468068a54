"""Records → train, validation and test, such that what is measured on one holds for images that are new to it.

Two records that share an image, byte for byte, or belong to one group always fall into one split, and so does
everything that hangs together by a chain of such pairs: a component. Which split a component gets depends on the seed
and the records, never on their order. Does not look at what images show: a resized copy is another image.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isclose
from types import MappingProxyType
from typing import Literal, get_args

from blpo_inspect._util.image_digest import image_digest
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
SHARES: Mapping[Split, float] = MappingProxyType({"train": 0.4, "validation": 0.2, "test": 0.4})

BINS = 5
"""Strata of a numeric scale: fifths of the records by value."""

UNLABELLED = "without a label"
"""The stratum of records that nobody labelled."""


def split_records(
    records: Sequence[Record],
    scale: LabelScale,
    *,
    seed: int,
    shares: Mapping[Split, float] = SHARES,
    stratum: Callable[[Record], str] | None = None,
) -> dict[Split, list[Record]]:
    """Every record in exactly one split, with about the same mix of strata in each.

    Components go one by one, the largest first and equal ones in random order, to a split with room for them in each
    stratum, else to any: the one that lacks most of such records, of their strata and of all. Sizes are exact to a
    record or two as long as most components are small; a stratum with fewer components than there are splits is missing
    in some. scikit-learn's StratifiedGroupKFold makes equal folds only, and none where a class has fewer records than
    folds.

    Args:
        records: With ids that occur once.
        scale: Their labels; decides the strata where `stratum` is not given: labels, or `BINS` quantile bins.
        seed: Another seed, another division.
        shares: The splits wanted and their shares: positive, 1 in sum.
        stratum: What should be spread evenly instead of labels, such as category and label.

    Returns:
        The splits of `shares`, none of them empty, each in an order that is random but always the same.

    Raises:
        ValueError: Fewer components than splits, ids that occur twice, or impossible shares.
        OSError: An image file that cannot be read.
    """
    _check(shares)
    keyed = _by_id(records)
    of_record = stratum or label_stratum(records, scale)
    components = _components(list(keyed.values()))
    if len(components) < len(shares):
        together = f" in {len(components)} groups that share no image" if len(components) < len(records) else ""
        raise ValueError(
            f"{len(records)} records{together} are too few for {len(shares)} splits; add more, or judge all of them"
        )
    strata = {identity: of_record(record) for identity, record in keyed.items()}
    tally = _Tally(Counter(strata.values()), shares)
    ordered = sorted(components, key=lambda names: (-len(names), _chance(seed, names[0])))
    placed: dict[Split, list[Record]] = {split: [] for split in shares}
    for number, names in enumerate(ordered):
        counts = Counter(strata[name] for name in names)
        roomy = [split for split in shares if tally.holds(split, counts)]
        empty = [split for split in shares if not placed[split]]
        last = len(ordered) - number <= len(empty)
        chosen = min(
            empty if last else roomy or shares,
            key=lambda split: (-tally.lack(split, counts), _chance(seed, f"{split}/{names[0]}")),
        )
        tally.add(chosen, counts)
        placed[chosen] += [keyed[name] for name in names]
    return {split: _shuffled(records, seed) for split, records in placed.items()}


def balanced(
    records: Sequence[Record], per_stratum: int, *, seed: int, stratum: Callable[[Record], str]
) -> list[Record]:
    """The same number of records of each stratum, drawn by chance; of a stratum with fewer (see `short`), all.

    The draw does not depend on the order of the records, and a smaller one is part of a larger one.

    Raises:
        ValueError: `per_stratum` below 1, or ids that occur twice.
    """
    if per_stratum < 1:
        raise ValueError(f"at least one of each, not {per_stratum}")
    taken: Counter[str] = Counter()
    drawn = []
    for record in _shuffled(list(_by_id(records).values()), seed):
        name = stratum(record)
        if taken[name] < per_stratum:
            taken[name] += 1
            drawn.append(record)
    return drawn


def short(records: Iterable[Record], per_stratum: int, *, stratum: Callable[[Record], str]) -> dict[str, int]:
    """The strata of which `balanced` cannot draw as many as wanted, and how many there are, by name."""
    counts = Counter(stratum(record) for record in records)
    return {name: count for name, count in sorted(counts.items()) if count < per_stratum}


def label_stratum(records: Sequence[Record], scale: LabelScale) -> Callable[[Record], str]:
    """What is spread evenly by default: a record's label; on a numeric scale its quantile bin among these records."""
    if scale.kind != "numeric":
        return lambda record: UNLABELLED if record.label is None else record.label
    values = sorted(scale.value(record.label) for record in records if record.label is not None)
    edges = [values[len(values) * k // BINS] for k in range(1, BINS)] if values else []
    return lambda record: UNLABELLED if record.label is None else str(bisect_right(edges, scale.value(record.label)))


class _Tally:
    """How far each split is from its share, in records: of each stratum, and of all."""

    def __init__(self, counts: Counter[str], shares: Mapping[Split, float]) -> None:
        self._left = {split: {name: shares[split] * n for name, n in counts.items()} for split in shares}
        self._left_of_all = {split: shares[split] * counts.total() for split in shares}

    def holds(self, split: Split, counts: Counter[str]) -> bool:
        """Whether the records fit without exceeding the split's share of any of their strata."""
        return all(count <= self._left[split][name] + 1e-9 for name, count in counts.items())

    def lack(self, split: Split, counts: Counter[str]) -> float:
        """How much the split lacks records such as these; choosing the largest lack keeps squared deviations least."""
        of_strata = sum(count * self._left[split][name] for name, count in counts.items())
        return round(of_strata + counts.total() * self._left_of_all[split], 6)  # so that ties are ties

    def add(self, split: Split, counts: Counter[str]) -> None:
        """Count the records in."""
        for name, count in counts.items():
            self._left[split][name] -= count
        self._left_of_all[split] -= counts.total()


def _check(shares: Mapping[Split, float]) -> None:
    unknown = set(shares) - set(SPLITS)
    if unknown or not shares:
        raise ValueError(f"splits are {', '.join(SPLITS)}, not {', '.join(sorted(map(str, unknown))) or 'none'}")
    if not all(share > 0 for share in shares.values()) or not isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise ValueError(f"shares must be positive and 1 in sum, not {dict(shares)}; leave out a split that is not")


def _by_id(records: Sequence[Record]) -> dict[str, Record]:
    """The records by id, in the order of ids."""
    keyed = {record.id: record for record in sorted(records, key=lambda record: record.id)}
    if len(keyed) < len(records):
        counts = Counter(record.id for record in records)
        twice = sorted(name for name, count in counts.items() if count > 1)
        raise ValueError(f"ids that occur more than once: {', '.join(twice[:5])}")
    return keyed


def _components(records: Sequence[Record]) -> list[list[str]]:
    """Ids of records that hang together by image bytes or group, each component in the order of `records`."""
    parent: dict[str, str] = {}

    def root(node: str) -> str:
        while parent.setdefault(node, node) != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for record in records:
        own = root(f"record {record.id}")
        for image in record.images:
            parent[root(f"image {image_digest(image)}")] = own
        if record.group is not None:
            parent[root(f"group {record.group}")] = own
    groups: dict[str, list[str]] = {}
    for record in records:
        groups.setdefault(root(f"record {record.id}"), []).append(record.id)
    return list(groups.values())


def _shuffled(records: Sequence[Record], seed: int) -> list[Record]:
    return sorted(records, key=lambda record: _chance(seed, record.id))


def _chance(seed: int, name: str) -> bytes:
    """A random place in an order, the same on every machine."""
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
