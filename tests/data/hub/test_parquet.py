"""Parquet files on the hub: columns and cells, and what of the file travels for them."""

import io
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import constants

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub import Repository, Unusable, fetch_cells, read_columns
from tests.data.hub.server import Hub

REPOSITORY = Repository("owner/table", "77aa" * 10)
ROWS = 60


def cell(row: int) -> bytes:
    """Of the image column."""
    return random.Random(row).randbytes(8_000)


@pytest.fixture
def served(hub: Hub) -> Hub:
    """A table of 60 images in row groups of 5, which are nearly all of its half megabyte."""
    images = [{"bytes": None if row == 7 else cell(row), "path": f"{row}.png"} for row in range(ROWS)]
    table = pa.table({"image": images, "label": [f"label {row % 3}" for row in range(ROWS)], "plain": [b"x"] * ROWS})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=5)
    hub.add(REPOSITORY.id, {"t.parquet": buffer.getvalue(), "bad.parquet": bytes(9_000)}, commit=REPOSITORY.commit)
    return hub


def test_columns_without_the_images(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = read_columns(REPOSITORY, "t.parquet", ["label"])
    assert rows == [{"label": f"label {row % 3}"} for row in range(ROWS)]
    assert served.sent("cdn") < 100_000
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert read_columns(REPOSITORY, "t.parquet", ["label"]) == rows


def test_cells_by_row_group(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = fetch_cells(REPOSITORY, "t.parquet", "image", [3, 6, 7])
    assert [cells[row].read_bytes() for row in (3, 6)] == [cell(3), cell(6)]  # type: ignore[union-attr]
    assert cells[7] == Unusable("t.parquet, row 7: no image")
    assert served.sent("cdn") < 160_000, "two row groups of twelve, and the footer"
    assert REPOSITORY.cached("t.parquet") is None
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch_cells(REPOSITORY, "t.parquet", "image", [7, 3]) == {row: cells[row] for row in (7, 3)}


@pytest.mark.parametrize("ranges", [True, False])
def test_the_whole_file_where_parts_would_not_do(served: Hub, ranges: bool) -> None:
    served.ranges = ranges
    cells = fetch_cells(REPOSITORY, "t.parquet", "image", range(0, ROWS, 5) if ranges else [0])
    assert cells[0].read_bytes() == cell(0)  # type: ignore[union-attr]
    assert REPOSITORY.cached("t.parquet") is not None
    assert fetch_cells(REPOSITORY, "t.parquet", "plain", [4])[4].read_bytes() == b"x"  # type: ignore[union-attr]
    assert read_columns(REPOSITORY, "t.parquet", ["label"])[4] == {"label": "label 1"}


def test_what_is_no_such_table(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PrerequisiteError, match="no column score; it has image, label, plain"):
        read_columns(REPOSITORY, "t.parquet", ["label", "score"])
    with pytest.raises(PrerequisiteError, match=r"bad.parquet: not a parquet file that can be read"):
        read_columns(REPOSITORY, "bad.parquet", ["label"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(PrerequisiteError, match="pip install pyarrow"):
        read_columns(REPOSITORY, "t.parquet", ["plain"])
