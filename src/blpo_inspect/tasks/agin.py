"""AGIN: how natural does an image look, from 1 to 5? 6,049 images, nearly all generated, each rated by 30 people.

    inspect eval blpo_inspect/agin -T data=AGIN --model openai/gpt-4o

- Source: not on the hub. Get it from the links in the README of the GitHub repository `zijianchen98/AGIN` and give its
  folder: the images, and a CSV file with the columns ``filename`` and ``MOS_nat``. No licence is stated.
- The label is the mean rating of naturalness: rounded where all means lie within 1–5, else put into five bins of equal
  width between the lowest and the highest; which of the two is printed and logged.
- BLPO (arXiv 2602.11340) samples on 1–5 but asks its judge for 7 points; the prompt here asks for the labels' 1–5.
- Default draw as in BLPO: 20 of each label, the same for training and for test. Splits are divided here, not as
  the authors did (70 : 30 by a random permutation).
- Chen et al., Exploring the Naturalness of AI-Generated Images, arXiv 2312.05476.
"""

import csv
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from inspect_ai import Task, task

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.benchmark_sampling import BenchmarkRow, Pool, Skipped, assign_splits, draw, quotas
from blpo_inspect.data.hub import Unusable
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.tasks.common import judging_task

SCALE = LabelScale.of("12345")
PROMPT = "Rate how natural the image appears on a 5-point scale, from 1 (very unnatural) to 5 (very natural)."
NAME, MOS = "filename", "MOS_nat"
WHERE_TO_GET_IT = (
    "AGIN is not on the hub: download it through the links in the README of the GitHub repository zijianchen98/AGIN "
    f"and give its folder with -T data=FOLDER (images, and a CSV file with the columns {NAME} and {MOS})"
)


@task
@checked_arguments
def agin(
    data: str | None = None,
    table: str | None = None,
    split: Split = "test",
    limit_per_class: int = 20,
    full: bool = False,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Judge how natural images look.

    Args:
        data: Folder with the images, also in subfolders, and the CSV file.
        table: The CSV file's path in it; needed where several have the right columns.
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Images per label.
        full: All images of the split instead.
        seed: Seed of the draw.
        prompts: Prompt pair (YAML file) to judge with; else a default one in the paper's words.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    if data is None:
        raise PrerequisiteError(f"agin: no data given. {WHERE_TO_GET_IT}")
    folder = Path(data).expanduser().resolve()
    if not folder.is_dir():
        raise PrerequisiteError(f"{data}: no such folder. {WHERE_TO_GET_IT}")
    path = _table(folder, table)
    try:
        pool, faults, rule = _rows(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise PrerequisiteError(f"{path}: cannot be read as CSV ({error}); save it as UTF-8") from error
    dealt = assign_splits(pool)
    images = _Images(folder)
    drawn = draw(
        lambda wanted: Pool(dealt[wanted], faults),
        images.fetch,
        split=split,
        per_stratum=quotas(SCALE.labels, limit_per_class, full),
        seed=seed,
    )
    print(f"agin: labels are {rule}", file=sys.stderr)
    drawn.report(f"agin, {split}")
    return judging_task(
        drawn.records,
        SCALE,
        name="agin",
        default_prompt=PROMPT,
        prompts=prompts,
        answer=answer,
        reask=reask,
        metadata={
            "data": path.name,
            "licence": "none stated",
            "citation": "arXiv 2312.05476",
            "labels": rule,
            "split": split,
            "seed": seed,
            **drawn.metadata(),
        },
    )


def _table(folder: Path, given: str | None) -> Path:
    if given is not None:
        path = (folder / given).resolve()
        if not path.is_file():
            raise PrerequisiteError(f"table={given}: no such file in {folder}")
        if not {NAME, MOS} <= _columns(path):
            raise PrerequisiteError(f"{path}: no columns {NAME} and {MOS}; it has {', '.join(sorted(_columns(path)))}")
        return path
    tables = [path for path in sorted(folder.rglob("*.csv")) if {NAME, MOS} <= _columns(path)]
    if len(tables) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in tables[:5])
        raise PrerequisiteError(f"{folder}: several CSV files have the columns {NAME} and {MOS}: {names}; say table=…")
    if not tables:
        raise PrerequisiteError(f"{folder}: no CSV file with the columns {NAME} and {MOS}. {WHERE_TO_GET_IT}")
    return tables[0]


def _columns(path: Path) -> set[str]:
    with path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        return {name.strip() for name in next(csv.reader(file), [])}


def _rows(path: Path) -> tuple[list[BenchmarkRow], list[Skipped], str]:
    """The rows that have a label, the others, and how labels are made of means."""
    means: list[tuple[str, str, float]] = []
    faults = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, skipinitialspace=True)
        for row in reader:
            where = f"{path.name}, row {reader.line_num}"
            values = {(name or "").strip(): value for name, value in row.items()}
            try:
                mean = float(values[MOS] or "nan")
            except ValueError:
                mean = math.nan
            name = (values[NAME] or "").strip()
            if name and math.isfinite(mean):
                means.append((name, where, mean))
            else:
                faults.append(Skipped(where, f"no {NAME}" if not name else f"{MOS} {values[MOS]!r} is not a number"))
    low, high = min((mean for *_, mean in means), default=0.0), max((mean for *_, mean in means), default=0.0)
    if low == high:
        raise PrerequisiteError(f"{path}: {len(means)} usable rows, all with the same {MOS}: nothing to tell apart")
    rounded = low >= 1 and high <= 5
    rule = f"{MOS} rounded" if rounded else f"{MOS} in five bins of equal width from {low:g} to {high:g}"
    candidates: dict[str, BenchmarkRow] = {}
    for name, where, mean in means:
        number = math.floor(mean + 0.5) if rounded else min(5, 1 + int(5 * (mean - low) / (high - low)))
        if name in candidates:
            faults.append(Skipped(where, f"{name} occurs twice"))
        else:
            candidates[name] = BenchmarkRow(name, where, name, str(number), str(number), extra={MOS: mean})
    return list(candidates.values()), faults, rule


class _Images:
    """The folder's images by the names that the table gives them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_name: dict[str, list[Path]] = {}
        for path in folder.rglob("*"):
            if path.is_file():
                self._by_name.setdefault(path.name, []).append(path)

    def fetch(self, rows: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
        """As `benchmark_sampling.Fetch`."""
        return [self._find(row.image) for row in rows]

    def _find(self, name: str) -> Path | Unusable:
        path = (self._folder / name).resolve()
        if not path.is_relative_to(self._folder):
            return Unusable(f"{name}: lies outside {self._folder}")
        if path.is_file():
            return path
        paths = self._by_name.get(Path(name).name, [])
        if len(paths) > 1:
            return Unusable(f"{name}: several files of that name in {self._folder}")
        return paths[0] if paths else Unusable(f"{name}: no such image in {self._folder}")
