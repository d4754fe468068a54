"""How many images a judge answers in a second: transformers alone, Inspect's ``hf``, ``hf-vlm``, vLLM.

    python benchmarks/judge_throughput.py
    python benchmarks/judge_throughput.py --checkpoints qwen --images 20 --prompts 5 --repeats 1
    python benchmarks/judge_throughput.py --size 7b --checkpoints qwen     # needs a CUDA GPU

Makes checkpoints with random weights of realistic shapes in a temporary folder (TMPDIR; 7B takes 16 GB of it, twice
with --ways hf-text), and asks each way the same, in processes of their own that take turns. Two workloads: what an
optimization of prompts asks (prompt after prompt over the same images), and images that are all new. Prints Markdown
tables; progress goes to stderr.

Does not measure quality: the weights are random, but for the embedded judge's.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from arguments import positive
from surroundings import machine
from throughput import processes, tables
from throughput.plan import CHECKPOINTS, WAYS, WORKLOADS, Facts, Limits, Result, job
from throughput.sizes import SIZES


def main(argv: Sequence[str] | None = None) -> int:
    """Command line; the exit status: 1 where a way failed."""
    options = _parser().parse_args(argv)
    if options.child is not None:
        processes.answer(options.child[0], Path(options.child[1]))
        return 0
    limits = Limits(
        images=options.images,
        prompts=options.prompts,
        plain_images=options.plain_images,
        plain_prompts=options.plain_prompts,
        batch=options.batch,
        tokens=options.tokens,
    )
    described = machine("torch", "transformers", "inspect-ai", "blpo-inspect", "vllm")
    facts: dict[str, Facts] = {}
    results: list[Result] = []
    total = len(options.checkpoints) * len(options.workloads) * options.repeats * len(options.ways)
    for checkpoint in options.checkpoints:
        _say(f"making {checkpoint}")
        with tempfile.TemporaryDirectory() as folder:
            try:
                facts[checkpoint] = processes.make(
                    checkpoint,
                    options.size,
                    Path(folder),
                    limits.images,
                    limits.prompts,
                    text="hf-text" in options.ways,
                )
            except processes.ChildError as error:
                _say(f"error: cannot make {checkpoint}: {error}")
                return 1
            for workload in options.workloads:
                for repeat in range(options.repeats):
                    for way in options.ways:
                        result = processes.measure(job(way, workload, folder, limits), checkpoint, repeat)
                        results.append(result)
                        _say(f"[{len(results)}/{total}] {checkpoint}, {workload}, {way}: {_told(result)}")
                        if options.json is not None:  # after each, as a run takes hours
                            _write(options, described, facts, results)
    print(tables.report(facts, results, limits, options.workloads, options.ways, described))
    return 1 if any(one.failed for one in results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for name, known, what in (
        ("checkpoints", CHECKPOINTS, "models to ask"),
        ("ways", WAYS, "how to ask them"),
        ("workloads", WORKLOADS, "what to ask"),
    ):
        text = f"{what}, some of {', '.join(known)}; default: all"
        parser.add_argument(f"--{name}", nargs="+", choices=known, default=list(known), metavar="NAME", help=text)
    parser.add_argument("--size", choices=SIZES, default="small", help="of qwen and llava; default: %(default)s")
    for name, default, what in (
        ("images", 110, "of each workload"),
        ("prompts", 30, "of the BLPO pattern"),
        ("plain-prompts", 2, "of these, for ways that carry nothing from one to the next"),
        ("plain-images", 32, "of the images, for plain-single"),
        ("batch", 32, "most images of a batch"),
        ("tokens", 3, "of each answer: a label and its end"),
        ("repeats", 3, "of everything"),
    ):
        text = f"{what}; default: %(default)s"
        parser.add_argument(f"--{name}", type=positive, default=default, metavar="N", help=text)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where raw numbers and answers go")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser


def _write(options: argparse.Namespace, described: str, facts: dict[str, Facts], results: Sequence[Result]) -> None:
    given = {name: value for name, value in vars(options).items() if name not in ("child", "json")}
    raw = {
        "machine": described,
        "options": given,
        "checkpoints": {name: asdict(one) for name, one in facts.items()},
        "results": [asdict(result) for result in results],
    }
    options.json.write_text(json.dumps(raw))


def _told(result: Result) -> str:
    if result.failed is not None:
        return f"failed: {result.failed}"
    if result.missing is not None:
        return f"not measured: {result.missing}"
    checks = [
        f"{name} {made['checked']} of {made['requests']} checked in {made['share_of_time']:.2%} of the time"
        for name, made in result.checks.items()
        if made["checked"]
    ]
    return "; ".join([f"{result.calls} calls in {result.seconds:.2f} s", *checks])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # or gigabytes of a temporary folder stay behind
    sys.exit(main())
