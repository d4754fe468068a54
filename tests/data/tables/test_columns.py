"""Columns that say nothing to us are named, with what they were probably meant to be."""

import pytest

from blpo_inspect.data.tables.benchmark_yaml import BenchmarkSettings
from blpo_inspect.data.tables.columns import unused_columns

USED = {"image", "label", "text", "id", "group", "category", "rater_1"}


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ("image label", None),
        ("image label text id group category rater_1", None),
        ("image label categroy grp", "columns not used: categroy, grp; did you mean category, group?"),
        ("image label Group ID", "columns not used: Group, ID; did you mean group, id?"),
        ("image label image2 date", "columns not used: image2, date"),
        ("image label grup group", "columns not used: grup"),  # there is a group
        ("image label ratr_1 Rater_2", "columns not used: ratr_1, Rater_2; did you mean rater_…?"),
        ("image label rater_1 ratr_2", "columns not used: ratr_2"),
        ("image label " + " ".join(f"x{k}" for k in range(25)), " and 5 more"),
    ],
)
def test_named(columns: str, line: str | None) -> None:
    found = unused_columns(columns.split(), USED, BenchmarkSettings())
    assert found == line or (line is not None and line.startswith(" ") and found is not None and found.endswith(line))


def test_what_settings_name_is_not_meant_again() -> None:
    settings = BenchmarkSettings.model_validate({"columns": {"group": "scene"}, "raters": ["anna"]})
    found = unused_columns(["image", "label", "scene", "anna", "grup"], {"image", "label", "scene", "anna"}, settings)
    assert found == "columns not used: grup"
