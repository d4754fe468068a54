"""Probes of a judge: does its answer stay when only the form of the question changes?

`run_probes` asks the judge about every image as it is and under each perturbation, through Inspect, so that logs and
the store of calls work as everywhere; `probe_results` reads such a log. People's labels matter for the direction of a
change only, never for the verdict. What the perturbations do is in `perturbations`.
"""

import base64
import io
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.model import ContentImage, Model, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import materialize_media
from PIL import Image

from blpo_inspect.cache.memo import memoized
from blpo_inspect.cache.request import draw
from blpo_inspect.images import FORMATS, data_uri
from blpo_inspect.labels import LabelScale
from blpo_inspect.prompts import PromptPair
from blpo_inspect.regression.perturbations import AS_IS, PERTURBATIONS, Perturbation
from blpo_inspect.samples import scale_of
from blpo_inspect.scorers import unread
from blpo_inspect.solvers import GREEDY, judge_message, sample_images
from blpo_inspect.statistics import Interval, Verdict, accuracy_difference, proportion, with_unread

MOVED = 0.05
"""On a numeric scale, an answer changed if it moved by more than this share of the scale."""

EXAMPLES = 5
"""How many changed answers a result names."""

FARTHEST = 1_000_000
"""A decision that would take more further images than this is said never to come."""

_OF, _BY = "probe_of", "perturbation"


class ProbeError(ValueError):
    """Probes that cannot be run or read; says which and why."""


@dataclass(frozen=True)
class Probe:
    """A perturbation and how much of a judge's answers it may change.

    Attributes:
        name: Unique among the probes of a run.
        perturbation: What is done to the request.
        tolerance: The largest share of images whose answer may change, from 0 to below 1. 0: not one.
        shift_tolerance: On scales with an order, how far answers may move on average, as a share of the scale's width;
            None: as far as they like.

    Raises:
        ValueError: A tolerance is out of range.
    """

    name: str
    perturbation: Perturbation
    tolerance: float
    shift_tolerance: float | None = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"probe {self.name}: tolerance must be from 0 to below 1, not {self.tolerance}")
        if self.shift_tolerance is not None and not 0 < self.shift_tolerance <= 1:
            raise ValueError(
                f"probe {self.name}: shift_tolerance must be above 0 and at most 1, not {self.shift_tolerance}"
            )


@dataclass(frozen=True)
class Change:
    """An answer that changed.

    Attributes:
        id: The sample's.
        before: The label of the request as it is; None where the answer could not be read.
        after: The label under the perturbation.
    """

    id: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class ProbeResult:
    """How a judge withstood one probe.

    Attributes:
        name: The probe's.
        n: Images.
        unread: Images of which one of the two answers could not be read; they count as changed.
        changed: The share of images whose answer changed, with Wilson's interval at 1 - 2·alpha.
        shift: The size and direction: on scales with an order the mean change of the answer's value (of those read
            both times) with a t interval; else the net change of agreement with people, with Tango's. Both after minus
            before, at 1 - 2·alpha.
        tolerance: The probe's.
        verdict: ``pass``, ``fail`` or ``inconclusive`` (`probe_result`).
        p: How likely so many changes are where the probe is within its tolerance.
        more: Where inconclusive: so many further images would decide if the share stays; None where none would.
        reason: One sentence for people.
        examples: The first `EXAMPLES` changes, in the samples' order.
    """

    name: str
    n: int
    unread: int
    changed: Interval
    shift: Interval
    tolerance: float
    verdict: Verdict
    p: float
    more: int | None
    reason: str
    examples: tuple[Change, ...]

    def doubted(self, reason: str) -> "ProbeResult":
        """The same, inconclusive, for this reason besides its own."""
        return replace(self, verdict="inconclusive", reason=f"{self.reason}; {reason}")


@dataclass(frozen=True)
class ProbeRun:
    """What a run of probes found.

    Attributes:
        results: By name, in the order of the probes.
        log: The run's log.
    """

    results: Mapping[str, ProbeResult]
    log: EvalLog


_FORM, _SIGHT = 0.05, 0.10

PROBES: dict[str, Probe] = {
    name: Probe(name, one, _SIGHT if name in ("padded", "cropped", "brighter", "darker") else _FORM)
    for name, one in PERTURBATIONS.items()
}
"""Every perturbation with a tolerance of 5 %, or 10 % where a person could see that the image is another."""


