"""Names of columns: which are not used, and what was probably meant by them."""

from collections.abc import Iterable, Sequence

from blpo_inspect._util.close_names import close_to
from blpo_inspect.data.tables.benchmark_yaml import RATERS, ROLES, BenchmarkSettings
from blpo_inspect.data.tables.table_row import TableError

_SHOWN = 20
CLOSE = 0.7
"""Of difflib's ratio: ``grp`` is close to ``group``, ``date`` to nothing."""


def missing_columns(table: str, missing: Sequence[str], columns: Sequence[str], more: str = "") -> TableError:
    """The error of a table without columns that are needed: what it has, and what may be meant.

    Args:
        table: What to call it.
        missing: The columns.
        columns: All that it has.
        more: What else can be done.
    """
    near = [name for role in missing if (name := close_to(role, columns, CLOSE))]
    meant = f"did you mean {', '.join(near)}? " if near else ""
    return TableError(
        f"{table}: no column {' and '.join(missing)}; it has {', '.join(map(repr, columns))}"
        f" ({meant}benchmark.yaml can name the columns{more})"
    )


def unused_columns(columns: Iterable[str], used: Iterable[str], settings: BenchmarkSettings) -> str | None:
    """A line that names the columns that say nothing to us, and what they may be meant to be; None where all are used.

    Args:
        columns: All that the table has.
        used: Those with the image, the raters, and what the settings name.
        settings: What columns mean.
    """
    known, taken = list(columns), set(used)
    unused = [name for name in known if name not in taken]
    if not unused:
        return None
    free = [role for role in ROLES[1:] if role not in settings.columns and role not in known]
    if settings.raters == RATERS and not settings.rater_columns(known):
        free.append("rater_…")
    meant = dict.fromkeys(match for name in unused if (match := close_to(name, free, CLOSE)))
    more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
    question = f"; did you mean {', '.join(meant)}?" if meant else ""
    return f"columns not used: {', '.join(name or repr(name) for name in unused[:_SHOWN])}{more}{question}"
