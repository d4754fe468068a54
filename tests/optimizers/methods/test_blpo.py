"""Algorithm 1 against scripted models: every call in order, scores by hand, and what is chosen."""

from typing import Any

import pytest

from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.blpo import blpo
from tests.optimizers.toy import START, World, described, ids, in_order, judged, solve

pytestmark = pytest.mark.usefixtures("scripted")


def test_the_paper_preset_is_algorithm_1_call_by_call() -> None:
    """T = 2, K = 2, two errors a batch. With seed 0 the outer steps go through the training items in these orders:
    2 4 3 0 5 1 and 0 2 5 3 4 1.
    """
    world = World(
        wrong={
            START: {"train4", "train0", "train1", "test0", "test1"},
            "A": set(),  # the best update of all, but of q0
            "B": {"train4", "train0"},
            "C": {"train4", "train1", "test0"},
            "D": {"train4", "train1"},
            "E": set(),
            "F": {"train4"},
        },
        judge_prompts={Q0: ["A", "D"], "q1": ["B", "E"], "q2": ["C", "F"]},
        i2t_prompts=["q1", "q2"],
    )
    pair = solve(world, blpo(preset="paper", outer_steps=2, inner_steps=2, batch_size=2))

    expected = [
        # t = 0: training items are judged, four at a time, until two are wrong
        *judged(START, "train2", "train4", "train3", "train0"),
        # q0, for H_0: A is right about both errors, 1.0
        *described(Q0, "train4", "train0"),
        ("update_p", Q0, ["train4", "train0"]),
        *judged("A", "train4", "train0"),
        # q1: B is wrong about both, 0.0
        ("update_q", [(Q0, 1.0)]),
        *described("q1", "train4", "train0"),
        ("update_p", "q1", ["train4", "train0"]),
        *judged("B", "train4", "train0"),
        # q2: C is wrong about one, 0.5; the history goes from the worst to the best
        ("update_q", [("q1", 0.0), (Q0, 1.0)]),
        *described("q2", "train4", "train0"),
        ("update_p", "q2", ["train4", "train0"]),
        *judged("C", "train4", "train0"),
        # q* is q2, for q0 is no candidate. p_1 = C is known from scoring: nothing is asked again.
        # t = 1: items 0 and 4 were judged under C when it was scored
        *judged("C", "train2", "train5", "train3"),
        *judged("C", "train1"),
        # the inner loop starts from q0 again; the captions of item 4 are known
        *described(Q0, "train1"),
        ("update_p", Q0, ["train4", "train1"]),
        *judged("D", "train4", "train1"),
        ("update_q", [(Q0, 0.0)]),
        *described("q1", "train1"),
        ("update_p", "q1", ["train4", "train1"]),
        *judged("E", "train4", "train1"),
        ("update_q", [(Q0, 0.0), ("q1", 1.0)]),
        *described("q2", "train1"),
        ("update_p", "q2", ["train4", "train1"]),
        *judged("F", "train4", "train1"),
        # the test split, once
        *judged(START, *ids("test")),
        *judged("E", *ids("test")),
    ]
    assert in_order(world.calls) == in_order(expected)
    assert (pair.judge, pair.i2t) == ("E", "q1"), "the last prompt, and the I2T prompt that led to it"
    steps = pair.provenance["trajectory"]
    assert [[candidate["score"] for candidate in step["candidates"]] for step in steps] == [
        [1.0, 0.0, 0.5],
        [0.0, 1.0, 0.5],
    ]
    assert [step["chosen"] for step in steps] == [2, 1]
    # by hand, per step: 6 training items, 3 candidates of 2 + 1 + 4, 2 for Update_q, 2 + 1 for the outer update
    assert pair.provenance["naive_calls"] == 2 * (6 + 3 * 7 + 2 + 3)
    assert pair.provenance["calls"] == {"judge": 4 + 6 + 4 + 6, "i2t": 9, "optimizer": 10}
    test = pair.provenance["test"]
    assert (test["before"]["accuracy"], test["after"]["accuracy"]) == (0.5, 1.0)


def test_the_optimizer_reads_the_captions_labels_and_predictions_of_the_errors_only() -> None:
    world = World({START: {"train4", "unread:train0"}}, {Q0: "A"})
    solve(world, blpo(preset="paper", outer_steps=1, inner_steps=0, batch_size=2))
    [question] = world.questions
    text = question[0].text
    assert "<current_judge_prompt>P0?</current_judge_prompt>" in text
    assert text.count("<example>") == 2
    assert "caption of train4" in text and "<people>yes</people>\n<judge>no</judge>" in text
    assert "<judge>(no label: the reply refuses or does not decide: 'hard to say')</judge>" in text
    assert "test" not in text and "validation" not in text
    assert "data:image" not in str([message.model_dump() for message in question])


def test_without_a_validation_split_an_update_that_makes_answers_unreadable_is_refused() -> None:
    """A mends an error and makes the other answer unreadable; B, of the next step, mends one."""
    world = World({START: {"train4", "train0"}, "A": {"unread:train0"}, "B": {"train0"}}, {Q0: ["A", "B"]})
    pair = solve(world, blpo(preset="paper", outer_steps=2, inner_steps=0, batch_size=2))
    first, second = pair.provenance["trajectory"]
    [candidate] = first["candidates"]
    assert candidate["prompt"] is None and not first["accepted"]
    assert candidate["rejected"] == [
        {"text": "A", "reason": "under it 1 of 2 answers cannot be read, and 0 before"},
    ]
    assert second["accepted"] and pair.judge == "B"


