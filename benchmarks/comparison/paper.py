"""The known results of arXiv 2602.11340 (BLPO): F1 and accuracy by judge, benchmark and method.

Other cells of its tables are not known here. Which average its F1 is, what its ± stands for, and how the methods other
than BLPO were shown the images is not stated there, so its figures are no target to hit but a scale to look at.
"""

from dataclasses import dataclass

from comparison.methods import Method
from comparison.plan import plain

REMARK = (
    "From arXiv 2602.11340, as far as known; which average its F1 is, and what its ± stands for, is not stated there."
)
SCOUT, MAVERICK, QWEN = "Llama-4-Scout", "Llama-4-Maverick", "Qwen2.5-VL-32B"
JUDGES = (SCOUT, MAVERICK, QWEN)


@dataclass(frozen=True)
class Cell:
    """A known cell.

    Attributes:
        judge: How the judge's name begins.
        benchmark: This package's name of the benchmark.
        method: This command's name of the method.
        f1: F1, if known.
        accuracy: Accuracy, if known.
    """

    judge: str
    benchmark: str
    method: str
    f1: float | None = None
    accuracy: float | None = None


APO = "protegi:images=true"
CELLS = (
    Cell(MAVERICK, "agin", "none", 0.26, 0.30),
    Cell(MAVERICK, "agin", "textgrad", 0.30, 0.38),
    Cell(MAVERICK, "agin", "opro", 0.26, 0.30),
    Cell(MAVERICK, "agin", APO, 0.32, 0.37),
    Cell(MAVERICK, "agin", "blpo", 0.33, 0.38),
    Cell(MAVERICK, "unsafebench", "none", 0.65, 0.69),
    Cell(MAVERICK, "unsafebench", "textgrad", 0.68, 0.73),
    Cell(MAVERICK, "unsafebench", "opro", 0.72, 0.76),
    Cell(MAVERICK, "unsafebench", APO, 0.67, 0.70),
    Cell(MAVERICK, "unsafebench", "blpo", 0.89, 0.90),
    Cell(QWEN, "agin", "textgrad", 0.17, 0.22),
    Cell(QWEN, "agin", "blpo", 0.17, 0.14),
    Cell(SCOUT, "agin", "blpo:i2t=fixed", 0.18),
    Cell(SCOUT, "agin", "blpo:i2t=judge_prompt", 0.19),
    Cell(SCOUT, "agin", "blpo", 0.23),
    Cell(SCOUT, "seetrue", "textgrad", 0.77),
    Cell(SCOUT, "seetrue", "blpo:i2t=fixed", 0.73),
    Cell(SCOUT, "seetrue", "blpo:i2t=judge_prompt", 0.74),
    Cell(SCOUT, "seetrue", "blpo", 0.77),
    Cell(SCOUT, "image_reward", APO, None, 0.37),
    Cell(SCOUT, "image_reward", "blpo:i2t=fixed", 0.25),
    Cell(SCOUT, "image_reward", "blpo:i2t=judge_prompt", 0.32),
    Cell(SCOUT, "image_reward", "blpo", 0.34, 0.36),
    Cell(SCOUT, "unsafebench", "blpo:i2t=fixed", 0.73),
    Cell(SCOUT, "unsafebench", "blpo:i2t=judge_prompt", 0.78),
    Cell(SCOUT, "unsafebench", "blpo", 0.81),
)


def judge_of(model: str) -> str | None:
    """Which of the paper's judges a model is, by its name."""
    return next((judge for judge in JUDGES if judge.lower() in model.lower()), None)


def cells_of(benchmark: str, judge: str | None = None) -> list[Cell]:
    """The known cells of a benchmark; of one judge, if one is given."""
    return [known for known in CELLS if known.benchmark == plain(benchmark) and judge in (None, known.judge)]


def cell(model: str, benchmark: str, method: Method) -> Cell | None:
    """The paper's cell beside a measured one; presets do not tell methods apart, all other settings do."""
    settings = ",".join(
        f"{name}={str(value).lower()}" for name, value in sorted(method.settings.items()) if name != "preset"
    )
    label = f"{method.name}:{settings}" if settings else method.name
    judge = judge_of(model)
    if judge is None:
        return None
    return next((known for known in cells_of(benchmark, judge) if known.method == label), None)
