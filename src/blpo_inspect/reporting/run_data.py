"""What a report knows of each log: plain data, without images and without Inspect's types.

One `JudgeRun` per judging log, one `OptimizeRun` per sample of an optimization log, one `LeftOut` per thing that could
not be used. Does not read files (`logs`) and computes no figures (`comparison`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from blpo_inspect.judging.labels import LabelScale

Unit = tuple[str, int]
"""A sample's id and epoch."""


@dataclass(frozen=True)
class Answer:
    """One judge's answer to one sample.

    Attributes:
        id: The sample's.
        epoch: From 1.
        human: People's label.
        label: The judge's; None where there is none.
        reason: Why there is none: the answer could not be read, or the sample failed.
        failed: Whether the sample ended with an error, so that there is no answer at all.
        said: The answer as it was given.
        image: Which image, by Inspect's hash; None where the log holds none.
        text: What the image was judged against.
        category: What kind of image it is, where known.
        group: Samples of one group depend on each other.
        raters: Rater → label, where known.
        probabilities: Label → probability, where the log has log-probabilities.
        caption: The description that the judge or the optimizer was given, where there is one.
    """

    id: str
    epoch: int
    human: str
    label: str | None
    reason: str | None
    failed: bool = False
    said: str = ""
    image: str | None = None
    text: str | None = None
    category: str | None = None
    group: str | None = None
    raters: Mapping[str, str] = field(default_factory=dict)
    probabilities: Mapping[str, float] | None = None
    caption: str | None = None

    @property
    def facts(self) -> tuple[Any, ...]:
        """What must be the same for two judges to have been asked the same question."""
        return self.human, self.image, self.text


@dataclass(frozen=True)
class Usage:
    """What calls took.

    Attributes:
        made: Calls that a model answered.
        replayed: Calls that were answered from disk.
        input_tokens: Tokens read, of both kinds of calls.
        output_tokens: Tokens written.
        cost: Dollars for the calls made; None where a price is not known.
        seconds: From the start of the log to its end; None where unknown.
    """

    made: int = 0
    replayed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Record:
    """What is needed to repeat a run or to doubt it, without secrets and without this machine's paths.

    Attributes:
        log: The log's file name.
        status: Inspect's: success, error, cancelled or started.
        model: The main model.
        roles: Other models by role.
        identity: What the answers say about the model: revision, dtype, digests.
        settings: Generation settings, arguments of task and solver.
        versions: Packages.
        data: What the log says about its data: digests, revisions, split.
        command: What makes the run again.
        error: What ended it, where something did.
    """

    log: str
    status: str
    model: str
    roles: Mapping[str, str] = field(default_factory=dict)
    identity: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    error: str | None = None


@dataclass(frozen=True)
class JudgeRun:
    """A judging log.

    Attributes:
        source: Where it was read from; for reading its images, not for the report.
        benchmark: The task's name.
        scale: The labels.
        prompt: The judge prompt; None where the log does not say it.
        prompt_file: The name of the file that it came from.
        answers: By id and epoch.
        expected: How many answers there should be.
        usage: What it took.
        record: How to repeat it.
    """

    source: str
    benchmark: str
    scale: LabelScale
    prompt: str | None
    prompt_file: str | None
    answers: tuple[Answer, ...]
    expected: int
    usage: Usage
    record: Record

    @cached_property
    def by_unit(self) -> dict[Unit, Answer]:
        """The answers that were given, readable or not."""
        return {(answer.id, answer.epoch): answer for answer in self.answers if not answer.failed}

    @cached_property
    def facts(self) -> dict[str, tuple[Any, ...]]:
        """What each sample was."""
        return {answer.id: answer.facts for answer in self.answers}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, people's labels, texts and images of all samples."""
        plain = json.dumps(sorted((key, *value) for key, value in self.facts.items()), default=str)
        return hashlib.sha256(plain.encode()).hexdigest()

    @cached_property
    def order(self) -> tuple[Any, ...]:
        """A place among runs that depends on what the log holds and not on where it lies."""
        said = json.dumps([(answer.id, answer.epoch, answer.label, answer.said) for answer in self.answers])
        plain = json.dumps([self.prompt, dict(self.record.settings)], sort_keys=True, default=str)
        digests = [hashlib.sha256(text.encode()).hexdigest() for text in (plain, said)]
        return self.benchmark, self.record.model, *digests, self.record.log

    @property
    def failed(self) -> int:
        """Answers that are missing: samples that failed or never ran."""
        return max(0, self.expected - len(self.by_unit))


@dataclass(frozen=True)
class OptimizeRun:
    """One optimization: a sample of an optimization log.

    Attributes:
        sample: Its id in the log.
        epoch: Its epoch.
        judge: The judge prompt that it ended with.
        i2t: The I2T prompt that it ended with.
        provenance: Where the pair comes from, JSON-ready.
        uses: What each role was asked.
        usage: What the log took as a whole, other samples included.
        record: How to repeat it.
    """

    sample: str
    epoch: int
    judge: str
    i2t: str
    provenance: Mapping[str, Any]
    uses: Mapping[str, Usage]
    usage: Usage
    record: Record

    @property
    def order(self) -> tuple[Any, ...]:
        """As `JudgeRun.order`."""
        plain = json.dumps([self.provenance, self.judge, self.i2t], sort_keys=True, default=str)
        digest = hashlib.sha256(plain.encode()).hexdigest()
        return self.benchmark, self.method, self.seed, self.record.model, digest, self.record.log, self.epoch

    @property
    def benchmark(self) -> str:
        """What was optimized."""
        found = self.provenance.get("benchmark")
        return str(found.get("name", "?")) if isinstance(found, Mapping) else "?"

    @property
    def method(self) -> str:
        """How."""
        return str(self.provenance.get("method", "?"))

    @property
    def seed(self) -> str:
        """With which seed."""
        return str(self.provenance.get("seed", "?"))

    @property
    def name(self) -> str:
        """What it is called in the report."""
        return f"{self.method} on {self.benchmark}, seed {self.seed}"


@dataclass(frozen=True, order=True)
class LeftOut:
    """Something that is not in the figures.

    Attributes:
        what: A log, a run, samples.
        why: In words.
        problem: Whether a log could not be used at all.
    """

    what: str
    why: str
    problem: bool = False


@dataclass(frozen=True)
class Gathered:
    """All that was read, in an order that does not depend on the order of the logs."""

    judges: tuple[JudgeRun, ...]
    optimizations: tuple[OptimizeRun, ...]
    left_out: tuple[LeftOut, ...]
