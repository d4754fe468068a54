"""How the judge's answer is asked for, and what comes of it: requests, verdicts, probabilities, replays."""

import asyncio
import math
from collections.abc import Awaitable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    Logprob,
    Logprobs,
    Model,
    ModelOutput,
    TopLogprob,
    get_model,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.lazy import LazyAPI
from blpo_inspect.cache.memo import memoized
from blpo_inspect.cache.request import TRAVEL
from blpo_inspect.cache.store import Store, default_folder
from blpo_inspect.judging.answer_mode import (
    WITH_PROBABILITIES,
    Answer,
    answer_config,
    answer_of,
    checked,
    resolve_label,
)
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import label_probabilities
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.samples import Record, scale_of, to_dataset
from blpo_inspect.judging.solvers import judge
from blpo_inspect.optimizers.calls import Calls
from blpo_inspect.optimizers.evaluator import Evaluator
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.scorers import agreement, calibration
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import SCALE as YES_NO
from tests.optimizers.toy import START, World, ids, picture, toy
from tests.regression import toy as coloured

MATCH = LabelScale("unordered", ("0", "1"), aliases={"no": "0", "yes": "1"})
NUMBER = LabelScale("numeric", low=0, high=10)
SURE, OTHERS = 0.6, 0.2
"""What the judges here give the token or label that the script answers, and all other labels together."""

T = TypeVar("T")


class TokensAPI(ScriptedAPI):
    """Answers one token, with its alternatives where they are asked for."""

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Ask the script."""
        output = await super().generate(input, tools, tool_choice, config)
        labels = input[0].text.rpartition("one of: ")[2].rstrip(".").split(", ")
        if config.logprobs and output.completion in labels:
            listed = [
                TopLogprob(token=token, logprob=math.log(p)) for token, p in shares(output.completion, labels).items()
            ]
            step = Logprob(token=output.completion, logprob=math.log(SURE), top_logprobs=listed)
            output.choices[0].logprobs = Logprobs(content=[step])
        return output


class LabelsAPI(TokensAPI):
    """Also knows requests for labels, and gives their probabilities at once."""

    answers_labels = True

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Ask the script."""
        output = await super().generate(input, tools, tool_choice, config)
        wanted = (config.extra_body or {}).get("blpo_answer", {})
        if wanted.get("kind") == "likelihood":
            labels = list(dict.fromkeys(wanted["names"].values()))
            found = {label: math.log(p) for label, p in shares(output.completion, labels).items()}
            output.metadata = {"label_logprobs": found}
        return output


def shares(answer: str, labels: list[str]) -> dict[str, float]:
    """The probability of each label."""
    return {label: SURE if label == answer else OTHERS / (len(labels) - 1) for label in labels}


@modelapi(name="by_tokens")
def by_tokens() -> type[TokensAPI]:
    """Registers the provider."""
    return TokensAPI


@modelapi(name="by_labels")
def by_labels() -> type[LabelsAPI]:
    """Registers the provider."""
    return LabelsAPI


@modelapi(name="absent")
def absent() -> type[TokensAPI]:
    """A provider whose package or key is not here."""
    raise ImportError("pip install absent")


@pytest.fixture(autouse=True)
def script(scripted: type[ScriptedAPI]) -> type[ScriptedAPI]:
    """Judges that say the first label, until a test says otherwise; they share what was asked."""
    scripted.script = staticmethod(
        lambda messages: messages[0].text.rpartition("one of: ")[2].rstrip(".").split(", ")[0]
    )
    return scripted


def done(made: Awaitable[T]) -> T:
    """Wait for it."""

    async def wait() -> T:
        return await made

    return asyncio.run(wait())


def squares(answer: Answer = "text", scale: LabelScale = YES_NO, count: int = 3) -> Task:
    """Squares that people give the first label, but the last one, which they give the second."""
    labels = [*[scale.labels[0]] * (count - 1), scale.labels[1]]
    records = [Record(f"s{n}", picture(f"s{n}"), label) for n, label in enumerate(labels)]
    return judging_task(records, scale, name="squares", default_prompt="Is it?", answer=answer)


