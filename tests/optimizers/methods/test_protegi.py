"""ProTeGi against scripted models: every call in order, the bandit's numbers by hand, the pool, and the beam."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.protegi import protegi
from tests.optimizers.toy import START, World, described, ids, in_order, judged, solve

pytestmark = pytest.mark.usefixtures("scripted")

SMALL: dict[str, Any] = {
    "beam": 2,
    "minibatch": 4,
    "gradients": 2,
    "errors": 1,
    "rewordings": 1,
    "expansion": 2,
    "eval_rounds": 4,
    "eval_prompts": 2,
    "eval_samples": 3,
}


def edits(by: dict[str, str]) -> Callable[[str, str], str]:
    """What an edit answers, by the critique; or else the prompt with its last character."""
    return lambda prompt, why: by.get(why, f"{prompt}{why[-1]}")


def two_rounds() -> World:
    """B mends all of the first prompt's errors but makes one of its own; S, a paraphrase, is worse."""
    names = {"A": "A2", "B": "B2", START: "S"}
    return World(
        wrong={
            START: {"train0", "train1", "train4", "validation0", "validation1", "test0", "test1"},
            "B": {"train3", "validation2", "test1"},
            "S": {"train2", "train5"},
        },
        edits=edits({"wrong about train0": "A", "wrong about train4": "B"}),
        rewordings=lambda prompt, seed: f"{names.get(prompt, prompt)}{seed or ''}",
    )


FIRST_ROUND = [
    *judged(START, *ids("validation")),
    # the minibatch is 0 3 5 4; errors are 0 and 4, and one of them is drawn for each critique
    *judged(START, "train0", "train3", "train5", "train4"),
    *described(Q0, "train0"),
    *described(Q0, "train4"),
    ("critique", START, ["train0"], 0),
    ("critique", START, ["train4"], 1),
    ("edit", START, "wrong about train0", ["train0"], 0),
    ("edit", START, "wrong about train4", ["train4"], 1),
    *(("reword", prompt, 0) for prompt in ("A", "B", START)),
    # of A, B, A2, B2 and S two are drawn: B and S. Arms: 0 is the first prompt, 1 is B, 2 is S.
    # turn 0, images 0 5 2, arms drawn: 0 and 2. The first prompt has 2/3 (0 and 5 are known), S 1/3.
    *judged(START, "train2"),
    *judged("S", "train0", "train5", "train2"),
    # turn 1, images 5 0 2: ln 1 = 0, so 0.667, 0 and 0.333 decide: 0 and 2 again, and all is known
    # turn 2, images 4 1 5, ln 2 = 0.693: 0.667 + √(0.693 / 6.001) = 1.007; 0 + √(0.693 / 0.001) = 26.3;
    # 0.333 + 0.340 = 0.673: 1 and 0. B has 3/3, the first prompt 1/3, on the whole 5/9.
    *judged("B", "train4", "train1", "train5"),
    *judged(START, "train1"),
    # turn 3, images 4 2 1, ln 3 = 1.099: 0.556 + √(1.099 / 9.001) = 0.905; 1 + √(1.099 / 3.001) = 1.605;
    # 0.333 + √(1.099 / 6.001) = 0.761: 1 and 0. B has 3/3 again, the first prompt 1/3, on the whole 6/12.
    *judged("B", "train2"),
]


