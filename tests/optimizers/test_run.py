"""A run's life: budgets and limits, what is saved, what is reported, seeds, and what a rerun gives."""

import json
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai import task_with
from inspect_ai.event import InfoEvent, SpanBeginEvent
from inspect_ai.log import EvalLog
from inspect_ai.model import ModelCost, ModelInfo, set_model_info
from inspect_ai.model._model_info import clear_model_info_cache

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.judging.prompts import RESULT, PromptPair
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import START, World, pair_of, run, solve


@pytest.fixture
def log_dir(tmp_path: Path, scripted: type[ScriptedAPI]) -> str:
    """A folder for logs; the scripted provider is there."""
    return str(tmp_path / "logs")


def improving() -> World:
    """A lowers the loss on validation, then B does."""
    return World(
        {
            START: {"train0", "train1", "train3", "validation0", "validation1", "test0"},
            "A": {"train2", "validation0"},
        },
        {START: "A", "A": "B", "B": "C"},
        ["q1", "q2"],
    )


def scores(log: EvalLog) -> dict[str, float]:
    """The log's figures."""
    assert log.results
    return {score.name: score.metrics["mean"].value for score in log.results.scores if "mean" in score.metrics}


def test_the_log_has_the_figures_and_the_pair(log_dir: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / "pair.yaml"
    log = run(improving(), blpo(outer_steps=1, inner_steps=1), log_dir=log_dir, save=str(path))
    values = scores(log)
    assert list(values) == ["acc_before", "acc_after", "acc_change", "kappa_before", "kappa_after", "calls"]
    assert (values["acc_before"], values["acc_after"], values["acc_change"]) == (0.75, 1.0, 0.25)
    pair = pair_of(log)
    assert path.read_text() == pair.to_yaml()
    assert PromptPair.load(path).judge == "A"
    provenance = pair.provenance
    assert values["calls"] == sum(provenance["calls"].values())
    assert provenance["method"] == "blpo" and provenance["seed"] == 0
    assert provenance["settings"]["outer_steps"] == 1
    assert provenance["benchmark"]["sizes"] == {"train": 6, "validation": 4, "test": 4}
    assert provenance["models"]["judge"] == {"name": "judge", "provider": "scripted"}
    assert provenance["models"]["i2t"]["name"] == "describer"
    assert provenance["start"] == {"judge": START, "i2t": Q0}
    assert provenance["test"]["difference"]["accuracy"]["value"] == 0.25
    assert pair.scale is not None and pair.scale.labels == ("yes", "no")


def test_calls_are_counted_by_role_made_and_replayed(log_dir: str) -> None:
    first = run(improving(), blpo(outer_steps=1, inner_steps=1), log_dir=log_dir)
    again = run(improving(), blpo(outer_steps=1, inner_steps=1), log_dir=log_dir)
    assert first.samples and again.samples
    made, replayed = ((log.samples or [])[0].metadata[RESULT]["uses"] for log in (first, again))
    calls = pair_of(first).provenance["calls"]
    for role in ("judge", "i2t", "optimizer"):
        tests = 8 if role == "judge" else 0
        assert made[role]["made"] == replayed[role]["replayed"] == calls[role] + tests
        assert made[role]["replayed"] == replayed[role]["made"] == 0
        # the scripted models report one token in and one out; of replayed calls the tokens are those recorded
        assert made[role]["input_tokens"] == replayed[role]["output_tokens"] == calls[role] + tests
        assert made[role]["cost_made"] is None, "no price is known"
    assert pair_of(first).to_yaml() == pair_of(again).to_yaml()


@pytest.mark.parametrize("max_calls", [1, 16, 31, 43])  # all budgets that differ: methods/test_methods
def test_a_budget_is_never_exceeded_and_leaves_the_best_pair_so_far(
    max_calls: int, log_dir: str, tmp_path: Path
) -> None:
    whole = solve(improving(), blpo())
    path = tmp_path / "pair.yaml"
    log = run(improving(), blpo(max_calls=max_calls), log_dir=log_dir, save=str(path))
    pair = pair_of(log)
    spent = sum(pair.provenance["calls"].values())
    assert spent <= max_calls
    if spent < sum(whole.provenance["calls"].values()):
        assert f"max_calls={max_calls}" in pair.provenance["stopped"]
    # the steps that were finished are those of the run without a budget, and so is what they led to
    steps = pair.provenance["trajectory"]
    assert steps == whole.provenance["trajectory"][: len(steps)]
    kept = [step["candidates"][step["chosen"]]["prompt"] for step in steps if step["accepted"]]
    assert pair.judge == (kept[-1] if kept else START)
    assert path.read_text() == pair.to_yaml()
    assert pair.provenance["test"]["n"] == 4, "measuring is outside of the budget"


def test_a_limit_of_inspect_saves_the_best_pair_and_is_unscored(log_dir: str, tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    log = run(improving(), blpo(inner_steps=1), log_dir=log_dir, save=str(path), token_limit=66)
    assert log.status == "success" and log.samples and log.results
    [sample] = log.samples
    assert sample.limit is not None and sample.limit.type == "token"
    pair = PromptPair.load(path)
    assert sample.output.completion == pair.to_yaml()
    assert pair.judge == "A", "the first update was kept before the limit"
    assert pair.provenance["stopped"] == "Inspect's token limit of 66"
    assert "test" not in pair.provenance
    assert sample.scores
    [score] = sample.scores.values()
    assert "test split was not judged" in (score.explanation or "")
    assert {score.unscored_samples for score in log.results.scores} == {1}
    assert {"acc_after", "calls"} < {score.name for score in log.results.scores}


def test_a_run_that_fails_leaves_the_file_of_an_earlier_one(log_dir: str, tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text("judge: of an earlier run\n")
    world = improving()

    def fail() -> None:
        raise RuntimeError("no connection")

    world.on_call = fail
    log = run(world, blpo(), log_dir=log_dir, save=str(path))
    assert log.status == "error"
    assert path.read_text() == "judge: of an earlier run\n"


def test_calls_have_a_price_where_it_is_known(log_dir: str) -> None:
    """Of a price of 1 and 3 dollars per million tokens in and out; a scripted call is one of each."""
    cost = ModelCost(input=1.0, output=3.0, input_cache_write=0, input_cache_read=0)
    set_model_info("scripted/optimizer", ModelInfo(cost=cost))
    try:
        logs = [run(improving(), blpo(outer_steps=1, inner_steps=0), log_dir=log_dir) for _ in range(2)]
    finally:
        clear_model_info_cache()
    first, again = ((log.samples or [])[0].metadata[RESULT]["uses"]["optimizer"] for log in logs)
    assert (first["made"], first["cost_made"], first["cost_replayed"]) == (1, pytest.approx(4e-6), 0.0)
    assert (again["replayed"], again["cost_made"], again["cost_replayed"]) == (1, 0.0, pytest.approx(4e-6))


def test_a_test_split_that_cannot_be_read_at_all_is_all_wrong(log_dir: str) -> None:
    unread = {f"unread:test{number}" for number in range(4)}
    log = run(
        World({START: {"train0", *unread}, "A": unread}, {START: "A"}),
        blpo(outer_steps=1, inner_steps=0),
        log_dir=log_dir,
    )
    test = pair_of(log).provenance["test"]
    assert test["before"] == test["after"]
    assert test["after"] == {"accuracy": 0.0, "macro_f1": 0.0, "cohens_kappa": -1.0, "n": 4, "unread": 4}
    assert (test["paired"], test["difference"]["accuracy"]["value"]) == (0, 0.0)


def test_the_file_has_the_best_pair_while_the_run_goes_on(log_dir: str, tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    world = improving()
    seen: list[str] = []

    def look() -> None:
        if path.exists():
            seen.append(PromptPair.load(path).judge)

    world.on_call = look
    run(world, blpo(patience=1), log_dir=log_dir, save=str(path))
    assert seen[0] == "A" and "B" in seen


def test_seeds_draw_other_batches_and_save_one_file_each(log_dir: str, tmp_path: Path) -> None:
    world = World({START: {"train0", "train1", "train3"}}, {Q0: "A"})
    settings: dict[str, Any] = {"inner_steps": 0, "outer_steps": 1, "batch_size": 1, "fresh_errors": 0, "anchors": 0}
    log = run(world, blpo(**settings), log_dir=log_dir, seeds=3, save=str(tmp_path / "pair.yaml"))
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == [f"pair.seed-{n}.yaml" for n in range(3)]
    assert log.samples and [sample.id for sample in log.samples] == ["seed-0", "seed-1", "seed-2"]
    errors = {tuple(pair_of(log, n).provenance["trajectory"][0]["shown"]) for n in range(3)}
    assert len(errors) > 1
    single = run(world, blpo(**settings), log_dir=log_dir, seed=1)
    assert pair_of(single).to_yaml() == pair_of(log, 1).to_yaml()


def test_a_run_can_start_from_the_pair_of_another(log_dir: str, tmp_path: Path) -> None:
    parent = tmp_path / "parent.yaml"
    run(improving(), blpo(outer_steps=1, inner_steps=1), log_dir=log_dir, save=str(parent))
    log = run(improving(), blpo(outer_steps=1, inner_steps=0), log_dir=log_dir, prompts=str(parent))
    provenance = pair_of(log).provenance
    assert provenance["start"]["judge"] == "A"
    assert len(provenance["parent"]) == 64


def test_rejected_proposals_are_asked_again_with_the_reason_and_recorded(log_dir: str) -> None:
    world = World(
        {START: {"train0", "validation0"}},
        {Q0: ["A. Rate from 1 to 10.", "A {image}?", "A"]},
    )
    log = run(world, blpo(outer_steps=1, inner_steps=0), log_dir=log_dir)
    [candidate] = pair_of(log).provenance["trajectory"][0]["candidates"]
    assert candidate["prompt"] == "A"
    assert [proposal["text"] for proposal in candidate["rejected"]] == ["A. Rate from 1 to 10.", "A {image}?"]
    last = world.questions[-1]
    assert [message.role for message in last] == ["user", "assistant", "user", "assistant", "user"]
    assert candidate["rejected"][1]["reason"] in last[-1].text


def test_after_the_last_attempt_the_old_prompt_stays(log_dir: str) -> None:
    world = World({START: {"train0", "validation0"}}, {Q0: "A {image}?"})
    log = run(world, blpo(outer_steps=1, inner_steps=0, attempts=2), log_dir=log_dir)
    [step] = pair_of(log).provenance["trajectory"]
    assert step["candidates"][0]["prompt"] is None
    assert len(step["candidates"][0]["rejected"]) == 2
    assert pair_of(log).judge == START


def test_the_transcript_shows_nested_spans_and_progress(log_dir: str, capsys: pytest.CaptureFixture[str]) -> None:
    log = run(improving(), blpo(outer_steps=1, inner_steps=1, inner="always", racing=False), log_dir=log_dir)
    assert log.samples
    spans = {event.id: event for event in log.samples[0].events if isinstance(event, SpanBeginEvent)}

    def path(event: SpanBeginEvent) -> list[str]:
        parent = spans.get(event.parent_id or "")
        return [*(path(parent) if parent else []), event.name]

    paths = {"/".join(path(event)) for event in spans.values()}
    for inner in (0, 1):
        for part in ("captions", "proposal of a judge prompt", "score"):
            assert any(path.endswith(f"optimization/outer step 1/inner step {inner}/{part}") for path in paths)
    assert any(path.endswith("optimization/outer step 1/validation") for path in paths)
    told = [event.data for event in log.samples[0].events if isinstance(event, InfoEvent)]
    said = [data for data in told if isinstance(data, dict)]
    assert any(str(data["message"]).startswith("outer step 1/1, inner step 1/1: score") for data in said)
    # Inspect keeps longer texts, such as the reason, apart
    assert [data["validation"] for data in said if data.get("accepted")] == [
        {"gain": 0.25, "error": 0.25, "judged": 4, "of": 4}
    ]


def test_nothing_of_a_run_depends_on_the_machine(log_dir: str, tmp_path: Path) -> None:
    log = run(improving(), blpo(outer_steps=1), log_dir=log_dir, save=str(tmp_path / "pair.yaml"))
    text = json.dumps(pair_of(log).provenance)
    assert str(tmp_path) not in text and "2026-" not in text and "replayed" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"benchmark": "toy", "seeds": 0}, "seeds must be at least 1"),
        ({"benchmark": "toy", "benchmark_args": "{policy: 3"}, "benchmark_args: not JSON"),
        ({"benchmark": "toy", "benchmark_args": "[3]"}, "give a mapping"),
        ({"benchmark": "shapes_safty"}, "no benchmark 'shapes_safty'"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        optimize(**arguments)


@pytest.mark.parametrize("roles", [{}, {"optimiser": "scripted/optimizer"}])
def test_without_an_optimizer_nothing_starts(
    roles: dict[str, Any], log_dir: str, scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    """Whether the task is made before the evaluation or by it."""
    for task in (optimize("toy"), "blpo_inspect/optimize"):
        with pytest.raises(PrerequisiteError) as caught:
            inspect_eval(
                task,
                task_args={"benchmark": "toy"} if isinstance(task, str) else {},
                model="scripted/judge",
                model_roles=roles,
                display="none",
                log_dir=str(tmp_path / "logs"),
            )
        said = str(caught.value)
        assert "--model-role optimizer=openai/o3" in said and "\n" not in said
        assert not roles or said.endswith("given are only: optimiser")
    assert not scripted.requests and not list(tmp_path.glob("logs/*.eval"))


def test_a_task_may_bring_its_own_optimizer(log_dir: str, scripted: type[ScriptedAPI]) -> None:
    scripted.script = staticmethod(improving())
    task = task_with(optimize("toy"), model_roles={"optimizer": "scripted/optimizer"})
    [log] = inspect_eval(task, model="scripted/judge", display="none", log_dir=log_dir)
    assert log.status == "success", log.error
