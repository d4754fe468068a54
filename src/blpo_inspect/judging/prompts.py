"""The pair of prompts that is optimized: the judge prompt and the image-to-text (I2T) prompt, kept as YAML.

Does not send prompts to models (`solvers`) and does not say how to answer (`labels`).
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field, PlainValidator

from blpo_inspect._util.files import written_whole
from blpo_inspect._util.yaml_model import Model, file_bytes, must, read_as, read_yaml
from blpo_inspect.judging.label_map import LabelMap, checked, shown
from blpo_inspect.judging.label_text import clean
from blpo_inspect.judging.labels import Kind, LabelScale

FORMAT = "blpo-inspect/prompt-pair/1"
PLACEHOLDERS = frozenset({"text"})
"""What a judge prompt may refer to in braces; ``{{`` and ``}}`` are literal braces."""

DEFAULT_I2T = "Please describe this image in details."
"""The I2T prompt to start from (BLPO's q₀, arXiv 2602.11340)."""

RESULT = "optimization"
"""Where the metadata of a sample of ``optimize`` say how it went: ``stopped``, ``uses`` by role, ``naive_calls``."""

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}\n]*)\}|[{}]")


class PromptError(ValueError):
    """A prompt or a prompt file that cannot be used; the message says where and why."""


@dataclass(frozen=True)
class PromptPair:
    """A judge prompt and an I2T prompt; white space around a prompt does not count and is dropped.

    Attributes:
        judge: What the judge is asked about each image; ``{text}`` stands for the sample's text.
        i2t: What the describer is asked about an image, for the optimizer to read.
        scale: The scale the judge prompt was written for, if recorded.
        provenance: Where the pair comes from, JSON-ready.
        map: What the judge's labels mean under this judge prompt (`LabelMap`); None: what they say.

    Raises:
        PromptError: An empty prompt, an unknown placeholder, or a map without a scale or not of it.
    """

    judge: str
    i2t: str = DEFAULT_I2T
    scale: LabelScale | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    map: LabelMap | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "judge", _prompt("judge", PLACEHOLDERS, self.judge))
        object.__setattr__(self, "i2t", _prompt("i2t", frozenset(), self.i2t))
        if self.map is not None:
            try:
                object.__setattr__(self, "map", _map(self.map, self.scale))
            except ValueError as error:
                raise PromptError(f"map: {error}") from error

    @property
    def digest(self) -> str:
        """`prompts_digest` of the pair."""
        return prompts_digest(self.judge, None if self.map is None else shown(self.map))

    def to_yaml(self) -> str:
        """The pair as YAML; equal pairs give equal text."""
        data: dict[str, Any] = {"format": FORMAT, "judge": self.judge, "i2t": self.i2t}
        if self.scale is not None:
            data["scale"] = self.scale.to_dict()
        if self.map is not None:
            data["map"] = dict(self.map)
        if self.provenance:
            data["provenance"] = dict(self.provenance)
        return yaml.dump(data, Dumper=PromptDumper, sort_keys=False, allow_unicode=True, width=100)

    @classmethod
    def from_yaml(cls, text: str | bytes, *, source: str = "prompt pair") -> "PromptPair":
        """Read what `to_yaml` wrote, or a hand-written file with ``judge`` and optionally ``i2t``.

        Raises:
            PromptError: Not YAML, unknown keys or format, or invalid prompts or map; names ``source``, line and place.
        """
        given = read_yaml(_File, text, source, PromptError, strict=False, as_written=("judge", "i2t", "scale", "map"))
        return cls(given.judge, given.i2t, given.scale, given.provenance, given.map)

    def save(self, path: str | Path) -> None:
        """Write the pair; the file is there whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as file:
            file.write(self.to_yaml().encode())

    @classmethod
    def load(cls, path: str | Path) -> "PromptPair":
        """Read a file.

        Raises:
            PromptError: Missing or invalid; names the file.
        """
        return cls.from_yaml(file_bytes(Path(path), "prompt file", PromptError), source=str(path))


def prompts_digest(judge: str, map: str | None) -> str:
    """What tells apart pairs that may give different verdicts: 16 hex digits of a SHA-256 over judge prompt and map.

    Args:
        judge: The judge prompt.
        map: The map of labels, as `label_map.shown` writes it.
    """
    return hashlib.sha256(json.dumps([judge.strip(), map]).encode()).hexdigest()[:16]


def placeholders(prompt: str) -> frozenset[str]:
    """Names in single braces; a stray brace counts as a placeholder of that name."""
    found = set()
    for match in _PLACEHOLDER.finditer(prompt):
        if match.group() not in ("{{", "}}"):
            found.add(match[1] if match[1] is not None else match.group())
    return frozenset(found)


def fill(prompt: str, values: Mapping[str, str]) -> str:
    """Put values in the place of placeholders; values are inserted as they are, never filled in turn.

    Raises:
        PromptError: A placeholder has no value.
    """

    def replacement(match: re.Match[str]) -> str:
        if match.group() in ("{{", "}}"):
            return match.group()[0]
        name = match[1] if match[1] is not None else match.group()
        if name not in values:
            raise PromptError(f"the prompt refers to {{{name}}}, which this sample does not have")
        return values[name]

    return _PLACEHOLDER.sub(replacement, prompt)


def fence(tag: str, data: str) -> str:
    """Data between tags that it cannot close: text of images, captions and datasets is no instruction."""
    inert = re.sub(rf"<(?=\s*(?:/\s*)?{re.escape(tag)})", "‹", data, flags=re.IGNORECASE)
    return f"<{tag}>{inert}</{tag}>"


def _prompt(name: str, known: frozenset[str], text: str) -> str:
    text = text.strip()
    if not text:
        raise PromptError(f"the {name} prompt is empty")
    unknown = placeholders(text) - known
    if unknown:
        allowed = f"known here: {', '.join(sorted(known))}" if known else "none is allowed here"
        raise PromptError(
            f"the {name} prompt has unknown placeholders {sorted(unknown)} ({allowed}); "
            "write {{ and }} for literal braces"
        )
    return text


def _map(given: LabelMap, scale: LabelScale | None) -> LabelMap:
    if scale is None:
        raise ValueError("says nothing without the scale that it is for; add scale:")
    return checked(given, scale)


JudgeText = Annotated[str, AfterValidator(partial(_prompt, "judge", PLACEHOLDERS))]
I2TText = Annotated[str, AfterValidator(partial(_prompt, "i2t", frozenset()))]


def _number(text: Any) -> float | None:
    if text is None:
        return None
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"must be a number, not {text!r:.60}")
    return int(text) if text.lstrip("+-").isdigit() else value


_Number = Annotated[float | None, PlainValidator(_number)]


class _Scale(Model):
    kind: Kind
    labels: list[str] = Field(default_factory=list)
    low: _Number = None
    high: _Number = None
    aliases: dict[str, str] = Field(default_factory=dict)

    def scale(self) -> LabelScale:
        aliases = {clean(alias): clean(label) for alias, label in self.aliases.items()}
        return LabelScale(self.kind, tuple(map(clean, self.labels)), self.low, self.high, aliases)


StatedScale = Annotated[LabelScale | None, read_as(Annotated[_Scale, AfterValidator(_Scale.scale)])]
"""A field of a YAML file that is a scale; its name belongs into `read_yaml`'s ``as_written``."""


class _File(Model):
    format: Annotated[str, must(f"{FORMAT} (a newer version may write another)", lambda text: text == FORMAT)] = FORMAT
    judge: JudgeText
    i2t: I2TText = DEFAULT_I2T
    scale: StatedScale = None
    map: Annotated[dict[str, str], AfterValidator(lambda map, info: _map(map, info.data.get("scale")))] | None = None
    provenance: dict[Any, Any] = Field(default_factory=dict)


class PromptDumper(yaml.SafeDumper):
    """Writes prompts as readable blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value or len(value) > 80 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


PromptDumper.add_representer(str, _text)
