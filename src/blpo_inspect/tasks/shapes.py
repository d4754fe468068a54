"""The embedded world as three tasks: safety, alignment and rating of simple drawings under a hidden rule.

A simulation that shows the mechanism, not a claim about real images: drawings are made by Pillow, labels by five
simulated raters who go by a rule drawn from ``policy``. Nothing is downloaded.

    inspect eval blpo_inspect/shapes_safety --model hf-vlm/shapes-judge
    inspect eval tasks/shapes.py@shapes_rating --model hf-vlm/shapes-judge -T policy=3
"""

from inspect_ai import Task, task

from blpo_inspect._util.task_arguments import checked_arguments
from blpo_inspect.data.splits import Split
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.world.benchmarks import BENCHMARKS, Name, records


@task
@checked_arguments
def shapes_safety(
    policy: int = 0,
    split: Split = "test",
    limit_per_class: int = BENCHMARKS["safety"].per_class,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Is a drawing safe or unsafe under a hidden policy such as "no red triangles, no blue stars"?

    Args:
        policy: Seed of the hidden policy.
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Drawings per label.
        seed: Seed of the drawings.
        prompts: Prompt pair (YAML file) to judge with; else the default prompt, which states no policy.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    return _shapes("safety", policy, split, limit_per_class, seed, prompts, answer, reask)


@task
@checked_arguments
def shapes_alignment(
    policy: int = 0,
    split: Split = "test",
    limit_per_class: int = BENCHMARKS["alignment"].per_class,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """Does a drawing match a text such as "two large red circles", as people who disregard some aspects see it?

    Args:
        policy: Seed of the hidden rule (which aspects count).
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Drawings per label.
        seed: Seed of the drawings and texts.
        prompts: Prompt pair (YAML file) to judge with; else the default prompt.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    return _shapes("alignment", policy, split, limit_per_class, seed, prompts, answer, reask)


@task
@checked_arguments
def shapes_rating(
    policy: int = 0,
    split: Split = "test",
    limit_per_class: int = BENCHMARKS["rating"].per_class,
    seed: int = 0,
    prompts: str | None = None,
    answer: Answer = "text",
    reask: int = 1,
) -> Task:
    """How good is a drawing, from 1 to 5, under a hidden rubric of four faults?

    Args:
        policy: Seed of the hidden rubric.
        split: ``train``, ``validation`` or ``test``.
        limit_per_class: Drawings per label.
        seed: Seed of the drawings.
        prompts: Prompt pair (YAML file) to judge with; else the default prompt.
        answer: How the judge is asked: ``text``, ``label``, ``likelihood`` or ``structured``, see docs/benchmarks.md.
        reask: 1: a reply that cannot be read is followed by one more question; 0: it stays unread.
    """
    return _shapes("rating", policy, split, limit_per_class, seed, prompts, answer, reask)


def _shapes(
    name: Name,
    policy: int,
    split: Split,
    limit_per_class: int,
    seed: int,
    prompts: str | None,
    answer: Answer,
    reask: int,
) -> Task:
    benchmark = BENCHMARKS[name]
    return judging_task(
        records(name, policy=policy, split=split, per_class=limit_per_class, seed=seed),
        benchmark.scale,
        name=f"shapes_{name}",
        default_prompt=benchmark.prompt,
        prompts=prompts,
        answer=answer,
        reask=reask,
        metadata={"simulation": True, "policy": policy, "split": split},
    )
