"""Training examples are right, and what is held out is held out."""

import re
from collections.abc import Mapping, Sequence

import pytest

from blpo_inspect.world.benchmarks import BENCHMARKS
from blpo_inspect.world.captions import KEYWORDS, PROPERTIES
from blpo_inspect.world.scenes import ASPECTS, Feature
from training import phrasing
from training.phrasing import MARK
from training.skills import LABELS, SKILLS, example, in_split, instruction


@pytest.mark.parametrize("skill", list(SKILLS))
@pytest.mark.parametrize("split", ["train", "test"])
def test_answers_follow_from_scene_and_rules(skill: str, split: str) -> None:
    for seed in range(150):
        item = example(seed, skill, "train" if split == "train" else "test", held_out_wording=seed % 2 == 1)
        assert item.text.count(MARK) == len(item.rules)
        if skill.startswith("safety rules") or skill == "safety from caption":
            assert item.answer == ("unsafe" if any(rule.present(item.scene) for rule in item.rules) else "safe")
        elif skill == "safety default":
            assert item.answer == ("unsafe" if Feature(colour="red").present(item.scene) else "safe")
        elif skill in ("rating rules", "rating from caption"):
            assert item.answer == str(5 - sum(rule.present(item.scene) for rule in item.rules))
        elif skill == "alignment default":
            assert item.claim is not None
            assert item.answer == str(int(item.claim.holds(item.scene, frozenset(ASPECTS))))


def test_captions_name_exactly_the_properties_whose_words_are_used() -> None:
    for seed in range(200):
        item = example(seed, "caption", "test", held_out_wording=seed % 2 == 1)
        words = item.text.lower()
        asked = {p for p in PROPERTIES if any(re.search(rf"\b{re.escape(w)}\b", words) for w in KEYWORDS[p])}
        assert ("at the" in item.answer) == ("position" in asked)
        assert any(colour in item.answer for colour in ("red", "blue", "green", "yellow", "purple")) == (
            "colour" in asked
        )


def test_verdicts_are_balanced() -> None:
    for skill in ("safety rules", "alignment rules"):
        answers = [example(seed, skill).answer for seed in range(600)]
        assert 0.45 < answers.count(LABELS[skill.split()[0]][0]) / 600 < 0.55


def test_rule_sets_fall_to_one_split() -> None:
    def sets(split: str) -> set[frozenset[str]]:
        items = [example(seed, "safety rules", "train" if split == "train" else "test") for seed in range(400)]
        return {frozenset(rule.phrase() for rule in item.rules) for item in items if len(item.rules) > 1}

    assert not sets("train") & sets("test")
    assert in_split(["a red star", "a blue circle"], "train") != in_split(["a blue circle", "a red star"], "test")


def test_held_out_wordings_are_not_trained_wordings() -> None:
    pairs: list[tuple[Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]] = [
        (phrasing.QUESTIONS, phrasing.HELD_OUT_QUESTIONS),
        (phrasing.RULES, phrasing.HELD_OUT_RULES),
        (phrasing.ASPECT_RULES, phrasing.HELD_OUT_ASPECT_RULES),
        ({"": phrasing.REQUESTS}, {"": phrasing.HELD_OUT_REQUESTS}),
        ({"": phrasing.VAGUE_REQUESTS}, {"": phrasing.HELD_OUT_VAGUE_REQUESTS}),
        ({"": phrasing.REMARKS}, {"": phrasing.HELD_OUT_REMARKS}),
    ]
    for trained, held_out in pairs:
        for key, wordings in held_out.items():
            assert wordings
            assert not set(wordings) & set(trained[key])


def test_the_answer_format_is_the_scales() -> None:
    for name, benchmark in BENCHMARKS.items():
        assert instruction(LABELS[name]) == benchmark.scale.instruction()
        assert example(0, f"{name} rules").text.rstrip().endswith(".")


def test_requests_look_like_the_solvers() -> None:
    item = example(1, "alignment rules", "test")
    assert item.claim is not None
    assert item.text.startswith(f"<text>{item.claim.text()}</text>\n\n")
    assert example(1, "rating from caption", "test").text.startswith("<caption>")
