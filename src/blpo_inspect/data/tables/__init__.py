"""A user's labelled images, from a folder, a table or a hub dataset, with every fault named by file and row."""

from blpo_inspect.data.tables.data_summary import summarize
from blpo_inspect.data.tables.records import UserBenchmark, read_benchmark
from blpo_inspect.data.tables.table_row import TableError

__all__ = ["TableError", "UserBenchmark", "read_benchmark", "summarize"]