def test_one_round_call_by_call() -> None:
    """With seed 2, which draws what the comments say."""
    world = two_rounds()
    pair = solve(world, protegi(rounds=1, **SMALL), seed=2)

    expected = [
        *FIRST_ROUND,
        # 0.5 before, 0.25 now: kept
        *judged("B", *ids("validation")),
        *judged(START, *ids("test")),
        *judged("B", *ids("test")),
    ]
    assert in_order(world.calls) == in_order(expected)
    assert (pair.judge, pair.i2t) == ("B", Q0)
    [step] = pair.provenance["trajectory"]
    assert step["candidates"] == [
        {"number": 0, "prompt": START, "kept": True, "score": 0.5},
        {"number": 1, "prompt": "B", "parent": 0, "critique": "wrong about train4", "kept": True, "score": 1.0},
        {"number": 2, "prompt": "S", "parent": 0, "kept": False, "score": round(1 / 3, 6)},
    ]
    assert (step["judged"], step["error_rate"], step["train_loss"]) == (4, 0.5, 0.5)
    assert (step["shown"], step["chosen"], step["validation_loss"]) == (["train0", "train4"], 1, 0.25)
    assert step["reason"] == "the best of 3 candidates, validation loss 0.500 → 0.250"
    assert step["accepted"] is True
    assert pair.provenance["calls"] == {"judge": 4 + 4 + 4 + 4 + 1 + 4, "i2t": 2, "optimizer": 7}
    # by hand: two validations, the minibatch, four turns of two prompts on three images, and the rest as it was
    assert pair.provenance["naive_calls"] == 2 * 4 + 4 + 4 * 2 * 3 + 2 + 7
    assert pair.provenance["stopped"] == "all 1 rounds were done"


def test_the_second_round_starts_from_the_beam() -> None:
    """B and the first prompt, on one minibatch: 2 4 3 5. B is wrong about 3, the first prompt about 4."""
    world = two_rounds()
    pair = solve(world, protegi(rounds=2, **SMALL), seed=2)
    expected = [
        *FIRST_ROUND,
        *judged("B", *ids("validation")),
        # B was judged on 2, 4 and 5; the first prompt on all four
        *judged("B", "train3"),
        *described(Q0, "train3"),
        *(("critique", "B", ["train3"], seed) for seed in (2, 3)),
        *(("edit", "B", "wrong about train3", ["train3"], seed) for seed in (2, 3)),
        # the same edit twice is put in other words once
        *(("reword", prompt, 1) for prompt in ("B3", "B")),
        # the caption of 4 is known; samples are not those of the first round
        *(("critique", START, ["train4"], seed) for seed in (2, 3)),
        *(("edit", START, "wrong about train4", ["train4"], seed) for seed in (2, 3)),
        # the edit is B again, whose paraphrase was asked for just now and comes from disk
        ("reword", START, 1),
    ]
    assert in_order(world.calls)[: len(expected)] == in_order(expected)
    first, second = pair.provenance["trajectory"]
    assert [candidate["prompt"] for candidate in first["candidates"] if candidate["kept"]] == ["B", START][::-1]
    assert second["prompt"] == "B" and second["error_rate"] == 0.25
    assert second["shown"] == ["train3", "train4"]
    # of B21, B3 and B31 the latter two are drawn for B; then B21 and S1 are new for the first prompt
    assert [(candidate["prompt"], candidate.get("parent")) for candidate in second["candidates"]] == [
        ("B", None),
        (START, None),
        ("B3", 0),
        ("B31", 0),
        ("B21", 1),
        ("S1", 1),
    ]
    # turns 0 and 1: arms 3 and 5 are drawn, and right about 3 0 4 and 4 5 3; turns 2 and 3: those without samples,
    # 0 and 1 on 2 0 1, 2 and 4 on 4 3 1. B is wrong about 3 alone, so this time nobody is better.
    assert [candidate["score"] for candidate in second["candidates"]] == [1.0, round(1 / 3, 6), 1.0, 1.0, 1.0, 1.0]
    assert [candidate["kept"] for candidate in second["candidates"]] == [True, False, True, False, False, False]
    assert (second["chosen"], second["accepted"], second["validation_loss"]) == (0, False, None)
    assert second["reason"] == "the best so far is the best of 6 candidates"
    assert pair.judge == "B"


