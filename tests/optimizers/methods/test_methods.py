"""What holds for every method: budgets, the curve of what was kept, reruns, temperatures and images."""

from collections.abc import Callable
from typing import Any

import pytest
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.solver import Solver

from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.optimizers.calls import Calls
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.methods.gepa import gepa
from blpo_inspect.optimizers.methods.opro import opro
from blpo_inspect.optimizers.methods.protegi import protegi
from blpo_inspect.optimizers.methods.textgrad import textgrad
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import START, World, ids, solve

pytestmark = pytest.mark.usefixtures("scripted")

METHODS: dict[str, Callable[..., Solver]] = {
    # with racing a budget also decides when the search for captions ends
    "blpo": lambda **given: blpo(
        outer_steps=2, inner_steps=1, batch_size=2, fresh_errors=0, anchors=2, racing=False, **given
    ),
    "opro": lambda **given: opro(steps=2, candidates=2, exemplars=2, score_size=4, **given),
    "protegi": lambda **given: protegi(rounds=2, errors=2, minibatch=4, eval_samples=3, **given),
    "textgrad": lambda **given: textgrad(updates=3, batch_size=3, **given),
    "gepa": lambda **given: gepa(iterations=3, minibatch=3, **given),
}
TRAIN = set(ids("train"))


class Improving(World):
    """Every proposal is other than all before it, and the judge gets one image more right with each word of it."""

    def __init__(self) -> None:
        super().__init__(
            wrong=_Wrong(),
            judge_prompts={Q0: "P0? one two", "q": "P0? one two three"},
            i2t_prompts=["q"],
            edits=lambda prompt, why: f"{prompt} {len(prompt)}",
            rewordings=lambda prompt, seed: f"{prompt} or {seed}",
            outscores=lambda shown, seed: f"{shown[-1]} {len(shown)} {'ab'[seed % 2]}",
        )


class _Wrong(dict[str, set[str]]):
    def get(self, prompt: str, default: Any = None) -> Any:
        """The more words, the fewer errors."""
        every = [name for split in ("train", "validation", "test") for name in ids(split)]
        return {name for name in every if int(name[-1]) >= len(prompt.split())}


def solved(method: str, **given: Any) -> PromptPair:
    """The pair that a method leaves in a world where it can improve."""
    args = {name: given.pop(name) for name in ("test_kept", "save", "seed") if name in given}
    return solve(Improving(), METHODS[method](**given), **args)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_improves_the_prompt(method: str) -> None:
    pair = solved(method)
    provenance = pair.provenance
    assert pair.judge != START
    assert provenance["method"] == method
    assert provenance["validation_loss"]["after"] < provenance["validation_loss"]["before"]
    assert provenance["test"]["after"]["accuracy"] > provenance["test"]["before"]["accuracy"]
    assert provenance["naive_calls"] >= sum(provenance["calls"].values())
    assert [step["step"] for step in provenance["trajectory"]] == list(range(1, len(provenance["trajectory"]) + 1))
    counts = [step["calls"] for step in provenance["trajectory"]]
    assert counts == sorted(counts) and counts[-1] == sum(provenance["calls"].values())


@pytest.mark.parametrize("method", METHODS)
def test_a_budget_ends_the_run_with_what_it_had_by_then(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For every budget: no more calls than that, the steps of the whole run up to there, and the best pair of them.

    Calls are reserved in batches, so a budget that ends within a batch is like the one that ends before it: tried are
    the budgets that just allow each batch and those that just do not.
    """
    reserve, reserved = Calls.reserve, {0}

    def counted(calls: Calls, number: int) -> None:
        reserve(calls, number)
        reserved.add(calls.started)

    monkeypatch.setattr(Calls, "reserve", counted)
    whole = solved(method).provenance
    monkeypatch.setattr(Calls, "reserve", reserve)
    total = sum(whole["calls"].values())
    assert total in reserved
    for max_calls in sorted({count - short for count in reserved for short in (0, 1) if 0 < count - short <= total}):
        pair = solved(method, max_calls=max_calls)
        provenance = pair.provenance
        spent, steps = sum(provenance["calls"].values()), provenance["trajectory"]
        assert spent <= max_calls
        assert steps == whole["trajectory"][: len(steps)]
        accepted = [step for step in steps if step["accepted"]]
        chosen = accepted[-1]["candidates"] if accepted else []
        best = next((candidate for candidate in chosen if candidate["number"] == accepted[-1]["chosen"]), None)
        assert pair.judge == (best["prompt"] if best else START)
        assert provenance["stopped"].startswith(f"max_calls={max_calls}: ") == (steps != whole["trajectory"])


@pytest.mark.parametrize("method", METHODS)
def test_equal_runs_give_equal_bytes_and_other_seeds_others(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLPO_CACHE", "off")
    assert solved(method).to_yaml() == solved(method).to_yaml()
    orders = {str([step["shown"] for step in solved(method, seed=seed).provenance["trajectory"]]) for seed in range(4)}
    assert len(orders) > 1


@pytest.mark.parametrize("method", METHODS)
def test_the_curve_of_what_was_kept(method: str) -> None:
    """It begins with the first pair and ends with the last, changes nothing else, and is not within the budget."""
    plain = solved(method).provenance
    kept = solved(method, test_kept=True, max_calls=sum(plain["calls"].values())).provenance
    curve = kept["test"].pop("kept")
    assert {**kept, "settings": {}} == {**plain, "settings": {}}
    accepted = [step["calls"] for step in kept["trajectory"] if step["accepted"]]
    assert [pair.pop("calls") for pair in curve] == [0, *accepted]
    assert curve[0] == kept["test"]["before"]
    assert curve[-1] == kept["test"]["after"]


@pytest.mark.parametrize("given", [None, 0.0, 0.3])
@pytest.mark.parametrize(
    ("method", "own"), [("blpo", 0.0), ("opro", 1.0), ("protegi", 0.7), ("textgrad", 0.0), ("gepa", 0.0)]
)
def test_each_method_has_its_temperature_unless_the_role_has_one(method: str, own: float, given: float | None) -> None:
    world = Improving()
    model = get_model("scripted/optimizer", config=GenerateConfig(temperature=given), memoize=False)
    solve(world, METHODS[method](), optimizer=model)
    assert {config.temperature for config in world.configs} == {own if given is None else given}
    # judge and describer are asked at 0 all the same, and without a seed
    others = [call for call in world.calls if call[0] in ("judge", "i2t")]
    assert len([config for config in ScriptedAPI.configs if config.temperature == 0.0]) >= len(others)
    sampled = method in ("opro", "protegi")
    assert len([config for config in ScriptedAPI.configs if config.seed is not None]) == len(world.configs) * sampled


@pytest.mark.parametrize("method", ["opro", "protegi", "textgrad"])
def test_images_are_shown_in_place_of_captions(method: str) -> None:
    world = Improving()
    provenance = solve(world, METHODS[method](images=True)).provenance
    assert not world.of("i2t") and provenance["calls"]["i2t"] == 0
    shown = {f"image:{name}" for step in provenance["trajectory"] for name in step["shown"]}
    asked = [call[-2] for kind in ("critique", "edit", "outscore") for call in world.of(kind)]
    assert shown and {name for names in asked for name in names} == shown
    for question in world.questions:
        text = question[0].text
        assert "<description>" not in text
        assert ("Image 1:" in text) == ("<image_number>1</image_number>" in text)
