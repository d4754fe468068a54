"""The Markdown that is printed."""

from collections.abc import Sequence
from statistics import median

from blpo_inspect._util.table import Table
from throughput.plan import BASELINE, WAYS, WORKLOADS, Facts, Limits, Result, equal_answers, select

NOTHING = "–"
HEADER = (
    "way",
    "calls made",
    "seconds",
    "judge calls per second",
    "× plain batches",
    "peak memory",
    "answers equal to plain batches",
)


def report(
    facts: dict[str, Facts],
    results: Sequence[Result],
    limits: Limits,
    workloads: Sequence[str],
    ways: Sequence[str],
    machine: str,
) -> str:
    """All tables.

    Args:
        facts: By checkpoint.
        results: Of all repeats.
        limits: How much was asked.
        workloads: Those to show.
        ways: Those to show.
        machine: What `machine` said before the first measurement.
    """
    repeats = 1 + max((result.repeat for result in results), default=0)
    threads, device = {(fact.threads, fact.device) for fact in facts.values()}.pop()
    lines = [
        f"{machine}; {threads} torch threads; models on {device}.",
        "",
        f"{limits.tokens} tokens per answer, batches of at most {limits.batch}; each way in a process of its own, after"
        " one call to warm up, with `OMP_WAIT_POLICY=PASSIVE`. "
        + (
            f"Medians of {repeats} repeats, the ways taking turns; × within a repeat (least–most)."
            if repeats > 1
            else ""
        ),
    ]
    if device == "CPU":
        lines[-1] = f"{lines[-1].strip()} No GPU here: what needs one was not measured."
    for checkpoint, known in facts.items():
        low, high = known.prompt_tokens
        lines += [
            "",
            f"## {checkpoint}",
            "",
            f"{known.parameters / 1e6:.1f} M parameters, {known.image_tokens} image tokens,"
            f" {low} to {high} prompt tokens (chat template included); {_distinct(results, checkpoint)}.",
        ]
        for workload in workloads:
            images, prompts = limits.images, limits.prompts if workload == "pattern" else 1
            lines += ["", f"**{WORKLOADS[workload]}** ({images} images × {prompts} prompt{'s' * (prompts > 1)})", ""]
            rows = [_row(way, checkpoint, workload, results) for way in ways]
            lines += Table(HEADER, rows, right=range(1, len(HEADER))).markdown()
    return "\n".join(lines)


def _row(way: str, checkpoint: str, workload: str, results: Sequence[Result]) -> list[str]:
    own, plain = (select(results, checkpoint, workload, one) for one in (way, BASELINE))
    for one in own:
        if not one.measured:
            reason = f"failed: {one.failed}" if one.failed else f"not measured: {one.missing}"
            return [WAYS[way].title, reason, *[NOTHING] * (len(HEADER) - 2)]
    rate = median(one.calls / one.seconds for one in own)
    seconds = median(one.seconds for one in own)
    cells = [WAYS[way].title, f"{own[0].calls:,}", f"{seconds:.2f}", f"{rate:.2f}{_later(way, own)}"]
    pairs = [(one, other) for one in own for other in plain if other.measured and one.repeat == other.repeat]
    cells.append(_times([(a.calls / a.seconds) / (b.calls / b.seconds) for a, b in pairs]))
    cells.append(_memory(own))
    if way == BASELINE or not pairs:
        cells.append(NOTHING)
    elif not WAYS[way].comparable:
        cells.append("other questions" if way == "hf-text" else "other answers")
    else:
        equal, count = min(equal_answers(one, other) for one, other in pairs)
        cells.append(f"{equal} of {count}")
    return cells


def _later(way: str, own: Sequence[Result]) -> str:
    """What follows the first prompt, which fills a store of prefixes."""
    if WAYS[way].repeats_itself or len(own[0].rounds) < 2:
        return ""
    rate = median(sum(map(len, one.answers[1:])) / sum(one.rounds[1:]) for one in own)
    return f" ({rate:.2f} after the first prompt)"


def _times(ratios: Sequence[float]) -> str:
    if not ratios:
        return NOTHING
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 and min(ratios) != max(ratios) else ""
    return f"{median(ratios):.2f}{spread}"


def _memory(own: Sequence[Result]) -> str:
    gpu = [one.gpu_memory for one in own if one.gpu_memory is not None]
    main = f"{max(one.memory for one in own) / 1e9:.2f} GB"
    return f"{main}, GPU {max(gpu) / 1e9:.2f} GB" if gpu else main


def _distinct(results: Sequence[Result], checkpoint: str) -> str:
    """Equal answers say little where every image gets the same."""
    own = [one for workload in WORKLOADS for one in select(results, checkpoint, workload, BASELINE) if one.repeat == 0]
    found = [text for one in own for answers in one.answers for text in answers]
    return f"plain batches gave {len(set(found))} different answers in {len(found)} calls"
