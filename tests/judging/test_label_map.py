"""Maps of labels: what is a map, what it makes of an answer, and where the judge's own label stays."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelOutput

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.label_map import checked, meant
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS
from blpo_inspect.judging.outputs import MAPPED, mapped, verdict_of
from blpo_inspect.judging.prompts import PromptError, PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.logs.reader import judged_run
from blpo_inspect.tasks.common import judging_task
from tests.conftest import ScriptedAPI
from tests.judging.test_outputs import PICTURE

FIVE = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
WORDS = LabelScale("ordinal", ("bad", "fair", "good"))
TEN = LabelScale("numeric", low=0, high=10)
SAFETY = LabelScale("unordered", ("safe", "unsafe"))
STRICT = dict(zip("12345", "12245", strict=True))

monotone = st.lists(st.sampled_from(FIVE.labels), min_size=5, max_size=5).map(
    lambda meanings: dict(zip(FIVE.labels, sorted(meanings), strict=True))
)
knots = st.dictionaries(st.integers(0, 1000), st.integers(0, 1000), min_size=1, max_size=6).map(
    lambda points: {
        TEN.canonical(said / 100): TEN.canonical(value / 100)
        for said, value in zip(sorted(points), sorted(points.values()), strict=True)
    }
)
weights = st.floats(0.001, 1000).map(lambda weight: {"safe": "1", "unsafe": f"{weight:.6g}"})


@given(
    st.one_of(st.tuples(st.just(FIVE), monotone), st.tuples(st.just(TEN), knots), st.tuples(st.just(SAFETY), weights))
)
def test_yaml_round_trip(of: tuple[LabelScale, dict[str, str]]) -> None:
    scale, map = of
    pair = PromptPair("Rate it.", scale=scale, provenance={"method": "remap"}, map=map)
    again = PromptPair.from_yaml(pair.to_yaml())
    assert again == pair and again.map == map
    assert again.to_yaml() == pair.to_yaml()


def test_a_pair_without_a_map_has_no_key_for_it() -> None:
    assert "map" not in PromptPair("Rate it.", scale=FIVE).to_yaml()


def test_a_map_written_by_hand_is_text_in_the_order_of_the_scale() -> None:
    pair = PromptPair.from_yaml(
        "judge: x\nscale: {kind: ordinal, labels: [no, maybe, yes]}\nmap: {Yes: yes, no: no, maybe: yes}\n"
    )
    assert pair.map and list(pair.map.items()) == [("no", "no"), ("maybe", "yes"), ("yes", "yes")]
    pair = PromptPair.from_yaml("judge: x\nscale: {kind: numeric, low: 0, high: 10}\nmap: {10: 8.0, 2.50: 1}\n")
    assert pair.map and list(pair.map.items()) == [("2.5", "1"), ("10", "8")]


@pytest.mark.parametrize(
    ("scale", "map", "why"),
    [
        ("{kind: ordinal, labels: [1, 2, 3]}", "{1: 1, 2: 2}", "must have each of 1, 2, 3 once, not 1, 2"),
        ("{kind: ordinal, labels: [1, 2, 3]}", "{1: 1, 2: 2, 3: 4}", "'4' is not on the scale"),
        ("{kind: ordinal, labels: [1, 2, 3]}", "{1: 1, 2: 2, 3: 3, 4: 3}", "'4' is not on the scale"),
        ("{kind: ordinal, labels: [1, 2, 3]}", "{1: 1, 2: 3, 3: 2}", "must rise with the labels and never fall"),
        ("{kind: ordinal, labels: [b, a, c]}", "{a: a, b: b, B: c, c: c}", "must have each of b, a, c once"),
        ("{kind: numeric, low: 0, high: 10}", "{1: 11}", "11 is not between 0 and 10"),
        ("{kind: numeric, low: 0, high: 10}", "{1: 2, 3: 1}", "never fall: 1 → 2, 3 → 1"),
        ("{kind: numeric, low: 0, high: 10}", "{}", "must have numbers of the scale, each once, not nothing"),
        ("{kind: unordered, labels: [a, b]}", "{a: 1, b: 0}", "weight of b must be a number above 0, not '0'"),
        ("{kind: unordered, labels: [a, b]}", "{a: 1, b: a}", "weight of b must be a number above 0, not 'a'"),
        ("{kind: unordered, labels: [a, b]}", "{a: 1, b: nan}", "weight of b must be a number above 0"),
        ("{kind: unordered, labels: [a, b]}", "[1, 2]", "must be a mapping"),
    ],
)
def test_other_maps_are_refused(scale: str, map: str, why: str) -> None:
    with pytest.raises(PromptError, match=r"^pair, line 3: map(\.[^:]*)?: .*" + why):
        PromptPair.from_yaml(f"judge: x\nscale: {scale}\nmap: {map}\n", source="pair")


def test_a_map_needs_its_scale() -> None:
    with pytest.raises(PromptError, match=r"line 2: map: says nothing without the scale that it is for; add scale:"):
        PromptPair.from_yaml("judge: x\nmap: {1: 1}\n")
    with pytest.raises(PromptError, match="map: must have each of 1, 2, 3, 4, 5 once"):
        PromptPair("x", scale=FIVE, map={"1": "1"})


@pytest.mark.parametrize(
    ("said", "value"), [("0", "1"), ("2", "1"), ("3", "2"), ("3.5", "2.5"), ("4", "3"), ("6.5", "3.5"), ("10", "4")]
)
def test_a_number_lies_on_the_line_between_two_points(said: str, value: str) -> None:
    """2 → 1, 4 → 3, 9 → 4; beyond these their values hold."""
    assert meant({"2": "1", "4": "3", "9": "4"}, TEN, said, None) == value


def test_weights_decide_between_probabilities() -> None:
    assert meant({"safe": "1", "unsafe": "3"}, SAFETY, "safe", {"safe": 0.7, "unsafe": 0.3}) == "unsafe"
    assert meant({"safe": "1", "unsafe": "2"}, SAFETY, "safe", {"safe": 0.7, "unsafe": 0.3}) == "safe"
    assert meant({"safe": "1", "unsafe": "1"}, SAFETY, "unsafe", {"safe": 0.5, "unsafe": 0.5}) == "unsafe"
    assert meant({"safe": "1", "unsafe": "3"}, SAFETY, "safe", None) == "safe", "without probabilities it stays"


def test_an_output_says_what_was_said_and_what_it_means() -> None:
    given = ModelOutput.from_content("m", "Rating: 3")
    output = mapped(given, FIVE, STRICT)
    assert verdict_of(output, FIVE).label == "2"
    assert verdict_of(output, FIVE, raw=True).label == "3"
    assert output.metadata == {MAPPED: {"said": "3", "label": "2"}}
    assert output.completion == "Rating: 3" and given.metadata is None
    assert mapped(given, FIVE, None) is given
    unread = ModelOutput.from_content("m", "hard to say")
    assert mapped(unread, FIVE, STRICT) is unread


@pytest.mark.parametrize("note", [{"label": "9"}, {}, {"label": ["2"]}])
def test_a_note_without_a_label_of_the_scale_is_no_verdict(note: Mapping[str, object]) -> None:
    output = ModelOutput.from_content("m", "3")
    output.metadata = {MAPPED: note}
    verdict = verdict_of(output, FIVE)
    assert verdict.label is None and "the map of its prompt pair gave no label" in str(verdict.reason)


def judged(folder: Path, pair: PromptPair, answer: str = "text") -> EvalLog:
    """Five pictures, of which people say 1, 2, 2, 4, 5, or safe and unsafe in turn; judged with a pair from a file."""
    assert pair.scale
    pair.save(folder / "pair.yaml")
    labels = ["safe", "unsafe"] * 2 if pair.scale == SAFETY else ["1", "2", "2", "4", "5"]
    records = [Record(str(place), PICTURE, label, text=str(place + 1)) for place, label in enumerate(labels)]
    path = str(folder / "pair.yaml")
    task = judging_task(records, pair.scale, name="five", default_prompt="?", prompts=path, answer=answer)  # type: ignore[arg-type]
    [log] = inspect_eval(task, model="scripted/judge", log_dir=str(folder), display="none")
    return log


def echo(messages: list[object]) -> str:
    """The number in the picture's text, which the judge takes for its label."""
    return str(messages[0].text).split("<text>")[1][0]  # type: ignore[attr-defined]


