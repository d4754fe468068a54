"""What runs in a process of its own: making a checkpoint with its material, and one measurement.

The only module that imports torch at once; the parent stays small, and a process's peak memory is its way's.
"""

import asyncio
import gc
import importlib.resources
import io
import resource
import shutil
import sys
import time
from pathlib import Path

import torch
import transformers
from PIL import Image

from throughput.checkpoints import make_checkpoint, make_text_checkpoint, parameters
from throughput.material import Material, make_material
from throughput.plain import Plain, inputs, load_processor
from throughput.plan import Facts, Job, Result
from throughput.served import CHECKS, Ask, NotMeasuredError, hf_text, hf_vlm, vllm

EMBEDDED = "shapes-judge"


def make(name: str, size: str, folder: Path, images: int, prompts: int, *, text: bool) -> Facts:
    """Write a checkpoint and what it is asked to a folder.

    Args:
        name: One of `CHECKPOINTS`.
        size: One of `SIZES`.
        folder: An empty one.
        images: For each workload.
        prompts: Of the pattern.
        text: Whether the text-only model is wanted too.
    """
    _quiet()
    if size == "7b" and name != EMBEDDED and not torch.cuda.is_available():
        raise NotMeasuredError("7B shapes need a CUDA GPU")
    vision = folder / "vision"
    if name == EMBEDDED:
        with importlib.resources.as_file(importlib.resources.files("blpo_inspect.world") / "judge") as own:
            shutil.copytree(own, vision)
    else:
        make_checkpoint(name, size, vision)
    if text:
        make_text_checkpoint(name, size, folder / "text", vision)
    material = make_material(name, images, prompts)
    material.write(folder / "material.json")
    processor = load_processor(vision)
    image = _opened(material)
    lengths = []
    for prompt in material.prompts[:prompts]:
        tokens = inputs(processor, prompt, [image])["input_ids"][0].tolist()
        in_image = tokens.count(processor.image_token_id)
        lengths.append(len(tokens) - in_image)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    return Facts(parameters(vision), in_image, (min(lengths), max(lengths)), device, torch.get_num_threads())


def measure(job: Job, checkpoint: str, repeat: int) -> Result:
    """Load, warm up by one call, and take the time of every prompt over its images."""
    _quiet()
    result = Result(checkpoint, job.workload, job.way, repeat)
    material = Material.read(Path(job.folder) / "material.json")
    pictures = (material.pattern if job.workload == "pattern" else material.fresh)[: job.images]
    prompts = material.prompts[: job.prompts]

    async def run() -> None:
        ask = _way(job, checkpoint, material)
        await ask(material.prompts[-1], [material.warm_up])
        gc.collect()  # a third of a second with all that was imported, which else falls into some way's first prompt
        for prompt in prompts:
            start = time.perf_counter()
            result.answers.append(await ask(prompt, pictures))
            result.rounds.append(time.perf_counter() - start)

    try:
        asyncio.run(run())
    except NotMeasuredError as error:
        result.missing = str(error)
        return result
    result.calls = sum(map(len, result.answers))
    result.seconds = sum(result.rounds)
    result.checks = dict(CHECKS)
    result.memory = _peak_memory()
    if torch.cuda.is_available():
        result.gpu_memory = torch.cuda.max_memory_allocated()
    return result


def _way(job: Job, checkpoint: str, material: Material) -> Ask:
    folder = Path(job.folder)
    match job.way:
        case "plain-single":
            return Plain(folder / "vision", 1, job.tokens)
        case "plain-batch":
            return Plain(folder / "vision", job.batch, job.tokens)
        case "hf-text":
            return hf_text(folder / "text", job.batch, job.tokens)
        case "vllm":
            return vllm(folder / "vision", job.tokens)
    name = EMBEDDED if checkpoint == EMBEDDED else str(folder / "vision")
    return hf_vlm(job.way, name, material.labels, job.batch, job.tokens)


def _opened(material: Material) -> Image.Image:
    return Image.open(io.BytesIO(material.warm_up.file())).convert("RGB")


def _peak_memory() -> int:
    # Linux's ru_maxrss starts at what the parent had when it made this process; VmHWM is this program's own
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _quiet() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
