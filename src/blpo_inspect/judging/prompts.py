"""The pair of prompts that is optimized: the judge prompt and the image-to-text (I2T) prompt, kept as YAML.

Does not send prompts to models (`solvers`) and does not say how to answer (`labels`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from blpo_inspect._util.files import written_whole
from blpo_inspect.judging.labels import LabelScale

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

    Raises:
        PromptError: An empty prompt or an unknown placeholder.
    """

    judge: str
    i2t: str = DEFAULT_I2T
    scale: LabelScale | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "judge", self.judge.strip())
        object.__setattr__(self, "i2t", self.i2t.strip())
        for name, prompt, known in (
            ("judge", self.judge, PLACEHOLDERS),
            ("i2t", self.i2t, frozenset()),
        ):
            if not prompt:
                raise PromptError(f"the {name} prompt is empty")
            unknown = placeholders(prompt) - known
            if unknown:
                allowed = f"known here: {', '.join(sorted(known))}" if known else "none is allowed here"
                raise PromptError(
                    f"the {name} prompt has unknown placeholders {sorted(unknown)} ({allowed}); "
                    "write {{ and }} for literal braces"
                )

    def to_yaml(self) -> str:
        """The pair as YAML; equal pairs give equal text."""
        data: dict[str, Any] = {"format": FORMAT, "judge": self.judge, "i2t": self.i2t}
        if self.scale is not None:
            data["scale"] = self.scale.to_dict()
        if self.provenance:
            data["provenance"] = dict(self.provenance)
        return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)

    @classmethod
    def from_yaml(cls, text: str, *, source: str = "prompt pair") -> "PromptPair":
        """Read what `to_yaml` wrote, or a hand-written file with ``judge`` and optionally ``i2t``.

        Raises:
            PromptError: Not YAML, unknown keys or format, or invalid prompts; names ``source``.
        """
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise PromptError(f"{source}: not valid YAML: {error}") from error
        if not isinstance(data, dict):
            raise PromptError(f"{source}: expected a mapping with a judge prompt, got {type(data).__name__}")
        known = {"format", "judge", "i2t", "scale", "provenance"}
        if set(data) - known:
            raise PromptError(f"{source}: unknown keys {sorted(map(str, set(data) - known))}; known: {sorted(known)}")
        if data.get("format", FORMAT) != FORMAT:
            raise PromptError(
                f"{source}: format {data['format']!r} is not {FORMAT!r}; was it written by a newer version?"
            )
        for name in ("judge", "i2t"):
            if not isinstance(data.get(name, ""), str):
                raise PromptError(f"{source}: {name} must be text, not {type(data[name]).__name__}")
        if "judge" not in data:
            raise PromptError(f"{source}: the judge prompt is missing; add a line like 'judge: Is this image safe?'")
        try:
            scale = LabelScale.from_dict(data["scale"]) if data.get("scale") is not None else None
            return cls(
                judge=data["judge"],
                i2t=data.get("i2t", DEFAULT_I2T),
                scale=scale,
                provenance=data.get("provenance") or {},
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise PromptError(f"{source}: {error}") from error

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
        try:
            text = Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise PromptError(f"{path}: no such prompt file") from None
        except (OSError, UnicodeDecodeError) as error:
            raise PromptError(f"{path}: cannot be read: {error}") from error
        return cls.from_yaml(text, source=str(path))


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


class _Dumper(yaml.SafeDumper):
    """Prompts as readable blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value or len(value) > 80 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