def test_selection_on_training_images_keeps_the_best_of_the_beam() -> None:
    """B is worse on validation, and is kept all the same."""
    world = two_rounds()
    world.wrong = {**world.wrong, START: {"train0", "train1", "train4"}}
    assert solve(world, protegi(rounds=1, **SMALL), seed=2).judge == START
    pair = solve(world, protegi(rounds=1, selection="train", **SMALL), seed=2)
    assert pair.judge == "B"
    assert pair.provenance["trajectory"][0]["validation_loss"] is None
    assert pair.provenance["validation_loss"] == {}


def test_a_prompt_that_failed_on_validation_stays_in_the_beam_and_is_not_judged_there_again() -> None:
    """B is best in both rounds; nothing new comes up in the second."""
    world = two_rounds()
    world.wrong = {**world.wrong, START: {"train0", "train1", "train4"}, "B": {"validation2"}}
    pair = solve(world, protegi(rounds=2, **SMALL, preset="reference", selection="validation"), seed=2)
    first, second = pair.provenance["trajectory"]
    assert (first["accepted"], first["validation_loss"]) == (False, 0.25)
    assert second["prompt"] == "B"
    assert (second["accepted"], second["validation_loss"]) == (False, None)
    assert second["reason"].startswith("the best so far is the best of ")
    assert pair.judge == START


def test_without_uncertainty_the_bandit_stays_with_the_first_draw() -> None:
    """c = 0: turn 2 goes on with arms 0 and 2. B has no score, and its mean counts as 0."""
    pair = solve(two_rounds(), protegi(rounds=1, **SMALL, c=0), seed=2)
    [step] = pair.provenance["trajectory"]
    scores = {candidate["prompt"]: candidate.get("score") for candidate in step["candidates"]}
    # the first prompt on 0 5 2, twice, on 4 1 5 and on 4 2 1; S on the same
    assert scores == {START: round((2 + 2 + 1 + 1) / 12, 6), "B": None, "S": round((1 + 1 + 2 + 2) / 12, 6)}
    assert [candidate["prompt"] for candidate in step["candidates"] if candidate["kept"]] == [START, "S"]
    assert (pair.judge, step["chosen"], step["accepted"]) == (START, 0, False)
    assert step["reason"] == "the best so far is the best of 3 candidates"


def test_the_uncertainty_is_by_images_and_not_by_turns() -> None:
    """c = 2, turn 3: 0.556 + 2 · √(1.099 / 9.001) = 1.254 is above 0.333 + 2 · √(1.099 / 6.001) = 1.189, so that the
    first prompt has a fourth turn, 6/12 on the whole. By turns, 3.001 and 2.001, it would be 1.766 below 1.815.
    """
    pair = solve(two_rounds(), protegi(rounds=1, **SMALL, c=2), seed=2)
    [step] = pair.provenance["trajectory"]
    scores = {candidate["prompt"]: candidate["score"] for candidate in step["candidates"]}
    assert scores == {START: 0.5, "B": 1.0, "S": round(1 / 3, 6)}


def alone(**settings: Any) -> dict[str, Any]:
    """Settings of a round in which paraphrases of the first prompt alone are tried, each on all images."""
    return {
        "rounds": 1,
        "beam": 2,
        "gradients": 0,
        "rewordings": 4,
        "eval_prompts": 9,
        "eval_rounds": 1,
        "eval_samples": 9,
        **settings,
    }


@pytest.mark.parametrize(("expansion", "beam"), [(1, 2), (2, 1), (3, 4), (4, 2), (9, 5), (9, 9)])
def test_the_expansion_and_the_beam_are_limited(expansion: int, beam: int) -> None:
    """The parent is in the pool in any case; what was drawn stays in its order; of equal ones the first go on."""
    world = World({START: {"train0", "validation0"}}, rewordings=lambda prompt, seed: "DCBA"[seed])
    pair = solve(world, protegi(**alone(expansion=expansion, beam=beam)))
    [step] = pair.provenance["trajectory"]
    prompts = [candidate["prompt"] for candidate in step["candidates"]]
    assert prompts[0] == START
    assert len(prompts) == 1 + min(expansion, 4)
    assert prompts[1:] == [name for name in "DCBA" if name in prompts]
    assert [candidate["number"] for candidate in step["candidates"]] == list(range(len(prompts)))
    ranked = [*prompts[1:], START]  # the first prompt is wrong about one, the others about none
    assert {candidate["prompt"] for candidate in step["candidates"] if candidate["kept"]} == set(ranked[:beam])
    assert pair.judge == ranked[0]


