"""Logs of judged pairs → a ranking of what their pictures are of, such as image generators, beside people's.

A verdict that is not the same in both orders of the pictures is a tie: the judge cannot tell the two apart. A pair
without a verdict is in no figure but a count. Does not fit (`statistics.bradley_terry`) and does not draw (`plots`).
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blpo_inspect._util.text import shortened
from blpo_inspect.cache.logs import LogError
from blpo_inspect.judging.labels import FIRST, SECOND, TIE
from blpo_inspect.judging.outputs import ORDERS, verdict_of
from blpo_inspect.judging.samples import SIDES, scale_of
from blpo_inspect.logs.optimize_run import is_optimization
from blpo_inspect.logs.reader import ended, samples_of
from blpo_inspect.logs.redaction import file_name, model_name
from blpo_inspect.logs.run_record import prompts_of
from blpo_inspect.reporting.run_data import LeftOut, OnLog, read_each, reasons
from blpo_inspect.statistics import Interval, kendall_tau
from blpo_inspect.statistics.bradley_terry import Compared, parts, strengths

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog, EvalSample

RESAMPLES = 1000
"""For the intervals of strengths."""

_SCORES = {FIRST: 1.0, TIE: 0.5, SECOND: 0.0}
_HOW = "rank logs of inspect eval blpo_inspect/pairs"
_NO_SIDES = (
    "its pairs do not say what their pictures are of: give the table the columns category_1 and category_2 (with "
    "rated=true the column category), and judge again"
)


@dataclass(frozen=True)
class Place:
    """One name of a ranking.

    Attributes:
        name: What the pictures are of.
        comparisons: Its pairs with a verdict.
        wins: Those that it won; `ties` and `losses` alike.
        strength: On the log scale, mean 0: it beats another exp(difference) times as often as that one beats it.
        people: The same by people's labels; None where these do not say.
    """

    name: str
    comparisons: int
    wins: int
    ties: int
    losses: int
    strength: Interval
    people: Interval | None


@dataclass(frozen=True)
class Ranking:
    """What one judge says, strongest first.

    Attributes:
        judge: The model, and where it judged by several prompts the beginning of this one.
        prompt: The judge prompt, and its map if it has one, where the logs say them.
        logs: The files' names.
        places: By strength.
        comparisons: Pairs with a verdict.
        clusters: What intervals are over: groups, else texts, else samples.
        labelled: Pairs with people's label.
        torn: Verdicts that are not the same in both orders, which count as ties.
        without_verdict: Pairs that could not be read or failed.
        not_compared: Pairs of a name with itself, or that do not say what their pictures are of.
        kendall_tau: Tau-b of strengths by judge and by people; NaN where there are no two of both.
        notes: What to know of the figures.
    """

    judge: str
    prompt: str | None
    logs: tuple[str, ...]
    places: tuple[Place, ...]
    comparisons: int
    clusters: int
    labelled: int
    torn: int
    without_verdict: int
    not_compared: int
    kendall_tau: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Pair:
    """Scores are those of the first side (`Compared`); None where there is no verdict, or no label."""

    sides: tuple[str, str]
    judge: float | None
    human: float | None
    torn: bool
    cluster: Hashable
    sample: str
    log: str


def rank(logs: Sequence[str], on_log: OnLog = lambda done, total, name: None) -> tuple[list[Ranking], list[LeftOut]]:
    """Rank what the pictures of judged pairs are of; logs of the same model and judge prompt are one judge's.

    Args:
        logs: Files, folders, patterns; see `log_files.find`.
        on_log: See `OnLog`.

    Returns:
        A ranking for each judge, by name, and the logs or parts of them that are in none.

    Raises:
        LogError: No log can be ranked, or a judge's comparisons do not connect all names; names the parts.
    """
    judged: dict[tuple[str, str], list[_Pair]] = {}

    def use(name: str, log: "EvalLog") -> list[LeftOut]:
        pairs, prompts = _pairs(log), prompts_of(log)
        asked = " ".join(prompts[part] for part in ("judge", "map") if part in prompts)
        judged.setdefault((model_name(log.eval.model), asked), []).extend(pairs)
        return [] if log.status == "success" else [LeftOut(name, f"ranked in part: {ended(log)}")]

    left_out = read_each(logs, use, on_log)
    if not judged:
        raise LogError(f"nothing to rank. {reasons(left_out)}")
    prompts = Counter(model for model, _ in judged)
    rankings = []
    for (model, prompt), pairs in sorted(judged.items()):
        judge = model if prompts[model] == 1 else f"{model} ({shortened(prompt, 60)})"
        rankings.append(_ranking(judge, prompt or None, pairs))
    return rankings, sorted(set(left_out))


def _pairs(log: "EvalLog") -> list[_Pair]:
    if is_optimization(log):
        raise LogError(f"is the log of an optimization; {_HOW}")
    samples = [sample for sample in samples_of(log) if "scale" in sample.metadata]
    if not samples:
        raise LogError(
            f"has no verdicts of a judge of pairs, {ended(log)}; those of the scorer image_judge are not ranked: {_HOW}"
        )
    kinds = sorted({scale_of(sample.metadata).kind for sample in samples} - {"pair"})
    if kinds:
        raise LogError(f"its pictures were judged on a scale that is {', '.join(kinds)}, not in pairs; {_HOW}")
    pairs = [_pair(sample, file_name(str(log.location))) for sample in samples]
    if not any(all(pair.sides) for pair in pairs):
        raise LogError(_NO_SIDES)
    return pairs


def _pair(sample: "EvalSample", log: str) -> _Pair:
    known = sample.metadata
    said = (sample.output.metadata or {}).get(ORDERS)
    orders = {said.get("given"), said.get("swapped")} if isinstance(said, Mapping) else set()
    torn = len(orders) == 2 and None not in orders and not sample.error
    label = None if sample.error else TIE if torn else verdict_of(sample.output, scale_of(known)).label
    cluster = next(((key, str(known[key])) for key in ("group", "text") if known.get(key)), str(sample.id))
    first, second = known.get(SIDES) or ("", "")
    judge, human = (None if given is None else _SCORES[str(given)] for given in (label, known.get("human")))
    return _Pair((str(first), str(second)), judge, human, torn, cluster, str(sample.id), log)


def _ranking(judge: str, prompt: str | None, pairs: Sequence[_Pair]) -> Ranking:
    usable = [pair for pair in pairs if all(pair.sides) and pair.sides[0] != pair.sides[1]]
    read = [((*pair.sides, pair.judge), pair.cluster) for pair in usable if pair.judge is not None]
    # people said it once, however often the judge was asked
    labelled = {(pair.sample, pair.cluster, (*pair.sides, pair.human)) for pair in usable if pair.human is not None}
    try:
        found, notes = _strengths(read)
    except LogError as error:
        unread = f"{len(usable) - len(read)} of {len(pairs)} pairs are without a verdict"
        raise LogError(f"{judge}: {error}; {unread}") from error
    people: dict[str, Interval] = {}
    if labelled:
        try:
            people, more = _strengths([(compared, cluster) for _, cluster, compared in labelled])
        except LogError as error:
            more = [str(error)]
        notes += [f"by people's labels: {note}" for note in more]
    results = {name: Counter[float]() for name in found}
    for (first, second, score), _ in read:
        results[first][score] += 1
        results[second][1 - score] += 1
    both = [name for name in found if name in people]
    return Ranking(
        judge=judge,
        prompt=prompt,
        logs=tuple(sorted({pair.log for pair in pairs})),
        places=tuple(
            Place(name, won.total(), won[1.0], won[0.5], won[0.0], found[name], people.get(name))
            for name, won in sorted(results.items(), key=lambda item: (-found[item[0]].value, item[0]))
        ),
        comparisons=len(read),
        clusters=len({cluster for _, cluster in read}),
        labelled=len(labelled),
        torn=sum(pair.torn for pair in usable),
        without_verdict=len(usable) - len(read),
        not_compared=len(pairs) - len(usable),
        kendall_tau=kendall_tau([people[name].value for name in both], [found[name].value for name in both]),
        notes=tuple(notes),
    )


def _strengths(pairs: Sequence[tuple[Compared, Hashable]]) -> tuple[dict[str, Interval], list[str]]:
    """The strengths of compared names, with the cluster of each comparison, and what to know of them.

    Raises:
        LogError: The comparisons do not connect all names.
    """
    compared = [one for one, _ in pairs]
    apart = parts(compared)
    if not apart:
        raise LogError("no pair of two different names has a verdict")
    if len(apart) > 1:
        raise LogError(
            "strengths of names that no comparisons connect, not even through others, cannot be compared; the parts "
            f"are {_named(apart)}: judge pairs across them, or rank logs of one part"
        )
    found = strengths(compared, clusters=[cluster for _, cluster in pairs], resamples=RESAMPLES)
    notes = list(dict.fromkeys(f"intervals: {figure.reason}" for figure in found.values() if figure.reason))
    if len(one_way := parts(compared, both_ways=True)) > 1:
        notes.append(
            f"all comparisons across {_named(one_way)} went one way, which sets no upper end to the distances; "
            "a weak penalty keeps them finite"
        )
    return found, notes


def _named(parts: Sequence[Sequence[str]]) -> str:
    return " | ".join(", ".join(part) for part in parts)
