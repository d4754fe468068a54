"""`OptimizeRun`: one optimization, as a sample of an optimization log holds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.prompts import RESULT, PromptError, PromptPair
from blpo_inspect.logs import redaction
from blpo_inspect.logs.judged_run import sha256
from blpo_inspect.logs.prompt_pairs import holds_pair, json_ready
from blpo_inspect.logs.reader import first_line
from blpo_inspect.logs.run_record import RunRecord, run_record
from blpo_inspect.logs.usage import Usage, role_usage

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample


@dataclass(frozen=True)
class OptimizeRun:
    """One optimization.

    Attributes:
        sample: The sample's id in the log.
        epoch: Its epoch, from 1.
        judge: The judge prompt that it ended with.
        i2t: The I2T prompt that it ended with.
        provenance: Where the pair comes from, JSON-ready.
        uses: What each role was asked.
        record: How to repeat it.
    """

    sample: str
    epoch: int
    judge: str
    i2t: str
    provenance: Mapping[str, Any]
    uses: Mapping[str, Usage]
    record: RunRecord

    @property
    def order(self) -> tuple[Any, ...]:
        """As `JudgedRun.order`."""
        digest = sha256([self.provenance, self.judge, self.i2t])
        return self.benchmark, self.method, self.seed, self.record.model, digest, self.record.log, self.epoch

    @property
    def benchmark(self) -> str:
        """The name of the benchmark."""
        benchmark = self.provenance.get("benchmark")
        return str(benchmark.get("name", "?")) if isinstance(benchmark, Mapping) else "?"

    @property
    def method(self) -> str:
        """The name of the method."""
        return str(self.provenance.get("method", "?"))

    @property
    def seed(self) -> str:
        """The seed, as text."""
        return str(self.provenance.get("seed", "?"))

    @property
    def name(self) -> str:
        """What the optimization is called in a report."""
        return f"{self.method} on {self.benchmark}, seed {self.seed}"


def is_optimization(log: "EvalLog") -> bool:
    """Whether a log is one of optimizations, with or without a result."""
    return "optimize" in log.eval.task.rpartition("/")[2] or any(map(holds_pair, log.samples or []))


def optimize_run(log: "EvalLog", sample: "EvalSample") -> OptimizeRun:
    """What one sample of an optimization log says.

    Raises:
        LogError: It holds no prompt pair, or one that is invalid; says why without naming the sample.
    """
    if not holds_pair(sample):
        why = first_line(sample.error.message) if sample.error else "it left no prompt pair"
        raise LogError(f"the optimization has no result: {redaction.text(why)}")
    try:
        pair = PromptPair.from_yaml(sample.output.completion, source="its output")
        provenance: dict[str, Any] = json_ready(pair.provenance)
    except PromptError as error:
        raise LogError(first_line(str(error))) from error
    uses = (sample.metadata.get(RESULT) or {}).get("uses") or {}
    return OptimizeRun(
        sample=str(sample.id),
        epoch=sample.epoch,
        judge=pair.judge,
        i2t=pair.i2t,
        # prompts are shown as they are
        provenance={k: v if k in ("start", "trajectory") else redaction.plain(v) for k, v in provenance.items()},
        uses={str(role): role_usage(counts) for role, counts in uses.items()},
        record=run_record(log),
    )
