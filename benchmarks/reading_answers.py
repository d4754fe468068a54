"""How long it takes to read a reply of a megabyte, whatever it holds, and whether time grows as the length does.

    python benchmarks/reading_answers.py

Every reply repeats one piece of text that a reader could stumble over: openings without ends, quotes, marks, labels.
A reply of up to 32,000 characters after its reasoning is read whole. A longer one is refused, but its reasoning has
to be found first. The ratio of times at 32,000 and 16,000 characters is about 2 for linear time.
"""

import time

import click

from blpo_inspect._util.table import Table
from blpo_inspect.judging.labels import LabelScale

SCALES = (
    LabelScale("unordered", ("safe", "unsafe")),
    LabelScale("ordinal", tuple("12345")),
    LabelScale("unordered", ("安全", "不安全")),
)
PIECES = (
    *("safe ", "safe, ", "safe: ", "safe. ", "unsafe safe ", "safe_", "un", "4 ", "4. ", "4", "4/5 ", "/5", "(1-5) "),
    *(
        "rating: ",
        "rating: 4\n",
        "final ",
        "the image is ",
        "it is very ",
        "i rate it ",
        "so, ",
        "based on a, ",
        "not ",
    ),
    *(
        '"',
        "'",
        "“",
        '"safe" ',
        "says: safe\n",
        "> ",
        "```",
        "*",
        "_",
        "~~",
        "$",
        "\\boxed{",
        "\\text{",
        "<",
        "<answer>",
    ),
    *(
        "<think>",
        "</think>",
        "<|channel|>final<|message|>",
        "[THINK]",
        "[",
        "[[",
        "{",
        "{}",
        "{{}}",
        '{"a": ',
        "{'a':1}",
    ),
    *("安", "不安全", "是", "⭐", "❌", "\u0301", "\ufdfa", "４", "\n", " ", "i can't ", "if ", "would ", "wait ", "x"),
)


def slowest(length: int, pieces: tuple[str, ...] = PIECES) -> tuple[float, str]:
    """Seconds of the slowest reply of a length, the least of three runs, and the piece that it repeats."""
    found = []
    for piece in pieces:
        reply = ("Rating: " + piece * (length // len(piece) + 1))[:length]
        for scale in SCALES:
            runs = []
            for _ in range(3):
                start = time.perf_counter()
                scale.read(reply)
                runs.append(time.perf_counter() - start)
            found.append((min(runs), piece))
    return max(found)


@click.command(help=__doc__)
def main() -> None:
    """Measure and print."""
    slowest(1_000)  # patterns are compiled
    times = {length: slowest(length) for length in (16_000, 32_000, 1_000_000)}
    head = ("characters", "slowest reply, seconds", "it repeats")
    rows = [(f"{length:,}", f"{seconds:.3f}", repr(piece)) for length, (seconds, piece) in times.items()]
    click.echo("\n".join(Table(head, rows, right=(0, 1)).markdown()))
    click.echo(f"ratio of 32,000 to 16,000 characters: {times[32_000][0] / times[16_000][0]:.1f}")


if __name__ == "__main__":
    main()
