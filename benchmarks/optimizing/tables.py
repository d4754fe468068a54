"""The Markdown that is printed."""

from collections.abc import Callable, Sequence
from statistics import median

from blpo_inspect._util.table import Table
from optimizing.plan import ROLES, Mode, Result


def report(results: Sequence[Result], machine: str) -> str:
    """All tables.

    Args:
        results: Of all repeats.
        machine: What `machine` said before the first measurement.
    """
    lines = [f"{machine}.", ""]
    if not results:
        return "\n".join([*lines, "Nothing was measured."])
    first = results[0].job
    settings = " ".join(f"{name}={value}" for name, value in first.settings.items())
    repeats = 1 + max(result.job.repeat for result in results)
    lines += [
        f"BLPO ({settings}) on {first.benchmark}, seed {first.seed}; medians of {repeats} runs (least–most),"
        " each in a process of its own.",
    ]
    sizes = sorted({result.job.size for result in results})
    for size in sizes:
        at = [result for result in results if result.job.size == size]
        lines += ["", *_calls(at), "", *_times(at)]
    if len(sizes) > 1:
        lines += ["", *_growth(results, sizes)]
    return "\n".join(lines)


def _calls(results: Sequence[Result]) -> list[str]:
    """Calls of the first run: all make the same."""
    one = results[0]
    rows = [
        f"### {one.images:,} drawings ({one.job.size:g} × the benchmark's own), {one.steps} outer steps",
        "",
        f"Ended: {one.stopped}.",
        "",
    ]
    counts = {role: (one.calls[role].made, one.calls[role].naive or 0) for role in ROLES}
    made, naive = (sum(column) for column in zip(*counts.values(), strict=True))
    counts["all"] = made, naive
    counts["**without the validation split**"] = max(made - one.validated, 0), naive - one.validated
    rows += Table(
        ["calls before the test split", "made", "Algorithm 1 without reusing answers", "made of these"],
        [[name, f"{made:,}", f"{naive:,}", _share(made, naive)] for name, (made, naive) in counts.items()],
        right={1, 2, 3},
    ).markdown()
    again = sum(one.calls[role].replayed for role in ROLES)
    rows += [
        "",
        f"{one.validated:,} judgements of each column are of the validation split, which Algorithm 1 does not have."
        f" The run wanted {one.requested:,} judgements and captions, those included that it knew already; {again:,}"
        f" calls were answered from what it had recorded itself. The test split took {one.test_calls:,} more.",
    ]
    return rows


def _times(results: Sequence[Result]) -> list[str]:
    rows: list[tuple[str, Callable[[Result], float], Callable[[float], str]]] = [
        ("imports (cold: torch too)", lambda one: one.imports, _seconds),
        ("loading the judge", lambda one: one.weights, _seconds),
        ("drawing", lambda one: one.drawing, _seconds),
        ("**the run**, from Inspect's start to its log", lambda one: one.running, _seconds),
        ("its processor time, user + system", lambda one: one.processor, _seconds),
        ("of the run: the judge computes", lambda one: one.judging, _seconds),
        ("only the optimizer does", lambda one: one.inducing, _seconds),
        ("**no model does**", lambda one: one.outside, _seconds),
        ("… while requests are prepared for the judge", lambda one: one.preparing, _seconds),
        ("… while the log is written", lambda one: one.writing, _seconds),
        ("**share outside the models**", lambda one: one.outside / one.running, _percent),
        ("calls, the test split included", lambda one: one.total, _number),
        ("**calls per second**", lambda one: one.total / one.running, _number),
        ("peak memory", lambda one: one.memory, _bytes),
        ("log", lambda one: one.log, _bytes),
        ("cache", lambda one: one.cache, _bytes),
        ("load of the machine at the end", lambda one: one.load, lambda value: f"{value:.1f}"),
    ]
    cells = [
        [name, *(_cell(results, mode, value, shown) for mode in ("cold", "replayed"))] for name, value, shown in rows
    ]
    lines = Table(["", "cold", "replayed"], cells, right={1, 2}).markdown()
    pairs = len({result.pair for result in results})
    same = "All came to the same prompt pair, byte for byte."
    return [*lines, "", same if pairs == 1 else f"**They came to {pairs} different prompt pairs.**"]


def _growth(results: Sequence[Result], sizes: Sequence[float]) -> list[str]:
    rows: list[tuple[str, Mode, Callable[[Result], float], Callable[[float], str]]] = [
        ("drawings", "cold", lambda one: one.images, _number),
        ("ms per drawing", "cold", lambda one: one.drawing / one.images * 1000, _milliseconds),
        ("calls", "cold", lambda one: one.total, _number),
        ("made, of Algorithm 1, without validation", "cold", _of_naive, _percent),
        ("cold: seconds", "cold", lambda one: one.running, _seconds),
        ("cold: ms per call", "cold", lambda one: one.running / one.total * 1000, _milliseconds),
        ("cold: ms of processor time per call", "cold", lambda one: one.processor / one.total * 1000, _milliseconds),
        ("cold: share outside the models", "cold", lambda one: one.outside / one.running, _percent),
        ("cold: peak memory", "cold", lambda one: one.memory, _bytes),
        ("replayed: seconds", "replayed", lambda one: one.running, _seconds),
        ("replayed: calls per second", "replayed", lambda one: one.total / one.running, _number),
        ("replayed: peak memory", "replayed", lambda one: one.memory, _bytes),
        ("writing the log: ms per call", "replayed", lambda one: one.writing / one.total * 1000, _milliseconds),
        ("log", "cold", lambda one: one.log, _bytes),
        ("log: bytes per call", "cold", lambda one: one.log / one.total, _number),
        ("cache", "cold", lambda one: one.cache, _bytes),
        ("cache: bytes per call", "cold", lambda one: one.cache / one.total, _number),
    ]
    by_size = [[result for result in results if result.job.size == size] for size in sizes]
    cells = [[name, *(_cell(own, mode, value, shown) for own in by_size)] for name, mode, value, shown in rows]
    head = ["size", *(f"{size:g} ×" for size in sizes)]
    lines = ["### Growth", "", *Table(head, cells, right=range(1, len(head))).markdown()]
    capped = [
        f"{size:g} ×" for size in sizes if any(_is_capped(result) for result in results if result.job.size == size)
    ]
    if capped:
        limit = results[0].job.settings["max_calls"]
        lines += [
            "",
            f"At {', '.join(capped)} the run was ended by `max_calls={limit}`, not by the algorithm: calls and what is"
            " made of Algorithm 1 are of the part that was run; those of an unfinished step are made, but not counted"
            " for the algorithm. The test split is judged all the same, outside of that number.",
        ]
    return lines


def _is_capped(result: Result) -> bool:
    return result.stopped.startswith("max_calls=")


def _of_naive(result: Result) -> float:
    naive = sum(result.calls[role].naive or 0 for role in ROLES) - result.validated
    made = sum(result.calls[role].made for role in ROLES) - result.validated
    return made / naive if naive else float("nan")


def _cell(
    results: Sequence[Result], mode: Mode, value: Callable[[Result], float], shown: Callable[[float], str]
) -> str:
    """The median, and least and most where there is more than one and they show differently."""
    values = [value(result) for result in results if result.job.mode == mode]
    if not values:
        return "–"
    low, high = shown(min(values)), shown(max(values))
    return shown(median(values)) + ("" if low == high else f" ({low}–{high})")


def _share(part: int, whole: int | None) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _milliseconds(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{value:.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _bytes(value: float) -> str:
    return f"{value / 1e6:,.1f} MB"
