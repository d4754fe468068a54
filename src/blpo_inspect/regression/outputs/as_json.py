"""The result as JSON for programs: everything that the other outputs show, nothing shortened."""

import json
import math
from dataclasses import asdict
from typing import Any

from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.regression.outputs.phrases import headline

FORMAT = "blpo-inspect/check/1"


def as_json(suite_result: SuiteResult) -> bytes:
    """The result; figures that are not defined are null."""
    whole = {
        "format": FORMAT,
        "suite": suite_result.name,
        "alpha": suite_result.alpha,
        "runs": suite_result.runs,
        "tests": suite_result.tests,
        "outcome": suite_result.outcome,
        "exit_code": suite_result.exit_code,
        "cases": [_case(case) for case in suite_result.cases],
    }
    return (json.dumps(_plain(whole), indent=1, allow_nan=False) + "\n").encode()


def _case(case: CaseResult) -> dict[str, Any]:
    run = case.after
    return {
        "name": case.name,
        "model": case.model,
        "outcome": case.outcome,
        "headline": headline(case),
        "more_labels": case.more,
        "criteria": [asdict(criterion) for criterion in case.criteria],
        "figures": [asdict(figure) for figure in case.figures],
        "categories": [asdict(category) for category in case.categories],
        "flips": [asdict(flip) for flip in case.flips],
        "drift": list(case.drift),
        "samples": None if run is None else len(run.answers),
        "unread": None if run is None or case.before is None else {"before": case.before.unread, "after": run.unread},
        "calls": None if run is None else {"made": run.usage.made, "replayed": run.usage.replayed},
        "probes": [asdict(result) for result in case.probed.results.values()] if case.probed else [],
    }


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
