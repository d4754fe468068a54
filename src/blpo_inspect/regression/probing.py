"""Asks a judge under every probe, and reads what came of it.

`run_probes` asks about every image as it is and under each perturbation, through Inspect, so that logs and the store of
calls work as everywhere; `probe_results` reads such a log.
"""

import base64
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

from blpo_inspect._util.images import FORMATS, data_uri
from blpo_inspect.cache.memo import memoized
from blpo_inspect.cache.request import draw
from blpo_inspect.judging.answer_mode import Answer, checked
from blpo_inspect.judging.asking import GREEDY, ask_about
from blpo_inspect.judging.label_map import LabelMap
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.judging.pictures import sample_pictures
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.regression.perturbations import AS_IS, Perturbation
from blpo_inspect.regression.probe_verdicts import probe_result
from blpo_inspect.regression.probes import Probe, ProbeError, ProbeResult
from blpo_inspect.scorers import unread

_OF, _BY = "probe_of", "perturbation"


@dataclass(frozen=True)
class ProbeRun:
    """What a run of probes found.

    Attributes:
        results: By name, in the order of the probes.
        log: The run's log.
    """

    results: Mapping[str, ProbeResult]
    log: EvalLog


def run_probes(
    samples: Iterable[Sample],
    prompt: str,
    model: str | Model,
    probes: Sequence[Probe],
    *,
    alpha: float = 0.05,
    answer: Answer = "text",
    **eval_args: Any,
) -> ProbeRun:
    """Probe a judge on labelled images.

    Asks once per image and probe, and once per image for the answer as it is, which the store knows already where the
    judge was run on these samples before (same prompt, settings, way of asking and model).

    Args:
        samples: As `blpo_inspect.judging.samples.to_sample` makes them.
        prompt: The judge prompt.
        model: The judge.
        probes: Which; a probe that does not apply to the samples' scale or the prompt is left out.
        alpha: The level of each verdict; use `blpo_inspect.statistics.suite_wide` over several.
        answer: How the judge is asked (`blpo_inspect.judging.answer_mode`).
        **eval_args: For Inspect's ``eval``, such as ``log_dir`` or ``display``.

    Raises:
        ProbeError: No probe applies, or the run did not succeed.
        ValueError: As `probe_task`.
    """
    [log] = inspect_eval(probe_task(samples, prompt, probes, answer=answer), model=model, **eval_args)
    return ProbeRun(probe_results(log, probes, alpha=alpha), log)


def probe_task(
    samples: Iterable[Sample],
    prompt: str,
    probes: Sequence[Probe],
    *,
    name: str = "probes",
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
) -> Task:
    """The task that asks about every sample as it is and under every probe that applies to its scale and prompt.

    Raises:
        ProbeError: No samples, or no probe applies.
        ValueError: Names occur twice, or samples that are not of this package.
        PromptError: The prompt cannot be used.
        PrerequisiteError: The judge cannot be asked so.
    """
    originals = list(samples)
    if not originals:
        raise ProbeError("no samples to probe the judge on")
    scale = scale_of(originals[0].metadata or {})
    checked(answer, scale)
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
        for sample in originals
        for by in (AS_IS.name, *chosen)
    ]
    return Task(
        dataset=MemoryDataset(asked, name=name),
        solver=perturbed(prompt, tuple(probes), answer, reask, map),
        scorer=unread(),
        config=GREEDY,
        name=name,
        metadata={
            "judge_prompt": pair.judge,
            "probes": {by: perturbation.summary for by, perturbation in chosen.items()},
        },
    )


@solver
def perturbed(
    prompt: str,
    probes: Sequence[Probe],
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
) -> Solver:
    """Ask the main model for its verdict under the perturbation that the sample's metadata name.

    Args:
        prompt: The judge prompt.
        probes: Those that samples may name.
        answer: How the judge is asked (`blpo_inspect.judging.answer_mode`).
        reask: How often a reply that cannot be read is followed by one more question (`blpo_inspect.judging.reask`).
        map: What the judge's labels mean (`blpo_inspect.judging.label_map`), checked.
    """
    pair = PromptPair(prompt)
    known = {AS_IS.name: AS_IS, **{probe.name: probe.perturbation for probe in probes}}

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        by = known[state.metadata[_BY]]
        own = scale_of(state.metadata)
        scale = (by.scale(own) if by.scale else None) or own
        asked = by.prompt(pair.judge) if by.prompt else pair.judge
        images = [await _shown(image, by) for image in await sample_pictures(state)]
        with draw(by.draw):
            model = memoized(get_model(), role="judge")
            state.messages, state.output = await ask_about(
                model, asked, scale, images, state.metadata.get("text"), answer=answer, reask=reask, map=map
            )
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
        answers[by][of] = verdict_of(sample.output, scale_of(sample.metadata)).label
        facts.setdefault(of, sample)
    ids = sorted(facts)
    scale = scale_of(facts[ids[0]].metadata)
    before = answers[AS_IS.name]
    clusters = [str(facts[id].metadata.get("group", id)) for id in ids]
    results = {}
    for probe in probes:
        if probe.name not in answers:
            continue
        after = answers[probe.name]
        if not before.keys() == after.keys() == facts.keys():
            raise ProbeError(f"probe {probe.name}: some images were not asked about both ways")
        results[probe.name] = probe_result(
            probe,
            ids,
            [str(facts[id].metadata["human"]) for id in ids],
            [before[id] for id in ids],
            [after[id] for id in ids],
            scale=scale,
            alpha=alpha,
            clusters=clusters,
        )
    return results


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
