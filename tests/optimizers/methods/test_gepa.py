"""GEPA through its library against scripted models: who is asked what, what joins the pool, and how it ends."""

import random
import sys
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.gepa import gepa
from tests.optimizers.toy import START, World, described, ids, in_order, judged, pair_of, run, solve

pytestmark = pytest.mark.usefixtures("scripted")

TRAIN, VALIDATION = set(ids("train")), set(ids("validation"))


def world() -> World:
    """A is right about one training image and half of validation; B does better on training images and as well on
    validation; C is right about all training images and wrong on validation; D is wrong about all.
    """
    return World(
        wrong={
            START: TRAIN | VALIDATION | {"test0"},
            "A": TRAIN - {"train5"} | {"validation0", "validation1"},
            "B": {"train0", "train1", "train2", "validation1", "validation2"},
            "C": VALIDATION,
            "D": TRAIN,
        },
        judge_prompts={START: ["A"], "A": ["D", "B"], "B": ["C", "D"], Q0: "B", "q1": "C", "q2": "D"},
        i2t_prompts=["q1", "q2"],
    )


def test_five_iterations_call_by_call() -> None:
    """With seed 0 the library's minibatches are 4 1 5, 2 0 3, then 0 4 5, 1 2 3, then 1 3 5, and its parents START, A,
    A, B, B. The first pair's judge prompt comes first, then each child goes on where its parent was, in turn.
    """
    asked = world()
    pair = solve(asked, gepa("reference", iterations=5))

    expected = [
        # the first pair on validation: 0 of 4
        *judged(START, *ids("validation")),
        # 1: START's judge prompt, from the minibatch, of which it gets 0 right
        *judged(START, "train1", "train4", "train5"),
        *described(Q0, "train1", "train4", "train5"),
        ("update_p", Q0, ["train4", "train1", "train5"]),
        # A gets 1 right: more, so it is judged on validation (2 of 4) and joins the pool
        *judged("A", "train1", "train4", "train5"),
        *judged("A", *ids("validation")),
        # 2: no other is better than A on any validation image. Its I2T prompt's turn; captions under Q0 gained 1 of 3
        *judged("A", "train0", "train2", "train3"),
        ("update_q", [(Q0, 0.3333)]),
        *described("q1", "train0", "train2", "train3"),
        ("update_p", "q1", ["train2", "train0", "train3"]),
        # D gets 0 right, as A does: not strictly more, so that is all
        *judged("D", "train0", "train2", "train3"),
        # 3: A's judge prompt; 5 was right, so the optimizer does not read about it
        *described(Q0, "train0"),
        ("update_p", Q0, ["train0", "train4"]),
        # B gets 2 right instead of 1, and 2 of 4 on validation: it joins the pool, but A was there first
        *judged("B", "train0", "train4", "train5"),
        *judged("B", *ids("validation")),
        # 4: B's I2T prompt. q1 gained 0; Q0 gained 1 of 3 twice
        *judged("B", "train1", "train2", "train3"),
        ("update_q", [("q1", 0.0), (Q0, 0.3333)]),
        *described("q2", "train1", "train2"),
        ("update_p", "q2", ["train1", "train2"]),
        # C gets 3 right instead of 1, and none on validation
        *judged("C", "train1", "train2", "train3"),
        *judged("C", *ids("validation")),
        # 5: B's judge prompt; D gets 0 right instead of 2. B on all three, D on 3 and the caption of 1 are known
        ("update_p", Q0, ["train1"]),
        *judged("D", "train1", "train5"),
        # the test
        *judged(START, *ids("test")),
        *judged("A", *ids("test")),
    ]
    assert in_order(asked.calls) == in_order(expected)
    assert (pair.judge, pair.i2t) == ("A", Q0)


