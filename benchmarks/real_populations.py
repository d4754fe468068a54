"""Populations of real raters and judges, for `interval_coverage`: the public data of a folder, drawn with replacement.

Nothing of the data is in the project: ``--data`` names a folder with ``viescore`` (Ku et al., 2024, MIT; ratings of
ImagenHub) and ``nlvr`` (Suhr et al., 2017, CC BY 4.0).
"""

import csv
import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import Named

THIRDS = LabelScale("ordinal", ("0", "0.5", "1"))
TRUE = LabelScale("unordered", ("false", "true"))

Row = tuple[str, str, str]
"""Cluster, people's label, the judge's label."""


@dataclass(frozen=True)
class Recorded:
    """All rows are the population; whole clusters, or single rows, are drawn from them.

    Attributes:
        name: In the table.
        scale: Of the labels.
        rows: What was recorded.
        figures: What is measured.
        clustered: Whether clusters are drawn.
    """

    name: str
    scale: LabelScale
    rows: Sequence[Row]
    figures: Sequence[str]
    clustered: bool

    def draw(self, n: int, rng: np.random.Generator) -> tuple[list[str], list[str], list[int] | None]:
        """Human labels, judge labels and clusters of n samples or a little more."""
        if not self.clustered:
            chosen = [self.rows[place] for place in rng.integers(len(self.rows), size=n)]
            return [row[1] for row in chosen], [row[2] for row in chosen], None
        of: defaultdict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            of[row[0]].append(row)
        names = sorted(of)
        drawn: list[tuple[int, Row]] = []
        while len(drawn) < n:
            number = len(drawn)
            drawn += [(number, row) for row in of[names[rng.integers(len(names))]]]
        return [row[1] for _, row in drawn], [row[2] for _, row in drawn], [number for number, _ in drawn]

    def truth(self, named: Named) -> float:
        """A figure on the whole population."""
        return named.figure(*(named.columns([row[place] for row in self.rows], self.scale) for place in (1, 2)))


def populations(data: Path) -> Iterator[Recorded]:
    """Those of a folder, each with single samples and with clusters."""
    labels, ratings = ("accuracy", "macro_f1", "cohens_kappa"), ("quadratic_kappa", "spearman", "mae")
    rated = list(_viescore(data / "viescore"))
    read = list(_nlvr(data / "nlvr"))
    for clustered in (False, True):
        kind = ", clusters" if clustered else ""
        yield Recorded(f"VIEScore: GPT-4o and people{kind}", THIRDS, rated, (*labels, *ratings), clustered)
        yield Recorded(f"NLVR: one person and others{kind}", TRUE, read, labels, clustered)


def _viescore(folder: Path) -> Iterator[Row]:
    """Semantic consistency of text to image: the median of three raters, and GPT-4o's smallest score, in thirds."""
    people: dict[tuple[str, str], str] = {}
    with (folder / "humans.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["task"] == "Text-Guided_IG":
                said = median(json.loads(row[f"rater{k}"])[0] for k in (1, 2, 3))
                people[row["generator"], row["uid"]] = f"{said:g}"
    with gzip.open(folder / "judgements.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            key = row["generator"], row["uid"]
            if (row["judge"], row["kind"]) != ("gpt4o_0shot", "SC") or key not in people:
                continue
            if scores := [float(one) for one in re.findall(r"\d+(?:\.\d+)?", row["score"])]:
                yield row["uid"], people[key], f"{round(min(scores) / 5) / 2:g}"


def _nlvr(folder: Path) -> Iterator[Row]:
    """The first rater by name, and the majority of the others; ties are left out."""
    with (folder / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            said = {name: label for name, label in json.loads(row["raters"]).items() if label in TRUE.labels}
            first, *others = [said[name] for name in sorted(said)]
            counts = Counter(others).most_common()
            if counts and (len(counts) == 1 or counts[0][1] > counts[1][1]):
                yield row["group"], counts[0][0], first