def test_the_default_scores_fresh_errors_and_anchors_by_how_frequent_they_are() -> None:
    """All six items are judged: four wrong (one is read about, one fresh), two right (one anchor)."""
    wrong = {"train0", "train2", "train3", "train4"}
    world = World({START: wrong, "A": {"train1", "train5", "train3"}}, {Q0: "A"})
    settings: dict[str, Any] = {"batch_size": 1, "fresh_errors": 3, "anchors": 1, "inner_steps": 0, "outer_steps": 1}
    pair = solve(world, blpo(**settings))
    [step] = pair.provenance["trajectory"]
    assert (len(step["shown"]), len(step["fresh_errors"]), len(step["anchors"])) == (1, 3, 1)
    assert step["error_rate"] == round(4 / 6, 6)
    # A mends three of four errors and breaks the anchor, whichever of the two it is
    assert step["candidates"][0]["score"] == pytest.approx(4 / 6 * 3 / 4 - 2 / 6 * 1, abs=1e-6)


def test_an_update_that_is_not_better_on_validation_is_not_kept() -> None:
    """A mends the training errors and breaks a validation item; then B, from the other error, mends all."""
    world = World(
        {START: {"train0", "train3", "validation0"}, "A": {"validation0", "validation1"}},
        {Q0: ["A", "B"]},
    )
    pair = solve(world, blpo(inner_steps=0, outer_steps=2, batch_size=1, fresh_errors=0))
    steps = pair.provenance["trajectory"]
    assert [step["accepted"] for step in steps] == [False, True]
    assert [step["validation_loss"] for step in steps] == [0.5, 0.0]
    assert steps[1]["prompt"] == START
    assert pair.judge == "B"
    assert pair.provenance["validation_loss"] == {"before": 0.25, "after": 0.0}


def test_an_update_that_did_not_hold_is_not_proposed_again() -> None:
    """Both outer steps read about the same error; A was not better on validation."""
    world = World(
        {START: {"train0", "validation0"}, "A": {"validation0"}},
        {Q0: ["A", "A", "B"]},
    )
    pair = solve(world, blpo(inner_steps=0, outer_steps=2))
    steps = pair.provenance["trajectory"]
    assert [proposal["reason"] for proposal in steps[1]["candidates"][0]["rejected"]] == [
        "it was tried before and did not help with other images"
    ]
    assert pair.judge == "B"


def test_of_equal_losses_on_validation_the_old_prompt_stays() -> None:
    world = World({START: {"train0", "validation0"}, "A": {"validation1"}}, {Q0: "A"})
    pair = solve(world, blpo(inner_steps=0, outer_steps=1))
    assert pair.judge == START


def test_the_i2t_prompt_is_carried_to_the_next_outer_step() -> None:
    world = World(
        {START: {"train0", "train1", "validation0"}, "A": {"train0", "train1"}, "B": {"train2"}},
        {Q0: ["A"], "q1": ["B", "C"], "q2": ["C"]},
        ["q1", "q2"],
    )
    pair = solve(world, blpo(inner_steps=1, outer_steps=2))
    steps = pair.provenance["trajectory"]
    assert [step["i2t"] for step in steps] == [Q0, "q1"]
    assert steps[1]["candidates"][0]["i2t"] == "q1"
    assert pair.judge == "B", "C is not better than B on validation"


def test_the_run_ends_early_when_nothing_improves() -> None:
    world = World({START: {"train0"}, "A": {"train0"}}, {Q0: "A"})
    pair = solve(world, blpo(inner_steps=0, outer_steps=5, patience=2))
    provenance = pair.provenance
    assert len(provenance["trajectory"]) == 2
    assert provenance["stopped"] == "no update was kept in 2 outer steps"
    assert pair.judge == START


def test_the_run_ends_where_no_error_is_left() -> None:
    world = World({START: {"test0"}}, {})
    pair = solve(world, blpo())
    assert pair.provenance["stopped"] == "no errors are left on the training split"
    assert not world.questions


def test_judge_prompt_as_i2t_prompt() -> None:
    world = World({START: {"train0", "validation0"}}, {START: "A"})
    pair = solve(world, blpo(i2t="judge_prompt", outer_steps=1))
    assert in_order(world.of("i2t"))[:1] == described(START, "train0"), "the error, and then some that are right"
    assert {call[1] for call in world.of("i2t")} == {START}
    assert not world.of("update_q")
    assert (pair.judge, pair.i2t) == ("A", Q0)


def test_a_fixed_i2t_prompt_is_never_changed() -> None:
    world = World({START: {"train0", "validation0"}}, {Q0: "A"}, ["q1"])
    pair = solve(world, blpo(i2t="fixed", outer_steps=1))
    assert not world.of("update_q")
    assert {call[1] for call in world.of("i2t")} == {Q0}
    assert pair.judge == "A"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"preset": "papers"}, "no preset 'papers'; one of default, paper"),
        ({"outer_steps": 0}, "outer_steps must be a whole number from 1 on, not 0"),
        ({"loss": "nll"}, "loss='nll': one of auto, scale, raters, zero_one, likelihood"),
        ({"stratify": "perhaps"}, "stratify must be true or false"),
    ],
)
def test_a_setting_out_of_range_is_named(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        blpo(**settings)
