"""TextGrad against scripted models: every call in order, what is taken back, the batches, and what is recorded."""

from collections.abc import Callable
from typing import Any

import pytest

from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.textgrad import textgrad
from tests.optimizers.toy import START, World, described, ids, in_order, judged, solve

pytestmark = pytest.mark.usefixtures("scripted")

ALL = set(ids("train"))


def edits(*new: str) -> Callable[[str, str], str]:
    """The next one for each question."""
    left = iter(new)
    return lambda prompt, why: next(left)


def three_updates() -> World:
    """A is better on validation than the first prompt, B is worse than A, C is as good as A."""
    return World(
        wrong={
            START: {"train0", "train3", "validation0", "validation1", "test0"},
            "A": {"train4", "train2", "validation0"},
            "B": {"validation1", "validation2"},
            "C": {"validation3"},
        },
        edits=edits("A", "B", "C"),
    )


def test_three_updates_call_by_call() -> None:
    """With seed 0 the training images are gone through in the order 2 0 3, 5 4 1, 2 0 3."""
    world = three_updates()
    pair = solve(world, textgrad("reference", updates=3))

    expected = [
        # 2 of 4: 0.5
        *judged(START, *ids("validation")),
        *judged(START, "train2", "train0", "train3"),
        *described(Q0, "train2", "train0", "train3"),
        # the optimizer reads about the whole batch: its losses are summed
        ("critique", START, ["train2", "train0", "train3"], None),
        ("edit", START, "wrong about train2 train0 train3", ["train2", "train0", "train3"], None),
        # 0.25: kept
        *judged("A", *ids("validation")),
        *judged("A", "train5", "train4", "train1"),
        *described(Q0, "train5", "train4", "train1"),
        ("critique", "A", ["train5", "train4", "train1"], None),
        ("edit", "A", "wrong about train5 train4 train1", ["train5", "train4", "train1"], None),
        # 0.5: taken back
        *judged("B", *ids("validation")),
        # so A it is again; captions are known
        *judged("A", "train2", "train0", "train3"),
        ("critique", "A", ["train2", "train0", "train3"], None),
        ("edit", "A", "wrong about train2 train0 train3", ["train2", "train0", "train3"], None),
        # 0.25, as A: kept
        *judged("C", *ids("validation")),
        *judged(START, *ids("test")),
        *judged("C", *ids("test")),
    ]
    assert in_order(world.calls) == in_order(expected)
    assert (pair.judge, pair.i2t) == ("C", Q0)
    steps = pair.provenance["trajectory"]
    assert [step["prompt"] for step in steps] == [START, "A", "A"]
    assert [step["accepted"] for step in steps] == [True, False, True]
    assert [step["validation_loss"] for step in steps] == [0.25, 0.5, 0.25]
    assert [step["error_rate"] for step in steps] == [round(share / 3, 6) for share in (2, 1, 1)]
    assert [step["train_loss"] for step in steps] == [step["error_rate"] for step in steps]
    assert [(step["judged"], step["chosen"]) for step in steps] == [(3, 0)] * 3
    assert steps[0]["shown"] == ["train2", "train0", "train3"]
    assert steps[1]["candidates"] == [{"number": 0, "prompt": "B", "critique": "wrong about train5 train4 train1"}]
    assert steps[1]["reason"] == "rewritten, validation loss 0.250 → 0.500"
    assert pair.provenance["validation_loss"] == {"before": 0.5, "after": 0.25}
    assert pair.provenance["calls"] == {"judge": 4 * 4 + 3 * 3, "i2t": 6, "optimizer": 6}
    # the three captions that were known count here
    assert pair.provenance["naive_calls"] == 25 + 9 + 6
    assert pair.provenance["stopped"] == "all 3 updates were done"


def test_selection_on_training_images_keeps_every_update() -> None:
    world = three_updates()
    pair = solve(world, textgrad("reference", updates=2, selection="train"))
    assert pair.judge == "B"
    assert not [call for call in world.of("judge") if call[2].startswith("validation")]
    assert [(step["accepted"], step["reason"]) for step in pair.provenance["trajectory"]] == [(True, "rewritten")] * 2


def test_what_was_taken_back_does_not_lower_the_bar() -> None:
    """0.25, then 0.5, which is taken back, then 0.25: as good as what stands, not better than what was refused."""
    wrong = {START: {*ALL, "validation0"}, "B": {"validation0", "validation1"}, "C": {"validation1", "validation3"}}
    pair = solve(World(wrong, edits=edits("B", "C")), textgrad("reference", updates=2))
    assert [step["accepted"] for step in pair.provenance["trajectory"]] == [False, False]
    assert pair.judge == START
    assert pair.provenance["validation_loss"] == {"before": 0.25, "after": 0.25}


