"""A user's labelled images, from a folder, a table or a hub dataset, with every fault named by file and row."""

from blpo_inspect.data.tables.data_summary import summarize
from blpo_inspect.data.tables.records import Benchmark, read_benchmark
from blpo_inspect.data.tables.rows import TableError

__all__ = ["Benchmark", "TableError", "read_benchmark", "summarize"]