def figures(log: EvalLog) -> dict[str, float]:
    assert log.results, log.error
    return {name: metric.value for score in log.results.scores for name, metric in score.metrics.items()}


def test_a_task_applies_the_map_and_its_log_has_the_judges_own_label(
    scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    scripted.script = staticmethod(echo)  # type: ignore[assignment]
    raw = judged(tmp_path / "raw", PromptPair("Rate it.", scale=FIVE))
    asked = len(scripted.requests)
    log = judged(tmp_path / "mapped", PromptPair("Rate it.", scale=FIVE, map=STRICT))
    assert len(scripted.requests) == asked == 5, "requests are the same, so the second run replays the first"
    assert (figures(raw)["acc"], figures(raw)["mae"]) == (0.8, 0.2)
    assert (figures(log)["acc"], figures(log)["mae"]) == (1.0, 0.0)
    assert log.eval.metadata and log.eval.metadata["label_map"] == STRICT
    assert "label_map" not in (raw.eval.metadata or {})
    third = (log.samples or [])[2]
    assert third.output.completion == "3"
    assert (third.output.metadata or {})[MAPPED] == {"said": "3", "label": "2"}
    assert third.scores and third.scores["agreement"].answer == "2"
    assert (third.scores["agreement"].metadata or {})["said"] == "3"


def test_a_run_has_both_its_labels(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(echo)  # type: ignore[assignment]
    run = judged_run(judged(tmp_path, PromptPair("Rate it.", scale=FIVE, map=STRICT)))
    assert [answer.label for answer in run.answers] == list("12245")
    assert [answer.raw for answer in run.answers] == list("12345")
    assert run.prompts["map"] == "1 → 1, 2 → 2, 3 → 2, 4 → 4, 5 → 5"
    own = run.without_map()
    assert [answer.label for answer in own.answers] == list("12345") and "map" not in own.prompts
    assert own.without_map() == own


def test_weights_need_probabilities(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    pair = PromptPair("Is it safe?", scale=SAFETY, map={"safe": "1", "unsafe": "3"})
    with pytest.raises(PrerequisiteError, match=r"pair.yaml: its map weighs .* answer=text lacks; use answer=likel"):
        judged(tmp_path, pair)

    def unsure(messages: list[object]) -> ModelOutput:
        output = ModelOutput.from_content("m", "safe")
        output.metadata = {LABEL_LOGPROBS: {"safe": -0.3, "unsafe": -1.3}}
        return output

    scripted.script = staticmethod(unsure)  # type: ignore[assignment]
    log = judged(tmp_path, pair, "likelihood")
    assert [answer.label for answer in judged_run(log).answers] == ["unsafe"] * 4
    assert [answer.raw for answer in judged_run(log).answers] == ["safe"] * 4


def test_a_map_holds_for_its_own_range_only(tmp_path: Path) -> None:
    PromptPair("Rate it.", scale=TEN, map={"1": "2"}).save(tmp_path / "pair.yaml")
    other = LabelScale("numeric", low=0, high=100)
    with pytest.raises(PrerequisiteError, match="written for another scale"):
        judging_task([], other, name="t", default_prompt="?", prompts=str(tmp_path / "pair.yaml"))


def test_the_solver_refuses_a_map_of_another_scale(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    from blpo_inspect.judging.samples import to_dataset
    from blpo_inspect.judging.solvers import judge

    dataset = to_dataset([Record("0", PICTURE, "bad")], WORDS, name="t")
    [log] = inspect_eval(
        Task(dataset=dataset, solver=judge("?", map=STRICT)), model="scripted/m", log_dir=str(tmp_path), display="none"
    )
    assert log.error and "'1' is not on the scale (bad, fair, good)" in log.error.message
    assert not scripted.requests or log.status == "error"
    assert checked({"good": "good", "bad": "bad", "fair": "bad"}, WORDS) == {
        "bad": "bad",
        "fair": "bad",
        "good": "good",
    }
