"""Baselines: runs of judges as files to keep in a repository. JSON, one line per sample; equal runs give equal bytes.

A baseline keeps what a later run is compared with: no images, keys, paths or times.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from blpo_inspect._util.files import written_whole
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.judged_run import JudgedRun, JudgedSample
from blpo_inspect.regression.data_differences import BrokenError

FORMAT = "blpo-inspect/baseline/1"
MAX_BYTES = 256_000_000

_HEAD = ("benchmark", "model", "prompts", "settings", "versions")
_KEYS = {"format", "data", "scale", "samples", *_HEAD}
_OF_SAMPLE = ("id", "shown", "human", "label", "unread", "category", "group")


def to_bytes(run: JudgedRun) -> bytes:
    """The run as a baseline file."""
    head = {
        "format": FORMAT,
        "data": data_digest(run),
        "scale": run.scale.to_dict(),
        **{name: getattr(run, name) for name in _HEAD},
        **({"first": dict(run.first)} if run.first else {}),
    }
    lines = [f"{_json(name)}: {_json(value)}," for name, value in sorted(head.items())]
    samples = ",\n".join(
        _json({name: value for name in _OF_SAMPLE if (value := getattr(answer, name)) is not None})
        for answer in run.answers
    )
    return ("{\n" + "\n".join(lines) + '\n"samples": [\n' + samples + "\n]\n}\n").encode()


def after_update(old: JudgedRun, new: JudgedRun) -> JudgedRun:
    """The new run as a baseline of the same data that remembers what the first one said."""
    said = {answer.id: old.first.get(answer.id, answer.label) for answer in old.answers}
    return replace(new, first={one.id: said[one.id] for one in new.answers if said[one.id] != one.label})


def data_digest(run: JudgedRun) -> str:
    """SHA-256 over what was judged: scale, ids, people's labels, images and texts."""
    plain = [run.scale.to_dict(), [[answer.id, answer.human, answer.shown] for answer in run.answers]]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def save(run: JudgedRun, file: Path) -> None:
    """Write a baseline; the file is there whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as out:
        out.write(to_bytes(run))


def load(file: Path) -> JudgedRun:
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


def from_bytes(data: bytes, source: str) -> JudgedRun:
    """The run in these bytes.

    Raises:
        BrokenError: As `load`; names `source`.
    """
    try:
        fields = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BrokenError(f"{source}: not valid JSON: {str(error)[:200]}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise BrokenError(f"{source}: not a baseline of this format ({FORMAT}); record it again with --update")
    try:
        if set(fields) - {"first"} != _KEYS:
            raise ValueError(f"has other keys than {', '.join(sorted(_KEYS))}")
        run = _run(fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BrokenError(f"{source}: damaged: {str(error)[:200]}") from error
    if len(run.by_id) < len(run.answers):
        raise BrokenError(f"{source}: damaged: a sample is there twice")
    if data_digest(run) != fields["data"]:
        raise BrokenError(f"{source}: damaged or edited: its samples are not those that its digest is of")
    return run


def _run(fields: dict[str, Any]) -> JudgedRun:
    scale = LabelScale.from_dict(fields["scale"])
    answers = tuple(_answer(sample, scale) for sample in fields["samples"])
    for name in ("model", "prompts", "settings", "versions"):
        if not isinstance(fields[name], Mapping):
            raise TypeError(f"{name} must be a mapping")
    if not all(isinstance(value, str) for name in ("prompts", "versions") for value in fields[name].values()):
        raise ValueError("prompts and versions must be text")
    first = fields.get("first", {})
    if not isinstance(first, Mapping) or not first.keys() <= {answer.id for answer in answers}:
        raise ValueError("first must be labels of its samples")
    for label in first.values():
        _check_label(label, scale)
    return JudgedRun(scale=scale, answers=answers, first=first, **{name: fields[name] for name in _HEAD})


def _check_label(label: object, scale: LabelScale) -> None:
    if label is not None and scale.canonical(label) != label:
        raise ValueError(f"label {label!r} is not on the scale")


def _answer(sample: object, scale: LabelScale) -> JudgedSample:
    if not isinstance(sample, dict) or not {"id", "shown", "human"} <= set(sample) <= set(_OF_SAMPLE):
        raise ValueError("a sample is not as it was written")
    if not all(isinstance(value, str) for value in sample.values()):
        raise ValueError("a sample holds something else than text")
    answer = JudgedSample(**{"label": None, **sample})
    for label in (answer.human, answer.label):
        _check_label(label, scale)
    return answer


def _json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # an answer may hold half of a surrogate pair
        return json.dumps(value, sort_keys=True, allow_nan=False)
    return text


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
