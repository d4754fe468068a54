"""Where an optimized pair comes from, JSON-ready: everything that is needed to repeat or to doubt it.

The same run gives the same bytes: no clock time, host, path, or count of replayed calls.
"""

import importlib.metadata
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blpo_inspect.optimizers.run import Run


def provenance(run: "Run[Any]") -> dict[str, Any]:
    """What a `PromptPair` keeps about the run that it comes from; also of a run that has not ended."""
    problem, spent = run.problem, run.spending()
    found: dict[str, Any] = {
        "method": run.method.name,
        "settings": asdict(run.settings),
        "seed": run.seed,
        "benchmark": {
            "name": problem.name,
            "args": dict(problem.args),
            "digest": problem.digest,
            "sizes": {
                "train": len(problem.train),
                "validation": len(problem.validation),
                "test": len(problem.test),
            },
        },
        "models": run.calls.identities(),
        "versions": {name: importlib.metadata.version(name) for name in ("blpo-inspect", "inspect-ai", "pillow")},
        "start": {"judge": problem.start.judge, "i2t": problem.start.i2t},
        "calls": dict(spent.by_role),
        "naive_calls": spent.naive,
        "stopped": run.stopped or "not ended",
        "validation_loss": {name: round(value, 6) for name, value in run.validation.items()},
    }
    if problem.parent is not None:
        found["parent"] = problem.parent
    if run.test is not None:
        found["test"] = dict(run.test)
    return {**found, "trajectory": [step.to_dict() for step in run.steps]}
