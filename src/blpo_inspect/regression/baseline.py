"""Baselines: recorded runs as files to keep in a repository. JSON, one line per sample; equal runs give equal bytes."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from blpo_inspect._util.files import written_whole
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.regression.recorded import Answer, BrokenError, Recorded

FORMAT = "blpo-inspect/baseline/1"
MAX_BYTES = 256_000_000

_HEAD = ("benchmark", "model", "prompts", "settings", "versions")
_KEYS = {"format", "data", "scale", "samples", *_HEAD}
_OF_ANSWER = {field.name for field in fields(Answer)}


def to_bytes(run: Recorded) -> bytes:
    """The run as a baseline file."""
    head = {
        "format": FORMAT,
        "data": run.data,
        "scale": run.scale.to_dict(),
        **{name: getattr(run, name) for name in _HEAD},
    }
    lines = [f"{_json(name)}: {_json(value)}," for name, value in sorted(head.items())]
    samples = ",\n".join(
        _json({name: value for name, value in vars(answer).items() if value is not None}) for answer in run.answers
    )
    return ("{\n" + "\n".join(lines) + '\n"samples": [\n' + samples + "\n]\n}\n").encode()


def save(run: Recorded, file: Path) -> None:
    """Write a baseline; the file is there whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as out:
        out.write(to_bytes(run))


def load(file: Path) -> Recorded:
    """Read a baseline.

    Raises:
        BrokenError: Missing, damaged, edited by hand or of another format.
    """
    try:
        if not file.is_file():
            raise BrokenError(f"{file.name}: there is no such baseline; `blpo check --update` records one")
        if file.stat().st_size > MAX_BYTES:
            raise BrokenError(f"{file.name}: larger than {MAX_BYTES:,} bytes, so no baseline")
        data = file.read_bytes()
    except OSError as error:
        raise BrokenError(f"{file.name}: cannot be read: {error.strerror}") from error
    return from_bytes(data, file.name)


def from_bytes(data: bytes, source: str) -> Recorded:
    """The run in these bytes.

    Raises:
        BrokenError: As `load`; names `source`.
    """
    try:
        found = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"{source}: not valid JSON: {str(error)[:200]}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BrokenError(f"{source}: not a baseline of this format ({FORMAT}); record it again with --update")
    try:
        if set(found) != _KEYS:
            raise ValueError(f"has other keys than {', '.join(sorted(_KEYS))}")
        run = _run(found)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenError(f"{source}: damaged: {str(error)[:200]}") from error
    if len(run.by_id) < len(run.answers):
        raise BrokenError(f"{source}: damaged: a sample is there twice")
    if run.data != found["data"]:
        raise BrokenError(f"{source}: damaged or edited: its samples are not those that its digest is of")
    return run


def _run(found: dict[str, Any]) -> Recorded:
    answers = []
    scale = LabelScale.from_dict(found["scale"])
    for sample in found["samples"]:
        if not isinstance(sample, dict) or set(sample) - _OF_ANSWER:
            raise ValueError("a sample is not as it was written")
        if not all(isinstance(value, str) for value in sample.values()):
            raise ValueError("a sample holds something else than text")
        answer = Answer(**{"label": None, **sample})
        for label in (answer.human, answer.label):
            if label is not None and scale.canonical(label) != label:
                raise ValueError(f"label {label!r} is not on the scale")
        answers.append(answer)
    for name in ("model", "prompts", "settings", "versions"):
        if not isinstance(found[name], Mapping):
            raise TypeError(f"{name} must be a mapping")
    if not all(isinstance(value, str) for name in ("prompts", "versions") for value in found[name].values()):
        raise ValueError("prompts and versions must be text")
    return Recorded(scale=scale, answers=tuple(answers), **{name: found[name] for name in _HEAD})


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # an answer may hold half of a surrogate pair
        return json.dumps(value, sort_keys=True, allow_nan=False)
    return text


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