def test_the_beam_has_the_best_first() -> None:
    """C is best, then A; the second round begins with C and puts it in other words first."""
    wrong = {START: {"train0", "train1", "train2"}, "A": {"train0"}, "B": {"train0", "train1"}}
    world = World(wrong, rewordings=lambda prompt, seed: "BAC"[seed] if prompt == START else f"{prompt} again")
    pair = solve(world, protegi(**alone(rewordings=3, rounds=2)))
    first, second = pair.provenance["trajectory"]
    assert [(candidate["prompt"], candidate["kept"]) for candidate in first["candidates"]] == [
        (START, False),
        ("B", False),
        ("A", True),
        ("C", True),
    ]
    assert [(candidate["prompt"], candidate.get("parent")) for candidate in second["candidates"]] == [
        ("C", None),
        ("A", None),
        ("C again", 0),
        ("A again", 1),
    ]


def test_a_prompt_is_in_the_pool_once() -> None:
    """Of the paraphrases two are the same, and one is a critique's edit."""
    world = World(
        {START: {"train0", "validation0"}},
        edits=lambda prompt, why: "A",
        rewordings=lambda prompt, seed: {("A", 0): "B", ("A", 1): "B", (START, 0): "A"}.get((prompt, seed), "C"),
    )
    pair = solve(world, protegi(**alone(gradients=2, rewordings=2, expansion=8)))
    [step] = pair.provenance["trajectory"]
    assert [candidate["prompt"] for candidate in step["candidates"]] == [START, "A", "B", "C"]
    # the first that led to it is what is recorded
    assert [candidate.get("critique") for candidate in step["candidates"]] == [None, "wrong about train0", None, None]
    assert len(world.of("critique")) == len(world.of("edit")) == 2
    assert world.of("reword") == [("reword", prompt, seed) for prompt in ("A", START) for seed in (0, 1)]


def test_without_errors_nothing_is_criticised() -> None:
    world = World({START: {"validation0"}, "A": set()}, rewordings=lambda prompt, seed: "A")
    pair = solve(world, protegi(**{**SMALL, "rounds": 1}))
    assert not world.of("critique") and not world.of("edit") and not world.of("i2t")
    assert world.of("reword") == [("reword", START, 0)]
    [step] = pair.provenance["trajectory"]
    assert step["shown"] == []
    assert [candidate["score"] for candidate in step["candidates"]] == [1.0, 1.0]
    assert (pair.judge, step["chosen"]) == (START, 0), "of equal ones the first"


def test_a_single_candidate_is_not_scored() -> None:
    world = World({START: {"validation0"}})
    pair = solve(world, protegi(**{**SMALL, "rounds": 2, "rewordings": 0}))
    assert not world.questions
    steps = pair.provenance["trajectory"]
    assert [step["candidates"] for step in steps] == [[{"number": 0, "prompt": START, "kept": True}]] * 2
    # validation; with seed 0 the minibatches are 5 1 2 4 and 2 0 5 1
    assert pair.provenance["calls"]["judge"] == 4 + 4 + 1
    assert pair.provenance["naive_calls"] == 4 + 2 * 4


@pytest.mark.parametrize(("errors", "count"), [(1, 1), (2, 2), (3, 3), (4, 3)])
def test_each_critique_is_about_some_errors(errors: int, count: int) -> None:
    """Errors are 1, 3 and 4 of six; each critique has a draw of its own, without repetition."""
    world = World({START: {"train1", "train3", "train4"}})
    solve(world, protegi(**alone(gradients=6, rewordings=0, errors=errors)))
    drawn = [call[2] for call in world.of("critique")]
    assert len(drawn) == 6
    assert all(len(set(draw)) == len(draw) == count and set(draw) <= {"train1", "train3", "train4"} for draw in drawn)
    assert len({tuple(draw) for draw in drawn}) > 1
    assert [call[3] for call in world.of("edit")] == drawn, "an edit sees what its critique was about"


