"""ImageReward: how well does a generated image follow its prompt, from 1 to 7? Rated and ranked by experts.

    inspect eval blpo_inspect/image_reward --model openai/gpt-4o

- Source: hub dataset `zai-org/ImageRewardDB` (once `THUDM/ImageRewardDB`), pinned; the splits are the authors': test
  2,720 images of 466 prompts, validation 2,600 of 412, the rest training. Of 23.7 GB of archives the drawn images are
  fetched. Licence Apache-2.0.
- The label is ``image_text_alignment_rating``, 1–7. BLPO (arXiv 2602.11340) says 1–5 in one place and 1–7 in another;
  the data are 1–7. Some rows lie outside and are skipped.
- Default draw as in BLPO: 20 of each rating, the same for training and for test.
- Each sample's metadata has the prompt's id (``group``), the image's ``rank`` among those of its prompt (1 is best,
  ties occur), ``overall_rating`` and ``fidelity_rating``, for preference accuracy within a prompt. A balanced draw has
  few images of one prompt: use ``full=true`` for that.
- Xu et al., ImageReward: Learning and Evaluating Human Preferences for Text-to-Image Generation, NeurIPS 2023, arXiv
  2304.05977.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inspect_ai import Task, task

from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.benchmark_sampling import BenchmarkRow, Pool, Skipped, draw, quotas
from blpo_inspect.data.hub import Repository, Unusable, fetch_members, read_columns
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.scorers import preference
from blpo_inspect.tasks.common import judging_task

SOURCE = Repository("zai-org/ImageRewardDB", "c493721e19e296eb615420036f2a2eed08412bb4")
SCALE = LabelScale.of(str(rating) for rating in range(1, 8))
PROMPT = "Is the image aligned with the text? Give a score of 1-7."
RATING = "image_text_alignment_rating"
KEPT = ("rank", "overall_rating", "fidelity_rating")
COLUMNS = ("image_path", "prompt_id", "prompt", "classification", RATING, *KEPT)

_IMAGE_PATH = re.compile(r"(?P<folder>images/\w+/\w+)/(?P<member>[^/]+)")


@task
@checked_arguments
def image_reward(
    split: Split = "test",
    limit_per_class: int = 20,
    full: bool = False,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Judge how well generated images follow their prompts.

    Args:
        split: ``train``, ``validation`` or ``test``, as the authors divided them.
        limit_per_class: Images per rating.
        full: All images of the split instead.
        seed: Seed of the draw.
        prompts: Prompt pair (YAML file) to judge with; else the paper's default prompt.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    drawn = draw(pool, fetch, split=split, per_stratum=quotas(SCALE.labels, limit_per_class, full), seed=seed)
    drawn.report(f"image_reward, {split}")
    return judging_task(
        drawn.records,
        SCALE,
        name="image_reward",
        default_prompt=PROMPT,
        prompts=prompts,
        answer=answer,
        reask=reask,
        scorers=[preference()],
        metadata={
            "repository": SOURCE.id,
            "revision": SOURCE.commit,
            "licence": "Apache-2.0",
            "citation": "arXiv 2304.05977",
            "label_from": RATING,
            "split": split,
            "seed": seed,
            **drawn.metadata(),
        },
    )


def pool(split: Split) -> Pool:
    """The authors' rows of a split."""
    table = f"metadata-{split}.parquet"
    SOURCE.download(table)
    candidates: list[BenchmarkRow] = []
    faults: list[Skipped] = []
    for number, row in enumerate(read_columns(SOURCE, table, COLUMNS)):
        candidate = _candidate(row, f"{table}, row {number} ({row['image_path']})")
        (candidates if isinstance(candidate, BenchmarkRow) else faults).append(candidate)  # type: ignore[arg-type]
    return Pool(candidates, faults)


def _candidate(row: dict[str, Any], where: str) -> BenchmarkRow | Skipped:
    path = _IMAGE_PATH.fullmatch(str(row["image_path"]))
    if path is None:
        return Skipped(where, "an image path of another form than images/SPLIT/ARCHIVE/NAME")
    if row["prompt"] is None or row["prompt_id"] is None:
        return Skipped(where, "no prompt")
    try:
        label = SCALE.canonical(row[RATING])
    except ValueError as error:
        return Skipped(where, f"{RATING} {error}")
    return BenchmarkRow(
        id=Path(path["member"]).stem,
        where=where,
        image=path.group(),
        label=label,
        stratum=label,
        text=str(row["prompt"]),
        category=row["classification"],
        group=str(row["prompt_id"]),
        extra={name: row[name] for name in KEPT},
    )


def fetch(rows: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
    """The images of rows, out of the archives."""
    members: dict[str, list[str]] = {}
    for row in rows:
        folder, _, member = row.image.rpartition("/")
        members.setdefault(folder, []).append(member)
    images = {
        f"{folder}/{member}": piece
        for folder, names in sorted(members.items())
        for member, piece in fetch_members(SOURCE, f"{folder}.zip", names).items()
    }
    return [images[row.image] for row in rows]
