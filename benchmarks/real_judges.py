"""Real judges and real raters: VIEScore's recorded judgements (Ku et al., 2024, MIT) against ImagenHub's raters.

Makes logs of the raw table with what ``blpo import`` is made of, and prints tables of what reports, juries and
estimates say of one task: agreement, unparsed replies, maps, tests, juries, labels saved, the alternative annotator
test. Nothing of the data is in the project: ``--data`` names a folder with ``humans.csv`` and ``judgements.csv.gz``.

    python benchmarks/real_judges.py --data ../shared/data/viescore
"""

import argparse
import csv
import gzip
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from blpo_inspect import statistics
from blpo_inspect.data.tables.table_row import TableRow
from blpo_inspect.importing.judgements import judgements
from blpo_inspect.importing.logs import log_of, write
from blpo_inspect.importing.rule import Rule, ScoreRule
from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.reporting.comparison import Group, clusters, compared
from blpo_inspect.reporting.formatting import interval, number
from blpo_inspect.reporting.jury import jury_of
from blpo_inspect.reporting.run_data import gather
from blpo_inspect.statistics.label_map import Judged, fitted_map
from blpo_inspect.statistics.prediction_powered import Labelled, Unlabelled, prediction_powered

SCALE = Rule(scale="numeric:0:1", score=ScoreRule(low=0.0, high=10.0))
GUESSED = "guess_if_cannot_parse"
TASKS = (
    "Text-Guided_IG",
    "Text-Guided_IE",
    "Mask-Guided_IE",
    "Subject-Driven_IG",
    "Subject-Driven_IE",
    "Multi-Concept_IC",
    "Control-Guided_IG",
)
LABELS = 100
"""Labels of people in the estimate of the mean."""
DRAWS = 200


@dataclass(frozen=True)
class Study:
    """The judges of one task and kind of rating.

    Attributes:
        group: Runs that may be compared.
        guessed: Judge → share of replies that could not be parsed, for which the original evaluation guessed.
        strict: The same runs without these guesses: unread.
    """

    group: Group
    guessed: dict[str, float]
    strict: Group


def study(data: Path, task: str, kind: str, folder: Path) -> Study:
    """Make the logs of a task and read them."""
    rows = list(rows_of(data, task, kind))
    guessed: defaultdict[str, list[bool]] = defaultdict(list)
    for row in rows:
        guessed[str(row["judge"])].append(bool(row["guessed"]))
    groups = []
    for strict in (False, True):
        files = make_logs(rows, task, folder / f"{kind}-{strict}", strict=strict)
        gathered = gather([str(file) for file in files])
        groups.append(max(compared(gathered)[0], key=lambda group: len(group.rows)))
    return Study(groups[0], {judge: fmean(flags) for judge, flags in guessed.items()}, groups[1])


def make_logs(rows: Sequence[Mapping[str, object]], task: str, folder: Path, *, strict: bool) -> list[Path]:
    """The logs of all judges; strict: without the guesses."""
    table = [{**row, "score": ""} if strict and row["guessed"] else row for row in rows]
    named = (TableRow(f"row {place}", str(row["item"]), row) for place, row in enumerate(table))
    scale = SCALE.of_scale()
    found = judgements(named, SCALE, scale, None, task)
    if found.faults:
        raise ValueError(f"{len(found.faults)} rows cannot be used, such as {found.faults[0]}")
    logs = (
        log_of(judge, list(items.values()), scale, benchmark=task, created="2024-01-01T00:00:00+00:00", facts={})
        for judge, items in sorted(found.by_judge.items())
    )
    return write(logs, folder)


