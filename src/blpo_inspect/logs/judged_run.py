"""`JudgedRun`: one run of a judge on a benchmark, plain data without images and without Inspect's types.

`reader` makes it from a log, `regression.baseline` from a baseline file, which keeps only a part of it. Compares
nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.logs.run_record import RunRecord
from blpo_inspect.logs.usage import Usage

Unit = tuple[str, int]
"""A sample's id and epoch."""


@dataclass(frozen=True, kw_only=True)
class JudgedSample:
    """The judge's answer to one sample, beside what people say.

    Attributes:
        id: The sample's id.
        epoch: From 1.
        human: People's label.
        label: The judge's label; None where there is none.
        unread: Why there is no label: the answer could not be read, or the sample failed. None where there is one.
        error: The first line of the error that ended the sample, empty where it just has no answer; None for a sample
            that was answered.
        said: The answer as it was given; a long one is cut off.
        shown: Digest of images and text, as baselines have it; None in a run that is not compared with a baseline.
        image: Which images, by Inspect's hashes; None where the log holds none.
        text: What the image was judged against.
        category: What kind of image it is, where known.
        group: Samples of one group depend on each other and are one cluster to intervals.
        raters: Rater → label, where known.
        probabilities: Label → probability, where the log has log-probabilities.
        caption: The description that the judge or the optimizer was given, where there is one.
        metadata: What the sample's metadata say in one word or number, by name; empty in a baseline.
        asked_again: Whether the label came from a second question, after a reply that could not be read.
        raw: The judge's own label where the map of its prompt pair made `label` of it; None where it has no map, and in
            a baseline.

    Raises:
        ValueError: A label and a reason why there is none, or neither.
    """

    id: str
    human: str
    label: str | None
    unread: str | None = None
    epoch: int = 1
    error: str | None = None
    said: str = ""
    shown: str | None = None
    image: str | None = None
    text: str | None = None
    category: str | None = None
    group: str | None = None
    raters: Mapping[str, str] = field(default_factory=dict)
    probabilities: Mapping[str, float] | None = None
    caption: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    asked_again: bool = False
    raw: str | None = None

    def __post_init__(self) -> None:
        if (self.label is None) == (self.unread is None):
            raise ValueError(f"sample {self.id!r} has either a label or a reason why there is none")

    @property
    def confidence(self) -> float:
        """How sure the judge was: the highest probability of a label; 0 where it was not read or gave none."""
        return max(self.probabilities.values()) if self.label is not None and self.probabilities else 0.0

    @property
    def facts(self) -> tuple[Any, ...]:
        """What must be the same for two judges to have been asked the same question."""
        return self.human, self.image, self.text


@dataclass(frozen=True, kw_only=True)
class JudgedRun:
    """One run of a judge.

    Attributes:
        benchmark: The task's name.
        scale: The labels.
        answers: One per sample and epoch, by id and epoch.
        prompts: The prompts by name (``judge``, ``i2t``), as far as they are known, and as ``map`` the map of their
            pair, if it has one.
        model: The models by role, as baselines have them: identity as keys of recorded calls have it, and what answers
            say of their model. Empty in a run that is not compared with a baseline, as are `settings` and `versions`.
        settings: The generation settings that change answers.
        versions: Package → version, of the process that made the baseline.
        log: Where the log lies; for reading its images, not for the report. None for a baseline.
        prompt_file: The name of the file that the prompts come from.
        expected: How many answers there should be.
        usage: What the judge's calls took.
        record: How to repeat the run.
        first: Of a baseline that was updated: labels of the first one (None: unread), of samples that have another now.
    """

    benchmark: str
    scale: LabelScale
    answers: tuple[JudgedSample, ...]
    prompts: Mapping[str, str] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    log: str | None = None
    prompt_file: str | None = None
    expected: int = 0
    usage: Usage = field(default_factory=Usage)
    record: RunRecord = field(default_factory=RunRecord)
    first: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def prompt(self) -> str | None:
        """The judge prompt; None where the log does not say it."""
        return self.prompts.get("judge")

    def without_map(self) -> "JudgedRun":
        """The run with the judge's own labels."""
        prompts = {name: prompt for name, prompt in self.prompts.items() if name != "map"}
        own = [answer if answer.raw is None else replace(answer, label=answer.raw, raw=None) for answer in self.answers]
        return replace(self, answers=tuple(own), prompts=prompts)

    @cached_property
    def by_id(self) -> dict[str, JudgedSample]:
        """The answers by the id of their sample, for a run of one epoch."""
        return {answer.id: answer for answer in self.answers}

    @cached_property
    def by_unit(self) -> dict[Unit, JudgedSample]:
        """The answers that were given, readable or not."""
        return {(answer.id, answer.epoch): answer for answer in self.answers if answer.error is None}

    @property
    def failed(self) -> int:
        """Number of answers that are missing: samples that failed or never ran."""
        return max(0, self.expected - len(self.by_unit))

    @property
    def unread(self) -> int:
        """Number of samples without a label."""
        return sum(answer.label is None for answer in self.answers)

    @property
    def asked_again(self) -> int:
        """Number of labels that came from a second question, after a reply that could not be read."""
        return sum(answer.asked_again for answer in self.answers)

    @cached_property
    def facts(self) -> dict[str, tuple[Any, ...]]:
        """Sample id → people's label, image and text."""
        return {answer.id: answer.facts for answer in self.answers}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over ids, people's labels, texts and images of all samples."""
        return sha256(sorted((key, *value) for key, value in self.facts.items()))

    @cached_property
    def order(self) -> tuple[Any, ...]:
        """A place among runs that depends on what the log holds and not on where it lies."""
        said = [(answer.id, answer.epoch, answer.label, answer.said) for answer in self.answers]
        digests = sha256([self.prompt, dict(self.record.settings)]), sha256(said)
        return self.benchmark, self.record.model, *digests, self.record.log


def sha256(value: object) -> str:
    """The digest of a value's JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
