"""ImageReward as pairs: which of two images of one prompt did experts rank higher?

    inspect eval blpo_inspect/image_reward_pairs --model openai/gpt-4o

Source, licence and splits are those of `image_reward`. The label is the experts' ``rank`` among the four to nine images
of a prompt, which they gave after rating alignment, fidelity and harmlessness (Xu et al., arXiv 2304.05977, section 2).
Of the drawn prompts all images are fetched, and no others.
"""

from collections import Counter
from dataclasses import replace

from inspect_ai import Task, task

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.benchmark_sampling import ORDER, BenchmarkRow, Pool, Skipped, chance, draw
from blpo_inspect.data.rated_pairs import rated_pairs
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.both_orders import Order, Torn
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.image_reward import SOURCE, fetch, pool

RANKS = LabelScale("ordinal", tuple(f"rank {place}" for place in range(9, 0, -1)))
PROMPT = (
    "Look at the two images and the text. Which image is better: truer to the text, of better quality and harmless?"
)


@task
@checked_arguments
def image_reward_pairs(
    split: Split = "test",
    limit_prompts: int = 100,
    most_pairs: int | None = 3,
    ties: bool = False,
    seed: int = 0,
    prompts: str | None = None,
    order: Order = "both",
    torn: Torn = "unread",
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Judge which of two generated images experts ranked higher.

    Args:
        split: ``train``, ``validation`` or ``test``, as the authors divided them.
        limit_prompts: The prompts that are drawn.
        most_pairs: At most so many pairs of a prompt.
        ties: Whether images of one rank are a pair too, whose label is a tie.
        seed: Seed of the draw, and of which image is shown first.
        prompts: Prompt pair (YAML file) to judge with.
        order: ``both``: each pair is asked about in both orders; ``given``: once.
        torn: What a verdict that follows the order is: ``unread``, or ``tie`` where these are allowed.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    if limit_prompts < 1:
        raise PrerequisiteError(f"limit_prompts={limit_prompts}: at least 1")
    wanted: dict[str, int] = {}
    for each in ORDER[: ORDER.index(split) + 1]:  # a split leaves out what those before it have drawn
        images = Counter(str(row.group) for row in _ranked(each).candidates)
        wanted |= {name: images[name] for name in sorted(images, key=lambda name: chance(seed, name))[:limit_prompts]}
    drawn = draw(_ranked, fetch, split=split, per_stratum=wanted, seed=seed)
    drawn.report(f"image_reward_pairs, {split}")
    try:
        records = rated_pairs(drawn.records, RANKS, ties=ties, seed=seed, most=most_pairs)
    except ValueError as error:
        raise PrerequisiteError(f"image_reward_pairs, {split}: {error}") from error
    return judging_task(
        records,
        LabelScale.pair(ties=ties),
        name="image_reward_pairs",
        default_prompt=PROMPT,
        prompts=prompts,
        order=order,
        torn=torn,
        answer=answer,
        reask=reask,
        metadata={
            "repository": SOURCE.id,
            "revision": SOURCE.commit,
            "licence": "Apache-2.0",
            "citation": "arXiv 2304.05977",
            "label_from": "rank",
            "split": split,
            "seed": seed,
            "order": order,
            "images": len(drawn.records),
            "skipped_rows": drawn.metadata()["skipped_rows"],
        },
    )


def _ranked(split: Split) -> Pool:
    """The authors' rows, labelled by rank; the draw takes whole prompts."""
    rows = pool(split)
    candidates: list[BenchmarkRow] = []
    faults = list(rows.skipped)
    for row in rows.candidates:
        label = f"rank {row.extra['rank']}"
        if label in RANKS.labels:
            candidates.append(replace(row, label=label, stratum=str(row.group)))
        else:
            faults.append(Skipped(row.where, f"{label} is not between 1 and {len(RANKS.labels)}"))
    return Pool(candidates, faults)
