"""Prompt pairs where people keep them: YAML files and the Inspect logs of optimize runs; and how two pairs differ.

Does not print (`cli.prompts`), and does not write a pair but through `PromptPair.save`.
"""

import datetime
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from blpo_inspect.cache.logs import LogError, reading
from blpo_inspect.judging.prompts import PromptError, PromptPair

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_LOGS = frozenset({".eval", ".json"})
_BEGINS = "format: blpo-inspect/prompt-pair/"
_MAX_VALUES = 200_000
_MAX_DEPTH = 40
_TOKEN = re.compile(r"\n|[^\S\n]*(?:\w+|[^\w\s])|[^\S\n]+")


def is_log(path: Path) -> bool:
    """Whether a file is taken for an Inspect log, by its ending (``.eval``, ``.json``)."""
    return path.suffix.lower() in _LOGS


def load(path: Path, sample: str | None = None, epoch: int | None = None) -> PromptPair:
    """The pair in a YAML file, or the one that an optimize run left in a log.

    Args:
        path: The file; see `is_log`.
        sample: Which sample of a log; needed where several hold a pair.
        epoch: Which epoch of it, from 1.

    Raises:
        PromptError: An invalid pair.
        LogError: A log that cannot be read, has no such pair, or several that fit.
    """
    if not is_log(path):
        pair = PromptPair.load(path)
    else:
        found = from_log(path, sample, epoch)
        pair = PromptPair.from_yaml(found.text, source=f"{path}, sample {found.sample}")
    if not isinstance(pair.provenance, Mapping):
        raise PromptError(f"{path}: provenance must be a mapping, not {type(pair.provenance).__name__}")
    return pair


@dataclass(frozen=True)
class LoggedPair:
    """A pair that a sample of a log has as its output.

    Attributes:
        sample: The sample's id.
        epoch: Its epoch, from 1.
        text: The pair as YAML, not checked yet.
    """

    sample: str
    epoch: int
    text: str


def from_log(path: Path, sample: str | None = None, epoch: int | None = None) -> LoggedPair:
    """The one pair in a log that fits the sample's id and epoch, where they are given.

    Raises:
        LogError: Unreadable, no such pair (says what the log holds), or several (lists them).
    """
    log = _read(path)
    samples = log.samples or []
    pairs = [
        LoggedPair(str(one.id), one.epoch, one.output.completion)
        for one in samples
        if one.output.completion.lstrip().startswith(_BEGINS)
    ]
    if not pairs:
        raise LogError(f"{path}: no prompt pair in it, as an optimize run leaves one. {_described(log)}")
    fitting = [pair for pair in pairs if sample in (None, pair.sample) and epoch in (None, pair.epoch)]
    if len(fitting) == 1:
        return fitting[0]
    several = len({pair.epoch for pair in pairs}) > 1
    names = ", ".join(f"{pair.sample} (epoch {pair.epoch})" if several else pair.sample for pair in fitting or pairs)
    if fitting:
        choose = "--sample ID" if len({pair.sample for pair in fitting}) > 1 else "--epoch N"
        raise LogError(f"{path}: {len(fitting)} samples hold a prompt pair: {names}; choose one by {choose}")
    wanted = " and ".join(f"{name} {value}" for name, value in (("sample", sample), ("epoch", epoch)) if value)
    raise LogError(f"{path}: no prompt pair of {wanted}; there is one of: {names}")


def json_ready(value: object, path: str = "provenance") -> Any:
    """A copy that JSON can hold: names as text, dates as text, NaN and infinities as None.

    Raises:
        PromptError: So many or so deeply nested values that they are no record of a run (YAML can refer to itself).
    """
    return _copied(value, path, 0, iter(range(_MAX_VALUES)))


@dataclass(frozen=True)
class Piece:
    """A part of two texts: in both, or only in the first (removed) or the second (added)."""

    kind: Literal["same", "removed", "added"]
    text: str


def word_diff(old: str, new: str) -> list[Piece]:
    """How one text became another, word by word: all pieces but the added make `old`, all but the removed `new`."""
    first, second = _TOKEN.findall(old), _TOKEN.findall(new)
    pieces: list[Piece] = []
    for _, i, k, j, m in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        removed, added = "".join(first[i:k]), "".join(second[j:m])
        if removed == added:
            pieces.append(Piece("same", removed))
            continue
        # a word brings the space before it, which need not be marked where both have it
        space = _common_space(removed, added)
        pieces += [
            Piece("same", space),
            Piece("removed", removed[len(space) :]),
            Piece("added", added[len(space) :]),
        ]
    return [piece for piece in pieces if piece.text]


def diff_lines(pieces: list[Piece], context: int = 3) -> Iterator[list[Piece] | None]:
    """The lines of a word diff that changed, with some around them; None stands for lines left out.

    A line break that was removed or added is shown as ``↵`` in its piece.
    """
    lines: list[list[Piece]] = [[]]
    for piece in pieces:
        parts = piece.text.split("\n")
        for number, part in enumerate(parts):
            ends = number < len(parts) - 1
            text = part if piece.kind == "same" or not ends else f"{part}↵"
            if text:
                lines[-1].append(Piece(piece.kind, text))
            if ends:
                lines.append([])
    changed = [number for number, line in enumerate(lines) if any(piece.kind != "same" for piece in line)]
    shown = set(chain.from_iterable(range(at - context, at + context + 1) for at in changed))
    left_out = False
    for number, line in enumerate(lines):
        if number not in shown:
            left_out = True
            continue
        if left_out:
            yield None
            left_out = False
        yield line
    if left_out and changed:
        yield None


def _read(path: Path) -> "EvalLog":
    if not is_log(path):
        raise LogError(f"{path}: not an Inspect log (.eval or .json)")
    from inspect_ai.log import read_eval_log

    with reading(path):
        return read_eval_log(str(path), exclude_fields={"attachments", "events", "messages", "store"})


def _described(log: "EvalLog") -> str:
    samples = log.samples or []
    failed = [sample.error.message for sample in samples if sample.error]
    why = f"; {len(failed)} failed, the first with: {failed[0].strip().partition(chr(10))[0][:200]}" if failed else ""
    count = f"{len(samples)} sample{'' if len(samples) == 1 else 's'}"
    return f"It holds {count} of the task {log.eval.task} with {log.eval.model}, status {log.status}{why}"


def _copied(value: object, path: str, depth: int, left: Iterator[int]) -> Any:
    if next(left, None) is None or depth > _MAX_DEPTH:
        raise PromptError(f"{path}: too many values, or nested too deeply, for a record of a run")
    if isinstance(value, Mapping):
        return {str(name): _copied(item, path, depth + 1, left) for name, item in value.items()}
    if isinstance(value, list | tuple | set):
        items = sorted(value, key=str) if isinstance(value, set) else value
        return [_copied(item, path, depth + 1, left) for item in items]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if isinstance(value, datetime.date) else str(value)


def _common_space(removed: str, added: str) -> str:
    spaces = [re.match(r"[^\S\n]*", text) for text in (removed, added)]
    first, second = (match[0] if match else "" for match in spaces)
    return first if first == second and removed and added else ""