def rows_of(data: Path, task: str, kind: str) -> Iterator[dict[str, object]]:
    place = 0 if kind == "SC" else 1
    people: dict[tuple[str, str], list[float]] = {}
    with (data / "humans.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["task"] == task:
                people[row["generator"], row["uid"]] = [json.loads(row[f"rater{k}"])[place] for k in (1, 2, 3)]
    with gzip.open(data / "judgements.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            key = row["generator"], row["uid"]
            if row["task"] != task or row["kind"] != kind or key not in people:
                continue
            scores = [float(one) for one in re.findall(r"-?\d+(?:\.\d+)?", row["score"])]
            yield {
                "item": "/".join(key),
                "judge": row["judge"],
                "score": min(scores) if scores else "",  # the paper's: the smallest of several
                "guessed": GUESSED in row["reasoning"],
                "human": round(fmean(people[key]), 4),
                **{f"rater {k}": f"{rating:g}" for k, rating in enumerate(people[key], start=1)},
                "category": row["generator"],
                "group": row["uid"],
            }


def judges(found: Study) -> Iterator[str]:
    """One row a judge: agreement with the mean rater, unparsed replies, a monotone map."""
    yield "| judge | n | Spearman | without guesses | MAE | MAE with a map | unparsed and guessed |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    strict = {row.run.record.model: row.figures["spearman"] for row in found.strict.rows}
    for row in found.group.rows:
        answers = [answer for answer in row.run.answers if answer.label is not None]
        judged = [Judged(str(answer.label), (answer.human,), answer.group) for answer in answers]
        mapped = fitted_map(found.group.scale, judged)
        model = row.run.record.model
        name = model.partition("/")[2]
        yield (
            f"| {name} | {len(answers)} | {interval(row.figures['spearman'])} | {interval(strict.get(model))} | "
            f"{mapped.before:.3f} | {mapped.after:.3f} | {found.guessed[name]:.0%} |"
        )
    raters = [[float(said) for _, said in sorted(answer.raters.items())] for answer in found.group.rows[0].run.answers]
    others = [(rating, fmean(row[:k] + row[k + 1 :])) for row in raters for k, rating in enumerate(row)]
    one, rest = zip(*others, strict=True)
    error = statistics.mae(list(rest), list(one))
    among = statistics.spearman(list(rest), list(one))
    yield f"| one rater against the mean of the others | {len(raters)} | {among:.2f} | | {error:.3f} | | |"


def together(group: Group) -> Iterator[str]:
    """The best judges as a jury."""
    yield "| judges | errors correlate | independent judges | best alone: Spearman | mean: Spearman | difference, p |"
    yield "|---|---:|---:|---:|---:|---:|"
    for most in (2, 3, 5, 8):
        found = jury_of(group, level=0.9, delta=0.05, most=most, each=False, resamples=1000)
        mean = next(line for line in found.juries if line.name == "mean")
        assert mean.difference is not None
        yield (
            f"| best {most} | {interval(found.correlation)} | {found.effective:.1f} | "
            f"{interval(found.best.figures['spearman'])} | {interval(mean.figures['spearman'])} | "
            f"{interval(mean.difference, '+.3f')}, {number(mean.difference.p, '.3f')} |"
        )


def replacing(group: Group) -> Iterator[str]:
    """The alternative annotator test: scores as they are, and at the nearest of the ratings that people could give."""
    yield "| judge | ρ | ω at ε = 0.2 | ρ, to the nearest rating | ω at ε = 0.1 | at 0.15 | at 0.2 |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for row in group.rows:
        near = tuple(
            replace(answer, label=answer.label and f"{round(2 * float(answer.label)) / 2:g}")
            for answer in row.run.answers
        )
        raw = _replacing(row.run, 0.2)
        tests = [_replacing(replace(row.run, answers=near), epsilon) for epsilon in (0.1, 0.15, 0.2)]
        name = row.run.record.model.partition("/")[2]
        figures = (raw.advantage, raw.winning_rate, tests[0].advantage, *(test.winning_rate for test in tests))
        yield f"| {name} | {' | '.join(map(number, figures))} |"


def _replacing(run: JudgedRun, epsilon: float) -> statistics.AlternativeAnnotatorTest:
    return statistics.alternative_annotator_test(
        [answer.label for answer in run.answers],
        [answer.raters for answer in run.answers],
        run.scale,
        epsilon=epsilon,
        clusters=clusters(run.answers),
    )


def saved(group: Group, seed: int) -> Iterator[str]:
    """The mean rating of all pictures from few labels, with and without the verdicts, over random choices of labels."""
    yield "| judge | width with labels alone | with verdicts too | narrower by | holds the mean |"
    yield "|---|---:|---:|---:|---:|"
    for row in group.rows[:5]:
        answers = [answer for answer in row.run.answers if answer.label is not None]
        human = np.array([float(answer.human) for answer in answers])
        said = np.array([float(str(answer.label)) for answer in answers])
        rng = np.random.default_rng(seed)
        widths: list[list[float]] = [[], []]
        held = 0
        for _ in range(DRAWS):
            chosen = rng.permutation(len(answers)) < LABELS
            labelled = [Labelled(said[chosen].tolist(), human=human[chosen].tolist())]
            rest = [Unlabelled(said[~chosen].tolist())]
            for place, weight in enumerate((0.0, None)):
                found = prediction_powered(labelled, rest, ends=(0.0, 1.0), share=False, weight=weight)
                widths[place].append(found.high - found.low)
            held += found.low <= human.mean() <= found.high
        alone, both = map(fmean, widths)
        name = row.run.record.model.partition("/")[2]
        yield f"| {name} | {alone:.3f} | {both:.3f} | {1 - both / alone:.0%} | {held / DRAWS:.0%} |"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--task", choices=TASKS, default=TASKS[0])
    parser.add_argument("--kind", choices=("SC", "PQ"), default="SC", help="semantic consistency or perceptual quality")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        found = study(options.data, options.task, options.kind, Path(folder))
    parts: tuple[tuple[str, Sequence[str]], ...] = (
        ("Judges and people", list(judges(found))),
        ("Juries", list(together(found.group))),
        ("May a judge replace a rater?", list(replacing(found.group))),
        (f"The mean rating of all pictures from {LABELS} labels", list(saved(found.group, options.seed))),
    )
    for title, lines in parts:
        print(f"## {title}: {options.task}, {options.kind}\n\n" + "\n".join(lines), end="\n\n", flush=True)
    print(f"{time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
