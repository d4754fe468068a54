"""What BLPO spends no calls on: an inner loop that is not needed, hopeless candidates, captions that say nothing."""

from typing import Any

import pytest

from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.blpo import blpo
from tests.optimizers.toy import START, World, solve

pytestmark = pytest.mark.usefixtures("scripted")


def steps_of(world: World, **settings: Any) -> list[dict[str, Any]]:
    """The steps of a run."""
    steps: list[dict[str, Any]] = solve(world, blpo(**settings)).provenance["trajectory"]
    return steps


def test_the_inner_loop_is_not_run_where_the_captions_at_hand_lead_to_an_update_that_holds() -> None:
    world = World({START: {"train0", "train1", "validation0"}}, {Q0: ["A"], "q1": ["B"]}, ["q1"])
    [step] = steps_of(world, outer_steps=1, inner_steps=2)
    assert step["accepted"] and len(step["candidates"]) == 1
    assert not world.of("update_q")
    world = World({START: {"train0", "train1", "validation0"}}, {Q0: ["A"], "q1": ["B"]}, ["q1"])
    [step] = steps_of(world, outer_steps=1, inner_steps=1, inner="always", racing=False)
    assert len(step["candidates"]) == 2


def test_it_is_run_where_they_lead_to_one_that_does_not_hold() -> None:
    """A mends the training errors and breaks validation; B mends all but one error."""
    world = World(
        {START: {"train0", "train1", "validation0"}, "A": {"validation0", "validation1"}, "B": {"train1"}},
        {Q0: ["A"], "q1": ["B"]},
        ["q1"],
    )
    [step] = steps_of(world, outer_steps=1, inner_steps=1)
    assert [candidate["prompt"] for candidate in step["candidates"]] == ["A", "B"]
    assert step["accepted"] and step["chosen"] == 1
    assert step["validation"] == {"gain": 0.25, "error": 0.25, "judged": 4, "of": 4}


def test_a_score_at_its_maximum_ends_the_inner_loop() -> None:
    """A mends all errors and breaks nothing, and breaks validation; no other request can score higher."""
    world = World(
        {START: {"train0", "validation0"}, "A": {"validation0"}, "B": set()},
        {Q0: ["A"], "q1": ["B"], "q2": ["C"]},
        ["q1", "q2"],
    )
    [step] = steps_of(world, outer_steps=1, inner_steps=2, inner="always")
    assert [candidate["prompt"] for candidate in step["candidates"]] == ["A"]


def test_a_candidate_that_cannot_be_one_of_the_best_is_dropped() -> None:
    """Of four errors, A and B leave one each, C all: after the two that the optimizer reads about it cannot win."""
    wrong = {"train0", "train1", "train2", "train3"}
    world = World(
        {START: wrong | {"validation0"}, "A": {"train0"}, "B": {"train1"}, "C": wrong},
        {Q0: ["A"], "q1": ["B"], "q2": ["C"]},
        ["q1", "q2"],
    )
    settings = {"outer_steps": 1, "inner_steps": 2, "batch_size": 2, "fresh_errors": 2, "inner": "always"}
    [step] = steps_of(world, **settings)
    assert [candidate.get("partial", False) for candidate in step["candidates"]] == [False, False, True]
    assert step["candidates"][2]["score"] == pytest.approx(2 / 6, abs=1e-6), "had it mended the two others"
    judged = [call for call in world.of("judge") if call[1] == "C"]
    assert len(judged) == 2


def test_of_candidates_that_judge_alike_one_is_validated() -> None:
    """B says the same as A on the batch; C, which scores less, is the other that validation decides about."""
    wrong = {"train0", "train1", "train2"}
    bad = {"validation0", "validation1"}
    world = World(
        {START: wrong | {"validation0"}, "A": {"train0"} | bad, "B": {"train0"} | bad, "C": {"train0", "train1"}},
        {Q0: ["A"], "q1": ["B"], "q2": ["C"]},
        ["q1", "q2"],
    )
    [step] = steps_of(world, outer_steps=1, inner_steps=2, inner="always")
    assert step["accepted"] and step["chosen"] == 2
    validated = {call[1] for call in world.of("judge") if call[2].startswith("validation")}
    assert validated == {START, "A", "C"}


class Vague(World):
    """A world whose describer says the same of every image, unless it is asked ``q1``."""

    def __call__(self, messages: list[Any]) -> str:
        """The answer."""
        answer = super().__call__(messages)
        return "A drawing." if answer.startswith("caption of") and not answer.endswith("q1") else answer


def test_captions_that_hardly_differ_cost_no_question() -> None:
    wrong = {"train0", "train1", "train2", "train3"}
    world = Vague({START: wrong | {"validation0"}}, {"q1": ["A"]}, ["q1"])
    [step] = steps_of(world, outer_steps=1, inner_steps=1)
    assert step["candidates"][0]["note"] == "its captions hardly differ from image to image"
    assert "score" not in step["candidates"][0]
    assert len(world.of("update_p")) == 1
    assert world.of("update_q") == [("update_q", [(Q0, None)])]
    assert step["accepted"]


def test_refused_proposals_are_no_usable_instruction_and_have_no_score() -> None:
    world = World({START: {"train0", "train1", "train2", "validation0"}}, {Q0: "A {image}?", "q1": ["B"]}, ["q1"])
    [step] = steps_of(world, outer_steps=1, inner_steps=1, attempts=2)
    first = step["candidates"][0]
    assert first["note"] == "no usable instruction came of it" and "score" not in first
    assert len(first["rejected"]) == 2
    asked = next(question[0].text for question in world.questions if "between <i2t_prompt>" in question[0].text)
    assert "no usable instruction came of it" in asked and "<score>" not in asked


def test_requests_of_earlier_outer_steps_are_told_and_not_taken_again() -> None:
    wrong = {"train0", "train1", "train2"}
    world = World({START: wrong | {"validation0"}, "A": wrong, "B": wrong}, {Q0: ["A", "B"], "q1": ["B"]}, ["q1"])
    _, second = steps_of(world, outer_steps=2, inner_steps=1, patience=None, attempts=2)
    reasons = [rejected["reason"] for rejected in second["candidates"][1]["rejected"]]
    assert reasons == ["it says the same as a request that was tried"] * 2
    assert [request for request, _ in world.of("update_q")[1][1]][:2] == [Q0, "q1"]


def test_to_be_kept_a_gain_may_have_to_be_certain() -> None:
    world = World({START: {"train0", "train1", "validation0"}}, {Q0: ["A"]})
    [step] = steps_of(world, outer_steps=1, inner_steps=0, keep="significant")
    assert not step["accepted"] and step["validation"]["gain"] == 0.25


def test_no_more_is_judged_than_max_judged() -> None:
    world = World({START: {"train0", "validation0"}}, {Q0: ["A"]})
    [step] = steps_of(world, outer_steps=1, inner_steps=0, max_judged=3)
    assert step["judged"] == 3


def test_a_run_that_nears_its_budget_decides_about_what_it_has() -> None:
    """Six training items are judged, one is described; A and B cost nine calls each, at most, validation eight."""
    wrong = {"train0", "train1", "train2"}
    world = World(
        {START: wrong | {"validation0"}, "A": {"train0", "train1"}, "B": {"train0"}}, {Q0: ["A"], "q1": ["B"]}, ["q1"]
    )
    pair = solve(world, blpo(outer_steps=1, inner_steps=1, inner="always", max_calls=33))
    assert pair.judge == "A" and pair.provenance["stopped"] == "all 1 outer steps were done"
    assert not world.of("update_q")
