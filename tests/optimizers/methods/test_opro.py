"""OPRO against scripted models: every call in order, scores by hand, what the optimizer is shown, and what is kept."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.prompts import DEFAULT_I2T as Q0
from blpo_inspect.optimizers.methods.opro import opro
from tests.optimizers.toy import START, World, described, ids, in_order, judged, pair_of, run, solve

pytestmark = pytest.mark.usefixtures("scripted")

TRAIN = ids("train")
HALF = {"train0", "train1", "train3", "validation0", "validation1", "test0"}


def answers(by: dict[str, list[str]]) -> Callable[[list[str], int], str]:
    """What the optimizer writes, by the instructions that it is shown and the sample."""

    def answer(shown: list[str], seed: int) -> str:
        new = by[" ".join(shown)]
        return new[seed % len(new)]

    return answer


def wrong(count: int, *others: str) -> set[str]:
    """So many training images, and others."""
    return {*TRAIN[:count], *others}


def two_steps() -> World:
    """A is better on both splits; C is better than A on the training images only."""
    return World(
        wrong={
            START: HALF,
            "A": wrong(2, "validation0", "test1"),
            "B": wrong(4),
            "C": wrong(1, "validation1"),
            "D": wrong(5),
        },
        outscores=answers({"P0?": ["A", "B", "A"], "B P0? A": ["C", "D", "B"]}),
    )


def test_two_steps_call_by_call() -> None:
    """With seed 0 the exemplars are 4 2 3 and then 2 3 0. Scores are rounded: 100 · 4/6 is 67, 100 · 1/6 is 17."""
    world = two_steps()
    pair = solve(world, opro(exemplars=3, steps=2, candidates=3))

    expected = [
        # 3 of 6 are wrong: 50
        *judged(START, *TRAIN),
        # 2 of 4 are wrong: a loss of 0.5
        *judged(START, *ids("validation")),
        *described(Q0, "train4", "train2", "train3"),
        *(("outscore", [(START, 50)], ["train4", "train2", "train3"], seed) for seed in (0, 1, 2)),
        # 67 and 33; the third sample is A again
        *judged("A", *TRAIN),
        *judged("B", *TRAIN),
        # 0.25: kept
        *judged("A", *ids("validation")),
        # the captions of 2 and 3 are known
        *described(Q0, "train0"),
        *(("outscore", [("B", 33), (START, 50), ("A", 67)], ["train2", "train3", "train0"], n) for n in (3, 4, 5)),
        # 83 and 17; B was scored in the first step
        *judged("C", *TRAIN),
        *judged("D", *TRAIN),
        # 0.25 again: not kept
        *judged("C", *ids("validation")),
        *judged(START, *ids("test")),
        *judged("A", *ids("test")),
    ]
    assert in_order(world.calls) == in_order(expected)
    assert (pair.judge, pair.i2t) == ("A", Q0)
    first, second = pair.provenance["trajectory"]
    assert first["candidates"] == [
        {"number": 0, "prompt": "A", "score": 67},
        {"number": 1, "prompt": "B", "score": 33},
        {"number": 2, "prompt": "A"},
    ]
    assert [candidate.get("score") for candidate in second["candidates"]] == [83, 17, None]
    assert [(step["prompt"], step["chosen"]) for step in (first, second)] == [(START, 0), ("A", 0)]
    assert [(step["accepted"], step["validation_loss"]) for step in (first, second)] == [(True, 0.25), (False, 0.25)]
    assert first["reason"] == "score 50 → 67, validation loss 0.500 → 0.250"
    assert first["shown"] == ["train4", "train2", "train3"]
    assert pair.provenance["validation_loss"] == {"before": 0.5, "after": 0.25}
    assert pair.provenance["stopped"] == "all 2 steps were done"
    assert pair.provenance["calls"] == {"judge": 6 + 4 + 2 * (12 + 4), "i2t": 4, "optimizer": 6}
    # the two captions that were known count here
    assert pair.provenance["naive_calls"] == 42 + 6 + 6


def test_selection_on_training_images_goes_by_the_score_alone() -> None:
    world = two_steps()
    pair = solve(world, opro(exemplars=3, steps=2, candidates=3, selection="train"))
    assert pair.judge == "C"
    assert not [call for call in world.of("judge") if call[2].startswith("validation")]
    assert [step["reason"] for step in pair.provenance["trajectory"]] == ["score 50 → 67", "score 67 → 83"]
    assert pair.provenance["validation_loss"] == {}


def test_a_step_without_a_higher_score_changes_nothing() -> None:
    """B ties with the first prompt: the first one stays, and B is not judged on validation."""
    world = World({START: wrong(3), "B": wrong(3)}, outscores=answers({"P0?": ["B"]}))
    pair = solve(world, opro(exemplars=3, steps=1, candidates=1))
    [step] = pair.provenance["trajectory"]
    assert (pair.judge, step["accepted"], step["chosen"]) == (START, False, 0)
    assert step["reason"] == "no candidate scores higher than 50"
    assert "B" not in {call[1] for call in world.of("judge") if call[2].startswith("validation")}


def test_a_prompt_that_failed_on_validation_is_still_the_one_to_outscore() -> None:
    """A does not hold on validation, D is worse than A on training images though better than the first prompt."""
    world = World(
        {START: wrong(3), "A": wrong(0, "validation0"), "D": wrong(1)},
        outscores=answers({"P0?": ["A"], "P0? A": ["D"]}),
    )
    pair = solve(world, opro(exemplars=3, steps=2, candidates=1))
    assert pair.judge == START
    assert pair.provenance["trajectory"][1]["reason"] == "no candidate scores higher than 100"


SCORED = {"A": 67, "B": 17, "C": 83, "D": 33}


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"threshold": 0}, [("B", 17), ("D", 33), (START, 50), ("A", 67), ("C", 83)]),
        ({}, [("D", 33), (START, 50), ("A", 67), ("C", 83)]),
        ({"threshold": 50}, [(START, 50), ("A", 67), ("C", 83)]),
        ({"threshold": 50.5}, [("A", 67), ("C", 83)]),
        ({"threshold": 99}, [("C", 83)]),
        ({"history": 2}, [("A", 67), ("C", 83)]),
        ({"history": 1}, [("C", 83)]),
        ({"history": 3, "threshold": 60}, [("A", 67), ("C", 83)]),
    ],
)
def test_the_best_are_shown_from_the_worst_to_the_best(settings: dict[str, Any], shown: list[tuple[str, int]]) -> None:
    """The best ones that reach the threshold; the very best even if it does not."""
    world = World(
        {START: wrong(3), "A": wrong(2), "B": wrong(5), "C": wrong(1), "D": wrong(4)},
        outscores=lambda shown, seed: "ABCD"[seed % 4],
    )
    pair = solve(world, opro(exemplars=3, steps=2, candidates=4, **settings))
    assert {tuple(call[1]) for call in world.of("outscore")[4:]} == {tuple(shown)}
    assert pair.provenance["trajectory"][1]["prompt"] == "C"


def test_of_equal_scores_the_latest_are_shown_in_the_order_in_which_they_were_tried() -> None:
    world = World({START: wrong(3), "C": wrong(2)}, outscores=lambda shown, seed: "ABCD"[seed % 4])
    solve(world, opro(exemplars=3, steps=2, candidates=4, history=2))
    assert {tuple(call[1]) for call in world.of("outscore")[4:]} == {(("B", 100.0), ("D", 100.0))}


def test_the_numbers_of_the_original() -> None:
    """Eight samples of one question about three exemplars; of 25 prompts the best 20 are in it. No seed comes twice."""
    world = World({START: wrong(3)}, outscores=lambda shown, seed: f"{len(shown)} {'abcdefgh'[seed % 8]}")
    solve(world, opro(exemplars=3, steps=4))
    asked = world.of("outscore")
    seeds = [sorted(call[3] for call in asked[first : first + 8]) for first in (0, 8, 16, 24)]
    assert seeds == [list(range(first, first + 8)) for first in (0, 8, 16, 24)]
    assert [len(call[1]) for call in asked[::8]] == [1, 9, 17, 20]
    assert {len(set(call[2])) for call in asked} == {3}
    assert START in str(asked[23][1]) and START not in str(asked[24][1])


def test_exemplars_have_the_labels_of_people_but_not_those_of_the_judge() -> None:
    world = World({START: wrong(6)}, outscores=answers({"P0?": ["A"]}))
    solve(world, opro(exemplars=3, steps=1, candidates=1))
    [[question]] = world.questions
    assert re.findall(r"<description>caption of (\w+) .*</description>\n<people>(\w+)</people>", question.text) == [
        ("train4", "yes"),
        ("train2", "yes"),
        ("train3", "no"),
    ]
    assert question.text.count("<example>") == 3
    assert "<judge>" not in question.text
    assert not re.search(r"test\d|validation\d", question.text)


def test_exemplars_differ_by_step_and_by_seed_and_are_the_same_in_a_rerun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLPO_CACHE", "off")

    def exemplars(seed: int) -> list[list[str]]:
        world = World({START: wrong(3)}, outscores=lambda shown, seed: f"{len(shown)} shown?")
        solve(world, opro(exemplars=3, steps=3, candidates=1), seed=seed)
        return [call[2] for call in world.of("outscore")]

    first, second, third = exemplars(0)
    assert first != second != third != first
    assert exemplars(0) == [first, second, third]
    assert exemplars(1) != [first, second, third]


def test_samples_are_told_apart_by_the_seed_alone() -> None:
    world = World({START: wrong(3)}, outscores=answers({"P0?": ["A", "B", "C"]}))
    solve(world, opro(exemplars=3, steps=1, candidates=3))
    assert len({question[0].text for question in world.questions}) == 1
    assert sorted(str(config.seed) for config in world.configs) == ["0", "1", "2"]


def test_the_score_is_of_the_same_images_drawn_once_per_run() -> None:
    """With seed 0 these are 5 and 2: the first prompt is right about both, 100; B is wrong about one, 50."""
    world = World({START: {"train0", "train1"}, "B": {"train2"}}, outscores=answers({"P0?": ["B"], "B P0?": ["C"]}))
    pair = solve(world, opro(exemplars=3, steps=2, candidates=1, score_size=2, selection="train"))
    of_train = [call for call in world.of("judge") if call[2].startswith("train")]
    assert in_order(of_train) == [call for prompt in (START, "B", "C") for call in judged(prompt, "train2", "train5")]
    assert pair.judge == START, "C has 100, too"


def test_without_exemplars_the_scores_alone_are_shown() -> None:
    world = World({START: wrong(3)}, outscores=answers({"P0?": ["A"]}))
    pair = solve(world, opro(exemplars=0, steps=1, candidates=1))
    assert "<example>" not in world.questions[0][0].text
    assert not world.of("i2t")
    assert pair.provenance["trajectory"][0]["shown"] == []


def test_a_sample_that_cannot_be_used_is_asked_for_again_and_recorded() -> None:
    """The best prompt in other letters, and a placeholder; the third attempt would be good."""
    again = iter(["p0?", "A {image}?", "A"])
    world = World({START: HALF}, outscores=lambda shown, seed: "B" if seed else next(again))
    pair = solve(world, opro(exemplars=3, steps=1, candidates=2, attempts=2))
    first, second = pair.provenance["trajectory"][0]["candidates"]
    assert first["prompt"] is None and "score" not in first
    assert [proposal["text"] for proposal in first["rejected"]] == ["p0?", "A {image}?"]
    assert first["rejected"][0]["reason"] == "it says the same as the instruction in force"
    assert second == {"number": 1, "prompt": "B", "score": 100}
    assert pair.provenance["trajectory"][0]["chosen"] == 1
    assert pair.judge == "B"
    assert [config.seed for config in world.configs] == [0, 1, 0], "asked again as the same sample"


def test_a_step_of_which_nothing_can_be_used_is_recorded() -> None:
    world = World({START: HALF}, outscores=answers({"P0?": [START, START]}))
    pair = solve(world, opro(exemplars=3, steps=1, candidates=2, attempts=1))
    [step] = pair.provenance["trajectory"]
    assert (pair.judge, step["chosen"], step["accepted"]) == (START, None, False)
    assert [candidate["prompt"] for candidate in step["candidates"]] == [None, None]


def test_nothing_is_copied_from_the_exemplars() -> None:
    """Captions of the toy have eight words: caption of train4 asked by, and the I2T prompt."""
    caption = f"caption of train4 asked by {Q0}"
    world = World({START: HALF}, outscores=lambda shown, seed: f"Is it {caption}")
    pair = solve(world, opro(exemplars=3, steps=1, candidates=1, attempts=1))
    [rejected] = pair.provenance["trajectory"][0]["candidates"][0]["rejected"]
    assert rejected["reason"].startswith("it copies from a description")


def test_a_rerun_replays_every_call_and_gives_the_same_bytes(tmp_path: Any) -> None:
    first, second = two_steps(), two_steps()
    logs = [
        run(
            world,
            opro(exemplars=3, steps=2, candidates=3),
            log_dir=str(tmp_path / "logs"),
            save=str(tmp_path / f"{name}.yaml"),
        )
        for name, world in (("first", first), ("second", second))
    ]
    assert first.calls and not second.calls
    assert pair_of(logs[0]).to_yaml() == pair_of(logs[1]).to_yaml()
    assert (tmp_path / "first.yaml").read_bytes() == (tmp_path / "second.yaml").read_bytes()
    assert pair_of(logs[0]).provenance["method"] == "opro"


def test_it_is_a_solver_of_optimize_alone() -> None:
    with pytest.raises(PrerequisiteError, match=r"blpo_inspect/opro: no setting step; known: .*steps"):
        opro(step=3)
