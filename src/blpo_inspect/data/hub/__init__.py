"""Files of a hub dataset repository at one commit, of which no more is fetched than a benchmark needs.

Whole files, members of zip archives and cells of parquet files; all stay in the hub's cache folder and are read from
there offline. Does not know any benchmark (`tasks`) and does not decode images.
"""

from blpo_inspect.data.hub.archives import fetch_members
from blpo_inspect.data.hub.parquet import fetch_cells, read_columns
from blpo_inspect.data.hub.partial_files import Unusable
from blpo_inspect.data.hub.repository import Repository

__all__ = ["Repository", "Unusable", "fetch_cells", "fetch_members", "read_columns"]