def run_probes(
    samples: Iterable[Sample],
    prompt: str,
    model: str | Model,
    probes: Sequence[Probe],
    *,
    alpha: float = 0.05,
    **eval_args: Any,
) -> ProbeRun:
    """Probe a judge on labelled images.

    Asks once per image and probe, and once per image for the answer as it is, which the store knows already where the
    judge was run on these samples before (same prompt, settings and model).

    Args:
        samples: As `blpo_inspect.samples.to_sample` makes them.
        prompt: The judge prompt.
        model: The judge.
        probes: Which; one that does not apply to the samples' scale or the prompt is left out.
        alpha: The level of each verdict; use `blpo_inspect.statistics.suite_wide` over several.
        **eval_args: For Inspect's ``eval``, such as ``log_dir`` or ``display``.

    Raises:
        ProbeError: No probe applies, or the run did not succeed.
        ValueError: As `probe_task`.
    """
    [log] = inspect_eval(probe_task(samples, prompt, probes), model=model, **eval_args)
    return ProbeRun(probe_results(log, probes, alpha=alpha), log)


def probe_task(samples: Iterable[Sample], prompt: str, probes: Sequence[Probe], *, name: str = "probes") -> Task:
    """The task that asks about every sample as it is and under every probe that applies to its scale and prompt.

    Raises:
        ProbeError: No samples, or no probe applies.
        ValueError: Names occur twice, or samples that are not of this package.
        PromptError: The prompt cannot be used.
    """
    given = list(samples)
    if not given:
        raise ProbeError("no samples to probe the judge on")
    scale = scale_of(given[0].metadata or {})
    pair = PromptPair(prompt)
    chosen = {probe.name: probe.perturbation for probe in probes if probe.perturbation.applies(scale, pair.judge)}
    if len({probe.name for probe in probes}) < len(probes) or AS_IS.name in chosen:
        raise ValueError(f"the names of probes must differ, and none may be {AS_IS.name!r}")
    if not chosen:
        raise ProbeError(f"none of the probes applies to this scale ({scale.kind}) and prompt")
    asked = [
        sample.model_copy(
            update={
                "id": f"{sample.id}/{by}",
                "metadata": {**(sample.metadata or {}), _OF: str(sample.id), _BY: by},
            }
        )
        for sample in given
        for by in (AS_IS.name, *chosen)
    ]
    return Task(
        dataset=MemoryDataset(asked, name=name),
        solver=perturbed(prompt, tuple(probes)),
        scorer=unread(),
        config=GREEDY,
        name=name,
        metadata={"judge_prompt": pair.judge, "probes": {by: one.summary for by, one in chosen.items()}},
    )


@solver
def perturbed(prompt: str, probes: Sequence[Probe]) -> Solver:
    """Ask the main model for its verdict under the perturbation that the sample's metadata name.

    Args:
        prompt: The judge prompt.
        probes: Those that samples may name.
    """
    pair = PromptPair(prompt)
    known = {AS_IS.name: AS_IS, **{probe.name: probe.perturbation for probe in probes}}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        by = known[state.metadata[_BY]]
        scale = scale_of(state.metadata)
        message = judge_message(
            by.prompt(pair.judge) if by.prompt else pair.judge,
            (by.scale(scale) if by.scale else None) or scale,
            images=[await _shown(image, by) for image in sample_images(state)],
            text=state.metadata.get("text"),
        )
        state.messages = [message]
        with draw(by.draw):
            state.output = await memoized(get_model(), role="judge").generate(state.messages)
        state.messages.append(state.output.message)
        return state

    return solve


def probe_results(log: EvalLog, probes: Sequence[Probe], *, alpha: float = 0.05) -> dict[str, ProbeResult]:
    """What a log of `probe_task` says of each probe that was run, by name.

    Args:
        log: With its samples.
        probes: The probes of the run, or some of them.
        alpha: The level of each verdict.

    Raises:
        ProbeError: The run did not succeed, or answers are missing.
    """
    if log.status != "success" or not log.samples:
        why = log.error.message if log.error else "no samples"
        raise ProbeError(f"the run of the probes is not complete ({log.status}: {why})")
    answers: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
    facts: dict[str, EvalSample] = {}
    for sample in log.samples:
        if _OF not in sample.metadata:
            raise ProbeError("the log is not one of probes: its samples do not say which one they belong to")
        of, by = sample.metadata[_OF], sample.metadata[_BY]
        if sample.error is not None:
            raise ProbeError(f"{of} under {by}: {sample.error.message}")
        answers[by][of] = scale_of(sample.metadata).read(sample.output.completion).label
        facts.setdefault(of, sample)
    ids = sorted(facts)
    scale = scale_of(facts[ids[0]].metadata)
    before = answers[AS_IS.name]
    clusters = [str(facts[one].metadata.get("group", one)) for one in ids]
    found = {}
    for probe in probes:
        if probe.name not in answers:
            continue
        after = answers[probe.name]
        if not before.keys() == after.keys() == facts.keys():
            raise ProbeError(f"probe {probe.name}: some images were not asked about both ways")
        found[probe.name] = probe_result(
            probe,
            ids,
            [str(facts[one].metadata["human"]) for one in ids],
            [before[one] for one in ids],
            [after[one] for one in ids],
            scale=scale,
            alpha=alpha,
            clusters=clusters,
        )
    return found