def test_the_minibatch_is_drawn_anew_in_each_round_and_shared() -> None:
    """Both of the beam are judged on the same four images before anything else is asked."""
    wrong = {name: set(ids("train")) for name in (START, "A")}
    world = World(wrong, rewordings=lambda prompt, seed: "A")
    pair = solve(world, protegi(**alone(rounds=3, minibatch=2, rewordings=1, gradients=1, errors=2, eval_samples=1)))
    shown: dict[str, list[list[str]]] = {}
    for call in world.of("critique"):
        shown.setdefault(call[1], []).append(sorted(call[2]))
    assert len(shown[START]) == 3
    assert len({tuple(draw) for draw in shown[START]}) > 1
    assert pair.provenance["trajectory"][1]["judged"] == 2
    for parent, drawn in shown.items():
        assert parent == START or all(draw in shown[START] for draw in drawn)


def test_critiques_and_edits_read_both_labels_and_paraphrases_neither() -> None:
    world = two_rounds()
    solve(world, protegi(rounds=1, **SMALL), seed=2)
    texts = [question[0].text for question in world.questions]
    assert len(texts) == 7
    for text in texts[:4]:
        assert "<people>yes</people>\n<judge>no</judge>" in text
    for text in texts[4:]:
        assert "<example>" not in text and "<people>" not in text
        assert "other words that mean the same" in text


def test_a_critique_that_cannot_be_used_is_recorded_and_not_followed() -> None:
    """That of train0 is empty twice; that of train4 is edited, at the second attempt."""
    world = two_rounds()
    world.critiques = lambda prompt, names: "" if names == ["train0"] else "wrong about train4"
    again = iter([START, "B"])
    world.edits = lambda prompt, why: next(again)
    pair = solve(world, protegi(rounds=1, attempts=2, **{**SMALL, "expansion": 9}), seed=2)
    assert [call[:3] for call in world.of("edit")] == [("edit", START, "wrong about train4")] * 2
    assert {call[4] for call in world.of("edit")} == {1}, "the sample of its critique"
    [step] = pair.provenance["trajectory"]
    none, edited = step["candidates"][1:3]
    assert none["prompt"] is None and none["parent"] == 0 and none["kept"] is False
    assert [proposal["reason"] for proposal in none["rejected"]] == ["it is empty"] * 2
    assert edited["prompt"] == "B" and edited["critique"] == "wrong about train4"
    assert [proposal["text"] for proposal in edited["rejected"]] == [START]


def test_orders_do_not_depend_on_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is recorded: both runs ask the models."""
    monkeypatch.setenv("BLPO_CACHE", "off")
    runs = [(world := two_rounds(), solve(world, protegi(rounds=2, **SMALL), seed=2)) for _ in range(2)]
    (first, pair), (second, other) = runs
    assert pair.to_yaml() == other.to_yaml()
    assert in_order(first.calls) == in_order(second.calls)


def test_a_run_that_broke_off_again_and_again_goes_on_by_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time the connection is lost at the seventh call that is made; what was answered by then is not lost."""
    wanted = solve(two_rounds(), protegi(rounds=2, **SMALL), seed=2).to_yaml()
    monkeypatch.setenv("BLPO_CACHE_DIR", str(tmp_path / "another cache"))
    broken = 0
    while True:
        world, left = two_rounds(), iter(range(6))

        def lose(left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise ConnectionError

        world.on_call = lose
        try:
            pair = solve(world, protegi(rounds=2, **SMALL), seed=2)
        except ConnectionError:
            broken += 1
            assert broken < 100
            continue
        break
    assert broken >= 5
    assert pair.to_yaml() == wanted
