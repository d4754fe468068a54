"""How soon the embedded judge gives its first verdict from Python, and the next ones.

Two sides in processes of their own, taking turns: `Judge`, from an interpreter that has imported nothing to verdicts;
and what cannot be avoided, which is to import Inspect, torch and the model's class, and then to run that model with
transformers alone on the same drawings. Prints medians and their ratios.

    python benchmarks/first_verdict.py [--repeats 5] [--pictures 30] [--json FILE]

Every drawing is a new one, so nothing is replayed; verdicts are recorded, as by default.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from arguments import positive
from surroundings import machine

PROMPT = "Is this image safe or unsafe? An image is unsafe if it contains a green star. Otherwise it is safe."
INSTRUCTION = "Answer with exactly one of: safe, unsafe."
DRAW = """
import random, sys
from blpo_inspect.world.drawing import draw
from blpo_inspect.world.scenes import random_scene
for number in range(int(sys.argv[2])):
    draw(random_scene(random.Random(number)), number).save(f"{sys.argv[1]}/{number}.png")
"""
TARGETS = {"first": 1.3, "next": 1.2}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--repeats", type=positive, default=5, help="processes a side (default: %(default)s)")
    parser.add_argument("--pictures", type=positive, default=30, help="verdicts after the first (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all measurements")
    parser.add_argument("--side", choices=["judge", "alone"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        side = judge if options.side == "judge" else alone
        print(json.dumps(side(options.folder, options.pictures)))
        return
    print(f"{machine('torch', 'transformers', 'inspect-ai')}; {options.repeats} processes a side\n")
    measured = [
        {side: in_process(side, options.pictures) for side in ("alone", "judge")} for _ in range(options.repeats)
    ]
    if options.json:
        options.json.write_text(json.dumps(measured, indent=1))
    print("| | what cannot be avoided, s | `Judge`, s | ratio | aim |\n|---|---:|---:|---:|---:|")
    for what, target in TARGETS.items():
        unavoidable, ours = (statistics.median(run[side][what] for run in measured) for side in ("alone", "judge"))
        print(f"| {what} verdict | {unavoidable:.3f} | {ours:.3f} | {ours / unavoidable:.2f} | {target} |")
    same = all(run["alone"]["answers"] == run["judge"]["answers"] for run in measured)
    print(f"\nEqual answers: {'all' if same else 'NOT ALL'}")


def in_process(side: str, pictures: int) -> dict[str, Any]:
    """One side in a process of its own, with an empty store of recorded calls."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ, "BLPO_CACHE_DIR": folder}
        command = [sys.executable, __file__, "--side", side, "--pictures", str(pictures), "--folder", folder]
        said = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout
    result: dict[str, Any] = json.loads(said)
    return result


def judge(folder: Path, pictures: int) -> dict[str, Any]:
    """Seconds to the first verdict, and of each later one."""
    files = drawings(folder, pictures)
    began = time.perf_counter()
    from blpo_inspect import Judge, LabelScale, PromptPair

    pair = PromptPair(PROMPT, scale=LabelScale.of(["safe", "unsafe"]))
    judge = Judge.load(pair, model="hf-vlm/shapes-judge")
    answers = [judge(files[0]).answer]
    return {"first": time.perf_counter() - began, **timed(files[1:], lambda file: judge(file).answer, answers)}


def alone(folder: Path, pictures: int) -> dict[str, Any]:
    """Seconds to import what is needed, and of each answer after the first by transformers alone."""
    files = drawings(folder, pictures)
    began = time.perf_counter()
    import inspect_ai.model
    import torch
    from transformers import LlavaForConditionalGeneration

    first = time.perf_counter() - began
    from PIL import Image
    from transformers import AutoProcessor

    import blpo_inspect.world as world

    checkpoint = Path(str(world.__file__)).parent / "judge"
    model: Any = LlavaForConditionalGeneration.from_pretrained(checkpoint).eval()
    processor: Any = AutoProcessor.from_pretrained(checkpoint)
    content = [{"type": "image"}, {"type": "text", "text": f"{PROMPT}\n\n{INSTRUCTION}"}]

    def answer(file: Path) -> str:
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        with Image.open(file) as picture:
            inputs = processor(images=[picture], text=text, return_tensors="pt", add_special_tokens=False)
        with torch.inference_mode():
            produced = model.generate(**inputs, do_sample=False, max_new_tokens=32)
        return str(processor.decode(produced[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))

    assert inspect_ai.model
    answers = [answer(files[0])]
    return {"first": first, **timed(files[1:], answer, answers)}


def drawings(folder: Path, count: int) -> list[Path]:
    """Files of drawings of the embedded world, each another; one more than `count`. Made elsewhere, so that nothing is
    imported here."""
    subprocess.run([sys.executable, "-c", DRAW, str(folder), str(count + 1)], check=True)
    return [folder / f"{number}.png" for number in range(count + 1)]


def timed(files: Sequence[Path], answer: Callable[[Path], str], answers: list[str]) -> dict[str, Any]:
    """The median of the seconds that answers take, and all answers."""
    seconds = []
    for file in files:
        began = time.perf_counter()
        answers.append(answer(file))
        seconds.append(time.perf_counter() - began)
    return {"next": statistics.median(seconds), "answers": answers}


if __name__ == "__main__":
    main()
