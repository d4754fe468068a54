"""``benchmark.yaml``: what a user's data mean where their table alone does not say it.

    data: labels.csv                      # or hub:NAME@REVISION with config and split; else what lies beside this file
    columns: {image: file, label: verdict, text: caption, id: key, group: scene, category: topic}
    raters: [anna, ben]                   # columns with one person's labels each; also patterns, such as rater_*
    scale: {kind: unordered, labels: [safe, unsafe], aliases: {ok: safe}}
    judge: Would a moderator remove this photo?
    i2t: Please describe this image in details.
    licence: CC BY 4.0
    citation: Doe et al. 2026

Every line is optional.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from blpo_inspect.data.tables.rows import TableError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptError, PromptPair

ROLES = ("image", "label", "text", "id", "group", "category")
"""What a column can be; a column of such a name is that unless ``columns`` says otherwise."""

RATERS = ("rater_*",)
_TEXTS = ("data", "config", "split", "judge", "i2t", "licence", "citation")


@dataclass(frozen=True)
class BenchmarkSettings:
    """What a ``benchmark.yaml`` says; without one, all defaults.

    Attributes:
        file: The file, for messages; None where there is none.
        columns: What a column is → the name it has.
        raters: Names or patterns of the columns that hold one rater's labels each.
        scale: The labels, if stated.
        judge: The judge prompt, if stated.
        i2t: The I2T prompt, if stated.
        data: The table, folder or hub dataset, if stated.
        config: Of a hub dataset.
        split: Of a hub dataset.
        licence: A note for the log.
        citation: A note for the log.
    """

    file: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    raters: tuple[str, ...] = RATERS
    scale: LabelScale | None = None
    judge: str | None = None
    i2t: str | None = None
    data: str | None = None
    config: str | None = None
    split: str | None = None
    licence: str | None = None
    citation: str | None = None

    def column(self, role: str) -> str:
        """The name of the column that is, say, the label."""
        return self.columns.get(role, role)

    def rater_columns(self, columns: Iterable[str]) -> list[str]:
        """Which of these columns hold raters' labels, in the order of the table.

        Raises:
            TableError: A rater that is named, not a pattern, has no column.
        """
        known = list(columns)
        missing = [name for name in self.raters if name not in known and not set(name) & set("*?[")]
        if missing:
            raise TableError(
                f"{self.file}: no column of the raters {', '.join(missing)}; there are {', '.join(map(repr, known))}"
            )
        used = {self.column(role) for role in ROLES}
        return [name for name in known if name not in used and any(fnmatchcase(name, r) for r in self.raters)]


def load_settings(path: Path) -> BenchmarkSettings:
    """Read a ``benchmark.yaml``.

    Raises:
        TableError: Missing, not YAML, or keys and values that are not understood; names the file.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TableError(f"{path}: cannot be read as YAML: {error}") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise TableError(f"{path}: expected a mapping, got {type(data).__name__}")
    known = {*_TEXTS, "columns", "raters", "scale"}
    unknown = sorted(str(name) for name in set(data) - known)
    if unknown:
        raise TableError(f"{path}: unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}")
    texts: dict[str, Any] = {}
    for name in _TEXTS:
        value = data.get(name)
        if value is not None and not isinstance(value, str):
            raise TableError(f"{path}: {name} must be text, not {type(value).__name__}")
        texts[name] = value
    try:
        scale = LabelScale.from_dict(data["scale"]) if data.get("scale") is not None else None
        PromptPair(texts["judge"] or "a prompt", texts["i2t"] or DEFAULT_I2T)
    except PromptError as error:
        raise TableError(f"{path}: {error}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise TableError(f"{path}: scale: {error}") from error
    return BenchmarkSettings(
        path, _columns(data.get("columns"), path), _raters(data.get("raters"), path), scale, **texts
    )


def _columns(data: object, path: Path) -> dict[str, str]:
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data.values()):
        raise TableError(f"{path}: columns must be a mapping of what a column is to its name, as in {{label: verdict}}")
    unknown = sorted(str(role) for role in set(data) - set(ROLES))
    if unknown:
        raise TableError(f"{path}: columns can be {', '.join(ROLES)}, not {', '.join(unknown)}")
    return dict(data)


def _raters(data: object, path: Path) -> tuple[str, ...]:
    if data is None:
        return RATERS
    names = [data] if isinstance(data, str) else data
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TableError(f"{path}: raters must be a list of columns, as in [anna, ben], or a pattern, as in rater_*")
    return tuple(names)
