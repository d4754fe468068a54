"""NLVR: is a sentence by a person true of a drawing? Five raters each, of ten known ones.

    inspect eval blpo_inspect/nlvr -T data=nlvr --model openai/gpt-4o

- Source: the GitHub repository `lil-lab/nlvr`, whose folder ``nlvr`` is given (``dev/dev.json``, ``test/test.json`` and
  their images), or a table with the columns ``id, image, text, label, group, split, raters`` (raters as JSON).
  CC BY 4.0.
- An example has six drawings of the same boxes in another order; the first is used. ``dev`` is divided into train and
  validation, ``test`` is test. Sentences are groups.
- Suhr, Lewis, Yeh, Artzi, A Corpus of Natural Language for Visual Reasoning, ACL 2017.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai import Task, task

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.benchmark_sampling import BenchmarkRow, Pool, Skipped, assign_splits, draw, quotas
from blpo_inspect.data.hub import Unusable
from blpo_inspect.data.splits import Split
from blpo_inspect.data.tables import TableError
from blpo_inspect.data.tables.rows import READERS, rows_of
from blpo_inspect.data.tables.table_row import TableRow
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.tasks.common import judging_task

SCALE = LabelScale("unordered", ("false", "true"))
PROMPT = "Is the sentence true of the image? Answer true or false."
WHERE_TO_GET_IT = (
    "NLVR is not on the hub: clone the GitHub repository lil-lab/nlvr and give its folder nlvr with -T data=FOLDER, or "
    "a table with the columns id, image, text, label, group, split and raters"
)
FILES = {"dev": "dev/dev.json", "test": "test/test.json"}


@task
@checked_arguments
def nlvr(
    data: str | None = None,
    split: Split = "test",
    limit_per_class: int = 50,
    full: bool = False,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Judge whether sentences are true of drawings.

    Args:
        data: The authors' folder, or a table.
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Examples per label.
        full: All examples of the split instead.
        seed: Seed of the draw.
        prompts: Prompt pair (YAML file) to judge with; else a default prompt.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    if data is None:
        raise PrerequisiteError(f"nlvr: no data given. {WHERE_TO_GET_IT}")
    path = Path(data).expanduser().resolve()
    try:
        folder, rows, faults = _read(path)
    except (TableError, OSError) as error:
        raise PrerequisiteError(f"{data}: {error}. {WHERE_TO_GET_IT}") from error
    parts: dict[str, list[BenchmarkRow]] = {"dev": [], "test": []}
    for part, row in rows:
        parts[part].append(row)
    dealt = {**assign_splits(parts["dev"], ("train", "validation")), "test": parts["test"]}

    def fetch(wanted: Sequence[BenchmarkRow]) -> list[Path | Unusable]:
        return [_picture(folder, row.image) for row in wanted]

    drawn = draw(
        lambda wanted: Pool(dealt[wanted], faults),
        fetch,
        split=split,
        per_stratum=quotas(SCALE.labels, limit_per_class, full),
        seed=seed,
    )
    drawn.report(f"nlvr, {split}")
    return judging_task(
        drawn.records,
        SCALE,
        name="nlvr",
        default_prompt=PROMPT,
        prompts=prompts,
        answer=answer,
        reask=reask,
        metadata={
            "data": path.name,
            "licence": "CC BY 4.0",
            "citation": "Suhr et al., ACL 2017",
            "split": split,
            "seed": seed,
            **drawn.metadata(),
        },
    )


def _read(path: Path) -> tuple[Path, list[tuple[str, BenchmarkRow]], list[Skipped]]:
    """Where images are from, the rows with the part of the data that they belong to, and the others."""
    if path.is_dir():
        folder = next((one for one in (path, path / "nlvr") if (one / FILES["dev"]).is_file()), None)
        if folder is None:
            raise TableError(f"has no {FILES['dev']}")
        found = [(name, row) for name, file in FILES.items() for row in _lines(folder / file, name)]
    elif path.suffix.lower() in READERS:
        folder = path.parent
        found = [("test" if row.values.get("split") == "test" else "dev", row) for row in rows_of(path)]
    else:
        raise TableError("no such folder or table")
    rows, faults = [], []
    seen: set[str] = set()
    for part, row in found:
        try:
            if row.fault is not None:
                raise ValueError(row.fault)
            made = _row(row)
            if made.id in seen:
                raise ValueError(f"{made.id} occurs twice")
        except (KeyError, TypeError, ValueError) as error:
            faults.append(Skipped(row.where, f"no {error}" if isinstance(error, KeyError) else str(error)))
            continue
        seen.add(made.id)
        rows.append((part, made))
    return folder, rows, faults


def _lines(file: Path, part: str) -> Iterator[TableRow]:
    """The authors' JSON lines as rows of a table."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{file.name}, row {number}"
        try:
            known = json.loads(line)
            name = f"{part}-{known['identifier']}"
            values = {
                "id": name,
                "image": f"{part}/images/{known['directory']}/{name}-0.png",
                "text": known["sentence"],
                "label": known["label"],
                "group": known["sentence"],
                "raters": known.get("evals", {}),
            }
            yield TableRow(where, name, values)
        except (KeyError, TypeError, ValueError) as error:
            yield TableRow(where, where, {}, f"not an example of NLVR: {error!r}")


def _row(row: TableRow) -> BenchmarkRow:
    values: Mapping[str, Any] = row.values
    label = SCALE.canonical(values["label"])
    raters = values.get("raters") or {}
    said = json.loads(raters) if isinstance(raters, str) else raters
    # some raters found a sentence to be nonsense, which is no label
    known = {str(name): one.lower() for name, one in sorted(said.items()) if str(one).lower() in SCALE.labels}
    return BenchmarkRow(
        id=str(values["id"]),
        where=row.where,
        image=str(values["image"]),
        label=label,
        stratum=label,
        text=str(values["text"]),
        group=str(values.get("group") or values["text"]),
        raters=known,
    )


def _picture(folder: Path, name: str) -> Path | Unusable:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        return Unusable(f"{name}: lies outside {folder}")
    return path if path.is_file() else Unusable(f"{name}: no such image in {folder}")
