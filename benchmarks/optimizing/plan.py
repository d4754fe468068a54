"""What is measured, and what came of it: plain data that goes between processes and into ``--json``."""

from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["cold", "replayed"]
MODES: tuple[Mode, ...] = ("cold", "replayed")

ROLES = ("judge", "i2t", "optimizer")


@dataclass(frozen=True)
class Job:
    """One run in a process of its own.

    Attributes:
        benchmark: Of the embedded world.
        per_class: Drawings for each label in each of the three splits.
        size: How many times the benchmark's own number that is.
        mode: With an empty cache, or with one that has every call.
        repeat: From 0.
        settings: Of BLPO, ``-S``.
        seed: Of the run.
        log_dir: Where the log goes.
        realtime: Whether the log can be watched while it grows, which is Inspect's default.
    """

    benchmark: str
    per_class: int
    size: float
    mode: Mode
    repeat: int
    settings: dict[str, int | str]
    seed: int
    log_dir: str
    realtime: bool = False


@dataclass(frozen=True)
class Calls:
    """Calls of one role.

    Attributes:
        made: That a model answered.
        replayed: That were answered from disk.
        naive: That Algorithm 1 takes for the same steps if nothing is remembered; None: not counted.
    """

    made: int
    replayed: int
    naive: int | None = None


@dataclass(frozen=True)
class Result:
    """What one run took. Seconds are of the wall, bytes of the disk or of the process at its largest.

    Attributes:
        job: Which run.
        pair: SHA-256 of the resulting prompt pair's YAML: equal for a run and its replay.
        stopped: Why it ended.
        steps: Outer steps.
        images: Drawings of all splits.
        calls: By role, without the test split.
        validated: Of these, judgements of the validation split, which Algorithm 1 does not have: as many on both sides.
        test_calls: For the test split, under the first and the final pair.
        requested: Judgements and captions that the run wanted, those that it knew included, without the test split.
        imports: Loading the package and Inspect, and torch where the run is cold.
        weights: Loading the judge.
        drawing: Drawing all splits.
        running: From Inspect's start to its log.
        judging: In `running`, while the judge computed.
        inducing: In `running`, while the optimizer did and the judge did not.
        preparing: In `running`, while an image or a text was made ready for the judge and no model computed.
        writing: In `running`, while the finished log was condensed and written and no model computed.
        processor: User and system time of `running`, all threads.
        memory: The process at its largest.
        log: The ``.eval`` file.
        cache: The database.
        load: Of the machine, in the last minute, at the end.
    """

    job: Job
    pair: str
    stopped: str
    steps: int
    images: int
    calls: dict[str, Calls]
    validated: int
    test_calls: int
    requested: int
    imports: float
    weights: float
    drawing: float
    running: float
    judging: float
    inducing: float
    preparing: float
    writing: float
    processor: float
    memory: int
    log: int
    cache: int
    load: float = field(compare=False, default=0.0)

    @property
    def total(self) -> int:
        """Calls of both kinds, the test split included."""
        return sum(call.made + call.replayed for call in self.calls.values()) + self.test_calls

    @property
    def outside(self) -> float:
        """Seconds of the run in which no model computed."""
        return self.running - self.judging - self.inducing
