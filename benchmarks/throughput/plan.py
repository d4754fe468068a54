"""What is measured: ways, workloads, and how many calls each way makes of a workload."""

from collections.abc import Sequence
from dataclasses import dataclass, field

CHECKPOINTS = ("qwen", "qwen-hires", "llava", "shapes-judge")

WORKLOADS = {
    "pattern": "BLPO pattern: prompt after prompt, each over the same images",
    "fresh": "Fresh images: one prompt, each image seen for the first time",
}


@dataclass(frozen=True)
class Way:
    """One way to have images judged."""

    title: str
    """In the table."""

    repeats_itself: bool = True
    """Nothing carries over from one prompt to the next, so a few prompts tell what all of them would."""

    comparable: bool = True
    """Whether its answers can equal those of plain batches: the same model, asked the same."""


WAYS = {
    "plain-single": Way("transformers, one by one"),
    "plain-batch": Way("transformers, batches"),
    "hf-text": Way("Inspect's `hf`, a caption in place of the image (for reference)", comparable=False),
    "hf-vlm-no-reuse": Way("`hf-vlm`, `prefix_cache_gb=0`"),
    "hf-vlm": Way("`hf-vlm`", repeats_itself=False),
    "hf-vlm-model": Way("`hf-vlm`, through Inspect's `Model.generate`", repeats_itself=False),
    "hf-vlm-deterministic": Way("`hf-vlm`, `deterministic=true`", repeats_itself=False),
    "hf-vlm-likelihood": Way("`hf-vlm`, answers by likelihood", repeats_itself=False, comparable=False),
    "vllm": Way("vLLM, offline", repeats_itself=False),
}

BASELINE = "plain-batch"


@dataclass(frozen=True)
class Limits:
    """How much is asked."""

    images: int
    prompts: int
    plain_images: int
    plain_prompts: int
    batch: int
    tokens: int


@dataclass(frozen=True)
class Job:
    """One way on one workload: what a process of its own measures."""

    way: str
    workload: str
    folder: str
    """Where `child.make` put the checkpoint and the material."""

    images: int
    prompts: int
    batch: int
    tokens: int


@dataclass(frozen=True)
class Facts:
    """What the process that makes a checkpoint knows about it and about this machine."""

    parameters: int
    image_tokens: int
    prompt_tokens: tuple[int, int]
    """Fewest and most tokens of a request without its image's."""

    device: str
    threads: int


@dataclass
class Result:
    """What came of a `Job`."""

    checkpoint: str
    workload: str
    way: str
    repeat: int
    missing: str | None = None
    """Why it could not be measured here."""

    failed: str | None = None
    calls: int = 0
    seconds: float = 0.0
    rounds: list[float] = field(default_factory=list)
    """Seconds of each prompt over its images."""

    memory: int = 0
    """Most bytes resident in main memory."""

    gpu_memory: int | None = None
    """Most bytes of tensors on the GPU."""

    answers: list[list[str]] = field(default_factory=list)
    """By prompt and image."""

    checks: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of `hf-vlm`: for each shortcut, requests that took it, how many were checked, and the share of time of that."""

    @property
    def measured(self) -> bool:
        return self.missing is None and self.failed is None


def job(way: str, workload: str, folder: str, limits: Limits) -> Job:
    """What a way is asked of a workload."""
    images, prompts = limits.images, limits.prompts if workload == "pattern" else 1
    if WAYS[way].repeats_itself:
        prompts = min(prompts, limits.plain_prompts)
    if way == "plain-single":
        images = min(images, limits.plain_images)
    return Job(way, workload, folder, images, prompts, limits.batch, limits.tokens)


def equal_answers(result: Result, baseline: Result) -> tuple[int, int]:
    """How many answers are the same text as plain batches gave, and of how many calls that both made."""
    pairs = [
        (own, plain)
        for own_round, plain_round in zip(result.answers, baseline.answers, strict=False)
        for own, plain in zip(own_round, plain_round, strict=False)
    ]
    return sum(own == plain for own, plain in pairs), len(pairs)


def select(results: Sequence[Result], checkpoint: str, workload: str, way: str) -> list[Result]:
    """The repeats of one row."""
    return [
        result for result in results if (result.checkpoint, result.workload, result.way) == (checkpoint, workload, way)
    ]
