"""Logs of several judges → a jury file (`judging.jury_file`), and of a cascade what it is worth on these logs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from blpo_inspect import statistics
from blpo_inspect._util.text import without_credentials
from blpo_inspect.cache.logs import read_header
from blpo_inspect.cache.model_identity import public
from blpo_inspect.judging.answer_mode import answer_of
from blpo_inspect.judging.combining import Weights
from blpo_inspect.judging.jury_file import JuryFile, Kind, Member
from blpo_inspect.judging.label_map import METADATA as LABEL_MAP
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.question import Question
from blpo_inspect.logs import log_files
from blpo_inspect.reporting import comparison
from blpo_inspect.reporting.comparison import Group, Row
from blpo_inspect.reporting.jury import answers_of, judges_of, panel_of
from blpo_inspect.statistics import Interval, jury
from blpo_inspect.statistics.cascade import Stage, cascade
from blpo_inspect.statistics.selective import Alone


@dataclass(frozen=True)
class Step:
    """A judge of a cascade.

    Attributes:
        name: Model and prompt.
        alone: From which probability on it decides, and how many of the samples that came to it.
        tokens: Of one answer, read and written, on average.
    """

    name: str
    alone: Alone
    tokens: float


@dataclass(frozen=True)
class Tried:
    """A cascade on the samples that its thresholds were found on.

    Attributes:
        steps: Its judges, in order; one that may decide nothing is not in the file.
        samples: All of them.
        agreement: With people, of what is answered.
        level: The agreement that is guaranteed among what it answers.
        delta: The guarantee fails with this probability at most.
    """

    steps: tuple[Step, ...]
    samples: int
    agreement: Interval
    level: float
    delta: float


def jury_file(
    group: Group, kind: Kind, given: Sequence[str], *, level: float, delta: float
) -> tuple[JuryFile, Tried | None]:
    """A jury of the judges of a group.

    Args:
        group: Of runs that may be compared.
        kind: How verdicts become one.
        given: Files, folders and patterns of logs; judges of a cascade stand in their order.
        level: The agreement to guarantee in a cascade.
        delta: How often the guarantee may fail.

    Raises:
        ValueError: There are no two judges of the same picture, or the kind is not for them; says why.
        LogError: A log cannot be read again.
    """
    rows = judges_of(group)
    said = answers_of(rows)
    if kind == "cascade":
        return _cascade(group.scale, _in_order(rows, given), level=level, delta=delta)
    if kind in ("mean", "median") and not group.scale.ordered:
        raise ValueError(f"labels without an order have no {kind}; use --kind majority or weighted")
    weights: Weights | None = None
    if kind == "weighted":
        weights = jury.weighted(panel_of(group.scale, said))[1]
        if not any(weights.each):
            raise ValueError("no judge has a weight above 0: none of them says anything about people's labels")
    return JuryFile(kind, group.scale, tuple(_member(row, group.scale) for row in rows), weights), None


def _cascade(scale: LabelScale, rows: Sequence[Row], *, level: float, delta: float) -> tuple[JuryFile, Tried]:
    said = answers_of(rows)
    members = [_member(row, scale) for row in rows]
    for row, member, answers in zip(rows, members, said, strict=True):
        if member.answer != "likelihood" or not any(answer.probabilities for answer in answers):
            raise ValueError(
                f"{row.name}: its log has no probabilities of labels, so nothing says where it is sure; judge with "
                "-T answer=likelihood"
            )
    judges = [
        Stage([one.label == one.human for one in answers], [one.confidence for one in answers]) for answers in said
    ]
    clusters = comparison.clusters(said[0])
    found = cascade(judges, level=level, delta=delta, clusters=clusters)
    used = [place for place, alone in enumerate(found.stages) if alone.threshold is not None]
    if not used:
        reasons = "; ".join(f"{row.name}: {alone.reason}" for row, alone in zip(rows, found.stages, strict=True))
        raise ValueError(f"no judge may decide anything alone, for agreement of {level:.0%} ({reasons})")
    answered = [k for k, by in enumerate(found.decided) if by is not None]
    right = [judges[place].right[k] for k in answered if (place := found.decided[k]) is not None]
    steps = tuple(Step(row.name, alone, _tokens(row)) for row, alone in zip(rows, found.stages, strict=True))
    agreement = statistics.proportion(right, clusters=[clusters[k] for k in answered])
    chosen = tuple(replace(members[place], sure=found.stages[place].threshold) for place in used)
    return JuryFile("cascade", scale, chosen), Tried(steps, len(said[0]), agreement, level, delta)


def _in_order(rows: Sequence[Row], given: Sequence[str]) -> list[Row]:
    places: dict[str, int] = {}
    for name in given:
        for file in log_files.find([name])[0]:
            places.setdefault(file, len(places))
    return sorted(rows, key=lambda row: places.get(str(row.run.log), len(places)))


def _tokens(row: Row) -> float:
    usage = row.run.usage
    return (usage.input_tokens + usage.output_tokens) / max(1, usage.made + usage.replayed)


def _member(row: Row, scale: LabelScale) -> Member:
    """The judge of a log, as it was asked there."""
    spec = read_header(str(row.run.log)).eval
    model = spec.model.removeprefix("cached/")
    if model.startswith("jury/"):
        raise ValueError(f"{row.name}: a jury is no judge of another one; give the logs of its judges")
    if row.run.prompt is None:
        raise ValueError(f"{row.name}: its log does not say its prompt")
    metadata = spec.metadata or {}
    map = metadata.get(LABEL_MAP) if "map" in row.run.prompts else None
    answer = answer_of(metadata)
    base_url = without_credentials(spec.model_base_url) if spec.model_base_url else None
    question = Question.of(PromptPair(row.run.prompt, scale=scale, map=map), answer)
    return Member(model, question, answer, None, public(dict(spec.model_args)), base_url)
