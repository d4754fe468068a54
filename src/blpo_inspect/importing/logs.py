"""Judgements → Inspect logs, one for each judge, as JSON.

An `.eval` log takes Inspect 6 ms a sample to write, a JSON one 0.05 ms.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSample, EvalSpec, EvalStats
from inspect_ai.model import ChatMessageUser, ModelOutput, ModelUsage

from blpo_inspect._util.files import written_whole
from blpo_inspect.importing.judgements import Judgement
from blpo_inspect.judging.labels import LabelScale

PROVIDER = "imported"
"""What the names of imported judges begin with."""


def log_of(
    judge: str,
    judged: Sequence[Judgement],
    scale: LabelScale,
    *,
    benchmark: str,
    created: str,
    facts: Mapping[str, Any],
) -> EvalLog:
    """The log of one judge.

    Args:
        judge: Its name.
        judged: What it said, at least one.
        scale: Of the labels.
        benchmark: What the task is called; judges of one benchmark are compared.
        created: When the table was made, in ISO 8601.
        facts: What else the log should say of the data: file, digest, rule.
    """
    samples = [_sample(one, scale) for one in judged]
    model = f"{PROVIDER}/{judge}"
    prompts = {one.prompt for one in judged}
    digest = hashlib.sha256(json.dumps([facts, judge], sort_keys=True).encode()).hexdigest()
    metadata = {"imported": dict(facts)} | ({"judge_prompt": prompt} if (prompt := _only(prompts)) is not None else {})
    return EvalLog(
        status="success",
        eval=EvalSpec(
            created=created,
            task=benchmark,
            task_id=digest[:22],
            eval_id=digest[:22],
            run_id=digest[22:44],
            model=model,
            dataset=EvalDataset(name=benchmark, samples=len(samples), sample_ids=[sample.id for sample in samples]),
            config=EvalConfig(),
            metadata=metadata,
        ),
        stats=EvalStats(started_at=created, completed_at=created),
        samples=samples,
    )


def write(logs: Iterable[EvalLog], folder: Path) -> list[Path]:
    """Write logs into a folder; those of the same judges and benchmark are written again."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for log in logs:
        name = f"{log.eval.task} {log.eval.model.partition('/')[2]}"
        own = hashlib.sha256(name.encode()).hexdigest()[:6]  # names that differ only in signs stay apart
        file = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')[:80]}-{own}.json"
        with written_whole(file) as out:
            out.write(log.model_dump_json(exclude_none=True).encode("utf-8", "replace"))
        files.append(file)
    return files


def digest_of(table: Path) -> str:
    """SHA-256 of a file."""
    with table.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _sample(one: Judgement, scale: LabelScale) -> EvalSample:
    known = {name: value for name, value in one.facts.items() if value}
    answer = {} if one.answer is None else {"answer": one.answer}
    output = ModelOutput.from_content(f"{PROVIDER}/{one.judge}", one.label or "")
    output.message.id = f"answer-{one.item}"  # so that the same table gives the same bytes
    if one.cost is not None:
        output.usage = ModelUsage(total_cost=one.cost)
    text = one.facts.get("text") or f"item {one.item}, judged elsewhere"
    return EvalSample(
        id=one.item,
        epoch=1,
        input=[ChatMessageUser(content=text, id=f"item-{one.item}")],
        target=str(known.get("human", "")),
        output=output,
        metadata={"scale": scale.to_dict(), **known, **answer},
    )


def _only(values: set[str | None]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
