"""A `Report` as one HTML file that needs nothing else: no network, no script, no other file.

The templates escape everything; what is marked as safe is made here or in `plots`, which escape for themselves.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from blpo_inspect._util.word_diff import Piece, diff_lines, word_diff
from blpo_inspect.logs.optimize_run import OptimizeRun
from blpo_inspect.reporting import failures, formatting, plots, thumbnails
from blpo_inspect.reporting.breakdown import FEW
from blpo_inspect.reporting.comparison import NAMES, SHOWN
from blpo_inspect.reporting.content import Part, Report, wanted_images
from blpo_inspect.reporting.first_and_last import first_and_last

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TEMPLATES = "report.html"


def html(report: Report) -> str:
    """The page; the same report gives the same text."""
    environment = Environment(
        loader=PackageLoader("blpo_inspect.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        calls=formatting.calls,
        cost=formatting.cost,
        interval=formatting.interval,
        number=formatting.number,
        p=formatting.p_value,
        pretty=_pretty,
        seconds=formatting.seconds,
        share=formatting.share,
        size=formatting.size,
        tokens=formatting.tokens,
    )
    style, script = (Markup(_source(environment, name)) for name in ("style.css", "sort.js"))  # our own
    return environment.get_template(_TEMPLATES).render(
        report=report,
        options=report.options,
        parts=[_part(part, number) for number, part in enumerate(report.parts, 1)],
        optimizations=[_optimization(run, number) for number, run in enumerate(report.optimizations, 1)],
        pictures=thumbnails.read(wanted_images(report)),
        names=NAMES,
        style=style,
        script=script,
        few=FEW,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0].strip()


def _part(part: Part, number: int) -> dict[str, Any]:
    group = part.group
    shown = group.rows[: part_limit(part)]
    matrices = [(row, failures.confusion(row.run, group.scale)) for row in shown]
    sure = [(row, calibration) for row in shown if (calibration := failures.calibration(row.run)) is not None]
    return {
        "number": number,
        "part": part,
        "group": group,
        "rows": [(row, formatting.status(row)) for row in group.rows],
        "columns": SHOWN[group.scale.kind],
        "finding": formatting.finding(part),
        "plot": Markup(plots.intervals(group, f"g{number}")),  # escapes its texts
        "letters": list(dict.fromkeys(letter for pair in part.pairs for letter in (pair.first, pair.second))),
        "replacing": [(row.letter, part.replacing[row.letter]) for row in group.rows],
        "alone": [(row.letter, part.alone[row.letter]) for row in group.rows],
        "cells": _cells(part),
        "confusions": [(row, matrix) for row, matrix in matrices if matrix is not None],
        "calibrations": [
            (row, calibration, Markup(plots.reliability(calibration, f"c{number}-{row.letter}")))  # escapes its texts
            for row, calibration in sure
        ],
        "gallery": [("Every judge is wrong", part.wrong), ("Judges disagree", part.split)],
    }


def part_limit(part: Part) -> int:
    """How many runs of a part are shown in detail: those that were tested."""
    letters = {letter for pair in part.pairs for letter in (pair.first, pair.second)}
    return max(1, len(letters))


def _cells(part: Part) -> dict[tuple[str, str], tuple[float, Any]]:
    """(row, column) → difference of the row's figure less the column's, and the pair."""
    differences = {}
    for pair in part.pairs:
        differences[pair.first, pair.second] = (-pair.difference.value, pair)
        differences[pair.second, pair.first] = (pair.difference.value, pair)
    return differences


def _optimization(run: OptimizeRun, number: int) -> dict[str, Any]:
    known = run.provenance
    steps = _mappings(known.get("trajectory"))
    start, losses, models, calls = (
        value if isinstance(value := known.get(name), Mapping) else {}
        for name in ("start", "validation_loss", "models", "calls")
    )
    scores = plots.scores(steps, f"s{number}") if run.method == "blpo" else None
    return {
        "run": run,
        "number": number,
        "steps": [_step(step) for step in steps],
        "plot": Markup(plots.trajectory(steps, losses, f"t{number}")),  # escapes its texts
        "scores": Markup(scores) if scores else None,  # escapes its texts
        "judge": _diff(str(start.get("judge", run.judge)), run.judge),
        "i2t": _diff(str(start.get("i2t", run.i2t)), run.i2t),
        "losses": losses,
        "test": first_and_last(known.get("test")),
        "models": models,
        "calls": calls,
        "naive": known.get("naive_calls"),
        "stopped": known.get("stopped", "not said"),
    }


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    candidates = _mappings(step.get("candidates"))
    chosen = next((candidate for candidate in candidates if candidate.get("number") == step.get("chosen")), None)
    became = chosen.get("prompt") if chosen is not None else None
    before = str(step.get("prompt", ""))
    return {
        "said": step,
        "candidates": candidates,
        "diff": _diff(before, became) if isinstance(became, str) and became != before else None,
        "rejected": [
            (candidate.get("number"), rejection)
            for candidate in candidates
            for rejection in _mappings(candidate.get("rejected"))
        ],
    }


def _diff(old: str, new: str) -> list[list[Piece] | None]:
    return list(diff_lines(word_diff(old.strip(), new.strip()))) or [[Piece("same", new.strip())]]


def _mappings(value: object) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _pretty(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict | list) and value:
        return yaml.safe_dump(json.loads(json.dumps(value, default=str)), allow_unicode=True, width=1000).rstrip()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown(value: object) -> object:
    """What HTML cannot hold becomes a visible mark; strings that are marked as safe are ours and stay."""
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value
