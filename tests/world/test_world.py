"""The embedded world: what is true of a scene, what rules say about it, what raters make of it."""

import random
from collections import Counter

import pytest

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import consensus
from blpo_inspect.world.benchmarks import BENCHMARKS, Name, records, statement
from blpo_inspect.world.captions import describe
from blpo_inspect.world.drawing import SIDE, draw, png
from blpo_inspect.world.policies import AlignmentPolicy, RatingRubric, SafetyPolicy, default_rating
from blpo_inspect.world.raters import rate
from blpo_inspect.world.scenes import ASPECTS, FEATURES, Claim, Feature, Scene, Shape, random_scene, scene_with

SCENE = Scene(
    (
        Shape("top left", "red", "circle", "large"),
        Shape("top right", "red", "circle", "small"),
        Shape("bottom left", "blue", "star", "small"),
    )
)


@pytest.mark.parametrize(
    ("feature", "present", "phrase"),
    [
        (Feature(colour="red", shape="circle"), True, "a red circle"),
        (Feature(colour="blue", shape="circle"), False, "a blue circle"),
        (Feature(colour="blue"), True, "a blue shape"),
        (Feature(size="large", shape="star"), False, "a large star"),
        (Feature(size="small", colour="blue"), True, "a small blue shape"),
        (Feature(more_than=2), True, "more than two shapes"),
        (Feature(more_than=3), False, "more than three shapes"),
        (Feature(more_than=1), True, "more than one shape"),
    ],
)
def test_features(feature: Feature, present: bool, phrase: str) -> None:
    assert feature.present(SCENE) is present
    assert feature.phrase() == phrase


@pytest.mark.parametrize(
    ("claim", "aspects", "holds"),
    [
        (Claim(2, "large", "red", "circle"), ASPECTS, False),  # only one of the two is large
        (Claim(1, "large", "red", "circle"), ASPECTS, True),
        (Claim(2, "large", "red", "circle"), ("number", "colour", "shape"), True),
        (Claim(3, "large", "green", "square"), ("number",), True),
        (Claim(2, "small", "green", "square"), ("size",), True),
        (Claim(2, "small", "green", "square"), ("size", "colour"), False),
        (Claim(1, "large", "blue", "star"), ("colour", "shape"), True),
    ],
)
def test_claims(claim: Claim, aspects: tuple[str, ...], holds: bool) -> None:
    assert claim.holds(SCENE, frozenset(aspects)) is holds


def test_claim_text() -> None:
    assert Claim(2, "large", "red", "circle").text() == "two large red circles"
    assert Claim(1, "small", "blue", "star").text() == "one small blue star"


def test_captions_say_what_was_asked() -> None:
    assert describe(SCENE, ["colour"]) == "a red shape, a red shape, a blue shape."
    assert describe(SCENE, ["number"]) == "three shapes."
    assert describe(SCENE, []) == "three shapes. a circle, a circle, a star."
    assert describe(Scene(SCENE.figures[:1]), ["position", "size", "shape"]) == "a large circle at the top left."
    with pytest.raises(ValueError, match="unknown properties"):
        describe(SCENE, ["texture"])


def test_scenes_are_checked() -> None:
    with pytest.raises(ValueError, match="reading order"):
        Scene((SCENE.figures[1], SCENE.figures[0]))
    with pytest.raises(ValueError, match="one to four"):
        Scene(())


def test_rules_label_scenes() -> None:
    assert SafetyPolicy((Feature(colour="blue", shape="star"),)).label(SCENE) == "unsafe"
    assert SafetyPolicy((Feature(colour="red", shape="star"),)).label(SCENE) == "safe"
    faults = (Feature(colour="red"), Feature(shape="star"), Feature(shape="square"), Feature(more_than=3))
    assert RatingRubric(faults).label(SCENE) == "3"
    claim = Claim(2, "large", "red", "circle")
    assert AlignmentPolicy(frozenset(("number", "colour"))).label(SCENE, claim) == "1"
    assert AlignmentPolicy(frozenset(ASPECTS)).label(SCENE, claim) == "0"
    assert default_rating(SCENE) == 3


def test_scenes_on_demand_have_what_was_asked_for() -> None:
    rng = random.Random(0)
    fitting = 0
    for _ in range(300):
        feature, other = rng.sample([f for features in FEATURES.values() for f in features], 2)
        scene = scene_with(rng, [feature], [other])
        if scene is not None:
            fitting += 1
            assert feature.present(scene)
            assert not other.present(scene)
    assert fitting > 250


