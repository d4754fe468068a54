"""What the tasks on a user's own data share: `folder` and `pairs`."""

from typing import Any

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.data.tables import UserBenchmark
from blpo_inspect.data.tables.records import MAX_SHOWN
from blpo_inspect.judging.samples import ABOUT


def check_arguments(prompts: str | None, prompt: str | None, split: str) -> None:
    """Refuse two judge prompts, and a split that there is not.

    Raises:
        PrerequisiteError: Says which.
    """
    if prompts is not None and prompt is not None:
        raise PrerequisiteError("give either prompts=FILE or prompt=TEXT, not both")
    if split not in (*SPLITS, "all"):
        raise PrerequisiteError(f"split is all, {', '.join(SPLITS[:-1])} or {SPLITS[-1]}, not {split!r}")


def facts_of(benchmark: UserBenchmark) -> dict[str, Any]:
    """What the log should say about the data: where they are from, what they are about, and what was left out."""
    settings = benchmark.settings
    about = {**benchmark.about, ABOUT: settings.about, "licence": settings.licence, "citation": settings.citation}
    return {
        **{name: value for name, value in about.items() if value is not None},
        "rejected": len(benchmark.rejected),
        "rejected_rows": list(benchmark.rejected[:MAX_SHOWN]),
        **({"labels_drawn": benchmark.drawn} if benchmark.drawn else {}),
        **({"notes": list(benchmark.notes)} if benchmark.notes else {}),
    }