def steps(settings: dict[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """The trajectory of a run."""
    trajectory: list[dict[str, Any]] = solve(world(), gepa("reference", **settings), seed=seed).provenance["trajectory"]
    return trajectory


def test_what_is_recorded() -> None:
    recorded = steps({"iterations": 5})
    assert [step["step"] for step in recorded] == [1, 2, 3, 4, 5]
    assert [step["accepted"] for step in recorded] == [True, False, False, False, False]
    assert [step["validation_loss"] for step in recorded] == [0.5, None, 0.5, 1.0, None]
    assert [step["candidates"][0].get("kept") for step in recorded] == [True, None, True, True, None]
    assert [step["candidates"][0]["parent"] for step in recorded] == [0, 1, 1, 2, 2]
    assert [step["candidates"][0]["score"] for step in recorded] == [1, 0, 2, 3, 0]
    assert [step["candidates"][0]["i2t"] for step in recorded] == [Q0, "q1", Q0, "q2", Q0]
    assert [step["error_rate"] for step in recorded] == [1, 1, 0.666667, 0.666667, 0.333333]
    assert recorded[1]["reason"] == "score 0.000 → 0.000 on the minibatch"
    assert recorded[2]["reason"] == "score 1.000 → 2.000 on the minibatch, validation loss 0.500 → 0.500"


def test_the_kept_pair_has_the_i2t_prompt_that_led_to_it() -> None:
    asked = world()
    asked = World({**asked.wrong, "A": TRAIN, START: TRAIN | VALIDATION}, {START: ["D", "C", "C"]}, ["q1", "q2"])
    asked.wrong = {**asked.wrong, "C": set()}
    pair = solve(asked, gepa("reference", iterations=2))
    assert (pair.judge, pair.i2t) == ("C", "q1")
    assert pair.provenance["validation_loss"] == {"before": 1.0, "after": 0.0}


def test_a_minibatch_without_errors_asks_the_optimizer_nothing() -> None:
    asked = World(wrong={START: {"validation0"}})
    pair = solve(asked, gepa("reference", iterations=3))
    assert not asked.questions
    assert pair.judge == START
    assert [step["reason"] for step in pair.provenance["trajectory"]] == ["none of 3 training images is misjudged"] * 3
    assert pair.provenance["stopped"] == "all 3 iterations were done"


def test_an_iteration_without_a_usable_proposal_is_recorded_and_the_next_goes_on() -> None:
    asked = World(wrong={START: TRAIN | VALIDATION}, judge_prompts={START: [START, START, "C"]}, i2t_prompts=["q1"])
    asked.wrong = {**asked.wrong, "C": set()}
    first, second = solve(asked, gepa("reference", iterations=2, attempts=2)).provenance["trajectory"]
    assert first["reason"] == "no proposal could be used"
    assert [proposal["reason"] for proposal in first["candidates"][0]["rejected"]] == [
        "it says the same as the instruction in force"
    ] * 2
    assert second["accepted"]


def test_unread_answers_score_nothing() -> None:
    asked = World({START: TRAIN | VALIDATION, "A": {f"unread:{name}" for name in TRAIN}}, {START: ["A"]})
    [step] = solve(asked, gepa("reference", iterations=1)).provenance["trajectory"]
    assert step["candidates"][0]["score"] == 0
    assert not step["accepted"]


def test_other_seeds_draw_other_minibatches_and_equal_ones_the_same() -> None:
    first, again, other = (steps({"iterations": 4}, seed) for seed in (0, 0, 5))
    assert first == again
    assert [step["shown"] for step in first] != [step["shown"] for step in other]


def test_a_minibatch_is_at_most_the_training_split() -> None:
    [step] = steps({"iterations": 1, "minibatch": 40})
    assert step["judged"] == 6


@pytest.mark.parametrize("max_calls", range(1, 40, 6))  # all budgets that differ: test_methods
def test_the_budget_ends_it_wherever_it_is(max_calls: int) -> None:
    """What the library would go on after ends the run: in proposals it lets exceptions pass."""
    asked = world()
    pair = solve(asked, gepa("reference", iterations=5, max_calls=max_calls))
    provenance = pair.provenance
    assert sum(provenance["calls"].values()) <= max_calls
    whole = steps({"iterations": 5})
    assert provenance["trajectory"] == whole[: len(provenance["trajectory"])], "no step that did not come to its end"
    if len(provenance["trajectory"]) < 5:
        assert provenance["stopped"].startswith(f"max_calls={max_calls}: ")
    assert pair.judge == ("A" if provenance["trajectory"] else START)


def test_an_error_of_a_model_ends_the_run(tmp_path: Path) -> None:
    asked = world()

    def fail() -> None:
        if len(asked.calls) > 8:
            raise RuntimeError("the server is gone")

    asked.on_call = fail
    log = run(asked, gepa("reference", iterations=5), log_dir=str(tmp_path))
    assert log.status == "error"
    assert log.error is not None and "the server is gone" in log.error.message


def test_a_limit_of_inspect_keeps_the_best_pair(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    log = run(world(), gepa("reference", iterations=5), log_dir=str(tmp_path / "logs"), save=str(path), token_limit=40)
    pair = pair_of(log)
    assert pair.judge == "A"
    assert "token limit" in pair.provenance["stopped"]
    assert path.read_text() == log.samples[0].output.completion if log.samples else False


def test_the_global_random_state_is_left_alone() -> None:
    random.seed(3)
    before = random.getstate()
    steps({"iterations": 3})
    assert random.getstate() == before


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gepa", None)
    with pytest.raises(PrerequisiteError, match=r"pip install -e '\.\[gepa\]'"):
        gepa()
