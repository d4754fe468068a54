"""``benchmark.yaml``: what a user's data mean where their table alone does not say it.

    data: labels.csv                      # or hub:NAME@REVISION with config and split; else what lies beside this file
    about: photos for a children's magazine, judged by its editors
    columns: {image: file, label: verdict, text: caption, id: key, group: scene, category: topic, reason: why}
    raters: [anna, ben]                   # columns with one person's labels each; also patterns, such as rater_*
    scale: {kind: unordered, labels: [safe, unsafe], aliases: {ok: safe}}
    ties: drop                            # or random: rows whose raters tie on an unordered scale; else an error
    judge: Would a moderator remove this photo?
    i2t: Please describe this image in details.
    licence: CC BY 4.0
    citation: Doe et al. 2026

Every line is optional. Where a sample has several images, columns state ``images``, or ``image_1``, ``image_2``, …
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from blpo_inspect._util.yaml_model import Model, file_bytes, read_as, read_yaml
from blpo_inspect.data.tables.table_row import TableError
from blpo_inspect.judging.label_text import clean
from blpo_inspect.judging.prompts import I2TText, JudgeText, StatedScale

SIDE_ROLES = ("category_1", "category_2")
"""Of the two images of a pair: what each is of, such as the model that made it."""

ROLES = ("image", "label", "text", "id", "group", "category", "reason", *SIDE_ROLES)
"""What a column can be; a column of such a name is that unless ``columns`` says otherwise."""

IMAGE_ROLES = re.compile(r"image(s|_[1-9]\d*)?")
"""What a column with images can be: one of each sample, all of them, or the first, the second and so on."""

RATERS = ("rater_*",)
_EMPTY = BeforeValidator(lambda text: None if text == "" else text)


def _role(name: str) -> str:
    if name not in ROLES and not IMAGE_ROLES.fullmatch(name):
        raise ValueError(f"no such key; known here: {', '.join(ROLES)}, images, image_1, image_2, …")
    return name


_RaterNames = Annotated[
    list[str],
    BeforeValidator(lambda given: [given] if isinstance(given, str) else given),
    AfterValidator(lambda names: tuple(map(clean, names))),
]


class BenchmarkSettings(Model):
    """What a ``benchmark.yaml`` says; without one, all defaults.

    Attributes:
        file: The file, for messages; None where there is none.
        columns: What a column is → the name it has.
        raters: Names or patterns of the columns that hold one rater's labels each.
        scale: The labels, if stated.
        ties: What becomes of rows whose raters tie on an unordered scale.
        judge: The judge prompt, if stated.
        i2t: The I2T prompt, if stated.
        data: The table, folder or hub dataset, if stated.
        config: Of a hub dataset.
        split: Of a hub dataset.
        about: What is judged and for whom, in a line, for optimizers to read.
        licence: A note for the log.
        citation: A note for the log.
    """

    file: Path | None = Field(default=None, exclude=True)
    columns: Mapping[Annotated[str, AfterValidator(_role)], Annotated[str, AfterValidator(clean)]] = Field(
        default_factory=dict
    )
    raters: Annotated[tuple[str, ...], read_as(_RaterNames)] = RATERS
    scale: StatedScale = None
    ties: Literal["error", "drop", "random"] = "error"
    judge: Annotated[JudgeText | None, _EMPTY] = None
    i2t: Annotated[I2TText | None, _EMPTY] = None
    data: str | None = None
    config: str | None = None
    split: str | None = None
    about: Annotated[str | None, _EMPTY] = None
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
        used = {self.column(role) for role in ROLES} | set(self.columns.values())
        return [name for name in known if name not in used and any(fnmatchcase(name, r) for r in self.raters)]


def load_settings(path: Path) -> BenchmarkSettings:
    """Read a ``benchmark.yaml``.

    Raises:
        TableError: Missing, not YAML, or keys and values that are not understood; names file, line and place.
    """
    data = file_bytes(path, "file", TableError)
    keys = BenchmarkSettings.known_keys()
    settings = read_yaml(BenchmarkSettings, data, str(path), TableError, strict=False, as_written=keys)
    return settings.model_copy(update={"file": path})
