"""The log of a judge on labelled pictures → the certificate of its prompt pair."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.certificate import Certificate, answered_by
from blpo_inspect.judging.prompts import PromptPair, prompts_digest
from blpo_inspect.logs.reader import ended, judged_run, samples_of
from blpo_inspect.reporting.comparison import clusters
from blpo_inspect.statistics.interval import share_effect

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog


def certificate(pair: PromptPair, log: "EvalLog") -> Certificate:
    """What a log says of the errors of a pair's judge.

    Raises:
        LogError: The log is of other prompts or another scale, not whole, or of pictures that the pair may know.
    """
    run = judged_run(log)
    if log.status != "success" or run.failed:
        raise LogError(f"is not whole: {ended(log)}, {run.failed} samples without an answer; judge again")
    if run.prompt is None or prompts_digest(run.prompt, run.prompts.get("map")) != pair.digest:
        raise LogError("was judged by other prompts than the pair's; judge with -T prompts=PAIR")
    if pair.scale is not None and (pair.scale.kind, pair.scale.labels) != (run.scale.kind, run.scale.labels):
        raise LogError("has another scale than the pair")
    if (split := (log.eval.metadata or {}).get("split")) in ("train", "validation"):
        raise LogError(f"is of the split {split}, by which pairs are optimized; judge the test split")
    wrong = [answer.label != answer.human for answer in run.answers]
    confusion: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for answer in run.answers:
        if answer.label is not None:
            confusion[answer.human][answer.label] += 1
    if not confusion:
        raise LogError("has no verdict that could be read")
    judged = [sample.output for sample in samples_of(log) if "human" in sample.metadata]
    return Certificate(
        benchmark=run.benchmark,
        data=run.digest,
        model=run.record.model,
        judges=sorted({answered_by(log.eval.model, output) for output in judged if output.choices}),
        n=len(run.answers),
        unread=run.unread,
        design_effect=share_effect(wrong, clusters(run.answers)),
        confusion={human: dict(sorted(said.items())) for human, said in sorted(confusion.items())},
    )