def run(task: Task | str, model: str, log_dir: Path, **options: Any) -> EvalLog:
    [log] = inspect_eval(task, model=model, log_dir=str(log_dir), display="none", **options)
    assert log.status == "success", log.error
    return read_eval_log(log.location)


def asked(scripted: type[ScriptedAPI]) -> dict[str, Any]:
    """The settings of the requests so far, which are all the same, without those of how a request travels."""
    one, *others = [config.model_dump(exclude_none=True, exclude=set(TRAVEL)) for config in scripted.configs]
    assert all(other == one for other in others)
    return one


def recorded() -> Iterator[Mapping[str, Any]]:
    """What the keys of the recorded calls are made of."""
    return (entry.request for entry in Store(default_folder()).entries())


def figures(log: EvalLog) -> dict[str, dict[str, float]]:
    assert log.results is not None
    return {one.name: {name: each.value for name, each in one.metrics.items()} for one in log.results.scores}


# What is asked


@pytest.mark.parametrize("model", ["by_tokens/m", "by_labels/m"])
def test_text_asks_as_if_there_were_nothing_else(model: str, script: type[ScriptedAPI], tmp_path: Path) -> None:
    run(squares(), model, tmp_path)
    assert asked(script) == {"temperature": 0.0}
    assert all(request["config"] == {"temperature": 0.0} for request in recorded())
    log = run(squares("text"), model, tmp_path, logprobs=True, top_logprobs=5)
    assert script.configs[-1].logprobs and script.configs[-1].top_logprobs == 5
    assert label_probabilities((log.samples or [])[0].output, YES_NO) == {"yes": pytest.approx(0.75), "no": 0.25}


@pytest.mark.parametrize("kind", ["label", "likelihood"])
@pytest.mark.parametrize("prefix", ["", "cached/"])
def test_who_knows_labels_is_told_their_names(
    kind: Answer, prefix: str, script: type[ScriptedAPI], tmp_path: Path
) -> None:
    run(squares(kind, MATCH), f"{prefix}by_labels/m", tmp_path)
    names = {"0": "0", "1": "1", "no": "0", "yes": "1"}
    assert asked(script) == {"temperature": 0.0, "extra_body": {"blpo_answer": {"kind": kind, "names": names}}}
    assert list(script.configs[0].extra_body["blpo_answer"]["names"]) == list(names)  # type: ignore[index]


def test_number_words_are_no_names() -> None:
    config = answer_config("label", coloured.ORDERED, get_model("by_labels/m"))
    assert config.extra_body == {"blpo_answer": {"kind": "label", "names": {n: n for n in "12345"}}}


@pytest.mark.parametrize("prefix", ["", "cached/"])
def test_others_answer_as_text_or_with_tokens(prefix: str, script: type[ScriptedAPI], tmp_path: Path) -> None:
    run(squares("label"), f"{prefix}by_tokens/m", tmp_path)
    assert asked(script) == {"temperature": 0.0}
    script.configs.clear()
    run(squares("likelihood"), f"{prefix}by_tokens/m", tmp_path)
    assert asked(script) == {"temperature": 0.0, "logprobs": True, "top_logprobs": 20}


def test_what_the_user_states_stays(script: type[ScriptedAPI], tmp_path: Path) -> None:
    run(squares("likelihood"), "by_tokens/m", tmp_path, top_logprobs=5, temperature=0.5)
    assert asked(script) == {"temperature": 0.5, "logprobs": True, "top_logprobs": 5}
    own = GenerateConfig(extra_body={"min_tokens": 3, "blpo_answer": "an older one"}, temperature=0.5)
    config = answer_config("label", YES_NO, get_model("by_labels/m", config=own))
    wanted = {"kind": "label", "names": {"yes": "yes", "no": "no"}}
    assert config == GenerateConfig(extra_body={"min_tokens": 3, "blpo_answer": wanted})
    assert own.extra_body == {"min_tokens": 3, "blpo_answer": "an older one"}


