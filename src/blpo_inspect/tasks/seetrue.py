"""SeeTRUE: does an image match a text? 6,930 image–text pairs with yes/no labels, from three sources.

    inspect eval blpo_inspect/seetrue --model openai/gpt-4o

- Source: hub dataset `yonatanbitton/SeeTRUE`, pinned; ``SeeTRUE.csv`` (0.8 MB), and of ``images.zip`` (5.4 GB) the
  images that are drawn. Licence CC BY 4.0. Its terms say: test set only. Training and validation splits exist here
  because prompt optimization needs them; using them prints a reminder.
- Labels ``0`` (no match) and ``1`` (match). Texts repeat (602 different ones), so splits are divided by text.
- Default draw as in BLPO (arXiv 2602.11340): 100 of each label, the same for training and for test.
- Yarom et al., What You See is What You Read? Improving Text-Image Alignment Evaluation, NeurIPS 2023, arXiv
  2305.10400.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from inspect_ai import Task, task

from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.benchmark_sampling import BenchmarkRow, Pool, Skipped, assign_splits, draw, quotas
from blpo_inspect.data.hub import Repository, Unusable, fetch_members
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.tasks.common import judging_task

SOURCE = Repository("yonatanbitton/SeeTRUE", "6cc46a6e5d9388f44fdf9096d5387cd3b7988676")
TABLE = "SeeTRUE.csv"
ARCHIVE = "images.zip"
SCALE = LabelScale("unordered", ("0", "1"), aliases={"no": "0", "yes": "1"})
PROMPT = "Is the image aligned with the text? Answer 1 if yes, 0 if no."
TERMS = "test set only: its authors do not allow training on it"


@task
@checked_arguments
def seetrue(
    split: Split = "test",
    limit_per_class: int = 100,
    full: bool = False,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Judge whether images match their texts.

    Args:
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Images per label.
        full: All images of the split instead.
        seed: Seed of the draw.
        prompts: Prompt pair (YAML file) to judge with; else the paper's default prompt.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    pool, faults = _rows()
    dealt = assign_splits(pool)
    drawn = draw(
        lambda wanted: Pool(dealt[wanted], faults),
        _fetch,
        split=split,
        per_stratum=quotas(SCALE.labels, limit_per_class, full),
        seed=seed,
    )
    drawn.report(f"seetrue, {split}")
    if split != "test":
        print(f"seetrue: the {split} split is in use, but SeeTRUE's terms say {TERMS}", file=sys.stderr)
    return judging_task(
        drawn.records,
        SCALE,
        name="seetrue",
        default_prompt=PROMPT,
        prompts=prompts,
        answer=answer,
        reask=reask,
        metadata={
            "repository": SOURCE.id,
            "revision": SOURCE.commit,
            "licence": "CC BY 4.0",
            "terms": TERMS,
            "citation": "arXiv 2305.10400",
            "split": split,
            "seed": seed,
            **drawn.metadata(),
        },
    )


def _rows() -> tuple[list[BenchmarkRow], list[Skipped]]:
    candidates: list[BenchmarkRow] = []
    faults: list[Skipped] = []
    with SOURCE.download(TABLE).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        line = 2
        for row in reader:
            candidate = _candidate(row, line)
            (candidates if isinstance(candidate, BenchmarkRow) else faults).append(candidate)  # type: ignore[arg-type]
            line = reader.line_num + 1
    return candidates, faults


def _candidate(row: Mapping[str, str | None], line: int) -> BenchmarkRow | Skipped:
    where = f"{TABLE}, row {line}"
    image, text, source = (row.get(column) or "" for column in ("image", "text", "dataset_source"))
    try:
        label = SCALE.canonical(row.get("label"))
    except ValueError as error:
        return Skipped(where, f"label {error}")
    if not image or not text:
        return Skipped(where, "no image or no text")
    return BenchmarkRow(f"{source}-{line}", where, image, label, label, text, source or None, group=text)


def _fetch(rows: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
    members = fetch_members(SOURCE, ARCHIVE, [f"images/{row.image}" for row in rows])
    return [members[f"images/{row.image}"] for row in rows]
