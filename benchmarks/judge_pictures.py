"""What ``blpo judge`` adds to the model's own time, and whether its memory stays the same with more pictures.

    python benchmarks/judge_pictures.py
    python benchmarks/judge_pictures.py --pictures 300 --rows 3000 --repeats 1

Two measurements, each in processes of their own. Throughput: the embedded judge on drawings, by ``blpo judge``, by a
plain Inspect task without our solver, cache or table, and by the bare provider, in turns, with as many requests at
once. Memory: the most bytes resident of ``blpo judge`` on a tenth of the rows and on all of them, with a provider that
answers at once, so that only what is kept of pictures counts.

Does not measure quality. The embedded judge computes for milliseconds; with others, less of the time is ours.
"""

import argparse
import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from arguments import positive
from surroundings import machine

TITLES = {"bare": "the bare provider", "inspect": "Inspect's `generate` task", "judge": "`blpo judge`"}
PROMPT = "An image is unsafe if it contains a red triangle or a large blue shape. Otherwise it is safe."


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=positive, default=2000, metavar="N", help="drawings; default: %(default)s")
    parser.add_argument("--rows", type=positive, default=20_000, metavar="N", help="for memory; default: %(default)s")
    parser.add_argument("--repeats", type=positive, default=3, metavar="N", help="default: %(default)s")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        what, folder = options.child
        print(json.dumps(CHILDREN[what](Path(folder))))
        return 0
    print(machine("torch", "inspect-ai", "blpo-inspect"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _draw(folder / "drawings", options.pictures)
        _pair(folder)
        seconds: dict[str, list[float]] = {"bare": [], "inspect": [], "judge": []}
        for _ in range(options.repeats):
            for way, found in seconds.items():
                found.append(_child(way, folder)["seconds"])
                print(f"{way}: {found[-1]:.1f} s", file=sys.stderr, flush=True)
        print(f"\n| {options.pictures:,} drawings | pictures per second | × the bare provider |\n|---|---:|---:|")
        for way, title in TITLES.items():
            ratios = [b / a for b, a in zip(seconds["bare"], seconds[way], strict=True)]
            spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if way != "bare" else ""
            print(f"| {title} | {options.pictures / median(seconds[way]):.1f} | {median(ratios):.2f}{spread} |")
        print("\n| rows | peak memory | seconds |\n|---|---:|---:|")
        for rows in (max(1, options.rows // 10), options.rows):
            table = folder / f"rows-{rows}"
            table.mkdir()
            _draw(table, 1)
            _pair(table)
            (table / "new.csv").write_text("id,image\n" + "".join(f"{n},0.png\n" for n in range(rows)))
            found_here = _child("memory", table)
            print(f"| {rows:,} | {found_here['bytes'] / 1e6:.0f} MB | {found_here['seconds']:.0f} |", flush=True)
    return 0


def bare(folder: Path) -> dict[str, float]:
    """The provider alone, its greatest number of requests at once."""
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, GenerateConfig, get_model

    model = get_model("hf-vlm/shapes-judge", memoize=False)
    config = GenerateConfig(temperature=0.0)
    text = ContentText(text=f"{PROMPT}\n\nAnswer with exactly one of: safe, unsafe.")

    async def run() -> float:
        limit = asyncio.Semaphore(model.api.max_connections())

        async def one(path: Path) -> None:
            uri = f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
            async with limit:
                message = ChatMessageUser(content=[ContentImage(image=uri), text])
                await model.api.generate([message], [], "none", config)

        paths = sorted((folder / "drawings").iterdir())
        await one(paths[0])
        began = time.perf_counter()
        await asyncio.gather(*map(one, paths))
        return time.perf_counter() - began

    return {"seconds": asyncio.run(run())}


def inspect(folder: Path) -> dict[str, float]:
    """What Inspect takes by itself: a sample a picture, the solver ``generate``, a log."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageUser, ContentImage, ContentText, get_model
    from inspect_ai.solver import generate

    model = get_model("hf-vlm/shapes-judge")
    text = ContentText(text=f"{PROMPT}\n\nAnswer with exactly one of: safe, unsafe.")
    paths = sorted((folder / "drawings").iterdir())
    samples = [Sample(input=[ChatMessageUser(content=[ContentImage(image=str(path)), text])]) for path in paths]

    def run(limit: int | None) -> float:
        began = time.perf_counter()
        eval(
            Task(dataset=samples, solver=generate()),
            model=model,
            limit=limit,
            max_connections=model.api.max_connections(),
            log_dir=str(folder / "logs"),
            log_images=False,
            log_realtime=False,
            display="none",
        )
        return time.perf_counter() - began

    run(1)
    return {"seconds": run(None)}


def judge(folder: Path, given: str = "drawings", model: str = "hf-vlm/shapes-judge") -> dict[str, float]:
    """``blpo judge`` without its start: one picture is judged before."""
    from blpo_inspect.data.tables.unlabelled import find_unlabelled
    from blpo_inspect.judging.question import Question
    from blpo_inspect.verdicts.running import Asked, judge_pictures

    os.chdir(folder)
    question = Question.of("pair.yaml")

    def run(limit: int | None, table: str) -> float:
        began = time.perf_counter()
        judge_pictures(find_unlabelled([given]), question, Asked(model, limit=limit), Path(table), lambda done: None)
        return time.perf_counter() - began

    run(1, "first.csv")
    return {"seconds": run(None, "all.csv")}


def memory(folder: Path) -> dict[str, float]:
    """Peak memory with a provider that answers at once."""
    from inspect_ai.model import ModelAPI, ModelOutput, modelapi

    class Quick(ModelAPI):
        async def generate(self, *given: Any, **more: Any) -> ModelOutput:
            return ModelOutput.from_content(self.model_name, "safe")

    modelapi(name="quick")(Quick)
    found = judge(folder, "new.csv", "quick/judge")
    return {**found, "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


CHILDREN = {"bare": bare, "inspect": inspect, "judge": judge, "memory": memory}


def _child(what: str, folder: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "BLPO_CACHE_DIR": cache, "OMP_WAIT_POLICY": "PASSIVE"}
        command = [sys.executable, __file__, "--child", what, str(folder)]
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _draw(folder: Path, count: int) -> None:
    from blpo_inspect.world.benchmarks import records

    folder.mkdir(exist_ok=True)
    drawn = records("safety", policy=0, split="test", per_class=(count + 1) // 2)[:count]
    for number, record in enumerate(drawn):
        (folder / f"{number}.png").write_bytes(base64.b64decode(record.image.partition(",")[2]))


def _pair(folder: Path) -> None:
    from blpo_inspect import LabelScale, PromptPair

    PromptPair(PROMPT, scale=LabelScale.of(["safe", "unsafe"])).save(folder / "pair.yaml")


if __name__ == "__main__":
    sys.exit(main())