def test_the_wrappers_of_the_cache_do_not_change_what_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it matter whether a ``cached/…`` model has its provider already."""
    for name in ("by_labels/m", "by_tokens/m"):
        plain = get_model(name, memoize=False)
        cached = get_model(f"cached/{name}", memoize=False)
        before = answer_config("likelihood", YES_NO, cached)
        assert isinstance(cached.api, LazyAPI)
        cached.api.inner()
        wrapped: list[Model] = [cached, get_model(f"cached/{name}", memoize=False), memoized(plain)]
        assert all(answer_config("likelihood", YES_NO, model) == before for model in (plain, *wrapped))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("openai/gpt-4o", "absent/m"):  # neither can be made here
        assert answer_config("likelihood", YES_NO, get_model(f"cached/{name}")) == WITH_PROBABILITIES
    known = get_model("cached/mockllm/model", memoize=False)
    assert answer_config("likelihood", YES_NO, known) == WITH_PROBABILITIES
    assert isinstance(known.api, LazyAPI) and known.api._inner is None, "Inspect's own are not made for this"


def test_ways_of_asking_are_recorded_apart(script: type[ScriptedAPI], tmp_path: Path) -> None:
    aliased = LabelScale("unordered", YES_NO.labels, aliases={"sure": "yes"})
    ways: list[tuple[Answer, LabelScale]] = [
        ("text", YES_NO),
        ("label", YES_NO),
        ("likelihood", YES_NO),
        ("likelihood", aliased),
    ]
    for number, (answer, scale) in enumerate(ways, start=1):
        for _ in range(2):
            run(squares(answer, scale), "by_labels/m", tmp_path)
            assert len(script.requests) == 3 * number == len(list(recorded()))
    texts = {request[0].text for request in script.requests}
    assert len(texts) == 1, "only the settings tell them apart"


def test_mistakes_are_told_before_the_run(tmp_path: Path) -> None:
    unknown: Any = "probabilities"
    with pytest.raises(PrerequisiteError, match="answer='probabilities': one of text, label, likelihood"):
        squares(unknown)
    with pytest.raises(PrerequisiteError, match="answer='probabilities': one of text, label, likelihood"):
        judge("Is it?", answer=unknown)
    with pytest.raises(PrerequisiteError, match="answer='yes': one of text"):
        run("blpo_inspect/shapes_safety", "by_tokens/m", tmp_path, task_args={"answer": "yes"})
    with pytest.raises(PrerequisiteError, match="answer='yes': one of text"):
        optimize("toy_asked", {"answer": "yes"})
    records = [Record("a", picture("a"), "3")]
    kinds: tuple[Answer, ...] = ("label", "likelihood")
    for answer in kinds:
        with pytest.raises(PrerequisiteError, match=f"answer={answer} is for labels, and a numeric scale"):
            judging_task(records, NUMBER, name="t", default_prompt="?", answer=answer)
    assert judging_task(records, NUMBER, name="t", default_prompt="?").metadata is not None


def test_the_solver_alone_refuses_a_numeric_scale(script: type[ScriptedAPI], tmp_path: Path) -> None:
    dataset = to_dataset([Record("a", picture("a"), "3")], NUMBER, name="t")
    task = Task(dataset=dataset, solver=judge("?", answer="likelihood"), scorer=agreement())
    [log] = inspect_eval(task, model="by_labels/m", log_dir=str(tmp_path), display="none")
    assert log.status == "error" and log.error is not None
    assert "answer=likelihood is for labels" in log.error.message
    assert not script.requests


# What is read


def stated(logprobs: object, text: str = "1") -> ModelOutput:
    output = ModelOutput.from_content("m", text)
    output.metadata = {"label_logprobs": logprobs, "other": 1}
    return output


def test_a_providers_own_probabilities_are_divided_by_their_sum() -> None:
    found = label_probabilities(stated({"1": math.log(0.3), "0": math.log(0.1), "yes": 0.0}), MATCH)
    assert found == pytest.approx({"0": 0.25, "1": 0.75})
    assert list(found or {}) == ["0", "1"], "in the order of the scale"


@pytest.mark.parametrize("nothing", [{"0": None}, {"0": -math.inf}, {}])
def test_no_probability_is_none_at_all(nothing: dict[str, Any]) -> None:
    """Not a bound as of an alternative that was not listed: all labels were looked at."""
    assert label_probabilities(stated({**nothing, "1": -3.0}), MATCH) == {"0": 0.0, "1": 1.0}


def test_labels_that_are_all_improbable_still_compare() -> None:
    found = label_probabilities(stated({"0": -1000.0, "1": -1000.0 + math.log(3)}), MATCH)
    assert found == pytest.approx({"0": 0.25, "1": 0.75})


@pytest.mark.parametrize(
    "other", [None, "x", [0.1], {}, {"0": None, "1": None}, {"0": "a", "1": 0.0}, {"0": math.nan, "1": 0.0}]
)
def test_what_is_no_probability_leaves_it_to_the_tokens(other: object) -> None:
    output = stated(other)
    assert label_probabilities(output, MATCH) is None
    listed = [TopLogprob(token=token, logprob=math.log(p)) for token, p in {"1": 0.8, "0": 0.2}.items()]
    output.choices[0].logprobs = Logprobs(content=[Logprob(token="1", logprob=math.log(0.8), top_logprobs=listed)])
    assert label_probabilities(output, MATCH) == pytest.approx({"0": 0.2, "1": 0.8})
    output.metadata = {"label_logprobs": {"0": math.log(0.5), "1": math.log(0.5)}}
    assert label_probabilities(output, MATCH) == {"0": 0.5, "1": 0.5}, "a provider's own go before tokens"
    assert label_probabilities(output, NUMBER) is None


def test_the_verdict_is_the_most_probable_label() -> None:
    """Here ``no`` was written, but two tokens mean ``yes``."""
    output = ModelOutput.from_content("m", "No.")
    listed = {"No": 0.4, "yes": 0.3, " Yes": 0.25}
    tops = [TopLogprob(token=token, logprob=math.log(p)) for token, p in listed.items()]
    output.choices[0].logprobs = Logprobs(content=[Logprob(token="No", logprob=math.log(0.4), top_logprobs=tops)])
    assert resolve_label("likelihood", output, YES_NO).completion == "yes"
    assert output.completion == "No.", "what was recorded is not touched"
    assert resolve_label("text", output, YES_NO) is output and resolve_label("label", output, YES_NO) is output
    certain = stated({"yes": -1.0, "no": -2.0}, "Yes, it is.")
    assert resolve_label("likelihood", certain, YES_NO) is certain
    tie = stated({"yes": -1.0, "no": -1.0}, "no")
    assert resolve_label("likelihood", tie, YES_NO) is tie
    unread = stated({"yes": -2.0, "no": -1.0}, "yes or no")
    assert resolve_label("likelihood", unread, YES_NO).completion == "no"
    silent = ModelOutput.from_content("m", "Answer: yes")
    assert resolve_label("likelihood", silent, YES_NO) is silent, "text is read where there are no probabilities"


def test_a_log_has_the_verdict_and_what_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def generate(self: ScriptedAPI, *args: Any) -> ModelOutput:
        return stated({"yes": -2.0, "no": -1.0}, "hm")

    monkeypatch.setattr(LabelsAPI, "generate", generate)
    log = run(squares("likelihood", count=2), "by_labels/m", tmp_path)
    for sample in log.samples or []:
        assert (sample.output.completion, sample.messages[-1].text) == ("no", "hm")
        assert [event.output.completion for event in sample.events if event.event == "model"] == ["hm"]
    assert figures(log)["agreement"]["acc"] == 0.5 and figures(log)["unread"]["share"] == 0
    assert log.eval.metadata is not None and answer_of(log.eval.metadata) == "likelihood"
    assert answer_of(None) == answer_of(squares().metadata) == "text"


def test_an_optimization_reads_the_same_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    async def generate(self: ScriptedAPI, *args: Any) -> ModelOutput:
        return stated({"yes": math.log(0.1), "no": math.log(0.3)}, "yes")

    monkeypatch.setattr(LabelsAPI, "generate", generate)
    item = Item("a", (picture("a"),), "no")
    for answer, label in (("text", "yes"), ("likelihood", "no")):
        calls = Calls({role: get_model("by_labels/m", memoize=False) for role in ("judge", "i2t")}, {})
        [found] = done(Evaluator(calls, YES_NO, "likelihood", answer=checked(answer)).judge("Is it?", [item], "Q"))
        assert (found.label, found.wrong) == (label, label == "yes")
        assert found.loss == pytest.approx(-math.log(0.75))


# Tasks, replays, checks


@pytest.mark.parametrize("name", ["shapes_safety", "shapes_alignment", "shapes_rating"])
def test_the_tasks_take_it(name: str, script: type[ScriptedAPI], tmp_path: Path) -> None:
    args = {"answer": "likelihood", "limit_per_class": 1}
    log = run(f"blpo_inspect/{name}", "by_labels/m", tmp_path, task_args=args)
    log = inspect_score(log, calibration(), action="overwrite")
    assert {config.extra_body["blpo_answer"]["kind"] for config in script.configs if config.extra_body} == {
        "likelihood"
    }
    assert log.results is not None
    assert log.results.scores[0].scored_samples == len(script.configs) == len(log.samples or []) >= 2


@pytest.mark.parametrize("model", ["by_labels/m", "by_tokens/m", "cached/by_labels/m"])
def test_a_likelihood_run_replays_offline(
    model: str, script: type[ScriptedAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judging = squares("likelihood")
    judging.scorer = [agreement(), calibration()]
    live = run(judging, model, tmp_path / "live")
    # probabilities 0.75 and 0.25; of three the last is wrong: 2 · 0.25², twice, and 2 · 0.75²
    assert figures(live)["calibration"]["brier"] == pytest.approx((0.125 + 0.125 + 1.125) / 3)
    monkeypatch.setenv("BLPO_CACHE", "offline")
    script.requests.clear()
    again = run(judging, model, tmp_path / "again")
    assert not script.requests
    assert figures(again) == figures(live)
    pairs = zip(live.samples or [], again.samples or [], strict=True)
    for one, other in pairs:
        own = [(sample.output.metadata or {}).get("label_logprobs") for sample in (one, other)]
        assert own[0] == own[1] and (own[0] is not None) == ("by_labels" in model)
        assert label_probabilities(one.output, YES_NO) == label_probabilities(other.output, YES_NO) is not None
    with pytest.raises(AssertionError, match="never recorded"):
        run(squares("label"), "by_labels/m", tmp_path / "other")


@pytest.mark.parametrize("name", ["shapes_safety", "shapes_alignment", "shapes_rating"])
def test_the_embedded_judge_answers_alike_in_all_ways(name: str, tmp_path: Path) -> None:
    def answered(answer: Answer, **options: Any) -> dict[str, tuple[str | None, Mapping[str, float]]]:
        args = {"answer": answer, "limit_per_class": 2}
        log = run(f"blpo_inspect/{name}", "hf-vlm/shapes-judge", tmp_path, task_args=args, **options)
        found = {}
        for sample in log.samples or []:
            scale = scale_of(sample.metadata)
            given = label_probabilities(sample.output, scale) or {}
            found[str(sample.id)] = (scale.read(sample.output.completion).label, given)
        return found

    text = answered("text", logprobs=True, top_logprobs=20)
    label, likelihood = answered("label"), answered("likelihood")
    assert len(text) >= 4
    for key, (verdict, tokens) in text.items():
        assert verdict == label[key][0] == likelihood[key][0]
        assert tokens and not label[key][1]
        assert likelihood[key][1] == pytest.approx(tokens, abs=1e-4)


@task
def toy_asked(split: str = "test", prompts: str | None = None, answer: Answer = "text") -> Task:
    """The squares of `toy`, asked about as one likes."""
    plain = toy(split, prompts)
    records = [Record(str(one.id), picture(str(one.id)), str(one.target)) for one in plain.dataset]
    return judging_task(records, YES_NO, name="toy", default_prompt=START, prompts=prompts, answer=answer)


@pytest.mark.parametrize("loss", ["scale", "likelihood"])
@pytest.mark.parametrize("answer", ["text", "label", "likelihood"])
@pytest.mark.parametrize("model", ["by_labels/m", "by_tokens/m", "cached/by_labels/m"])
def test_optimizing_asks_in_the_same_way(
    model: str, answer: str, loss: str, script: type[ScriptedAPI], tmp_path: Path
) -> None:
    wrong = {"train0", "train1", "validation0", "validation1", "test0"}
    world = World({START: wrong, "A": {"validation0"}}, {START: "A"}, ["q1"])
    script.script = staticmethod(world)
    [log] = inspect_eval(
        optimize("toy_asked", {"answer": answer}),
        model=model,
        model_roles={"optimizer": "scripted/optimizer", "i2t": "scripted/describer"},
        solver=blpo(outer_steps=1, inner_steps=0, loss=loss),
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success" and log.samples, log.error
    pair = PromptPair.from_yaml(log.samples[0].output.completion)
    right, mistaken = (-math.log(0.75), -math.log(0.25)) if loss == "likelihood" else (0.0, 1.0)
    losses = {name: count * mistaken + (4 - count) * right for name, count in {"before": 2, "after": 1}.items()}
    assert pair.judge == "A"
    assert pair.provenance["validation_loss"] == pytest.approx(
        {name: total / len(ids("validation")) for name, total in losses.items()}, abs=1e-6
    )
    assert pair.provenance["benchmark"]["args"] == {"answer": answer}
    requests = zip(script.requests, script.configs, strict=True)
    judging = [config for request, config in requests if YES_NO.instruction() in request[0].text]
    assert len(judging) == world.calls.count(("judge", START, "test0")) * len(world.of("judge"))
    by_label = "by_labels" in model
    kinds = {((config.extra_body or {}).get("blpo_answer") or {}).get("kind") for config in judging}
    assert kinds == {answer if by_label and answer != "text" else None}
    tokens = (loss == "likelihood" and answer != "likelihood") or (answer == "likelihood" and not by_label)
    assert {(config.logprobs, config.top_logprobs) for config in judging} == {(True, 20) if tokens else (None, None)}
    assert all(config.temperature == 0 for config in judging)


@task
def squares_asked(split: str = "test", prompts: str | None = None, answer: Answer = "text") -> Task:
    """The first 60 squares of the regression tests, asked about as one likes."""
    records = [Record(f"square {n}", coloured.picture(n), coloured.human(n)) for n in range(60)]
    return judging_task(records, coloured.SCALE, name="squares", default_prompt="Yes?", prompts=prompts, answer=answer)


def test_checks_and_their_probes_ask_in_the_same_way(script: type[ScriptedAPI], tmp_path: Path) -> None:
    given = {"benchmark": "squares_asked", "model": "by_labels/m", "probes": ["spaces"]}
    suite = coloured.Suite(tmp_path, script, **given, args={"answer": "likelihood"})
    suite.answer()
    suite.record()
    suite.check(code=0)
    assert len(script.requests) == 120, "each square as it is, which the probes need not ask again, and with spaces"
    assert {config.extra_body["blpo_answer"]["kind"] for config in script.configs if config.extra_body} == {
        "likelihood"
    }
    assert all(config.extra_body for config in script.configs)
    taken = max(tmp_path.glob("logs/*squares*.eval"), key=lambda file: file.stat().st_mtime_ns)
    suite.write(**given, args={"answer": "text"})
    assert "the setting answer changed: likelihood → none" in suite.check(code=0).stdout
    assert "its judge was asked with answer=likelihood" in suite.check("--log", taken, code=3).stderr
    suite.write(**given, args={"answer": "likely"})
    assert "answer='likely': one of text, label, likelihood" in suite.check(code=3).stdout
