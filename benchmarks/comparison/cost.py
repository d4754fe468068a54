"""Costs of runs: ``cost.csv`` and a table to print. They depend on the machine and on what the cache held before."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from blpo_inspect._util.table import Table, as_csv
from comparison.methods import Method
from comparison.outcome import Outcome
from comparison.plan import Key

_COUNTED = ("made", "replayed", "input_tokens", "output_tokens", "cost_made", "cost_replayed")


def cost_csv(outcomes: Mapping[Key, Outcome]) -> str:
    """A row per run and role; ``seconds`` are the whole run's. Calls are with those of the final test."""
    rows = []
    for (benchmark, label, seed), outcome in outcomes.items():
        for role, use in outcome.uses.items():
            counted = ["" if use[name] is None else str(use[name]) for name in _COUNTED]
            rows.append([benchmark, label, str(seed), role, *counted, f"{outcome.seconds:.0f}"])
    return as_csv(["benchmark", "method", "seed", "role", *_COUNTED, "seconds"], rows)


def cost_table(outcomes: Mapping[Key, Outcome], benchmarks: Sequence[str], methods: Sequence[Method]) -> str:
    """Means per run of each benchmark and method: calls made and replayed, by role, and wall time."""
    roles = list(dict.fromkeys(role for outcome in outcomes.values() for role in outcome.uses))
    header = ["benchmark", "method", *(f"{role}: made + replayed" for role in roles), "seconds"]
    rows = []
    for benchmark in benchmarks:
        for method in methods:
            own = [run for key, run in outcomes.items() if key[:2] == (benchmark, method.label) and run.uses]
            if not own:
                continue
            counts = [
                " + ".join(f"{fmean(run.uses[role][kind] for run in own):,.0f}" for kind in ("made", "replayed"))
                for role in roles
            ]
            rows.append([benchmark, f"`{method.label}`", *counts, f"{fmean(run.seconds for run in own):.0f}"])
    if not rows:
        return ""
    title = "Per run, with judging the test split under every prompt that was kept:"
    return "\n".join([title, "", *Table(header, rows).markdown(), ""])
