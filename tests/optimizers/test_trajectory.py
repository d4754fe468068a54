"""What is recorded of steps and candidates: what a method does not have is left out of a candidate, none of a step."""

import json
from dataclasses import fields

from blpo_inspect.optimizers.proposal import Rejection
from blpo_inspect.optimizers.trajectory import Candidate, Step


def test_a_candidate_has_what_its_method_knows_of_it() -> None:
    assert Candidate(0).to_dict() == {"number": 0, "prompt": None}
    whole = Candidate(
        3,
        "P",
        "q",
        0,
        "too short",
        0.12345678,
        False,
        (Rejection("bad", "it is bad"), Rejection("", "it is empty")),
        error=0.0123456789,
        partial=True,
        note="it is a test",
    )
    assert whole.to_dict() == {
        "number": 3,
        "prompt": "P",
        "i2t": "q",
        "parent": 0,
        "critique": "too short",
        "kept": False,
        "score": 0.123457,
        "error": 0.012346,
        "partial": True,
        "note": "it is a test",
        "rejected": [{"reason": "it is bad", "text": "bad"}, {"reason": "it is empty", "text": ""}],
    }
    assert set(whole.to_dict()) == {field.name for field in fields(Candidate)}


def test_a_score_of_0_and_a_parent_of_0_are_recorded() -> None:
    assert Candidate(1, "P", parent=0, score=0.0).to_dict() == {"number": 1, "prompt": "P", "parent": 0, "score": 0.0}


def test_a_step_has_every_field_under_its_name() -> None:
    step = Step(1, "P", "q")
    plain = step.to_dict()
    assert set(plain) == {field.name for field in fields(Step)} - {"number", "validation"} | {"step"}
    assert (plain["step"], plain["train_loss"], plain["validation_loss"], plain["chosen"]) == (1, None, None, None)
    full = Step(
        number=2,
        prompt="P",
        i2t="q",
        judged=3,
        error_rate=2 / 3,
        train_loss=1 / 3,
        shown=("a", "b"),
        fresh_errors=("c",),
        anchors=("d",),
        chosen=0,
        validation_loss=1 / 7,
        validation={"gain": 0.1, "judged": 20},
        accepted=True,
        reason="better",
        calls=9,
    ).with_candidate(Candidate(0, "A"))
    assert full.to_dict() == {
        "step": 2,
        "prompt": "P",
        "i2t": "q",
        "judged": 3,
        "error_rate": 0.666667,
        "train_loss": 0.333333,
        "shown": ["a", "b"],
        "fresh_errors": ["c"],
        "anchors": ["d"],
        "candidates": [{"number": 0, "prompt": "A"}],
        "chosen": 0,
        "validation_loss": 0.142857,
        "validation": {"gain": 0.1, "judged": 20},
        "accepted": True,
        "reason": "better",
        "calls": 9,
    }
    assert json.loads(json.dumps(full.to_dict())) == full.to_dict()


def test_candidates_are_added_in_order_and_the_step_before_stays_as_it_was() -> None:
    step = Step(1, "P", "q").with_candidate(Candidate(0))
    more = step.with_candidates(Candidate(number) for number in (1, 2))
    assert [candidate.number for candidate in more.candidates] == [0, 1, 2]
    assert [candidate.number for candidate in step.candidates] == [0]
