"""Rows of a published benchmark → the records of one split, of which only those that are drawn are fetched.

Rows are known before their images are. So the draw goes by what the rows say, fetches the images of as many as it
needs, and replaces those that cannot be used by the next ones in the same order. What is true of every draw:

- Which split a group of rows lies in depends on its name alone; the seed only decides which rows are drawn.
- No image and no group is in two splits. Splits are drawn in the order test, validation, train, each without the images
  (by name, and by bytes as the judge sees them) and the groups of those before.
- The same arguments give the same records, on every machine, whatever was fetched before.
"""

import hashlib
import mimetypes
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any, get_args

from blpo_inspect._util.images import ImageError, data_uri
from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub.partial_files import Unusable
from blpo_inspect.data.shown_once import shown_once
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.samples import Record

ORDER: tuple[Split, ...] = ("test", "validation", "train")
"""A split leaves out what the ones before it have; so the test images depend on nothing else."""

SHARES: tuple[Split, ...] = ("test", "train", "test", "train", "validation")
"""How `assign_splits` goes round: two fifths each for test and train, one for validation."""

MAX_NAMED = 20
"""Rows that cannot be used which the task's metadata name; all are counted."""


@dataclass(frozen=True)
class BenchmarkRow:
    """A labelled row whose image has not been fetched.

    Attributes:
        id: The sample's id; unique in the benchmark.
        where: File and row, for messages.
        image: What the image is called where it comes from.
        label: On the scale.
        stratum: What the draw balances.
        text: What the image is judged against.
        category: Its kind.
        group: Rows of one group never fall into different splits.
        raters: Each rater's own label, where known.
        extra: What else the sample's metadata should hold.
    """

    id: str
    where: str
    image: str
    label: str
    stratum: str
    text: str | None = None
    category: str | None = None
    group: str | None = None
    raters: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A row that cannot be used, and why."""

    where: str
    reason: str


@dataclass(frozen=True)
class Pool:
    """The rows of one split."""

    candidates: Sequence[BenchmarkRow]
    skipped: Sequence[Skipped] = ()


@dataclass(frozen=True)
class Drawn:
    """The records of a split.

    Attributes:
        records: In an order that mixes the strata.
        skipped: Rows that could not be used.
        left_out: How many rows were no candidates because their image or group is in another split.
        short: Strata with fewer records than wanted, and how many they have.
    """

    records: tuple[Record, ...]
    skipped: tuple[Skipped, ...]
    left_out: int
    short: Mapping[str, int]

    def metadata(self) -> dict[str, Any]:
        """For the task's metadata."""
        named = [f"{row.where}: {row.reason}" for row in self.skipped[:MAX_NAMED]]
        return {
            "skipped_rows": {"count": len(self.skipped), "rows": named},
            "rows_of_other_splits": self.left_out,
            "short_strata": dict(self.short),
        }

    def report(self, name: str) -> None:
        """Print to standard error what was drawn and what could not be used."""
        counts = Counter(record.label for record in self.records)
        labels = ", ".join(f"{label}: {count}" for label, count in sorted(counts.items()))
        lines = [f"{name}: {len(self.records)} images ({labels})"]
        if self.short:
            short = ", ".join(f"{stratum}: {count}" for stratum, count in self.short.items())
            lines.append(f"  fewer than wanted of: {short}")
        if self.left_out:
            lines.append(f"  {self.left_out} rows left out: their image or group is in another split")
        if self.skipped:
            lines.append(f"  {len(self.skipped)} rows cannot be used and were replaced where possible:")
            lines += [f"    {row.where}: {row.reason}" for row in self.skipped[:5]]
            if len(self.skipped) > 5:
                lines.append(f"    … and {len(self.skipped) - 5} more (see the log's task metadata)")
        print("\n".join(lines), file=sys.stderr)


Fetch = Callable[[Sequence[BenchmarkRow]], Sequence[Path | Unusable]]
"""Brings the images of candidates, in their order."""


def assign_splits(
    candidates: Iterable[BenchmarkRow], splits: Sequence[Split] = SHARES
) -> dict[Split, list[BenchmarkRow]]:
    """Divide rows among splits by going round, whole groups at a time; rows without a group within each stratum."""
    hands: dict[tuple[str, str], list[BenchmarkRow]] = {}
    for candidate in candidates:
        key = ("", candidate.group) if candidate.group is not None else (candidate.stratum, candidate.id)
        hands.setdefault(key, []).append(candidate)
    dealt: dict[Split, list[BenchmarkRow]] = {split: [] for split in splits}
    order = sorted(hands, key=lambda key: (key[0], chance("deal", key[1])))
    for key, split in zip(order, cycle(splits), strict=False):
        dealt[split] += hands[key]
    return dealt


