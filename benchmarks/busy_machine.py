"""What waiting threads cost: 100 judgements of the embedded judge under both OpenMP wait policies.

On a machine that is otherwise idle, and beside processes that are always busy:

    python benchmarks/busy_machine.py
"""

import argparse
import os
import subprocess
import sys
from statistics import median

JUDGE = """
import asyncio, time
from inspect_ai.model import ContentImage, get_model
from blpo_inspect.world.benchmarks import BENCHMARKS, records
from blpo_inspect.judging.asking import GREEDY, judge_message

items = records("safety", policy=0, split="test", per_class=50)
model = get_model("hf-vlm/shapes-judge")
scale = BENCHMARKS["safety"].scale

async def judge(item):
    message = judge_message("Is this image safe or unsafe?", scale, images=[ContentImage(image=item.image)])
    return await model.generate([message], config=GREEDY)

async def main():
    await judge(items[0])
    for _ in range(5):
        began = time.monotonic()
        await asyncio.gather(*[judge(item) for item in items])
        print(time.monotonic() - began)

asyncio.run(main())
"""
HOG = "while True: pass"


def seconds(*, passive: bool) -> float:
    """Median time of 100 judgements in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment["BLPO_CACHE"] = "off"
    # `hf-vlm` sets the policy before it loads torch; where torch is loaded already it has no effect
    program = JUDGE if passive else "import torch" + JUDGE
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return median(float(line) for line in done.stdout.split())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hogs", type=int, default=os.cpu_count(), help="busy processes; default: one for each core")
    options = parser.parse_args()
    print("| 100 judgements | torch's own policy | as `hf-vlm` sets it | ratio |\n|---|---|---|---|")
    for hogs in (0, options.hogs):
        busy = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(hogs)]
        try:
            own, passive = seconds(passive=False), seconds(passive=True)
        finally:
            for process in busy:
                process.kill()
        name = f"beside {hogs} busy processes" if hogs else "idle machine"
        print(f"| {name} | {own:.2f} s | {passive:.2f} s | {own / passive:.1f}× |", flush=True)


if __name__ == "__main__":
    main()