def test_a_batch_without_errors_asks_nothing() -> None:
    """Update 1 sees 2 0 3, all right; update 2 sees 5 4 1; then the first batch again, which is remembered."""
    world = World({START: {"train1", "validation0"}, "A": {"validation0", "validation1"}}, edits=edits("A"))
    pair = solve(world, textgrad("reference", updates=3))
    steps = pair.provenance["trajectory"]
    assert [len(step["candidates"]) for step in steps] == [0, 1, 0]
    assert [step["shown"] for step in steps] == [[], ["train5", "train4", "train1"], []]
    assert [step["judged"] for step in steps] == [3, 3, 3]
    assert steps[0]["reason"] == "none of 3 training images is misjudged"
    assert (steps[0]["accepted"], steps[0]["chosen"], steps[0]["validation_loss"]) == (False, None, None)
    assert len(world.questions) == 2
    assert world.of("i2t") == described(Q0, "train5", "train4", "train1")
    # two validations and three batches, one of them remembered
    assert pair.provenance["calls"]["judge"] == 4 + 4 + 3 + 3
    assert pair.provenance["naive_calls"] == 4 + 4 + 3 + 3 + 3 + 3 + 2


@pytest.mark.parametrize(
    ("settings", "batches"),
    [
        # orders of the epochs with seed 0: 2 0 3 5 4 1, 0 1 3 2 5 4 and 5 1 3 0 2 4
        ({"updates": 9}, ["203", "541", "203", "541", "013", "254", "013", "254", "513"]),
        ({"updates": 4, "batch_size": 4}, ["2035", "4120", "3541", "2035"]),
        ({"updates": 2, "batch_size": 2, "epoch": 1}, ["01", "51"]),
        ({"updates": 4, "batch_size": 2, "epoch": 2}, ["20", "35", "01", "32"]),
        ({"updates": 1, "batch_size": 9}, ["203541"]),
    ],
)
def test_batches_go_through_the_training_images(settings: dict[str, Any], batches: list[str]) -> None:
    """All are wrong and every update is taken back; after an epoch the order is another one."""
    world = World({START: ALL, f"{START} mended": {"validation0"}})
    pair = solve(world, textgrad("reference", **settings))
    shown = ["".join(name[-1] for name in step["shown"]) for step in pair.provenance["trajectory"]]
    assert shown == batches


def test_another_seed_has_another_order() -> None:
    def shown(seed: int) -> list[str]:
        world = World({START: ALL, f"{START} mended": {"validation0"}})
        [step] = solve(world, textgrad("reference", updates=1, batch_size=6), seed=seed).provenance["trajectory"]
        return list(step["shown"])

    assert shown(0) == shown(0) != shown(1)
    assert sorted(shown(0)) == sorted(shown(1))


def test_the_critique_and_the_edit_read_of_right_and_wrong_answers() -> None:
    world = three_updates()
    solve(world, textgrad("reference", updates=1))
    critique, edit = (question[0].text for question in world.questions)
    for text in (critique, edit):
        labels = [part.split("</judge>")[0] for part in text.split("<people>")[1:]]
        assert labels == ["yes</people>\n<judge>yes", "yes</people>\n<judge>no", "no</people>\n<judge>yes"]
    assert "<critique>wrong about train2 train0 train3</critique>" in edit
    assert "Do not write a new instruction yet" in critique


def test_a_critique_that_cannot_be_used_leaves_the_prompt() -> None:
    """It is too long, and then empty."""
    again = ["x" * 51, ""]
    world = World({START: ALL}, critiques=lambda prompt, names: again)
    pair = solve(world, textgrad("reference", updates=1, attempts=2, max_prompt_chars=50))
    [step] = pair.provenance["trajectory"]
    [candidate] = step["candidates"]
    assert candidate["prompt"] is None and "critique" not in candidate
    assert [proposal["reason"] for proposal in candidate["rejected"]] == [
        "it has 51 characters, and 50 are allowed",
        "it is empty",
    ]
    assert (step["reason"], step["chosen"], step["accepted"]) == ("no gradient could be used", None, False)
    assert not world.of("edit")
    assert pair.judge == START


def test_an_edit_that_cannot_be_used_leaves_the_prompt() -> None:
    """The critique was good at the second attempt; both kinds of rejected answers are recorded, in order."""
    again = ["", "too vague"]
    world = World({START: ALL}, critiques=lambda prompt, names: again, edits=edits("A {image}?", "p0?"))
    pair = solve(world, textgrad("reference", updates=1, attempts=2))
    [step] = pair.provenance["trajectory"]
    [candidate] = step["candidates"]
    assert candidate["prompt"] is None and candidate["critique"] == "too vague"
    assert [proposal["text"] for proposal in candidate["rejected"]][1:] == ["A {image}?", "p0?"]
    assert candidate["rejected"][0]["reason"] == "it is empty"
    assert (step["reason"], step["chosen"], step["accepted"]) == ("no proposal could be used", None, False)
    assert step["validation_loss"] is None
    assert pair.judge == START


def test_a_prompt_that_was_taken_back_may_be_proposed_again() -> None:
    """Its validation is remembered: the second time nothing is asked about it."""
    world = World({START: ALL, "A": {"validation0"}}, edits=edits("A", "A"))
    pair = solve(world, textgrad("reference", updates=2))
    assert [step["validation_loss"] for step in pair.provenance["trajectory"]] == [0.25, 0.25]
    assert len([call for call in world.of("judge") if call[1] == "A"]) == 4