def probe_result(
    probe: Probe,
    ids: Sequence[str],
    human: Sequence[str],
    before: Sequence[str | None],
    after: Sequence[str | None],
    *,
    scale: LabelScale,
    alpha: float = 0.05,
    clusters: Sequence[Hashable] | None = None,
) -> ProbeResult:
    """Decide one probe from the answers as they are and under the perturbation.

    - *fail*: there is evidence, at level `alpha`, that more answers change than tolerated (the exact binomial test; of
      clusters, Wilson's interval for the effective number of samples), or that they move further on average.
    - *pass*: the upper end of the interval of the share is at most the tolerance, and the shift's interval lies within
      its own.
    - *inconclusive*: neither. With a tolerance of 0 there is no such case: one change fails.

    An answer that could not be read, before or after, counts as changed. Where a shift is tested too, either test has
    half of `alpha` for *fail*.

    Args:
        probe: With its tolerances.
        ids: Of the samples.
        human: People's labels.
        before: Labels of the requests as they are; None where unread.
        after: Labels under the perturbation.
        scale: Of the labels.
        alpha: The level, below 0.5.
        clusters: The cluster of each sample; none, or all different: independent.

    Raises:
        ValueError: No samples, lengths differ, or `alpha` is out of range.
    """
    n = len(ids)
    if not n or not n == len(human) == len(before) == len(after):
        raise ValueError(f"inconsistent numbers of samples, or none: {n}, {len(human)}, {len(before)}, {len(after)}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 0.5, not {alpha}")
    if clusters is not None and len(set(clusters)) == n:
        clusters = None
    hits = [_changed(one, other, scale) for one, other in zip(before, after, strict=True)]
    changed = proportion(hits, clusters=clusters, level=1 - 2 * alpha)
    verdict, p = _share_verdict(hits, changed, probe.tolerance, alpha, clusters)
    ordered = scale.kind != "unordered"
    if ordered:
        most = None if probe.shift_tolerance is None else probe.shift_tolerance * _width(scale)
        shift, moved = _mean_shift(before, after, scale, most or 0.0, alpha, clusters)
        if most is not None:
            inside = shift.low >= -most and shift.high <= most
            p = min(1.0, 2 * min(p, moved))  # of two tests
            verdict = "fail" if p <= alpha else "pass" if verdict == "pass" and inside else "inconclusive"
    else:
        sides = [with_unread(human, side, scale) for side in (before, after)]
        shift = accuracy_difference(human, *sides, alpha=alpha, clusters=clusters)
    more = _more(changed, probe.tolerance, alpha) if verdict == "inconclusive" else None
    changes = [Change(*row) for row, hit in zip(zip(ids, before, after, strict=True), hits, strict=True) if hit]
    return ProbeResult(
        name=probe.name,
        n=n,
        unread=sum(None in pair for pair in zip(before, after, strict=True)),
        changed=changed,
        shift=shift,
        tolerance=probe.tolerance,
        verdict=verdict,
        p=p,
        more=more,
        reason=_sentence(probe, changed, shift, verdict, more, ordered),
        examples=tuple(changes[:EXAMPLES]),
    )


async def _shown(image: ContentImage, by: Perturbation) -> ContentImage:
    """The image as the perturbation shows it."""
    if by.image is None:
        return image
    header, _, encoded = (await materialize_media(image.image)).partition(";base64,")
    if not header.startswith("data:"):
        raise ProbeError(f"cannot perturb an image that is not there as bytes: {image.image[:60]}")
    data = await anyio.to_thread.run_sync(by.image, base64.b64decode(encoded))
    return image.model_copy(update={"image": data_uri(data, _media_type(data))})


def _media_type(data: bytes) -> str:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        return Image.MIME[image.format or "PNG"]


def _changed(before: str | None, after: str | None, scale: LabelScale) -> bool:
    if before is None or after is None:
        return True
    return scale.loss(after, before) > MOVED if scale.kind == "numeric" else before != after


