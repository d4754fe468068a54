"""What an optimization costs: calls against Algorithm 1 as written, time outside the models, replay, and growth.

    python benchmarks/optimize_cost.py
    python benchmarks/optimize_cost.py --sizes 1,10,100 --repeats 1 --json build/optimize_cost.json
    python benchmarks/optimize_cost.py --sizes 1,100 --max-calls 15000

Runs BLPO on the embedded world, cold (with an empty cache) and then replayed (BLPO_CACHE=offline, the same cache), each
in a process of its own. A size of 10 is ten times the drawings in each of the three splits. Prints Markdown tables;
progress goes to stderr.

Does not measure what prompts come out: the embedded world is a simulation (`compare_methods.py` compares them).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from arguments import positive
from optimizing.plan import MODES, Calls, Job, Mode, Result
from optimizing.tables import report
from surroundings import machine

PER_CLASS = {"shapes_safety": 50, "shapes_alignment": 50, "shapes_rating": 20}
"""Drawings for each label in each split, at size 1: the benchmarks' own default."""


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; the exit status: 1 where a run failed or a replay differs from its run."""
    options = _parser().parse_args(argv)
    if options.child is not None:
        _answer(options.child[0], Path(options.child[1]))
        return 0
    described = machine("torch", "inspect-ai", "blpo-inspect")
    results: list[Result] = []
    failed = 0
    total = len(options.sizes) * options.repeats * len(MODES)
    for size in options.sizes:
        for repeat in range(options.repeats):
            with tempfile.TemporaryDirectory() as folder:
                for mode in MODES:
                    result = _measured(_job(options, size, mode, repeat, folder), folder)
                    done = len(results) + failed + 1
                    if isinstance(result, str):
                        failed += len(MODES) - MODES.index(mode)
                        _say(f"[{done}/{total}] size {size:g}, {mode}: failed: {result}")
                        break
                    results.append(result)
                    _say(f"[{done}/{total}] size {size:g}, {mode}: {result.total:,} calls in {result.running:.1f} s")
                    if options.json is not None:  # after each, as a run may take long
                        _write(options, described, results)
    print(report(results, described))
    return 1 if failed or not _same(results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--benchmark", choices=list(PER_CLASS), default="shapes_safety", help="default: %(default)s")
    parser.add_argument(
        "--sizes", type=_sizes, default=[1.0], metavar="N,N", help="multiples of the benchmark's drawings; default: 1"
    )
    parser.add_argument("--max-calls", type=positive, metavar="N", help="end the optimization (-S max_calls) there")
    parser.add_argument("--preset", choices=["default", "paper"], default="default", help="of BLPO")
    parser.add_argument("--seed", type=int, default=0, help="of the optimization; default: %(default)s")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N", help="of everything; default: %(default)s")
    parser.add_argument("--realtime", action="store_true", help="with logs that can be watched while they grow")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where raw numbers go")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser


def _sizes(text: str) -> list[float]:
    sizes = [float(one) for one in text.split(",")]
    if not all(0 < size < 1e6 for size in sizes):
        raise argparse.ArgumentTypeError(f"{text}: sizes are above 0")
    return sizes


def _job(options: argparse.Namespace, size: float, mode: Mode, repeat: int, folder: str) -> Job:
    settings: dict[str, int | str] = {"preset": options.preset}
    if options.max_calls is not None:
        settings["max_calls"] = options.max_calls
    return Job(
        benchmark=options.benchmark,
        per_class=max(1, round(size * PER_CLASS[options.benchmark])),
        size=size,
        mode=mode,
        repeat=repeat,
        settings=settings,
        seed=options.seed,
        log_dir=f"{folder}/{mode}",
        realtime=options.realtime,
    )


def _measured(job: Job, folder: str) -> Result | str:
    """The result, else what went wrong."""
    out = Path(folder) / "result.json"
    environment = {
        **os.environ,
        "BLPO_CACHE": "readwrite" if job.mode == "cold" else "offline",
        "BLPO_CACHE_DIR": f"{folder}/cache",
    }
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(asdict(job)), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return (done.stderr.strip() or f"ended with status {done.returncode}").splitlines()[-1]
    found: dict[str, Any] = json.loads(out.read_text())
    calls = {role: Calls(**one) for role, one in found.pop("calls").items()}
    return Result(**{**found, "job": job, "calls": calls})


def _answer(request: str, out: Path) -> None:
    """The child's side."""
    from optimizing.child import measure

    out.write_text(json.dumps(asdict(measure(Job(**json.loads(request))))))


def _same(results: Sequence[Result]) -> bool:
    """Whether every run of a size, replayed or not, came to the same bytes."""
    return len({(result.job.size, result.pair) for result in results}) == len({result.job.size for result in results})


def _write(options: argparse.Namespace, described: str, results: Sequence[Result]) -> None:
    given = {name: value for name, value in vars(options).items() if name not in ("child", "json")}
    raw = {"machine": described, "options": given, "results": [asdict(result) for result in results]}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(raw, indent=1))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