def test_drawings_depend_on_scene_and_seed_only() -> None:
    assert draw(SCENE, 1).size == (SIDE, SIDE)
    assert png(draw(SCENE, 1)) == png(draw(SCENE, 1))
    assert png(draw(SCENE, 1)) != png(draw(SCENE, 2))
    # the figure's colour is where the figure is, paper where none is
    image = draw(SCENE, 1)
    quarter = SIDE // 4
    top_left, nothing = image.getpixel((quarter, quarter)), image.getpixel((3 * quarter, 3 * quarter))
    assert isinstance(top_left, tuple)
    assert isinstance(nothing, tuple)
    assert top_left[0] > 180 > 80 > top_left[2]
    assert min(nothing) > 230


def test_policies_differ_by_seed_and_never_equal_the_default() -> None:
    assert len({SafetyPolicy.draw(seed) for seed in range(20)}) > 15
    assert len({RatingRubric.draw(seed) for seed in range(20)}) > 15
    assert len({AlignmentPolicy.draw(seed) for seed in range(20)}) > 4
    assert all(AlignmentPolicy.draw(seed).aspects != frozenset(ASPECTS) for seed in range(50))
    for seed in range(50):
        assert Feature(colour="red") not in SafetyPolicy.draw(seed).forbidden


def test_raters_disagree_as_often_as_they_should() -> None:
    labels = ("safe", "unsafe")
    ratings = [rate("safe", labels, ordinal=False, seed="w", image=str(i)) for i in range(4000)]
    errors = sum(label != "safe" for raters in ratings for label in raters.values()) / (4000 * 5)
    # 0.88 · 0.05 + 0.12 · 0.33 = 0.0836 for the average rater; these five are 0.5 to 1.5 times as careless
    assert 0.05 < errors < 0.12
    by_rater = Counter(name for raters in ratings for name, label in raters.items() if label != "safe")
    assert max(by_rater.values()) > 1.3 * min(by_rater.values())
    assert ratings[:5] == [rate("safe", labels, ordinal=False, seed="w", image=str(i)) for i in range(5)]


def test_raters_on_an_ordinal_scale_err_by_one_step() -> None:
    labels = ("1", "2", "3", "4", "5")
    for i in range(300):
        raters = rate("3", labels, ordinal=True, seed="w", image=str(i))
        assert set(raters.values()) <= {"2", "3", "4"}


@pytest.mark.parametrize("name", list(BENCHMARKS))
@pytest.mark.parametrize("policy", [0, 1, 7])
def test_benchmarks_are_balanced_disjoint_and_repeatable(name: Name, policy: int) -> None:
    scale: LabelScale = BENCHMARKS[name].scale
    train = records(name, policy=policy, split="train", per_class=8)
    test = records(name, policy=policy, split="test", per_class=8)
    for part in (train, test):
        assert Counter(record.label for record in part) == dict.fromkeys(scale.labels, 8)
        assert all(record.label == consensus(list(record.raters.values()), scale)[0] for record in part)
    assert not {record.image for record in train} & {record.image for record in test}
    assert not {record.id for record in train} & {record.id for record in test}
    assert records(name, policy=policy, split="test", per_class=8) == test
    assert records(name, policy=policy, split="test", per_class=8, seed=1) != test
    assert records(name, policy=policy + 1, split="test", per_class=8) != test


def test_bad_arguments_say_what_is_known() -> None:
    with pytest.raises(ValueError, match="train, validation, test"):
        records("safety", policy=0, split="dev", per_class=1)  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="at least 1"):
        records("safety", policy=0, split="test", per_class=0)


def test_statements_state_the_rule() -> None:
    policy = SafetyPolicy.draw(3)
    assert all(feature.phrase() in statement("safety", 3) for feature in policy.forbidden)
    assert all(feature.phrase() in statement("rating", 3) for feature in RatingRubric.draw(3).faults)
    assert all(aspect in statement("alignment", 3) for aspect in ASPECTS)


def test_scene_counts_vary() -> None:
    rng = random.Random(0)
    assert {len(random_scene(rng).figures) for _ in range(100)} == {1, 2, 3, 4}