def _share_verdict(
    hits: Sequence[bool],
    changed: Interval,
    tolerance: float,
    alpha: float,
    clusters: Sequence[Hashable] | None,
) -> tuple[Verdict, float]:
    count, n = sum(hits), len(hits)
    if tolerance == 0:
        return ("fail", 0.0) if count else ("pass", 1.0)
    if math.isnan(changed.low):
        return "inconclusive", math.nan
    if clusters is None:
        from scipy.stats import binom

        p = float(binom.sf(count - 1, n, tolerance))
    else:
        p = _level_of(lambda level: proportion(hits, clusters=clusters, level=level).low > tolerance)
    if p <= alpha:
        return "fail", p
    return ("pass" if changed.high <= tolerance else "inconclusive"), p


def _level_of(rejects: Callable[[float], bool]) -> float:
    """The smallest one-sided alpha whose interval, at 1 - 2·alpha, rejects; 1 where none below 1/2 does."""
    inside, outside = 0.0, 0.5
    if not rejects(1e-9):
        return 1.0
    while outside - inside > 1e-6:
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if rejects(1 - 2 * middle) else (middle, outside)
    return outside


def _mean_shift(
    before: Sequence[str | None],
    after: Sequence[str | None],
    scale: LabelScale,
    most: float,
    alpha: float,
    clusters: Sequence[Hashable] | None,
) -> tuple[Interval, float]:
    """Mean change in the scale's units with a t interval over samples or clusters, and p of "no further than most"."""
    level = 1 - 2 * alpha
    named = clusters if clusters is not None else range(len(before))
    moves = [
        (scale.value(other) - scale.value(one), of)
        for one, other, of in zip(before, after, named, strict=True)
        if one is not None and other is not None
    ]
    n = len(moves)
    if not n:
        return Interval(math.nan, math.nan, math.nan, 0, level, "no image was read both times"), 1.0
    mean = math.fsum(move for move, _ in moves) / n
    sums: defaultdict[Hashable, float] = defaultdict(float)
    for move, of in moves:
        sums[of] += move - mean
    count = len(sums)
    if count == 1:
        return Interval(mean, math.nan, math.nan, n, level, "one sample or cluster has no interval"), 1.0
    from scipy.special import stdtr, stdtrit

    error = math.sqrt(count / (count - 1) * math.fsum(part**2 for part in sums.values())) / n
    beyond = abs(mean) - most
    if error == 0:
        reason = "all answers moved alike, so the interval says nothing about other images"
        return Interval(mean, mean, mean, n, level, reason), float(beyond <= 0)
    reach = -float(stdtrit(count - 1, alpha)) * error
    return Interval(mean, mean - reach, mean + reach, n, level), float(stdtr(count - 1, -beyond / error))


def _width(scale: LabelScale) -> float:
    if scale.kind == "ordinal":
        return scale.value(scale.labels[-1]) - scale.value(scale.labels[0])
    assert scale.low is not None and scale.high is not None
    return scale.high - scale.low


def _more(changed: Interval, tolerance: float, alpha: float) -> int | None:
    """Further images until the share's interval leaves the tolerance, if the share stays."""
    from statsmodels.stats.proportion import proportion_confint

    if math.isnan(changed.low) or abs(changed.value - tolerance) < 1e-9:
        return None

    def decided(further: int) -> bool:
        n = changed.n + further
        low, high = proportion_confint(changed.value * n, n, alpha=2 * alpha, method="wilson")
        return bool(high <= tolerance or low > tolerance)

    step = 1
    while not decided(step):
        step *= 2
        if step > FARTHEST:
            return None
    below = step // 2
    while step - below > 1:
        middle = (below + step) // 2
        below, step = (below, middle) if decided(middle) else (middle, step)
    return step


def _sentence(
    probe: Probe, changed: Interval, shift: Interval, verdict: Verdict, more: int | None, ordered: bool
) -> str:
    said = {"pass": "within", "fail": "beyond", "inconclusive": "not shown to be within"}[verdict]
    moved = f"answers moved by {shift.value:+.3g} on average" if ordered else f"agreement {shift.value:+.1%}"
    asking = "" if verdict != "inconclusive" or more is None else f"; about {more} more images would tell"
    return (
        f"{probe.perturbation.summary}: {changed.value:.1%} of {changed.n} answers changed "
        f"({changed.low:.1%} to {changed.high:.1%}), {moved}; {said} the tolerance of {probe.tolerance:.0%}{asking}"
    )