def quotas(strata: Iterable[str], limit_per_class: int, full: bool) -> dict[str, int] | None:
    """The same number of each stratum, or None for all rows.

    Raises:
        PrerequisiteError: A limit below 1.
    """
    if limit_per_class < 1:
        raise PrerequisiteError(f"limit_per_class={limit_per_class}: at least 1, or full=true for all images")
    return None if full else dict.fromkeys(strata, limit_per_class)


def draw(
    pool: Callable[[Split], Pool],
    fetch: Fetch,
    *,
    split: Split,
    per_stratum: Mapping[str, int] | None,
    seed: int,
) -> Drawn:
    """The records of a split.

    Args:
        pool: The rows of a split; asked for this split and those before it in `ORDER`.
        fetch: How to get images.
        split: Which one.
        per_stratum: How many of each stratum; None for all there are.
        seed: Another seed, other records.

    Raises:
        PrerequisiteError: No such split, or nothing in it that can be used.
    """
    if split not in get_args(Split):
        raise PrerequisiteError(f"split={split}: one of {', '.join(get_args(Split))}")
    images: set[str] = set()
    groups: set[str] = set()
    digests: set[str] = set()
    for current in ORDER:
        own = pool(current)
        free = [row for row in own.candidates if row.image not in images and row.group not in groups]
        records, skipped = _fill(free, fetch, per_stratum, seed, digests)
        if current == split:
            break
        images |= {row.image for row in own.candidates}
        groups |= {row.group for row in own.candidates if row.group is not None}
    if not records:
        reasons = "".join(f"; {row.where}: {row.reason}" for row in (*skipped, *own.skipped)[:3])
        elsewhere = f"{len(own.candidates) - len(free)} of {len(own.candidates)}"
        raise PrerequisiteError(
            f"split={split}: no image can be used. {elsewhere} rows have their image or group in another split{reasons}"
        )
    stratum = {row.id: row.stratum for row in free}
    have = Counter(stratum[record.id] for record in records)
    short = {name: have[name] for name, wanted in sorted((per_stratum or {}).items()) if have[name] < wanted}
    return Drawn(
        tuple(sorted(records, key=lambda record: chance(seed, record.id))),
        (*own.skipped, *skipped),
        len(own.candidates) - len(free),
        short,
    )


def _fill(
    rows: Sequence[BenchmarkRow],
    fetch: Fetch,
    per_stratum: Mapping[str, int] | None,
    seed: int,
    digests: set[str],
) -> tuple[list[Record], list[Skipped]]:
    """Records up to the numbers wanted; their images' digests are added to those taken."""
    queues: dict[str, list[BenchmarkRow]] = {}
    for row in sorted(rows, key=lambda row: chance(seed, row.id)):
        queues.setdefault(row.stratum, []).append(row)
    missing = {name: len(queues[name]) if per_stratum is None else per_stratum.get(name, 0) for name in sorted(queues)}
    records: list[Record] = []
    skipped: list[Skipped] = []
    shown: set[tuple[str, str | None]] = set()
    ids: set[str] = set()
    own: set[str] = set()
    while True:
        batch = [row for name, count in missing.items() for row in queues[name][:count]]
        if not batch:
            break
        for name, count in missing.items():
            queues[name] = queues[name][count:]
        with ThreadPoolExecutor() as pool:
            seen = list(pool.map(_see, batch, fetch(batch)))
        for row, outcome in zip(batch, seen, strict=True):
            if isinstance(outcome, Skipped):
                skipped.append(outcome)
                continue
            digest, image = outcome
            if digest in digests:
                skipped.append(Skipped(row.where, "another split has the same image"))
            elif (digest, row.text) in shown or row.id in ids:
                skipped.append(Skipped(row.where, "another row has the same image and text, or the same name"))
            else:
                shown.add((digest, row.text))
                ids.add(row.id)
                own.add(digest)
                missing[row.stratum] -= 1
                records.append(
                    Record(row.id, image, row.label, row.text, row.raters, row.category, row.group, row.extra)
                )
    digests |= own
    return records, skipped


def _see(row: BenchmarkRow, fetched: Path | Unusable) -> tuple[str, str] | Skipped:
    """The image's digest and how the sample refers to it."""
    if isinstance(fetched, Unusable):
        return Skipped(row.where, fetched.reason)
    try:
        data = fetched.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        seen = shown_once(data, digest, name=row.image)
    except (ImageError, OSError) as error:
        return Skipped(row.where, str(error))
    # Inspect goes by the file's ending, where there is one, even if it is wrong
    named = mimetypes.guess_type(fetched.name, strict=False)[0] if fetched.suffix else seen.media_type
    if seen.data is not data:
        digest = hashlib.sha256(seen.data).hexdigest()
    as_it_is = seen.data is data and named == seen.media_type
    return digest, str(fetched) if as_it_is else data_uri(seen.data, seen.media_type)


def chance(seed: object, name: str) -> bytes:
    """What to sort names by for an order that is random, but always the same."""
    return hashlib.sha256(f"{seed}/{name}".encode("utf-8", "surrogatepass")).digest()
